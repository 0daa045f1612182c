// Beats and canaries of one group, folded: only forwards, by the queue's stamps, and deafness is noticed.
import { describe, expect, test } from 'vitest'
import { fold, type Heard, noBeats, without } from '../../../master/detection/beats.ts'
import { isFromBefore, silenceMs, verdictOf } from '../../../master/detection/verdict.ts'
import type { Beats } from '../../../master/model.ts'

const known = new Map([
  ['a', { incarnation: 2, beatShard: 0 }],
  ['b', { incarnation: 1, beatShard: 0 }],
  ['elsewhere', { incarnation: 1, beatShard: 1 }],
])
const agentA = { agentId: 'a', incarnation: 2, heardAt: 0, beatShard: 0 }

function beat(stamp: number, number: number, options: { agent?: string; incarnation?: number } = {}): Heard {
  const { agent = 'a', incarnation = 2 } = options
  return {
    stamp,
    content: { kind: 'beat', agentId: agent, incarnation, number, applied: number, digest: 'd' },
  }
}
function canary(stamp: number, number: number): Heard {
  return { stamp, content: { kind: 'canary', shard: 0, number } }
}
/** Folds as if everything was read the moment it was sent. */
function folded(heard: readonly Heard[], { now = 0, gap = 3_500, from = noBeats(0) } = {}): Beats {
  return fold(from, heard, { known, now, hearingGapMs: gap })
}

describe('beats', () => {
  test('F22 repeats, reordered and older beats never move the last one backwards', () => {
    const beats = folded([beat(1_000, 2), beat(1_500, 1), beat(2_000, 2)])
    expect(beats.agents.a).toMatchObject({ number: 2, stamp: 1_000, applied: 2 })
  })

  test('F22 a beat of an incarnation that is not yet, of an unknown agent or of another shard is nothing', () => {
    const before = noBeats(0)
    for (const strange of [
      beat(1_000, 9, { incarnation: 3 }),
      beat(1_000, 9, { agent: 'nobody' }),
      beat(1_000, 9, { agent: 'elsewhere', incarnation: 1 }),
    ]) {
      expect(folded([strange], { from: before })).toBe(before)
    }
  })

  test('S8 the old process is heard by nobody once the new one beats', () => {
    const before = folded([beat(1_000, 1)])
    expect(folded([beat(2_000, 9, { incarnation: 1 })], { from: before })).toBe(before)
  })

  test('F1 until the new incarnation is heard the one before it is: its agent does not know yet', () => {
    const before = folded([canary(30_000, 30), beat(30_500, 9, { incarnation: 1 })])
    expect(before.agents.a).toMatchObject({ incarnation: 1, number: 9, stamp: 30_500 })
    expect(folded([beat(31_000, 9, { incarnation: 1 })], { from: before })).toBe(before)
    expect(folded([beat(32_000, 1)], { from: before }).agents.a).toMatchObject({ incarnation: 2, number: 1 })
    // One that was read late speaks for the time it was sent.
    const late = folded([canary(30_000, 30), beat(4_000, 9, { incarnation: 1 })])
    expect(late.agents.a?.stamp).toBe(4_000)
  })

  test('S8 the first beat of a new incarnation starts counting anew', () => {
    const old = {
      ...noBeats(0),
      agents: { a: { incarnation: 1, number: 50, stamp: 10, applied: 7, digest: '' } },
    }
    expect(folded([beat(2_000, 1)], { from: old }).agents.a).toMatchObject({ incarnation: 2, number: 1 })
  })

  test('R15 a call moves the stamp and nothing else', () => {
    const call: Heard = { stamp: 9_000, content: { kind: 'call', agentId: 'a', incarnation: 2 } }
    expect(folded([beat(1_000, 4), call]).agents.a).toEqual({
      incarnation: 2,
      number: 4,
      stamp: 9_000,
      applied: 4,
      digest: 'd',
    })
    expect(folded([call, beat(9_100, 1)]).agents.a).toMatchObject({ number: 1, stamp: 9_100 })
  })

  test('handler-outlives-visibility, F22: a call heard once more speaks for the time it was sent', () => {
    const call: Heard = { stamp: 2_000, content: { kind: 'call', agentId: 'a', incarnation: 2 } }
    const later = folded([beat(1_000, 4), call, canary(20_000, 1)])
    expect(later.agents.a?.stamp).toBe(2_000)
    expect(folded([call], { from: later })).toBe(later)
    // In its place it counts with the largest stamp so far, as a beat does.
    expect(folded([canary(2_500, 1), call]).agents.a?.stamp).toBe(2_500)
  })

  test('agents that belong nowhere leave the item', () => {
    const beats = folded([beat(1_000, 1), beat(1_000, 1, { agent: 'b', incarnation: 1 })])
    expect(Object.keys(without(beats, new Set(['b'])).agents)).toEqual(['a'])
    expect(without(beats, new Set(['c']))).toBe(beats)
  })
})

describe('canaries', () => {
  test('H17 hearing starts with the first canary, so a first start expires nobody', () => {
    const beats = folded([canary(100_000, 1)])
    expect(beats.hearingSince).toBe(100_000)
    expect(silenceMs(beats, agentA)).toBe(0)
    expect(silenceMs(undefined, agentA)).toBe(0)
    expect(silenceMs(folded([beat(1_000, 1)]), agentA)).toBe(0)
  })

  test('F21 a gap between canaries is deafness: silence counts from its end', () => {
    const beats = folded([
      canary(1_000, 1),
      beat(1_500, 1),
      canary(2_000, 2),
      canary(62_000, 3),
      canary(63_000, 4),
    ])
    expect(beats.hearingSince).toBe(62_000)
    expect(silenceMs(beats, agentA)).toBe(1_000)
  })

  test('one-canary-missing: with a second between them one may be missing, with half a second none', () => {
    const slow = folded([canary(1_000, 1), canary(3_000, 3)])
    expect(slow.hearingSince).toBe(1_000)
    const fast = folded([canary(1_000, 1), canary(1_500, 2), canary(2_500, 4)], { gap: 750 })
    expect(fast.hearingSince).toBe(2_500)
  })

  test('a canary that waited longer than half the retention breaks the chain: beats may be gone', () => {
    const minute = 60_000
    const backlog = folded([canary(1_000, 1), canary(2_000, 2)], { now: 2_000 + 7 * minute })
    expect(backlog.hearingSince).toBe(1_000)
    const lost = folded([canary(1_000, 1), canary(2_000, 2)], { now: 2_000 + 8 * minute })
    expect(lost.hearingSince).toBe(2_000)
  })

  test('a canary heard twice, or an older one, changes nothing', () => {
    const beats = folded([canary(1_000, 1), canary(2_000, 2)])
    expect(folded([canary(9_000, 2), canary(9_000, 1)], { from: beats })).toBe(beats)
  })

  test('stamp-runs-backwards: stamps are taken as the largest so far', () => {
    const beats = folded([canary(10_000, 1), beat(4_000, 1), canary(9_000, 2)])
    expect(beats.agents.a?.stamp).toBe(10_000)
    expect(beats.canary.stamp).toBe(10_000)
    expect(silenceMs(beats, agentA)).toBe(0)
  })

  test('canary-overtakes-beat: within a group it cannot, so a canary heard means the beats before it were heard', () => {
    // Sent in this order; written in two batches, of which the second is late.
    const sent = [canary(1_000, 1), beat(8_000, 1), canary(10_500, 2)]
    const first = folded(sent.slice(0, 1), { gap: 30_000 })
    expect(verdictOf(first, agentA, 9_000)).toBe('heard')
    const second = folded(sent.slice(1), { from: first, gap: 30_000 })
    expect(silenceMs(second, agentA)).toBe(2_500)
    expect(verdictOf(second, agentA, 9_000)).toBe('heard')
  })
})

describe('verdicts', () => {
  function heardAll(count: number, lastBeat: number): Beats {
    const heard: Heard[] = []
    for (let tick = 1; tick <= count; tick++) {
      heard.push(canary(tick * 1_000, tick))
      if (tick * 1_000 <= lastBeat) heard.push(beat(tick * 1_000 + 1, tick))
    }
    return folded(heard)
  }

  test('F1 not before the timeout is over, and then at once', () => {
    expect(verdictOf(heardAll(14, 5_000), agentA, 9_000)).toBe('suspect')
    expect(verdictOf(heardAll(15, 5_000), agentA, 9_000)).toBe('silent')
  })

  test('F2 one beat inside the window resets the silence', () => {
    const beats = folded([beat(14_000, 9)], { from: heardAll(14, 5_000) })
    expect(verdictOf(folded([canary(15_000, 15)], { from: beats }), agentA, 9_000)).toBe('heard')
  })

  test('half-way to the deadline an agent is suspect', () => {
    expect(verdictOf(heardAll(9, 5_000), agentA, 9_000)).toBe('heard')
    expect(verdictOf(heardAll(10, 5_000), agentA, 9_000)).toBe('suspect')
  })

  test('F1: an agent that did not hear that it is registered anew is not silent while it beats', () => {
    const anew = { ...agentA, incarnation: 3, heardAt: 5_000 }
    expect(verdictOf(heardAll(20, 20_000), anew, 9_000)).toBe('heard')
    expect(verdictOf(heardAll(20, 8_000), anew, 9_000)).toBe('silent')
  })

  test('silence counts from the registration at the earliest', () => {
    const beats = heardAll(20, 0)
    expect(verdictOf(beats, { ...agentA, heardAt: 12_000 }, 9_000)).toBe('suspect')
  })
})

describe('F23: a detector that was away', () => {
  const beats = { canary: { number: 4, stamp: 100_000 } }

  test.each([
    ['the newest canary is from before it', 300_000, 300_000, true],
    ['a few ticks later, the queue is still behind', 300_000, 307_000, true],
    ['its own canary was heard', 90_000, 300_000, false],
    ['the queue had a timeout to catch up', 300_000, 310_000, false],
  ])('%s', (_, unbrokenSince, at, expected) => {
    expect(isFromBefore(beats, { at, unbrokenSince }, 9_000)).toBe(expected)
  })

  test('no beats at all: there is nothing to judge', () => {
    expect(isFromBefore(undefined, { at: 1, unbrokenSince: 1 }, 9_000)).toBe(false)
  })
})
