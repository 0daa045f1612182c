// A clock that stands still until it is moved: the same is counted on a slow machine as on a fast one.
import type { Clock } from '../../../protocol/clock.ts'

export interface StillClock extends Clock {
  /** Moves on by `ms`, firing what becomes due in order, each with the time to do what follows from it. */
  advance(ms: number): Promise<void>
}

/** Work of this process that waits for nothing outside takes fewer turns of the event loop. */
const TURNS = 20

export function stillClock(): StillClock {
  let now = Date.UTC(2026, 10, 1)
  let order = 0
  const timers = new Set<{ readonly due: number; readonly order: number; readonly action: () => void }>()
  return {
    now: () => now,
    after(ms, action) {
      const timer = { due: now + Math.max(0, ms), order: order++, action }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async advance(ms) {
      const end = now + ms
      await settled()
      for (;;) {
        const [next] = [...timers]
          .filter(({ due }) => due <= end)
          .sort((a, b) => a.due - b.due || a.order - b.order)
        if (next === undefined) break
        timers.delete(next)
        now = next.due
        next.action()
        await settled()
      }
      now = end
    },
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
}
