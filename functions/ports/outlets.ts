// What deliveries to frameworks without a stream go out through: webhooks, and the frameworks' own queues.
import type { Delivery } from '../../master/model.ts'

/** One event on its way, as JSON. */
export interface Letter {
  /** The same for every try of one saying; another one when the event is said anew. */
  readonly id: string
  /** The task or offer it is about: two letters about one are never under way side by side. */
  readonly subject: string
  readonly event: string
}

/** Letters for one framework, in order. */
export interface Parcel {
  readonly frameworkId: string
  /** Of the session, for calls in it. */
  readonly streamId: string
  /** Higher with each turn: what comes with a lower one than was seen is late. */
  readonly number: number
  readonly to: Delivery
  readonly letters: readonly Letter[]
}

/** Every letter is in at most one of the two lists; those in none are still to be delivered. */
export interface Sent {
  readonly taken: readonly Letter[]
  /** Will never be taken: too large, or refused as they are. */
  readonly refused: readonly Letter[]
  /** Why it went no further; absent when every letter is in one of the lists. */
  readonly failed?: string | undefined
}

export interface Outlets {
  /** Why nothing is delivered there, as a sentence; undefined if it may be. Asks for addresses, calls nobody. */
  refusal(to: Pick<Delivery, 'kind' | 'url'>): Promise<string | undefined>
  /** Never throws. */
  send(parcel: Parcel): Promise<Sent>
}
