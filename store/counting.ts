// Counts what a store is asked for, in calls and in the units DynamoDB bills: for benches, tests and the price list.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Change, Refs } from '../master/decision.ts'
import type { ItemKind, Items } from '../master/model.ts'
import { keyOf, writeItem } from './items.ts'
import { nameOf, sizeOf } from './rows.ts'
import type { Store } from './store.ts'

export interface Count {
  readonly calls: number
  readonly readUnits: number
  readonly writeUnits: number
}

export interface Counted {
  readonly store: Store
  /** By name: of the operation and its kinds, or the one given to `named`. */
  counts(): Readonly<Record<string, Count>>
  total(): Count
  reset(): void
  /** Everything asked for inside `work` counts under this name. */
  named<T>(name: string, work: () => Promise<T>): Promise<T>
}

const KB = 1024
/** Length of the commit tokens that stand in rows: a UUID. */
const TOKEN = '0'.repeat(36)

/**
 * A write costs a unit per KB of the larger of what was and what will be, double in a transaction, checks included;
 * a consistent read one per 4 KB, at least one. What was is known only of items that passed through here, so counts
 * of removals and checks are a lower bound for items never read. Retries inside the store are not seen.
 */
export function counted(store: Store): Counted {
  const names = new AsyncLocalStorage<string>()
  const sizes = new Map<string, number>()
  let counts = new Map<string, Count>()

  function count(name: string, units: { readonly read?: number; readonly write?: number }): void {
    const under = names.getStore() ?? name
    const old = counts.get(under) ?? { calls: 0, readUnits: 0, writeUnits: 0 }
    counts.set(under, {
      calls: old.calls + 1,
      readUnits: old.readUnits + (units.read ?? 0),
      writeUnits: old.writeUnits + (units.write ?? 0),
    })
  }

  function seen<K extends ItemKind>(kind: K, ref: Refs[K], item: Items[K] | undefined): number {
    const size = item === undefined ? 0 : sizeOfItem(kind, item)
    sizes.set(nameOf(keyOf(kind, ref)), size)
    return Math.max(1, Math.ceil(size / (4 * KB)))
  }

  function units(change: Change): number {
    const name = nameOf(keyOf<ItemKind>(change.kind, change.item))
    const old = sizes.get(name) ?? 0
    const now = change.do === 'put' ? sizeOfItem<ItemKind>(change.kind, change.item) : 0
    return Math.max(1, Math.ceil(Math.max(old, now) / KB))
  }

  function committed(change: Change): void {
    const name = nameOf(keyOf<ItemKind>(change.kind, change.item))
    if (change.do === 'put') sizes.set(name, sizeOfItem<ItemKind>(change.kind, change.item))
    if (change.do === 'remove') sizes.set(name, 0)
  }

  return {
    counts: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    total: () =>
      [...counts.values()].reduce(
        (sum, one) => ({
          calls: sum.calls + one.calls,
          readUnits: sum.readUnits + one.readUnits,
          writeUnits: sum.writeUnits + one.writeUnits,
        }),
        { calls: 0, readUnits: 0, writeUnits: 0 },
      ),
    reset() {
      counts = new Map()
    },
    named: (name, work) => names.run(name, work),
    store: {
      async get(kind, ref) {
        const item = await store.get(kind, ref)
        count(`get ${kind}`, { read: seen(kind, ref, item) })
        return item
      },
      async getMany(kind, refs) {
        const items = await store.getMany(kind, refs)
        const read = refs.reduce((sum, ref, index) => sum + seen(kind, ref, items[index]), 0)
        count(`get many ${kind}`, { read })
        return items
      },
      async load(refs) {
        const items = await store.load(refs)
        const read = refs.reduce(
          (sum, { kind, ref }, index) => sum + seen<ItemKind>(kind, ref, items[index]),
          0,
        )
        count(`load ${grouped(refs.map(({ kind }) => kind))}`, { read })
        return items
      },
      async query(partition, ref, options) {
        const page = await store.query(partition, ref, options)
        let bytes = 0
        for (const { kind, item } of page.found) {
          const size = sizeOfItem<ItemKind>(kind, item)
          sizes.set(nameOf(keyOf<ItemKind>(kind, refOf(item))), size)
          bytes += size
        }
        count(`query ${partition}`, { read: Math.max(1, Math.ceil(bytes / (4 * KB))) })
        return page
      },
      async commit(changes, token) {
        const [only] = changes
        const each = changes.reduce((sum, change) => sum + units(change), 0)
        const result = await store.commit(changes, token)
        if (result.kind === 'committed') changes.forEach(committed)
        const name = `commit ${grouped(changes.map((change) => `${change.do} ${change.kind}`))}`
        if (changes.length > 1) count(name, { write: 2 * each })
        else if (only?.do === 'check') count(name, { read: each })
        else if (only !== undefined) count(name, { write: each })
        return result
      },
    },
  }
}

function sizeOfItem<K extends ItemKind>(kind: K, item: Items[K]): number {
  return sizeOf(writeItem(kind, item as Items[K] & Refs[K], TOKEN))
}

/** Every item holds the fields of its ref. */
function refOf(item: Items[ItemKind]): Refs[ItemKind] {
  return item as unknown as Refs[ItemKind]
}

/** `framework, gate, ledger ×2`: each word once, in order of appearance. */
function grouped(words: readonly string[]): string {
  const times = new Map<string, number>()
  for (const word of words) times.set(word, (times.get(word) ?? 0) + 1)
  return [...times].map(([word, count]) => (count === 1 ? word : `${word} ×${count}`)).join(', ')
}
