// A framework that reads its own FIFO queue: the notifier, a Lambda, writes into it; ten tasks run.
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { handler } from '../../examples/lambda-framework/handler.ts'
import { clientOf } from './detect.ts'
import type { Part } from './run.ts'
import { TASKS, tenRun } from './ten.ts'

export const sqs: Part = async (cloud, connector, told) => {
  const queues = new SQSClient({ ...clientOf(cloud.place), endpoint: cloud.endpoint })
  const created = await queues.send(
    new CreateQueueCommand({
      QueueName: 'of-a-framework.fifo',
      Attributes: { FifoQueue: 'true', VisibilityTimeout: '5' },
    }),
  )
  const QueueUrl = created.QueueUrl ?? ''
  const frameworkId = 'by-queue'
  Object.assign(process.env, {
    MESETA_URL: cloud.url,
    AUTHORIZATION: cloud.authorization,
    TASKS: String(TASKS),
    COMMAND: 'sleep 1000',
    DELIVERY: 'sqs',
    DELIVERY_URL: QueueUrl,
    FRAMEWORK_ID: frameworkId,
  })
  const stopping = new AbortController()
  await handler({ subscribe: true })
  const reading = read(queues, QueueUrl, stopping.signal)
  try {
    await tenRun(connector, frameworkId, told)
  } finally {
    stopping.abort()
    await reading
    await connector.meseta('framework', 'teardown', frameworkId)
    await queues.send(new DeleteQueueCommand({ QueueUrl }))
    queues.destroy()
  }
}

/** As Lambda reads it for a function: a message that failed comes again. */
async function read(queues: SQSClient, QueueUrl: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { Messages = [] } = await queues.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 }),
    )
    if (Messages.length === 0) continue
    const Records = Messages.map(({ MessageId = '', Body = '' }) => ({ messageId: MessageId, body: Body }))
    const { batchItemFailures } = (await handler({ Records })) as {
      readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
    }
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
    for (const { MessageId = '', ReceiptHandle } of Messages) {
      if (!failed.has(MessageId)) await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }
}
