// AWS's JSON protocol, plainly: a POST, an answer, an error with a name. No retries, and no signature but the caller's.
//
// What the SDK prepares for each call costs several times the call itself where an emulator reads it (see
// docs/decisions/0010-plain-calls-to-emulators.md), and most of a function's start (0011-lambda-adapters.md).
import { Buffer } from 'node:buffer'
import { Agent, type IncomingMessage, request } from 'node:http'

/** What the operation's name is prefixed with on the wire. */
export type AwsService = 'DynamoDB_20120810' | 'AmazonSQS' | 'secretsmanager'

/** What is signed: everything that will be on the wire but the connection's own headers. */
export interface Unsigned {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Gives all headers of the request back, with those of the signature. */
export type Sign = (unsigned: Unsigned) => Promise<Readonly<Record<string, string>>>

export interface AwsJsonOptions {
  /** Without a path; plain http, unless what is sent is signed. */
  readonly endpoint: string
  readonly service: AwsService
  /** Absent: an emulator, which checks no signature. */
  readonly sign?: Sign | undefined
  /** Until the answer begins, and between its parts, ms. */
  readonly requestTimeoutMs?: number | undefined
}

export interface AwsJson {
  /**
   * Makes one try. Throws `AwsJsonError` for an answer that is an error, and what Node throws when none comes:
   * with a code (`ECONNRESET`, `ECONNREFUSED` …), `TimeoutError`, or `SyntaxError` for a text cut off.
   */
  call(operation: string, input: object, signal?: AbortSignal | undefined): Promise<unknown>
  /** Ends idle connections. */
  close(): void
}

/** An error as the service answered it; its other fields are the answer's. */
export class AwsJsonError extends Error {
  readonly $metadata: { readonly httpStatusCode: number }

  constructor(name: string, message: string, httpStatusCode: number, fields: object) {
    super(message)
    Object.assign(this, fields)
    this.name = name
    this.$metadata = { httpStatusCode }
  }
}

/** Emulators want to see credentials and check none. */
const UNCHECKED = {
  'x-amz-date': '20260101T000000Z',
  authorization:
    'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/local/aws4_request, SignedHeaders=host, Signature=0',
}

/** Opens nothing until the first call; connections are kept. */
export function awsJson({ endpoint, service, sign, requestTimeoutMs = 3_000 }: AwsJsonOptions): AwsJson {
  const url = new URL('/', endpoint)
  if (url.protocol !== 'http:' && sign === undefined)
    throw new Error(`${endpoint} is no emulator; AWS wants its calls signed`)
  const { Agent, request } = url.protocol === 'http:' ? plain : secure()
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const target = { agent, host: url.hostname, port: url.port, method: 'POST', path: '/' }

  return { call, close: () => agent.destroy() }

  async function call(operation: string, input: object, signal?: AbortSignal): Promise<unknown> {
    // Text all the way: Node sends headers and a body of text in one write, a body of bytes in two.
    const body = JSON.stringify(input, inBase64)
    const unsigned = {
      'x-amz-target': `${service}.${operation}`,
      'content-type': `application/x-amz-json-${service === 'secretsmanager' ? '1.1' : '1.0'}`,
    }
    const signed = await (sign?.({ url, headers: unsigned, body }) ?? { ...unsigned, ...UNCHECKED })
    const headers = { ...signed, 'content-length': Buffer.byteLength(body) }
    return await new Promise((resolve, reject) => {
      const sent = request({ ...target, headers, timeout: requestTimeoutMs, signal }, (response) => {
        read(response, (error, answer) => (error === undefined ? resolve(answer) : reject(error)))
      })
      sent.on('timeout', () => sent.destroy(timedOut(operation, requestTimeoutMs)))
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

const plain = { Agent, request }

/** Not imported above: TLS is half of a small function's start, and whoever calls emulators only does without it. */
function secure(): typeof plain {
  // Both have the same form; options of TLS are not used.
  return process.getBuiltinModule('node:https') as unknown as typeof plain
}

/** Bytes travel as base64. Called by JSON.stringify, which has turned a Buffer into something else by then. */
function inBase64(this: unknown, key: string, value: unknown): unknown {
  // The holder of a key is an object or an array.
  const raw = (this as Record<string, unknown>)[key]
  return raw instanceof Uint8Array
    ? Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64')
    : value
}

/** With listeners and not with `for await`, which costs as much as the rest of the reading. */
function read(response: IncomingMessage, done: (error: unknown, answer?: unknown) => void): void {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (part: string) => {
    text += part
  })
  response.on('error', done)
  response.on('end', () => {
    const status = response.statusCode ?? 0
    if (status >= 300) return done(errorOf(status, text))
    try {
      done(undefined, text === '' ? {} : JSON.parse(text))
    } catch (error) {
      done(error)
    }
  })
}

function errorOf(status: number, text: string): AwsJsonError {
  const fields = fieldsOf(text)
  const { __type, message, Message, ...rest } = fields
  const name = String(__type ?? 'UnknownError').replace(/^.*#/, '')
  return new AwsJsonError(name, String(message ?? Message ?? text.slice(0, 200)), status, rest)
}

/** A gateway in between may answer with anything. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function timedOut(operation: string, ms: number): Error {
  const error = new Error(`${operation} was not answered within ${ms} ms`)
  error.name = 'TimeoutError'
  return error
}
