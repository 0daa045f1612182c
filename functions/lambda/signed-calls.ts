// The calls to AWS from a function: plain JSON, signed by AWS's own signer with the credentials of the function's role.
//
// The SDK's clients are half of a function's code and most of its cold start; see docs/decisions/0011.
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { type AwsJson, type AwsService, awsJson, type Sign } from '../../protocol/aws-json.ts'
import { type Clock, sleep } from '../../protocol/clock.ts'
import type { DynamoCalls } from '../../store/dynamodb-calls.ts'
import { callsOver } from '../../store/plain-calls.ts'
import { outlookOf } from '../../store/retrying.ts'
import type { SqsCalls } from '../ports/sqs-calls.ts'
import type { Credentials } from './environment-credentials.ts'

export interface Signing {
  readonly region: string
  /** Absent: an emulator that asks for none. */
  readonly credentials: Credentials | undefined
  /** Instead of AWS's own address. */
  readonly endpoint?: string | undefined
}

/** Names of the services in addresses and signatures. */
const NAMES: Readonly<Record<AwsService, string>> = {
  DynamoDB_20120810: 'dynamodb',
  AmazonSQS: 'sqs',
  secretsmanager: 'secretsmanager',
}

/** The wait before a try of SQS, ms, at most; a nudge that is lost costs more than a moment. */
const SQS_WAITS_MS = [50, 200, 800] as const
/** A function never polls: what takes longer is not answered. */
const TIMEOUT_MS = 3_000

/** The table's calls; one try each, as the store wants it. */
export function dynamoCalls(signing: Signing): DynamoCalls {
  return callsOver(carrier(signing, 'DynamoDB_20120810'), { isBilled: signing.endpoint === undefined })
}

/** The queues' calls: repeated three times where an error passes by itself, for a message sent twice does no harm. */
export function sqsCalls(signing: Signing, clock: Clock): SqsCalls {
  const json = carrier(signing, 'AmazonSQS')
  return {
    async call(operation, input, signal) {
      for (const waitMs of SQS_WAITS_MS) {
        try {
          // What SQS answers to an operation is the output of that operation.
          return (await json.call(operation, input, signal)) as never
        } catch (error) {
          if (signal?.aborted === true || outlookOf(error) === 'fatal') throw error
          await sleep(clock, Math.random() * waitMs, signal)
        }
      }
      return (await json.call(operation, input, signal)) as never
    },
    close: () => json.close(),
  }
}

/** Calls of one service, signed where there are credentials. */
export function carrier(signing: Signing, service: AwsService): AwsJson {
  const { region, credentials, endpoint = addressOf(NAMES[service], region) } = signing
  const sign = credentials === undefined ? undefined : signer(region, credentials, NAMES[service])
  return awsJson({ endpoint, service, sign, requestTimeoutMs: TIMEOUT_MS })
}

/** Other partitions than these two name their addresses with AWS_ENDPOINT_URL. */
function addressOf(name: string, region: string): string {
  return `https://${name}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

function signer(region: string, credentials: Credentials, service: string): Sign {
  const signature = new SignatureV4({
    service,
    region,
    credentials,
    sha256: Sha256,
  })
  return async ({ url, headers, body }) => {
    const { protocol, hostname, host, pathname: path } = url
    const request = {
      method: 'POST',
      protocol,
      hostname,
      path,
      query: {},
      headers: { ...headers, host },
      body,
    }
    return (await signature.sign(request)).headers
  }
}

type Data = string | ArrayBuffer | ArrayBufferView

/** The hash the signer asks for, by Node's own crypto. */
class Sha256 {
  readonly #secret: Data | undefined
  #hash: Hash | Hmac

  constructor(secret?: Data) {
    this.#secret = secret
    this.#hash = begun(secret)
  }

  update(data: Data): void {
    this.#hash.update(bytesOf(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    this.#hash = begun(this.#secret)
  }
}

function begun(secret: Data | undefined): Hash | Hmac {
  return secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
}

function bytesOf(data: Data): Uint8Array | string {
  if (typeof data === 'string') return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return new Uint8Array(data)
}
