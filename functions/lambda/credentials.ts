// Who may ask: principals with the salted scrypt of their secrets, as the secret of the cluster holds them.
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** An entry of the secret `{"principals": […]}`; salt and hash are base64. */
export interface PrincipalEntry {
  readonly principal: string
  readonly salt: string
  readonly hash: string
}

/** 16 MB and some 50 ms for each guess. */
const COST: ScryptOptions = { N: 16_384, r: 8, p: 1 }
const HASH_BYTES = 32
const SALT_BYTES = 16

/** The entry that takes this secret: what whoever makes the cluster's secret writes into it. */
export async function principalEntry(principal: string, secret: string): Promise<PrincipalEntry> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await hashOf(secret, salt)
  return { principal, salt: salt.toString('base64'), hash: hash.toString('base64') }
}

/** The entries of a secret's text. Throws a sentence without any of its content. */
export function readPrincipals(secretText: string): ReadonlyMap<string, PrincipalEntry> {
  const entries = entriesOf(secretText)
  const found = new Map<string, PrincipalEntry>()
  for (const entry of entries) {
    const { principal, salt, hash } = entry
    if (![principal, salt, hash].every((text) => typeof text === 'string' && text !== '')) {
      throw new Error('every entry of the secret needs principal, salt and hash')
    }
    found.set(principal, entry)
  }
  return found
}

/** The principal of an `Authorization: Basic` header, if its secret is the right one. */
export async function authenticated(
  header: string | undefined,
  principals: ReadonlyMap<string, PrincipalEntry>,
): Promise<string | undefined> {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return undefined
  const [, principal, given] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (principal === undefined || given === undefined) return undefined
  const entry = principals.get(principal)
  // Unknown principals cost the same work, so that time tells nothing.
  const hash = await hashOf(given, Buffer.from(entry?.salt ?? 'nobody', 'base64'))
  const expected = Buffer.from(entry?.hash ?? '', 'base64')
  const isRight = expected.length === hash.length && timingSafeEqual(expected, hash)
  return isRight ? principal : undefined
}

// The overload with options is lost by promisify.
const derive = promisify(scrypt) as (
  secret: string,
  salt: Uint8Array,
  length: number,
  options: ScryptOptions,
) => Promise<Buffer>

function hashOf(secret: string, salt: Uint8Array): Promise<Buffer> {
  return derive(secret, salt, HASH_BYTES, COST)
}

function entriesOf(secretText: string): readonly PrincipalEntry[] {
  try {
    const value = JSON.parse(secretText) as { readonly principals?: unknown } | null
    // Each entry is checked by the caller.
    if (Array.isArray(value?.principals)) return value.principals as readonly PrincipalEntry[]
  } catch {
    // Said below, without what the secret holds.
  }
  throw new Error('the secret must be JSON of the form {"principals": [{"principal", "salt", "hash"}]}')
}
