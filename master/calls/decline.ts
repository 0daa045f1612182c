// DECLINE: offers go back, and what was declined is kept from the framework for a while (C64–C66, C70).
import type { SchedulerCallDecline } from '../../protocol/messages.ts'
import { withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { refuse, refuseMs } from '../filters.ts'
import type { Framework, Ledger, LedgerOffer } from '../model.ts'
import { stands } from '../offers.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

export interface DeclineLoaded {
  readonly framework: Framework
  /** Of the agents that `agentsOf(call)` names; at most `MAX_WORDS_PER_STEP` at a time, the call may be made again for the next. */
  readonly ledgers: readonly Ledger[]
}

/**
 * Gives back the caller's own offers; ids that are unknown, over or another framework's are passed over one by one
 * (A2). No gate is checked: an offer that stands in the ledger is evidence enough, and the refusal carries the filter
 * epoch that was read.
 */
export function decline(
  { framework, ledgers }: DeclineLoaded,
  { offer_ids = [], filters }: SchedulerCallDecline,
  { now }: Context,
): Decision<CallAnswer> {
  const filter = { ms: refuseMs(filters), now }
  const ids = offer_ids.map(({ value }) => value)
  const changes: Change[] = []
  for (const ledger of ledgers) {
    const own = ids.filter((id) => ledger.offers[id]?.frameworkId === framework.frameworkId)
    if (own.length === 0) continue
    const item = withRefusals(
      withoutOffers(ledger, own),
      { framework, offers: standing(ledger, own, framework, now) },
      filter,
    )
    changes.push({ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } })
  }
  if (changes.length === 0) return nothing(ACCEPTED)
  // Filtered or not: what this framework refused, another one may want at once.
  return { changes, tell: [{ tell: 'allocator' }], answer: ACCEPTED }
}

/** An offer that is void already goes without a filter, as one that ran out does. */
function standing(
  ledger: Ledger,
  ids: readonly string[],
  framework: Framework,
  now: number,
): readonly LedgerOffer[] {
  return [...new Set(ids)]
    .map((id) => ledger.offers[id])
    .filter((offer) => offer !== undefined)
    .filter((offer) => stands(offer, framework, now))
}

function withRefusals(
  ledger: Ledger,
  { framework, offers }: { readonly framework: Framework; readonly offers: readonly LedgerOffer[] },
  filter: { readonly ms: number; readonly now: number },
): Ledger {
  return offers.reduce(
    (each, { role, resources }) => refuse(each, { framework, role, resources }, filter),
    ledger,
  )
}
