// Offers as their framework can read them: the mailbox holds them in full modern form, capabilities take away.
import { isCapable } from '../../master/frameworks/roles.ts'
import type { FrameworkInfo, Offer, Resource } from '../../protocol/messages.ts'
import { downgradeAll } from '../../protocol/resource-format.ts'

/**
 * Without MULTI_ROLE nothing says which role an offer is for (C61); without RESERVATION_REFINEMENT reservations are
 * written the old way, and refined ones, which cannot be, are left out (C62). `ephemeral_ports` is never shown.
 */
export function presentOffer(offer: Offer, info: FrameworkInfo): Offer {
  const shown = (offer.resources ?? []).filter((resource) => resource.name !== 'ephemeral_ports')
  const readable = isCapable(info, 'RESERVATION_REFINEMENT') ? shown : downgradeAll(shown)
  if (isCapable(info, 'MULTI_ROLE')) return { ...offer, resources: readable }
  const { allocation_info: _, ...rest } = offer
  return { ...rest, resources: readable.map(withoutRole) }
}

function withoutRole({ allocation_info: _, ...resource }: Resource): Resource {
  return resource
}
