// Brings the files of a command into its sandbox before it starts: copied or downloaded, extracted, made executable.
//
//   source --> <staging>/<uuid>/file --> <staging>/<uuid>/out/ --> sandbox
//              agent or `cp` as the       `tar`, `unzip` as the     moved, never through a link
//              task's user                task's user
//
// Everything but HTTP is done as the user of the task, who thereby gets nothing they could not read anyway.
import { randomUUID } from 'node:crypto'
import { constants, createWriteStream } from 'node:fs'
import { chown, type FileHandle, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AddressPolicy, DEFAULT_POLICY } from './containerizer/addresses.ts'
import { directoryIn, openDirectory, pathOf } from './containerizer/beneath.ts'
import { type DownloadOptions, download, tooLarge } from './containerizer/download.ts'
import { extract, isArchive } from './containerizer/extract.ts'
import { createSandbox } from './containerizer/sandbox.ts'
import { accountFor } from './containerizer/starting.ts'
import { runTool } from './containerizer/tool.ts'
import type { Account } from './containerizer/user.ts'

/** A URI of a command, as Mesos spells it. `cache` is not looked at: every task fetches for itself. */
export interface FetchUri {
  readonly value: string
  readonly executable?: boolean | undefined
  /** Default true. */
  readonly extract?: boolean | undefined
  /** Relative path in the sandbox; the last part of the URI's path unless given. */
  readonly output_file?: string | undefined
}

export interface FetchLimits {
  /** Of a file, and of all that is extracted from it. */
  readonly maxBytes: number
  /** In an archive. */
  readonly maxEntries: number
  /** Mesos: --fetcher_stall_timeout. */
  readonly stallMs: number
  readonly policy: AddressPolicy
}

export const DEFAULT_LIMITS: FetchLimits = {
  maxBytes: 20 * 2 ** 30,
  maxEntries: 1_000_000,
  stallMs: 60_000,
  policy: DEFAULT_POLICY,
}

export interface FetchOptions {
  /** Canonical path; made if it is not there. */
  readonly sandbox: string
  /** On the same file system, for the agent alone. */
  readonly stagingDirectory: string
  /** Whom the files are for. */
  readonly user?: string | undefined
  readonly limits?: Partial<FetchLimits> | undefined
  readonly signal?: AbortSignal | undefined
  /** For tests: answers names without asking. */
  readonly lookup?: DownloadOptions['lookup']
}

export type Fetched =
  | { readonly kind: 'fetched' }
  /** A sentence for the task's message; the URI in it has neither password nor query. */
  | { readonly kind: 'failed'; readonly message: string }

interface Job extends FetchLimits {
  readonly account: Account | undefined
  readonly sandbox: FileHandle
  readonly options: FetchOptions
}

/** In the order they are given; the first failure ends it. Never rejects. */
export async function fetchUris(uris: readonly FetchUri[], options: FetchOptions): Promise<Fetched> {
  let shown = 'the files'
  let sandbox: FileHandle | undefined
  try {
    const account = await accountFor(options.user)
    await createSandbox(options.sandbox, account)
    sandbox = await openDirectory(options.sandbox, { exactly: true })
    const job: Job = { ...DEFAULT_LIMITS, ...options.limits, account, sandbox, options }
    for (const uri of uris) {
      shown = withoutSecrets(uri.value)
      if (options.signal?.aborted) throw new Error('it was called off')
      await fetchOne(uri, job)
    }
    return { kind: 'fetched' }
  } catch (error) {
    return { kind: 'failed', message: `Failed to fetch ${shown}: ${(error as Error).message}` }
  } finally {
    await sandbox?.close()
  }
}

/** Removes what an earlier agent left half fetched. */
export async function emptyStaging(stagingDirectory: string): Promise<void> {
  await mkdir(stagingDirectory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(stagingDirectory)) {
    await rm(join(stagingDirectory, name), { recursive: true, force: true })
  }
}

async function fetchOne(uri: FetchUri, job: Job): Promise<void> {
  const { account, options } = job
  const source = sourceOf(uri.value)
  const target = targetOf(uri, source)
  const name = target.at(-1) ?? ''
  const stage = join(options.stagingDirectory, randomUUID())
  await mkdir(options.stagingDirectory, { recursive: true, mode: 0o700 })
  await mkdir(join(stage, 'out'), { recursive: true, mode: 0o700 })
  try {
    if (account !== undefined) {
      for (const path of [stage, join(stage, 'out')]) await chown(path, account.uid, account.gid)
    }
    const file = join(stage, 'file')
    if (source.kind === 'local') await copy(source.path, stage, job)
    else await downloadTo(file, source.url, job)
    await setMode(file, uri.executable === true ? 0o755 : 0o644, account)
    if (uri.executable !== true && uri.extract !== false && isArchive(name)) {
      const { maxBytes, maxEntries } = job
      const { signal } = options
      await extract({
        stage,
        archive: 'file',
        into: 'out',
        name,
        owner: account,
        maxBytes,
        maxEntries,
        signal,
      })
      const extracted = await openDirectory(join(stage, 'out'), { exactly: true })
      try {
        await mergeInto(extracted, job.sandbox, account)
      } finally {
        await extracted.close()
      }
    }
    await place(file, target, job)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

type Source = { readonly kind: 'local'; readonly path: string } | { readonly kind: 'http'; readonly url: URL }

function sourceOf(value: string): Source {
  if (value.includes('\0')) throw new Error('it contains a NUL')
  if (value.startsWith('/')) return { kind: 'local', path: value }
  if (!URL.canParse(value)) throw new Error('it is neither an absolute path nor a URI')
  const url = new URL(value)
  if (url.protocol === 'http:' || url.protocol === 'https:') return { kind: 'http', url }
  if (url.protocol !== 'file:') {
    throw new Error(
      `the scheme ${url.protocol.slice(0, -1)} is not supported; use http, https, file or a path`,
    )
  }
  if (url.host !== '') throw new Error('a file URI names no host')
  return { kind: 'local', path: fileURLToPath(url) }
}

/** The names of the file in the sandbox, outermost directory first. */
function targetOf({ output_file: outputFile }: FetchUri, source: Source): readonly string[] {
  const path =
    outputFile ?? (source.kind === 'local' ? source.path : source.url.pathname).split('/').at(-1) ?? ''
  const names = path.split('/')
  const isSound = names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'))
  if (isSound) return names
  throw new Error(
    outputFile === undefined
      ? 'it names no file'
      : `output_file '${outputFile}' is not a relative path in the sandbox`,
  )
}

/** As the user, so that nobody gets to read what only the agent may. */
async function copy(path: string, stage: string, { account, maxBytes, options }: Job): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new Error('there is no such file')
  if (!found.isFile()) throw new Error('it is not a regular file')
  if (found.size > maxBytes) throw new Error(tooLarge(maxBytes))
  const command = ['cp', '--', path, 'file'] as const
  await runTool([...command], { cwd: stage, owner: account, maxFileBytes: maxBytes, signal: options.signal })
}

async function downloadTo(file: string, url: URL, { options, ...limits }: Job): Promise<void> {
  const openTarget = () => createWriteStream(file, { flags: 'wx', mode: 0o600 })
  await download(url, openTarget, { ...limits, signal: options.signal, lookup: options.lookup })
}

async function setMode(path: string, mode: number, account: Account | undefined): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    await file.chmod(mode)
    if (account !== undefined) await file.chown(account.uid, account.gid)
  } finally {
    await file.close()
  }
}

/** Moves the file to its names in the sandbox; directories are made, links are not followed. */
async function place(file: string, target: readonly string[], { sandbox, account }: Job): Promise<void> {
  const opened: FileHandle[] = []
  try {
    let directory = sandbox
    for (const name of target.slice(0, -1)) {
      directory = await enter(directory, name, account)
      opened.push(directory)
    }
    await rename(file, join(pathOf(directory), target.at(-1) ?? ''))
  } finally {
    for (const each of opened) await each.close()
  }
}

/** What is new replaces what was there, except that directories of the same name become one. */
async function mergeInto(from: FileHandle, to: FileHandle, account: Account | undefined): Promise<void> {
  for (const name of await readdir(pathOf(from))) {
    const path = join(pathOf(from), name)
    const existing = await lstat(join(pathOf(to), name)).catch(() => undefined)
    if (existing?.isDirectory() && (await lstat(path)).isDirectory()) {
      const [source, target] = [await enter(from, name, account), await enter(to, name, account)]
      await mergeInto(source, target, account).finally(() => Promise.all([source.close(), target.close()]))
    } else {
      await rename(path, join(pathOf(to), name))
    }
  }
}

async function enter(parent: FileHandle, name: string, account: Account | undefined): Promise<FileHandle> {
  const existing = await directoryIn(parent, name)
  if (existing !== undefined) return existing
  await mkdir(join(pathOf(parent), name), { mode: 0o755 })
  const made = await directoryIn(parent, name)
  if (made === undefined) throw new Error(`the directory ${name} is gone`)
  if (account !== undefined) await made.chown(account.uid, account.gid)
  return made
}

/** A URI as it may be shown: what is between a password and a signature stays out. */
function withoutSecrets(value: string): string {
  if (!URL.canParse(value)) return `'${value.slice(0, 200)}'`
  const { protocol, host, pathname } = new URL(value)
  return `'${protocol}//${host}${pathname}'`.slice(0, 300)
}
