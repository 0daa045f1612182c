// Offers of an agent are taken back: the ledger loses them and their mail is overwritten, in one write.
import { withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import type { Change, Tell } from '../decision.ts'
import { withdrawnMail } from '../mail.ts'
import type { Framework, Ledger } from '../model.ts'

/** Offers taken back in one transaction; those left over are taken back with the next piece. */
export const WITHDRAWN_PER_TRANSACTION = 80

export interface Withdrawal {
  readonly ledger: Ledger
  readonly mail: readonly Change[]
  readonly tell: readonly Tell[]
}

/**
 * The ledger without these offers (all of them by default, as many as fit), and the words that take them back. An
 * offer of an earlier session needs no word: it ended with its session (C57).
 */
export function withdraw(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  context: Context,
  offerIds: readonly string[] = Object.keys(ledger.offers),
): Withdrawal {
  const chosen = offerIds.slice(0, WITHDRAWN_PER_TRANSACTION)
  const mail: Change[] = []
  const told = new Set<string>()
  for (const offerId of chosen) {
    const offer = ledger.offers[offerId]
    const framework = offer === undefined ? undefined : frameworks.get(offer.frameworkId)
    if (framework === undefined || framework.state !== 'connected' || framework.epoch !== offer?.epoch)
      continue
    mail.push(withdrawnMail(framework, offerId, context))
    told.add(framework.frameworkId)
  }
  return {
    ledger: withoutOffers(ledger, chosen),
    mail,
    tell: [...told].map((frameworkId) => ({ tell: 'framework', frameworkId })),
  }
}

/** Ids of the frameworks a ledger's offers are with. */
export function offeredTo(ledger: Ledger): readonly string[] {
  return [...new Set(Object.values(ledger.offers).map(({ frameworkId }) => frameworkId))]
}
