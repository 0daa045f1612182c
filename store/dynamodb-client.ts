// The SDK's client as the store needs it: one try per call, because retries are the store's, with evidence.
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

export interface ClientOptions {
  /** Of an emulator; absent: AWS's own. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly credentials?: DynamoDBClientConfig['credentials']
  /** Until the answer begins, ms. */
  readonly requestTimeoutMs?: number | undefined
}

/**
 * A client for `dynamoStore` and `createTable`; shared by all of a process, `destroy()` ends its connections.
 * An SDK that repeats a conditional write by itself would hide that the first try took effect (H1).
 */
export function dynamoClient(options: ClientOptions): DynamoDBClient {
  const { endpoint, region, credentials, requestTimeoutMs = 3_000 } = options
  const agent = { keepAlive: true, maxSockets: 64 }
  return new DynamoDBClient({
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoint === undefined ? {} : emulator(endpoint, options)),
  })
}

/** Emulators ask for some credentials and look at none. */
function emulator(endpoint: string, { region, credentials }: ClientOptions): DynamoDBClientConfig {
  return {
    endpoint,
    region: region ?? 'us-east-1',
    credentials: credentials ?? { accessKeyId: 'local', secretAccessKey: 'local' },
  }
}
