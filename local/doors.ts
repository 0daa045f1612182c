// The doors of a cluster on one machine: who is asked for a secret where, and the lists of who may do what.
//
// Both come from files that are read again while the cluster runs: a credential or a right that is taken out of them is
// good for some seconds more, also on streams that are open (A26).
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Log } from '../functions/environment.ts'
import {
  type Authenticate,
  basicAuthenticationBy,
  READONLY_REALM,
  READWRITE_REALM,
  SCHEDULER_REALM,
} from '../functions/http/authentication.ts'
import { type Acls, parseAcls } from '../master/authorization/acls.ts'
import type { Clock } from '../protocol/clock.ts'
import { readCredentials } from './credentials.ts'
import { liveFile } from './live-file.ts'

export interface DoorOptions {
  /** Path of the file. */
  readonly credentials?: string | undefined
  /** What only reads is asked for too; the others always are, where there are credentials. */
  readonly authenticateReadonly: boolean
  /** JSON, or the path of a file. */
  readonly acls?: string | undefined
}

export interface Doors {
  readonly guards: Guards
  readonly acls: Acls | undefined
}

export interface Guards {
  readonly scheduler?: Authenticate | undefined
  readonly readwrite?: Authenticate | undefined
  readonly readonly?: Authenticate | undefined
}

/** Throws a sentence about what is wrong with a file. */
export function openDoors(options: DoorOptions, env: { readonly log: Log; readonly clock: Clock }): Doors {
  return { guards: guardsOf(options, env), acls: aclsOf(options.acls, env) }
}

/** What is wrong with the files, before anything is started; never with a secret in it. */
export function doorsError({ credentials, acls, authenticateReadonly }: DoorOptions): string | undefined {
  if (authenticateReadonly && credentials === undefined) {
    return '--authenticate-http-readonly needs --credentials, a file with principals and secrets'
  }
  if (credentials !== undefined && /^\s*[{[]/.test(credentials)) {
    return '--credentials is a file: everybody on this machine can read a secret on a command line'
  }
  return (
    (credentials === undefined ? undefined : fault('--credentials', credentials, readCredentials)) ??
    (acls === undefined ? undefined : fault('--acls', acls, aclsIn))
  )
}

/** Others on the machine can read the file. */
export function isReadByOthers(path: string): boolean {
  return existsSync(path) && (statSync(path).mode & 0o077) !== 0
}

function fault(option: string, given: string, read: (text: string) => unknown): string | undefined {
  try {
    read(isJson(given) ? given : readFileSync(pathOf(given), 'utf8'))
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return `${option}: ${code === undefined ? message : `${pathOf(given)} cannot be read (${code})`}`
  }
}

function guardsOf(
  { credentials, authenticateReadonly }: DoorOptions,
  env: { readonly log: Log; readonly clock: Clock },
): Guards {
  if (credentials === undefined) return {}
  const path = pathOf(credentials)
  const principalOf = liveFile({ ...env, path, read: readCredentials, what: 'credentials' })
  const guard = (realm: string): Authenticate =>
    basicAuthenticationBy((header) => principalOf()(header), realm)
  return {
    scheduler: guard(SCHEDULER_REALM),
    readwrite: guard(READWRITE_REALM),
    readonly: authenticateReadonly ? guard(READONLY_REALM) : undefined,
  }
}

/** One object for as long as the process lives; what it says is what the file says now. */
function aclsOf(
  given: string | undefined,
  env: { readonly log: Log; readonly clock: Clock },
): Acls | undefined {
  if (given === undefined) return undefined
  if (isJson(given)) return aclsIn(given)
  const current = liveFile({ ...env, path: pathOf(given), read: aclsIn, what: 'acls' })
  return {
    get permissive() {
      return current().permissive
    },
    get rules() {
      return current().rules
    },
  }
}

function aclsIn(json: string): Acls {
  const read = parseAcls(json)
  if (!read.ok) throw new Error(read.error)
  return read.acls
}

function isJson(given: string): boolean {
  return /^\s*\{/.test(given)
}

/** Mesos writes such paths with `file://` before them. */
function pathOf(given: string): string {
  return given.replace(/^file:\/\//, '')
}
