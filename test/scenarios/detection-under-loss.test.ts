// Detection while one message in twenty gets lost: the bench's own simulation, at sizes a test can afford. By seed:
// where a shard loses three canaries in a row (one tick in eight thousand), all its dead are told a timeout later.
import { expect, test } from 'vitest'
import { percentile, simulate } from '../../bench/detection.ts'

test.each([
  [2, 1, 30],
  [400, 60, 1],
])(
  'F1 R7 %i agents, %i of them dead, 5%% of messages lost: told within 12 s at the 99th, nobody wrongly',
  {
    timeout: 60_000,
  },
  async (agents, dying, trials) => {
    const toldMs: number[] = []
    for (let seed = 1; seed <= trials; seed++) {
      const told = await simulate({ agents, dying, seed })
      expect(told).toMatchObject({ wrongly: 0, missed: 0 })
      toldMs.push(...told.toldMs)
    }
    expect(toldMs).toHaveLength(dying * trials)
    expect(percentile(toldMs, 0.99)).toBeLessThanOrEqual(12_000)
  },
)
