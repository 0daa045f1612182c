// Makes the sandbox of a container and the files its output goes to.
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openDirectory, pathOf } from './beneath.ts'

/** Another user than the agent's own; undefined: the agent's own. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

const SANDBOX_MODE = 0o750
const LOG_MODE = 0o640

/** Makes the directory if it is not there. Doing it twice is harmless; an existing one is left as it is. */
export async function createSandbox(path: string, owner?: Owner): Promise<void> {
  await (await openSandbox(path, owner)).close()
}

/**
 * The sandbox, made if it is not there: what is done through this handle is done there. A nested sandbox lies in a
 * directory of its user, who might put a link in its place: the agent must not write as root where that leads.
 */
export async function openSandbox(path: string, owner: Owner | undefined): Promise<FileHandle> {
  const isNew = await makeDirectory(path)
  const sandbox = await openDirectory(path, { exactly: owner !== undefined })
  if (!isNew) return sandbox
  try {
    // Not left to the umask.
    await sandbox.chmod(SANDBOX_MODE)
    if (owner !== undefined) await sandbox.chown(owner.uid, owner.gid)
    return sandbox
  } catch (error) {
    await sandbox.close()
    throw error
  }
}

/**
 * Opens a file for the container's output. The descriptor is inherited through the shim, so output goes on when
 * agent and shim are dead; it is in append mode, so that a log can be cut while it is written.
 */
export async function openLog(sandbox: FileHandle, name: string, owner?: Owner): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  // What was fetched into the sandbox may have this name: a link is not followed, a pipe not waited for.
  const flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK
  const file = await open(join(pathOf(sandbox), name), flags, LOG_MODE)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new Error(`${name} is not a regular file`)
    if (stat.nlink > 1) throw new Error(`${name} has another name elsewhere`)
    if (owner !== undefined && stat.uid !== owner.uid) await file.chown(owner.uid, owner.gid)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Points the link `latest` beside the runs of an executor to one of them; never missing in between. */
export async function pointLatest(link: string, run: string): Promise<void> {
  const next = `${link}.${process.pid}`
  await rm(next, { force: true })
  await symlink(run, next)
  await rename(next, link)
}

/** False when it was there already. */
async function makeDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: SANDBOX_MODE })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code !== 'ENOENT') throw error
  }
  await mkdir(dirname(path), { recursive: true })
  return makeDirectory(path)
}
