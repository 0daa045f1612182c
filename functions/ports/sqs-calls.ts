// The calls of SQS that the queues make, whoever carries them: AWS's SDK, or plain JSON to an emulator.
import type {
  ChangeMessageVisibilityBatchRequest,
  ChangeMessageVisibilityBatchResult,
  CreateQueueRequest,
  CreateQueueResult,
  DeleteMessageBatchRequest,
  DeleteMessageBatchResult,
  DeleteQueueRequest,
  GetQueueUrlRequest,
  GetQueueUrlResult,
  ReceiveMessageRequest,
  ReceiveMessageResult,
  SendMessageBatchRequest,
  SendMessageBatchResult,
  SendMessageRequest,
  SendMessageResult,
} from '@aws-sdk/client-sqs'
import { awsJson } from '../../protocol/aws-json.ts'

export interface SqsOperations {
  readonly CreateQueue: { readonly input: CreateQueueRequest; readonly output: CreateQueueResult }
  readonly GetQueueUrl: { readonly input: GetQueueUrlRequest; readonly output: GetQueueUrlResult }
  readonly DeleteQueue: { readonly input: DeleteQueueRequest; readonly output: object }
  readonly SendMessage: { readonly input: SendMessageRequest; readonly output: SendMessageResult }
  readonly SendMessageBatch: {
    readonly input: SendMessageBatchRequest
    readonly output: SendMessageBatchResult
  }
  readonly ReceiveMessage: { readonly input: ReceiveMessageRequest; readonly output: ReceiveMessageResult }
  readonly DeleteMessageBatch: {
    readonly input: DeleteMessageBatchRequest
    readonly output: DeleteMessageBatchResult
  }
  readonly ChangeMessageVisibilityBatch: {
    readonly input: ChangeMessageVisibilityBatchRequest
    readonly output: ChangeMessageVisibilityBatchResult
  }
}

export interface SqsCalls {
  /** Throws errors whose `name` is SQS's, such as `QueueDoesNotExist`. */
  call<O extends keyof SqsOperations>(
    operation: O,
    input: SqsOperations[O]['input'],
    signal?: AbortSignal | undefined,
  ): Promise<SqsOperations[O]['output']>
  close(): void
}

export interface SqsCallsOptions {
  readonly region: string
  /** Of an emulator, plain http; absent: AWS itself. */
  readonly endpoint?: string | undefined
}

/** A long poll is answered within 20 s. */
const REQUEST_TIMEOUT_MS = 30_000

/** Plain http is an emulator, which reads no signature; AWS is called through its SDK, loaded with the first call. */
export function sqsCalls(options: SqsCallsOptions): SqsCalls {
  const { endpoint } = options
  return endpoint?.startsWith('http://') === true ? plainCalls(endpoint) : callsOfSdk(options)
}

function plainCalls(endpoint: string): SqsCalls {
  const plain = awsJson({ endpoint, service: 'AmazonSQS', requestTimeoutMs: REQUEST_TIMEOUT_MS })
  return {
    // What SQS answers to an operation is the output of that operation.
    call: (operation, input, signal) => plain.call(operation, input, signal) as Promise<never>,
    close: () => plain.close(),
  }
}

function callsOfSdk(options: SqsCallsOptions): SqsCalls {
  let loading: Promise<SqsCalls> | undefined
  const loaded = () => {
    loading ??= import('./sqs-client.ts').then(({ sdkCalls }) => sdkCalls(options))
    return loading
  }
  return {
    call: async (...given) => (await loaded()).call(...given),
    close: () => void loading?.then((calls) => calls.close()),
  }
}
