// The guard against mass expiry: it delays, raises an alarm, and never forbids for ever.
import { describe, expect, test } from 'vitest'
import { type Candidate, type GuardState, guard, removals } from '../../../master/detection/verdict.ts'

const facts = {
  now: 100_000,
  elapsedMs: 1_000,
  timeoutMs: 9_000,
  maxExpiredShare: 0.2,
  removalsPerMinute: 60,
}

function agents(count: number, zone?: string, prefix = zone ?? 'x'): Candidate[] {
  return Array.from({ length: count }, (_, index) => ({
    agentId: `${prefix}${index}`,
    ...(zone === undefined ? {} : { zone }),
  }))
}

describe('within the limit', () => {
  test.each([
    [1, 1],
    [2, 2],
    [2, 3],
    [2, 9],
    [3, 15],
    [20, 100],
  ])('F20 %i silent of %i go at once', (silent, all) => {
    const reachable = agents(all)
    const result = guard(reachable.slice(0, silent), reachable, { removalTokens: 0 }, facts)
    expect(result.remove).toHaveLength(silent)
    expect(result.alarm).toBe(false)
  })

  test('two-of-three-agents-die: both go at once', () => {
    const reachable = agents(3)
    expect(guard(reachable.slice(0, 2), reachable, { removalTokens: 0 }, facts).remove).toEqual(['x0', 'x1'])
  })

  test('nobody silent ends the guard', () => {
    const result = guard([], agents(3), { guardSince: 1, removalTokens: 0 }, facts)
    expect(result.next.guardSince).toBeUndefined()
  })
})

describe('above the limit', () => {
  test('F20 S15 nobody goes, an alarm is raised; one timeout later they go at the removal rate', () => {
    const reachable = agents(10)
    const silent = reachable.slice(0, 5)
    let state: GuardState = { removalTokens: 60 }
    const removed: number[] = []
    for (let now = 100_000; now <= 115_000; now += 1_000) {
      const result = guard(silent.slice(removed.length), reachable.slice(removed.length), state, {
        ...facts,
        now,
      })
      state = result.next
      if (now <= 109_000) {
        expect(result.remove).toEqual([])
        expect(result.alarm).toBe(true)
      }
      for (const _ of result.remove) removed.push(now)
    }
    // One a second until those left are within the limit, and then all.
    expect(removed).toHaveLength(5)
    expect(removed[0]).toBeGreaterThan(109_000)
    expect(new Set(removed.slice(0, 3)).size).toBe(3)
  })
})

describe('zones', () => {
  test('zone-dies: a zone silent as a whole goes at once though it is a third of the cluster', () => {
    const reachable = [...agents(10, 'a'), ...agents(10, 'b'), ...agents(10, 'c')]
    const result = guard(agents(10, 'a'), reachable, { removalTokens: 0 }, facts)
    expect(result.remove).toHaveLength(10)
    expect(result.alarm).toBe(false)
  })

  test('zone-of-3300: so does a large one, and a few elsewhere with it', () => {
    const reachable = [...agents(3_300, 'a'), ...agents(3_300, 'b')]
    const silent = [...agents(3_300, 'a'), ...agents(3, 'b')]
    expect(guard(silent, reachable, { removalTokens: 0 }, facts).remove).toHaveLength(3_303)
  })

  test('two zones at once are a mistake of ours until the timeout is over', () => {
    const reachable = [...agents(10, 'a'), ...agents(10, 'b'), ...agents(10, 'c')]
    const result = guard([...agents(10, 'a'), ...agents(10, 'b')], reachable, { removalTokens: 0 }, facts)
    expect(result.remove).toEqual([])
    expect(result.alarm).toBe(true)
  })

  test('the whole cluster is no zone', () => {
    const reachable = agents(10, 'a')
    expect(guard(reachable, reachable, { removalTokens: 0 }, facts).remove).toEqual([])
  })
})

describe('the removal rate limit', () => {
  /** Everybody silent at first; at each pass those who are left. */
  function removedBy(
    rateLimit: { readonly removals: number; readonly intervalMs: number },
    passes: number,
    tickMs = 1_000,
  ) {
    const reachable = agents(100)
    const silent = reachable.slice(0, 20)
    let state: GuardState = { removalTokens: 60 }
    const at: number[] = []
    for (let pass = 0; pass < passes; pass++) {
      const now = 100_000 + pass * tickMs
      const left = silent.slice(at.length)
      const result = removals(left, reachable, state, { ...facts, now, elapsedMs: tickMs, rateLimit })
      expect(result.remove).toEqual(left.slice(0, result.remove.length).map(({ agentId }) => agentId))
      state = result.next
      for (const _ of result.remove) at.push(now - 100_000)
    }
    return at
  }

  test('F19 one per ten seconds: the first at once, each other ten seconds after the one before', () => {
    expect(removedBy({ removals: 1, intervalMs: 10_000 }, 35)).toEqual([0, 10_000, 20_000, 30_000])
  })

  test('F19 twelve per minute are one each five seconds, not twelve at once', () => {
    const at = removedBy({ removals: 12, intervalMs: 60_000 }, 21)
    expect(at).toEqual([0, 5_000, 10_000, 15_000, 20_000])
  })

  test('F19 more than one per tick go together, and never more than the rate', () => {
    const at = removedBy({ removals: 3, intervalMs: 1_000 }, 4)
    expect(at.filter((ms) => ms === 1_000)).toHaveLength(3)
    expect(at.length).toBeLessThanOrEqual(1 + 3 * 4)
  })

  test('F19 waiting saves nothing up', () => {
    const rateLimit = { removals: 1, intervalMs: 10_000 }
    const idle = removals(
      [],
      agents(10),
      { removalTokens: 0, rateTokens: 0 },
      { ...facts, elapsedMs: 3_600_000, rateLimit },
    )
    const result = removals(agents(2), agents(10), idle.next, { ...facts, rateLimit })
    expect(result.remove).toHaveLength(1)
  })

  test('F19 F20 over the guard’s limit nobody goes, and the rate is not spent', () => {
    const rateLimit = { removals: 1, intervalMs: 10_000 }
    const result = removals(
      agents(5),
      agents(10),
      { removalTokens: 60, rateTokens: 1 },
      { ...facts, rateLimit },
    )
    expect(result).toMatchObject({ remove: [], alarm: true, next: { rateTokens: 1 } })
  })
})
