// Virtual time and chance: timers in a heap, the next one fires when nothing is left to do; all chance is one seed.
import type { Clock } from '../../protocol/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  action: (() => void) | undefined
}

/** Time that passes only when everybody waits. Nothing ever really waits. */
export class VirtualTime implements Clock {
  #now: number
  #order = 0
  readonly #heap: Timer[] = []
  /** Timers that fired. */
  fired = 0

  constructor(start: number) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  after(ms: number, action: () => void): () => void {
    const wait = Number.isFinite(ms) ? Math.max(0, ms) : 1e12
    const timer: Timer = { at: this.#now + wait, order: this.#order++, action }
    this.#push(timer)
    return () => {
      timer.action = undefined
    }
  }

  /** Fires timers one by one, each with all that follows from it, until `until` (ms since 1970) or a false. */
  run(until: number, afterEach: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const burst = () => {
        try {
          settle()
          for (let left = BURST; left > 0; left--) {
            if (!this.#fire(until)) {
              this.#now = Math.max(this.#now, until)
              return resolve()
            }
            settle()
            if (!afterEach()) return resolve()
          }
          setImmediate(burst)
        } catch (error) {
          reject(error)
        }
      }
      setImmediate(burst)
    })
  }

  /** False: there is no timer until then. */
  #fire(until: number): boolean {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.at > until) return false
      this.#pop()
      const { action } = next
      if (action === undefined) continue
      this.#now = next.at
      this.fired += 1
      action()
      return true
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let index = heap.push(timer) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(timer, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      // Three quarters of a million times in a simulated hour: without arrays to take apart.
      const a = heap[left]
      const b = heap[left + 1]
      if (a === undefined) break
      const isRight = b !== undefined && isBefore(b, a)
      const child = isRight ? b : a
      const at = isRight ? left + 1 : left
      if (!isBefore(child, last)) break
      heap[index] = child
      index = at
    }
    heap[index] = last
  }
}

/** Timers fired between two looks at the event loop, which nothing simulated waits for. */
const BURST = 2_000

/**
 * Runs all microtasks and those they make, now. Node keeps this entry for programs that emulate a tick; a turn of the
 * event loop for each timer would cost more than what most timers do.
 */
// Not among the types of `process`.
const settle = (process as unknown as { readonly _tickCallback: () => void })._tickCallback

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** Chance from a seed; streams made of one seed by name are independent of each other. */
export class Chance {
  #state: number

  constructor(seed: number, name = '') {
    let state = seed >>> 0
    for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193) >>> 0
    this.#state = (state ^ 0x9e3779b9) >>> 0
    for (let warm = 0; warm < 4; warm++) this.next()
  }

  /** In [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  happens(probability: number): boolean {
    return this.next() < probability
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1))
  }

  of<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)]
  }

  text(length: number): string {
    let text = ''
    while (text.length < length) text += LETTERS[Math.floor(this.next() * LETTERS.length)]
    return text
  }

  uuid(): string {
    let hex = ''
    while (hex.length < 32)
      hex += Math.floor(this.next() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
  }

  /** Random bytes as base64. */
  bytes(length: number): string {
    return Buffer.from(Array.from({ length }, () => Math.floor(this.next() * 256))).toString('base64')
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
