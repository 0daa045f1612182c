// A clock for whole-cluster tests: it flows with real time and can be moved ahead, firing what becomes due in order.
import type { Clock } from '../protocol/clock.ts'

export interface MovedClock extends Clock {
  /**
   * Moves the clock ahead by `ms` in steps, firing timers in order and letting real input and output settle
   * between the steps, so that beats, ticks and resends happen as they would have.
   */
  advance(ms: number, options?: { readonly stepMs?: number; readonly settleMs?: number }): Promise<void>
  /** Cancels all timers; afterwards the clock only tells the time. */
  stop(): void
}

interface Timer {
  readonly due: number
  readonly order: number
  readonly action: () => void
}

export function movedClock(): MovedClock {
  let offset = 0
  let order = 0
  let stopped = false
  const timers = new Set<Timer>()
  let wake: ReturnType<typeof setTimeout> | undefined

  const clock: MovedClock = {
    now: () => Date.now() + offset,
    after(ms, action) {
      const timer: Timer = { due: clock.now() + Math.max(0, ms), order: order++, action }
      if (!stopped) timers.add(timer)
      schedule()
      return () => {
        timers.delete(timer)
      }
    },
    async advance(ms, { stepMs = 250, settleMs = 4 } = {}) {
      let left = ms
      while (left > 0 && !stopped) {
        const step = Math.min(left, stepMs)
        offset += step
        left -= step
        fire()
        await settle(settleMs)
      }
    },
    stop() {
      stopped = true
      timers.clear()
      clearTimeout(wake)
    },
  }
  return clock

  function fire(): void {
    const now = clock.now()
    const due = [...timers]
      .filter((timer) => timer.due <= now)
      .sort((a, b) => a.due - b.due || a.order - b.order)
    for (const timer of due) {
      if (timers.delete(timer)) timer.action()
    }
    schedule()
  }

  function schedule(): void {
    clearTimeout(wake)
    if (stopped || timers.size === 0) return
    let next = Number.POSITIVE_INFINITY
    for (const timer of timers) next = Math.min(next, timer.due)
    wake = setTimeout(fire, Math.max(0, Math.min(next - clock.now(), 1_000)))
    wake.unref()
  }
}

/** Lets sockets, child processes and promises of this process make progress. */
async function settle(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  await new Promise((resolve) => setImmediate(resolve))
}
