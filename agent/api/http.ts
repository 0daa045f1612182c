// Requests and answers of the agent's own HTTP server.
import type { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'

export interface HttpRequest {
  readonly method: string
  /** Decoded, without query, without a slash at its end and without `/slave(1)`. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

/** Where a stream's records go. */
export interface RecordSink {
  /** Sends one record as one chunk. */
  write(record: Uint8Array): void
  /** Ends the stream after what was written. */
  end(): void
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | string | Readable | undefined
  /** Bytes of a body that is a stream. */
  readonly length?: number | undefined
  /** Instead of a body: called once the head is out; the returned function is called when the peer has gone. */
  readonly stream?: ((sink: RecordSink) => () => void) | undefined
}

export type Handler = (request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer

/** Bodies above this are refused, also after inflating. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024

/** No browser may take an answer for a page because of what tasks are called or wrote (A20). */
const UNSNIFFED = { 'x-content-type-options': 'nosniff' } as const

export function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...UNSNIFFED, ...headers }, body }
}

/** JSON; `?jsonp=name` wraps it for pages of other hosts. */
export function json(request: HttpRequest, value: unknown): HttpAnswer {
  // `<` stands in texts only: none of them can end a script.
  const body = JSON.stringify(value).replaceAll('<', '\\u003c')
  const name = request.query.get('jsonp')
  if (name === null)
    return { status: 200, headers: { 'content-type': 'application/json', ...UNSNIFFED }, body }
  // Only what can be a name is put into a script.
  if (!/^[\w$.[\]'"-]{1,128}$/.test(name)) return text(400, 'jsonp takes the name of a function')
  return {
    status: 200,
    headers: { 'content-type': 'text/javascript', ...UNSNIFFED },
    body: `${name}(${body});`,
  }
}

/** Undoes a Content-Encoding; an answer if that is not possible. */
export function inflated(body: Buffer, encoding: string | undefined): Uint8Array | HttpAnswer {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return body
  if (encoding !== 'gzip') return text(415, `Bodies may be plain or gzip, not ${encoding}`)
  try {
    return gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES })
  } catch {
    return text(400, `The body is no gzip of at most ${MAX_BODY_BYTES} bytes`)
  }
}
