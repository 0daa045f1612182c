// KILL: the task's wanted state becomes stop, for an agent that is away too; of an unknown task its state is said (C101–C103).
import type { KillPolicy, SchedulerCallKill } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { wordMail } from '../mail.ts'
import type { Framework, HeldTask, Hold, Ledger, Run, Task } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { isKnown, isTerminal } from '../task-state.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'
import { answerOf, holdOf, stillSo } from './reconcile.ts'

export interface KillLoaded {
  readonly framework: Framework
  /** The framework's own task of this id: nobody else's can be meant (A1). */
  readonly task: Task | undefined
  /** Of the task's agent; without a task that is known, of the agent the call names. */
  readonly ledger: Ledger | undefined
  /** Wanted state of the task on its agent. */
  readonly run: Run | undefined
  /** Large ACCEPTs of this framework under way; of the agent the call names, if it names one. */
  readonly holds?: readonly Hold[] | undefined
}

/**
 * Asks for the end of a task. Each KILL is delivered, so that a repeat may shorten the grace; the intent stays with the
 * wanted state until the task has ended, whoever was away meanwhile (F11, F12).
 */
export function kill(loaded: KillLoaded, call: SchedulerCallKill, context: Context): Decision<CallAnswer> {
  const { framework, task, holds = [] } = loaded
  if (!isKnown(task)) {
    const hold = holdOf(call.task_id.value, framework, holds)
    return hold === undefined ? sayState(loaded, call, context) : stopHeld(loaded, hold, call)
  }
  if (call.agent_id !== undefined && call.agent_id.value !== task.agentId) return nothing(ACCEPTED)
  const stop = stopChanges(loaded, call, context)
  // Out of reach: the intent is kept, and the framework reads, as in Mesos, why nothing ends now.
  if (
    loaded.ledger?.life === 'active' ||
    loaded.ledger?.life === 'returning' ||
    isTerminal(task.mesos.state)
  ) {
    return stop ?? nothing(ACCEPTED)
  }
  const said = sayState(loaded, call, context)
  return stop === undefined ? said : { ...said, changes: [...stop.changes, ...said.changes.slice(1)] }
}

/**
 * A task that a large ACCEPT has still to make: the HOLD item remembers the kill, and the task comes into being as one
 * that is to stop, so that its agent says how it ended (kill-during-big-accept).
 */
function stopHeld(
  loaded: KillLoaded,
  hold: Hold,
  { task_id, kill_policy }: SchedulerCallKill,
): Decision<CallAnswer> {
  const taskId = task_id.value
  const tasks = hold.tasks.map((each) => (each.taskId === taskId ? killed(each, kill_policy) : each))
  // The piece that makes the task puts it and checks the hold; of the two only one can be first.
  const notMade = stillSo([taskId], { framework: loaded.framework, tasks: [loaded.task] })
  return {
    changes: [
      gateCheck(loaded.framework, hold.agentId),
      ...notMade,
      { do: 'put', kind: 'hold', item: { ...hold, tasks }, when: { name: 'unchanged' } },
    ],
    tell: [],
    answer: ACCEPTED,
  }
}

/** A task that is still to be made, with one more kill. */
export function killed(task: HeldTask, killPolicy?: KillPolicy | undefined): HeldTask {
  return {
    ...task,
    kills: (task.kills ?? 0) + 1,
    ...(killPolicy === undefined ? {} : { killPolicy }),
  }
}

function sayState(
  { framework, task, ledger, holds }: KillLoaded,
  call: SchedulerCallKill,
  context: Context,
): Decision<CallAnswer> {
  const status = answerOf(
    { task_id: call.task_id, agent_id: call.agent_id },
    { framework, tasks: [task], ledgers: ledger === undefined ? [] : [ledger], holds },
    context,
  )
  return {
    changes: [
      gateCheck(framework, ledger?.agentId ?? framework.frameworkId),
      ...stillSo([call.task_id.value], { framework, tasks: [task], holds }),
      wordMail(framework, status, context),
    ],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }],
    answer: ACCEPTED,
  }
}

/** Undefined when there is nothing left to stop: the end is in custody, or the framework's end has asked for more. */
export function stopChanges(
  { framework, ledger, run }: Pick<KillLoaded, 'framework' | 'ledger' | 'run'>,
  { kill_policy }: Pick<SchedulerCallKill, 'kill_policy'>,
  { cluster }: Context,
): Decision<CallAnswer> | undefined {
  if (run === undefined || ledger === undefined || run.wanted === 'end') return undefined
  const stopped: Run = {
    ...run,
    wanted: 'stop',
    kills: run.kills + 1,
    ...(kill_policy === undefined ? {} : { killPolicy: kill_policy }),
  }
  const next: Ledger = { ...ledger, generation: nextNumber(ledger.generation, cluster.timeline) }
  const changes: Change[] = [
    gateCheck(framework, ledger.agentId),
    { do: 'put', kind: 'ledger', item: next, when: { name: 'unchanged' } },
    { do: 'put', kind: 'run', item: stopped, when: { name: 'unchanged' } },
  ]
  return {
    changes,
    tell: tellChanges(next, { runs: [stopped], frameworks: [framework.info] }),
    answer: ACCEPTED,
  }
}
