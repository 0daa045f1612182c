// Items of several kinds in one round trip, given back by kind.
import type { Refs } from '../master/decision.ts'
import type { ItemKind, Items } from '../master/model.ts'
import type { AnyRef, Store } from '../store/store.ts'

export type Asked = { readonly [K in ItemKind]?: readonly Refs[K][] }

/** Items by kind, in the order asked; undefined where there is none. */
export type Loaded<A extends Asked> = {
  readonly [K in keyof A & ItemKind]: readonly (Items[K] | undefined)[]
}

/** One round trip per hundred items; not a snapshot. Nothing is read when nothing is asked. */
export async function loadTogether<const A extends Asked>(store: Store, asked: A): Promise<Loaded<A>> {
  const kinds = Object.keys(asked) as (keyof A & ItemKind)[]
  // Each kind with refs of its own: what `Asked` says, and the compiler loses over the keys of an object.
  const refs = kinds.flatMap((kind) => (asked[kind] ?? []).map((ref) => ({ kind, ref }) as unknown as AnyRef))
  const items = refs.length === 0 ? [] : await store.load(refs)
  let from = 0
  const byKind = kinds.map((kind) => {
    const until = from + (asked[kind]?.length ?? 0)
    const found = items.slice(from, until)
    from = until
    return [kind, found]
  })
  return Object.fromEntries(byKind)
}
