// Decides which sandboxes are removed and when: the fuller the disk, the sooner. And removes them.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'

/** A directory whose container or executor has ended. */
export interface Ended {
  readonly path: string
  /** Milliseconds since 1970. */
  readonly endedAt: number
}

export interface GcLimits {
  /** How long a sandbox is kept on an empty disk, ms. Mesos: --gc_delay, a week. */
  readonly gcDelayMs: number
  /** The part of the disk to keep free. Mesos: --gc_disk_headroom. */
  readonly diskHeadroom: number
}

export const DEFAULT_LIMITS: GcLimits = { gcDelayMs: 7 * 24 * 3_600_000, diskHeadroom: 0.1 }

/** Removing happens in portions, the oldest first: each tick does a bounded piece. */
const REMOVED_IN_A_SWEEP = 256

/** How old (ms) a sandbox may become while this part of the disk, 0 to 1, is in use. */
export function allowedAgeMs(diskUsage: number, { gcDelayMs, diskHeadroom }: GcLimits): number {
  return gcDelayMs * Math.max(0, 1 - diskHeadroom - diskUsage)
}

/** Those to remove now, the longest ended first. */
export function dueForRemoval(
  ended: readonly Ended[],
  {
    now,
    diskUsage,
    ...limits
  }: GcLimits & {
    /** Milliseconds since 1970. */
    readonly now: number
    readonly diskUsage: number
  },
): readonly Ended[] {
  const allowed = allowedAgeMs(diskUsage, limits)
  return ended
    .filter(({ endedAt }) => now - endedAt >= allowed)
    .toSorted((one, other) => one.endedAt - other.endedAt)
}

export interface SandboxGcOptions {
  /** Nothing that is not strictly below it is ever removed. */
  readonly root: string
  /** On the same file system, for the agent alone; emptied at start. */
  readonly trash: string
  readonly limits: GcLimits
  /** The part of the disk in use, 0 to 1; measured unless given. */
  readonly diskUsage?: (() => Promise<number>) | undefined
}

export interface Swept {
  readonly removed: readonly string[]
  /** Sentences; what they are about stays scheduled. */
  readonly failures: readonly string[]
}

/** Remembers ended sandboxes and removes those that are due at each sweep. */
export class SandboxGc {
  readonly #options: SandboxGcOptions
  readonly #scheduled = new Map<string, Ended>()
  readonly #moving = new Map<string, Promise<unknown>>()

  constructor(options: SandboxGcOptions) {
    this.#options = options
  }

  /** Throws for a path that is not below the root: only a bug asks that. */
  schedule(ended: Ended): void {
    const path = relative(this.#options.root, ended.path)
    if (path === '' || path.startsWith('..') || isAbsolute(path)) {
      throw new Error(`${ended.path} is not below ${this.#options.root}`)
    }
    this.#scheduled.set(ended.path, ended)
  }

  /** A directory is used again, and so are those above it. Resolves when no removal can touch it any more. */
  async unschedule(path: string): Promise<void> {
    const isAboveOrSame = (scheduled: string) => scheduled === path || path.startsWith(`${scheduled}/`)
    for (const scheduled of this.#scheduled.keys()) {
      if (isAboveOrSame(scheduled)) this.#scheduled.delete(scheduled)
    }
    const moving = [...this.#moving].filter(([scheduled]) => isAboveOrSame(scheduled))
    await Promise.allSettled(moving.map(([, done]) => done))
  }

  scheduled(): readonly Ended[] {
    return [...this.#scheduled.values()]
  }

  /** To be called every minute. Twice at once is harmless. */
  async sweep(now: number): Promise<Swept> {
    const { limits, diskUsage } = this.#options
    const due = dueForRemoval(this.scheduled(), {
      ...limits,
      now,
      diskUsage: await (diskUsage ?? (() => usageOf(this.#options.root)))(),
    })
    const removed: string[] = []
    const failures: string[] = []
    for (const ended of due.slice(0, REMOVED_IN_A_SWEEP)) {
      // It may have been unscheduled, or taken by another sweep, while others were removed.
      if (this.#scheduled.get(ended.path) !== ended || this.#moving.has(ended.path)) continue
      try {
        await this.#remove(ended)
        removed.push(ended.path)
      } catch (error) {
        failures.push(`${ended.path} was not removed: ${(error as Error).message}`)
      }
    }
    return { removed, failures }
  }

  /** Removes what an earlier agent had begun to remove. */
  async emptyTrash(): Promise<void> {
    const { trash } = this.#options
    await mkdir(trash, { recursive: true, mode: 0o700 })
    for (const name of await readdir(trash)) await rm(join(trash, name), { recursive: true, force: true })
  }

  /**
   * First out of reach, then away: in the trash no process of its user can plant links while it is walked, and
   * whoever makes the directory anew meanwhile keeps it.
   */
  async #remove(ended: Ended): Promise<void> {
    const grave = join(this.#options.trash, randomUUID())
    const move = this.#move(ended.path, grave)
    this.#moving.set(ended.path, move)
    try {
      await move
    } finally {
      this.#moving.delete(ended.path)
    }
    if (this.#scheduled.get(ended.path) === ended) this.#scheduled.delete(ended.path)
    await rm(grave, { recursive: true, force: true })
  }

  /** What is gone already has been moved as well. */
  async #move(path: string, grave: string): Promise<void> {
    await mkdir(this.#options.trash, { recursive: true, mode: 0o700 })
    await rename(path, grave).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
}

/** As `df` counts it: of what an ordinary user can get. */
async function usageOf(path: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(path)
  const used = blocks - bfree
  return used + bavail === 0 ? 0 : used / (used + bavail)
}
