// The guard against mass expiry: it delays, raises an alarm, and never forbids for ever.
import { describe, expect, test } from 'vitest'
import { type Candidate, type GuardState, guard } from '../../../master/detection/verdict.ts'

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
