// Who asks: HTTP basic authentication against the cluster's credentials. Without credentials everybody may ask.
import { createHash, timingSafeEqual } from 'node:crypto'
import { type HttpAnswer, type HttpRequest, text } from './types.ts'

/** Without a principal: the route is open to whoever asks. */
export type Authenticated = { readonly principal?: string | undefined } | { readonly refused: HttpAnswer }

export type Authenticate = (request: HttpRequest) => Authenticated | Promise<Authenticated>

/** Realms as Mesos names them: of the scheduler API, of what changes the cluster, of what only reads it. */
export const SCHEDULER_REALM = 'mesos-master-scheduler'
export const READWRITE_REALM = 'mesos-master-readwrite'
export const READONLY_REALM = 'mesos-master-readonly'

/** Takes `Authorization: Basic` with one of the principals (keys) and its secret; else 401 with a challenge. */
export function basicAuthentication(
  secrets: ReadonlyMap<string, string>,
  realm: string,
): (request: HttpRequest) => Authenticated {
  return ({ headers }) => challenged(checked(secrets, headers.authorization), realm)
}

/** The same, where the principal of a header is found out by `principalOf`. */
export function basicAuthenticationBy(
  principalOf: (header: string | undefined) => Promise<string | undefined>,
  realm: string,
): Authenticate {
  return async ({ headers }) => challenged(await principalOf(headers.authorization), realm)
}

function challenged(principal: string | undefined, realm: string): Authenticated {
  if (principal !== undefined) return { principal }
  return {
    refused: text(401, 'Say who you are: this cluster asks for a principal and its secret', {
      'www-authenticate': `Basic realm="${realm}"`,
    }),
  }
}

/** The principal of a header whose secret is the right one. */
export function checked(
  secrets: ReadonlyMap<string, string>,
  header: string | undefined,
): string | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return undefined
  const [, principal, given] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (principal === undefined || given === undefined) return undefined
  const secret = secrets.get(principal)
  // Digests of equal length are compared also for unknown principals, so that time tells nothing.
  const equal = timingSafeEqual(digest(secret ?? ''), digest(given))
  return secret !== undefined && equal ? principal : undefined
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
