// Beats at a steady interval, whatever time one takes: one that is late is not overtaken, one that is lost not sent again.
import type { Clock } from '../protocol/clock.ts'
import type { Log } from './log.ts'

/** Beats until the returned function is called; the first one at once. */
export function startBeating(
  intervalMs: number,
  { clock, log, send }: { readonly clock: Clock; readonly log: Log; readonly send: () => Promise<void> },
): () => void {
  let isOver = false
  let cancel: (() => void) | undefined
  const beat = async () => {
    const due = clock.now() + intervalMs
    await send().catch((error: unknown) => log.warn('a beat was not sent', { error: String(error) }))
    if (!isOver) cancel = clock.after(Math.max(0, due - clock.now()), () => void beat())
  }
  void beat()
  return () => {
    isOver = true
    cancel?.()
  }
}
