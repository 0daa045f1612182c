// The arithmetic of a ledger: total = offers + holds + sums + free, and no part is ever negative (S1, S18, F65).
//
// A ledger keeps amounts without their allocation: the framework and role they are for stand beside them.
import assert from 'node:assert'
import { add, contains, isEmpty, subtract, unallocate } from '../protocol/resources.ts'
import type { Ledger, LedgerOffer, Resources } from './model.ts'

/** Whom an amount is charged to. */
export interface Payer {
  readonly frameworkId: string
  readonly role: string
}

/** All that is spoken for on an agent: offered, held or charged. Void offers count as long as they stand there. */
export function used(ledger: Ledger): Resources {
  const parts: Resources[] = []
  for (const offer of Object.values(ledger.offers)) parts.push(offer.resources)
  for (const hold of Object.values(ledger.holds)) parts.push(hold.resources)
  for (const roles of Object.values(ledger.sums)) parts.push(...Object.values(roles))
  return add(...parts.map(unallocate))
}

/**
 * What may still be given away. Who gives away what a void offer holds drops that offer in the same write.
 * @param isVoid offers that count as gone already
 */
export function free(ledger: Ledger, isVoid: (offer: LedgerOffer) => boolean = () => false): Resources {
  const offers = Object.entries(ledger.offers).filter(([, offer]) => !isVoid(offer))
  return subtract(ledger.total, used({ ...ledger, offers: Object.fromEntries(offers) }))
}

/** What is charged to a framework in a role, without allocation. */
export function chargedTo(ledger: Ledger, { frameworkId, role }: Payer): Resources {
  return unallocate(ledger.sums[frameworkId]?.[role] ?? [])
}

/** Charges free resources to a task or executor. @throws AssertionError when they are not free: only a bug can ask */
export function charge(ledger: Ledger, payer: Payer, resources: Resources): Ledger {
  const amount = unallocate(resources)
  if (isEmpty(amount)) return ledger
  assert(contains(free(ledger), amount), `${ledger.agentId}: more is charged than is free`)
  return withSum(ledger, payer, add(chargedTo(ledger, payer), amount))
}

/** Gives back what was charged. @throws AssertionError when it was not charged: only a bug can ask */
export function release(ledger: Ledger, payer: Payer, resources: Resources): Ledger {
  const amount = unallocate(resources)
  if (isEmpty(amount)) return ledger
  const charged = chargedTo(ledger, payer)
  assert(
    contains(charged, amount),
    `${ledger.agentId}: more is released than ${payer.frameworkId} was charged`,
  )
  return withSum(ledger, payer, subtract(charged, amount))
}

/** The ledger without these offers: what they held is free. */
export function withoutOffers(ledger: Ledger, offerIds: Iterable<string>): Ledger {
  const gone = new Set(offerIds)
  const offers = Object.entries(ledger.offers).filter(([id]) => !gone.has(id))
  return { ...ledger, offers: Object.fromEntries(offers) }
}

/** The ledger without a hold: what it held is free. */
export function withoutHold(ledger: Ledger, acceptId: string): Ledger {
  const { [acceptId]: _, ...holds } = ledger.holds
  return { ...ledger, holds }
}

/** Says what is wrong with a ledger's sums; undefined if nothing is. For checkers that look from outside. */
export function unsound(ledger: Ledger): string | undefined {
  return contains(ledger.total, used(ledger)) ? undefined : `${ledger.agentId}: more is used than there is`
}

function withSum(ledger: Ledger, { frameworkId, role }: Payer, sum: Resources): Ledger {
  const { [role]: _, ...others } = ledger.sums[frameworkId] ?? {}
  const roles = isEmpty(sum) ? others : { ...others, [role]: sum }
  const { [frameworkId]: __, ...rest } = ledger.sums
  return { ...ledger, sums: Object.keys(roles).length === 0 ? rest : { ...rest, [frameworkId]: roles } }
}
