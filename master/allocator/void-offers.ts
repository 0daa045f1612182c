// Which outstanding offers are worth nothing any more, so that what they hold is free.
import { frozen, oncePerFrozen } from '../../protocol/resources.ts'
import { free } from '../accounting.ts'
import { rolesOf } from '../frameworks/roles.ts'
import type { Framework, Ledger, LedgerOffer, Resources } from '../model.ts'

/**
 * - `session over`: taken over, disconnected or removed. The mailbox of the session is over as well: nobody is told.
 * - `expired`: the framework sat on it for too long (F74); `role left`: it gave up the role. Both are rescinded.
 */
export type WhyVoid = 'session over' | 'expired' | 'role left'

/**
 * Why an offer is void; undefined while it stands. An offer of a framework that is unknown, or of a session newer
 * than the framework as it was read, was made after that reading: it stands.
 */
export function whyVoid(
  offer: LedgerOffer,
  frameworks: ReadonlyMap<string, Framework>,
  now: number,
): WhyVoid | undefined {
  const framework = frameworks.get(offer.frameworkId)
  if (framework?.state === 'removed') return 'session over'
  if (framework !== undefined && framework.epoch > offer.epoch) return 'session over'
  if (offer.expiresAt <= now) return 'expired'
  if (framework?.epoch === offer.epoch && !rolesOf(framework.info).includes(offer.role)) return 'role left'
  return undefined
}

/** The void offers of an agent. */
export function voidOffers(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  now: number,
): readonly { readonly offerId: string; readonly offer: LedgerOffer; readonly why: WhyVoid }[] {
  return Object.entries(ledger.offers).flatMap(([offerId, offer]) => {
    const why = whyVoid(offer, frameworks, now)
    return why === undefined ? [] : [{ offerId, offer, why }]
  })
}

/** What of an agent belongs to nobody, void offers not counted: who gives it away drops them in the same write. */
export function freeOf(ledger: Ledger, frameworks: ReadonlyMap<string, Framework>, now: number): Resources {
  const isVoid = (offer: LedgerOffer) => whyVoid(offer, frameworks, now) !== undefined
  return Object.values(ledger.offers).some(isVoid) ? free(ledger, isVoid) : freeOfAll(ledger)
}

const freeOfAll = oncePerFrozen(
  (ledger: Ledger): Resources => (Object.isFrozen(ledger) ? frozen(free(ledger)) : free(ledger)),
)
