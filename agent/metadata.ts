// EC2's instance metadata, version 2: a token first, then values by path, asked for at a link-local address.
import type { Clock } from '../protocol/clock.ts'

/** What the agent needs of it; tests put their own in its place. */
export interface Metadata {
  /** The value at a path below `/latest/meta-data/`; undefined where there is none. Rejects without an answer. */
  get(path: string, signal?: AbortSignal): Promise<string | undefined>
}

export interface MetadataOptions {
  readonly clock: Clock
  /** AWS's SDK reads the same variable for it: AWS_EC2_METADATA_SERVICE_ENDPOINT. */
  readonly endpoint?: string | undefined
  readonly fetch?: typeof globalThis.fetch | undefined
}

const ENDPOINT = 'http://169.254.169.254'
/** It answers from the same machine: who says nothing for so long is not there. */
const TIMEOUT_MS = 5_000
const TOKEN_SECONDS = 6 * 3_600
/** Renewed long before it ends; one that is refused is renewed at once. */
const TOKEN_COUNTS_MS = (TOKEN_SECONDS * 1_000) / 2

interface Token {
  readonly text: Promise<string>
  readonly until: number
}

export function instanceMetadata({ clock, endpoint, fetch = globalThis.fetch }: MetadataOptions): Metadata {
  const base = new URL('/latest/', endpoint ?? ENDPOINT)
  let token: Token | undefined
  return {
    async get(path, signal) {
      const first = await ask(path, signal)
      if (first.status !== 401) return await valueIn(first, path)
      token = undefined
      return await valueIn(await ask(path, signal), path)
    },
  }

  async function ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
    const headers = { 'x-aws-ec2-metadata-token': await currentToken() }
    return await reach(`meta-data/${path}`, { headers }, signal)
  }

  /** One for all who ask at the same time; what failed is asked for anew. */
  function currentToken(): Promise<string> {
    if (token !== undefined && clock.now() < token.until) return token.text
    const mine: Token = { text: newToken(), until: clock.now() + TOKEN_COUNTS_MS }
    token = mine
    mine.text.catch(() => {
      if (token === mine) token = undefined
    })
    return mine.text
  }

  async function newToken(): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
    const response = await reach('api/token', { method: 'PUT', headers })
    const text = await response.text()
    if (response.ok) return text
    throw new Error(`instance metadata gives no token: ${response.status}`)
  }

  async function reach(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const patience = AbortSignal.timeout(TIMEOUT_MS)
    return await fetch(new URL(path, base), {
      ...init,
      redirect: 'error',
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
    })
  }
}

async function valueIn(response: Response, path: string): Promise<string | undefined> {
  const text = await response.text()
  if (response.status === 404) return undefined
  if (response.ok) return text.trim()
  throw new Error(`instance metadata answers ${response.status} to ${path}`)
}
