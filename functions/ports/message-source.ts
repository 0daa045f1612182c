// What a queue must be able to do for us: the consumer and the dead letters are written once over it.
import type { Clock } from '../../protocol/clock.ts'
import type { FunctionQueue, QueueMessage, Queues } from './queues.ts'

/** One of the functions' queues, an agent's own queue, or where poison messages are parked. */
export type QueueName = FunctionQueue | 'dead-letters' | { readonly agentId: string }

export interface Received extends QueueMessage {
  /** Of this delivery: removing or putting back is possible with it only, until the message shows again. */
  readonly receipt: string
}

/** Queues that can also be read: the adapters for SQS and for memory. */
export interface MessageSource extends Queues {
  readonly clock: Clock
  /** Up to ten messages; waits up to `waitMs` for the first one. They stay hidden for the queue's visibility time. */
  receive(
    queue: QueueName,
    options: { readonly max?: number; readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<readonly Received[]>
  /** Deletes delivered messages. */
  remove(queue: QueueName, messages: readonly Received[]): Promise<void>
  /** Shows delivered messages again after `ms` (whole seconds, rounded up). */
  putBack(queue: QueueName, messages: readonly Received[], ms: number): Promise<void>
  sendTo(
    queue: QueueName,
    body: string,
    options?: {
      readonly group?: string | undefined
      readonly deduplicationId?: string | undefined
      readonly delaySeconds?: number | undefined
    },
  ): Promise<void>
}

/** Seconds a delivered message stays hidden: the function's time limit and a little (see docs/architecture.md). */
export const VISIBILITY_SECONDS: Readonly<Record<FunctionQueue | 'dead-letters' | 'agent', number>> = {
  heartbeats: 6,
  allocate: 30,
  ticks: 30,
  'instance-events': 60,
  notify: 30,
  'dead-letters': 5,
  agent: 30,
}

/** Seconds until an undelivered message is gone. A beat or nudge of an hour ago helps nobody. */
export const RETENTION_SECONDS: Readonly<Record<FunctionQueue | 'dead-letters' | 'agent', number>> = {
  heartbeats: 15 * 60,
  allocate: 15 * 60,
  ticks: 2 * 60,
  // As long as a notice can still be of use: whatever is missed, the detector finds by its own look-ups.
  'instance-events': 60 * 60,
  // The tick sends another one.
  notify: 2 * 60,
  'dead-letters': 14 * 24 * 3600,
  agent: 15 * 60,
}

/** SQS takes 1 MiB; a nudge that is larger is replaced by the word to look for oneself. */
const MAX_NUDGE_BYTES = 250_000

/** What is really sent to an agent: a nudge too large for its queue becomes `sync`, which says the same. */
export function nudgeBody(body: string): string {
  return Buffer.byteLength(body) <= MAX_NUDGE_BYTES ? body : JSON.stringify({ kind: 'sync' })
}
