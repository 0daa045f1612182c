// Which outstanding offers are worth nothing any more, so that what they hold is free.
import type { Framework, Ledger } from '../model.ts'

/**
 * The void offers of an agent and why each is: it expired (F74), or its session is over. An offer of a framework that
 * is unknown, or of a session newer than the framework as it was read, was made after that reading: it stands.
 */
export function voidOffers(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  now: number,
): ReadonlyMap<string, 'expired' | 'session over'> {
  const found = new Map<string, 'expired' | 'session over'>()
  for (const [offerId, offer] of Object.entries(ledger.offers)) {
    const framework = frameworks.get(offer.frameworkId)
    if (framework !== undefined && (framework.state === 'removed' || framework.epoch > offer.epoch)) {
      found.set(offerId, 'session over')
    } else if (offer.expiresAt <= now) found.set(offerId, 'expired')
  }
  return found
}

/** The ledger's offers without the void ones. */
export function standingOffers(ledger: Ledger, isVoid: ReadonlyMap<string, unknown>): Ledger['offers'] {
  return Object.fromEntries(Object.entries(ledger.offers).filter(([offerId]) => !isVoid.has(offerId)))
}
