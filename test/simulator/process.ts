// A process that can be killed or paused at any await: a dead one hears nothing any more, as after `kill -9`.
import type { Clock } from '../../protocol/clock.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'

/**
 * What a port call or a timer of a dead process becomes: nothing, for ever. A promise of its own each time, so that
 * nobody holds those who wait for it: one for all would keep every simulation of the process in memory.
 */
export const never = () => new Promise<never>(() => {})

export class SimProcess implements Clock {
  readonly name: string
  readonly time: VirtualTime
  readonly chance: Chance
  /** Its clock is off by so many ms. */
  readonly skewMs: number
  isDead = false
  #pausedUntil = 0
  readonly #onDeath = new Set<() => void>()

  constructor(name: string, time: VirtualTime, chance: Chance, skewMs = 0) {
    this.name = name
    this.time = time
    this.chance = chance
    this.skewMs = skewMs
  }

  now(): number {
    return this.time.now() + this.skewMs
  }

  after(ms: number, action: () => void): () => void {
    let isCancelled = false
    let cancel = this.time.after(ms, fire)
    const self = this
    return () => {
      isCancelled = true
      cancel()
    }
    function fire(): void {
      if (self.isDead || isCancelled) return
      const left = self.#pausedUntil - self.time.now()
      if (left > 0) cancel = self.time.after(left, fire)
      else action()
    }
  }

  /** Waits in virtual time as part of this process: never resolves when it dies meanwhile. */
  wait(ms: number): Promise<void> {
    if (this.isDead) return never()
    return new Promise((resolve) => this.after(ms, resolve))
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.time.now() + ms)
  }

  /** Runs work whose answer only the living hear. */
  async ask<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.isDead) return await never()
    try {
      const value = await work()
      if (this.isDead) return await never()
      await this.#resumed()
      return value
    } catch (error) {
      if (this.isDead) return await never()
      await this.#resumed()
      throw error
    }
  }

  async #resumed(): Promise<void> {
    const left = this.#pausedUntil - this.time.now()
    if (left > 0) await this.wait(left)
  }

  /** For whoever talks to this process: the connection breaks when it dies. */
  onDeath(action: () => void): () => void {
    this.#onDeath.add(action)
    return () => this.#onDeath.delete(action)
  }

  die(): void {
    if (this.isDead) return
    this.isDead = true
    for (const action of [...this.#onDeath]) action()
    this.#onDeath.clear()
  }
}
