// Shows files of sandboxes under virtual paths: listing, reading and downloading what is there, and nothing else.
//
// Tasks write these directories while we read them. So a path is refused by what it leads to (see
// containerizer/beneath.ts), and only regular files and directories are opened at all.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { type FileHandle, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Beneath, findBeneath, pathOf, reopen } from './containerizer/beneath.ts'
import { accountNames } from './containerizer/user.ts'

/** As Mesos: sixteen pages. */
export const MAX_READ_BYTES = 64 * 1024
const MAX_ENTRIES = 10_000
const STATS_AT_ONCE = 32
const KIND_OF_FILE = 0o170000
const REGULAR = 0o100000
const DIRECTORY = 0o040000

export interface FileEntry {
  /** Virtual. */
  readonly path: string
  readonly nlink: number
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly mtimeMs: number
  /** Kind and permissions, as `stat` gives them. Links are shown as links. */
  readonly mode: number
  /** Names, or numbers where there is none. */
  readonly user: string
  readonly group: string
}

/**
 * `not-found`: nothing is there, or it may not be seen. `bad-path`: it contains `.`, `..` or a NUL, leads outside
 * through a link, or to something that is neither file nor directory.
 */
export type NoFile = { readonly kind: 'not-found' } | { readonly kind: 'bad-path' }
export type IsDirectory = { readonly kind: 'directory' }

export type Browsed =
  /** `isWhole` is false for a directory with more entries than are shown. */
  | { readonly kind: 'ok'; readonly files: readonly FileEntry[]; readonly isWhole: boolean }
  | { readonly kind: 'not-directory' }
  | NoFile

export type Read =
  | { readonly kind: 'ok'; readonly size: number; readonly data: Buffer }
  | IsDirectory
  | NoFile

export type Download =
  /** The stream yields exactly `size` bytes, unless the file is cut meanwhile. */
  | { readonly kind: 'ok'; readonly name: string; readonly size: number; readonly stream: Readable }
  | IsDirectory
  | NoFile

interface FoundFile {
  readonly kind: 'ok'
  readonly handle: FileHandle
  readonly size: number
}

export class Files {
  readonly #attached = new Map<string, string>()

  /**
   * Shows the file or directory `real` as `virtual`; again: replaces it. `real` must be canonical: where a link leads
   * is never followed out of it, not even if it is the last step of `real` itself.
   */
  attach(virtual: string, real: string): void {
    this.#attached.set(normal(virtual), real)
  }

  detach(virtual: string): void {
    this.#attached.delete(normal(virtual))
  }

  /** Virtual path to real path. */
  attached(): ReadonlyMap<string, string> {
    return this.#attached
  }

  /** The entries of a directory, by name. */
  async browse(path: string): Promise<Browsed> {
    const found = await this.#find(path)
    if (found.kind !== 'found') return noFile(found)
    try {
      const { mode } = await found.handle.stat()
      if ((mode & KIND_OF_FILE) !== DIRECTORY) return { kind: 'not-directory' }
      const directory = pathOf(found.handle)
      const names = (await readdir(directory)).toSorted()
      const files = await entriesOf(directory, names.slice(0, MAX_ENTRIES), normal(path))
      return { kind: 'ok', files, isWhole: names.length <= MAX_ENTRIES }
    } finally {
      await found.handle.close()
    }
  }

  /** At most 64 KiB from `offset` on; nothing beyond the end. `size` is the file's own. */
  async read(
    path: string,
    { offset, length = MAX_READ_BYTES }: { readonly offset: number; readonly length?: number | undefined },
  ): Promise<Read> {
    const found = await this.#findFile(path)
    if (found.kind !== 'ok') return found
    let file: FileHandle | undefined
    try {
      file = await reopen(found.handle)
      const buffer = Buffer.alloc(Math.min(Math.max(0, length), MAX_READ_BYTES))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, Math.max(0, offset))
      return { kind: 'ok', size: found.size, data: buffer.subarray(0, bytesRead) }
    } catch {
      // Not readable for the agent.
      return { kind: 'not-found' }
    } finally {
      await file?.close()
      await found.handle.close()
    }
  }

  /** The whole file as it is now; whoever does not read the stream to its end destroys it. */
  async download(path: string): Promise<Download> {
    const found = await this.#findFile(path)
    if (found.kind !== 'ok') return found
    const { handle, size } = found
    const name = normal(path).split('/').at(-1) ?? ''
    try {
      if (size === 0) return { kind: 'ok', name, size, stream: Readable.from([]) }
      // By its path: a stream over a handle was seen to hang when it is destroyed half read or written.
      const stream = createReadStream(pathOf(handle), { end: size - 1 })
      await once(stream, 'open')
      return { kind: 'ok', name, size, stream }
    } catch {
      return { kind: 'not-found' }
    } finally {
      await handle.close()
    }
  }

  /** Found, but not open: reading goes through `reopen` or its path. */
  async #findFile(path: string): Promise<FoundFile | IsDirectory | NoFile> {
    const found = await this.#find(path)
    if (found.kind !== 'found') return noFile(found)
    const { mode, size } = await found.handle.stat()
    if ((mode & KIND_OF_FILE) === REGULAR) return { kind: 'ok', handle: found.handle, size }
    await found.handle.close()
    return (mode & KIND_OF_FILE) === DIRECTORY ? { kind: 'directory' } : { kind: 'bad-path' }
  }

  /** The longest attached path wins. What a `%` means was decided before: here it is a character. */
  async #find(path: string): Promise<Beneath> {
    if (path.includes('\0')) return { kind: 'outside' }
    const names = path.split('/').filter((name) => name !== '')
    if (names.some((name) => name === '.' || name === '..')) return { kind: 'outside' }
    for (let length = names.length; length >= 0; length--) {
      const real = this.#attached.get(`/${names.slice(0, length).join('/')}`)
      if (real !== undefined) return findBeneath(real, names.slice(length))
    }
    return { kind: 'not-found' }
  }
}

function noFile({ kind }: Exclude<Beneath, { kind: 'found' }>): NoFile {
  return { kind: kind === 'outside' ? 'bad-path' : 'not-found' }
}

async function entriesOf(
  directory: string,
  names: readonly string[],
  virtual: string,
): Promise<readonly FileEntry[]> {
  const owners = await accountNames()
  const entries: FileEntry[] = []
  for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
    const portion = names.slice(at, at + STATS_AT_ONCE)
    const stats = await Promise.all(
      portion.map((name) => lstat(join(directory, name)).catch(() => undefined)),
    )
    for (const [index, stat] of stats.entries()) {
      // Gone since it was listed.
      if (stat === undefined) continue
      const { nlink, size, mtimeMs, mode } = stat
      entries.push({
        path: `${virtual === '/' ? '' : virtual}/${portion[index]}`,
        nlink,
        size,
        mtimeMs,
        mode,
        user: owners.user(stat.uid),
        group: owners.group(stat.gid),
      })
    }
  }
  return entries
}

/** One slash between names, none at the end. */
function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((name) => name !== '')
    .join('/')}`
}
