// The grace of a kill: it counts from the first kill, and a later kill may only shorten it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideKill, type KillState } from '../../../agent/containerizer/kill-policy.ts'

const running: KillState = { since: 1_000, deadline: 4_000 }

describe('kill', () => {
  test.each([
    // before, now, grace, deadline, action
    [undefined, 1_000, 3_000, 4_000, 'terminate'],
    [undefined, 1_000, 0, 1_000, 'destroy'],
    [undefined, 1_000, -5, 1_000, 'destroy'],
    [undefined, 1_000, Number.NaN, 1_000, 'destroy'],
    [running, 2_000, 3_000, 4_000, 'nothing'],
    [running, 2_000, 60_000, 4_000, 'nothing'],
    [running, 2_000, 2_000, 3_000, 'shorten'],
    [running, 2_000, 1_001, 2_001, 'shorten'],
    [running, 2_000, 1_000, 2_000, 'destroy'],
    [running, 2_000, 500, 1_500, 'destroy'],
    [running, 2_000, 0, 1_000, 'destroy'],
    [running, 4_000, 60_000, 4_000, 'destroy'],
    [running, 9_000, 60_000, 4_000, 'destroy'],
  ] as const)('before %j, at %i with grace %d: until %i, %s', (before, now, graceMs, deadline, action) => {
    const decision = decideKill(before, { now, graceMs })
    expect(decision).toEqual({ state: { since: 1_000, deadline }, action })
  })

  test('however often it is asked, the deadline never moves away from the first kill’s', () => {
    const kills = fc.array(
      fc.record({ afterMs: fc.nat(5_000), graceMs: fc.integer({ min: -10, max: 10_000 }) }),
      {
        minLength: 1,
      },
    )
    fc.assert(
      fc.property(kills, (orders) => {
        let now = 0
        let state: KillState | undefined
        for (const { afterMs, graceMs } of orders) {
          now += afterMs
          const next = decideKill(state, { now, graceMs })
          if (state !== undefined) {
            expect(next.state.since).toBe(state.since)
            expect(next.state.deadline).toBeLessThanOrEqual(state.deadline)
          }
          expect(next.action === 'destroy').toBe(next.state.deadline <= now)
          state = next.state
        }
      }),
    )
  })
})
