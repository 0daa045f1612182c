// Waiting longer each time, with jitter, so that agents that failed together do not come back together.

export interface Backoff {
  /** ms to wait now; the next wait is up to twice as long. */
  next(): number
  reset(): void
}

/** Random waits in [0, first], [0, 2 first], … up to [0, cap]; ms. */
export function backoff(firstMs: number, capMs: number, random: () => number): Backoff {
  let window = firstMs
  return {
    next() {
      const wait = random() * window
      window = Math.min(window * 2, capMs)
      return wait
    },
    reset() {
      window = firstMs
    },
  }
}
