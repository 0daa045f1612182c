// Does the same for many, a few at a time; one that fails is logged and the others go on.
import type { Log } from '../environment.ts'

/** Agents worked on at once: enough for a zone within seconds, few enough for the table. */
export const AT_ONCE = 32

/** Results in the order of the list, undefined where the work failed. */
export async function inParallel<T, R>(
  list: readonly T[],
  log: Log,
  what: string,
  work: (one: T) => Promise<R>,
): Promise<readonly (R | undefined)[]> {
  const results = new Array<R | undefined>(list.length).fill(undefined)
  const entries = list.entries()
  const worker = async () => {
    for (const [index, one] of entries) {
      try {
        results[index] = await work(one)
      } catch (error) {
        log.error('part failed', { of: what, error: error instanceof Error ? error.stack : String(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, list.length) }, worker))
  return results
}
