// The simulator itself: two short seeds hold every invariant, and one seed is one story (S21).
import { describe, expect, test } from 'vitest'
import { simulate } from './simulation.ts'

const SHORT = { hours: 0.15, agents: 4, profile: 'mesos' as const }

describe('simulated clusters under faults', () => {
  test.for([3, 6])(
    'S1–S5, S8, S13–S15, S17–S19, L1–L4, F61: seed %i holds',
    { timeout: 180_000 },
    async (seed) => {
      const { violation, commits } = await simulate({ ...SHORT, seed })
      expect(violation).toBeUndefined()
      expect(commits).toBeGreaterThan(500)
    },
  )

  test('S21: the same seed gives the same story, another seed another one', {
    timeout: 180_000,
  }, async () => {
    const short = { ...SHORT, hours: 0.05 }
    const [first, again, other] = [
      await simulate({ ...short, seed: 1 }),
      await simulate({ ...short, seed: 1 }),
      await simulate({ ...short, seed: 2 }),
    ]
    expect(again.hash).toBe(first.hash)
    expect(again.steps).toBe(first.steps)
    expect(other.hash).not.toBe(first.hash)
  })
})
