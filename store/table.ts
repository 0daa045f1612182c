// The one table: its keys, its billing, its expiry. The stack mirrors this file.
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { type Clock, sleep, systemClock } from '../protocol/clock.ts'
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
  client: DynamoDBClient,
  tableName: string,
  clock: Clock = systemClock,
): Promise<void> {
  if ((await statusOf(client, tableName)) === undefined) {
    await client.send(new CreateTableCommand({ TableName: tableName, ...TABLE })).catch((error: unknown) => {
      if (!(error instanceof ResourceInUseException)) throw error
    })
  }
  for (let tried = 1; ; tried++) {
    const status = await statusOf(client, tableName)
    if (status === 'ACTIVE') break
    if (tried === 300) throw new StoreUnavailable('CreateTable', tried, true, new Error(`still ${status}`))
    await sleep(clock, 100)
  }
  await enableExpiry(client, tableName)
}

async function statusOf(client: DynamoDBClient, tableName: string): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }))
    return Table?.TableStatus
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    throw error
  }
}

/** Asked first: DynamoDB refuses to enable what is enabled. */
async function enableExpiry(client: DynamoDBClient, tableName: string): Promise<void> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: tableName }))
  const status = TimeToLiveDescription?.TimeToLiveStatus
  if (status === 'ENABLED' || status === 'ENABLING') return
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: tableName,
      TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
    }),
  )
}
