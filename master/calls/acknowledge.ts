// ACKNOWLEDGE: the head of a task's custody is over, the next update may go; after the end the task is history (C97–C99).
//
// Walk: before it functions/scheduler/reader.ts. The end of the walk.
import type { SchedulerCallAcknowledge } from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { FINISHED_TASK_KEPT_MS } from '../limits.ts'
import { removeUpdateMail, updateMail } from '../mail.ts'
import type { Framework, Task } from '../model.ts'
import { isTerminal } from '../task-state.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

export interface AcknowledgeLoaded {
  readonly framework: Framework
  /** The framework's own task of this id: nobody else's can be meant (A1). */
  readonly task: Task | undefined
}

/**
 * Ends custody of the update the framework names, if it is the head's uuid; anything else is an old or wrong one and
 * changes nothing (F42). Needs no agent: the control plane has had custody since it took the update (F44).
 */
export function acknowledge(
  { framework, task }: AcknowledgeLoaded,
  { agent_id, uuid }: SchedulerCallAcknowledge,
  context: Context,
): Decision<CallAnswer> {
  const [head, next, ...rest] = task?.custody ?? []
  if (task === undefined || head === undefined || head.uuid !== uuid || task.agentId !== agent_id.value) {
    return nothing(ACCEPTED)
  }
  const isOver = next === undefined && isTerminal(head.status.state)
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
    ],
    tell: isSaid ? [{ tell: 'framework', frameworkId: framework.frameworkId }] : [],
    answer: ACCEPTED,
  }
}
