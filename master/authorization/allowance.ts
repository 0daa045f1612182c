// Taking from a bucket that several instances share: the decision that hands one of them some tokens.
import { type Decision, nothing } from '../decision.ts'
import type { Allowance } from '../model.ts'
import { type Flow, fullAt, type Taken, take, type Wish } from './rate-limits.ts'

/** A bucket that is full is as good as none, so nobody misses it; the time is for clocks that differ. */
const KEPT_MS = 24 * 3_600_000

export type Draw = Omit<Taken, 'bucket'>

/** Nothing is written when there is nothing to take. `now`: cluster time, ms. */
export function draw(
  allowance: Allowance | undefined,
  wish: Wish & { readonly flow: Flow; readonly now: number },
): Decision<Draw> {
  const { flow, now } = wish
  const { tokens, waitMs, bucket } = take(flow, allowance, now, wish)
  if (tokens === 0) return nothing({ tokens, waitMs })
  const item: Allowance = {
    version: allowance?.version ?? 0,
    principal: flow.principal,
    tokens: bucket.tokens,
    at: bucket.at,
    ttl: Math.ceil((Math.max(fullAt(flow, bucket), now) + KEPT_MS) / 1_000),
  }
  return {
    changes: [{ do: 'put', kind: 'allowance', item, when: { name: 'unchanged' } }],
    tell: [],
    answer: { tokens, waitMs },
  }
}
