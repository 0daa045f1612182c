// The SDK's client as the store needs it: one try per call, because retries are the store's, with evidence.
import {
  BatchGetItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { assert } from './assert.ts'
import type { DynamoCalls, Operations } from './dynamodb-calls.ts'
import { NO_TOKEN, removeTokens } from './no-token.ts'

export interface ClientOptions {
  /** Absent: AWS's own. Plain http without credentials is an emulator. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly credentials?: DynamoDBClientConfig['credentials']
  /** Until the answer begins, and between its parts, ms. */
  readonly requestTimeoutMs?: number | undefined
}

const ours = new WeakSet<DynamoDBClient>()

/**
 * A client for `sdkCalls`; shared by all of a process, `destroy()` ends its connections.
 * An SDK that repeats a conditional write by itself would hide that the first try took effect (H1).
 */
export function dynamoClient(options: ClientOptions): DynamoDBClient {
  const { endpoint, region, credentials, requestTimeoutMs = 3_000 } = options
  const emulated = endpoint?.startsWith('http://') === true && credentials === undefined
  const agent = { keepAlive: true, maxSockets: 64 }
  const client = new DynamoDBClient({
    maxAttempts: 1,
    // The chain of middleware is built once per command instead of once per call: a tenth of a call's cost.
    cacheMiddleware: true,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: requestTimeoutMs,
      // An answer that began and does not go on.
      socketTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoint === undefined ? {} : { endpoint, region: region ?? 'us-east-1' }),
    // Emulators want to see credentials and check none.
    ...(emulated ? { credentials: { accessKeyId: 'local', secretAccessKey: 'local' } } : {}),
  })
  removeTokens(client)
  ours.add(client)
  return client
}

const COMMANDS = {
  GetItem: GetItemCommand,
  BatchGetItem: BatchGetItemCommand,
  Query: QueryCommand,
  PutItem: PutItemCommand,
  DeleteItem: DeleteItemCommand,
  TransactWriteItems: TransactWriteItemsCommand,
  CreateTable: CreateTableCommand,
  DescribeTable: DescribeTableCommand,
  DescribeTimeToLive: DescribeTimeToLiveCommand,
  UpdateTimeToLive: UpdateTimeToLiveCommand,
}

/** The calls of the store through a client made by `dynamoClient`. */
export function sdkCalls(client: DynamoDBClient): DynamoCalls {
  assert(
    ours.has(client),
    () => 'a client that repeats calls hides its own writes; make it with dynamoClient',
  )
  return {
    isBilled: true,
    async call(operation, input) {
      // The table pairs each operation with its command, which the compiler cannot follow over a type parameter.
      const Command = COMMANDS[operation] as unknown as new (input: object) => GetItemCommand
      // Where no token is given the SDK would make one.
      const given = operation === 'TransactWriteItems' ? { ClientRequestToken: NO_TOKEN, ...input } : input
      return (await client.send(new Command(given))) as Operations[typeof operation]['output']
    },
    close: () => client.destroy(),
  }
}
