// An answer becomes what a REST API takes: one result, or the stream of a function that streams.
import { Buffer } from 'node:buffer'
import type { APIGatewayProxyResult } from 'aws-lambda'
import { type Clock, sleep } from '../../protocol/clock.ts'
import { CLOSED_BY_HOST, type HttpAnswer, type HttpStream, isStream, text } from '../http/types.ts'

/** A stream ends at a record so long before the function would be cut off, ms: its session is ended in that time. */
const LAST_MS = 10_000
/** R18: a gateway that waits for the whole answer gives up after 29 s. */
const BUFFERED_STREAM_MS = 22_000
/** A short stream that has said something is over when nothing more comes for so long, ms. */
const QUIET_MS = 500
/** What has been gathered is passed on before it is more than a buffered answer may hold. */
const BUFFERED_STREAM_BYTES = 4 * 1024 * 1024
/** Lambda: 6 MB in all, with room for headers. */
const MAX_BUFFERED_BYTES = 6 * 1024 * 1024 - 64 * 1024
/** A HEARTBEAT is the only event of at most so many bytes, as JSON or binary. */
const HEARTBEAT_BYTES = 32
/** Lambda may hold back what is written right behind the head. */
const AFTER_HEAD_MS = 25
/** A stream whose peer takes nothing for so long, though bytes wait for it, is given up. */
const STALLED_MS = 60_000

/** What Lambda says of the invocation. */
export interface Remaining {
  getRemainingTimeInMillis(): number
}

/** The part of Lambda's response stream that is used. */
export interface ResponseStream {
  write(bytes: Uint8Array): boolean
  end(): void
  on(event: 'error' | 'close', listener: (error?: unknown) => void): unknown
  once(event: 'drain', listener: () => void): unknown
}

/** A whole answer; of a stream what it says within some seconds (R18). */
export async function buffered(
  answer: HttpAnswer,
  clock: Clock,
  remaining: Remaining,
): Promise<APIGatewayProxyResult> {
  const body = isStream(answer.body) ? await gathered(answer.body, clock, remaining) : answer.body
  const bytes =
    typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length)
  const isText = typeof body === 'string' || isTextual(answer.headers['content-type'])
  const encoded = isText ? bytes.toString('utf8') : bytes.toString('base64')
  if (Buffer.byteLength(encoded) > MAX_BUFFERED_BYTES)
    return await buffered(tooMuch(bytes.length), clock, remaining)
  return {
    statusCode: answer.status,
    headers: { ...answer.headers },
    body: encoded,
    isBase64Encoded: !isText,
  }
}

function isTextual(contentType = ''): boolean {
  return /^(text\/|application\/(json|javascript))/i.test(contentType)
}

function tooMuch(bytes: number): HttpAnswer {
  return text(
    500,
    `The answer has ${bytes} bytes, more than a buffered answer can hold; ask for less, or let the API stream`,
  )
}

/** Records until the host's time is over, or until something was said and nothing follows. */
async function gathered(stream: HttpStream, clock: Clock, remaining: Remaining): Promise<Buffer> {
  const records: Uint8Array[] = []
  const ending = new AbortController()
  const end = () => ending.abort(CLOSED_BY_HOST)
  const cancel = clock.after(
    Math.min(BUFFERED_STREAM_MS, Math.max(0, remaining.getRemainingTimeInMillis() - 2_000)),
    end,
  )
  let cancelQuiet = () => {}
  let size = 0
  await stream.open(async (record) => {
    if (ending.signal.aborted && size > BUFFERED_STREAM_BYTES) return false
    records.push(record)
    size += record.length
    // The first record says that the subscription was taken: what it is waited for comes behind it.
    if (records.length > 1 && record.length > HEARTBEAT_BYTES) {
      cancelQuiet()
      cancelQuiet = clock.after(QUIET_MS, end)
    }
    if (size > BUFFERED_STREAM_BYTES) end()
    return true
  }, ending.signal)
  cancel()
  cancelQuiet()
  return Buffer.concat(records)
}

/**
 * Writes the answer to the stream that `begin` opens; resolves when all is handed over. A stream is ended by us at a
 * record: after `streamMs`, or a little before the function's own time is over.
 */
export async function streamed(
  answer: HttpAnswer,
  begin: (head: { readonly statusCode: number; readonly headers: Record<string, string> }) => ResponseStream,
  options: { readonly clock: Clock; readonly remaining: Remaining; readonly streamMs: number },
): Promise<void> {
  const { clock, remaining, streamMs } = options
  const out = begin({ statusCode: answer.status, headers: { ...answer.headers } })
  const closed = new AbortController()
  const broken = new AbortController()
  // Whether the peer went away or something on the way to it nobody can tell here: it has its grace (R10).
  const onBroken = () => {
    broken.abort()
    closed.abort(CLOSED_BY_HOST)
  }
  out.on('error', onBroken)
  out.on('close', onBroken)
  const line: Line = { out, clock, broken: broken.signal }
  // The head goes out with the first write, also where nothing follows.
  out.write(NOTHING)
  if (!isStream(answer.body)) {
    const { body } = answer
    if (body.length > 0) await written(line, typeof body === 'string' ? Buffer.from(body) : body)
    out.end()
    return
  }
  const leftMs = Math.max(0, remaining.getRemainingTimeInMillis() - LAST_MS)
  const cancel = clock.after(Math.min(streamMs, leftMs), () => closed.abort(CLOSED_BY_HOST))
  await sleep(clock, AFTER_HEAD_MS)
  try {
    await answer.body.open((record) => written(line, record), closed.signal)
  } finally {
    cancel()
    out.end()
  }
}

const NOTHING = new Uint8Array()

interface Line {
  readonly out: ResponseStream
  readonly clock: Clock
  readonly broken: AbortSignal
}

/** One record in one write. False when nothing gets through any more. */
async function written({ out, clock, broken }: Line, bytes: Uint8Array): Promise<boolean> {
  if (broken.aborted) return false
  if (out.write(bytes)) return true
  const drained = new AbortController()
  out.once('drain', () => drained.abort())
  await sleep(clock, STALLED_MS, AbortSignal.any([drained.signal, broken]))
  return drained.signal.aborted && !broken.aborted
}
