// An open stream is asked again, every few seconds, whether its reader may still read it (A26).
//
// A credential that was taken away, or a secret that was changed, refuses the next call at once; without this a stream
// that was opened before would go on for days.
import type { Environment } from '../environment.ts'
import type { Authenticated } from './authentication.ts'
import { CLOSED_BY_HOST, type HttpAnswer, type HttpStream, isStream } from './types.ts'

/** A stream outlives its credential by at most so long, ms. */
export const RECHECK_MS = 10_000

/** The answer; a stream in it ends, as one the host ends, when its request would be refused now. */
export function rechecked(
  { clock, log }: Partial<Pick<Environment, 'clock'>> & Pick<Environment, 'log'>,
  answer: HttpAnswer,
  authenticate: () => Promise<Authenticated>,
): HttpAnswer {
  const { body } = answer
  if (!isStream(body) || clock === undefined) return answer
  const open: HttpStream['open'] = async (write, closed) => {
    const ending = new AbortController()
    let cancel: () => void = () => {}
    const schedule = (): void => {
      cancel = clock.after(RECHECK_MS, () => {
        stillMay().then((isStill) => (isStill ? schedule() : ending.abort(CLOSED_BY_HOST)))
      })
    }
    // Who cannot be asked about is not refused: the next look comes.
    const stillMay = async (): Promise<boolean> =>
      await authenticate().then(
        (who) => !('refused' in who),
        () => true,
      )
    closed.addEventListener('abort', () => ending.abort(closed.reason), { once: true })
    if (closed.aborted) ending.abort(closed.reason)
    schedule()
    try {
      await body.open(write, ending.signal)
      if (ending.signal.aborted && !closed.aborted)
        log.warn('stream ended: its credential is not good any more')
    } finally {
      cancel()
      ending.abort(CLOSED_BY_HOST)
    }
  }
  return { ...answer, body: { open } }
}
