// Delivery into a framework's own SQS FIFO queue: one message an event, the group is the framework.
import { createHash } from 'node:crypto'
import type { Clock } from '../../protocol/clock.ts'
import type { Letter, Parcel, Sent } from '../ports/outlets.ts'
import type { Queues } from '../ports/queues.ts'
import { type SqsCalls, sqsCalls } from '../ports/sqs-calls.ts'
import { bodyOf } from './webhook.ts'

export interface OwnQueue {
  refusal(url: string): string | undefined
  send(parcel: Parcel): Promise<Sent>
}

/** SQS: of a message, and of all messages of a call. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** For all calls of a parcel. */
const TIMEOUT_MS = 5_000
/** SQS: messages of a call. */
const MAX_MESSAGES = 10

const NAME = String.raw`/(\d{12})/([A-Za-z0-9_-]{1,75}\.fifo)`
const AWS_URL = new RegExp(String.raw`^https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?${NAME}$`)
const EMULATED_URL = new RegExp(`^https?://[^/?#@]+${NAME}$`)

/** Where the cluster's own queues are an emulator's, so are all others: nothing leaves for AWS. */
export function ownQueue(queues: Pick<Queues, 'endpoint' | 'isOwn'>, clock: Clock): OwnQueue {
  const callsByRegion = new Map<string, SqsCalls>()
  return {
    refusal,
    async send(parcel) {
      const refused = refusal(parcel.to.url)
      if (refused !== undefined) return { taken: [], refused: [], failed: refused }
      const abort = new AbortController()
      const cancel = clock.after(TIMEOUT_MS, () => abort.abort())
      try {
        return await sendAll(parcel, abort.signal)
      } finally {
        cancel()
      }
    },
  }

  function refusal(url: string): string | undefined {
    const isEmulated = queues.endpoint() !== undefined
    if (!(isEmulated ? EMULATED_URL : AWS_URL).test(url))
      return 'the URL must be that of a FIFO queue, https://sqs.<region>.amazonaws.com/<account>/<name>.fifo'
    // Somebody who could write into our queues through us would be an agent, or the clock.
    return queues.isOwn?.(url) === true ? "the cluster's own queues are not for frameworks" : undefined
  }

  async function sendAll(parcel: Parcel, signal: AbortSignal): Promise<Sent> {
    const taken: Letter[] = []
    const tooLarge: Letter[] = []
    for (const letters of callsOf(parcel, tooLarge)) {
      const result = await sendTogether({ ...parcel, letters }, signal)
      taken.push(...result.taken)
      if (result.failed !== undefined) return { taken, refused: tooLarge, failed: result.failed }
    }
    return { taken, refused: tooLarge }
  }

  async function sendTogether(parcel: Parcel, signal: AbortSignal): Promise<Sent> {
    const { letters, to, frameworkId } = parcel
    try {
      const entries = letters.map((letter, index) => ({
        Id: String(index),
        MessageBody: bodyOf({ ...parcel, letters: [letter] }),
        MessageGroupId: groupOf(frameworkId),
        MessageDeduplicationId: letter.id,
      }))
      const input = { QueueUrl: to.url, Entries: entries }
      const answer = await callsFor(to.url).call('SendMessageBatch', input, signal)
      const ids = new Set((answer.Successful ?? []).map(({ Id }) => Id))
      const taken = letters.filter((_, index) => ids.has(String(index)))
      const [failed] = answer.Failed ?? []
      if (taken.length === letters.length) return { taken, refused: [] }
      return {
        taken,
        refused: [],
        failed: `the queue refused a message: ${failed?.Code ?? 'no reason given'}`,
      }
    } catch (error) {
      return { taken: [], refused: [], failed: error instanceof Error ? error.name : String(error) }
    }
  }

  function callsFor(url: string): SqsCalls {
    const region = AWS_URL.exec(url)?.[1] ?? 'us-east-1'
    const known = callsByRegion.get(region)
    if (known !== undefined) return known
    const made = sqsCalls({ region, endpoint: queues.endpoint() })
    callsByRegion.set(region, made)
    return made
  }
}

/**
 * Letters that go together: of ten messages of a call any can fail, so no two of them are about the same. A letter that
 * no queue takes is put aside.
 */
function* callsOf(parcel: Parcel, tooLarge: Letter[]): Iterable<readonly Letter[]> {
  let together: Letter[] = []
  let bytes = 0
  for (const letter of parcel.letters) {
    const size = Buffer.byteLength(bodyOf({ ...parcel, letters: [letter] }))
    if (size > MAX_MESSAGE_BYTES) {
      tooLarge.push(letter)
      continue
    }
    const isFull = together.length === MAX_MESSAGES || bytes + size > MAX_MESSAGE_BYTES
    if (isFull || together.some(({ subject }) => subject === letter.subject)) {
      yield together
      together = []
      bytes = 0
    }
    together.push(letter)
    bytes += size
  }
  if (together.length > 0) yield together
}

/** A group's id has at most 128 printable characters of ASCII. */
function groupOf(frameworkId: string): string {
  return /^[!-~]{1,128}$/.test(frameworkId)
    ? frameworkId
    : createHash('sha256').update(frameworkId).digest('hex')
}
