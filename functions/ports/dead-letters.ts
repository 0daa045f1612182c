// Dead letters: messages that failed again and again, kept two weeks for a person to look at and to send again.
import type { Log } from '../environment.ts'
import type { MessageSource, QueueName, Received } from './message-source.ts'

/** A parked message. */
export interface DeadLetter {
  /** Of the message as it was; told apart by it. */
  readonly id: string
  readonly queue: QueueName
  readonly body: string
  readonly group?: string | undefined
  readonly sentAt: number
  readonly receiveCount: number
  readonly parkedAt: number
}

export interface DeadLetters {
  /** Up to `limit` letters, in no order. */
  list(limit?: number): Promise<readonly DeadLetter[]>
  /** The letter with that id; undefined if there is none. */
  show(id: string): Promise<DeadLetter | undefined>
  /** Sends it again to where it came from and takes it out of here; false if there is none with that id. */
  redrive(id: string): Promise<boolean>
}

/** Puts a message away. The caller deletes it from its queue afterwards. */
export async function park(
  source: MessageSource,
  queue: QueueName,
  message: Received,
  log: Log,
): Promise<void> {
  const letter: DeadLetter = {
    id: message.id,
    queue,
    body: message.body,
    group: message.group,
    sentAt: message.sentAt,
    receiveCount: message.receiveCount,
    parkedAt: source.clock.now(),
  }
  log.error('message parked', { queue, id: message.id, receiveCount: message.receiveCount })
  await source.sendTo('dead-letters', JSON.stringify(letter))
}

/**
 * Dead letters over any source. A queue can only be looked at by receiving: what was looked at is hidden from other
 * lookers for a moment and then put back.
 */
export function deadLettersOf(source: MessageSource): DeadLetters {
  return {
    async list(limit = 100) {
      const seen = await look(source, limit, () => false)
      return [...seen.values()].map(({ letter }) => letter)
    },
    async show(id) {
      const seen = await look(source, MAX_LOOKED_AT, (letter) => letter.id === id)
      return seen.get(id)?.letter
    },
    async redrive(id) {
      const seen = await look(source, MAX_LOOKED_AT, (letter) => letter.id === id, { keep: id })
      const found = seen.get(id)
      if (found === undefined) return false
      const { queue, body, group } = found.letter
      await source.sendTo(queue, body, { group })
      await source.remove('dead-letters', [found.received])
      return true
    },
  }
}

const MAX_LOOKED_AT = 1_000

interface Looked {
  readonly letter: DeadLetter
  readonly received: Received
}

async function look(
  source: MessageSource,
  limit: number,
  enough: (letter: DeadLetter) => boolean,
  options: { readonly keep?: string } = {},
): Promise<ReadonlyMap<string, Looked>> {
  const seen = new Map<string, Looked>()
  const received: Received[] = []
  let found = false
  while (!found && seen.size < limit) {
    const batch = await source.receive('dead-letters', { waitMs: 0 })
    if (batch.length === 0) break
    received.push(...batch)
    for (const message of batch) {
      const letter = letterOf(message)
      if (seen.size < limit) seen.set(letter.id, { letter, received: message })
      found ||= enough(letter)
    }
  }
  const back = received.filter((message) => seen.get(options.keep ?? '')?.received !== message)
  if (back.length > 0) await source.putBack('dead-letters', back, 0)
  return seen
}

function letterOf(message: Received): DeadLetter {
  return parked(message.body) ?? bare(message)
}

/** Written by `park`; undefined for anything else, such as what a queue's own redrive policy put here. */
function parked(text: string): DeadLetter | undefined {
  try {
    const letter = JSON.parse(text) as Partial<DeadLetter> | null
    const isOurs = typeof letter?.id === 'string' && letter.queue !== undefined && letter.body !== undefined
    // Nobody but `park` writes these three together.
    return isOurs ? (letter as DeadLetter) : undefined
  } catch {
    return undefined
  }
}

/** Shown as it is, so that a person can see it. */
function bare({ id, body, sentAt, receiveCount }: Received): DeadLetter {
  return { id, queue: 'dead-letters', body, sentAt, receiveCount, parkedAt: sentAt }
}
