// DEACTIVATE_AGENT and REACTIVATE_AGENT: whether an agent may be offered, by an operator's will.
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import type { Framework, Ledger } from '../model.ts'
import { tellAgent } from './drain.ts'
import { withdraw } from './offers.ts'
import { putLedger } from './puts.ts'

/** `done` also when it is repeated; `draining`: it can be taken back only when it has drained (C.12). */
export type ActivationAnswer =
  | 'done'
  | 'unknown agent'
  | 'gone'
  | 'draining'
  | 'not deactivated'
  | 'not registered now'

/** No new offers; outstanding ones are withdrawn; tasks run on. */
export function deactivate(
  ledger: Ledger | undefined,
  frameworks: ReadonlyMap<string, Framework>,
  context: Context,
): Decision<ActivationAnswer> {
  if (ledger === undefined) return nothing('unknown agent')
  if (ledger.life === 'gone') return nothing('gone')
  // A draining agent is that already, and stays draining.
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

/**
 * Offered again; ends a drain that is over, which its agent is told. For an agent that is not registered now the
 * change is stored, and the answer says so (409).
 */
export function reactivate(
  ledger: Ledger | undefined,
  { cluster }: Pick<Context, 'cluster'>,
): Decision<ActivationAnswer> {
  if (ledger === undefined) return nothing('unknown agent')
  if (ledger.life === 'gone') return nothing('gone')
  if (ledger.drain?.state === 'DRAINING') return nothing('draining')
  const answer = ledger.life === 'active' ? 'done' : 'not registered now'
  if (!ledger.deactivated) return nothing('not deactivated')
  const { drain, ...rest } = ledger
  const item: Ledger = {
    ...rest,
    deactivated: false,
    ...(drain === undefined ? {} : { generation: nextNumber(ledger.generation, cluster.timeline) }),
  }
  return {
    changes: [putLedger(item)],
    tell: [{ tell: 'allocator' }, ...(drain === undefined ? [] : tellAgent(item))],
    answer,
  }
}
