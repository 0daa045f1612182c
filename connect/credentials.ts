// Who the connector is outward: Basic, an AWS signature, or whatever the framework itself says.
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Clock } from '../protocol/clock.ts'

export interface Unsigned {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface Credentials {
  readonly kind: 'basic' | 'signed' | 'passed'
  /** What was sent in by the framework is replaced, unless nothing of ours is there (`passed`). */
  authorize(request: Unsigned): Promise<Readonly<Record<string, string>>>
}

/** A sentence for whoever started the connector. */
export class SettingsError extends Error {}

/** The `Authorization` of the framework goes on unchanged. */
export const PASSED: Credentials = { kind: 'passed', authorize: async ({ headers }) => headers }

export function basic({ user, password }: { readonly user: string; readonly password: string }): Credentials {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return { kind: 'basic', authorize: async ({ headers }) => ({ ...headers, authorization }) }
}

/** The password of a file without the newline at its end. Others must not be able to read it. */
export function readPassword(path: string): string {
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new SettingsError(`others can read ${path}; take that right away with: chmod 600 ${path}`)
    }
    const password = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (password === '') throw new SettingsError(`${path} is empty; write the password into it`)
    return password
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError(`the password cannot be read from ${path}: ${(error as Error).message}`)
  }
}

export interface SigningOptions {
  readonly region: string
  /** Of the AWS configuration; the default chain without it. */
  readonly profile?: string | undefined
  readonly clock: Clock
}

/** Signs for API Gateway with the credentials AWS tools would use; they are looked up when first needed. */
export async function signing({ region, profile, clock }: SigningOptions): Promise<Credentials> {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  const signer = new SignatureV4({
    service: 'execute-api',
    region,
    credentials: defaultProvider(profile === undefined ? {} : { profile }),
    sha256: Sha256,
  })
  return {
    kind: 'signed',
    async authorize({ method, url, headers, body }) {
      // What a gateway must see unchanged is signed; other headers may be rewritten on the way.
      const { authorization: _, ...rest } = headers
      const type = headers['content-type']
      const signed = await signer.sign(
        {
          method,
          protocol: url.protocol,
          hostname: url.hostname,
          ...(url.port === '' ? {} : { port: Number(url.port) }),
          path: url.pathname,
          query: queryOf(url),
          headers: { host: url.host, ...(type === undefined ? {} : { 'content-type': type }) },
          body,
        },
        { signingDate: new Date(clock.now()) },
      )
      return { ...rest, ...signed.headers }
    },
  }
}

function queryOf({ searchParams }: URL): Record<string, string | string[]> {
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const values = searchParams.getAll(name)
      return [name, values.length === 1 ? String(values[0]) : values]
    }),
  )
}

/** The hash the signer wants, by the platform's own. */
class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    throw new Error('a hash is used once')
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data)
}
