// Downloads a file over HTTP or HTTPS, following redirects as long as every one of them leads somewhere allowed.
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type AddressPolicy, addressProblem, guardedLookup } from './addresses.ts'

export interface DownloadOptions {
  readonly policy: AddressPolicy
  readonly maxBytes: number
  /** Without a byte for so long (ms), it is given up. */
  readonly stallMs: number
  readonly signal?: AbortSignal | undefined
  /** For tests: answers names without asking. */
  readonly lookup?: LookupFunction | undefined
}

const MAX_REDIRECTS = 10

/** Writes the file to where `openTarget` says, once it is certain that there is one. Rejects with a sentence. */
export async function download(
  url: URL,
  openTarget: () => Writable,
  options: DownloadOptions,
): Promise<void> {
  let at = url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await ask(at, options)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return await save(response, openTarget, options)
    response.destroy()
    const next = statusCode >= 300 && statusCode < 400 ? headers.location : undefined
    if (next === undefined) throw new Error(`HTTP status ${statusCode}`)
    if (!URL.canParse(next, at.href)) throw new Error('it redirects to what is not a URL')
    at = new URL(next, at)
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`)
}

/** Limits the bytes that flow through, whatever was announced. */
export function limited(maxBytes: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length
      if (bytes > maxBytes) done(new Error(tooLarge(maxBytes)))
      else done(null, chunk)
    },
  })
}

export function tooLarge(maxBytes: number): string {
  return `it is larger than the ${maxBytes} bytes allowed`
}

async function ask(url: URL, { policy, stallMs, signal, lookup }: DownloadOptions): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`it redirects to the scheme ${url.protocol.slice(0, -1)}`)
  }
  const request: typeof requestHttp = url.protocol === 'https:' ? requestHttps : requestHttp
  // A literal address is never looked up. The parser of URLs has written decimal and hexadecimal ones in the usual way.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const problem = isIP(host) === 0 ? undefined : addressProblem(host, policy)
  if (problem !== undefined) throw new Error(problem)
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: false,
      headers: { accept: '*/*', 'user-agent': 'meseta-fetcher' },
      lookup: lookup ?? guardedLookup(policy),
      timeout: stallMs,
      ...(signal === undefined ? {} : { signal }),
    })
    let response: IncomingMessage | undefined
    asked.on('timeout', () => (response ?? asked).destroy(new Error(`nothing came for ${stallMs / 1000} s`)))
    asked.on('error', (error: NodeJS.ErrnoException) => reject(new Error(describe(error))))
    asked.on('response', (answered) => {
      response = answered
      resolve(answered)
    })
    asked.end()
  })
}

async function save(
  response: IncomingMessage,
  openTarget: () => Writable,
  { maxBytes }: DownloadOptions,
): Promise<void> {
  try {
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw new Error(tooLarge(maxBytes))
    await pipeline(response, limited(maxBytes), openTarget())
  } catch (error) {
    throw new Error(describe(error as NodeJS.ErrnoException))
  } finally {
    response.destroy()
  }
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.name === 'AbortError') return 'it was called off'
  if (error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
    return 'the connection broke'
  // An attempt at several addresses has its messages inside.
  return error.message === '' ? (error.code ?? 'the connection failed') : error.message
}
