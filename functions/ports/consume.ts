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
  /** Milliseconds until a failed message is tried again; twice as many with each further try, at most a minute. */
  readonly retryMs?: number
  /**
   * No message is parked before it is so old, by the queue's stamp: what fails because the table is away is no poison,
   * and an outage of minutes must not cost anything (F67).
   */
  readonly patienceMs?: number
  readonly waitMs?: number
}

/** Longer than the outages that shall only delay. */
export const OUTAGE_MS = 6 * 60_000
const MAX_RETRY_MS = 60_000

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
    if (isPoison(message, source.clock.now(), options)) await park(source, queue, message, options.log)
    else again.push(message)
  }
  // Parked first, deleted then: whoever dies between the two parks it twice and loses nothing.
  const done = messages.filter((message) => !again.includes(message))
  if (done.length > 0) await source.remove(queue, done)
  for (const [ms, some] of Map.groupBy(again, (message) => retryMs(message, options))) {
    await source.putBack(queue, some, ms)
  }
}

function isPoison({ receiveCount, sentAt }: Received, now: number, options: ConsumeOptions): boolean {
  const { maxReceives = DEFAULT_MAX_RECEIVES, patienceMs = 0 } = options
  return receiveCount >= maxReceives && now - sentAt >= patienceMs
}

/** A group of `heartbeats` waits for its failed message, so it is tried again soon, however often. */
function retryMs({ receiveCount, group }: Received, { retryMs: first = 1_000 }: ConsumeOptions): number {
  if (group !== undefined) return first
  return Math.min(MAX_RETRY_MS, first * 2 ** Math.min(receiveCount - 1, 10))
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
