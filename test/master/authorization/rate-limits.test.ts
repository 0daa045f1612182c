// Rate limits: how a bucket fills and empties, who takes from which, and what is wrong with a file of them.
import { describe, expect, test } from 'vitest'
import { draw } from '../../../master/authorization/allowance.ts'
import {
  type Bucket,
  type Flow,
  flowOf,
  fullAt,
  largestChunk,
  parseRateLimits,
  type RateLimits,
  take,
} from '../../../master/authorization/rate-limits.ts'
import type { Allowance } from '../../../master/model.ts'

const CALL = { atMost: 1, isAnswer: false }
const ANSWER = { atMost: 1, isAnswer: true }
const FLOW: Flow = { principal: 'p', qps: 10, capacity: 5 }

/** How many of `calls` are taken, one after the other at one moment. */
function burst(flow: Flow, from: Bucket | undefined, now: number, calls: number, wish = CALL) {
  let bucket = from
  let taken = 0
  let waitMs = 0
  for (let call = 0; call < calls; call++) {
    const one = take(flow, bucket, now, wish)
    bucket = one.bucket
    taken += one.tokens
    waitMs = one.waitMs
  }
  return { bucket, taken, waitMs }
}

describe('a bucket', () => {
  test('is full at first, gives no more than it holds, and says when there is more', () => {
    expect(burst(FLOW, undefined, 1_000, 20)).toMatchObject({ taken: 5, waitMs: 100 })
  })

  test('fills with time, up to its capacity', () => {
    const { bucket } = burst(FLOW, undefined, 0, 5)
    expect(burst(FLOW, bucket, 99, 9).taken).toBe(0)
    expect(burst(FLOW, bucket, 100, 9).taken).toBe(1)
    expect(burst(FLOW, bucket, 350, 9).taken).toBe(3)
    expect(burst(FLOW, bucket, 3_600_000, 9).taken).toBe(5)
  })

  test('gives what its rate says over a long time, whatever the pauses between calls', () => {
    for (const stepMs of [1, 7, 33, 250, 333]) {
      let bucket: Bucket | undefined
      let taken = 0
      for (let now = 0; now <= 60_000; now += stepMs) {
        const one = burst(FLOW, bucket, now, 10)
        bucket = one.bucket
        taken += one.taken
      }
      expect(taken).toBeLessThanOrEqual(5 + 600)
      expect(taken).toBeGreaterThanOrEqual(598)
    }
  })

  test('H16: a clock that goes back brings nothing and takes nothing', () => {
    const { bucket } = burst(FLOW, undefined, 300_000, 3)
    expect(burst(FLOW, bucket, 0, 9).taken).toBe(2)
    expect(burst(FLOW, take(FLOW, bucket, 0, CALL).bucket, 300_000, 9).taken).toBe(1)
  })

  test('lets answers overdraw it once by what it holds; calls wait until that is paid back', () => {
    const empty = burst(FLOW, undefined, 0, 5).bucket
    const overdrawn = burst(FLOW, empty, 0, 20, ANSWER)
    expect(overdrawn.taken).toBe(5)
    expect(take(FLOW, overdrawn.bucket, 500, CALL)).toMatchObject({ tokens: 0, waitMs: 100 })
    expect(take(FLOW, overdrawn.bucket, 600, CALL).tokens).toBe(1)
  })

  test('of one call in seventeen minutes holds one, and takes its time', () => {
    const rare: Flow = { principal: 'p', qps: 0.001, capacity: 1 }
    expect(burst(rare, undefined, 0, 3)).toMatchObject({ taken: 1, waitMs: 1_000_000 })
  })

  test('gives chunks of at most a tenth of a second, and never none', () => {
    expect(largestChunk({ principal: '', qps: 1_000, capacity: 1_000 })).toBe(100)
    expect(largestChunk({ principal: '', qps: 1_000, capacity: 3 })).toBe(3)
    expect(largestChunk({ principal: '', qps: 0.5, capacity: 1 })).toBe(1)
  })
})

describe('who takes from which bucket', () => {
  const limits: RateLimits = {
    limits: [
      { principal: 'jobs', qps: 2.5 },
      { principal: 'ops' },
      { principal: 'web', qps: 9, capacity: 90 },
    ],
    aggregate_default_qps: 0.5,
  }

  test.each<[string | undefined, Flow | undefined]>([
    ['jobs', { principal: 'jobs', qps: 2.5, capacity: 3 }],
    ['web', { principal: 'web', qps: 9, capacity: 90 }],
    ['ops', undefined],
    ['other', { principal: '', qps: 0.5, capacity: 1 }],
    [undefined, { principal: '', qps: 0.5, capacity: 1 }],
  ])('%s', (principal, flow) => {
    expect(flowOf(limits, principal)).toEqual(flow)
  })

  test('nobody is limited without a default and without a limit of their own', () => {
    expect(flowOf({ limits: [{ principal: 'jobs', qps: 1 }] }, 'other')).toBeUndefined()
    expect(flowOf({}, undefined)).toBeUndefined()
  })
})

describe('a bucket that is shared', () => {
  const wish = { flow: FLOW, now: 1_000, atMost: 3, isAnswer: false }

  test('is written as it is left, on the version that was read', () => {
    const decision = draw(undefined, wish)
    expect(decision.answer).toEqual({ tokens: 3, waitMs: 0 })
    expect(decision.changes).toMatchObject([
      {
        do: 'put',
        kind: 'allowance',
        item: { version: 0, principal: 'p', tokens: 2, at: 1_000 },
        when: { name: 'unchanged' },
      },
    ])
  })

  test('is not written when there is nothing to take', () => {
    const empty: Allowance = { version: 4, principal: 'p', tokens: 0.25, at: 1_000 }
    expect(draw(empty, wish)).toEqual({ changes: [], tell: [], answer: { tokens: 0, waitMs: 75 } })
  })

  test('goes with the table’s garbage long after it is full', () => {
    const [change] = draw(undefined, wish).changes
    const item = change?.do === 'put' && change.kind === 'allowance' ? change.item : undefined
    if (item === undefined) throw new Error('nothing was put')
    expect(item.ttl).toBeGreaterThan(fullAt(FLOW, item) / 1_000 + 3_600)
  })
})

describe('a file of limits', () => {
  test('is read as Mesos’s own example is', () => {
    const limits = {
      limits: [
        { principal: 'foo', qps: 55.5, capacity: 100_000 },
        { principal: 'bar', qps: 300 },
        { principal: 'baz' },
      ],
      aggregate_default_qps: 333,
      aggregate_default_capacity: 1_000_000,
    }
    expect(parseRateLimits(JSON.stringify(limits))).toEqual({ ok: true, limits })
    expect(parseRateLimits('{}')).toMatchObject({ ok: true, limits: { limits: [] } })
  })

  test.each([
    ['', 'JSON'],
    ['[]', 'the file is an object'],
    ['{"limits":{}}', '"limits" is a list'],
    ['{"limit":[]}', 'the file has a field "limit"; it takes "limits"'],
    ['{"limits":[1]}', 'limits[0] is an object'],
    ['{"limits":[{"qps":1}]}', 'limits[0].principal is a text'],
    ['{"limits":[{"principal":"","qps":1}]}', 'limits[0].principal is a text'],
    ['{"limits":[{"principal":"\\ud800","qps":1}]}', 'limits[0].principal is a text'],
    ['{"limits":[{"principal":"a","qsp":1}]}', 'limits[0] has a field "qsp"'],
    ['{"limits":[{"principal":"a","qps":"1"}]}', 'limits[0].qps is calls a second'],
    ['{"limits":[{"principal":"a","qps":0}]}', 'limits[0].qps is calls a second'],
    ['{"limits":[{"principal":"a","qps":1e999}]}', 'limits[0].qps is calls a second'],
    ['{"limits":[{"principal":"a","qps":1,"capacity":0.5}]}', 'limits[0].capacity is how many'],
    ['{"limits":[{"principal":"a","capacity":5}]}', 'limits[0].capacity does nothing without limits[0].qps'],
    ['{"limits":[{"principal":"a"},{"principal":"a","qps":1}]}', '"a" has two limits'],
    ['{"aggregate_default_capacity":5}', 'does nothing without aggregate_default_qps'],
  ])('%s is refused: %s', (json, sentence) => {
    const parsed = parseRateLimits(json)
    expect(parsed.ok ? undefined : parsed.error).toContain(sentence)
  })
})
