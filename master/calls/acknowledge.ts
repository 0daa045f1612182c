// ACKNOWLEDGE: the head of a task's custody is over, the next update may go; after the end the task is history (C97–C99).
//
// Walk: before it functions/scheduler/reader.ts. The end of the walk.
import type { SchedulerCallAcknowledge } from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { FINISHED_TASK_KEPT_MS } from '../limits.ts'
import { removeUpdateMail, updateMail } from '../mail.ts'
import type { Framework, Mail, Task } from '../model.ts'
import { isTerminal } from '../task-state.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

export interface AcknowledgeLoaded {
  readonly framework: Framework
  /** The framework's own task of this id: nobody else's can be meant (A1). */
  readonly task: Task | undefined
  /** What stands in the mailbox about a task that this may end, without uuid; see `isEnd`. */
  readonly word?: Mail | undefined
}

/** True if acknowledging the head of custody is the end of the task: nothing is to be said of it after that. */
export function isEnd(task: Task | undefined): task is Task {
  const [head, next] = task?.custody ?? []
  return head !== undefined && next === undefined && isTerminal(head.status.state)
}

/**
 * Ends custody of the update the framework names, if it is the head's uuid; anything else is an old or wrong one and
 * changes nothing (F42). Needs no agent: the control plane has had custody since it took the update (F44).
 */
export function acknowledge(
  { framework, task, word }: AcknowledgeLoaded,
  { agent_id, uuid }: SchedulerCallAcknowledge,
  context: Context,
): Decision<CallAnswer> {
  const [head, next, ...rest] = task?.custody ?? []
  if (task === undefined || head === undefined || head.uuid !== uuid || task.agentId !== agent_id.value) {
    return nothing(ACCEPTED)
  }
  const isOver = isEnd(task)
  // Of a task out of reach nothing more is said: what waits is said again after its return (resend-after-unreachable).
  const isSaid = next !== undefined && task.standing === 'live'
  // Resends of the next one are counted from the moment it became the head.
  const item: Task = {
    ...task,
    custody: next === undefined ? [] : [{ ...next, at: context.now }, ...rest],
    mesos: isSaid
      ? { ...task.mesos, status_update_state: next.status.state, status_update_uuid: next.uuid }
      : task.mesos,
    ...(isOver ? { standing: 'finished', ttl: Math.ceil((context.now + FINISHED_TASK_KEPT_MS) / 1000) } : {}),
  }
  return {
    changes: [
      gateCheck(framework, task.agentId),
      { do: 'put', kind: 'task', item, when: { name: 'unchanged' } },
      isSaid ? updateMail(framework, task.taskId, next, context) : removeUpdateMail(framework, task.taskId),
      ...(isOver && word !== undefined ? [removeWord(word)] : []),
    ],
    tell: isSaid ? [{ tell: 'framework', frameworkId: framework.frameworkId }] : [],
    answer: ACCEPTED,
  }
}

/** A reader that dies before it has removed an older word leaves it for the next one, which knows nothing of the end. */
function removeWord({ frameworkId, shard, key, tag }: Mail): Change {
  return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'tag', tag } }
}
