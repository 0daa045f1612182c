// What is said of a task that ends because its agent is drained.
import type { TaskStatus } from '../../protocol/messages.ts'
import { hasCapability, type TaskRecord } from '../state.ts'
import type { Turn } from '../turn.ts'

/** As Mesos: an end by kill is said to be one of the drain; partition-aware frameworks read what becomes of the agent. */
export function underDrain(turn: Turn, task: TaskRecord, status: TaskStatus): TaskStatus {
  const { drain, frameworks } = turn.state
  const isKill = status.state === 'TASK_KILLING' || status.state === 'TASK_KILLED'
  if (drain === undefined || !isKill) return status
  const isGone =
    drain.markGone &&
    status.state === 'TASK_KILLED' &&
    hasCapability(frameworks.get(task.frameworkId), 'PARTITION_AWARE')
  return {
    ...status,
    reason: 'REASON_AGENT_DRAINING',
    ...(isGone ? { state: 'TASK_GONE_BY_OPERATOR' } : {}),
  }
}
