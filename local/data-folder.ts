// The folder of one cluster: the given one, locked and kept, or a fresh one that goes with us.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { runningIn } from './agents.ts'
import { isHeld, lock } from './lock.ts'

const FRESH = 'meseta-start-'
/** Less free space than this is not even enough to begin with, bytes. */
const LEAST_FREE = 32 * 1024 * 1024
const MB = 1024 * 1024
/** Where root starts tasks of other users they pass through to their sandboxes; nobody lists it, and what is private in it is closed by itself. */
const MODE = process.getuid?.() === 0 ? 0o711 : 0o700

export interface DataFolder {
  readonly path: string
  /** False: it goes at the end. */
  readonly kept: boolean
  readonly giveBack: () => void
}

/** Makes and locks the folder; says in one sentence why it cannot be used. */
export function openDataFolder(given: string | undefined): DataFolder {
  if (given === undefined) return freshFolder()
  const path = resolve(given)
  attempt(path, () => make(path))
  requireSpace(path)
  return { path, kept: true, giveBack: attempt(path, () => lock(path)) }
}

/** Folder by folder: Node's own recursion never ends below /proc. */
function make(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  if (dirname(path) !== path) make(dirname(path))
  mkdirSync(path, { mode: MODE })
}

function freshFolder(): DataFolder {
  const parent = tmpdir()
  sweep(parent)
  requireSpace(parent)
  const path = attempt(parent, () => mkdtempSync(join(parent, FRESH)))
  chmodSync(path, MODE)
  const unlock = attempt(path, () => lock(path))
  return {
    path,
    kept: false,
    giveBack: () => {
      unlock()
      rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Folders of control planes that were killed: nobody else removes them. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(FRESH))) {
    const path = join(parent, name)
    if (isHeld(path) !== false || someAgentRuns(path)) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // Another user's, or somebody else sweeps: not ours to insist.
    }
  }
}

function someAgentRuns(path: string): boolean {
  try {
    return readdirSync(join(path, 'agents')).some(
      (name) => runningIn(join(path, 'agents', name)) !== undefined,
    )
  } catch {
    return false
  }
}

function requireSpace(path: string): void {
  const free = freeSpace(path)
  if (free === undefined || free >= LEAST_FREE) return
  throw new Error(
    `the disk of ${path} has only ${Math.floor(free / MB)} MB free, and a cluster needs ${LEAST_FREE / MB} MB to start; make room, or give another folder with --data`,
  )
}

function freeSpace(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Error(`${path} cannot be used (${reasonOf(code)}); give another folder with --data`)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'nothing can be made there',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'its file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
  ENOSPC: 'its disk is full',
  EDQUOT: 'your quota is used up',
}

function reasonOf(code: string): string {
  return REASONS[code] ?? code
}

/** What went wrong as one sentence; a full disk shows in many ways, so it is looked for. */
export function sentenceOf(error: unknown, path: string | undefined): string {
  const said = error instanceof Error ? error.message : String(error)
  const free = path === undefined ? undefined : freeSpace(path)
  if (path !== undefined && ((free ?? MB) < MB || /ENOSPC|disk is full/.test(said))) {
    return `the disk of ${path} is full; make room, or give another folder with --data`
  }
  return said
}
