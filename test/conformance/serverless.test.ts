// What is owed because no process stays: streams that move, workers that die, calls that race or come twice
// (C56, C150–C154, C156).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { SchedulerCall, SchedulerEvent } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { type Answer, commandTask, ENCODINGS, type SubscribeOptions, TestFramework } from '../framework.ts'
import { chunksOf } from '../functions/http/raw.ts'
import { encoded, post, subscribeRaw } from './bytes.ts'
import { type Processes, processes } from './processes.ts'
import { aMoment, count, isOffer, isRescind, moveUntil, statuses, teardown, until } from './waiting.ts'
import { startWorker, type Worker } from './workers.ts'

/** What a framework has to come back in when we ended its stream, before its failover timeout begins. */
const GRACE_MS = 10_000

let cluster: TestCluster
let machine: Processes
let frameworks: TestFramework[] = []
let workers: Worker[] = []
beforeAll(async () => {
  machine = processes()
  cluster = await startCluster()
})
afterAll(async () => {
  await cluster.stop()
  machine.removeFiles()
})
afterEach(async () => {
  await teardown(cluster, frameworks)
  await Promise.all(workers.map((worker) => worker.stop()))
  frameworks = []
  workers = []
})

async function worker(options?: Parameters<typeof startWorker>[1]): Promise<Worker> {
  const started = await startWorker(cluster, options)
  workers.push(started)
  return started
}

async function subscribe(at: Pick<Worker, 'url'>, options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(at.url, options)
  frameworks.push(framework)
  return framework
}

function comeBack(
  at: Pick<Worker, 'url'>,
  { id }: TestFramework,
  { info, ...options }: SubscribeOptions = {},
): Promise<TestFramework> {
  return subscribe(at, { ...options, info: { id: { value: id }, failover_timeout: 60, ...info } })
}

/** A call of the session, answered by any worker. */
function callAt(
  at: Pick<Worker, 'url'>,
  framework: TestFramework,
  call: Omit<SchedulerCall, 'framework_id'>,
): Promise<Answer> {
  return post(at, bytesOf(framework, call), {
    'content-type': framework.encoding,
    'mesos-stream-id': framework.streamId,
  })
}

function bytesOf(framework: TestFramework, call: Omit<SchedulerCall, 'framework_id'>): Buffer {
  return encoded({ ...call, framework_id: { value: framework.id } }, framework.encoding)
}

async function standing({ id }: TestFramework): Promise<'connected' | 'away' | 'removed'> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { frameworks: live } = (
    json as {
      get_frameworks: {
        frameworks: readonly { framework_info: { id: { value: string } }; connected: boolean }[]
      }
    }
  ).get_frameworks
  const found = live.find(({ framework_info }) => framework_info.id.value === id)
  if (found === undefined) return 'removed'
  return found.connected ? 'connected' : 'away'
}

/** cpus of the only agent: all, in use, offered. */
async function cpus(): Promise<{ total: number; used: number; offered: number }> {
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  type Amounts = readonly { name: string; scalar?: { value: number } }[]
  const [agent] = (
    json as {
      get_agents: {
        agents: readonly {
          total_resources: Amounts
          allocated_resources: Amounts
          offered_resources: Amounts
        }[]
      }
    }
  ).get_agents.agents
  const sum = (resources: Amounts = []) =>
    resources.reduce((all, { name, scalar }) => all + (name === 'cpus' ? (scalar?.value ?? 0) : 0), 0)
  return {
    total: sum(agent?.total_resources),
    used: sum(agent?.allocated_resources),
    offered: sum(agent?.offered_resources),
  }
}

describe('one current stream', () => {
  test.each(ENCODINGS)(
    'C56 F51 S19 (%s) after a takeover every worker knows the new stream only',
    async (encoding) => {
      const doors = [cluster, await worker(), await worker()]
      let old: TestFramework | undefined
      for (let round = 0; round < 6; round++) {
        const door = doors[round % doors.length] ?? cluster
        const fresh: TestFramework =
          old === undefined
            ? await subscribe(door, { encoding, info: { failover_timeout: 60 } })
            : await comeBack(door, old, { encoding })
        for (const at of doors) {
          if (old !== undefined) expect((await callAt(at, old, { type: 'REVIVE' })).status).toBe(400)
          expect((await callAt(at, fresh, { type: 'REVIVE' })).status).toBe(202)
        }
        await old?.untilEnd()
        old = fresh
      }
    },
  )

  test('C56 F51 S19 of many subscriptions at once exactly one stays, whomever one asks', async () => {
    const doors = [cluster, await worker(), await worker()]
    const first = await subscribe(cluster, { info: { failover_timeout: 60 } })
    const info = { id: { value: first.id }, failover_timeout: 60 }
    const rivals = await Promise.all(
      Array.from({ length: 9 }, (_, index) =>
        TestFramework.open((doors[index % 3] ?? cluster).url, { info }),
      ),
    )
    for (const rival of rivals) rival.id = first.id
    await until(() => rivals.filter(({ ended }) => !ended).length === 1)
    await first.untilEnd()
    const [winner] = rivals.filter(({ ended }) => !ended)
    if (winner === undefined) throw new Error('nobody has won')
    frameworks.push(winner)
    for (const rival of [first, ...rivals]) {
      const expected = rival === winner ? 202 : 400
      for (const at of doors) expect((await callAt(at, rival, { type: 'REVIVE' })).status).toBe(expected)
      if (rival !== winner) {
        expect(rival.events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } })
      }
    }
    // Offers go to that one alone.
    await winner.offer()
    expect(rivals.filter((rival) => rival !== winner && count(rival, isOffer) > 0 && !rival.ended)).toEqual(
      [],
    )
  })
})

describe('a stream that moves', () => {
  test.each(['stop', 'crash'] as const)(
    'C150 by %s: the stream ends, and another worker has everything',
    async (how) => {
      const leaving = await worker()
      const first = await subscribe(leaving, { acknowledge: false, info: { failover_timeout: 60 } })
      const before = await first.offer()
      const ids = [`c150-${how}`, `c150-${how}-2`]
      await first.launch(
        [before],
        ids.map((id) => commandTask(before, id, machine.commandOf(id))),
        0,
      )
      const waiting = await first.update(ids[0] ?? '', 'TASK_STARTING')
      const task = await machine.found(ids[0] ?? '')
      const held = await first.offer()

      await leaving[how]()
      await first.untilEnd()
      // Nothing follows the end, and the accounting holds while nobody reads.
      expect(first.events.some(({ type }) => type === 'ERROR')).toBe(false)
      const between = await cpus()
      expect(between.used).toBeCloseTo(0.2)
      expect(between.used + between.offered).toBeLessThanOrEqual(between.total)

      const second = await comeBack(cluster, first, { acknowledge: false })
      expect(task.isAlive()).toBe(true)
      // The update that was not acknowledged comes again, as it was.
      const again = await second.update(ids[0] ?? '')
      expect([again.state, again.uuid]).toEqual(['TASK_STARTING', waiting.uuid])
      // So do the resources that were offered, whole, as another offer.
      const next = await second.offer()
      expect(next.id).not.toEqual(held.id)
      expect(next.resources).toEqual(held.resources)
      expect(await cpus()).toEqual({ total: 4, used: 0.2, offered: 3.8 })
      expect(count(second, isRescind)).toBe(0)
      await cluster.clock.advance(20_000)
      expect(await standing(second)).toBe('connected')
      expect(task.isAlive()).toBe(true)
    },
  )

  test.each(['stop', 'crash'] as const)(
    'C150 F62 by %s it loses nothing of its failover time',
    async (how) => {
      const leaving = await worker()
      const first = await subscribe(leaving, { info: { failover_timeout: 30 } })
      const task = await machine.run(first, `c150-time-${how}`)
      const endedAt = cluster.clock.now()
      await leaving[how]()
      await first.untilEnd()
      // A grace comes before it, and a lease that has to run out: both may take longer while ticks are late.
      await moveUntil(cluster, () => !task.isAlive(), { atMostMs: 90_000 })
      expect(cluster.clock.now() - endedAt).toBeGreaterThan(30_000)
      expect(await standing(first)).toBe('removed')
    },
  )

  test.each(ENCODINGS)(
    'C151 (%s) a stream that is cut off ends at a record, with its last chunk',
    async (encoding) => {
      const leaving = await worker()
      const info = { user: 'root', name: 'c151', failover_timeout: 0 }
      const body = encoded({ type: 'SUBSCRIBE', subscribe: { framework_info: info } }, encoding)
      const stream = await subscribeRaw(leaving, body, [`content-type: ${encoding}`, `accept: ${encoding}`])
      const [, streamId = ''] = await stream.until(/mesos-stream-id: (\S+)\r\n/i)
      await until(() => eventsOf(stream.received()).length > 0)
      // In the middle of many records.
      const tasks = Array.from({ length: 300 }, (_, index) => ({ task_id: { value: `c151-${index}` } }))
      const frameworkId = /[0-9a-f-]{36}-[0-9A-Za-z]+/.exec(stream.received())?.[0] ?? ''
      const asked = encoded(
        { type: 'RECONCILE', framework_id: { value: frameworkId }, reconcile: { tasks } },
        encoding,
      )
      const head = { 'content-type': encoding, 'mesos-stream-id': streamId }
      const before = eventsOf(stream.received()).length
      // A call that is still under way may be cut off with it.
      const answer = post(leaving, asked, head).catch(() => undefined)
      await until(() => eventsOf(stream.received()).length > before + 5)
      await leaving.stop()
      await answer
      await stream.closed
      expect(stream.received().endsWith('\r\n0\r\n\r\n')).toBe(true)
      const decoder = new RecordDecoder()
      for (const chunk of chunksOf(stream.received())) decoder.push(Buffer.from(chunk, 'latin1'))
      // Throws if it is inside a record.
      decoder.end()
    },
  )

  function eventsOf(response: string): readonly string[] {
    return response.includes('\r\n\r\n') ? chunksOf(response).filter((chunk) => chunk !== '') : []
  }

  test('C151 F53 a framework without failover timeout has ten seconds to return', async () => {
    const leaving = await worker()
    const info = { failover_timeout: 0 }
    const returning = await subscribe(leaving, { info })
    const kept = await machine.run(returning, 'c151-kept')
    const lost = await subscribe(leaving, { info })
    const ended = await machine.run(lost, 'c151-lost')
    await leaving.stop()
    await Promise.all([returning.untilEnd(), lost.untilEnd()])
    const endedAt = cluster.clock.now()
    await cluster.clock.advance(GRACE_MS / 2)
    expect([kept.isAlive(), ended.isAlive()]).toEqual([true, true])
    expect([await standing(returning), await standing(lost)]).toEqual(['away', 'away'])

    const again = await comeBack(cluster, returning, { info })
    await moveUntil(cluster, () => !ended.isAlive(), { atMostMs: 10_000 })
    expect(cluster.clock.now() - endedAt).toBeGreaterThanOrEqual(GRACE_MS)
    expect(await standing(lost)).toBe('removed')
    await cluster.clock.advance(10_000)
    expect(await standing(again)).toBe('connected')
    expect(kept.isAlive()).toBe(true)
  })
})

describe('calls that race with a resubscription', () => {
  /** Each call with what shows that it had no effect. */
  const RACES: readonly {
    readonly type: string
    call(at: Scene): Omit<SchedulerCall, 'framework_id'>
    check(at: Scene, fresh: TestFramework): Promise<void>
  }[] = [
    {
      type: 'ACCEPT',
      call: ({ offer }) => ({
        type: 'ACCEPT',
        accept: {
          offer_ids: [offer.id],
          operations: [
            { type: 'LAUNCH', launch: { task_infos: [commandTask(offer, 'c152-launched', 'sleep 1000')] } },
          ],
        },
      }),
      async check(_, fresh) {
        await fresh.call({
          type: 'RECONCILE',
          reconcile: { tasks: [{ task_id: { value: 'c152-launched' } }] },
        })
        expect(await fresh.update('c152-launched')).toMatchObject({ state: 'TASK_LOST' })
        expect((await cpus()).used).toBeCloseTo(0.1)
      },
    },
    {
      type: 'KILL',
      call: () => ({ type: 'KILL', kill: { task_id: { value: 'c152' } } }),
      check: (at, fresh) => stillRuns(at, fresh),
    },
    {
      type: 'ACKNOWLEDGE',
      call: ({ status }) => ({
        type: 'ACKNOWLEDGE',
        acknowledge: {
          agent_id: status.agent_id ?? { value: '' },
          task_id: status.task_id,
          uuid: status.uuid ?? '',
        },
      }),
      async check({ status }, fresh) {
        // Its own session is told of it, and has to acknowledge it itself.
        expect((await fresh.update('c152')).uuid).toBe(status.uuid)
      },
    },
    {
      type: 'SUPPRESS',
      call: () => ({ type: 'SUPPRESS' }),
      async check(_, fresh) {
        await fresh.offer()
      },
    },
    {
      type: 'RECONCILE',
      call: () => ({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'c152-asked' } }] } }),
      async check(_, fresh) {
        await aMoment()
        expect(statuses(fresh, 'c152-asked')).toEqual([])
      },
    },
    {
      type: 'TEARDOWN',
      call: () => ({ type: 'TEARDOWN' }),
      check: (at, fresh) => stillRuns(at, fresh),
    },
  ]

  interface Scene {
    readonly old: TestFramework
    readonly offer: Awaited<ReturnType<TestFramework['offer']>>
    readonly status: Awaited<ReturnType<TestFramework['update']>>
    isAlive(): boolean
  }

  async function stillRuns(at: Scene, fresh: TestFramework): Promise<void> {
    await aMoment()
    expect(at.isAlive()).toBe(true)
    expect((await fresh.call({ type: 'REVIVE' })).status).toBe(202)
    expect(fresh.ended).toBe(false)
  }

  async function scene(name: string): Promise<Scene> {
    const old = await subscribe(cluster, { acknowledge: false, info: { failover_timeout: 60 } })
    const first = await old.offer()
    await old.launch([first], [commandTask(first, 'c152', machine.commandOf(name))], 0)
    const status = await old.update('c152', 'TASK_STARTING')
    const { isAlive } = await machine.found(name)
    return { old, offer: await old.offer(), status, isAlive }
  }

  test.each(RACES)(
    'C152 F70 H11 $type paused before its commit, and overtaken, is 400 and does nothing',
    async (race) => {
      const slow = await worker()
      const at = await scene(`c152-${race.type}`)
      const paused = slow.pauseCommit()
      const answer = callAt(slow, at.old, race.call(at))
      await paused.reached
      const fresh = await comeBack(cluster, at.old, { acknowledge: false })
      paused.release()
      expect((await answer).status).toBe(400)
      await race.check(at, fresh)
    },
  )

  test('C152 F70 in a race it is 202 with its effect, or 400 without', async () => {
    const outcomes = new Set<number>()
    const other = await worker()
    let current = await subscribe(cluster, { info: { failover_timeout: 60 } })
    for (let round = 0; round < 12; round++) {
      const taskId = `c152-race-${round}`
      const offer = await current.offerOf(0.1, 32)
      const task = commandTask(offer, taskId, 'sleep 1000', { cpus: 0.01 })
      const accept = {
        offer_ids: [offer.id],
        operations: [{ type: 'LAUNCH' as const, launch: { task_infos: [task] } }],
        filters: { refuse_seconds: 0 },
      }
      const old = current
      const [answer, fresh] = await Promise.all([
        aMoment(round % 4).then(() => callAt(other, old, { type: 'ACCEPT', accept })),
        aMoment((round % 3) * 2).then(() => comeBack(cluster, old)),
      ])
      outcomes.add(answer.status)
      await fresh.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: task.task_id }] } })
      const { state } = await fresh
        .next(({ update }) => update?.status.task_id.value === taskId)
        .then(({ update }) => update?.status ?? { state: undefined })
      if (answer.status === 202) expect(state).toMatch(/^TASK_(STAGING|STARTING|RUNNING)$/)
      else expect([answer.status, state]).toEqual([400, 'TASK_LOST'])
      current = fresh
    }
    expect([...outcomes].every((status) => status === 202 || status === 400)).toBe(true)
  })
})

describe('order', () => {
  test('C153 updates of each task come in the order of their commits', async () => {
    const doors = [await worker(), await worker(), cluster]
    const framework = await subscribe(doors[0] ?? cluster, { acknowledge: false })
    const offer = await framework.offer()
    const ids = Array.from({ length: 10 }, (_, index) => `c153-${index}`)
    await callAt(doors[1] ?? cluster, framework, {
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [
          { type: 'LAUNCH', launch: { task_infos: ids.map((id) => commandTask(offer, id, 'true')) } },
        ],
      },
    })
    // Each update is acknowledged at another worker than the last one.
    let acknowledged = 0
    const isOver = () => ids.every((id) => statuses(framework, id).at(-1)?.state === 'TASK_FINISHED')
    const done = new Set<string>()
    while (!isOver()) {
      const status = await framework
        .next(({ update }) => update?.status.uuid !== undefined)
        .then(({ update }) => update?.status)
      if (status === undefined || done.has(status.uuid ?? '')) continue
      done.add(status.uuid ?? '')
      await callAt(doors[acknowledged++ % doors.length] ?? cluster, framework, {
        type: 'ACKNOWLEDGE',
        acknowledge: {
          agent_id: status.agent_id ?? { value: '' },
          task_id: status.task_id,
          uuid: status.uuid ?? '',
        },
      })
    }
    for (const id of ids) {
      expect(statuses(framework, id).map(({ state }) => state)).toEqual([
        'TASK_STARTING',
        'TASK_RUNNING',
        'TASK_FINISHED',
      ])
    }
  })

  test('C153 so do the losses and returns of an agent, with its offers', async () => {
    const reading = await worker()
    const framework = await subscribe(reading, { capabilities: ['PARTITION_AWARE'] })
    const offer = await framework.offer()
    await framework.launch([offer], [commandTask(offer, 'c153-agent', 'sleep 1000')], 0)
    await framework.update('c153-agent', 'TASK_RUNNING')
    const agent = cluster.agents[0]
    for (let round = 0; round < 2; round++) {
      await framework.next(isOffer)
      agent?.cut()
      const losses = count(framework, isLoss)
      await moveUntil(cluster, () => count(framework, isLoss) > losses, { atMostMs: 30_000 })
      agent?.mend()
      const running = () =>
        statuses(framework, 'c153-agent').filter(({ state }) => state === 'TASK_RUNNING').length
      const before = round + 1
      await moveUntil(cluster, () => running() > before, { atMostMs: 30_000 })
    }
    await framework.next(isOffer)
    expect(statuses(framework, 'c153-agent').map(({ state }) => state)).toEqual([
      'TASK_STARTING',
      'TASK_RUNNING',
      'TASK_UNREACHABLE',
      'TASK_RUNNING',
      'TASK_UNREACHABLE',
      'TASK_RUNNING',
    ])
    // Each loss is between the life before and the life after it.
    const story = framework.events.map(chapter).filter((word) => word !== '')
    expect(story.join(' ')).toMatch(
      /^up( offer| rescind)* (loss|down|rescind)( loss| down| rescind)* up( offer| rescind)* (loss|down|rescind)( loss| down| rescind)* up( offer)*$/,
    )
    // A RESCIND is of an offer that was said before.
    const said = new Set<string>()
    for (const { offers, rescind } of framework.events) {
      for (const { id } of offers?.offers ?? []) said.add(id.value)
      if (rescind !== undefined) expect(said).toContain(rescind.offer_id.value)
    }
  })

  test('C153 F45 also when both are told to a framework that was away', async () => {
    const info = { failover_timeout: 600 }
    const capabilities = ['PARTITION_AWARE'] as const
    const first = await subscribe(cluster, { capabilities, info })
    await machine.run(first, 'c153-away')
    const watcher = await subscribe(cluster)
    first.close()
    await until(async () => (await standing(first)) === 'away')
    cluster.agents[0]?.cut()
    await moveUntil(cluster, () => count(watcher, isLoss) > 0, { atMostMs: 30_000 })
    cluster.agents[0]?.mend()
    const offers = count(watcher, isOffer)
    await moveUntil(cluster, () => count(watcher, isOffer) > offers, { atMostMs: 30_000 })

    const second = await comeBack(cluster, first, { capabilities, info })
    const told = () => second.events.map(chapter).filter((word) => word === 'loss' || word === 'up')
    await second.next(isLoss)
    await until(() => told().includes('up'))
    expect(told()).toEqual(['loss', 'up'])
  })

  function isLoss({ failure }: SchedulerEvent): boolean {
    return failure !== undefined && failure.executor_id === undefined
  }

  let wasUp = false
  function chapter(event: SchedulerEvent): string {
    if (isLoss(event)) return 'loss'
    const state = event.update?.status.state
    if (state === 'TASK_RUNNING') {
      wasUp = true
      return 'up'
    }
    if (state === 'TASK_UNREACHABLE') return 'down'
    if (!wasUp) return ''
    if (isOffer(event)) return 'offer'
    return isRescind(event) ? 'rescind' : ''
  }
})

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
