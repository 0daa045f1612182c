// Writes that nobody waits for: a function is frozen as soon as it has answered, so it waits for them.
//
// A process that goes on finishes what it began (`noteCall`). A frozen one would finish it at its next thawing, seconds
// or hours later, or never.
import { type Clock, sleep } from '../../protocol/clock.ts'
import type { Store } from '../../store/store.ts'

export interface Watched {
  readonly store: Store
  /** Resolves when nothing is under way any more, or after a while: an answer does not wait for an ailing table. */
  finished(clock: Clock): Promise<void>
}

const MOST_MS = 500

export function watched(store: Store): Watched {
  const underWay = new Set<Promise<unknown>>()
  const noted = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work)
    const done = () => void underWay.delete(work)
    work.then(done, done)
    return work
  }
  return {
    store: {
      ...store,
      get: (...given) => noted(store.get(...given)),
      commit: (...given) => noted(store.commit(...given)),
    },
    async finished(clock) {
      const ending = new AbortController()
      const ended = allOf(underWay).then(() => ending.abort())
      await Promise.race([ended, sleep(clock, MOST_MS, ending.signal)])
    },
  }
}

/** One thing may begin another a few steps after it is done: the loop ends when a whole turn of the process was quiet. */
async function allOf(underWay: ReadonlySet<Promise<unknown>>): Promise<void> {
  do {
    await Promise.allSettled(underWay)
    await new Promise((resolve) => setImmediate(resolve))
  } while (underWay.size > 0)
}
