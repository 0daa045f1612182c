// The sandboxes of this agent: where each is, and how those of what has ended are collected in time (F91).
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../protocol/clock.ts'
import type { ContainerID } from '../protocol/messages.ts'
import type { Log } from './log.ts'
import { agentsDirectory, executorDirectory, sandboxDirectory, trashDirectory } from './paths.ts'
import { DEFAULT_LIMITS, SandboxGc } from './sandbox-gc.ts'

export interface SandboxOf {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: ContainerID
}

export function sandboxPath(workDir: string, of: SandboxOf): string {
  return sandboxDirectory(workDir, { ...of, containerIds: containerIds(of.containerId) })
}

export interface Collection {
  /** All runs of an executor have ended: its directory may go when its time has come. */
  done(of: SandboxOf): void
  /** A run begins; resolves when no removal can touch its executor's directory any more. */
  begin(of: SandboxOf): Promise<void>
  stop(): void
}

export interface CollectionOptions {
  readonly workDir: string
  readonly clock: Clock
  readonly log: Log
  /** Mesos: --gc_delay, ms. */
  readonly gcDelayMs: number
  /** Whether a run of this executor is on record. */
  readonly isLive: (ids: Omit<SandboxOf, 'containerId'>) => boolean
}

/** Mesos looks each minute. */
const SWEEP_MS = 60_000

/** Takes up what earlier processes of this agent left, then looks each minute. */
export function startCollection(options: CollectionOptions): Collection {
  const { workDir, clock, log } = options
  const gc = new SandboxGc({
    root: agentsDirectory(workDir),
    trash: trashDirectory(workDir),
    limits: { ...DEFAULT_LIMITS, gcDelayMs: options.gcDelayMs },
  })
  let cancel: (() => void) | undefined
  let stopped = false
  void begin()
    .catch((error: unknown) => log.warn('old sandboxes were not looked at', { error: String(error) }))
    .then(sweep)

  return {
    done: (of) => {
      if (!options.isLive(of)) gc.schedule({ path: executorDirectory(workDir, of), endedAt: clock.now() })
    },
    begin: (of) => gc.unschedule(executorDirectory(workDir, of)),
    stop: () => {
      stopped = true
      cancel?.()
    },
  }

  async function begin(): Promise<void> {
    await mkdir(agentsDirectory(workDir), { recursive: true })
    await gc.emptyTrash()
    for await (const ids of executorsIn(agentsDirectory(workDir))) {
      const path = executorDirectory(workDir, ids)
      const { mtimeMs } = await stat(path)
      if (!options.isLive(ids)) gc.schedule({ path, endedAt: mtimeMs })
    }
  }

  /** Goes on whatever happens: a disk that refuses today may have room tomorrow. */
  async function sweep(): Promise<void> {
    if (stopped) return
    try {
      const { removed, failures } = await gc.sweep(clock.now())
      if (removed.length > 0) log.info('sandboxes were collected', { removed: removed.length })
      for (const failure of failures) log.warn('a sandbox was not collected', { failure })
    } catch (error) {
      log.warn('sandboxes were not looked at', { error: String(error) })
    }
    if (!stopped) cancel = clock.after(SWEEP_MS, () => void sweep())
  }
}

async function* executorsIn(root: string): AsyncGenerator<Omit<SandboxOf, 'containerId'>> {
  for (const agentId of await names(root)) {
    for (const frameworkId of await names(join(root, agentId, 'frameworks'))) {
      for (const executorId of await names(join(root, agentId, 'frameworks', frameworkId, 'executors'))) {
        yield { agentId, frameworkId, executorId }
      }
    }
  }
}

async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}

function containerIds({ value, parent }: ContainerID): [string, ...string[]] {
  return parent === undefined ? [value] : [...containerIds(parent), value]
}
