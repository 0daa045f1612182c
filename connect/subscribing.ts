// SUBSCRIBE through the connector: a session is begun that is polled, and its stream is held here.
import type { ServerResponse } from 'node:http'
import type { Clock } from '../protocol/clock.ts'
import { decodeMessage } from '../protocol/codec.ts'
import { type MediaType, parseContentType } from '../protocol/media-types.ts'
import type { SchedulerCall, SchedulerEvent } from '../protocol/messages.ts'
import { encodeRecord, RecordDecoder } from '../protocol/recordio.ts'
import { type FarEnd, type Incoming, type Outgoing, readBytes } from './far-end.ts'
import { answer, answerAway, passBack, passedOn } from './passing.ts'
import { PEER_GONE, type Peer, runSession } from './session.ts'

export interface Sessions {
  subscribe(call: SchedulerCall, request: Outgoing, outgoing: ServerResponse): Promise<void>
  /** A framework that calls is not idle. */
  noteCall(frameworkId: string | undefined): void
  /** Ends all streams at a record. */
  stop(): Promise<void>
}

interface Stream {
  readonly frameworkId: string
  readonly closed: AbortController
  readonly ended: Promise<void>
}

interface SessionsOptions {
  readonly farEnd: FarEnd
  readonly clock: Clock
  readonly random: () => number
  readonly log: (line: string) => void
}

const SUBSCRIBE_WITHIN_MS = 10_000
/** SUBSCRIBED or ERROR, and nothing else. */
const MAX_HEAD_BYTES = 1024 * 1024
const STOPPING = 'connector stops'

export function sessions(options: SessionsOptions): Sessions {
  const streams = new Set<Stream>()
  const calledAt = new Map<string, number>()
  let isStopping = false

  return {
    async subscribe(call, request, outgoing) {
      if (isStopping) return answer(outgoing, 503, 'The connector stops; try again')
      const closed = new AbortController()
      outgoing.on('close', () => closed.abort(PEER_GONE))
      const begun = await begin(options, { call, request, outgoing, closed: closed.signal })
      if (begun === undefined) return
      const { frameworkId } = begun
      calledAt.set(frameworkId, options.clock.now())
      const isLast = () => ![...streams].some((stream) => stream.frameworkId === frameworkId)
      const ended = runSession({
        ...options,
        ...begun,
        peer: peerOf(outgoing, closed.signal),
        sinceCallMs: () => options.clock.now() - (calledAt.get(frameworkId) ?? 0),
      })
      const stream = { frameworkId, closed, ended }
      streams.add(stream)
      await ended
      streams.delete(stream)
      if (isLast()) calledAt.delete(frameworkId)
    },
    noteCall(frameworkId) {
      if (frameworkId !== undefined && calledAt.has(frameworkId)) {
        calledAt.set(frameworkId, options.clock.now())
      }
    },
    async stop() {
      isStopping = true
      for (const { closed } of streams) closed.abort(STOPPING)
      await Promise.all([...streams].map(({ ended }) => ended))
    },
  }
}

interface Begun {
  readonly frameworkId: string
  readonly streamId: string
  readonly mediaType: MediaType
  readonly headers: Readonly<Record<string, string>>
}

/** Answers the framework; undefined when there is no session to poll for. */
async function begin(
  options: SessionsOptions,
  asked: {
    readonly call: SchedulerCall
    readonly request: Outgoing
    readonly outgoing: ServerResponse
    readonly closed: AbortSignal
  },
): Promise<Begun | undefined> {
  const { farEnd, log } = options
  const { call, request, outgoing, closed } = asked
  // The answer is read here, so it comes as it is.
  const { 'accept-encoding': _, ...headers } = request.headers
  let got: Incoming
  try {
    // A SUBSCRIBE whose answer got lost has begun a session: its framework decides whether to begin another.
    got = await farEnd.sendPatiently(
      {
        ...request,
        headers: { ...headers, 'meseta-delivery': isDelivered(call) ? 'stream' : 'poll' },
        signal: closed,
      },
      { isRepeatable: false, withinMs: SUBSCRIBE_WITHIN_MS },
    )
  } catch (error) {
    if (!outgoing.destroyed) answerAway(outgoing, farEnd, error)
    return undefined
  }
  const mediaType = parseContentType(String(got.headers['content-type'] ?? ''))
  if (got.status !== 200 || mediaType === undefined) {
    passBack(options, got, outgoing)
    return undefined
  }
  if (got.headers['meseta-delivery'] !== 'poll') {
    await passStream({ log, farEnd }, got, { mediaType, outgoing })
    return undefined
  }
  const streamId = String(got.headers['mesos-stream-id'] ?? '')
  const [record] = await firstRecord(got).catch(() => [])
  const event = record === undefined ? undefined : eventOf(mediaType, record)
  const frameworkId = event?.subscribed?.framework_id.value
  if (record === undefined || frameworkId === undefined || streamId === '') {
    answer(outgoing, 503, `The answer of ${farEnd.base.origin} broke off; try again`)
    return undefined
  }
  outgoing.writeHead(200, { 'content-type': mediaType, 'mesos-stream-id': streamId })
  outgoing.flushHeaders()
  outgoing.write(encodeRecord(record))
  const { authorization } = request.headers
  return { frameworkId, streamId, mediaType, headers: authorization === undefined ? {} : { authorization } }
}

async function firstRecord(got: Incoming): Promise<readonly Buffer[]> {
  return new RecordDecoder().push(await readBytes(got.body, MAX_HEAD_BYTES))
}

/** Its events go to a webhook or a queue of its own, as labels say: there is nothing to poll. */
function isDelivered({ subscribe }: SchedulerCall): boolean {
  const labels = subscribe?.framework_info.labels?.labels ?? []
  return labels.some(({ key, value }) => key === 'meseta.delivery' && value !== 'stream')
}

/**
 * The far end said an ERROR, delivers this framework's events in another way, or is too old to be polled: what comes is
 * passed on, one record per chunk.
 */
async function passStream(
  { log, farEnd }: Pick<SessionsOptions, 'log' | 'farEnd'>,
  got: Incoming,
  { mediaType, outgoing }: { readonly mediaType: MediaType; readonly outgoing: ServerResponse },
): Promise<void> {
  outgoing.writeHead(200, passedOn(got.headers))
  outgoing.flushHeaders()
  outgoing.on('close', () => got.body.destroy())
  const decoder = new RecordDecoder()
  try {
    for await (const chunk of got.body) {
      for (const record of decoder.push(chunk)) {
        if (eventOf(mediaType, record)?.subscribed !== undefined) {
          log(
            `${farEnd.base.origin} does not deliver to this framework by poll: its own answer is passed on, and ends when the far end ends it`,
          )
        }
        if (!outgoing.write(encodeRecord(record))) await drained(outgoing)
      }
    }
  } catch (error) {
    log(`the stream of ${farEnd.base.origin} broke off: ${(error as Error).message}`)
  }
  outgoing.end()
}

function eventOf(mediaType: MediaType, record: Uint8Array): SchedulerEvent | undefined {
  const decoded = decodeMessage('mesos.v1.scheduler.Event', mediaType, record)
  return decoded.ok ? decoded.message : undefined
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    outgoing.once('drain', done)
    outgoing.once('close', done)
    function done(): void {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
  })
}

function peerOf(outgoing: ServerResponse, closed: AbortSignal): Peer {
  return {
    write(record, onTaken) {
      if (outgoing.destroyed || outgoing.writableEnded) return
      outgoing.write(record, (error) => {
        if (error == null) onTaken()
      })
    },
    pendingBytes: () => outgoing.writableLength,
    closed,
    end: () => void outgoing.end(),
  }
}
