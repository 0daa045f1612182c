// What is owed because no process stays: calls that race with a resubscription, and the order of what is said (C152, C153).
import { describe, expect, test } from 'vitest'
import type { SchedulerCall, SchedulerEvent } from '../../protocol/messages.ts'
import { commandTask, type TestFramework } from '../framework.ts'
import {
  callAt,
  cluster,
  comeBack,
  cpus,
  machine,
  onOneCluster,
  standing,
  subscribe,
  worker,
} from './serverless.ts'
import { aMoment, count, isOffer, isRescind, moveUntil, statuses, until } from './waiting.ts'

onOneCluster()

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
