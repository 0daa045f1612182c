// A containerizer over a directory of its own, and short ways to launch and to look at processes.
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerSpec } from '../../../agent/containerizer/containerizer.ts'
import { ProcessContainerizer } from '../../../agent/containerizer/process.ts'
import { readStat } from '../../../agent/containerizer/process-table.ts'
import { chooseShim, type ShimChoice } from '../../../agent/containerizer/shim.ts'
import { type Clock, systemClock } from '../../../protocol/clock.ts'

export type ShimKind = 'c' | 'sh'

/** Compiled once for all test files. */
export const buildDirectory = join(tmpdir(), 'meseta-test-shims')

/** The one in C only where there is a compiler. */
export const shimKinds: readonly ShimKind[] =
  (await chooseShim({ buildDirectory }).ready).kind === 'c' ? ['c', 'sh'] : ['sh']

export interface Fixture {
  readonly directory: string
  readonly containersDirectory: string
  readonly shims: ShimChoice
  readonly containerizer: ProcessContainerizer
  /** A fresh spec; strings are shell commands. */
  spec(command: string | readonly string[], more?: Partial<ContainerSpec>): ContainerSpec
  /** Text of a file in the container's sandbox. */
  output(containerId: string, name?: string): string
  /** As a new agent process over the same records would. */
  another(): ProcessContainerizer
  /** Destroys all containers and removes the directory. */
  close(): Promise<void>
}

export async function fixture(kind: ShimKind, clock: Clock = systemClock): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), 'meseta-containers-'))
  const containersDirectory = join(directory, 'containers')
  const sandboxes = join(directory, 'sandboxes')
  mkdirSync(sandboxes)
  const shims = chooseShim({ buildDirectory, only: kind === 'sh' ? 'sh' : undefined })
  const found = await shims.ready
  if (found.kind !== kind) throw new Error(`this machine has no shim of kind ${kind}`)
  const all: ProcessContainerizer[] = []
  const another = () => {
    const made = new ProcessContainerizer({ containersDirectory, shims, clock })
    all.push(made)
    return made
  }
  return {
    directory,
    containersDirectory,
    shims,
    containerizer: another(),
    another,
    spec(command, more = {}) {
      const containerId = more.containerId ?? randomUUID()
      return {
        containerId,
        sandbox: join(sandboxes, containerId),
        argv: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
        environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
        resources: { cpus: 0.1, memMb: 32 },
        ...more,
      }
    },
    output: (containerId, name = 'stdout') => readFileSync(join(sandboxes, containerId, name), 'utf8'),
    async close() {
      for (const made of all) made.close()
      const last = new ProcessContainerizer({ containersDirectory, shims, clock })
      const { orphans } = await last.recover([])
      await Promise.all(orphans.map((id) => last.remove(id)))
      last.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Pids in whose environment the container's marker stands; other than what is tested, it asks nothing but /proc. */
export function markedPids(containerId: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/environ`, 'latin1')
            .split('\0')
            .includes(`MESETA_CONTAINER=${containerId}`) && isRunning(pid)
        )
      } catch {
        return false
      }
    })
}

export function isRunning(pid: number): boolean {
  const stat = readStat(pid)
  return stat !== undefined && stat.state !== 'Z'
}

/** Waits until the check yields something and does not throw, at most 15 s. */
export async function until<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    let failure: unknown
    try {
      const found = await check()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      failure = error
    }
    if (Date.now() > deadline) throw failure ?? new Error(`never came true: ${check}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A number that a task has written, once its line is whole. */
export function writtenNumber(read: () => string): Promise<number> {
  return until(() => {
    const text = read()
    return text.endsWith('\n') && Number(text.trim())
  })
}
