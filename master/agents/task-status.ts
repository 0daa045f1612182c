// Statuses the control plane makes itself, and how a task's record takes them up.
import type { TaskState, TaskStatus, TaskStatusReason } from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { MAX_STATUS_HISTORY, MAX_STATUS_KEPT_BYTES } from '../limits.ts'
import type { Framework, Task } from '../model.ts'
import { spell } from '../task-state.ts'
import { sizeOf } from '../validation/same.ts'

export interface Word {
  /** In exact words; what the framework reads is spelled for it. */
  readonly state: TaskState
  readonly reason: TaskStatusReason
  readonly message: string
  readonly source?: 'SOURCE_MASTER' | 'SOURCE_AGENT' | undefined
  /** Cluster time since which the agent is out of reach. */
  readonly unreachableSince?: number | undefined
}

/** A status made here, in exact words and without uuid: it is not to be acknowledged. */
export function statusOf(task: Task, word: Word, context: Pick<Context, 'now'>): TaskStatus {
  const { executor_id } = task.mesos
  return {
    task_id: { value: task.taskId },
    state: word.state,
    source: word.source ?? 'SOURCE_MASTER',
    reason: word.reason,
    message: word.message,
    agent_id: { value: task.agentId },
    ...(executor_id === undefined ? {} : { executor_id }),
    timestamp: context.now / 1_000,
    ...(word.unreachableSince === undefined ? {} : { unreachable_time: timeOf(word.unreachableSince) }),
  }
}

/** The same status as this framework reads it. */
export function spelled(status: TaskStatus, framework: Framework): TaskStatus {
  return { ...status, state: spell(status.state, framework) }
}

/** 16 bytes for a status that is to be acknowledged, from a fresh id: its letters are base64 letters. */
export function statusUuid(context: Pick<Context, 'newId'>): string {
  return `${context.newId().slice(0, 21)}A==`
}

/** The task's record with a state and the status that says it: one status per distinct state, without data. */
export function withState(mesos: Task['mesos'], state: TaskState, status: TaskStatus): Task['mesos'] {
  return { ...mesos, state, statuses: withStatus(mesos.statuses ?? [], status) }
}

/** As `withState`, the state staying what it is. */
export function withStatus(
  statuses: readonly TaskStatus[],
  { data: _, ...status }: TaskStatus,
): readonly TaskStatus[] {
  const kept = cutTo(status, MAX_STATUS_KEPT_BYTES)
  return [...statuses.filter(({ state }) => state !== kept.state), kept].slice(-MAX_STATUS_HISTORY)
}

/** Of a message that is cut, so much is kept. */
const MESSAGE_KEPT = 512

/** The status if it is small enough, else what no framework can do without: an item holds no more (A10). */
export function cutTo<S extends TaskStatus>(status: S, maxBytes: number): S {
  const size = sizeOf(status)
  if (size <= maxBytes) return status
  const {
    data: _,
    labels: __,
    check_status: ___,
    container_status: ____,
    limitation: _____,
    ...short
  } = status
  const message = `${(status.message ?? '').slice(0, MESSAGE_KEPT)} (cut: ${size} bytes, more than ${maxBytes})`
  // What is left out is optional in every status.
  return { ...short, message: message.trim() } as S
}

function timeOf(ms: number): { readonly nanoseconds: bigint } {
  return { nanoseconds: BigInt(Math.round(ms)) * 1_000_000n }
}
