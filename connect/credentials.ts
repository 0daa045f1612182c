// Who the connector is outward: Basic, an AWS signature, or whatever the framework itself says.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Clock } from '../protocol/clock.ts'
import { basicHeader, clearTextError } from '../protocol/credentials.ts'
import { Sha256 } from '../protocol/sha256.ts'
import { InTheClear } from './far-end.ts'

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

/** The `Authorization` of the framework goes on unchanged, but not in the clear. */
export const PASSED: Credentials = {
  kind: 'passed',
  async authorize({ url, headers }) {
    const refused = headers.authorization === undefined ? undefined : clearTextError(url)
    if (refused !== undefined) throw new InTheClear(refused)
    return headers
  },
}

export function basic(who: { readonly principal: string; readonly secret: string }): Credentials {
  const authorization = basicHeader(who)
  return { kind: 'basic', authorize: async ({ headers }) => ({ ...headers, authorization }) }
}

export interface Given {
  readonly url: string
  readonly principal?: string | undefined
  readonly secretFile?: string | undefined
}

/**
 * By flag, else by the environment, as with the command `meseta`; undefined: nobody is named. Throws SettingsError,
 * never with the secret.
 */
export function basicFrom(
  { url, principal: flag, secretFile }: Given,
  environment: NodeJS.ProcessEnv,
): Credentials | undefined {
  const principal = flag ?? environment.MESETA_PRINCIPAL ?? ''
  const secret = secretFile === undefined ? (environment.MESETA_SECRET ?? '') : readSecret(secretFile)
  if (principal === '' && secret === '') return undefined
  if (principal === '') {
    throw new SettingsError('a secret needs its principal: give --principal, or set MESETA_PRINCIPAL')
  }
  if (secret === '') {
    throw new SettingsError(
      `the principal ${principal} needs its secret: give --secret-file, or set MESETA_SECRET`,
    )
  }
  if (principal.includes(':')) {
    throw new SettingsError(`the principal ${principal} holds a colon, which HTTP Basic cannot send`)
  }
  const refused = clearTextError(url)
  if (refused !== undefined) throw new SettingsError(refused)
  return basic({ principal, secret })
}

/** The secret of a file without the newline at its end. Others must not be able to read it. */
export function readSecret(path: string): string {
  const secret = contentOf(path).replace(/\r?\n$/, '')
  if (secret === '') throw new SettingsError(`${path} is empty; write the secret into it`)
  return secret
}

function contentOf(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    // Of the very file that is read.
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw new SettingsError(`others can read ${path}; take that right away with: chmod 600 ${path}`)
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError(`the secret cannot be read: ${(error as Error).message}`)
  } finally {
    if (file !== undefined) closeSync(file)
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
