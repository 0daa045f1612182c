// How bugs are planted: between a function and its store, where a real one would read, write or check the wrong thing.
import type { Environment } from '../../functions/environment.ts'
import type { Change } from '../../master/decision.ts'
import type { ItemKind, Items } from '../../master/model.ts'
import type { Store } from '../../store/store.ts'
import type { FunctionName, Mutation } from './plane.ts'

export interface Planted {
  /** What the function believes it has read. */
  readonly item?: ((kind: ItemKind, item: unknown) => unknown) | undefined
  /** What is written in place of a change; undefined: nothing. */
  readonly change?: ((change: Change, all: readonly Change[]) => Change | undefined) | undefined
  readonly commit?:
    | ((changes: readonly Change[], token: string, store: Store) => ReturnType<Store['commit']>)
    | undefined
}

/** Reads pass through `item`, commits through `change` and then `commit`. */
export function withStore(env: Environment, { item, change, commit }: Planted): Environment {
  const { store } = env
  const seen = (kind: ItemKind, one: unknown) =>
    one === undefined || item === undefined ? one : item(kind, one)
  const changed: Store = {
    // What comes out is what the bug makes of an item of the same kind.
    get: async (kind, ref) => seen(kind, await store.get(kind, ref)) as never,
    getMany: async (kind, refs) => (await store.getMany(kind, refs)).map((one) => seen(kind, one)) as never,
    load: async (refs) =>
      (await store.load(refs)).map((one, index) => seen(refs[index]?.kind ?? 'tick', one)) as never,
    query: async (partition, ref, options) => {
      const page = await store.query(partition, ref, options)
      const found = page.found.map((one) => ({ ...one, item: seen(one.kind, one.item) }))
      return { ...page, found: found as never }
    },
    commit: async (changes, token) => {
      const left = change === undefined ? changes : changes.flatMap((one) => change(one, changes) ?? [])
      return commit === undefined ? await store.commit(left, token) : await commit(left, token, store)
    },
  }
  return { ...env, store: changed }
}

/** A bug of one function, or of some. */
export function inFunctions(
  names: FunctionName | readonly FunctionName[],
  change: (env: Environment) => Environment,
): Mutation {
  return (env, name) => ([names].flat().includes(name) ? change(env) : env)
}

/** A bug in what one function reads of one kind. */
export function reads<K extends ItemKind>(
  names: FunctionName | readonly FunctionName[],
  kind: K,
  item: (item: Items[K], env: Environment) => Items[K] | undefined,
): Mutation {
  return inFunctions(names, (env) =>
    withStore(env, {
      // Of this kind, so of this type.
      item: (of, one) => (of === kind ? item(one as Items[K], env) : one),
    }),
  )
}

/** A bug in what one function writes of one kind; undefined: it is not written. */
export function writes<K extends ItemKind>(
  names: FunctionName | readonly FunctionName[],
  kind: K,
  item: (item: Items[K], all: readonly Change[]) => Items[K] | undefined,
): Mutation {
  return inFunctions(names, (env) =>
    withStore(env, {
      change: (change, all) => {
        if (change.kind !== kind || change.do !== 'put') return change
        const made = item(change.item as Items[K], all)
        // The same change of the same kind, with another item.
        return made === undefined ? undefined : ({ ...change, item: made } as Change)
      },
    }),
  )
}

/** A bug in conditions: those of the chosen changes are forgotten, and chosen checks left out. */
export function unconditional(
  names: FunctionName | readonly FunctionName[],
  isChosen: (change: Change, all: readonly Change[]) => boolean,
): Mutation {
  return inFunctions(names, (env) =>
    withStore(env, {
      change: (change, all) => {
        if (!isChosen(change, all)) return change
        return change.do === 'check' ? undefined : { ...change, when: { name: 'anything' } }
      },
    }),
  )
}

/** The newest items a function has read of one kind, for bugs that compare what they write with it. */
export function remembering<K extends ItemKind>(
  kind: K,
  keyOf: (item: Items[K]) => string,
): {
  readonly item: (kind: ItemKind, item: unknown) => unknown
  get(key: string): Items[K] | undefined
} {
  const known = new Map<string, Items[K]>()
  return {
    item: (of, one) => {
      if (of === kind) known.set(keyOf(one as Items[K]), one as Items[K])
      return one
    },
    get: (key) => known.get(key),
  }
}
