// Where the tokens of rate limits are: in this process when it is the only one, else in the table.
import { draw } from '../../master/authorization/allowance.ts'
import { type Bucket, type Flow, largestChunk, take } from '../../master/authorization/rate-limits.ts'
import { clamped, lastTick } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'

/** Takes one token; 0 when there was one, else how long to wait for one, ms. */
export type TakeToken = (flow: Flow, options: { readonly isAnswer: boolean }) => Promise<number>

/** Of the only process of a cluster: a restart fills every bucket, and nothing is read or written. */
export function ownBuckets({ clock }: Pick<Environment, 'clock'>): TakeToken {
  const buckets = new Map<string, Bucket>()
  return async (flow, { isAnswer }) => {
    const taken = take(flow, buckets.get(flow.principal), clock.now(), { atMost: 1, isAnswer })
    buckets.set(flow.principal, taken.bucket)
    return taken.waitMs
  }
}

/** What an instance has taken out of a shared bucket and not given to anybody yet. */
interface Purse {
  tokens: number
  /** How many were asked for, and when; this function's clock. */
  chunk: number
  drawnAt: number
  /** Until then the bucket is known to be empty, for calls and for answers. */
  emptyUntil: { call: number; answer: number }
  /** Settled when nobody of this process waits for a token of it. */
  last: Promise<unknown>
}

/** A purse used up within this is followed by a larger one; what is left in it then is not used any more. */
const PURSE_MS = 1_000
/** An empty bucket is looked at by each instance at most so often: refusing must cost less than answering. */
const EMPTY_LOOK_MS = 100

/**
 * Of several instances: each takes chunks out of an item by one conditional write. A quiet instance takes one token at
 * a time, a busy one up to a tenth of a second's. One that dies takes at most that much with it; nobody ever gets more
 * than the limit.
 */
export function sharedBuckets(env: Environment): TakeToken {
  const purses = new Map<string, Purse>()
  const time = bucketTime(env)

  return (flow, { isAnswer }) => {
    const purse = purses.get(flow.principal) ?? newPurse()
    purses.set(flow.principal, purse)
    // One after the other: what one of them draws is there for the next.
    const mine = purse.last.then(() => tokenOf(purse, flow, isAnswer))
    purse.last = mine.catch(() => {})
    return mine
  }

  async function tokenOf(purse: Purse, flow: Flow, isAnswer: boolean): Promise<number> {
    const now = env.clock.now()
    const isFresh = now >= purse.drawnAt && now - purse.drawnAt < PURSE_MS
    if (isFresh && purse.tokens > 0) {
      purse.tokens--
      return 0
    }
    const kind = isAnswer ? 'answer' : 'call'
    const knownWaitMs = purse.emptyUntil[kind] - now
    // A clock that went back does not make an empty bucket emptier.
    if (knownWaitMs > 0 && now >= purse.drawnAt) return knownWaitMs
    const chunk = isFresh && !isAnswer ? Math.min(2 * purse.chunk, largestChunk(flow)) : 1
    Object.assign(purse, { tokens: 0, chunk, drawnAt: now })
    const drawn = await drawFrom(flow, { atMost: chunk, isAnswer })
    if (drawn.tokens === 0) {
      purse.emptyUntil[kind] = now + Math.max(drawn.waitMs, EMPTY_LOOK_MS)
      return drawn.waitMs
    }
    purse.tokens = drawn.tokens - 1
    return 0
  }

  async function drawFrom(flow: Flow, wish: { readonly atMost: number; readonly isAnswer: boolean }) {
    const now = await time()
    return await transact(env, {
      name: 'draw from a rate limit',
      load: () => env.store.get('allowance', { principal: flow.principal }),
      decide: (allowance) => draw(allowance, { flow, now, ...wish }),
    })
  }
}

function newPurse(): Purse {
  return {
    tokens: 0,
    chunk: 1,
    drawnAt: Number.NEGATIVE_INFINITY,
    emptyUntil: { call: 0, answer: 0 },
    last: Promise.resolve(),
  }
}

/** Ticks that stay away so long are none: buckets go on filling by this function's own clock. */
const NO_TICKS_MS = 10_000

/** Cluster time, which no clock that is wrong can push ahead (H16), but which an outage of the ticks does not stop. */
function bucketTime(env: Environment): () => Promise<number> {
  let seen = { number: -1, at: Number.NEGATIVE_INFINITY }
  return async () => {
    const tick = await lastTick(env)
    const own = env.clock.now()
    const number = tick?.number ?? 0
    if (number !== seen.number) seen = { number, at: own }
    return own - seen.at < NO_TICKS_MS ? clamped(own, tick, env.settings.profile.tickMs) : own
  }
}
