// Executors and tasks for them, as a framework would bring them.
import { join } from 'node:path'
import type { ExecutorInfo, Offer, TaskInfo } from '../../protocol/messages.ts'
import { commandTask, scalar } from '../framework.ts'

/** Runs `echo-executor.ts` as a process of its own. */
export function echoExecutor(id: string): ExecutorInfo {
  return {
    executor_id: { value: id },
    command: { value: `exec ${process.execPath} ${join(import.meta.dirname, 'echo-executor.ts')}` },
    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
  }
}

/** A task for an executor instead of a command. */
export function executorTask(offer: Offer, taskId: string, executor: ExecutorInfo): TaskInfo {
  const { command: _, ...rest } = commandTask(offer, taskId, '')
  return { ...rest, executor }
}
