// Reads a queue for a handler, as an event source mapping of Lambda does: batches, partial failures, parked poison.
import { sleep } from '../../protocol/clock.ts'
import type { Log } from '../environment.ts'
import { park } from './dead-letters.ts'
import type { MessageSource, QueueName, Received } from './message-source.ts'
import type { QueueMessage } from './queues.ts'

/** Handles a batch and returns the ids of those that failed. Throwing means that all of them failed. */
export type BatchHandler = (messages: readonly QueueMessage[]) => Promise<readonly string[]>

export interface ConsumeOptions {
  readonly log: Log
  /** Deliveries after which a failing message is parked; `Infinity` for `heartbeats`, whose content never fails. */
  readonly maxReceives?: number
  /** Milliseconds until a failed message is tried again. */
  readonly retryMs?: number
  readonly waitMs?: number
}

/** Five tries, then the message waits for a person in the dead letters (F68). */
export const DEFAULT_MAX_RECEIVES = 5

/**
 * Hands batches of up to ten messages to the handler until the signal aborts; then it resolves. A message is deleted
 * only after it was handled; one that keeps failing is parked and holds nobody up. A queue that does not answer is
 * asked again each second.
 */
export async function consume(
  source: MessageSource,
  queue: QueueName,
  handler: BatchHandler,
  signal: AbortSignal,
  options: ConsumeOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const messages = await source.receive(queue, { waitMs: options.waitMs ?? 20_000, signal })
      if (messages.length > 0) await handleBatch(source, queue, messages, handler, options)
    } catch (error) {
      if (signal.aborted) return
      options.log.warn('queue away', { queue: nameOf(queue), error: String(error) })
      await sleep(source.clock, 1_000, signal)
    }
  }
}

/** One batch: what was handled is deleted, what failed comes back, what keeps failing is parked. */
export async function handleBatch(
  source: MessageSource,
  queue: QueueName,
  messages: readonly Received[],
  handler: BatchHandler,
  options: ConsumeOptions,
): Promise<void> {
  const failed = await failuresOf(queue, messages, handler, options.log)
  const again: Received[] = []
  for (const message of failed) {
    if (message.receiveCount < (options.maxReceives ?? DEFAULT_MAX_RECEIVES)) again.push(message)
    else await park(source, queue, message, options.log)
  }
  // Parked first, deleted then: whoever dies between the two parks it twice and loses nothing.
  const done = messages.filter((message) => !again.includes(message))
  if (done.length > 0) await source.remove(queue, done)
  if (again.length > 0) await source.putBack(queue, again, options.retryMs ?? 1_000)
}

async function failuresOf(
  queue: QueueName,
  messages: readonly Received[],
  handler: BatchHandler,
  log: Log,
): Promise<readonly Received[]> {
  try {
    const ids = new Set(await handler(messages))
    return messages.filter((message) => ids.has(message.id))
  } catch (error) {
    log.error('batch failed', { queue: nameOf(queue), messages: messages.length, error: String(error) })
    return messages
  }
}

export function nameOf(queue: QueueName): string {
  return typeof queue === 'string' ? queue : `agent ${queue.agentId}`
}
