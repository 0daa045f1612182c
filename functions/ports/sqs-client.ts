// The calls of the queues through AWS's SDK, with its credentials and retries.
import {
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs'
import type { SqsCalls, SqsCallsOptions, SqsOperations } from './sqs-calls.ts'

const COMMANDS = {
  CreateQueue: CreateQueueCommand,
  GetQueueUrl: GetQueueUrlCommand,
  DeleteQueue: DeleteQueueCommand,
  SendMessage: SendMessageCommand,
  SendMessageBatch: SendMessageBatchCommand,
  ReceiveMessage: ReceiveMessageCommand,
  DeleteMessageBatch: DeleteMessageBatchCommand,
  ChangeMessageVisibilityBatch: ChangeMessageVisibilityBatchCommand,
}

export interface SdkOptions extends SqsCallsOptions {
  /** Absent: the machine's own. */
  readonly credentials?: SQSClientConfig['credentials']
}

export function sdkCalls({ region, endpoint, credentials }: SdkOptions): SqsCalls {
  const client = new SQSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return {
    async call(operation, input, signal) {
      // The table pairs each operation with its command, which the compiler cannot follow over a type parameter.
      const Command = COMMANDS[operation] as unknown as new (input: object) => SendMessageCommand
      const sent = client.send(new Command(input), signal === undefined ? {} : { abortSignal: signal })
      return (await sent) as SqsOperations[typeof operation]['output']
    },
    close: () => client.destroy(),
  }
}
