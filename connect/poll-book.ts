// What the connector knows of one session: what its framework got, what is on its way, which offers it saw. Pure.
import type { SchedulerEvent } from '../protocol/messages.ts'

/** As EVENTS answers. */
export interface Batch {
  readonly ids: readonly string[]
  readonly events: readonly SchedulerEvent[]
}

export interface PollBook {
  /** Written to the framework, and not yet known to be settled. */
  readonly confirmed: Set<string>
  /** Handed to the socket, and not yet taken by it. */
  readonly received: Set<string>
  /** Offers the framework saw on this stream, the oldest first. */
  readonly offers: Set<string>
}

/** Offers remembered; of an older one the withdrawal is not said, its ACCEPT is answered as invalid. */
const MAX_OFFERS = 20_000
/** The cluster takes 40,000 ids in one poll. */
const MAX_CONFIRMED = 30_000

export function newBook(): PollBook {
  return { confirmed: new Set(), received: new Set(), offers: new Set() }
}

/**
 * The events to be written for a batch: no offer twice, no RESCIND of an offer this framework never saw. Whatever else
 * is said again is meant so, for each poll names all that was got.
 */
export function take(book: PollBook, batch: Batch): readonly SchedulerEvent[] {
  for (const id of batch.ids) book.received.add(id)
  return batch.events.flatMap((event) => {
    if (event.offers !== undefined) return newOffers(book, event)
    const rescinded = event.rescind?.offer_id.value
    return rescinded === undefined || book.offers.delete(rescinded) ? [event] : []
  })
}

/** The framework's socket took it. */
export function written(book: PollBook, ids: readonly string[]): void {
  for (const id of ids) {
    book.received.delete(id)
    book.confirmed.add(id)
  }
}

/** The cluster needs not hear of these again. */
export function settle(book: PollBook, ids: readonly string[]): void {
  for (const id of ids) book.confirmed.delete(id)
}

/** The newest ids; false in `isWhole` when some are left out, which are said again then. */
export function confirmable(book: PollBook): { readonly ids: readonly string[]; readonly isWhole: boolean } {
  const ids = [...book.confirmed]
  return { ids: ids.slice(-MAX_CONFIRMED), isWhole: ids.length <= MAX_CONFIRMED }
}

function newOffers(book: PollBook, event: SchedulerEvent): readonly SchedulerEvent[] {
  const offers = (event.offers?.offers ?? []).filter(({ id }) => !book.offers.has(id.value))
  for (const { id } of offers) book.offers.add(id.value)
  for (const oldest of book.offers) {
    if (book.offers.size <= MAX_OFFERS) break
    book.offers.delete(oldest)
  }
  return offers.length === 0 ? [] : [{ ...event, offers: { ...event.offers, offers } }]
}
