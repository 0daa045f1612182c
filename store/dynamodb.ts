// The store on DynamoDB: consistent reads, one conditional transaction per commit, retries that know their own work.
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../protocol/clock.ts'
import { assert } from './assert.ts'
import { readRow, writeKey, writeRow } from './attributes.ts'
import { type DynamoCalls, isNamed } from './dynamodb-calls.ts'
import { expressionOf, tokenOf, transactItem } from './expressions.ts'
import { storeOver } from './over-rows.ts'
import { UNBILLED_UNIT_BYTES, UNIT_BYTES } from './packing.ts'
import { NothingProcessed, type Patience, persistently, reasonCodes, type StoreLog } from './retrying.ts'
import { nameOf, type Row, type RowKey, type Rows, type Step } from './rows.ts'
import type { Store } from './store.ts'

/** DynamoDB: keys of one BatchGetItem. */
const MAX_BATCH_KEYS = 100

export interface DynamoStoreOptions {
  /** `sdkCalls` on AWS, `plainCalls` to an emulator. */
  readonly calls: DynamoCalls
  readonly tableName: string
  /** What is past its ttl, by this clock. */
  readonly clock?: Clock | undefined
  /**
   * True on AWS: for ten minutes a repeated transaction is recognised by its token (H2). False for the emulator,
   * which searches all tokens on each call; the evidence in the rows is enough without them.
   */
  readonly useTransactionTokens: boolean
  readonly patience?: Partial<Omit<Patience, 'log'>> | undefined
  readonly log?: StoreLog | undefined
}

/**
 * The store on a table made by `createTable` (or by the stack, which mirrors it). Throws `StoreUnavailable` when the
 * table does not answer within the patience (8 tries, 5 s), `StoreMisused` for what no retry can help.
 */
export function dynamoStore(options: DynamoStoreOptions): Store {
  const patience: Patience = {
    tries: 8,
    budgetMs: 5_000,
    clock: systemClock,
    random: Math.random,
    ...options.patience,
    log: options.log,
  }
  const unitBytes = options.calls.isBilled ? UNIT_BYTES : UNBILLED_UNIT_BYTES
  return storeOver(dynamoRows(options, patience), options.clock ?? systemClock, { unitBytes })
}

function dynamoRows(
  { calls, tableName, useTransactionTokens }: DynamoStoreOptions,
  patience: Patience,
): Rows {
  return { read, list, commit }

  async function read(keys: readonly RowKey[]): Promise<readonly (Row | undefined)[]> {
    const [first] = keys
    if (first === undefined) return []
    if (keys.length === 1) return [await readOne(first)]
    const found = new Map<string, Row>()
    const distinct = [...new Map(keys.map((key) => [nameOf(key), key])).values()]
    const batches: RowKey[][] = []
    for (let at = 0; at < distinct.length; at += MAX_BATCH_KEYS)
      batches.push(distinct.slice(at, at + MAX_BATCH_KEYS))
    await Promise.all(batches.map((batch) => readBatch(batch, found)))
    return keys.map((key) => found.get(nameOf(key)))
  }

  function readOne(key: RowKey): Promise<Row | undefined> {
    return persistently('GetItem', patience, async () => {
      const input = { TableName: tableName, Key: writeKey(key), ConsistentRead: true }
      const { Item } = await calls.call('GetItem', input)
      return Item && readRow(Item)
    })
  }

  /** Until no key is left unprocessed; a round that brings something starts patience anew (H5). */
  async function readBatch(keys: readonly RowKey[], found: Map<string, Row>): Promise<void> {
    let left = keys.map(writeKey)
    while (left.length > 0) {
      left = await persistently('BatchGetItem', patience, async () => {
        const RequestItems = { [tableName]: { Keys: left, ConsistentRead: true } }
        const answer = await calls.call('BatchGetItem', { RequestItems })
        for (const item of answer.Responses?.[tableName] ?? []) {
          const row = readRow(item)
          found.set(nameOf(row), row)
        }
        const unprocessed = answer.UnprocessedKeys?.[tableName]?.Keys ?? []
        if (unprocessed.length === left.length) throw new NothingProcessed('no key was processed')
        return unprocessed
      })
    }
  }

  function list({ pk, prefix, after, limit }: Parameters<Rows['list']>[0]): ReturnType<Rows['list']> {
    const values: Record<string, AttributeValue> = { ':pk': { S: pk } }
    if (prefix !== undefined) values[':prefix'] = { S: prefix }
    const input = {
      TableName: tableName,
      ConsistentRead: true,
      KeyConditionExpression: prefix === undefined ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
      ExpressionAttributeValues: values,
      ...(after === undefined ? {} : { ExclusiveStartKey: writeKey({ pk, sk: after }) }),
      ...(limit === undefined ? {} : { Limit: limit }),
    }
    return persistently('Query', patience, async () => {
      const { Items = [], LastEvaluatedKey } = await calls.call('Query', input)
      return { rows: Items.map(readRow), last: LastEvaluatedKey?.sk?.S }
    })
  }

  /** Built once, so that every try is the same to the byte; judged by evidence when it fails. */
  async function commit(steps: readonly Step[], token: string): Promise<readonly number[]> {
    const [only] = steps
    const attempt = steps.length === 1 && only !== undefined ? single(only) : transaction(steps, token)
    return persistently(steps.length === 1 ? 'write' : 'TransactWriteItems', patience, async (unsure) => {
      const outcome = await attempt()
      if (outcome.failed.length === 0) return []
      if (outcome.found.some((row) => row.attempt === token)) return []
      // A put that overwrites whatever is there, and a removal, fail without showing what stands there now.
      if (unsure && (await someStandsAs(steps, outcome.failed, token))) return []
      return outcome.failed
    })
  }

  async function someStandsAs(
    steps: readonly Step[],
    failed: readonly number[],
    token: string,
  ): Promise<boolean> {
    const others = steps.filter((step, index) => step.do === 'put' && !failed.includes(index))
    const rows = await read(others.map((step) => step.row))
    return rows.some((row) => row?.attempt === token)
  }

  /** One item needs no transaction: a conditional write of it is atomic and costs half. */
  function single(step: Step): () => Promise<Outcome> {
    const conditions = expressionOf(step)
    if (step.do === 'check') {
      return async () => (step.rule.holds(await readOne(step.row), step.args) ? DONE : failedAt(0))
    }
    if (step.do === 'remove') {
      const input = { TableName: tableName, Key: writeKey(step.row), ...conditions }
      return () => calls.call('DeleteItem', input).then(done, conditionFailed)
    }
    const input = {
      TableName: tableName,
      Item: writeRow(step.row),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...conditions,
    } as const
    return () => calls.call('PutItem', input).then(done, conditionFailed)
  }

  function transaction(steps: readonly Step[], token: string): () => Promise<Outcome> {
    const input = {
      TransactItems: steps.map((step) => transactItem(tableName, step)),
      ...(useTransactionTokens ? { ClientRequestToken: tokenOf(token) } : {}),
    }
    return () => calls.call('TransactWriteItems', input).then(done, transactionCancelled)
  }
}

interface Outcome {
  readonly failed: readonly number[]
  /** What stands where a put was refused. */
  readonly found: readonly Row[]
}

const DONE: Outcome = { failed: [], found: [] }
const done = (): Outcome => DONE
const failedAt = (index: number): Outcome => ({ failed: [index], found: [] })

function conditionFailed(error: unknown): Outcome {
  if (!isNamed(error, 'ConditionalCheckFailedException')) throw error
  return { failed: [0], found: itemIn(error) }
}

/** A failed condition decides, whatever else was in the way; the rest is the retry loop's (H3). */
function transactionCancelled(error: unknown): Outcome {
  if (!isNamed(error, 'TransactionCanceledException')) throw error
  const codes = reasonCodes(error)
  const failed = codes.flatMap((code, index) => (code === 'ConditionalCheckFailed' ? [index] : []))
  assert(
    !codes.includes('ValidationError'),
    () => `DynamoDB refuses a step of a transaction: ${error.message}`,
  )
  if (failed.length === 0) throw error
  return {
    failed,
    found: failed.flatMap((index) => itemIn(reasons(error)[index])),
  }
}

function reasons(error: Error): readonly unknown[] {
  return 'CancellationReasons' in error && Array.isArray(error.CancellationReasons)
    ? error.CancellationReasons
    : []
}

/** What DynamoDB shows of the item that was in the way. */
function itemIn(shown: unknown): readonly Row[] {
  if (typeof shown !== 'object' || shown === null || !('Item' in shown) || shown.Item === undefined) return []
  // `ReturnValuesOnConditionCheckFailure` asks for the item as it stands.
  return [readRow(shown.Item as Record<string, AttributeValue>)]
}
