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
