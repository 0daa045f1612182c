// The calls of SQS that the agent makes: through AWS's SDK, or as plain JSON to an emulator, which reads no signature.
import type {
  DeleteMessageBatchRequest,
  ReceiveMessageRequest,
  ReceiveMessageResult,
  SendMessageRequest,
} from '@aws-sdk/client-sqs'
import { awsJson } from '../protocol/aws-json.ts'

/** One try each: repeats are decided where it is known what a repeat means. */
export interface QueueCalls {
  receive(input: ReceiveMessageRequest, signal: AbortSignal): Promise<ReceiveMessageResult>
  remove(input: DeleteMessageBatchRequest): Promise<void>
  send(input: SendMessageRequest, signal: AbortSignal): Promise<void>
  close(): void
}

/** A long poll is answered within 20 s. */
const REQUEST_TIMEOUT_MS = 30_000

/** @param endpoint of an emulator, plain http; absent: AWS itself, whose SDK is loaded with the first call */
export function queueCalls(endpoint: string | undefined): QueueCalls {
  return endpoint?.startsWith('http://') === true ? plainCalls(endpoint) : callsOfSdk(endpoint)
}

function plainCalls(endpoint: string): QueueCalls {
  const plain = awsJson({ endpoint, service: 'AmazonSQS', requestTimeoutMs: REQUEST_TIMEOUT_MS })
  return {
    // What SQS answers to an operation is the output of that operation.
    receive: (input, signal) => plain.call('ReceiveMessage', input, signal) as Promise<ReceiveMessageResult>,
    async remove(input) {
      await plain.call('DeleteMessageBatch', input)
    },
    async send(input, signal) {
      await plain.call('SendMessage', input, signal)
    },
    close: () => plain.close(),
  }
}

function callsOfSdk(endpoint: string | undefined): QueueCalls {
  let loading: ReturnType<typeof loadSdk> | undefined
  const loaded = () => {
    loading ??= loadSdk(endpoint)
    return loading
  }
  return {
    async receive(input, abortSignal) {
      const { client, sdk } = await loaded()
      return await client.send(new sdk.ReceiveMessageCommand(input), { abortSignal })
    },
    async remove(input) {
      const { client, sdk } = await loaded()
      await client.send(new sdk.DeleteMessageBatchCommand(input))
    },
    async send(input, abortSignal) {
      const { client, sdk } = await loaded()
      await client.send(new sdk.SendMessageCommand(input), { abortSignal })
    },
    close: () => void loading?.then(({ client }) => client.destroy()),
  }
}

async function loadSdk(endpoint: string | undefined) {
  const sdk = await import('@aws-sdk/client-sqs')
  const there = endpoint === undefined ? {} : { endpoint, useQueueUrlAsEndpoint: false }
  const client = new sdk.SQSClient({ maxAttempts: 1, ...there })
  return { sdk, client }
}
