// Rows in DynamoDB's typed attribute values, and back.
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { assert } from './assert.ts'
import type { Row, RowKey } from './rows.ts'

type Attributes = Record<string, AttributeValue>

export function writeKey({ pk, sk }: RowKey): Attributes {
  return { pk: { S: pk }, sk: { S: sk } }
}

export function writeRow(row: Row): Attributes {
  const attributes: Attributes = {
    pk: { S: row.pk },
    sk: { S: row.sk },
    version: { N: String(row.version) },
    schema: { N: String(row.schema) },
    attempt: { S: row.attempt },
    body: typeof row.body === 'string' ? { S: row.body } : { B: row.body },
  }
  if (row.epoch !== undefined) attributes.epoch = { N: String(row.epoch) }
  if (row.removed !== undefined) attributes.removed = { BOOL: row.removed }
  if (row.tag !== undefined) attributes.tag = { S: row.tag }
  if (row.holder !== undefined) attributes.holder = { S: row.holder }
  if (row.fence !== undefined) attributes.fence = { N: String(row.fence) }
  if (row.ttl !== undefined) attributes.ttl = { N: String(row.ttl) }
  return attributes
}

export function writeScalar(value: string | number | boolean): AttributeValue {
  if (typeof value === 'string') return { S: value }
  return typeof value === 'number' ? { N: String(value) } : { BOOL: value }
}

/** Absent lifted attributes stay absent. */
export function readRow(item: Readonly<Attributes>): Row {
  const { epoch, removed, tag, holder, fence, ttl } = item
  return {
    pk: text(item, 'pk'),
    sk: text(item, 'sk'),
    version: Number(item.version?.N),
    schema: Number(item.schema?.N),
    attempt: text(item, 'attempt'),
    body: item.body?.B ?? text(item, 'body'),
    ...(epoch && { epoch: Number(epoch.N) }),
    ...(removed && { removed: removed.BOOL }),
    ...(tag && { tag: tag.S }),
    ...(holder && { holder: holder.S }),
    ...(fence && { fence: Number(fence.N) }),
    ...(ttl && { ttl: Number(ttl.N) }),
  }
}

function text(item: Readonly<Attributes>, name: string): string {
  const value = item[name]?.S
  assert(value !== undefined, () => `an item of the table has no ${name}; the table is not one of ours`)
  return value
}
