// The platform's faults of the moment: how often calls fail and how, and which service is away. All quiet at the end.
import type { VirtualTime } from './virtual-time.ts'

export interface Rates {
  /** Of a store call: it fails before it took effect. */
  readonly storeLost: number
  /** Of a commit: it took effect and the caller hears StoreUnavailable. */
  readonly answerLost: number
  /** Of a commit: its first answer was lost inside the adapter, which tried again with the same token (H1). */
  readonly triedAgain: number
  /** Of a store call: throttled or in conflict, answered late. */
  readonly storeSlow: number
  readonly queueDropped: number
  readonly queueRepeated: number
  /** Delayed by up to two minutes, which reorders. */
  readonly queueDelayed: number
  /** Of a call over the network: request lost, answer lost, delivered twice. */
  readonly netLost: number
  readonly netAnswerLost: number
  readonly netRepeated: number
  /** Of a store or queue call: the process that makes it dies there. */
  readonly crash: number
  /** Of a store call: the process pauses there, up to a minute. */
  readonly pause: number
}

export const CALM: Rates = {
  storeLost: 0,
  answerLost: 0,
  triedAgain: 0,
  storeSlow: 0,
  queueDropped: 0,
  queueRepeated: 0,
  queueDelayed: 0,
  netLost: 0,
  netAnswerLost: 0,
  netRepeated: 0,
  crash: 0,
  pause: 0,
}

export const ROUGH: Rates = {
  storeLost: 0.004,
  answerLost: 0.004,
  triedAgain: 0.01,
  storeSlow: 0.02,
  queueDropped: 0.03,
  queueRepeated: 0.05,
  queueDelayed: 0.05,
  netLost: 0.01,
  netAnswerLost: 0.01,
  netRepeated: 0.02,
  crash: 0.0005,
  pause: 0.0003,
}

/** Rates that a seed scales, and outages. */
export class Weather {
  rates: Rates = CALM
  readonly #time: VirtualTime
  #storeAwayUntil = 0
  #queuesAwayUntil = 0
  readonly #throttledUntil = new Map<string, number>()
  readonly #outages: { readonly from: number; until: number }[] = []

  constructor(time: VirtualTime) {
    this.#time = time
  }

  scale(rates: Rates, factor: number): void {
    const scaled = Object.entries(rates).map(([name, rate]) => [name, Math.min(0.5, rate * factor)])
    // The same names with other numbers.
    this.rates = Object.fromEntries(scaled) as unknown as Rates
  }

  takeAway(what: 'store' | 'queues', ms: number): void {
    const until = this.#time.now() + ms
    if (what === 'store') this.#storeAwayUntil = Math.max(until, this.#storeAwayUntil)
    else this.#queuesAwayUntil = Math.max(until, this.#queuesAwayUntil)
    this.#outages.push({ from: this.#time.now(), until })
  }

  /** Something of ours is away, apart from services; until what is yielded is called. */
  away(): () => void {
    const outage = { from: this.#time.now(), until: Number.POSITIVE_INFINITY }
    this.#outages.push(outage)
    return () => {
      outage.until = this.#time.now()
    }
  }

  /** The longest time since `since` in which nothing was away, ms; outages shorter than `apartFromMs` do not count. */
  longestClear(since: number, apartFromMs = 0): number {
    const now = this.#time.now()
    let from = since
    let longest = 0
    for (const outage of this.#outages) {
      if (outage.until <= from || outage.until - outage.from < apartFromMs) continue
      longest = Math.max(longest, Math.min(outage.from, now) - from)
      from = Math.max(from, outage.until)
    }
    return Math.max(longest, now - from)
  }

  /** Everything under this id is refused for a while. */
  throttle(id: string, ms: number): void {
    this.#throttledUntil.set(id, this.#time.now() + ms)
  }

  isAnyThrottled(): boolean {
    return this.#throttledUntil.size > 0
  }

  isThrottled(id: string): boolean {
    return this.#time.now() < (this.#throttledUntil.get(id) ?? 0)
  }

  isStoreAway(): boolean {
    return this.#time.now() < this.#storeAwayUntil
  }

  areQueuesAway(): boolean {
    return this.#time.now() < this.#queuesAwayUntil
  }

  clear(): void {
    this.rates = CALM
    this.#throttledUntil.clear()
    const now = this.#time.now()
    for (const outage of this.#outages)
      if (Number.isFinite(outage.until)) outage.until = Math.min(outage.until, now)
    this.#storeAwayUntil = Math.min(this.#storeAwayUntil, now)
    this.#queuesAwayUntil = Math.min(this.#queuesAwayUntil, now)
  }
}
