// The calls of the store without the SDK: the same JSON without its middleware, to an emulator or signed to AWS.
import { Buffer } from 'node:buffer'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { type AwsJson, AwsJsonError, awsJson } from '../protocol/aws-json.ts'
import type { DynamoCalls, Operations } from './dynamodb-calls.ts'

/** @param options.endpoint plain http: an emulator, which checks no signature */
export function plainCalls(options: {
  readonly endpoint: string
  readonly requestTimeoutMs?: number | undefined
}): DynamoCalls {
  return callsOver(awsJson({ service: 'DynamoDB_20120810', ...options }), { isBilled: false })
}

/** The calls over a carrier of DynamoDB's JSON. */
export function callsOver(carrier: AwsJson, { isBilled }: Pick<DynamoCalls, 'isBilled'>): DynamoCalls {
  return {
    isBilled,
    async call(operation, input) {
      try {
        // What DynamoDB answers to an operation is the output of that operation.
        return withBytes(await carrier.call(operation, input)) as Operations[typeof operation]['output']
      } catch (error) {
        if (error instanceof AwsJsonError) withBytesInReasons(error)
        throw error
      }
    },
    close: () => carrier.close(),
  }
}

type Item = Record<string, AttributeValue>

/** Where answers hold items. */
interface Holding {
  readonly Item?: Item
  readonly Items?: readonly Item[]
  readonly Responses?: Readonly<Record<string, readonly Item[]>>
}

/** Bytes are base64 text in JSON; they are made bytes again in place. */
function withBytes(answer: unknown): unknown {
  // Every answer is an object; its other fields hold no items.
  const { Item, Items = [], Responses = {} } = answer as Holding
  readItem(Item)
  for (const item of Items) readItem(item)
  for (const items of Object.values(Responses)) for (const item of items) readItem(item)
  return answer
}

/** The write that was refused, or the steps of a cancelled transaction, as far as they show what stands there. */
function withBytesInReasons(error: AwsJsonError): void {
  const { Item, CancellationReasons = [] } = error as AwsJsonError & {
    readonly Item?: Item
    readonly CancellationReasons?: readonly { readonly Item?: Item }[]
  }
  readItem(Item)
  for (const reason of CancellationReasons) readItem(reason.Item)
}

function readItem(item: Item | undefined): void {
  if (item === undefined) return
  for (const attribute of Object.values(item)) {
    // On the wire B is text, whatever the type says.
    if (attribute.B !== undefined) attribute.B = Buffer.from(attribute.B as unknown as string, 'base64')
  }
}
