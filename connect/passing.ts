// Passing answers on: what belongs to one connection stays there, everything else goes through as it came.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FarEnd, type Incoming, InTheClear, type Whole } from './far-end.ts'
import { awaySentence } from './poll.ts'
import { refusalSentence } from './refusals.ts'

/** Of one connection, not of the message. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'content-length',
  'expect',
])

interface Passing {
  readonly farEnd: FarEnd
  readonly log: (line: string) => void
}

/** An answer as it comes, piece by piece. */
export function passBack(passing: Passing, got: Incoming, outgoing: ServerResponse): void {
  const { body, headers } = got
  head(passing, got, headers['content-length'], outgoing)
  outgoing.flushHeaders()
  body.on('error', () => outgoing.destroy())
  outgoing.on('close', () => body.destroy())
  body.pipe(outgoing)
}

/** An answer that is there to its end. */
export function passWhole(passing: Passing, got: Whole, outgoing: ServerResponse): void {
  head(passing, got, got.status === 204 ? undefined : String(got.bytes.length), outgoing)
  outgoing.end(got.bytes)
}

function head(
  { farEnd, log }: Passing,
  { status, headers }: Pick<Incoming, 'status' | 'headers'>,
  length: string | undefined,
  outgoing: ServerResponse,
): void {
  if (status === 401 || status === 403) {
    log(refusalSentence(farEnd, status, String(headers['x-amzn-errortype'] ?? '')) ?? '')
  }
  outgoing.writeHead(status, {
    ...passedOn(headers),
    ...(length === undefined ? {} : { 'content-length': length }),
  })
}

/** Plain text, as errors of Mesos are. */
export function answer(outgoing: ServerResponse, status: number, said: string): void {
  outgoing.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(said),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })
  outgoing.end(said)
}

/** What a client hears whose request was not answered by the far end. */
export function answerAway(outgoing: ServerResponse, farEnd: FarEnd, error: unknown): void {
  if (error instanceof InTheClear) answer(outgoing, 403, error.message)
  else answer(outgoing, 503, `${awaySentence(farEnd, error)}; try again`)
}

/** Headers of the message, without those of the connection. */
export function passedOn(headers: IncomingMessage['headers']): Record<string, string> {
  const named = new Set(
    String(headers.connection ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  )
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) || named.has(name) ? [] : [[name, String(value)]],
    ),
  )
}
