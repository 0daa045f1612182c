// The store over any table of rows: keys, bodies, conditions and bounds are the same for all of them.
import { isDeepStrictEqual } from 'node:util'
import type { Change, Refs } from '../master/decision.ts'
import { MAX_TRANSACTION_ITEMS } from '../master/limits.ts'
import type { ItemKind, Items } from '../master/model.ts'
import type { Clock } from '../protocol/clock.ts'
import { assert } from './assert.ts'
import { type Rule, ruleOf } from './conditions.ts'
import { KINDS, keyOf, PARTITIONS, readCursor, readItem, rowBeside, writeCursor, writeItem } from './items.ts'
import { kept } from './kept.ts'
import { UNIT_BYTES } from './packing.ts'
import { byBytes, expired, nameOf, type Row, type Rows, type Step, sizeOf } from './rows.ts'
import type { CommitResult, Found, PartitionKinds, Store } from './store.ts'

/** DynamoDB: an item, and all items of one transaction. */
export const MAX_ITEM_BYTES = 400 * 1024
export const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024

/** A row of a table that gives out the very rows it was given. */
interface KeptRow extends Row {
  readonly item: object
}

/** One row in so many is written out although its item is kept. */
const SAMPLED = 64

/**
 * The store over `rows`; `clock` says what is past its ttl.
 * @param options `unitBytes`: see `packing.ts`; `remembers`: for a new table that gives out the very rows it was
 *   given: items are kept beside them, frozen, and only one row in sixty-four is written out and read back, to see that
 *   both ways come to the same
 */
export function storeOver(
  rows: Rows,
  clock: Clock,
  options: { readonly unitBytes?: number | undefined; readonly remembers?: boolean | undefined } = {},
): Store {
  const { unitBytes = UNIT_BYTES, remembers = false } = options
  const nowSeconds = () => Math.floor(clock.now() / 1000)

  function itemOf<K extends ItemKind>(kind: K, row: Row | undefined): Items[K] | undefined {
    if (row === undefined || expired(row, nowSeconds())) return undefined
    if (!remembers) return readItem(kind, row)
    // A row is of one kind, which its key says.
    return (row as KeptRow).item as Items[K]
  }

  let written = 0

  /** The row of an item that is put. */
  function rowOf<K extends ItemKind>(kind: K, item: Items[K] & Refs[K], token: string): Row | KeptRow {
    if (!remembers) return writeItem(kind, item, token, unitBytes)
    const known = kept<Items[K]>({ ...item, version: item.version + 1 })
    const isSample = written++ % SAMPLED === 0
    const row = isSample ? writeItem(kind, item, token, unitBytes) : rowBeside(kind, item, token)
    if (isSample)
      assert(isDeepStrictEqual(readItem(kind, row), known), () => `a ${kind} is not read as it was written`)
    return { ...row, item: known }
  }

  return {
    async get(kind, ref) {
      const [row] = await rows.read([keyOf(kind, ref)])
      return itemOf(kind, row)
    },

    async getMany(kind, refs) {
      const found = await rows.read(refs.map((ref) => keyOf(kind, ref)))
      return found.map((row) => itemOf(kind, row))
    },

    async load(refs) {
      const found = await rows.read(refs.map(({ kind, ref }) => keyOf<ItemKind>(kind, ref)))
      // One element per ref, of its kind: a mapped type over a tuple cannot be made with map.
      return refs.map(({ kind }, index) => itemOf<ItemKind>(kind, found[index])) as never
    },

    async query(partition, ref, { after, limit, only } = {}) {
      const { pk, kinds } = PARTITIONS[partition]
      assert(limit === undefined || limit >= 1, () => `a page of at most ${limit} items`)
      const prefix = prefixOf(kinds, only)
      const place = placeIn(prefix, after === undefined ? undefined : readCursor(after))
      if (place === 'behind') return { found: [] }
      const page = await rows.list({ pk: pk(ref), prefix, after: place, limit })
      return {
        found: page.rows.flatMap((row) => found(kinds, row, (kind) => itemOf(kind, row))),
        next: page.last === undefined ? undefined : writeCursor(page.last),
      }
    },

    async commit(changes, token): Promise<CommitResult> {
      if (changes.length === 0) return { kind: 'committed' }
      const seconds = nowSeconds()
      const steps = changes.map((change) => stepOf(change, seconds, (kind, item) => rowOf(kind, item, token)))
      checkBounds(changes, steps)
      const failed = await rows.commit(steps, token)
      if (failed.length === 0) return { kind: 'committed' }
      return { kind: 'conflicted', failed: changes.filter((_, index) => failed.includes(index)) }
    },
  }
}

/** A change as the table executes it; keys of items and refs are the same fields. */
function stepOf(
  change: Change,
  seconds: number,
  rowOf: (kind: ItemKind, item: Items[ItemKind] & Refs[ItemKind]) => Row,
): Step {
  const { rule, args } = ruleOf(change, { expires: expires(change.kind), nowSeconds: seconds })
  assertFits(change.kind, rule)
  if (change.do === 'put') {
    // The compiler sees a union of kinds and a union of items, but not that they belong together: `Change` says it.
    const item = change.item as Items[ItemKind] & Refs[ItemKind]
    return { do: 'put', row: rowOf(change.kind, item), rule, args }
  }
  return { do: change.do, row: keyOf<ItemKind>(change.kind, change.item), rule, args }
}

function expires(kind: ItemKind): boolean {
  const lifted: readonly string[] = KINDS[kind].lifted
  return lifted.includes('ttl')
}

/** A rule about a field that this kind keeps inside its body would never hold. */
function assertFits(kind: ItemKind, rule: Rule): void {
  const lifted: readonly string[] = KINDS[kind].lifted
  for (const name of Object.values(rule.names)) {
    assert(
      name === 'pk' || name === 'version' || lifted.includes(name),
      () => `the condition \`${rule.name}\` is not for items of kind ${kind}`,
    )
  }
}

/** What DynamoDB would refuse is refused here with a sentence that names the item (H9). */
function checkBounds(changes: readonly Change[], steps: readonly Step[]): void {
  assert(
    steps.length <= MAX_TRANSACTION_ITEMS,
    () => `a transaction of ${steps.length} items; DynamoDB takes ${MAX_TRANSACTION_ITEMS}`,
  )
  const seen = new Set<string>()
  let total = 0
  steps.forEach((step, index) => {
    const what = () => `${changes[index]?.kind} ${step.row.pk} ${step.row.sk}`
    const name = nameOf(step.row)
    assert(!seen.has(name), () => `the item comes twice in one transaction: ${what()}`)
    seen.add(name)
    if (step.do !== 'put') return
    const size = sizeOf(step.row)
    assert(
      size <= MAX_ITEM_BYTES,
      () => `an item of ${size} bytes; DynamoDB takes ${MAX_ITEM_BYTES}: ${what()}`,
    )
    total += size
  })
  assert(
    total <= MAX_TRANSACTION_BYTES,
    () => `a transaction of ${total} bytes; DynamoDB takes ${MAX_TRANSACTION_BYTES}`,
  )
}

function prefixOf(kinds: Readonly<Record<string, string>>, only: string | undefined): string | undefined {
  const prefixes = Object.values(kinds)
  const prefix = only === undefined ? (prefixes.length === 1 ? prefixes[0] : undefined) : kinds[only]
  return prefix === '' ? undefined : prefix
}

/** DynamoDB refuses to start outside of what is asked for; a place before it is its beginning. */
function placeIn(prefix: string | undefined, after: string | undefined): string | undefined | 'behind' {
  if (prefix === undefined || after === undefined || after.startsWith(prefix)) return after
  return byBytes(after, prefix) < 0 ? undefined : 'behind'
}

function found<K extends PartitionKinds[keyof PartitionKinds]>(
  kinds: Readonly<Record<string, string>>,
  row: Row,
  itemOf: (kind: K) => Items[K] | undefined,
): Found<K>[] {
  for (const [kind, prefix] of Object.entries(kinds)) {
    if (!row.sk.startsWith(prefix)) continue
    const item = itemOf(kind as K)
    // `kind` is a key of this partition's kinds, `item` of that kind.
    return item === undefined ? [] : [{ kind, item } as Found<K>]
  }
  return []
}
