// What happened, in order: the last events are kept to be told when something is wrong, and all of them are hashed.
import { createHash } from 'node:crypto'
import type { Clock } from '../../protocol/clock.ts'

export interface Happened {
  readonly at: number
  readonly text: string
  /** Ids it is about: agents, frameworks, tasks, offers. */
  readonly about: readonly string[]
}

const KEPT = 60_000
const TOLD = 40

/** An invariant that does not hold. */
export class Violation extends Error {
  readonly invariant: string
  readonly about: readonly string[]

  constructor(invariant: string, text: string, about: readonly string[] = []) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
    this.about = about
  }
}

export class Story {
  readonly #clock: Clock
  readonly #start: number
  readonly #hash = createHash('sha256')
  /** Not hashed yet: many short texts at once cost less than each by itself. */
  #unhashed = ''
  #events: Happened[] = []
  count = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#start = clock.now()
  }

  tell(text: string, ...about: readonly (string | undefined)[]): void {
    const at = this.#clock.now() - this.#start
    this.#unhashed += `${at} ${text}\n`
    if (this.#unhashed.length > 50_000) this.#hashAll()
    this.count += 1
    this.#events.push({ at, text, about: about.filter((id) => id !== undefined) })
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT)
  }

  #hashAll(): void {
    this.#hash.update(this.#unhashed)
    this.#unhashed = ''
  }

  digest(): string {
    this.#hashAll()
    return this.#hash.copy().digest('hex').slice(0, 16)
  }

  /** The last events that speak of any of these ids, or simply the last ones; faults always count. */
  last(about: readonly string[], count = TOLD): readonly string[] {
    const wanted = new Set(about.filter((id) => id !== ''))
    const relevant = this.#events.filter(
      (event) =>
        wanted.size === 0 || event.text.startsWith('FAULT') || event.about.some((id) => wanted.has(id)),
    )
    const own = relevant.filter(({ text }) => wanted.size === 0 || !text.startsWith('FAULT')).slice(-count)
    const from = own[0]?.at ?? 0
    return relevant
      .filter((event) => own.includes(event) || event.at >= from)
      .slice(-count)
      .map(({ at, text }) => `${clockText(at)}  ${text}`)
  }
}

function clockText(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  return `${String(minutes).padStart(4)}:${((ms % 60_000) / 1000).toFixed(3).padStart(6, '0')}`
}
