// The table is made once, by whoever comes first, with its expiry on.

import { globSync, readFileSync } from 'node:fs'
import { DescribeTableCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoStore } from '../../store/dynamodb.ts'
import { dynamoClient, sdkCalls } from '../../store/dynamodb-client.ts'
import { createTable } from '../../store/table.ts'
import { startDynamo } from './emulator.ts'
import { samples } from './sample-items.ts'

let dynamo: Awaited<ReturnType<typeof startDynamo>>
beforeAll(async () => {
  dynamo = await startDynamo()
})
afterAll(() => dynamo.stop())

test('createTable may run several times, also at once, and keeps what is in the table', async () => {
  const client = dynamoClient({ endpoint: dynamo.endpoint })
  const calls = sdkCalls(client)
  await Promise.all([1, 2, 3].map(() => createTable(calls, 'meseta')))
  const store = dynamoStore({ calls, tableName: 'meseta', useTransactionTokens: false })
  await store.commit([{ do: 'put', kind: 'cluster', item: samples.cluster, when: { name: 'absent' } }], 'a')
  await createTable(calls, 'meseta')
  expect((await store.get('cluster', {}))?.id).toBe(samples.cluster.id)
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'meseta' }))
  expect(Table).toMatchObject({
    TableStatus: 'ACTIVE',
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  })
  const expiry = await client.send(new DescribeTimeToLiveCommand({ TableName: 'meseta' }))
  expect(expiry.TimeToLiveDescription).toMatchObject({ AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' })
  client.destroy()
})

test('H7 H8: the table has no index and no stream, and nothing asks for one', async () => {
  const client = dynamoClient({ endpoint: dynamo.endpoint })
  await createTable(sdkCalls(client), 'plain')
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'plain' }))
  expect(Table?.GlobalSecondaryIndexes ?? []).toEqual([])
  expect(Table?.LocalSecondaryIndexes ?? []).toEqual([])
  expect(Table?.StreamSpecification?.StreamEnabled ?? false).toBe(false)
  client.destroy()
  const sources = globSync('{agent,functions,local,master,store}/**/*.ts')
  const asking = sources.filter((path) =>
    /dynamodb-streams|IndexName|StreamSpecification/.test(readFileSync(path, 'utf8')),
  )
  expect(asking).toEqual([])
})
