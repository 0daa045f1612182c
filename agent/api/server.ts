// The agent's HTTP server: executors call it over kept-alive connections that they never retry, so it closes none first.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { isForeign } from '../../protocol/browsers.ts'
import { isLoopback } from '../../protocol/credentials.ts'
import type { Log } from '../log.ts'
import { type Handler, type HttpAnswer, type HttpRequest, inflated, MAX_BODY_BYTES, text } from './http.ts'

/** Smaller answers are not worth compressing. */
const MIN_GZIP_BYTES = 1024

export interface AgentServer {
  readonly port: number
  close(): Promise<void>
}

/** Port 0 takes any free one. Rejects with a sentence when the port is in use. */
export async function listen(options: {
  readonly host: string
  readonly port: number
  readonly handler: Handler
  readonly log: Log
}): Promise<AgentServer> {
  const server = createServer(
    { keepAlive: true, noDelay: true, keepAliveTimeout: 0, requestTimeout: 300_000 },
    (incoming, outgoing) => {
      answer(options, incoming, outgoing).catch((error: unknown) => {
        options.log.error('an answer failed', { path: incoming.url, error: String(error) })
        if (!outgoing.headersSent) outgoing.writeHead(500)
        outgoing.end()
      })
    },
  )
  await bound(server, options)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return { port, close: () => closed(server) }
}

async function answer(
  options: Parameters<typeof listen>[0],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  outgoing.on('error', () => outgoing.destroy())
  // Whoever shows the cluster may serve its page at another port. Beyond loopback, names say nothing of who asks.
  if (isLoopback(options.host) && isForeign(incoming.headers, { takesOtherPorts: true })) {
    return send(
      incoming,
      outgoing,
      text(403, 'Pages of other sites may not use this agent', { connection: 'close' }),
    )
  }
  const body = await bodyOf(incoming)
  if (body === undefined) {
    send(
      incoming,
      outgoing,
      text(413, `A body may have at most ${MAX_BODY_BYTES} bytes`, { connection: 'close' }),
    )
    return
  }
  const plain = inflated(body, incoming.headers['content-encoding'])
  if ('status' in plain) send(incoming, outgoing, plain)
  else send(incoming, outgoing, await options.handler(requestOf(incoming, plain)))
}

/** Undefined when it is too large. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming) {
    size += part.length
    if (size > MAX_BODY_BYTES) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function requestOf(incoming: IncomingMessage, body: Uint8Array): HttpRequest {
  const target = (incoming.url ?? '/').replace(/^https?:\/\/[^/?#]*/i, '')
  const at = target.indexOf('?')
  const headers = Object.entries(incoming.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ])
  return {
    method: incoming.method ?? 'GET',
    path: pathOf(at < 0 ? target : target.slice(0, at)),
    query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)),
    headers: Object.fromEntries(headers) as Record<string, string | undefined>,
    body,
  }
}

/** `/slave%281%29/state/` is `/state`; what cannot be decoded is found nowhere. */
function pathOf(encoded: string): string {
  try {
    const path = decodeURIComponent(encoded).replace(/^\/slave\(1\)(?=\/|$)/, '')
    return path.replace(/\/+$/, '') || '/'
  } catch {
    return encoded
  }
}

function send(incoming: IncomingMessage, outgoing: ServerResponse, answer: HttpAnswer): void {
  if (outgoing.destroyed) return
  if (answer.stream !== undefined) {
    stream(outgoing, answer, answer.stream)
    return
  }
  if (answer.body instanceof Readable) {
    const { body, length } = answer
    outgoing.writeHead(answer.status, {
      ...answer.headers,
      ...(length === undefined ? {} : { 'content-length': length }),
    })
    // A file that is cut meanwhile, or a peer that goes, ends the connection: nothing else is left to say.
    pipeline(body, outgoing, () => {})
    return
  }
  const plain = typeof answer.body === 'string' ? Buffer.from(answer.body) : (answer.body ?? Buffer.alloc(0))
  const compress =
    plain.length >= MIN_GZIP_BYTES && /\bgzip\b/.test(String(incoming.headers['accept-encoding']))
  const bytes = compress ? gzipSync(plain) : plain
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    ...(compress ? { 'content-encoding': 'gzip' } : {}),
    'content-length': bytes.length,
  })
  outgoing.end(incoming.method === 'HEAD' ? undefined : bytes)
}

function stream(outgoing: ServerResponse, answer: HttpAnswer, open: NonNullable<HttpAnswer['stream']>): void {
  outgoing.writeHead(answer.status, { ...answer.headers })
  outgoing.flushHeaders()
  const gone = open({
    write: (record) => {
      if (!outgoing.destroyed) outgoing.write(record)
    },
    end: () => outgoing.end(),
  })
  outgoing.on('close', gone)
  if (outgoing.destroyed) gone()
}

async function bound(server: Server, at: { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') reject(error)
      else
        reject(
          new Error(
            `Port ${at.port} on ${at.host} is in use; stop what listens there, or give another --port`,
          ),
        )
    })
    server.listen(at.port, at.host, resolve)
  })
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
