// A file that may change while the cluster runs: read again every few seconds, and the last good content counts.
import { readFileSync } from 'node:fs'
import type { Log } from '../functions/environment.ts'
import type { Clock } from '../protocol/clock.ts'

/** What is written into the file counts after this at the latest, ms. */
export const READ_EACH_MS = 5_000

/**
 * Reads it now, and throws if that fails; later failures are logged, and what was read before still counts.
 * @param read throws a sentence that may be logged
 */
export function liveFile<T>(options: {
  readonly path: string
  readonly read: (text: string) => T
  readonly clock: Clock
  readonly log: Log
  readonly what: string
}): () => T {
  const { path, read, clock, log, what } = options
  let text = readFileSync(path, 'utf8')
  let current = read(text)
  let said: string | undefined
  const look = (): void => {
    try {
      const now = readFileSync(path, 'utf8')
      if (now !== text) {
        current = read(now)
        text = now
        log.info(`${what} read again`, { path })
      }
      said = undefined
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (why !== said)
        log.error(`${what} not read; what was there before still counts`, { path, error: why })
      said = why
    }
    clock.after(READ_EACH_MS, look)
  }
  clock.after(READ_EACH_MS, look)
  return () => current
}
