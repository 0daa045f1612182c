// Bells within one process: who waits for a framework's mail or for a change is woken at once.
import type { Clock } from '../../protocol/clock.ts'
import type { Bells } from '../environment.ts'

/** Bells that wait by the given clock. A ring that nobody waits for is lost, as every nudge may be. */
export function inProcessBells(clock: Clock): Bells {
  const waiting = new Map<string, Set<() => void>>()

  return {
    ring(name) {
      for (const wake of [...(waiting.get(name) ?? [])]) wake()
    },
    wait(name, ms, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const waiters = waiting.get(name) ?? new Set()
        waiting.set(name, waiters.add(wake))
        const cancel = clock.after(ms, wake)
        signal?.addEventListener('abort', wake, { once: true })

        function wake(): void {
          cancel()
          signal?.removeEventListener('abort', wake)
          waiters.delete(wake)
          if (waiters.size === 0 && waiting.get(name) === waiters) waiting.delete(name)
          resolve()
        }
      })
    },
  }
}
