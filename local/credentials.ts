// Who may come in at the front of this machine: Mesos's file of credentials, or the salted form a cloud's secret has.
import { createHash } from 'node:crypto'
import { checked } from '../functions/http/authentication.ts'
import { authenticated, readPrincipals } from '../functions/lambda/credentials.ts'

/** Finds the principal of an `Authorization` header whose secret is the right one. */
export type PrincipalOf = (header: string | undefined) => Promise<string | undefined>

/**
 * Reads `{"credentials": [{"principal", "secret"}]}` or `{"principals": [{"principal", "salt", "hash"}]}`. Throws a
 * sentence that names the field and never says what is in it: it is printed and logged.
 */
export function readCredentials(json: string): PrincipalOf {
  const { credentials, principals } = parsed(json)
  if ((credentials === undefined) === (principals === undefined)) {
    throw new Error('the file has "credentials" (principal, secret) or "principals" (principal, salt, hash)')
  }
  return credentials === undefined ? salted(json) : plain(credentials)
}

function plain(list: unknown): PrincipalOf {
  if (!Array.isArray(list) || list.length === 0) throw new Error('"credentials" is a list of at least one')
  const secrets = new Map<string, string>()
  list.forEach((entry: unknown, index) => {
    const where = `credentials[${index}]`
    if (typeof entry !== 'object' || entry === null) throw new Error(`${where} is an object`)
    const { principal, secret } = entry as Readonly<Record<string, unknown>>
    if (typeof principal !== 'string' || principal === '' || principal.includes(':')) {
      throw new Error(`${where}.principal is a text without a colon`)
    }
    if (typeof secret !== 'string' || secret === '') throw new Error(`${where}.secret is a text`)
    if (secrets.has(principal)) throw new Error(`${where}.principal is there twice: '${principal}'`)
    secrets.set(principal, secret)
  })
  return async (header) => checked(secrets, header)
}

/** Headers remembered as good; more principals than that are asked anew. */
const MAX_REMEMBERED = 1_000

/** A guess costs some 50 ms of work, and so would every good call: what was right is known by its digest. */
function salted(json: string): PrincipalOf {
  const entries = readPrincipals(json)
  const known = new Map<string, string>()
  return async (header) => {
    const digest = createHash('sha256')
      .update(header ?? '')
      .digest('base64')
    const before = known.get(digest)
    if (before !== undefined) return before
    const principal = await authenticated(header, entries)
    if (principal !== undefined && known.size < MAX_REMEMBERED) known.set(digest, principal)
    return principal
  }
}

function parsed(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // What JSON.parse says of an error has a piece of the text in it.
  }
  throw new Error('the file is no JSON object such as {"credentials": [{"principal": "ops", "secret": "…"}]}')
}
