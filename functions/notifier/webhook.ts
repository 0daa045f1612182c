// Delivery by webhook: one signed POST of a parcel over https, to a public address, within five seconds.
//
// Whom a URL leads to is decided when the connection is made: the name is resolved once, every address it has must be
// public, and the connection goes to one of these. So a name that leads elsewhere a moment later reaches nobody (A15).
// Redirects are answers like any other that is no 2xx.
import { createHmac } from 'node:crypto'
import { promises as dns } from 'node:dns'
import { Agent as HttpAgent, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Clock } from '../../protocol/clock.ts'
import type { Letter, Parcel, Sent } from '../ports/outlets.ts'
import { isLoopback, isPublic } from './addresses.ts'

export interface WebhookOptions {
  readonly clock: Clock
  readonly allowsLoopback: boolean
  /** Every address of a name; the system's resolver when absent. */
  readonly resolve?: ((hostname: string) => Promise<readonly string[]>) | undefined
}

export interface Webhook {
  refusal(url: string): Promise<string | undefined>
  send(parcel: Parcel): Promise<Sent>
}

const TIMEOUT_MS = 5_000
/** A refused parcel is halved for so long; the rest comes with the next turn. */
const HALVING_MS = 2_000
/** An answer's body says nothing to us; one that does not end is cut off. */
const MAX_ANSWER_BYTES = 64 * 1024
/** Statuses with which a framework refuses an event as it is; any other failure is the endpoint's. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422])

export function webhook(options: WebhookOptions): Webhook {
  const resolve = options.resolve ?? addressesOf
  const mayBe = (address: string) => isPublic(address) || (options.allowsLoopback && isLoopback(address))
  const lookup = guarded(resolve, mayBe)
  const agents = {
    'https:': new Agent({ keepAlive: true, maxSockets: 64, lookup }),
    'http:': new HttpAgent({ keepAlive: true, maxSockets: 64, lookup }),
  }
  return {
    async refusal(url) {
      const target = targetOf(url, options.allowsLoopback)
      if ('refused' in target) return target.refused
      const host = hostOf(target.url)
      if (isIP(host) !== 0) return mayBe(host) ? undefined : `${host} is no public address`
      try {
        return refusedAddresses(host, await resolve(host), mayBe)
      } catch (error) {
        return `the addresses of ${host} are not known (${codeOf(error)}); try again`
      }
    },
    send: (parcel) => sendAll(parcel, options.clock.now() + HALVING_MS),
  }

  /** A batch that is refused is sent in halves, until the one event is found that is meant, or time is up. */
  async function sendAll(parcel: Parcel, until: number): Promise<Sent> {
    const { letters } = parcel
    const answer = await post(parcel)
    if (answer === undefined) return { taken: letters, refused: [] }
    const isRefused = typeof answer === 'number' && REFUSED.has(answer)
    const failed = typeof answer === 'number' ? `answered ${answer}` : answer
    if (!isRefused) return { taken: [], refused: [], failed }
    if (letters.length === 1) return { taken: [], refused: letters }
    if (options.clock.now() >= until) return { taken: [], refused: [], failed }
    const middle = Math.ceil(letters.length / 2)
    const first = await sendAll({ ...parcel, letters: letters.slice(0, middle) }, until)
    if (first.failed !== undefined) return first
    if (options.clock.now() >= until) return { ...first, failed }
    const second = await sendAll({ ...parcel, letters: letters.slice(middle) }, until)
    return {
      taken: [...first.taken, ...second.taken],
      refused: [...first.refused, ...second.refused],
      failed: second.failed,
    }
  }

  /** Undefined when it was taken; else the status of the answer, or what went wrong. */
  async function post(parcel: Parcel): Promise<number | string | undefined> {
    const target = targetOf(parcel.to.url, options.allowsLoopback)
    if ('refused' in target) return target.refused
    const host = hostOf(target.url)
    if (isIP(host) !== 0 && !mayBe(host)) return `${host} is no public address`
    const body = bodyOf(parcel)
    const timestamp = String(Math.floor(options.clock.now() / 1_000))
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'meseta-event-id': parcel.letters[0]?.id ?? '',
      'meseta-timestamp': timestamp,
      'meseta-signature': signature(parcel.to.secret ?? '', timestamp, body),
    }
    const abort = new AbortController()
    const cancel = options.clock.after(TIMEOUT_MS, () => abort.abort())
    try {
      const status = await exchange(target.url, headers, body, abort.signal)
      return status >= 200 && status < 300 ? undefined : status
    } catch (error) {
      return abort.signal.aborted ? `no answer within ${TIMEOUT_MS / 1_000} s` : codeOf(error)
    } finally {
      cancel()
    }
  }

  function exchange(
    url: URL,
    headers: Readonly<Record<string, string | number>>,
    body: string,
    signal: AbortSignal,
  ): Promise<number> {
    const isPlain = url.protocol === 'http:'
    const agent = isPlain ? agents['http:'] : agents['https:']
    return new Promise((resolve, reject) => {
      const sent = (isPlain ? plainRequest : request)(
        url,
        { method: 'POST', agent, headers, signal },
        (answer) => {
          passOver(answer)
          resolve(answer.statusCode ?? 0)
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

/** What a webhook's body and a queue's message are. */
export function bodyOf({ frameworkId, streamId, number, letters }: Parcel): string {
  const head = JSON.stringify({ framework_id: { value: frameworkId }, stream_id: streamId, number })
  const events = letters.map(({ id, event }: Letter) => `{"id":${JSON.stringify(id)},"event":${event}}`)
  return `${head.slice(0, -1)},"events":[${events.join(',')}]}`
}

/** `v1=` and HMAC-SHA256 in hex, over the timestamp (seconds since 1970), a dot, and the body. */
export function signature(secret: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}

function targetOf(
  text: string,
  allowsLoopback: boolean,
): { readonly url: URL } | { readonly refused: string } {
  const url = URL.parse(text)
  if (url === null) return { refused: `${JSON.stringify(text)} is no URL` }
  if (url.protocol === 'http:' && allowsLoopback && isThisMachine(url)) return { url }
  if (url.protocol !== 'https:') return { refused: 'a webhook must be reached by https' }
  if (url.username !== '' || url.password !== '') return { refused: 'a URL must not hold credentials' }
  // What listens on a low port does not speak https, but might do something with what it reads.
  const port = Number(url.port || 443)
  if (port !== 443 && port < 1_024) return { refused: `port ${port} is none for https` }
  return { url }
}

function isThisMachine(url: URL): boolean {
  const host = hostOf(url)
  return host === 'localhost' || isLoopback(host)
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function refusedAddresses(
  host: string,
  addresses: readonly string[],
  mayBe: (address: string) => boolean,
): string | undefined {
  if (addresses.length === 0) return `${host} has no address`
  const wrong = addresses.find((address) => !mayBe(address))
  return wrong === undefined ? undefined : `${host} leads to ${wrong}, which is no public address`
}

/** Resolves for a connection: only if every address of the name is allowed, and to exactly these. */
function guarded(
  resolve: (hostname: string) => Promise<readonly string[]>,
  mayBe: (address: string) => boolean,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const refused = refusedAddresses(hostname, addresses, mayBe)
        if (refused !== undefined) return callback(new Error(refused), '', 0)
        const found = addresses.map((address) => ({ address, family: isIP(address) }))
        const [first] = found
        // Node asks in two ways: for all of them, or for one.
        if (options.all === true) return callback(null, found)
        callback(null, first?.address ?? '', first?.family)
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), '', 0),
    )
  }
}

async function addressesOf(hostname: string): Promise<readonly string[]> {
  const found = await dns.lookup(hostname, { all: true })
  return found.map(({ address }) => address)
}

function passOver(answer: IncomingMessage): void {
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) answer.destroy()
  })
  // The status has been read; what goes wrong after it concerns nobody.
  answer.on('error', () => {})
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
