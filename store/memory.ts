// The store in memory, for simulations and quick tests: the same bodies, conditions and pages as on DynamoDB.
import { type Clock, systemClock } from '../protocol/clock.ts'
import { storeOver } from './over-rows.ts'
import { byBytes, type Listing, type Row, type RowKey, type Rows, type Step, sizeOf } from './rows.ts'
import type { Store } from './store.ts'

/** DynamoDB: bytes looked at for one page. */
const MAX_PAGE_BYTES = 1024 * 1024

/** A store that forgets with its process. Items pass through their written form, so that nothing is shared. */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { clock = systemClock, unitBytes, remembers } = options
  return storeOver(memoryRows(), clock, { unitBytes, remembers })
}

export interface MemoryStoreOptions {
  readonly clock?: Clock | undefined
  /** See `packing.ts`. */
  readonly unitBytes?: number | undefined
  /** Whether a row is read once and then given out again and again, frozen. */
  readonly remembers?: boolean | undefined
}

/** The table below it. */
export function memoryRows(): Rows {
  const partitions = new Map<string, Partition>()

  return {
    async read(keys) {
      return keys.map(stored)
    },

    async list(listing) {
      return page(partitions.get(listing.pk)?.sorted() ?? [], listing)
    },

    /** As DynamoDB on a lost answer: whoever finds its own token in a row it meant to write has written it. */
    async commit(steps, token) {
      const failed = steps.flatMap((step, index) =>
        step.rule.holds(stored(step.row), step.args) ? [] : [index],
      )
      if (failed.length === 0) steps.forEach(apply)
      else if (steps.some((step) => step.do === 'put' && stored(step.row)?.attempt === token)) return []
      return failed
    },
  }

  function stored(key: RowKey): Row | undefined {
    return partitions.get(key.pk)?.get(key.sk)
  }

  function apply(step: Step): void {
    if (step.do === 'check') return
    const partition = partitions.get(step.row.pk) ?? new Partition()
    if (step.do === 'put') partition.put(step.row)
    else partition.remove(step.row.sk)
    if (partition.size === 0) partitions.delete(step.row.pk)
    else partitions.set(step.row.pk, partition)
  }
}

/** Rows of one partition key; sorted when they are listed after keys came or went. */
class Partition {
  #rows = new Map<string, Row>()
  #order: readonly Row[] | undefined

  get size(): number {
    return this.#rows.size
  }

  get(sk: string): Row | undefined {
    return this.#rows.get(sk)
  }

  put(row: Row): void {
    this.#rows.set(row.sk, row)
    this.#order = undefined
  }

  remove(sk: string): void {
    if (this.#rows.delete(sk)) this.#order = undefined
  }

  sorted(): readonly Row[] {
    this.#order ??= [...this.#rows.values()].sort((a, b) => inOrder(a.sk, b.sk))
    return this.#order
  }
}

/** As `byBytes`; the units of plain text are its bytes. */
function inOrder(a: string, b: string): number {
  if (BEYOND_ASCII.test(a) || BEYOND_ASCII.test(b)) return byBytes(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

const BEYOND_ASCII = /[^\0-\x7f]/

/** Like DynamoDB, a page that ends at its limit names its last key, whether or not more follow. */
function page(
  sorted: readonly Row[],
  { prefix = '', after, limit }: Listing,
): Awaited<ReturnType<Rows['list']>> {
  const rows: Row[] = []
  let bytes = 0
  for (const row of sorted) {
    if (!row.sk.startsWith(prefix) || (after !== undefined && inOrder(row.sk, after) <= 0)) continue
    rows.push(row)
    bytes += sizeOf(row)
    if (rows.length === limit || bytes > MAX_PAGE_BYTES) return { rows, last: row.sk }
  }
  return { rows }
}
