// SHUTDOWN: an executor ends, and with it the tasks it runs (C104).
import type { SchedulerCallShutdown } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import type { Executor, Framework, HeldTask, Hold, Ledger, Run } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'
import { killed, stopChanges } from './kill.ts'

export interface ShutdownLoaded {
  readonly framework: Framework
  readonly ledger: Ledger | undefined
  /** The framework's own executor of this id on the named agent. */
  readonly executor: Executor | undefined
  /** Of the task whose id is the executor's: the executor of a command task is known by it. */
  readonly run?: Run | undefined
  /** Of this framework on the agent: large ACCEPTs under way. */
  readonly holds?: readonly Hold[] | undefined
}

/**
 * Unknown agents and executors are silent. A command task's executor has nothing but its task to end. Tasks of the
 * executor that a large ACCEPT has still to make come into being as ones that are to stop, as for a KILL.
 */
export function shutdown(
  loaded: ShutdownLoaded,
  { executor_id }: SchedulerCallShutdown,
  context: Context,
): Decision<CallAnswer> {
  const { framework, ledger, executor, holds = [] } = loaded
  if (ledger === undefined) return nothing(ACCEPTED)
  const ended = endChanges(loaded, ledger, context)
  const held = holds.flatMap((hold) => stopHeld(hold, executor_id.value))
  if (held.length === 0) return ended
  if (ended.changes.length > 0) return { ...ended, changes: [...ended.changes, ...held] }
  // The piece that makes the executor, or the task that is its own, puts it: of the two only one can be first.
  return {
    changes: [
      gateCheck(framework, ledger.agentId),
      ...(executor === undefined ? stillUnmade(loaded, ledger, executor_id.value) : []),
      ...held,
    ],
    tell: [],
    answer: ACCEPTED,
  }
}

function endChanges(
  { framework, executor, run }: ShutdownLoaded,
  ledger: Ledger,
  context: Context,
): Decision<CallAnswer> {
  if (executor === undefined) {
    const isCommand = run !== undefined && run.executor === undefined
    return (isCommand ? stopChanges({ framework, ledger, run }, {}, context) : undefined) ?? nothing(ACCEPTED)
  }
  if (executor.wanted === 'end') return nothing(ACCEPTED)
  const next: Ledger = { ...ledger, generation: nextNumber(ledger.generation, context.cluster.timeline) }
  const { frameworkId, executorId } = executor
  return {
    changes: [
      gateCheck(framework, ledger.agentId),
      { do: 'put', kind: 'ledger', item: next, when: { name: 'unchanged' } },
      { do: 'put', kind: 'executor', item: { ...executor, wanted: 'end' }, when: { name: 'unchanged' } },
    ],
    tell: tellChanges(next, { endExecutors: [{ frameworkId, executorId }] }),
    answer: ACCEPTED,
  }
}

/** Those already made are no worse for it: a piece that is done looks at its hold no more. */
function stopHeld(hold: Hold, executorId: string): Change[] {
  const isIts = (task: HeldTask): boolean => (task.executorId ?? task.taskId) === executorId
  if (!hold.tasks.some(isIts)) return []
  const tasks = hold.tasks.map((task) => (isIts(task) ? killed(task) : task))
  return [{ do: 'put', kind: 'hold', item: { ...hold, tasks }, when: { name: 'unchanged' } }]
}

function stillUnmade({ framework, run }: ShutdownLoaded, { agentId }: Ledger, executorId: string): Change[] {
  const { frameworkId } = framework
  const executor = { agentId, frameworkId, executorId, version: 0 }
  const own = { agentId, frameworkId, taskId: executorId, version: run?.version ?? 0 }
  return [
    { do: 'check', kind: 'executor', item: executor, when: { name: 'unchanged' } },
    { do: 'check', kind: 'run', item: own, when: { name: 'unchanged' } },
  ]
}
