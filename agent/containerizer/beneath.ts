// Opens files in directories that somebody else can change at any moment, and never one outside.
import { constants } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Linux only; Node has no name for it: the file is found, but not opened, so no device stirs and no pipe waits. */
const O_PATH = 0o10000000

export type Beneath =
  | { readonly kind: 'found'; readonly handle: FileHandle }
  | { readonly kind: 'not-found' }
  /** Links lead out of the root. */
  | { readonly kind: 'outside' }

/**
 * Finds what is at these names below `root`, following links as long as they stay inside. The handle can be
 * `stat`ed, and opened by `reopen`. Checked is where the thing found really is, not the way to it: so a link that is
 * changed at the right moment gains nothing.
 *
 * `root` must be canonical (`realpath`): if a directory on the way to it is replaced by a link, nothing is found.
 */
export async function findBeneath(root: string, names: readonly string[]): Promise<Beneath> {
  let handle: FileHandle
  try {
    handle = await open(join(root, ...names), O_PATH)
  } catch (error) {
    return { kind: isLoop(error) ? 'outside' : 'not-found' }
  }
  const real = await readlink(pathOf(handle)).catch(() => '')
  if (real === root || real.startsWith(root === '/' ? '/' : `${root}/`)) return { kind: 'found', handle }
  await handle.close()
  return { kind: 'outside' }
}

/** Opens what was found, whatever its names lead to by now. For regular files and directories. */
export function reopen(handle: FileHandle, flags = constants.O_RDONLY): Promise<FileHandle> {
  return open(pathOf(handle), flags | constants.O_NONBLOCK)
}

/** A path to exactly the thing behind the handle, for calls that take paths. */
export function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}

/** A directory, and `exactly`: not one that is reached through a link on the way. `path` is canonical then. */
export async function openDirectory(
  path: string,
  { exactly }: { readonly exactly: boolean },
): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  if (!exactly || (await readlink(pathOf(handle))) === path) return handle
  await handle.close()
  throw new Error(`${path} is reached through a link`)
}

/** A directory directly in this one, never through a link; undefined when there is none. */
export async function directoryIn(parent: FileHandle, name: string): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants
  try {
    return await open(join(pathOf(parent), name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isLoop(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ELOOP'
}
