// The one table: its keys, its billing, its expiry. The stack mirrors this file.
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb'
import { type Clock, sleep, systemClock } from '../protocol/clock.ts'
import { type DynamoCalls, isNamed } from './dynamodb-calls.ts'
import { StoreUnavailable } from './retrying.ts'

/** Items past this attribute (seconds since 1970) are deleted by the table within days. */
export const TTL_ATTRIBUTE = 'ttl'

export const TABLE = {
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies Omit<CreateTableCommandInput, 'TableName'>

/** Creates the table unless it is there, and waits until it can be used (at most 30 s); may run twice at once. */
export async function createTable(
  calls: DynamoCalls,
  tableName: string,
  clock: Clock = systemClock,
): Promise<void> {
  if ((await statusOf(calls, tableName)) === undefined) {
    await calls.call('CreateTable', { TableName: tableName, ...TABLE }).catch((error: unknown) => {
      if (!isNamed(error, 'ResourceInUseException')) throw error
    })
  }
  for (let tried = 1; ; tried++) {
    const status = await statusOf(calls, tableName)
    if (status === 'ACTIVE') break
    if (tried === 300) throw new StoreUnavailable('CreateTable', tried, true, new Error(`still ${status}`))
    await sleep(clock, 100)
  }
  await enableExpiry(calls, tableName)
}

async function statusOf(calls: DynamoCalls, tableName: string): Promise<string | undefined> {
  try {
    const { Table } = await calls.call('DescribeTable', { TableName: tableName })
    return Table?.TableStatus
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined
    throw error
  }
}

/** Asked first: DynamoDB refuses to enable what is enabled. */
async function enableExpiry(calls: DynamoCalls, tableName: string): Promise<void> {
  const { TimeToLiveDescription } = await calls.call('DescribeTimeToLive', {
    TableName: tableName,
  })
  const status = TimeToLiveDescription?.TimeToLiveStatus
  if (status === 'ENABLED' || status === 'ENABLING') return
  await calls.call('UpdateTimeToLive', {
    TableName: tableName,
    TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
  })
}
