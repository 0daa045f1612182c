// What is owed because no process stays: workers that die behind their answer, requests that come twice (C154, C156).
import { describe, expect, test } from 'vitest'
import type { SchedulerCall } from '../../protocol/messages.ts'
import { commandTask, ENCODINGS, TestFramework } from '../framework.ts'
import {
  callAt,
  cluster,
  cpus,
  frameworks,
  machine,
  onOneCluster,
  standing,
  subscribe,
  worker,
} from './serverless.ts'
import { aMoment, count, isOffer, moveUntil, statuses, until } from './waiting.ts'

onOneCluster()

describe('a worker that dies right behind its 202', () => {
  /** Sends a call to a worker whose nudges reach nobody, and that is dead once it answered. */
  async function lastCall(
    framework: TestFramework,
    call: Omit<SchedulerCall, 'framework_id'>,
  ): Promise<void> {
    const dying = await worker({ isMute: true })
    const { status } = await callAt(dying, framework, call)
    await dying.crash()
    expect(status).toBe(202)
  }

  test.each(ENCODINGS)(
    'C154 F62 H11 (%s) ACCEPT, ACKNOWLEDGE, KILL, DECLINE, RECONCILE hold',
    async (encoding) => {
      const framework = await subscribe(cluster, { encoding, acknowledge: false })
      const offer = await framework.offer()
      const taskId = `c154-${encoding.length}`
      const bad = { ...commandTask(offer, `${taskId}-bad`, 'true'), resources: [] }
      const task = commandTask(offer, taskId, machine.commandOf(taskId))
      await lastCall(framework, {
        type: 'ACCEPT',
        accept: {
          offer_ids: [offer.id],
          operations: [{ type: 'LAUNCH', launch: { task_infos: [bad, task] } }],
          filters: { refuse_seconds: 0 },
        },
      })
      await moving(() => statuses(framework, bad.name).length > 0)
      expect(statuses(framework, bad.name)).toMatchObject([{ state: 'TASK_ERROR' }])
      const acknowledge = async (state: string) => {
        await moving(() => statuses(framework, taskId).at(-1)?.state === state)
        const status = statuses(framework, taskId).at(-1)
        await lastCall(framework, {
          type: 'ACKNOWLEDGE',
          acknowledge: {
            agent_id: status?.agent_id ?? { value: '' },
            task_id: { value: taskId },
            uuid: status?.uuid ?? '',
          },
        })
      }
      await acknowledge('TASK_STARTING')
      await acknowledge('TASK_RUNNING')
      const watched = await machine.found(taskId)
      await lastCall(framework, { type: 'KILL', kill: { task_id: { value: taskId } } })
      await moving(() => !watched.isAlive())
      await acknowledge('TASK_KILLED')

      await lastCall(framework, {
        type: 'RECONCILE',
        reconcile: { tasks: [{ task_id: { value: `${taskId}-unknown` } }] },
      })
      await moving(() => statuses(framework, `${taskId}-unknown`).length > 0)
      // All of them in between: the last one is declined, and comes again.
      const offers = framework.events.filter(isOffer)
      const open = offers.at(-1)?.offers?.offers ?? []
      await lastCall(framework, {
        type: 'DECLINE',
        decline: { offer_ids: open.map(({ id }) => id), filters: { refuse_seconds: 0 } },
      })
      await moving(() => count(framework, isOffer) > offers.length)
    },
  )

  test.each(ENCODINGS)('C154 F62 H11 (%s) an implicit RECONCILE and a TEARDOWN hold', async (encoding) => {
    const framework = await subscribe(cluster, { encoding })
    const taskId = `c154-end-${encoding.length}`
    const task = await machine.run(framework, taskId)
    const before = statuses(framework, taskId).length
    await lastCall(framework, { type: 'RECONCILE', reconcile: {} })
    await moving(() => statuses(framework, taskId).length > before)
    expect(statuses(framework, taskId).at(-1)).toMatchObject({ reason: 'REASON_RECONCILIATION' })
    await lastCall(framework, { type: 'TEARDOWN' })
    await moving(() => framework.ended && !task.isAlive())
    expect(await standing(framework)).toBe('removed')
  })

  /** Nobody was nudged: it is found by the next look of whoever has to know. */
  async function moving(holds: () => boolean): Promise<void> {
    await moveUntil(cluster, holds, { atMostMs: 40_000 })
  }
})

describe('the same request twice', () => {
  /** The same bytes, at two workers, at once or one after the other. */
  async function twice(
    framework: TestFramework,
    call: Omit<SchedulerCall, 'framework_id'>,
    how: 'at once' | 'in turn',
  ): Promise<readonly number[]> {
    const other = await worker()
    const first = callAt(cluster, framework, call)
    if (how === 'in turn') await first
    const second = callAt(other, framework, call)
    return [(await first).status, (await second).status]
  }

  describe.each(['at once', 'in turn'] as const)('%s', (how) => {
    test('C156 F63 H11 ACCEPT launches once, and says once what is bad', async () => {
      const framework = await subscribe(cluster)
      const offer = await framework.offer()
      const id = `c156-${how.replace(' ', '-')}`
      const task = commandTask(offer, id, machine.commandOf(id))
      const bad = { ...commandTask(offer, `${id}-bad`, 'true'), resources: [] }
      const accept = {
        offer_ids: [offer.id],
        operations: [{ type: 'LAUNCH' as const, launch: { task_infos: [task, bad] } }],
        filters: { refuse_seconds: 3_600 },
      }
      expect(await twice(framework, { type: 'ACCEPT', accept }, how)).toEqual([202, 202])
      await framework.update(id, 'TASK_RUNNING')
      await framework.update(bad.name)
      await cluster.clock.advance(3_000)
      await aMoment()
      expect(statuses(framework, id).map(({ state }) => state)).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
      expect(statuses(framework, bad.name).map(({ state }) => state)).toEqual(['TASK_ERROR'])
      // Each start would have written a line.
      expect(machine.startsOf(id)).toBe(1)
      expect(await cpus()).toMatchObject({ used: 0.1 })
    })

    test('C156 DECLINE takes one offer only', async () => {
      const framework = await subscribe(cluster)
      const offer = await framework.offer()
      const decline = { offer_ids: [offer.id], filters: { refuse_seconds: 0 } }
      expect(await twice(framework, { type: 'DECLINE', decline }, how)).toEqual([202, 202])
      const next = await framework.offer()
      // Once more, now that there is a newer offer.
      expect((await framework.call({ type: 'DECLINE', decline })).status).toBe(202)
      await framework.launch([next], [commandTask(next, 'c156-decline', 'sleep 1000')])
      await framework.update('c156-decline', 'TASK_RUNNING')
    })

    test('C156 F63 H11 ACKNOWLEDGE lets one update go, KILL kills once', async () => {
      const framework = await subscribe(cluster, { acknowledge: false })
      const offer = await framework.offer()
      await framework.launch([offer], [commandTask(offer, 'c156-ack', 'sleep 1000')], 3_600)
      for (const state of ['TASK_STARTING', 'TASK_RUNNING'] as const) {
        const { agent_id = { value: '' }, task_id, uuid = '' } = await framework.update('c156-ack', state)
        const acknowledge = { agent_id, task_id, uuid }
        expect(await twice(framework, { type: 'ACKNOWLEDGE', acknowledge }, how)).toEqual([202, 202])
      }
      const kill = { task_id: { value: 'c156-ack' } }
      expect(await twice(framework, { type: 'KILL', kill }, how)).toEqual([202, 202])
      const killed = await framework.update('c156-ack', 'TASK_KILLED')
      await aMoment()
      expect(statuses(framework, 'c156-ack').map(({ state }) => state)).toEqual([
        'TASK_STARTING',
        'TASK_RUNNING',
        'TASK_KILLED',
      ])
      // Not acknowledged yet, it is said again: neither of the two let it go.
      await moveUntil(cluster, () => statuses(framework, 'c156-ack').length === 4, { atMostMs: 15_000 })
      expect(statuses(framework, 'c156-ack').at(-1)?.uuid).toBe(killed.uuid)
    })

    test('C156 SUPPRESS, REVIVE, UPDATE_FRAMEWORK, TEARDOWN', async () => {
      const framework = await subscribe(cluster)
      await framework.decline([await framework.offer()], 3_600)
      expect(await twice(framework, { type: 'SUPPRESS' }, how)).toEqual([202, 202])
      expect(await twice(framework, { type: 'REVIVE' }, how)).toEqual([202, 202])
      await framework.offer()
      await aMoment()
      expect(count(framework, isOffer)).toBe(2)
      const info = { user: 'root', name: `c156 ${how}`, id: { value: framework.id } }
      const update = { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: info } } as const
      expect(await twice(framework, update, how)).toEqual([200, 200])
      // The second one meets a framework that is no more.
      const ends = await twice(framework, { type: 'TEARDOWN' }, how)
      expect(ends.toSorted()[0]).toBe(202)
      expect([202, 400]).toContain(ends.toSorted()[1])
      await framework.untilEnd()
      expect(await standing(framework)).toBe('removed')
    })

    test('C156 SUBSCRIBE with an id leaves one session', async () => {
      const first = await subscribe(cluster, { info: { failover_timeout: 60 } })
      const other = await worker()
      const info = { id: { value: first.id }, failover_timeout: 60 }
      const one = TestFramework.open(cluster.url, { info })
      if (how === 'in turn') await one
      const both = await Promise.all([one, TestFramework.open(other.url, { info })])
      for (const each of both) each.id = first.id
      await first.untilEnd()
      await until(() => both.filter(({ ended }) => !ended).length === 1)
      const left = both.filter(({ ended }) => !ended)
      frameworks.push(...left)
      for (const each of left) expect((await each.call({ type: 'REVIVE' })).status).toBe(202)
    })
  })

  test('C156 F63 H11 every call of an agent may come twice', async () => {
    const original = globalThis.fetch
    // Agents call the control plane by fetch: each call is delivered, then delivered again.
    globalThis.fetch = async (input, init) => {
      if (String(input).endsWith('/api/v1/agent')) await (await original(input, init)).arrayBuffer()
      return await original(input, init)
    }
    try {
      const framework = await subscribe(cluster)
      const offer = await framework.offer()
      const ids = ['c156-agent-1', 'c156-agent-2', 'c156-agent-3']
      await framework.launch(
        [offer],
        ids.map((id) => commandTask(offer, id, 'true')),
        0,
      )
      for (const id of ids) await framework.update(id, 'TASK_FINISHED')
      await cluster.clock.advance(12_000)
      for (const id of ids) {
        expect(statuses(framework, id).map(({ state }) => state)).toEqual([
          'TASK_STARTING',
          'TASK_RUNNING',
          'TASK_FINISHED',
        ])
      }
      expect(await cpus()).toMatchObject({ used: 0 })
    } finally {
      globalThis.fetch = original
    }
  })
})
