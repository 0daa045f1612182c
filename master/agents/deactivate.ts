// DEACTIVATE_AGENT and REACTIVATE_AGENT: whether an agent may be offered, by an operator's will.
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import type { Framework, Ledger } from '../model.ts'
import { withdraw } from './offers.ts'

/** `done` also when it is repeated; `draining`: it can be taken back only when it has drained (C.12). */
export type ActivationAnswer = 'done' | 'unknown agent' | 'gone' | 'draining' | 'not registered now'

/** No new offers; outstanding ones are withdrawn; tasks run on. */
export function deactivate(
  ledger: Ledger | undefined,
  frameworks: ReadonlyMap<string, Framework>,
  context: Context,
): Decision<ActivationAnswer> {
  if (ledger === undefined) return nothing('unknown agent')
  if (ledger.life === 'gone') return nothing('gone')
  const { ledger: emptied, mail, tell } = withdraw(ledger, frameworks, context)
  if (ledger.deactivated && mail.length === 0) return nothing('done')
  return {
    changes: [
      { do: 'put', kind: 'ledger', item: { ...emptied, deactivated: true }, when: { name: 'unchanged' } },
      ...mail,
    ],
    tell,
    answer: 'done',
  }
}

/** Offered again. For an agent that is not registered now the change is stored, and the answer says so (409). */
export function reactivate(ledger: Ledger | undefined): Decision<ActivationAnswer> {
  if (ledger === undefined) return nothing('unknown agent')
  if (ledger.life === 'gone') return nothing('gone')
  if (ledger.drain?.state === 'DRAINING') return nothing('draining')
  const answer = ledger.life === 'active' ? 'done' : 'not registered now'
  if (!ledger.deactivated) return nothing(answer)
  const { drain: _, ...rest } = ledger
  return {
    changes: [
      { do: 'put', kind: 'ledger', item: { ...rest, deactivated: false }, when: { name: 'unchanged' } },
    ],
    tell: [{ tell: 'allocator' }],
    answer,
  }
}
