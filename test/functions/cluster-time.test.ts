// Cluster time stays by the tick, whatever this function's own clock says.
import { describe, expect, test } from 'vitest'
import { clamped, clusterTime } from '../../functions/cluster-time.ts'
import { StoreUnavailable } from '../../store/store.ts'
import { startWorld } from './scheduler/world.ts'

const TICK_MS = 1_000

describe('H16: clamped', () => {
  test.each([
    ['before any tick it is the own clock', 5_000, undefined, 5_000],
    ['between ticks the own clock goes on', 10_500, 10_000, 10_500],
    ['clock-five-minutes-ahead', 310_000, 10_000, 12_000],
    ['a clock that is behind', 1_000, 10_000, 10_000],
  ])('%s', (_, own, at, expected) => {
    expect(clamped(own, at === undefined ? undefined : { at }, TICK_MS)).toBe(expected)
  })
})

test('H16: the tick is read once per tick length, and the last one serves while the table is away', async () => {
  const world = await startWorld()
  try {
    const { clock } = world
    let reads = 0
    const env = {
      ...world.env,
      store: {
        ...world.env.store,
        get: (async (...args: Parameters<typeof world.env.store.get>) => {
          reads += 1
          return await world.env.store.get(...args)
        }) as typeof world.env.store.get,
      },
    }
    const at = clock.now() - 5_000
    const item = { version: 0, number: 1, at, unbrokenSince: at, removalTokens: 0 }
    await world.env.store.commit([{ do: 'put', kind: 'tick', item, when: { name: 'absent' } }], 't')
    const all = await Promise.all(Array.from({ length: 10 }, () => clusterTime(env)))
    expect(new Set(all)).toEqual(new Set([at + 2 * TICK_MS]))
    expect(reads).toBe(1)
    world.setAway(true)
    await clock.advance(1_500)
    expect(await clusterTime(env)).toBe(at + 2 * TICK_MS)
    expect(reads).toBe(2)
    await expect(clusterTime({ ...env, store: { ...env.store } })).rejects.toThrow(StoreUnavailable)
    world.setAway(false)
  } finally {
    await world.close()
  }
})

test('H16 F67: after an outage the first to ask wait for the first tick, and not for ever where none comes', async () => {
  const world = await startWorld()
  try {
    const { clock, env } = world
    const before = clock.now()
    const tick = (number: number, at: number) => ({
      version: number - 1,
      number,
      at,
      unbrokenSince: at,
      removalTokens: 0,
    })
    const put = async (item: ReturnType<typeof tick>) => {
      const change = { do: 'put', kind: 'tick', item, when: { name: 'unchanged' } } as const
      expect(await env.store.commit([change], `tick ${item.number}`)).toEqual({ kind: 'committed' })
    }
    await put(tick(1, before))
    expect(await clusterTime(env)).toBeLessThan(before + 2 * TICK_MS)
    world.setAway(true)
    await clock.advance(5 * 60_000, { stepMs: 10_000 })
    // Of before, and rightly: no deadline passes while nobody can be heard.
    expect(await clusterTime(env)).toBe(before + 2 * TICK_MS)
    world.setAway(false)
    await clock.advance(1_000)
    const asked = Promise.all([clusterTime(env), clusterTime(env)])
    await clock.advance(200)
    const after = clock.now()
    await put(tick(2, after))
    await clock.advance(400)
    for (const now of await asked) expect(now).toBeGreaterThanOrEqual(after)
    // The next outage ends, and no tick comes.
    world.setAway(true)
    await clock.advance(60_000, { stepMs: 10_000 })
    await clusterTime(env)
    world.setAway(false)
    await clock.advance(1_000)
    const alone = clusterTime(env)
    await clock.advance(3_000)
    expect(await alone).toBe(after + 2 * TICK_MS)
  } finally {
    await world.close()
  }
})
