// Ids of offers, which carry their agent, so that a call is read without a list of offers; and which offers stand.
import type { Context } from './context.ts'
import { rolesOf } from './frameworks/roles.ts'
import type { Framework, LedgerOffer } from './model.ts'

/**
 * A fresh id of an offer on an agent: `<cluster>-O<agent>.<random>` for agent `<cluster>-S<agent>`. Clients take it
 * as opaque, as Mesos asks them to (R14).
 */
export function newOfferId(agentId: string, context: Pick<Context, 'newId'>): string {
  const at = agentId.lastIndexOf('-S')
  if (at < 0) throw new Error(`Agent id '${agentId}' is not of the form <cluster>-S<random>`)
  return `${agentId.slice(0, at)}-O${agentId.slice(at + 2)}.${context.newId()}`
}

/** The agent an offer is of; undefined for a text that is no id made here. Whether the offer exists, its ledger says. */
export function agentOf(offerId: string): string | undefined {
  const parts = form.exec(offerId)
  return parts === null ? undefined : `${parts[1]}-S${parts[2]}`
}

// Ids are bounded and path-safe; anything else never came from here and must not become a key.
const form = /^([A-Za-z0-9-]{1,64})-O([A-Za-z0-9]{1,64})\.[A-Za-z0-9]{1,64}$/

/**
 * True while a framework may use an offer: its own, of the present session, in a role it still has, not expired.
 * Takeover, disconnect and removal raise the epoch and need not visit a single ledger (C45, F52).
 */
export function stands(offer: LedgerOffer, framework: Framework, now: number): boolean {
  return (
    offer.frameworkId === framework.frameworkId &&
    offer.epoch === framework.epoch &&
    offer.expiresAt > now &&
    rolesOf(framework.info).includes(offer.role)
  )
}
