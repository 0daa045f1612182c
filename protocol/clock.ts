// The one way to know the time and to wait, so that tests can move the clock.

/** A source of time. `now` is milliseconds since 1970. Nothing outside an implementation reads the system's clock. */
export interface Clock {
  now(): number
  /** Runs `action` once, `ms` milliseconds from now; the returned function cancels it. */
  after(ms: number, action: () => void): () => void
}

/** The machine's own clock. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

/** Resolves `ms` milliseconds from now, or as soon as the signal aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const cancel = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
    function done(): void {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
  })
}
