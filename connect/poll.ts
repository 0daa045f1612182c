// One poll of EVENTS: asked, answered, read; whatever else comes is a trouble with a sentence.
import type { Clock } from '../protocol/clock.ts'
import { decodeJsonValue } from '../protocol/codec.ts'
import { parseJson } from '../protocol/json-reading.ts'
import type { SchedulerEvent } from '../protocol/messages.ts'
import { type FarEnd, FarEndAway, NoCredentials, readBytes } from './far-end.ts'
import type { Batch } from './poll-book.ts'
import { refusalSentence } from './refusals.ts'

export interface PollAsked {
  readonly waitMs: number
  readonly confirm: readonly string[]
  readonly received: readonly string[]
  readonly idleMs: number
  readonly close?: boolean
}

export interface PollAnswer {
  readonly batches: readonly Batch[]
  readonly settled: readonly string[]
  readonly ended?: 'TAKEN_OVER' | 'REMOVED' | 'DISCONNECTED' | undefined
}

/** `isFinal`: asking again cannot help. */
export interface PollTrouble {
  readonly trouble: string
  readonly isFinal: boolean
}

export const EVENTS_PATH = '/api/v1/meseta'

/** An answer that is late by so much is given up. */
const LATE_MS = 10_000
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** Never throws; an aborted poll is a trouble like others. */
export async function pollOnce(
  session: {
    readonly farEnd: FarEnd
    readonly clock: Clock
    readonly frameworkId: string
    readonly streamId: string
    readonly headers: Readonly<Record<string, string>>
  },
  asked: PollAsked,
  closed: AbortSignal | undefined,
): Promise<PollAnswer | PollTrouble> {
  const { farEnd, clock, headers } = session
  const late = new AbortController()
  const cancel = clock.after(asked.waitMs + LATE_MS, () =>
    late.abort(new FarEndAway('the answer to a poll is late', false)),
  )
  try {
    const answer = await farEnd.send({
      method: 'POST',
      target: EVENTS_PATH,
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
      body: Buffer.from(JSON.stringify(bodyOf(session, asked))),
      signal: closed === undefined ? late.signal : AbortSignal.any([late.signal, closed]),
    })
    const body = await readBytes(answer.body, MAX_ANSWER_BYTES)
    return answer.status === 200 ? readAnswer(farEnd, body) : refused(farEnd, answer.status, body)
  } catch (error) {
    return { trouble: awaySentence(farEnd, error), isFinal: false }
  } finally {
    cancel()
  }
}

/** Nobody there, as a sentence. */
export function awaySentence({ base }: Pick<FarEnd, 'base'>, error: unknown): string {
  if (error instanceof NoCredentials) return error.message
  return `${base.origin} does not answer (${error instanceof Error ? error.message : String(error)})`
}

function bodyOf(
  { frameworkId, streamId }: { readonly frameworkId: string; readonly streamId: string },
  { waitMs, confirm, received, idleMs, close }: PollAsked,
): object {
  return {
    type: 'EVENTS',
    events: {
      framework_id: { value: frameworkId },
      stream_id: streamId,
      wait_ms: waitMs,
      idle_ms: Math.round(idleMs),
      confirm,
      received,
      ...(close === true ? { close } : {}),
    },
  }
}

function refused(farEnd: FarEnd, status: number, body: Uint8Array): PollTrouble {
  const said = Buffer.from(body).toString()
  const sentence = refusalSentence(farEnd, status, said)
  // A deployment may take rights and paths away for a moment; what is wrong with our own call stays wrong.
  if (sentence !== undefined) return { trouble: sentence, isFinal: false }
  const isFinal = status === 400 || status === 409 || status === 501
  return { trouble: `${farEnd.base.origin} answers a poll with ${status}: ${said.slice(0, 300)}`, isFinal }
}

function readAnswer(farEnd: FarEnd, body: Uint8Array): PollAnswer | PollTrouble {
  const broken = { trouble: `what answers at ${farEnd.base.href} is no Meseta; check --url`, isFinal: false }
  let parsed: unknown
  try {
    parsed = parseJson(body)
  } catch {
    return broken
  }
  const events = field(parsed, 'events')
  const batches = field(events, 'batches')
  const settled = field(events, 'settled')
  const ended = field(events, 'ended')
  if (!Array.isArray(batches) || !isTexts(settled)) return broken
  const read = batches.map(readBatch)
  if (read.some((batch) => batch === undefined)) return broken
  return {
    batches: read.filter((batch) => batch !== undefined),
    settled,
    ended: ended === 'TAKEN_OVER' || ended === 'REMOVED' || ended === 'DISCONNECTED' ? ended : undefined,
  }
}

function readBatch(batch: unknown): Batch | undefined {
  const ids = field(batch, 'ids')
  const events = field(batch, 'events')
  if (!isTexts(ids) || !Array.isArray(events)) return undefined
  return { ids, events: events.flatMap(readEvent) }
}

/** An event of a newer release that cannot be read here is left out, as an old client would. */
function readEvent(value: unknown): readonly SchedulerEvent[] {
  const decoded = decodeJsonValue('mesos.v1.scheduler.Event', value)
  return decoded.ok ? [decoded.message] : []
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
