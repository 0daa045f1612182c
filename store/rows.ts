// A row is an item as the table keeps it; `Rows` is the little that a table must be able to do.
import { Buffer } from 'node:buffer'
import type { Arguments, Rule } from './conditions.ts'
import type { Body } from './packing.ts'

export type Scalar = string | number | boolean

/**
 * The body is JSON text (packed when that is cheaper, see `packing.ts`), not nested attributes: writing and reading
 * it costs a tenth of the processor time. Only
 * what conditions and the table's own expiry look at stands beside it.
 */
export interface Row {
  readonly pk: string
  readonly sk: string
  readonly version: number
  /** Of the body; see `items.ts`. */
  readonly schema: number
  /** Token of the commit that wrote this row: evidence for a commit whose answer was lost (H1). */
  readonly attempt: string
  readonly body: Body
  readonly epoch?: number | undefined
  readonly removed?: boolean | undefined
  readonly tag?: string | undefined
  readonly holder?: string | undefined
  readonly fence?: number | undefined
  /** Seconds since 1970; past it the row counts as deleted, also while the table still has it (H10). */
  readonly ttl?: number | undefined
}

/** Item fields that stand beside the body. */
export type Lifted = 'epoch' | 'removed' | 'tag' | 'holder' | 'fence' | 'ttl'
/** What conditions may look at: everything but the body. */
export type Attribute = Exclude<keyof Row, 'body'>

export interface RowKey {
  readonly pk: string
  readonly sk: string
}

/** One change of a transaction, ready for any table. */
export type Step =
  | { readonly do: 'put'; readonly row: Row; readonly rule: Rule; readonly args: Arguments }
  | { readonly do: 'remove'; readonly row: RowKey; readonly rule: Rule; readonly args: Arguments }
  | { readonly do: 'check'; readonly row: RowKey; readonly rule: Rule; readonly args: Arguments }

export interface Listing {
  readonly pk: string
  /** Only sort keys that begin so. */
  readonly prefix?: string | undefined
  /** Only sort keys after this one. */
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

/** A table of rows. Reads are consistent; expired rows are returned, whoever asks leaves them out. */
export interface Rows {
  /** In the order asked. */
  read(keys: readonly RowKey[]): Promise<readonly (Row | undefined)[]>
  /** In the byte order of the sort keys. `last` is the last key looked at, absent at the end. */
  list(listing: Listing): Promise<{ readonly rows: readonly Row[]; readonly last?: string | undefined }>
  /** All or nothing; yields the indexes of steps whose condition did not hold, none: committed. */
  commit(steps: readonly Step[], token: string): Promise<readonly number[]>
}

/** One name per row, for maps. */
export function nameOf(key: RowKey): string {
  return `${key.pk}\n${key.sk}`
}

/** DynamoDB orders text by its UTF-8 bytes, JavaScript by UTF-16 units: they differ beyond the first plane. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Whether a row is over at `nowSeconds`, though the table may keep it for days. */
export function expired(row: Row, nowSeconds: number): boolean {
  return row.ttl !== undefined && row.ttl < nowSeconds
}

const ATTRIBUTES = [
  'pk',
  'sk',
  'version',
  'schema',
  'attempt',
  'body',
  'epoch',
  'removed',
  'tag',
  'holder',
  'fence',
  'ttl',
] as const satisfies readonly (keyof Row)[]

/** Bytes of a row by DynamoDB's rules: names and text in UTF-8, bytes as they are, numbers a byte per two digits and one, booleans one. */
export function sizeOf(row: Row): number {
  let size = 0
  for (const name of ATTRIBUTES) {
    const value = row[name]
    if (value === undefined) continue
    size += name.length
    if (typeof value === 'string') size += Buffer.byteLength(value)
    else if (value instanceof Uint8Array) size += value.length
    else if (typeof value === 'number') size += Math.ceil(String(value).length / 2) + 1
    else size += 1
  }
  return size
}
