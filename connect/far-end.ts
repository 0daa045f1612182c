// The cluster as the connector reaches it: one base URL, whose path may be a stage, and requests that are sent again.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { type Clock, sleep } from '../protocol/clock.ts'
import { backoffMs } from './backoff.ts'
import type { Credentials } from './credentials.ts'

export interface Outgoing {
  readonly method: string
  /** Path and query below the base URL, as they came; begins with a slash. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly signal?: AbortSignal | undefined
}

export interface Incoming {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: IncomingMessage
}

/** An answer that was read to its end. */
export interface Whole {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
}

export interface Patience {
  /** Twice does no harm. Else it is sent again only if it cannot have been handled. */
  readonly isRepeatable: boolean
  readonly withinMs: number
}

/** Nobody answered. */
export class FarEndAway extends Error {
  /** True when the request cannot have arrived. */
  readonly isUnsent: boolean
  constructor(message: string, isUnsent: boolean) {
    super(message)
    this.isUnsent = isUnsent
  }
}

/** Nothing was sent: there is nothing to sign with. */
export class NoCredentials extends Error {}

/** Nothing was sent: the secret in it must not go this way. Trying again changes nothing. */
export class InTheClear extends NoCredentials {}

export interface FarEnd {
  readonly base: URL
  readonly credentials: Credentials['kind']
  /** Sends once. Throws FarEndAway, or whatever the signal was aborted with. */
  send(request: Outgoing): Promise<Incoming>
  /** Sends until it is answered by more than "not now", or the time is over; then gives that answer, or throws. */
  sendPatiently(request: Outgoing, patience: Patience): Promise<Incoming>
  /** The same, and the answer counts when it is whole: for calls whose answers are short. */
  callPatiently(request: Outgoing, patience: Patience): Promise<Whole>
  close(): void
}

/** Answers of gateways and of a control plane that is starting, throttled, or away from its table. */
const NOT_NOW: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])
/** Of those, what says that nothing was done. */
const REFUSED: ReadonlySet<number> = new Set([429, 503])
const UNSENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 2_000
/** An answer must begin within this, and no stream of Mesos is silent for so long. */
const SILENT_MS = 60_000
/** Answers to calls are a sentence, or a list of operations. */
const MAX_WHOLE_BYTES = 16 * 1024 * 1024

export function farEnd(options: {
  readonly url: string
  readonly credentials: Credentials
  readonly clock: Clock
  readonly random: () => number
}): FarEnd {
  const base = new URL(options.url)
  const { credentials, clock, random } = options
  const isTls = base.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })

  async function send({ method, target, headers, body, signal }: Outgoing): Promise<Incoming> {
    const url = below(base, target)
    const authorized = await credentials.authorize({ method, url, headers, body }).catch((error: unknown) => {
      if (error instanceof NoCredentials) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new NoCredentials(`there are no AWS credentials to sign with; look at --profile (${why})`)
    })
    const length = body.length > 0 || method === 'POST' ? { 'content-length': String(body.length) } : {}
    return await new Promise((resolve, reject) => {
      const sent = (isTls ? requestHttps : requestHttp)(
        url,
        {
          method,
          agent,
          timeout: SILENT_MS,
          headers: { ...authorized, ...length, host: url.host },
          ...(signal === undefined ? {} : { signal }),
        },
        (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }),
      )
      sent.on('timeout', () => sent.destroy(new Error(`nothing was heard for ${SILENT_MS / 1000} s`)))
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (signal?.aborted) return reject(signal.reason)
        reject(new FarEndAway(error.code ?? error.message, UNSENT.has(error.code ?? '')))
      })
      sent.end(body)
    })
  }

  async function patiently<A extends { readonly status: number }>(
    signal: AbortSignal | undefined,
    { isRepeatable, withinMs }: Patience,
    attempt: () => Promise<A>,
    drop: (answer: A) => void,
  ): Promise<A> {
    const overAt = clock.now() + withinMs
    for (let tries = 0; ; tries++) {
      const waitMs = backoffMs(tries, { firstMs: FIRST_WAIT_MS, capMs: LONGEST_WAIT_MS, random })
      const isLast = clock.now() + waitMs >= overAt
      try {
        const answer = await attempt()
        const mayRepeat = (isRepeatable ? NOT_NOW : REFUSED).has(answer.status)
        if (!mayRepeat || isLast) return answer
        drop(answer)
      } catch (error) {
        const mayRepeat = error instanceof FarEndAway && (isRepeatable || error.isUnsent)
        if (!mayRepeat || isLast) throw error
      }
      await sleep(clock, waitMs, signal)
      if (signal?.aborted) throw signal.reason
    }
  }

  return {
    base,
    credentials: credentials.kind,
    send,
    sendPatiently: (request, patience) =>
      patiently(
        request.signal,
        patience,
        () => send(request),
        // Nobody reads it, so nobody has to hear when it breaks off.
        ({ body }) => body.on('error', () => {}).resume(),
      ),
    callPatiently: (request, patience) =>
      patiently(
        request.signal,
        patience,
        async () => readWhole(await send(request)),
        () => {},
      ),
    close: () => agent.destroy(),
  }
}

/** The stage stays in front: `https://host/prod` and `/api/v1?x` are `https://host/prod/api/v1?x`. */
export function below(base: URL, target: string): URL {
  const url = new URL(base)
  const at = target.indexOf('?')
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${at < 0 ? target : target.slice(0, at)}`
  url.search = at < 0 ? '' : target.slice(at)
  // Spaces and signs are written as signatures want them.
  if (at >= 0) url.search = url.search.replaceAll('+', '%20')
  return url
}

/** Of a call that is not a stream. Throws FarEndAway when it breaks off. */
export async function readWhole({ status, headers, body }: Incoming): Promise<Whole> {
  return { status, headers, bytes: await readBytes(body, MAX_WHOLE_BYTES) }
}

/** The whole body as text; more than `maxBytes` of it is refused. */
export async function readText(body: IncomingMessage, maxBytes: number): Promise<string> {
  return (await readBytes(body, maxBytes)).toString('utf8')
}

export async function readBytes(body: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of body) {
      size += part.length
      if (size > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`)
      parts.push(part)
    }
  } catch (error) {
    throw new FarEndAway(`the answer broke off: ${(error as Error).message}`, false)
  }
  return Buffer.concat(parts)
}
