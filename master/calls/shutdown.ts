// SHUTDOWN: an executor ends, and with it the tasks it runs (C104).
import type { SchedulerCallShutdown } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import type { Executor, Framework, Ledger, Run } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'
import { stopChanges } from './kill.ts'

export interface ShutdownLoaded {
  readonly framework: Framework
  readonly ledger: Ledger | undefined
  /** The framework's own executor of this id on the named agent. */
  readonly executor: Executor | undefined
  /** Of the task whose id is the executor's: the executor of a command task is known by it. */
  readonly run?: Run | undefined
}

/** Unknown agents and executors are silent. A command task's executor has nothing but its task to end. */
export function shutdown(
  { framework, ledger, executor, run }: ShutdownLoaded,
  _call: SchedulerCallShutdown,
  context: Context,
): Decision<CallAnswer> {
  if (ledger === undefined) return nothing(ACCEPTED)
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
