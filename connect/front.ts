// The plain Mesos endpoint of the connector: HTTP/1.1 on this machine, everything passed on to the cluster.
//
// Only SUBSCRIBE of the scheduler API is more than passed on: its stream is held here (session.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { isForeign } from '../protocol/browsers.ts'
import type { Clock } from '../protocol/clock.ts'
import { decodeMessage } from '../protocol/codec.ts'
import { parseContentType } from '../protocol/media-types.ts'
import type { SchedulerCall } from '../protocol/messages.ts'
import { type FarEnd, FarEndAway } from './far-end.ts'
import { answer, answerAway, passBack, passedOn, passWhole } from './passing.ts'
import { type Sessions, sessions } from './subscribing.ts'

export interface FrontOptions {
  readonly farEnd: FarEnd
  readonly clock: Clock
  readonly random: () => number
  readonly log: (line: string) => void
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

export interface Front {
  readonly port: number
  /** Ends streams at a record; the cluster is not told, so that frameworks can come back to their sessions' mail. */
  stop(): Promise<void>
}

/** As much as the cluster takes. */
const MAX_BODY_BYTES = 4 * 1024 * 1024
const HEADERS_TIMEOUT_MS = 60_000
const REQUEST_TIMEOUT_MS = 5 * 60_000
const PROBE_MS = 30_000
/** A call waits so long for a cluster that is away before its client hears of it. */
const CALL_WITHIN_MS = 20_000
const SCHEDULER_PATH = /^(\/master)?\/api\/v1\/scheduler\/?$/
const REDIRECT_PATH = /^(\/master)?\/redirect\/?$/
/** Listens; rejects when the address is taken. */
export async function startFront(options: FrontOptions): Promise<Front> {
  const held = sessions(options)
  const server = createServer(
    {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_MS,
      // Clients of Mesos keep connections for days and do not expect that an idle one closes.
      keepAliveTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
    (incoming, outgoing) => {
      serve(options, held, incoming, outgoing).catch((error: unknown) => {
        options.log(`a request to ${incoming.url} failed here: ${String(error)}`)
        outgoing.destroy()
      })
    },
  )
  await bound(server, options)
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await held.stop()
      server.closeAllConnections()
      await closed
    },
  }
}

async function serve(
  options: FrontOptions,
  held: Sessions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  outgoing.on('error', () => outgoing.destroy())
  const target = targetOf(incoming.url ?? '/')
  const [path = '/'] = target.split('?')
  if (isForeign(incoming.headers)) {
    return answer(outgoing, 403, 'Pages of other sites may not use this connector; use its own address')
  }
  if (REDIRECT_PATH.test(path)) {
    // The leader is here.
    const host = incoming.headers.host ?? `${options.host}:${options.port}`
    return void outgoing.writeHead(307, { location: `//${host}`, 'content-length': 0 }).end()
  }
  const body = await received(incoming)
  if (body === 'gone') return void outgoing.destroy()
  if (body === 'too large') {
    outgoing.setHeader('connection', 'close')
    return answer(outgoing, 413, `A body may have at most ${MAX_BODY_BYTES} bytes`)
  }
  const request = {
    method: incoming.method ?? 'GET',
    target,
    headers: passedOn(incoming.headers),
    body,
  }
  const call = SCHEDULER_PATH.test(path) && request.method === 'POST' ? callOf(incoming, body) : undefined
  if (call?.type === 'SUBSCRIBE') return await held.subscribe(call, request, outgoing)
  held.noteCall(call?.framework_id?.value)
  const gone = new AbortController()
  outgoing.on('close', () => gone.abort(new FarEndAway('the client went away', false)))
  const asked = { ...request, signal: gone.signal }
  try {
    if (call === undefined) {
      const patience = { isRepeatable: isReading(request.method), withinMs: CALL_WITHIN_MS }
      passBack(options, await options.farEnd.sendPatiently(asked, patience), outgoing)
    } else {
      const patience = { isRepeatable: call.type !== 'MESSAGE', withinMs: CALL_WITHIN_MS }
      passWhole(options, await options.farEnd.callPatiently(asked, patience), outgoing)
    }
  } catch (error) {
    if (!outgoing.destroyed && !outgoing.headersSent) {
      answerAway(outgoing, options.farEnd, error)
    }
  }
}

function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** `GET http://host:port/state?x HTTP/1.1` asks for `/state?x`. */
function targetOf(url: string): string {
  const target = url.replace(/^https?:\/\/[^/?#]*/i, '').split('#')[0] ?? ''
  return target.startsWith('/') ? target : `/${target}`
}

async function received(incoming: IncomingMessage): Promise<Buffer | 'too large' | 'gone'> {
  if (Number(incoming.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return 'too large'
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of incoming.iterator({ destroyOnReturn: false })) {
      size += part.length
      if (size > MAX_BODY_BYTES) return 'too large'
      parts.push(part)
    }
  } catch {
    return 'gone'
  }
  return Buffer.concat(parts)
}

/** Undefined for what is no Call: the cluster says what is wrong with it. */
function callOf({ headers }: IncomingMessage, body: Buffer): SchedulerCall | undefined {
  const mediaType = parseContentType(headers['content-type'] ?? '')
  if (mediaType === undefined) return undefined
  try {
    const isZipped = /^\s*(x-)?gzip\s*$/i.test(headers['content-encoding'] ?? '')
    const plain = isZipped ? gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES }) : body
    const decoded = decodeMessage('mesos.v1.scheduler.Call', mediaType, plain)
    return decoded.ok ? decoded.message : undefined
  } catch {
    return undefined
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
