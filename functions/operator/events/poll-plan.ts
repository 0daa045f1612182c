// What a poll of EVENTS says, removes and settles, decided from the mailbox and from what the poller says it got. Pure.
//
// Nobody remembers anything between two polls, so a piece of mail is known by an id made of its tag, and the poller
// names the ids it holds. What is to be said is decided by the plan of every reader (scheduler/reader-state.ts), over
// the state that these ids and the mailbox give:
//
//   mail           id                    once confirmed
//   update         tag.next              stays until it is acknowledged; `next`: seconds from commit to the next resend
//   word, notice   tag                   removed: the poller's word is as good as a later call of the session (R3)
//   offer          tag                   removed
//   withdrawn      tag                   removed; said also of an offer the poller never got, it drops that RESCIND
//   reconcile-all  tag.place             turned to the next page, whose place the id says
//   loss           loss.number           the place in LOSSES moves on behind it
import { LOSS_TOLD_MS } from '../../../master/limits.ts'
import type { Loss, Mail } from '../../../master/model.ts'
import type { Offer, SchedulerEvent } from '../../../protocol/messages.ts'
import { type Look, plan, type ReaderState, resendAt, type Said } from '../../scheduler/reader-state.ts'

/** What the poller says it has. */
export interface Held {
  /** Ids of what the framework got. */
  readonly confirmed: ReadonlySet<string>
  /** Ids of what arrived at the poller and is on its way: not to be said again, not to be removed. */
  readonly received: ReadonlySet<string>
}

export interface PolledSession {
  readonly epoch: number
  readonly shards: number
  /** Place in LOSSES: the framework was told of everything up to it. */
  readonly lossesTold: number
  /** The last one there is; what lies between and is not listed is garbage. */
  readonly lastLoss: number
}

/** To be confirmed together, once all events in it were written. */
export type Piece =
  | { readonly piece: 'event'; readonly ids: readonly string[]; readonly event: SchedulerEvent }
  /** To be shaped for the framework. */
  | { readonly piece: 'offers'; readonly ids: readonly string[]; readonly offers: readonly Offer[] }
  /** The next page of an implicit reconciliation; its id is known once it was read. */
  | { readonly piece: 'page'; readonly mail: Mail }

export interface PollPlan {
  readonly say: readonly Piece[]
  /** Exactly these versions go now: the framework got them, or must never get them. */
  readonly remove: readonly Mail[]
  /** Pages the framework got; undefined: that was the last one. */
  readonly turn: readonly { readonly mail: Mail; readonly after: string | undefined }[]
  readonly lossesTold: number
  /** Confirmed ids the poller need not name again, once `remove` and `turn` are done. */
  readonly settled: readonly string[]
  /** When the next resend is due, cluster time. */
  readonly dueAt: number | undefined
}

/** Decides one look of a poll. */
export function planPoll(session: PolledSession, held: Held, look: Omit<Look, 'called'>): PollPlan {
  const known = knownIds(held)
  const pages = look.mail.filter(({ body, tag }) => body.kind === 'reconcile-all' && known.has(tag))
  const losses = look.losses.filter(({ number }) => !known.has(lossId({ number })))
  const made = plan(stateOf(session, known, look), {
    ...look,
    mail: look.mail.filter((mail) => !pages.includes(mail)),
    losses,
    // What a poller confirms, its framework has heard.
    called: { version: 0, frameworkId: '', epoch: session.epoch, at: Number.POSITIVE_INFINITY },
  })
  const origins = originsOf(look.mail, losses)
  const said = new Set<Mail>()
  const say = made.say.map((one): Piece => {
    if (one.say === 'page') return { piece: 'page', mail: one.mail }
    if (one.say === 'offers') {
      return { piece: 'offers', ids: one.offers.flatMap(idsOf), offers: one.offers }
    }
    return { piece: 'event', ids: idsOf(one.event), event: one.event }
  })
  const remove = made.remove.filter((mail) => {
    const id = known.get(mail.tag)
    return !said.has(mail) && (id === undefined || id.isConfirmed)
  })
  const turn = pages.flatMap((mail) => {
    const id = known.get(mail.tag)
    const place = id?.isConfirmed === true ? placeOf(id.rest, session.shards) : undefined
    return place === undefined ? [] : [{ mail, after: place.after }]
  })
  const lossesTold = toldUpTo(session, known, look)
  const staying = new Set(look.mail.map(({ tag }) => tag))
  for (const { tag } of [...remove, ...turn.map(({ mail }) => mail)]) staying.delete(tag)
  return {
    say,
    remove,
    turn,
    lossesTold,
    settled: [...held.confirmed].filter((id) => !isNeeded(id, { known, staying, lossesTold })),
    dueAt: made.dueAt,
  }

  /** The ids of what an event says; its mail is found by what it carries, for a plan hands on what it was given. */
  function idsOf(told: SchedulerEvent | Offer): readonly string[] {
    const origin = origins.get(told) ?? origins.get(keyOf(told))
    // A loss is said as an event made for it; an agent that was lost twice has two, in order.
    if (Array.isArray(origin)) return [lossId(origin.shift())]
    if (origin === undefined) return []
    said.add(origin)
    return [idOf(origin, look.now)]
  }
}

/** The id of a page: with it comes back where the next one begins. */
export function pageId({ tag }: Mail, after: string | undefined): string {
  return `${tag}.${after === undefined ? LAST_PAGE : Buffer.from(after).toString('base64url')}`
}

/** Stands where no base64 text can. */
const LAST_PAGE = '-last-'

interface KnownId {
  readonly isConfirmed: boolean
  /** Behind the tag. */
  readonly rest: string
}

function lossId(loss: Pick<Loss, 'number'> | undefined): string {
  return `loss.${loss?.number}`
}

function idOf(mail: Mail, now: number): string {
  if (mail.body.kind !== 'update') return mail.tag
  return `${mail.tag}.${Math.round((resendAt(mail.at, now) - mail.at) / 1000)}`
}

/** By tag; of several sayings of one update the latest counts. Losses are known by their whole id. */
function knownIds({ confirmed, received }: Held): ReadonlyMap<string, KnownId> {
  const known = new Map<string, KnownId>()
  const add = (id: string, isConfirmed: boolean) => {
    if (id.startsWith('loss.')) return void known.set(id, { isConfirmed, rest: '' })
    const { tag, rest } = partsOf(id)
    const before = known.get(tag)
    if (before === undefined || Number(rest) > Number(before.rest)) known.set(tag, { isConfirmed, rest })
  }
  for (const id of confirmed) add(id, true)
  for (const id of received) add(id, false)
  return known
}

function partsOf(id: string): { readonly tag: string; readonly rest: string } {
  const at = id.indexOf('.')
  return at < 0 ? { tag: id, rest: '' } : { tag: id.slice(0, at), rest: id.slice(at + 1) }
}

/** What a reader that said all this would remember. */
function stateOf(
  { epoch }: PolledSession,
  known: ReadonlyMap<string, KnownId>,
  { mail: mails, now }: Pick<Look, 'mail' | 'now'>,
): ReaderState {
  const said = new Map<string, Said>()
  const offers = new Set<string>()
  for (const mail of mails) {
    const id = known.get(mail.tag)
    const { body } = mail
    // A withdrawal is said unless it is known; whether its offer was heard of only the poller knows.
    if (body.kind === 'withdrawn' && id === undefined && body.epoch === epoch) offers.add(body.offerId)
    if (id === undefined) continue
    if (body.kind === 'offer') offers.add(body.offer.id.value)
    said.set(mail.key, { tag: mail.tag, at: body.kind === 'update' ? saidAt(mail, id, now) : now })
  }
  return { epoch, said, offers }
}

/** A time after which the next resend is due when the id says so. */
function saidAt(mail: Mail, { rest }: KnownId, now: number): number {
  const next = Number(rest)
  if (rest === '' || !Number.isInteger(next) || next < 0) return now
  // `resendAt` takes no due time that is less than half the shortest gap after the saying.
  return mail.at + next * 1000 - HALF_GAP_MS - 1
}

/** Half of the shortest gap between two sayings of an update, see `resendAt`. */
const HALF_GAP_MS = 5_000

/** Mail by what it carries, losses by their agent. */
function originsOf(mails: readonly Mail[], losses: readonly Loss[]): ReadonlyMap<unknown, Mail | Loss[]> {
  const origins = new Map<unknown, Mail | Loss[]>()
  for (const mail of mails) {
    const { body } = mail
    if (body.kind === 'update' || body.kind === 'word') origins.set(body.status, mail)
    else if (body.kind === 'offer') origins.set(body.offer, mail)
    else if (body.kind === 'withdrawn') origins.set(`withdrawal of ${body.offerId}`, mail)
    else if (body.kind === 'notice') origins.set(body.event, mail)
  }
  const byAgent = Map.groupBy(losses, ({ agentId }) => `loss of ${agentId}`)
  for (const [agent, found] of byAgent)
    origins.set(
      agent,
      found.toSorted((a, b) => a.at - b.at),
    )
  return origins
}

function keyOf(told: SchedulerEvent | Offer): unknown {
  if (!('type' in told)) return told
  if (told.update !== undefined) return told.update.status
  if (told.rescind !== undefined) return `withdrawal of ${told.rescind.offer_id.value}`
  return `loss of ${told.failure?.agent_id?.value}`
}

/** Only what a page of ours can have said: its shard and the key it goes on after. */
function placeOf(rest: string, shards: number): { readonly after: string | undefined } | undefined {
  if (rest === LAST_PAGE) return { after: undefined }
  const text = Buffer.from(rest, 'base64url').toString()
  try {
    const { shard, after }: { shard?: unknown; after?: unknown } = JSON.parse(text)
    const isShard = Number.isInteger(shard) && Number(shard) >= 0 && Number(shard) < shards
    return isShard && (after === undefined || typeof after === 'string') ? { after: text } : undefined
  } catch {
    return undefined
  }
}

/** Losses are confirmed in any order and counted without gaps; old ones are told to nobody. */
function toldUpTo(
  { lossesTold, lastLoss }: PolledSession,
  known: ReadonlyMap<string, KnownId>,
  { losses, now }: Pick<Look, 'losses' | 'now'>,
): number {
  const open = losses.filter(
    (loss) => loss.at > now - LOSS_TOLD_MS && known.get(lossId(loss))?.isConfirmed !== true,
  )
  const first = Math.min(...open.map(({ number }) => number))
  return Math.max(lossesTold, Math.min(first - 1, lastLoss))
}

function isNeeded(
  id: string,
  left: {
    readonly known: ReadonlyMap<string, KnownId>
    readonly staying: ReadonlySet<string>
    readonly lossesTold: number
  },
): boolean {
  if (id.startsWith('loss.')) return Number(id.slice('loss.'.length)) > left.lossesTold
  const { tag, rest } = partsOf(id)
  return left.staying.has(tag) && left.known.get(tag)?.rest === rest
}
