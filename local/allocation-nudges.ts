// On one machine a nudge to the allocator is a bell in this process, not a message: it comes at once and costs nothing.
//
// On AWS it goes through the `allocate` queue. Either way it may be lost, and the allocator also runs each second.

import type { Log } from '../functions/environment.ts'
import type { MessageSource } from '../functions/ports/message-source.ts'
import { ALLOCATION_INTERVAL_MS } from '../master/limits.ts'
import { type Clock, sleep } from '../protocol/clock.ts'

export interface AllocationNudges {
  /** The queues, with `allocate` answered by the bell. */
  readonly queues: MessageSource
  /**
   * Runs turns until the signal aborts: after each nudge, with what the nudges said, and each second, with nothing.
   * Nudges during a turn make one more turn.
   */
  run(
    turn: (nudges: readonly { readonly body: string }[]) => Promise<unknown>,
    clock: Clock,
    log: Log,
    signal: AbortSignal,
  ): Promise<void>
}

export function allocationNudges(queues: MessageSource): AllocationNudges {
  let wanted: readonly { readonly body: string }[] = []
  let wake: (() => void) | undefined
  return {
    queues: {
      ...queues,
      async send(queue, body, options) {
        if (queue !== 'allocate') return queues.send(queue, body, options)
        wanted = [...wanted, { body }]
        wake?.()
      },
    },
    async run(turn, clock, log, signal) {
      let lookedAt = Number.NEGATIVE_INFINITY
      while (!signal.aborted) {
        const now = clock.now()
        // Nudges without end must not keep it from looking; nor may those of a turn that failed be forgotten.
        const isLook = wanted.length === 0 || now - lookedAt >= ALLOCATION_INTERVAL_MS || now < lookedAt
        const nudges = isLook ? [] : wanted
        wanted = []
        if (isLook) lookedAt = now
        await turn(nudges).catch((error: unknown) => {
          lookedAt = Number.NEGATIVE_INFINITY
          log.error('allocation failed', { error: String(error) })
        })
        if (wanted.length > 0 || signal.aborted) continue
        const waiting = new AbortController()
        wake = () => waiting.abort()
        const end = () => waiting.abort()
        signal.addEventListener('abort', end, { once: true })
        await sleep(clock, ALLOCATION_INTERVAL_MS, waiting.signal)
        signal.removeEventListener('abort', end)
        wake = undefined
      }
    },
  }
}
