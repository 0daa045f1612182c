// Tasks whose process on the machine can be watched: the world itself, not what is said of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestFramework } from '../framework.ts'
import { runTask, until } from './waiting.ts'

export interface WatchedProcess {
  readonly pid: number
  isAlive(): boolean
}

export interface Processes {
  /** Runs a task that sleeps on the next offer; resolves when its process is there. */
  run(framework: TestFramework, taskId: string, refuseSeconds?: number): Promise<WatchedProcess>
  /** What a task has to run so that `found` knows its process. */
  commandOf(taskId: string): string
  found(taskId: string): Promise<WatchedProcess>
  /** How often the command of a task was started. */
  startsOf(taskId: string): number
  removeFiles(): void
}

export function processes(): Processes {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-processes-'))
  const commandOf = (taskId: string) => `echo $$ >> ${join(folder, taskId)}; exec sleep 1000`
  const found = async (taskId: string) => {
    await until(() => pidsIn(join(folder, taskId)).length > 0)
    const [pid = 0] = pidsIn(join(folder, taskId))
    return { pid, isAlive: () => isAlive(pid) }
  }
  return {
    async run(framework, taskId, refuseSeconds) {
      const command = commandOf(taskId)
      await runTask(framework, taskId, { command, ...(refuseSeconds === undefined ? {} : { refuseSeconds }) })
      return await found(taskId)
    },
    commandOf,
    found,
    startsOf: (taskId) => pidsIn(join(folder, taskId)).length,
    removeFiles: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** One line of each start. */
function pidsIn(file: string): readonly number[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return lines.map(Number)
  } catch {
    return []
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
