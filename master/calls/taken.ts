// Calls that are taken and change nothing: REQUEST as in Mesos, the inverse offer calls until maintenance exists (R5).
import { type Decision, nothing } from '../decision.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** REQUEST is accepted and ignored (C107). */
export function request(): Decision<CallAnswer> {
  return nothing(ACCEPTED)
}

/** ACCEPT_INVERSE_OFFERS: advice about maintenance, of which there is none. */
export function acceptInverseOffers(): Decision<CallAnswer> {
  return nothing(ACCEPTED)
}

/** DECLINE_INVERSE_OFFERS: likewise. */
export function declineInverseOffers(): Decision<CallAnswer> {
  return nothing(ACCEPTED)
}
