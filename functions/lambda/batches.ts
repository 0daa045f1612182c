// The function behind a queue: a batch in, the messages that are to come again out, poison into the dead letters.
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import type { Environment } from '../environment.ts'
import { type BatchHandler, handleBatch } from '../ports/consume.ts'
import type { MessageSource, Received } from '../ports/message-source.ts'
import type { FunctionQueue, QueueMessage } from '../ports/queues.ts'
import type { LambdaFunction } from './environment.ts'

export interface BatchOptions {
  readonly queue: FunctionQueue
  /** The ids of the messages that are to come again; throwing means all of them. */
  readonly handle: (env: Environment, batch: readonly QueueMessage[]) => Promise<readonly string[]>
  /** See `ConsumeOptions`: deliveries and age from which a failing message is parked. */
  readonly maxReceives?: number | undefined
  readonly patienceMs?: number | undefined
}

/**
 * The handler for an event source mapping with `ReportBatchItemFailures`. Messages are deleted by Lambda, and shown
 * again after the queue's visibility time; what is answered are those that failed, and in a FIFO queue what stands
 * behind them in their group (H14). Content never fails a batch: it is the handler's to refuse, or it is parked.
 */
export function batchFunction(
  fn: LambdaFunction,
  { queue, handle, maxReceives, patienceMs }: BatchOptions,
): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return async (event) => {
    const batch = event.Records.map(messageOf)
    const again = new Set<string>()
    const handler: BatchHandler = async (messages) => await handle(await fn.environment(), messages)
    await handleBatch(returning(fn.queues, again), queue, batch, handler, {
      log: fn.log,
      ...(maxReceives === undefined ? {} : { maxReceives }),
      ...(patienceMs === undefined ? {} : { patienceMs }),
    })
    await fn.finished()
    return { batchItemFailures: inOrder(batch, again).map(({ id }) => ({ itemIdentifier: id })) }
  }
}

/** The message as every other host sees it. */
export function messageOf({ messageId, body, receiptHandle, attributes }: SQSRecord): Received {
  return {
    id: messageId,
    body,
    sentAt: Number(attributes.SentTimestamp),
    group: attributes.MessageGroupId,
    senderId: attributes.SenderId,
    receiveCount: Number(attributes.ApproximateReceiveCount),
    receipt: receiptHandle,
  }
}

/** The queue as the consumer needs it, where Lambda itself deletes, and puts back what it is told. */
function returning(queues: MessageSource, again: Set<string>): MessageSource {
  return {
    ...queues,
    remove: async () => {},
    putBack: async (_, messages) => {
      for (const { id } of messages) again.add(id)
    },
  }
}

/** Within a group nothing may overtake a message that comes again. */
function inOrder(batch: readonly Received[], again: ReadonlySet<string>): readonly Received[] {
  const held = new Set<string>()
  return batch.filter(({ id, group }) => {
    const isHeld = again.has(id) || (group !== undefined && held.has(group))
    if (isHeld && group !== undefined) held.add(group)
    return isHeld
  })
}
