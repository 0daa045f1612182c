// A table that answers in any order, by a seed: calls overtake each other, and every ledger written is kept.
import type { Ledger } from '../../../master/model.ts'
import type { Store } from '../../../store/store.ts'

/** Small numbers that follow from the seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Every call waits a while before and after, so that calls overtake each other; keeps every ledger that was written. */
export function shaken(store: Store, next: (below: number) => number, seen: Ledger[]): Store {
  const wait = async (): Promise<void> => {
    for (let left = next(4); left > 0; left--) await turnOfLoop()
  }
  const shake = async <T>(call: () => Promise<T>): Promise<T> => {
    await wait()
    const result = await call()
    await wait()
    return result
  }
  return {
    get: (kind, ref) => shake(() => store.get(kind, ref)),
    getMany: (kind, refs) => shake(() => store.getMany(kind, refs)),
    load: (refs) => shake(() => store.load(refs)),
    query: (partition, ref, options) => shake(() => store.query(partition, ref, options)),
    commit: (changes, token) =>
      shake(async () => {
        const result = await store.commit(changes, token)
        for (const change of changes) {
          if (result.kind === 'committed' && change.do === 'put' && change.kind === 'ledger')
            seen.push(change.item)
        }
        return result
      }),
  }
}
