// A request and its answer as every handler sees them, whoever hosts it: a local server, Lambda, any Node host.

export interface HttpRequest {
  readonly method: string
  /** As asked for, without query; absolute-form targets are reduced to it. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Whole, and inflated if it came compressed. */
  readonly body: Uint8Array
  /** Values of the parts of the route's path that begin with a colon. */
  readonly params: Readonly<Record<string, string>>
  /** Address of the peer, where the host knows it. */
  readonly remote?: string | undefined
  /** Who asks, once authenticated; absent when authentication is off. */
  readonly principal?: string | undefined
  /** Who signed the request, where the host checks signatures: the user id or ARN of the session, as IAM says it. */
  readonly caller?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | HttpStream
}

/** An answer that goes on. The host ends it when `open` has returned. */
export interface HttpStream {
  /**
   * `write` sends one record as one chunk, flushed. It resolves when the record was handed to the socket and the
   * peer keeps up; false means that the stream is over and nothing more will arrive. `closed` aborts when the peer
   * has gone (reason `CLOSED_BY_PEER`) or the host wants the stream to end (reason `CLOSED_BY_HOST`).
   */
  open(write: (record: Uint8Array) => Promise<boolean>, closed: AbortSignal): Promise<void>
}

/** The peer's socket was seen to close: it is really away. */
export const CLOSED_BY_PEER = 'closed by peer'
/** The host stops, or its time is over: the peer did nothing wrong and deserves a grace (R10, C151). */
export const CLOSED_BY_HOST = 'closed by host'

export type Handler = (request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer

export function isStream(body: HttpAnswer['body']): body is HttpStream {
  return typeof body === 'object' && 'open' in body
}

/** No browser may take an answer for a page because of the names in it (A20). */
export const UNSNIFFED = { 'x-content-type-options': 'nosniff' } as const

/** A plain text answer; errors of every API have this form (C32). */
export function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...UNSNIFFED, ...headers }, body }
}

/** An answer without a body. */
export function empty(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers, body: '' }
}

/** A value as JSON, for endpoints whose answers are not Mesos messages. */
export function json(status: number, value: unknown): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...UNSNIFFED }, body: plainJson(value) }
}

/** JSON that reads the same, without what a script or a terminal could take for its own (A20). */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(
    // Within JSON these stand in texts only.
    /[<\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
