// Custody of a task's updates: what was taken stands in line, its head is in the mailbox until it is acknowledged.
import type { TaskStatus } from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import type { Change } from '../decision.ts'
import { MAX_CUSTODY_BYTES, MAX_CUSTODY_UPDATES } from '../limits.ts'
import { updateMail } from '../mail.ts'
import type { CustodyUpdate, Framework, Task } from '../model.ts'
import { spelled } from './task-status.ts'

/** The task with one more update in line; the number is the task's next. */
export function withUpdate(
  task: Task,
  status: TaskStatus & { readonly uuid: string },
  owner: Framework,
  context: Context,
): Task {
  const number = task.lastUpdate + 1
  const update: CustodyUpdate = { number, uuid: status.uuid, status: spelled(status, owner), at: context.now }
  return headSaid({ ...task, lastUpdate: number, custody: [...task.custody, update] })
}

/** The change that puts the head of custody into the mailbox; none when nothing waits. */
export function headMail(task: Task, owner: Framework, context: Context): Change[] {
  const head = task.custody[0]
  return head === undefined ? [] : [updateMail(owner, task.taskId, head, context)]
}

/** True if a task has all the updates in custody that it may have (R12): the rest waits on the agent. */
export function isFull(task: Task, next: TaskStatus): boolean {
  if (task.custody.length === 0) return false
  if (task.custody.length >= MAX_CUSTODY_UPDATES) return true
  return task.custody.reduce((sum, { status }) => sum + size(status), size(next)) > MAX_CUSTODY_BYTES
}

/** What the framework was told last is the head of custody. */
function headSaid(task: Task): Task {
  const head = task.custody[0]
  if (head === undefined) return task
  const mesos = { ...task.mesos, status_update_state: head.status.state, status_update_uuid: head.uuid }
  return { ...task, mesos }
}

function size(status: TaskStatus): number {
  return JSON.stringify(status, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    .length
}
