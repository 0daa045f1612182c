// What an agent is told after a commit: the changes of one generation, or only that there are some.
import type { Nudge, WantedTask } from '../protocol/agent-messages.ts'
import type { FrameworkInfo } from '../protocol/messages.ts'
import { underDrain } from './agents/drain.ts'
import type { Tell } from './decision.ts'
import { MAX_NUDGE_BYTES } from './limits.ts'
import type { Ledger, Run } from './model.ts'
import { holdsBigint, sizeOf } from './validation/same.ts'

export interface WantedChanges {
  readonly runs?: readonly Run[]
  readonly frameworks?: readonly FrameworkInfo[]
  readonly endExecutors?: readonly { readonly frameworkId: string; readonly executorId: string }[]
}

/**
 * Tells an agent the changes that made the ledger's present generation: all of them, in one nudge. What is too large
 * for a queue is left to its next sync. An agent that is not there is told nothing, it will read its wanted state.
 */
export function tellChanges(
  ledger: Ledger,
  { runs = [], frameworks = [], endExecutors = [] }: WantedChanges,
): Tell[] {
  if (ledger.life !== 'active' && ledger.life !== 'returning') return []
  const nudge: Nudge = {
    kind: 'changes',
    incarnation: ledger.incarnation,
    generation: ledger.generation,
    tasks: runs.map((run) => underDrain(wantedOf(run), ledger.drain)),
    dropped: [],
    frameworks,
    endExecutors,
  }
  // Integers beyond 2^53 are no plain JSON either; calls and their answers carry them exactly (C18).
  const fits = sizeOf(nudge) <= MAX_NUDGE_BYTES && !holdsBigint(nudge)
  return [{ tell: 'agent', agentId: ledger.agentId, nudge: fits ? nudge : { kind: 'sync' } }]
}

/** What of a RUN item concerns the agent. */
export function wantedOf(run: Run): WantedTask {
  const { version: _, agentId: __, charged: ___, acceptId: ____, answerBy: _____, ...wanted } = run
  return wanted
}
