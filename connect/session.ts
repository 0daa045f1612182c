// One framework's stream, held by the connector: it polls the cluster's EVENTS, writes records, and beats by itself.
//
// The framework sees one stream for days. Polls that fail, a cluster that is deployed anew, gateways that end every
// answer after seconds: all of that happens behind it. It ends when the session does, or its framework goes away.
import { type Clock, sleep } from '../protocol/clock.ts'
import { encodeMessage } from '../protocol/codec.ts'
import type { MediaType } from '../protocol/media-types.ts'
import type { SchedulerEvent } from '../protocol/messages.ts'
import { encodeRecord } from '../protocol/recordio.ts'
import { backoffMs } from './backoff.ts'
import type { FarEnd } from './far-end.ts'
import { type PollAnswer, type PollAsked, pollOnce } from './poll.ts'
import { confirmable, newBook, type PollBook, settle, take, written } from './poll-book.ts'

/** The framework's side of the stream. */
export interface Peer {
  /** One record as one chunk; `onTaken` once its socket has taken it. */
  write(record: Uint8Array, onTaken: () => void): void
  /** Bytes that wait for a peer that does not read. */
  pendingBytes(): number
  /** Aborts when the framework's socket closes, reason `PEER_GONE`, or when the connector stops. */
  readonly closed: AbortSignal
  /** Ends the stream at a record. */
  end(): void
}

export const PEER_GONE = 'peer gone'

export interface SessionOptions {
  readonly farEnd: FarEnd
  readonly clock: Clock
  readonly random: () => number
  readonly log: (line: string) => void
  readonly frameworkId: string
  readonly streamId: string
  readonly mediaType: MediaType
  /** What the framework said with SUBSCRIBE about who it is. */
  readonly headers: Readonly<Record<string, string>>
  readonly peer: Peer
  /** Milliseconds since a call of the framework was last passed on. */
  sinceCallMs(): number
}

const HEARTBEAT_MS = 15_000
const WAIT_MS = 20_000
/** Tries that fail come this close at most: after an outage of the cluster the session has some seconds to be heard of. */
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 2_000
/** Without any answer for so long nobody knows whether the session stands: the framework must not believe it does. */
const GIVEN_UP_MS = 10 * 60_000
/** A framework that takes nothing for so long, though bytes wait for it, is given up. */
const STALLED_MS = 60_000
const MAX_PENDING_BYTES = 32 * 1024 * 1024
/** The next poll names what was written; the socket has this long to take it before. */
const TAKEN_WITHIN_MS = 1_000
/** More updates are unacknowledged than a poll can name: they come again, but not without pause. */
const CROWDED_MS = 10_000
const FAREWELL_MS = 10_000

/** Runs until the session or the stream is over; says SUBSCRIBED's first heartbeat itself. */
export async function runSession(options: SessionOptions): Promise<void> {
  const { clock, peer, log, frameworkId, farEnd } = options
  const running: Running = {
    options,
    book: newBook(),
    busyAt: clock.now(),
    answeredAt: clock.now(),
    unheardSince: undefined,
    said: undefined,
  }
  const heart = beating(options)
  try {
    const end = await pollUntilOver(running)
    if (end === 'TAKEN_OVER') {
      say(options, { type: 'ERROR', error: { message: 'Framework failed over' } })
    }
    if (end !== undefined) log(`framework ${frameworkId}: its session is over (${end.toLowerCase()})`)
  } catch (error) {
    log(`framework ${frameworkId}: its stream is ended: ${(error as Error).message}`)
  } finally {
    heart.stop()
    peer.end()
  }
  if (peer.closed.aborted && peer.closed.reason === PEER_GONE) await farewell(running, farEnd)
}

interface Running {
  readonly options: SessionOptions
  readonly book: PollBook
  /** When there was last something to say. */
  busyAt: number
  /** When the last poll was answered. */
  answeredAt: number
  /** Since when bytes wait for the framework. */
  unheardSince: number | undefined
  /** The trouble that was last logged. */
  said: string | undefined
}

/** Undefined when the stream was closed on this side. */
async function pollUntilOver(running: Running): Promise<PollAnswer['ended']> {
  const { options, book } = running
  const { clock, peer, random } = options
  for (let tries = 0; !peer.closed.aborted; ) {
    const asked = askedNow(running)
    const answer = await pollOnce(options, asked, peer.closed)
    if (peer.closed.aborted) return undefined
    if ('trouble' in answer) {
      noteTrouble(running, answer.trouble)
      if (answer.isFinal) throw new Error(answer.trouble)
      if (clock.now() - running.answeredAt > GIVEN_UP_MS) {
        throw new Error(`no poll was answered for ${GIVEN_UP_MS / 60_000} minutes (${answer.trouble})`)
      }
      const limits = { firstMs: FIRST_RETRY_MS, capMs: LONGEST_RETRY_MS, random }
      await sleep(clock, backoffMs(tries++, limits), peer.closed)
      continue
    }
    tries = 0
    noteAnswer(running)
    settle(book, answer.settled)
    if (answer.ended !== undefined) return answer.ended
    await writeAll(running, answer)
    if (!asked.isWhole) await sleep(clock, CROWDED_MS, peer.closed)
  }
  return undefined
}

function askedNow({ options, book, busyAt }: Running): PollAsked & { readonly isWhole: boolean } {
  const { ids, isWhole } = confirmable(book)
  const idleMs = Math.max(0, Math.min(options.clock.now() - busyAt, options.sinceCallMs()))
  return { waitMs: WAIT_MS, confirm: ids, received: [...book.received], idleMs, isWhole }
}

/** Writes what came, and waits a moment for the socket to take it, so that the next poll can confirm it. */
async function writeAll(running: Running, answer: PollAnswer): Promise<void> {
  const { options, book } = running
  const { clock, peer } = options
  if (answer.batches.length > 0) running.busyAt = clock.now()
  const taken = answer.batches.map((batch) => {
    const events = take(book, batch)
    if (events.length === 0) return written(book, batch.ids)
    return new Promise<void>((resolve) => {
      let left = events.length
      for (const event of events) {
        say(options, event, () => {
          if (--left > 0) return
          written(book, batch.ids)
          resolve()
        })
      }
    })
  })
  await Promise.race([Promise.all(taken), sleep(clock, TAKEN_WITHIN_MS, peer.closed)])
  if (book.received.size === 0) running.unheardSince = undefined
  else running.unheardSince ??= clock.now()
  const stalledMs = clock.now() - (running.unheardSince ?? clock.now())
  if (stalledMs > STALLED_MS || peer.pendingBytes() > MAX_PENDING_BYTES) {
    throw new Error(`it read nothing for ${Math.round(stalledMs / 1000)} s`)
  }
}

function say(
  { mediaType, peer }: Pick<SessionOptions, 'mediaType' | 'peer'>,
  event: SchedulerEvent,
  onTaken = () => {},
): void {
  peer.write(encodeRecord(encodeMessage('mesos.v1.scheduler.Event', mediaType, event)), onTaken)
}

/** Once per trouble, not once per try. */
function noteTrouble(running: Running, trouble: string): void {
  if (running.said === trouble) return
  running.said = trouble
  running.options.log(`framework ${running.options.frameworkId}: ${trouble}; trying again`)
}

function noteAnswer(running: Running): void {
  const { clock, log, frameworkId } = running.options
  if (running.said !== undefined) log(`framework ${frameworkId}: the cluster answers again`)
  running.said = undefined
  running.answeredAt = clock.now()
}

/** The framework closed its stream: the cluster is told, so that nothing has to run out first (C51). */
async function farewell({ options, book }: Running, farEnd: FarEnd): Promise<void> {
  const { clock, random } = options
  const overAt = clock.now() + FAREWELL_MS
  const asked = { waitMs: 0, confirm: confirmable(book).ids, received: [], idleMs: 0, close: true }
  for (let tries = 0; clock.now() < overAt; tries++) {
    const answer = await pollOnce({ ...options, farEnd }, asked, undefined)
    if (!('trouble' in answer) || answer.isFinal) return
    await sleep(clock, backoffMs(tries, { firstMs: FIRST_RETRY_MS, capMs: LONGEST_RETRY_MS, random }))
  }
}

/** HEARTBEAT at once, for some clients give up a stream that is silent for ten seconds (C34), then every 15 s. */
function beating(options: SessionOptions): { stop(): void } {
  const { clock } = options
  let due = clock.now()
  let cancel = () => {}
  const beat = () => {
    say(options, { type: 'HEARTBEAT' })
    // From due time to due time, so that lateness of a timer does not add up.
    due = Math.max(due + HEARTBEAT_MS, clock.now())
    cancel = clock.after(due - clock.now(), beat)
  }
  beat()
  return { stop: () => cancel() }
}
