// The calls to AWS from a function: plain JSON, signed by AWS's own signer with the credentials of the function's role.
//
// The SDK's clients are half of a function's code and most of its cold start; see docs/decisions/0011.
import { type AwsJson, type AwsService, awsJson } from '../../protocol/aws-json.ts'
import { type Clock, sleep } from '../../protocol/clock.ts'
import type { DynamoCalls } from '../../store/dynamodb-calls.ts'
import { callsOver } from '../../store/plain-calls.ts'
import { outlookOf } from '../../store/retrying.ts'
import { addressOf, type Credentials, signer } from '../ports/signature.ts'
import type { SqsCalls } from '../ports/sqs-calls.ts'

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
  return callsOver(carrier(signing, 'DynamoDB_20120810'), {
    isBilled: signing.endpoint?.startsWith('http://') !== true,
  })
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
  const sign =
    credentials === undefined ? undefined : signer({ region, credentials, service: NAMES[service] })
  return awsJson({ endpoint, service, sign, requestTimeoutMs: TIMEOUT_MS })
}
