// Who the command is to a cluster that asks: principal and secret by flag or environment, as HTTP Basic.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { basicHeader, clearTextError } from '../protocol/credentials.ts'
import { CommandError, EXIT } from './exit-codes.ts'

/** A secret itself is never on the command line, where every process of the machine sees it. */
export interface CredentialFlags {
  readonly principal?: string | undefined
  readonly secretFile?: string | undefined
}

type Headers = Readonly<Record<string, string>>

let known: { readonly origins: readonly string[]; readonly headers: Headers } | undefined

/**
 * From now on calls to this cluster, and to nobody else, say who we are. Throws a sentence, which never holds the
 * secret, when it is not all given, its file is open to others, or the cluster's address is plain http elsewhere.
 */
export function identify(
  master: string,
  flags: CredentialFlags = {},
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const headers = credentialHeaders(flags, environment)
  const refused = headers.Authorization === undefined ? undefined : clearTextError(master)
  if (refused !== undefined) throw new CommandError(refused, EXIT.usage)
  known = { origins: [new URL(master).origin], headers }
}

/** The same cluster is reached by this address of our own, too. */
export function identifyAlso(url: string): void {
  if (known !== undefined) known = { ...known, origins: [...known.origins, new URL(url).origin] }
}

/** Agents, whose addresses we have from the cluster, are told nothing: they ask nobody, and would read it. */
export function headersFor(url: string): Headers {
  return known?.origins.includes(new URL(url).origin) ? known.headers : {}
}

/** Flags count before the environment; nothing given at all is nobody. */
export function credentialHeaders(flags: CredentialFlags, environment: NodeJS.ProcessEnv): Headers {
  const { MESETA_PRINCIPAL: named = '', MESETA_SECRET: hidden = '' } = environment
  const principal = flags.principal ?? named
  const secret = flags.secretFile === undefined ? hidden : readSecret(flags.secretFile)
  if (principal === '' && secret === '') return {}
  if (principal === '')
    throw new CommandError(
      'a secret needs its principal: give --principal, or set MESETA_PRINCIPAL',
      EXIT.usage,
    )
  if (secret === '')
    throw new CommandError(
      `the principal ${principal} needs its secret: give --secret-file, or set MESETA_SECRET`,
      EXIT.usage,
    )
  if (principal.includes(':')) {
    throw new CommandError(
      `the principal ${principal} holds a colon, which HTTP Basic cannot send`,
      EXIT.usage,
    )
  }
  return { Authorization: basicHeader({ principal, secret }) }
}

/** The secret of a file, without the newline at its end. Others must not be able to read it. */
export function readSecret(path: string): string {
  const text = contentOf(path).replace(/\r?\n$/, '')
  if (text === '') throw new CommandError(`${path} is empty; write the secret into it`, EXIT.usage)
  return text
}

function contentOf(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    // Of the very file that is read.
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw new CommandError(
        `others can read ${path}; take that right away with: chmod 600 ${path}`,
        EXIT.usage,
      )
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`the secret cannot be read: ${(error as Error).message}`, EXIT.usage)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
