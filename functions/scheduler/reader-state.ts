// What a reader says and removes, decided from the mail it sees and what it said before. Pure: no store, no socket.
//
// The mailbox is a set, not a log: an offer that was overwritten by its withdrawal is never said, an update stands
// until it is acknowledged, a word stands until a later call of the session shows that the client is alive.
//
//   mail           said                                              removed
//   update         when new, then 10, 30, 70 s … after its commit    never here: the acknowledgement does it
//   word           when new, or behind an older update of its task   after a later call of the session, or a day
//   offer          once, if of this session                          at once, and unsaid if of an older session
//   withdrawn      as RESCIND, if the offer was said on this stream  at once
//   notice         once, unless it is of an older session            at once
//   reconcile-all  page by page, if of this session                  with the last page
import { LOSS_TOLD_MS, RESEND_MAX_MS, RESEND_MIN_MS } from '../../master/limits.ts'
import type { Called, Loss, Mail } from '../../master/model.ts'
import { isTerminal } from '../../master/task-state.ts'
import type { Offer, SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'

/** What a reader remembers of what it said; it begins empty with each stream. */
export interface ReaderState {
  readonly epoch: number
  /** Mail said and still in the mailbox when last listed, by key. */
  readonly said: ReadonlyMap<string, Said>
  /** Offers said on this stream and not rescinded, the oldest first; bounded. */
  readonly offers: ReadonlySet<string>
}

export interface Said {
  readonly tag: string
  /** Cluster time. */
  readonly at: number
}

/** One look: everything that is in the mailbox now. */
export interface Look {
  readonly mail: readonly Mail[]
  /** Losses this framework was not told of yet, in order. */
  readonly losses: readonly Loss[]
  /** Read only while words wait (`Plan.wordsWait`). */
  readonly called?: Called | undefined
  /** Cluster time. */
  readonly now: number
  /** How far the clocks that stamp `called` and `now` may be apart, ms. */
  readonly skewMs: number
}

export type Say =
  | { readonly say: 'event'; readonly event: SchedulerEvent }
  /** To be shaped for the framework's capabilities; at most one per agent and role (C60). */
  | { readonly say: 'offers'; readonly offers: readonly Offer[] }
  /** The next page of an implicit reconciliation; the mail is overwritten or removed with it. */
  | { readonly say: 'page'; readonly mail: Mail }

export interface Plan {
  readonly say: readonly Say[]
  /** Exactly these versions, once everything was said. */
  readonly remove: readonly Mail[]
  /** The state once everything was said. */
  readonly next: ReaderState
  /** Words said here still wait for a later call of the session. */
  readonly wordsWait: boolean
  /** When the next resend is due, cluster time; undefined if nothing waits for an acknowledgement. */
  readonly dueAt: number | undefined
}

/** A word nobody called after is kept for its framework's next session, but not for ever (R3). */
const WORD_KEPT_MS = 24 * 3_600_000
/** Offers remembered as said; an older one is withdrawn without RESCIND, its ACCEPT is answered as invalid. */
const MAX_OFFERS_REMEMBERED = 20_000
/** Offers in one event; a record should not grow without a bound. */
const MAX_OFFERS_PER_EVENT = 250

export function emptyState(epoch: number): ReaderState {
  return { epoch, said: new Map(), offers: new Set() }
}

/** Decides what to say of a look and what to remove after it was said. */
export function plan(state: ReaderState, look: Look): Plan {
  const draft: Draft = {
    timed: [],
    offers: [],
    pages: [],
    remove: [],
    said: new Map(),
    offersSaid: new Set(state.offers),
    wordsWait: false,
    dueAt: undefined,
  }
  for (const pair of tasksOf(look.mail)) planTask(state, look, pair, draft)
  for (const mail of look.mail) planOther(state, look, mail, draft)
  for (const loss of look.losses) {
    if (loss.at > look.now - LOSS_TOLD_MS)
      draft.timed.push({ at: loss.at, rank: RANKS.loss, event: failure(loss) })
  }
  // One look may find the loss of an agent and its return: FAILURE behind the return would be a new loss (C153).
  draft.timed.sort((a, b) => a.at - b.at || a.rank - b.rank)
  return {
    say: [
      ...draft.timed.map(({ event }): Say => ({ say: 'event', event })),
      ...eventsOf(draft.offers).map((offers): Say => ({ say: 'offers', offers })),
      ...draft.pages.map((mail): Say => ({ say: 'page', mail })),
    ],
    remove: draft.remove,
    next: { epoch: state.epoch, said: draft.said, offers: newest(draft.offersSaid) },
    wordsWait: draft.wordsWait,
    dueAt: draft.dueAt,
  }
}

/** The first of 10, 30, 70 s … (at most 10 min apart) after the commit that is not just after it was said (R11). */
export function resendAt(committedAt: number, saidAt: number): number {
  const after = saidAt + RESEND_MIN_MS / 2
  let gap = RESEND_MIN_MS
  let due = committedAt + gap
  while (due <= after && 2 * gap <= RESEND_MAX_MS) {
    gap *= 2
    due += gap
  }
  if (due > after) return due
  return due + Math.ceil((after - due + 1) / RESEND_MAX_MS) * RESEND_MAX_MS
}

interface Draft {
  /** Everything but offers: said in the order of the commits. */
  readonly timed: { readonly at: number; readonly rank: number; readonly event: SchedulerEvent }[]
  readonly offers: Offer[]
  readonly pages: Mail[]
  readonly remove: Mail[]
  readonly said: Map<string, Said>
  readonly offersSaid: Set<string>
  wordsWait: boolean
  dueAt: number | undefined
}

type Letter = { readonly mail: Mail; readonly status: TaskStatus }

/** What is in the mailbox about one task. */
interface TaskMail {
  readonly update?: Letter
  readonly word?: Letter
}

function tasksOf(mails: readonly Mail[]): Iterable<TaskMail> {
  const tasks = new Map<string, TaskMail>()
  for (const mail of mails) {
    if (mail.body.kind !== 'update' && mail.body.kind !== 'word') continue
    // Words about ids that are no ids stand under keys of their own, and two of them may name one task.
    const key = mail.key.startsWith('NOTICE#') ? mail.key : mail.body.status.task_id.value
    tasks.set(key, { ...tasks.get(key), [mail.body.kind]: { mail, status: mail.body.status } })
  }
  return tasks.values()
}

/**
 * Update and word of a task are said together when the later of them is, so that the newest comes last. An end that
 * is in custody is final: no older life is said behind it.
 */
function planTask(state: ReaderState, look: Look, { update, word: found }: TaskMail, draft: Draft): void {
  const isOver = update !== undefined && isTerminal(update.status.state)
  const isVoid = found !== undefined && isOver && !isTerminal(found.status.state)
  if (isVoid) {
    draft.remove.push(found.mail)
    // Should its removal fail, it must not be said once the end is acknowledged and out of the mailbox.
    draft.said.set(found.mail.key, { tag: found.mail.tag, at: look.now })
  }
  const word = isVoid ? undefined : found
  const updateIsSaid = update !== undefined && isDue(state, look, update.mail)
  const wordIsSaid = word !== undefined && !wasSaid(state, word.mail)
  const wordIsLast = isLast(word, update)
  if (update !== undefined) {
    planStatus(state, look, update, updateIsSaid || (wordIsSaid && isLast(update, word)), draft)
    const due = resendAt(update.mail.at, draft.said.get(update.mail.key)?.at ?? look.now)
    draft.dueAt = Math.min(draft.dueAt ?? due, due)
  }
  if (word === undefined) return
  const saidBefore = state.said.get(word.mail.key)?.at
  const isSaid = wordIsSaid || (updateIsSaid && wordIsLast)
  planStatus(state, look, word, isSaid, draft)
  // While an older update can be said again, the word must stay to be said behind it.
  const mayGo = !isSaid && !wordIsLast && saidBefore !== undefined && isHeard(state, look, saidBefore)
  if (mayGo || word.mail.at < look.now - WORD_KEPT_MS) draft.remove.push(word.mail)
  else draft.wordsWait = true
}

/** True if `letter` must be read after the other one: it is the later of two that say different things. */
function isLast(letter: Letter | undefined, other: Letter | undefined): boolean {
  if (letter === undefined || other === undefined || letter.status.state === other.status.state) return false
  return rank(letter.mail) < rank(other.mail)
    ? letter.mail.at > other.mail.at
    : letter.mail.at >= other.mail.at
}

function planStatus(
  state: ReaderState,
  look: Look,
  { mail, status }: Letter,
  isSaid: boolean,
  draft: Draft,
): void {
  if (isSaid) draft.timed.push(timed(mail, { type: 'UPDATE', update: { status } }))
  const before = state.said.get(mail.key)
  draft.said.set(mail.key, isSaid || before === undefined ? { tag: mail.tag, at: look.now } : before)
}

function isDue(state: ReaderState, look: Look, mail: Mail): boolean {
  const before = state.said.get(mail.key)
  return before?.tag !== mail.tag || resendAt(mail.at, before.at) <= look.now
}

function wasSaid(state: ReaderState, mail: Mail): boolean {
  return state.said.get(mail.key)?.tag === mail.tag
}

/** A call of this session came after the word was said: its client was there to hear it. */
function isHeard(state: ReaderState, look: Look, saidAt: number): boolean {
  return look.called?.epoch === state.epoch && look.called.at > saidAt + look.skewMs
}

const SAID_HERE: ReadonlySet<string> = new Set(['offer', 'withdrawn', 'notice', 'reconcile-all'])

function planOther(state: ReaderState, look: Look, mail: Mail, draft: Draft): void {
  const { body } = mail
  // What a newer release wrote is for its reader (R35).
  if (body.kind === 'update' || body.kind === 'word' || !SAID_HERE.has(body.kind)) return
  const epoch = body.epoch ?? state.epoch
  // Mail of a newer session is its reader's; ours will find out that it is over.
  if (epoch > state.epoch) return
  if (epoch === state.epoch) {
    if (body.kind === 'reconcile-all') return void draft.pages.push(mail)
    if (body.kind === 'offer') planOffer(body.offer, draft)
    else if (body.kind === 'withdrawn') planWithdrawal(mail, body.offerId, draft)
    else planNotice(state, look, mail, body.event, draft)
  }
  draft.remove.push(mail)
}

/** An offer listed again (its removal got lost) is only removed again. */
function planOffer(offer: Offer, draft: Draft): void {
  if (draft.offersSaid.has(offer.id.value)) return
  draft.offersSaid.add(offer.id.value)
  draft.offers.push(offer)
}

function planWithdrawal(mail: Mail, offerId: string, draft: Draft): void {
  if (!draft.offersSaid.delete(offerId)) return
  draft.timed.push(timed(mail, { type: 'RESCIND', rescind: { offer_id: { value: offerId } } }))
}

function planNotice(state: ReaderState, look: Look, mail: Mail, event: SchedulerEvent, draft: Draft): void {
  if (!wasSaid(state, mail)) draft.timed.push(timed(mail, event))
  draft.said.set(mail.key, state.said.get(mail.key) ?? { tag: mail.tag, at: look.now })
}

function failure(loss: Loss): SchedulerEvent {
  return { type: 'FAILURE', failure: { agent_id: { value: loss.agentId } } }
}

function timed(mail: Mail, event: SchedulerEvent): Draft['timed'][number] {
  return { at: mail.at, rank: rank(mail), event }
}

/** As few events as C60 allows: a second offer of one agent and role waits for the next event. */
function eventsOf(offers: readonly Offer[]): Offer[][] {
  const events: Offer[][] = []
  const places = new Map<string, number>()
  let first = 0
  for (const offer of offers) {
    const key = JSON.stringify([offer.agent_id.value, offer.allocation_info?.role])
    while ((events[first]?.length ?? 0) >= MAX_OFFERS_PER_EVENT) first += 1
    const place = Math.max(places.get(key) ?? 0, first)
    const event = events[place]
    if (event === undefined) events.push([offer])
    else event.push(offer)
    places.set(key, (event === undefined ? events.length - 1 : place) + 1)
  }
  return events
}

/** Of what was committed at one time: as Mesos says a loss, updates first, FAILURE last. */
const RANKS = { update: 0, word: 1, other: 2, loss: 3 } as const

function rank({ body: { kind } }: Mail): number {
  return kind === 'update' || kind === 'word' ? RANKS[kind] : RANKS.other
}

function newest(offers: Set<string>): Set<string> {
  if (offers.size <= MAX_OFFERS_REMEMBERED) return offers
  return new Set([...offers].slice(-MAX_OFFERS_REMEMBERED))
}
