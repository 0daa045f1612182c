// Queues: what is taken out while all is quiet has not waited long, so that none of them grows without bound (L5).
import type { MessageSource, Received } from '../../functions/ports/message-source.ts'
import { seconds, type View } from './view.ts'

/** A backlog of the time before is gone after this. */
const SETTLED_MS = 120_000
const WAITED_MS = 90_000

/** The queues below all faults, with every message looked at that comes out of them. */
export function observedQueues(queues: MessageSource, view: View): MessageSource {
  return {
    ...queues,
    receive: async (queue, options) => {
      const received = await queues.receive(queue, options)
      for (const one of received) checkAge(one, typeof queue === 'string' ? queue : queue.agentId, view)
      return received
    },
  }
}

export function checkAge({ sentAt, receiveCount }: Received, queue: string, view: View): void {
  const { quietSince, time, violated } = view
  const waited = time.now() - sentAt
  if (quietSince === undefined || sentAt < quietSince + SETTLED_MS || waited < WAITED_MS) return
  violated('L5', `a message of ${queue} has waited ${seconds(waited)}, taken ${receiveCount} times`, queue)
}
