// The SDK's client as the store needs it: one try per call, because retries are the store's, with evidence.
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { removeTokens } from './no-token.ts'

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
 * A client for `dynamoStore` and `createTable`; shared by all of a process, `destroy()` ends its connections.
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
    ...(emulated ? UNSIGNED : {}),
  })
  if (emulated) {
    // Half of what a call costs us is spent on what an emulator does not read.
    for (const name of ['loggerMiddleware', 'getUserAgentMiddleware', 'recursionDetectionMiddleware'])
      client.middlewareStack.remove(name)
  }
  removeTokens(client)
  ours.add(client)
  return client
}

/** Whether a client was made by `dynamoClient`. */
export function isOurs(client: DynamoDBClient): boolean {
  return ours.has(client)
}

/** Emulators want to see credentials and check none. */
const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0'

const UNSIGNED: DynamoDBClientConfig = {
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  signer: {
    async sign(request) {
      request.headers.authorization = AUTHORIZATION
      request.headers['x-amz-date'] = '20260101T000000Z'
      return request
    },
  },
}
