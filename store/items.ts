// The one table of item kinds: where an item stands, what stands beside its body, and how the body is written.
//
// The layout is drawn at the head of master/model.ts. Ids inside composed keys have `%`, `#`, `/` written as %25,
// %23, %2F, so that no two items share a key, whatever ids frameworks choose.
import { Buffer } from 'node:buffer'
import type { Refs } from '../master/decision.ts'
import type { ItemKind, Items } from '../master/model.ts'
import { assert } from './assert.ts'
import { isPackedBeats, packBeats, unpackBeats } from './beats-form.ts'
import { readBody, writeBody } from './body.ts'
import { type Body, pack, UNIT_BYTES, unpack } from './packing.ts'
import { packResources, unpackResources } from './resource-lists.ts'
import { type Lifted, type Row, type RowKey, sizeOf } from './rows.ts'
import type { PartitionKinds, Partitions } from './store.ts'

interface KindOf<K extends ItemKind> {
  /**
   * Of the body. A release that adds a field keeps the number; one that changes the meaning of a field raises it,
   * and reads the older form in `readItem` for at least one release (R35).
   */
  readonly schema: number
  pk(ref: Refs[K]): string
  sk(ref: Refs[K]): string
  /** Fields that conditions or the table's expiry look at. */
  readonly lifted: readonly (keyof Items[K] & Lifted)[]
  /** Where resource lists stand in the body, `*` for each element or value: they are written short. */
  readonly resources: readonly string[]
}

const plain = { schema: 1, lifted: [], resources: [] } as const

export const KINDS: { readonly [K in ItemKind]: KindOf<K> } = {
  ledger: {
    ...plain,
    pk: agentKey,
    sk: () => 'LEDGER',
    resources: ['total', 'offers.*.resources', 'holds.*.resources', 'sums.*.*', 'refusals.*.resources'],
  },
  run: {
    ...plain,
    pk: agentKey,
    sk: ({ frameworkId, taskId }) => `RUN#${id(frameworkId)}/${id(taskId)}`,
    resources: ['charged', 'task.resources', 'executor.resources'],
  },
  executor: {
    ...plain,
    pk: agentKey,
    sk: ({ frameworkId, executorId }) => `EXECUTOR#${id(frameworkId)}/${id(executorId)}`,
    resources: ['charged', 'info.resources'],
  },
  hold: { ...plain, pk: agentKey, sk: ({ acceptId }) => `HOLD#${id(acceptId)}` },
  agent: {
    ...plain,
    pk: ({ shard }) => `AGENTS#${shard}`,
    sk: ({ agentId }) => agentId,
    resources: ['info.resources'],
  },
  instance: { ...plain, pk: instanceKey, sk: ({ agentId }) => agentId },
  beats: { ...plain, pk: ({ shard }) => `BEATS#${shard}`, sk: () => 'BEATS' },
  framework: { ...plain, pk: () => 'FRAMEWORKS', sk: ({ frameworkId }) => frameworkId },
  gate: { ...plain, pk: frameworkKey, sk: ({ index }) => `GATE#${index}`, lifted: ['epoch', 'removed'] },
  lease: { ...plain, pk: frameworkKey, sk: () => 'LEASE', lifted: ['holder', 'epoch'] },
  called: { ...plain, pk: frameworkKey, sk: () => 'CALLED' },
  accepting: { ...plain, pk: frameworkKey, sk: ({ acceptId }) => `ACCEPT#${id(acceptId)}` },
  task: {
    ...plain,
    pk: ({ frameworkId, shard }) => `FRAMEWORK#${id(frameworkId)}#${shard}`,
    sk: ({ taskId }) => `TASK#${id(taskId)}`,
    lifted: ['ttl'],
    resources: ['mesos.resources'],
  },
  mail: {
    ...plain,
    pk: ({ frameworkId, shard }) => `MAIL#${id(frameworkId)}#${shard}`,
    sk: ({ key }) => key,
    lifted: ['tag'],
    resources: ['body.offer.resources'],
  },
  lossHead: { ...plain, pk: () => 'LOSSES', sk: () => 'HEAD' },
  loss: { ...plain, pk: () => 'LOSSES', sk: ({ number }) => padded(number), lifted: ['ttl'] },
  cluster: { ...plain, pk: () => 'CLUSTER', sk: () => 'CLUSTER' },
  tick: { ...plain, pk: () => 'CLUSTER', sk: () => 'TICK' },
  allocation: { ...plain, pk: () => 'CLUSTER', sk: () => 'ALLOCATION', lifted: ['fence'] },
  allowance: {
    ...plain,
    pk: () => 'CLUSTER',
    sk: ({ principal }) => `ALLOWANCE#${id(principal)}`,
    lifted: ['ttl'],
  },
}

interface PartitionOf<P extends keyof Partitions> {
  pk(ref: Partitions[P]): string
  /** The kinds found there and how their sort keys begin; rows of no kind listed are passed over. */
  readonly kinds: { readonly [K in PartitionKinds[P]]: string }
}

export const PARTITIONS: { readonly [P in keyof Partitions]: PartitionOf<P> } = {
  agent: { pk: agentKey, kinds: { ledger: 'LEDGER', run: 'RUN#', executor: 'EXECUTOR#', hold: 'HOLD#' } },
  agents: { pk: ({ shard }) => `AGENTS#${shard}`, kinds: { agent: '' } },
  instance: { pk: instanceKey, kinds: { instance: '' } },
  accepting: { pk: frameworkKey, kinds: { accepting: 'ACCEPT#' } },
  frameworks: { pk: () => 'FRAMEWORKS', kinds: { framework: '' } },
  tasks: {
    pk: ({ frameworkId, shard }) => `FRAMEWORK#${id(frameworkId)}#${shard}`,
    kinds: { task: 'TASK#' },
  },
  mail: { pk: ({ frameworkId, shard }) => `MAIL#${id(frameworkId)}#${shard}`, kinds: { mail: '' } },
  // Every number begins with a zero, HEAD does not.
  losses: { pk: () => 'LOSSES', kinds: { loss: '0' } },
}

/** Where an item stands. */
export function keyOf<K extends ItemKind>(kind: K, ref: Refs[K]): RowKey {
  const { pk, sk } = KINDS[kind]
  const key = { pk: pk(ref), sk: sk(ref) }
  assert(isGoodKey(key), () => `the ids of this ${kind} cannot be a key (empty, too long or not Unicode)`)
  return key
}

/**
 * The row of an item as the commit named `attempt` writes it: with the next version.
 * @param unitBytes see `packing.ts`
 */
export function writeItem<K extends ItemKind>(
  kind: K,
  item: Items[K] & Refs[K],
  attempt: string,
  unitBytes = UNIT_BYTES,
): Row {
  const row = rowBeside(kind, item, attempt)
  const body: Record<string, unknown> = { ...item, version: undefined }
  for (const field of KINDS[kind].lifted) body[field] = undefined
  for (const path of RESOURCE_PATHS[kind]) shorten(body, path, 0)
  const text = withoutCluster(row, writeBody(body))
  return {
    ...row,
    body: shortBeats(kind, item, text, sizeOf(row), unitBytes) ?? pack(text, sizeOf(row), unitBytes),
  }
}

/** A shard of beats that is more than a unit as text is written in its own form, where that is billed. */
function shortBeats<K extends ItemKind>(
  kind: K,
  item: Items[K],
  text: string,
  besideBytes: number,
  unitBytes: number,
): Body | undefined {
  if (kind !== 'beats' || besideBytes + Buffer.byteLength(text) <= unitBytes) return undefined
  // The kind says so.
  return packBeats(item as Items['beats'])
}

/** The same row without its body: all that conditions and the table's expiry look at. */
export function rowBeside<K extends ItemKind>(kind: K, item: Items[K] & Refs[K], attempt: string): Row {
  const { schema, lifted } = KINDS[kind]
  const beside: Partial<Record<Lifted, unknown>> = {}
  for (const field of lifted) beside[field] = liftable(kind, field, item[field])
  // `lifted` names fields of the item that have the row's types; a table that did not would not compile.
  const fields = beside as Pick<Row, Lifted>
  return { ...keyOf(kind, item), version: item.version + 1, schema, attempt, body: '', ...fields }
}

/** The item of a row. Throws on a row of a later release than the next one. */
export function readItem<K extends ItemKind>(kind: K, row: Row): Items[K] {
  const { schema, lifted } = KINDS[kind]
  assert(row.schema <= schema + 1, () => `a ${kind} was written by a later release (schema ${row.schema})`)
  // What was written by `writeItem`, for this kind, is read: the key says which kind it is.
  const item = bodyOf(kind, row) as Record<string, unknown>
  item.version = row.version
  for (const field of lifted) if (row[field] !== undefined) item[field] = row[field]
  for (const path of RESOURCE_PATHS[kind]) lengthen(item, path, 0)
  return item as unknown as Items[K]
}

function bodyOf(kind: ItemKind, row: Row): unknown {
  const { body } = row
  if (kind === 'beats' && typeof body !== 'string' && isPackedBeats(body)) return unpackBeats(body)
  return readBody(withCluster(row, unpack(body)))
}

/** Place just behind an item, to be given as `after` of a query, whether the item exists or not. */
export function cursorAfter<K extends ItemKind>(kind: K, ref: Refs[K]): string {
  return writeCursor(keyOf(kind, ref).sk)
}

export function writeCursor(sk: string): string {
  return Buffer.from(sk).toString('base64url')
}

export function readCursor(cursor: string): string {
  const sk = Buffer.from(cursor, 'base64url').toString()
  assert(sk !== '' && writeCursor(sk) === cursor, () => `not a place in a list: ${JSON.stringify(cursor)}`)
  return sk
}

function agentKey({ agentId }: { readonly agentId: string }): string {
  return `AGENT#${id(agentId)}`
}

function instanceKey({ instanceId }: { readonly instanceId: string }): string {
  return `INSTANCE#${id(instanceId)}`
}

function frameworkKey({ frameworkId }: { readonly frameworkId: string }): string {
  return `FRAMEWORK#${id(frameworkId)}`
}

function id(text: string): string {
  return /[%#/]/.test(text)
    ? text.replace(/[%#/]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    : text
}

/** Exact integers have at most sixteen digits; written with seventeen, their order is that of text, and 0 comes first. */
function padded(number: number): string {
  assert(Number.isSafeInteger(number) && number >= 0, () => `${number} cannot be part of a key`)
  return String(number).padStart(17, '0')
}

/** DynamoDB: a partition key has 1 to 2048 bytes, a sort key 1 to 1024. Broken surrogates would be changed on the way. */
function isGoodKey({ pk, sk }: RowKey): boolean {
  if (sk === '' || !pk.isWellFormed() || !sk.isWellFormed()) return false
  // No character takes more than three bytes for each of its units.
  return (
    (3 * pk.length <= 2048 || Buffer.byteLength(pk) <= 2048) &&
    (3 * sk.length <= 1024 || Buffer.byteLength(sk) <= 1024)
  )
}

function liftable(kind: ItemKind, field: Lifted, value: unknown): unknown {
  if (typeof value === 'number')
    assert(
      field === 'ttl' ? Number.isSafeInteger(value) : Number.isFinite(value),
      () =>
        `${kind}.${field} is ${value}; it must be ${field === 'ttl' ? 'whole seconds' : 'a finite number'}`,
    )
  if (typeof value === 'string')
    assert(value.isWellFormed(), () => `${kind}.${field} is no Unicode text: ${JSON.stringify(value)}`)
  return value
}

// Keys of KINDS are the kinds.
const RESOURCE_PATHS = Object.fromEntries(
  Object.entries(KINDS).map(([kind, { resources }]) => [kind, resources.map((path) => path.split('.'))]),
) as unknown as Readonly<Record<ItemKind, readonly (readonly string[])[]>>

/**
 * Ids begin with the cluster's UUID, and an item names half a dozen of them. Where the key has one, the body has a raw
 * tab in its place, which no JSON text contains: a usual ledger stays below the kilobyte that a write unit pays for.
 */
const PLACE_OF_CLUSTER = '\t'
const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/

function withoutCluster({ pk, sk }: RowKey, text: string): string {
  const cluster = UUID.exec(pk) ?? UUID.exec(sk)
  return cluster === null ? text : text.replaceAll(cluster[0], PLACE_OF_CLUSTER)
}

function withCluster({ pk, sk }: RowKey, text: string): string {
  const cluster = UUID.exec(pk) ?? UUID.exec(sk)
  return cluster === null ? text : text.replaceAll(PLACE_OF_CLUSTER, cluster[0])
}

/** Replaces the lists at a path by short ones, copying what it changes below the top. */
function shorten(parent: Record<string, unknown>, path: readonly string[], depth: number): void {
  const field = path[depth] ?? ''
  const value = parent[field]
  if (value !== undefined) parent[field] = shortened(value, path, depth + 1)
}

// Bodies are walked as plain data: which shape stands where, the paths in KINDS say.
function shortened(value: unknown, path: readonly string[], depth: number): unknown {
  if (depth === path.length) return packResources(value as Parameters<typeof packResources>[0])
  if (path[depth] === '*') {
    if (Array.isArray(value)) return value.map((element) => shortened(element, path, depth + 1))
    return Object.fromEntries(
      Object.entries(value as object).map(([key, element]) => [key, shortened(element, path, depth + 1)]),
    )
  }
  const copy = { ...(value as Record<string, unknown>) }
  shorten(copy, path, depth)
  return copy
}

/** The way back; what was just parsed is nobody else's and is changed in place. */
function lengthen(parent: Record<string, unknown>, path: readonly string[], depth: number): void {
  const field = path[depth] ?? ''
  const keys = field === '*' ? Object.keys(parent) : [field]
  for (const key of keys) {
    const value = parent[key]
    if (value === undefined) continue
    if (depth + 1 === path.length)
      parent[key] = unpackResources(value as Parameters<typeof unpackResources>[0])
    else lengthen(value as Record<string, unknown>, path, depth + 1)
  }
}
