// Who asks: HTTP basic authentication against the cluster's credentials. Without credentials everybody may ask.
import { createHash, timingSafeEqual } from 'node:crypto'
import { type HttpAnswer, type HttpRequest, text } from './types.ts'

export type Authenticate = (
  request: HttpRequest,
) => { readonly principal: string } | { readonly refused: HttpAnswer }

/** Realm of the scheduler API, as Mesos names it. */
export const SCHEDULER_REALM = 'mesos-master-scheduler'

/** Takes `Authorization: Basic` with one of the principals (keys) and its secret; else 401 with a challenge. */
export function basicAuthentication(secrets: ReadonlyMap<string, string>, realm: string): Authenticate {
  return (request) => {
    const principal = checked(secrets, request.headers.authorization)
    if (principal !== undefined) return { principal }
    return {
      refused: text(401, 'Say who you are: this cluster asks for a principal and its secret', {
        'www-authenticate': `Basic realm="${realm}"`,
      }),
    }
  }
}

function checked(secrets: ReadonlyMap<string, string>, header: string | undefined): string | undefined {
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
