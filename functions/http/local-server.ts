// Hosts a handler on a node:http server: the front of a cluster on one machine.
//
// Fielded clients decide the settings: calls go over kept-alive connections that are never retried, so this side
// never closes an idle one; readers of streams want one record per HTTP chunk, so length and bytes go out in one
// write; some ask in absolute form or offer an upgrade to HTTP/2, which is ignored.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Environment } from '../environment.ts'
import { readBody } from './request-body.ts'
import {
  CLOSED_BY_HOST,
  CLOSED_BY_PEER,
  type Handler,
  type HttpAnswer,
  type HttpRequest,
  type HttpStream,
  isStream,
} from './types.ts'

const compress = promisify(gzip)

/** Smaller answers are not worth the work. */
const MIN_GZIP_BYTES = 1024
/** A request's head must be there after this. Idle kept-alive connections have no request yet. */
const HEADERS_TIMEOUT_MS = 60_000
/** A whole request must be there after this: 4 MB over a slow line. */
const REQUEST_TIMEOUT_MS = 5 * 60_000
/** A silent connection is probed by TCP after this: a machine that went without a word is noticed. */
const PROBE_MS = 30_000
/** A stream whose peer takes nothing for so long, though bytes wait for it, is given up. */
const STALLED_MS = 60_000
/** How long `close` lets streams end at a record and requests be answered. */
const CLOSING_MS = 3_000
const CLOSING_LOOK_MS = 20

export interface LocalServer {
  readonly host: string
  readonly port: number
  /** Ends streams (`CLOSED_BY_HOST`), answers what is under way, then closes every connection. */
  close(): Promise<void>
}

/** Listens; port 0 takes any free one. Rejects when the address is taken. */
export async function listen(options: {
  readonly handler: Handler
  readonly host: string
  readonly port: number
  readonly env: Pick<Environment, 'log' | 'clock'>
}): Promise<LocalServer> {
  const streams = new Set<AbortController>()
  const server = createServer(
    {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_MS,
      keepAliveTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
    (incoming, outgoing) => {
      serve(options, streams, incoming, outgoing).catch((error: unknown) => {
        options.env.log.error('answer failed', { path: incoming.url, error: String(error) })
        outgoing.destroy()
      })
    },
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A connection opened in advance and never used ends without a word: nobody asked anything.
    const unasked = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' || error.code === 'ECONNRESET'
    if (unasked || !socket.writable) return void socket.destroy()
    socket.end(error.code === 'HPE_HEADER_OVERFLOW' ? refusal(431) : refusal(400))
  })
  await bound(server, options)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return { host: options.host, port, close: () => closed(options.env, server, streams) }
}

async function serve(
  options: Parameters<typeof listen>[0],
  streams: Set<AbortController>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  // A peer that goes away in the middle is no error of ours.
  outgoing.on('error', () => outgoing.destroy())
  const request = await received(incoming)
  if (request === undefined) return void outgoing.destroy()
  const answer = 'refused' in request ? request.refused : await options.handler(request)
  if (isStream(answer.body)) await streamed(options.env, streams, outgoing, answer, answer.body)
  else await whole(incoming, outgoing, answer, answer.body, 'refused' in request)
}

/** Undefined when the peer went away before its request was whole. */
async function received(
  incoming: IncomingMessage,
): Promise<HttpRequest | { readonly refused: HttpAnswer } | undefined> {
  const headers = headersOf(incoming)
  try {
    const read = await readBody(incoming.iterator({ destroyOnReturn: false }), headers)
    if ('refused' in read) return read
    const { path, query } = targetOf(incoming.url ?? '/')
    return {
      method: incoming.method ?? 'GET',
      path,
      query,
      headers,
      body: read.body,
      params: {},
      remote: incoming.socket.remoteAddress,
    }
  } catch {
    return undefined
  }
}

function headersOf(incoming: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
}

/** `GET http://host:port/redirect?x HTTP/1.1` asks for `/redirect`, like `GET /redirect?x`. */
export function targetOf(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const origin = target.replace(/^https?:\/\/[^/?#]*/i, '')
  const [beforeFragment = ''] = origin.split('#')
  const at = beforeFragment.indexOf('?')
  const path = at < 0 ? beforeFragment : beforeFragment.slice(0, at)
  return {
    path: decoded(path || '/'),
    query: new URLSearchParams(at < 0 ? '' : beforeFragment.slice(at + 1)),
  }
}

/** `/slave%281%29/state` is `/slave(1)/state`; what cannot be decoded stays and is found nowhere. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

async function whole(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: HttpAnswer,
  body: Uint8Array | string,
  unread: boolean,
): Promise<void> {
  const plain = typeof body === 'string' ? Buffer.from(body) : body
  const wanted = acceptsGzip(incoming.headers['accept-encoding']) && plain.length >= MIN_GZIP_BYTES
  const bytes = wanted ? await compress(plain) : plain
  if (outgoing.destroyed) return
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    ...(wanted ? { 'content-encoding': 'gzip', vary: 'accept-encoding' } : {}),
    // The rest of a refused body would be taken for the next request.
    ...(unread && !incoming.complete ? { connection: 'close' } : {}),
    'content-length': bytes.length,
  })
  outgoing.end(bytes)
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  const offers = String(header ?? '')
    .toLowerCase()
    .split(',')
  return offers.some((offer) => /^\s*(gzip|x-gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(offer))
}

async function streamed(
  env: Pick<Environment, 'clock'>,
  streams: Set<AbortController>,
  outgoing: ServerResponse,
  answer: HttpAnswer,
  stream: HttpStream,
): Promise<void> {
  const closed = new AbortController()
  streams.add(closed)
  outgoing.on('close', () => closed.abort(CLOSED_BY_PEER))
  if (outgoing.destroyed) closed.abort(CLOSED_BY_PEER)
  else {
    outgoing.writeHead(answer.status, { ...answer.headers })
    outgoing.flushHeaders()
  }
  try {
    await stream.open((record) => written(env, outgoing, record), closed.signal)
  } finally {
    streams.delete(closed)
    outgoing.end()
  }
}

/** One write is one chunk. False once the peer has gone. */
async function written(
  env: Pick<Environment, 'clock'>,
  outgoing: ServerResponse,
  record: Uint8Array,
): Promise<boolean> {
  if (outgoing.destroyed || outgoing.writableEnded) return false
  if (outgoing.write(record)) return true
  await new Promise<void>((resolve) => {
    const cancel = env.clock.after(STALLED_MS, () => outgoing.destroy())
    outgoing.once('drain', done)
    outgoing.once('close', done)
    function done(): void {
      cancel()
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
  })
  return !outgoing.destroyed
}

async function closed(
  env: Pick<Environment, 'clock'>,
  server: Server,
  streams: Set<AbortController>,
): Promise<void> {
  let over = false
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const stream of streams) stream.abort(CLOSED_BY_HOST)
  closeIdle()
  const cancel = env.clock.after(CLOSING_MS, () => server.closeAllConnections())
  await ended
  over = true
  cancel()

  /** A connection whose stream has just ended is idle only now. */
  function closeIdle(): void {
    server.closeIdleConnections()
    if (!over) env.clock.after(CLOSING_LOOK_MS, closeIdle)
  }
}

async function bound(server: Server, at: { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function refusal(status: 400 | 431): string {
  const what = status === 400 ? '400 Bad Request' : '431 Request Header Fields Too Large'
  return `HTTP/1.1 ${what}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
}
