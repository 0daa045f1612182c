// A table below which workers die: at the n-th call (or commit) from when it is armed, before it took effect or behind it.
import type { Store } from '../../../store/store.ts'

export interface Dying {
  wrap(store: Store): Store
  /** The n-th call from now on, from 0. */
  arm(n: number, when: 'before' | 'after'): void
  fired(): boolean
}

/** @param options reads die as well unless told otherwise */
export function dying({ reads = true }: { readonly reads?: boolean } = {}): Dying {
  let left = Number.POSITIVE_INFINITY
  let kind: 'before' | 'after' = 'before'
  let fired = false

  async function maybe<T>(call: () => Promise<T>, isCounted = true): Promise<T> {
    if (!isCounted || left-- > 0) return await call()
    left = Number.POSITIVE_INFINITY
    fired = true
    if (kind === 'after') await call()
    throw new Error('the worker died here')
  }

  return {
    arm(n, when) {
      left = n
      kind = when
      fired = false
    },
    fired: () => fired,
    wrap: (store) => ({
      get: (what, ref) => maybe(() => store.get(what, ref), reads && what !== 'tick' && what !== 'beats'),
      getMany: (what, refs) => maybe(() => store.getMany(what, refs), reads && what !== 'beats'),
      load: (refs) => maybe(() => store.load(refs), reads),
      query: (partition, ref, options) => maybe(() => store.query(partition, ref, options), reads),
      // Ticks and beats come every second, and each is like the other.
      commit: (changes, token) =>
        maybe(
          () => store.commit(changes, token),
          changes.some((change) => change.kind !== 'tick' && change.kind !== 'beats'),
        ),
    }),
  }
}

/** Tries again until no worker died: whoever asked comes again, or another does. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('died')) throw error
    }
  }
}
