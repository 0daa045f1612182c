// The ticks of a minute, and what the detector makes of them.
import { describe, expect, test } from 'vitest'
import { isAnythingRegistered, plan, sendPlan } from '../../../functions/lambda/plan.ts'
import { detectTicks, readTick } from '../../../functions/lambda/ticks.ts'
import { PROFILES, type ProfileName } from '../../../master/settings.ts'
import type { Store } from '../../../store/store.ts'
import { world } from '../agents/world.ts'

const both = { agents: true, frameworks: true }

describe('a plan', () => {
  test('R6 with nothing registered is one tick', () => {
    for (const profile of Object.values(PROFILES)) {
      const { ticks, allocateMs } = plan(profile, { agents: false, frameworks: false })
      expect({ ticks, allocateMs }).toEqual({ ticks: [{ delayMs: 0, offsetsMs: [0] }], allocateMs: [] })
    }
  })

  test.each(['fast', 'default', 'mesos'] as const)(
    '%s: ticks as dense as the profile, beyond the minute',
    (name) => {
      const { tickMs } = PROFILES[name]
      const { ticks } = plan(PROFILES[name], both)
      const times = ticks.flatMap(({ delayMs, offsetsMs }) => offsetsMs.map((offset) => delayMs + offset))
      expect(times).toEqual(Array.from({ length: times.length }, (_, index) => index * tickMs))
      // The next schedule may be late by a few seconds.
      expect(times.at(-1)).toBeGreaterThanOrEqual(60_000)
      expect(Math.max(...times)).toBeLessThan(75_000)
      expect(ticks.every(({ delayMs }) => Number.isInteger(delayMs / 1_000) && delayMs <= 900_000)).toBe(true)
    },
  )

  test('the allocator is asked for only while there are both agents and frameworks', () => {
    const asked = (name: ProfileName) => plan(PROFILES[name], both).allocateMs
    expect(asked('fast').slice(0, 3)).toEqual([0, 1_000, 2_000])
    expect(asked('mesos').slice(0, 3)).toEqual([0, 5_000, 10_000])
    expect(plan(PROFILES.default, { agents: true, frameworks: false }).allocateMs).toEqual([])
    expect(plan(PROFILES.default, { agents: false, frameworks: true }).allocateMs).toEqual([])
  })

  test('R13 where agents are many, the allocator looks at them all less often', () => {
    const asked = (name: ProfileName) => plan(PROFILES[name], { ...both, isMany: true }).allocateMs
    for (const name of ['fast', 'default'] as const)
      expect(asked(name).slice(0, 3)).toEqual([0, 5_000, 10_000])
    expect(asked('mesos').slice(0, 3)).toEqual([0, 10_000, 20_000])
  })

  test('R13 a look is a part of a round, which has seen all within five seconds, or fifteen of many', () => {
    const looks = (name: ProfileName, isMany: boolean) =>
      plan(PROFILES[name], { ...both, isMany }).looksPerRound
    expect([looks('fast', false), looks('default', false), looks('mesos', false)]).toEqual([5, 5, 1])
    expect([looks('fast', true), looks('default', true), looks('mesos', true)]).toEqual([3, 3, 2])
  })

  test.each([1, 15])('agents are many above fifty, in %i shards of their index', async (agentIndexShards) => {
    const w = await world()
    const settings = { ...w.env.settings, agentIndexShards }
    const listed = async (count: number) => {
      const store = { ...w.env.store, query: countedOut(w.env.store, count / agentIndexShards) }
      return (await isAnythingRegistered({ store, settings })).isMany
    }
    expect(await listed(30)).toBeUndefined()
    expect(await listed(120)).toBe(true)
  })

  test('who is registered', async () => {
    const w = await world()
    expect(await isAnythingRegistered(w.env)).toEqual({ agents: false, frameworks: false })
    await w.agent()
    expect(await isAnythingRegistered(w.env)).toEqual({ agents: true, frameworks: false })
    await w.framework()
    expect(await isAnythingRegistered(w.env)).toEqual(both)
  })

  test('is sent in batches of ten with delays in seconds', async () => {
    const calls: { readonly operation: string; readonly input: object }[] = []
    const sqs = {
      call: async (operation: string, input: object) => {
        calls.push({ operation, input })
        return operation === 'GetQueueUrl'
          ? { QueueUrl: `url/${(input as { QueueName: string }).QueueName}` }
          : {}
      },
      close() {},
    }
    const w = await world()
    await sendPlan({ sqs: sqs as never, prefix: 'p', log: w.env.log }, plan(PROFILES.mesos, both))
    const sends = calls.filter(({ operation }) => operation === 'SendMessageBatch')
    const bodies = sends.flatMap(({ input }) => {
      const { QueueUrl, Entries } = input as { QueueUrl: string; Entries: { MessageBody: string }[] }
      return QueueUrl === 'url/p-allocate' ? Entries.map(({ MessageBody }) => MessageBody) : []
    })
    // Looks of few agents with rare ticks are whole ones.
    expect(new Set(bodies)).toEqual(new Set(['{}']))
    const entries = (queue: string) =>
      sends.flatMap(({ input }) => {
        const { QueueUrl, Entries } = input as { QueueUrl: string; Entries: { DelaySeconds: number }[] }
        expect(Entries.length).toBeLessThanOrEqual(10)
        return QueueUrl === queue ? Entries.map(({ DelaySeconds }) => DelaySeconds) : []
      })
    expect(entries('url/p-ticks')).toEqual([0, 10, 20, 30, 40, 50, 60])
    expect(entries('url/p-allocate')).toEqual(Array.from({ length: 13 }, (_, index) => index * 5))
  })
})

describe('ticks', () => {
  const message = (id: string, sentAt: number, tick: unknown) => ({
    id,
    body: typeof tick === 'string' ? tick : JSON.stringify(tick),
    sentAt,
    receiveCount: 1,
  })

  test('a tick is the stamp of its message and its delay: time goes on within a minute', async () => {
    const w = await world()
    const sentAt = w.clock.now()
    await detectTicks(w.env, [message('1', sentAt, { delayMs: 3_000, offsetsMs: [0] })])
    expect((await w.store.get('tick', {}))?.at).toBe(sentAt + 3_000)
    await detectTicks(w.env, [message('2', sentAt, { delayMs: 4_000, offsetsMs: [0] })])
    expect(await w.store.get('tick', {})).toMatchObject({ at: sentAt + 4_000, unbrokenSince: sentAt + 3_000 })
  })

  test('one that comes late, after a later one, takes no time back', async () => {
    const w = await world()
    const sentAt = w.clock.now()
    await detectTicks(w.env, [message('2', sentAt, { delayMs: 4_000, offsetsMs: [0] })])
    await detectTicks(w.env, [message('1', sentAt, { delayMs: 3_000, offsetsMs: [0] })])
    expect((await w.store.get('tick', {}))?.at).toBe(sentAt + 4_000)
  })

  test('of a batch the latest is done, with all its offsets', async () => {
    const w = await world({ profile: 'fast' })
    const sentAt = w.clock.now()
    await detectTicks(w.env, [
      message('2', sentAt, { delayMs: 2_000, offsetsMs: [0, 500] }),
      message('1', sentAt, { delayMs: 1_000, offsetsMs: [0, 500] }),
    ])
    expect(await w.store.get('tick', {})).toMatchObject({ at: sentAt + 2_500, number: 2 })
  })

  test('a table that is away fails no batch: the next tick is near', async () => {
    const w = await world({
      store: (store) => ({ ...store, get: async () => Promise.reject(new Error('away')) }),
    })
    expect(await detectTicks(w.env, [message('1', w.clock.now(), {})])).toEqual([])
    expect(w.logged.join()).toContain('detector failed')
  })

  test.each([
    '',
    'no json',
    'null',
    '{}',
    '{"delayMs":-1,"offsetsMs":[0]}',
    '{"delayMs":0,"offsetsMs":[]}',
    '{"delayMs":1e12,"offsetsMs":[0]}',
  ])('anything else is a tick at once: %j', (body) => {
    expect(readTick(body)).toEqual({ delayMs: 0, offsetsMs: [0] })
  })
})

/** Every page of the index of agents has so many entries, or as many as are asked for. */
function countedOut(store: Store, count: number): Store['query'] {
  const entry = { kind: 'agents', item: {} }
  return async (partition, ref, options) => {
    if (partition !== 'agents') return await store.query(partition, ref, options)
    const found = Array.from({ length: Math.min(count, options?.limit ?? count) }, () => entry)
    // Only the number of what is found is looked at.
    return { found } as unknown as Awaited<ReturnType<typeof store.query<typeof partition>>>
  }
}
