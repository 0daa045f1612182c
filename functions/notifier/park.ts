// Dead letters of deliveries: what a framework's endpoint will never take is put where a person finds it.
import type { Framework } from '../../master/model.ts'
import type { Environment } from '../environment.ts'
import type { DeadLetter } from '../ports/dead-letters.ts'
import type { Letter } from '../ports/outlets.ts'

/** The event itself stands in it up to this size. */
const MAX_SHOWN_CHARS = 100_000

/**
 * Parks one letter. Sent again, it is a nudge: the framework's mailbox is looked at. An update stays in custody in any
 * case and is delivered again when it is due. If parking fails, the log has it.
 */
export async function park(
  env: Environment,
  { frameworkId, delivery }: Framework,
  { id, event }: Letter,
): Promise<void> {
  const now = env.clock.now()
  const shown = event.length > MAX_SHOWN_CHARS ? { bytes: Buffer.byteLength(event) } : { event }
  const letter: DeadLetter = {
    id,
    queue: 'notify',
    body: JSON.stringify({ frameworkId, refusedBy: delivery?.kind, ...shown }),
    sentAt: now,
    receiveCount: 1,
    parkedAt: now,
  }
  env.log.error('event not deliverable', { frameworkId, id, bytes: Buffer.byteLength(event) })
  try {
    await env.queues.send('dead-letters', JSON.stringify(letter))
  } catch (error) {
    env.log.error('dead letter lost', { frameworkId, id, error: String(error) })
  }
}
