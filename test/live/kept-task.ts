// Tasks of the keeper: each leaves a line when it starts and is marked, so that what really runs can be counted.
import { join } from 'node:path'
import type { Offer, TaskInfo } from '../../protocol/messages.ts'
import { commandTask, scalar } from '../framework.ts'
import { ROOT } from '../vitest.ts'

export interface TaskKinds {
  /** In the environment of every process, before the task's id. */
  readonly mark: string
  /** A folder with a file per task, a line per start in it. */
  readonly traces: string
  /** `mixed`: every third slot runs a tree of processes, every third an executor of its own. */
  readonly kinds: 'simple' | 'mixed'
}

/** Says which task a process belongs to: `<mark>:<task>`. */
export const TASK_VARIABLE = 'KEPT_TASK'

/** Children of its own, one of them in a session of its own whose parent has gone. */
const TREE = 'sleep 100000 & (setsid sleep 100000 &) ; wait'
const SIMPLE = 'exec sleep 100000'

export function keptTask({ mark, traces, kinds }: TaskKinds) {
  return (offer: Offer, slot: number, taskId: string): TaskInfo => {
    const kind = kinds === 'simple' ? 0 : slot % 3
    const trace = `echo "$$" >> '${join(traces, taskId)}'; `
    const environment = { variables: [{ name: TASK_VARIABLE, value: `${mark}:${taskId}` }] }
    const { command: _, ...plain } = commandTask(offer, taskId, '')
    if (kind !== 2) {
      return { ...plain, command: { value: trace + (kind === 1 ? TREE : SIMPLE), environment } }
    }
    return {
      ...plain,
      data: Buffer.from(trace + SIMPLE).toString('base64'),
      executor: {
        executor_id: { value: `${taskId}-executor` },
        command: {
          value: `exec ${process.execPath} ${join(ROOT, 'test', 'live', 'steady-executor.ts')}`,
          environment,
        },
        resources: [scalar('cpus', 0.1), scalar('mem', 32)],
      },
    }
  }
}
