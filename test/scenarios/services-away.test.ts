// One service is down while another is up, or a function gets no room to run: every flow waits, none goes wrong.
import { describe, expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { detect } from '../../functions/detector/handler.ts'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import { disconnect } from '../../functions/scheduler/disconnect.ts'
import { TooContended } from '../../functions/transact.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { type PlayedAgent, type World, world } from '../functions/agents/world.ts'
import { type PlayedSession, playedSession } from './played-session.ts'
import { taskInfos } from './stage.ts'

type Service = 'table' | 'beats' | 'nudges'

const MINUTE_MS = 60_000
const BEATS = 'heartbeats'

class QueueAway extends Error {}

/** Services that are away refuse every call. */
function services(away: Set<Service>) {
  const refused = <T extends object>(target: T, isAway: (args: readonly unknown[]) => Error | undefined): T =>
    new Proxy(target, {
      get(of, name, receiver) {
        const value = Reflect.get(of, name, receiver)
        if (typeof value !== 'function' || name === 'then') return value
        return (...args: readonly unknown[]) => {
          const error = isAway(args)
          return error === undefined ? value.apply(of, args) : Promise.reject(error)
        }
      },
    })
  return {
    store: (store: Store) =>
      refused(store, () => (away.has('table') ? new StoreUnavailable('the table is away') : undefined)),
    queues: (queues: MessageSource) =>
      refused(queues, ([queue]) =>
        away.has(queue === BEATS ? 'beats' : 'nudges') ? new QueueAway('the queue is away') : undefined,
      ),
  }
}

/** Only what a service that is away may say. */
async function tried<T>(work: () => Promise<T>): Promise<T | 'again'> {
  try {
    return await work()
  } catch (error) {
    const isOutage =
      error instanceof StoreUnavailable || error instanceof QueueAway || error instanceof TooContended
    if (isOutage) return 'again'
    throw error
  }
}

/** Everything that happens by itself, whatever of it fails. */
async function pass(w: World, agents: readonly PlayedAgent[], ms: number): Promise<void> {
  const { tickMs } = w.env.settings.profile
  for (let passed = 0; passed < ms; passed += tickMs) {
    w.clock.move(tickMs)
    for (const agent of agents) await tried(() => agent.beat())
    await tried(() => detect(w.env))
    await tried(() => w.hear())
    await tried(() => allocate(w.env))
  }
}

interface Cast {
  readonly w: World
  readonly session: PlayedSession
  readonly agent: PlayedAgent
  /** Never played on: it only lives. */
  readonly other: PlayedAgent
  readonly offerId: string
  readonly away: Set<Service>
}

async function cast(): Promise<Cast> {
  const away = new Set<Service>()
  const w = await world(services(away))
  const session = await playedSession(w)
  const [agent, other] = [await w.agent(), await w.agent()]
  await agent.launch(session.framework, ['killed', 'ends'])
  for (const id of ['killed', 'ends']) await agent.update(id, 'TASK_RUNNING')
  for (const status of await session.statuses()) await session.acknowledge(status)
  await pass(w, [agent, other], 5_000)
  const offer = Object.entries((await agent.ledger()).offers)[0]
  return { w, session, agent, other, away, offerId: offer?.[0] ?? expect.fail('no offer') }
}

/** What frameworks and agents ask for; each is repeated until it is done, as clients do. */
function flows({ session, agent, offerId, w }: Cast): readonly (readonly [string, () => Promise<unknown>])[] {
  const ends = agent.report('ends', 'TASK_FINISHED')
  return [
    ['kill', () => session.call({ type: 'KILL', kill: { task_id: { value: 'killed' } } })],
    [
      'accept',
      () =>
        session.call({
          type: 'ACCEPT',
          accept: {
            offer_ids: [{ value: offerId }],
            operations: [{ type: 'LAUNCH', launch: { task_infos: taskInfos(agent, ['launched']) } }],
          },
        }),
    ],
    ['update', () => agent.updates([ends])],
    ['sync', () => agent.sync()],
    ['register again', () => agent.register()],
    ['reconcile', () => session.call({ type: 'RECONCILE', reconcile: {} })],
    ['subscribe', () => playedSession(w, { name: 'second', id: { value: 'second' } })],
  ]
}

const OUTAGES: readonly (readonly Service[])[] = [
  ['table'],
  ['beats'],
  ['nudges'],
  ['beats', 'nudges'],
  ['table', 'beats'],
  ['table', 'beats', 'nudges'],
]

describe('H18: services that are away', () => {
  test.each(OUTAGES.map((some) => [some.join(' and '), some] as const))(
    '%s: for a minute under every flow; what was asked for is done, once, and nobody is marked',
    async (_, some) => {
      const on = await cast()
      const { w, session, agent, other, away } = on
      const asked = flows(on)
      for (const service of some) away.add(service)
      await pass(w, [agent, other], MINUTE_MS / 2)
      const open = new Set<string>()
      for (const [name, flow] of asked) if ((await tried(flow)) === 'again') open.add(name)
      // Without the table nothing is done and nothing is promised; with it nothing waits for a queue.
      if (some.includes('table')) expect(open.size).toBe(asked.length)
      else expect([...open].filter((name) => name !== 'register again')).toEqual([])
      await pass(w, [agent, other], MINUTE_MS / 2)
      away.clear()
      for (const [name, flow] of asked) if (open.has(name)) await flow()
      await pass(w, [agent, other], 15_000)

      expect((await agent.ledger()).life).toBe('active')
      expect((await other.ledger()).life).toBe('active')
      expect(await w.losses()).toEqual([])
      expect(await agent.run(session.framework, 'killed')).toMatchObject({ wanted: 'stop' })
      expect(await agent.run(session.framework, 'launched')).toMatchObject({ wanted: 'run' })
      expect(await agent.run(session.framework, 'ends')).toBeUndefined()
      expect(await w.store.get('framework', session.framework)).toMatchObject({ state: 'connected' })
      expect(await w.store.get('framework', { frameworkId: 'second' })).toMatchObject({ state: 'connected' })
      const told = (await session.statuses()).filter(({ uuid }) => uuid !== undefined)
      expect(told.map(({ task_id, state }) => `${task_id.value} ${state}`)).toEqual(['ends TASK_FINISHED'])
      // A lost nudge is made good by the next sync: the list has the launch and the kill.
      const list = await agent.sync()
      expect(list.kind === 'wanted' && list.tasks.map(({ taskId }) => taskId).sort()).toEqual([
        'killed',
        'launched',
      ])
      await w.check()
    },
  )

  test('H17: an agent that dies while the queue of beats is away is given up a timeout after, the other is not', async () => {
    const { w, agent, other, away } = await cast()
    away.add('beats')
    await pass(w, [agent, other], MINUTE_MS)
    away.clear()
    await pass(w, [other], 8_000)
    expect(await w.losses()).toEqual([])
    await pass(w, [other], 8_000)
    expect(await w.losses()).toEqual([agent.id])
  })
})

describe('H12: functions that get no room to run', () => {
  const STARVED = ['heartbeats', 'detector', 'allocator', 'heartbeats and detector'] as const

  test.each(STARVED)('%s: a minute of it delays, marks nobody and ends no session', async (starved) => {
    const { w, session, agent, other } = await cast()
    const { tickMs } = w.env.settings.profile
    for (let passed = 0; passed < MINUTE_MS; passed += tickMs) {
      w.clock.move(tickMs)
      for (const one of [agent, other]) await one.beat()
      if (!starved.includes('detector')) await detect(w.env)
      if (!starved.includes('heartbeats')) await w.hear()
      if (starved !== 'allocator') await allocate(w.env)
    }
    await agent.update('ends', 'TASK_FINISHED')
    await pass(w, [agent, other], 15_000)
    expect(await w.losses()).toEqual([])
    expect(await w.store.get('framework', session.framework)).toMatchObject({ state: 'connected' })
    const events = await session.look()
    expect(events.flatMap(({ update }) => update?.status.state ?? [])).toEqual(['TASK_FINISHED'])
    // What was free all the time, and what the ended task freed, is offered.
    const offered = events.flatMap(({ offers }) => offers?.offers ?? [])
    expect(offered.filter(({ agent_id }) => agent_id.value === agent.id).length).toBeGreaterThan(0)
    await w.check()
  })

  test('F21: beats first: with only heartbeats and detector running, the dead are found and the living kept', async () => {
    const { w, agent, other } = await cast()
    for (let second = 0; second < 15; second++) {
      w.clock.move(1_000)
      await other.beat()
      await detect(w.env)
      await w.hear()
    }
    expect(await w.losses()).toEqual([agent.id])
  })
})

describe('H16: clocks that differ by minutes', () => {
  const OFF = [-300_000, 300_000, 730 * 24 * 3_600_000] as const

  /** The cluster as a function sees it whose own clock is wrong. */
  const wrong = (w: World, offMs: number) => ({
    ...w.env,
    store: { ...w.env.store },
    clock: { ...w.env.clock, now: () => w.clock.now() + offMs },
  })

  test.each(OFF)(
    'a detector that is %i ms off marks who is silent, in time, and nobody else',
    async (offMs) => {
      const { w, agent, other } = await cast()
      let at: number | undefined
      const began = w.clock.now()
      for (let second = 0; second < 30; second++) {
        w.clock.move(1_000)
        await other.beat()
        // Ticks come by a queue, whose stamp is the time of all.
        await detect(second % 2 === 0 ? wrong(w, offMs) : w.env, { at: w.clock.now() })
        await w.hear()
        if (at === undefined && (await w.losses()).length > 0) at = w.clock.now()
      }
      expect(await w.losses()).toEqual([agent.id])
      expect((at ?? 0) - began).toBeGreaterThan(6_000)
      expect((at ?? 0) - began).toBeLessThanOrEqual(12_000)
    },
  )

  test.each(OFF)('a failover timeout begun by a function %i ms off ends in time', async (offMs) => {
    const { w, session, agent, other } = await cast()
    const { frameworkId, epoch } = session.framework
    await disconnect(wrong(w, offMs), { frameworkId, epoch, why: 'closed' })
    await pass(w, [agent, other], 590_000)
    expect(await w.store.get('framework', { frameworkId })).toMatchObject({ state: 'disconnected' })
    await pass(w, [agent, other], 15_000)
    expect(await w.store.get('framework', { frameworkId })).toMatchObject({ state: 'removed' })
  })

  test.each(OFF)(
    'F71, A27: an agent whose clock is %i ms off is judged and heard like any other',
    async (offMs) => {
      const { w, session, agent, other } = await cast()
      const ends = agent.report('ends', 'TASK_FINISHED')
      const timestamp = (w.clock.now() + offMs) / 1_000
      await agent.updates([{ ...ends, status: { ...ends.status, timestamp } }])
      expect((await session.statuses()).map(({ state }) => state)).toEqual(['TASK_FINISHED'])
      const lastBeat = w.clock.now()
      await pass(w, [other], 6_000)
      expect(await w.losses()).toEqual([])
      while ((await w.losses()).length === 0) await pass(w, [other], 1_000)
      expect(w.clock.now() - lastBeat).toBeLessThanOrEqual(12_000)
      expect(await w.losses()).toEqual([agent.id])
      await agent.register()
      expect((await agent.ledger()).life).toBe('active')
    },
  )
})
