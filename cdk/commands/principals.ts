// The principals of a cluster's secret, written in the form that the authorizer reads.
//
// Mirrors functions/lambda/credentials.ts, which is not imported here; test/cdk/principals.test.ts holds them together.
import { randomBytes, scrypt } from 'node:crypto'

export interface Principal {
  readonly principal: string
  readonly salt: string
  readonly hash: string
}

const COST = { N: 16_384, r: 8, p: 1 }
const HASH_BYTES = 32
const SALT_BYTES = 16
/** What is generated; letters and digits for each 6 bits. */
const SECRET_BYTES = 24

/** The secret's new text: the principal in place of one of its name, the others as they were. */
export async function withPrincipal(text: string, principal: string, secret: string): Promise<string> {
  checkName(principal)
  if (secret.length < 12) throw new Error('a secret has at least 12 characters')
  const entry = await entryOf(principal, secret)
  const others = principalsOf(text).filter((one) => one.principal !== principal)
  return JSON.stringify({ principals: [...others, entry] })
}

/** The text without it; throws when it is not there. */
export function withoutPrincipal(text: string, principal: string): string {
  const all = principalsOf(text)
  const others = all.filter((one) => one.principal !== principal)
  if (others.length === all.length) throw new Error(`there is no principal ${principal}`)
  return JSON.stringify({ principals: others })
}

/** Throws a sentence without anything of the content. */
export function principalsOf(text: string): readonly Principal[] {
  try {
    const value = JSON.parse(text) as { readonly principals?: unknown } | null
    // The form is ours, and the authorizer checks each entry.
    if (Array.isArray(value?.principals)) return value.principals as readonly Principal[]
  } catch {
    // Said below.
  }
  throw new Error('the secret is not of the form {"principals":[…]}; is this the cluster’s?')
}

/** Nobody can guess it, and it can be typed. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function checkName(principal: string): void {
  if (/^[^:\p{Cc}]{1,128}$/u.test(principal)) return
  throw new Error(
    'a principal is a name without a colon, which HTTP Basic cannot send, of up to 128 characters',
  )
}

async function entryOf(principal: string, secret: string): Promise<Principal> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await new Promise<Buffer>((resolve, reject) => {
    scrypt(secret, salt, HASH_BYTES, COST, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
  return { principal, salt: salt.toString('base64'), hash: hash.toString('base64') }
}
