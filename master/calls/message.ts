// MESSAGE: bytes to an executor, best effort: never stored, dropped when the agent is not there (C105).
import type { SchedulerCallMessage } from '../../protocol/messages.ts'
import { type Decision, nothing } from '../decision.ts'
import type { Framework, Ledger } from '../model.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** @param loaded ledger of the named agent; it looks among the caller's own executors only (A1) */
export function message(
  { framework, ledger }: { readonly framework: Framework; readonly ledger: Ledger | undefined },
  { executor_id, data }: SchedulerCallMessage,
): Decision<CallAnswer> {
  if (ledger === undefined || ledger.life !== 'active') return nothing(ACCEPTED)
  const { frameworkId } = framework
  const nudge = { kind: 'message', frameworkId, executorId: executor_id.value, data } as const
  return { changes: [], tell: [{ tell: 'agent', agentId: ledger.agentId, nudge }], answer: ACCEPTED }
}
