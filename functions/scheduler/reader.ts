// The reader of one framework's mailbox: looks, says what is new, then removes exactly what it said.
//
// Walk: before it functions/agents/handler.ts, after it master/calls/acknowledge.ts.
//
// It looks at once when the bell rings, often while there is traffic and rarely when there is none; nothing depends
// on the bell. Whether the stream is still the framework's one is read with every look, so a replaced reader says
// nothing of the new session.

import { registrationRefusal } from '../../master/authorization/frameworks.ts'
import type { Change } from '../../master/decision.ts'
import type { Framework, Lease, LossHead, Mail } from '../../master/model.ts'
import { READER_PAUSES, type ReaderPauses } from '../../master/settings.ts'
import { sleep } from '../../protocol/clock.ts'
import type { SchedulerEvent } from '../../protocol/messages.ts'
import { StoreUnavailable } from '../../store/store.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { loadTogether } from '../load-together.ts'
import { frameworkBell } from '../tell.ts'
import { keepLease, type LeaseKeeper } from './lease.ts'
import { hangBell, listLosses, listMail } from './mailbox.ts'
import { presentOffer } from './present.ts'
import { emptyState, type Plan, plan, type ReaderState, type Say } from './reader-state.ts'
import { reconcilePage } from './reconcile-page.ts'

export interface Session {
  readonly frameworkId: string
  readonly epoch: number
  readonly shards: number
  readonly lease: Lease
  /** Says one event; false means that the stream is over. */
  say(event: SchedulerEvent): Promise<boolean>
  readonly closed: AbortSignal
}

/**
 * - `closed`: the peer or the host closed the stream; the framework's session is still ours.
 * - `taken over`: a newer session of the framework began.
 * - `removed`: the framework is no more.
 * - `disconnected`: others declared this session over.
 * - `unauthorized`: its principal may use its roles no more; the framework's session is still ours.
 */
export type SessionEnd = 'closed' | 'taken over' | 'removed' | 'disconnected' | 'unauthorized'

/** Between a ring and the look that follows, at most. */
const RING_MS = 100
/** After a look, at most. */
const MOST_REST_MS = 1_000
/** A table that is away is asked again after this. */
const AWAY_MS = 1_000
/** DynamoDB takes a hundred; one is the check of the lease. */
const REMOVED_AT_ONCE = 99
/**
 * What was said is removed together with what is said soon after: a transaction of its own for each offer costs more
 * than anything else a reader does. Until then it is listed again and known as said.
 */
const REMOVED_WITHIN_MS = 200
/** So many are not listed again. */
const REMOVED_FROM = 25

interface Reading {
  readonly env: Environment
  readonly session: Session
  readonly keeper: LeaseKeeper
  lossesTold: number
  state: ReaderState
  wordsWait: boolean
  /** This function's clock, when what is to be removed began to gather; undefined: there is nothing. */
  removableSince: number | undefined
  /** This function's clock. */
  lastSaidAt: number
  readonly pauses: ReaderPauses
  pauseMs: number
}

/** Reads until the session is over, and says how it ended. */
export async function read(env: Environment, session: Session): Promise<SessionEnd> {
  const keeper = keepLease(env, session.lease, {
    lossesTold: () => reading.lossesTold,
    // The look that follows finds out what became of the session.
    onLost: () => env.bells.ring(frameworkBell(session.frameworkId)),
  })
  const reading: Reading = {
    env,
    session,
    keeper,
    lossesTold: session.lease.lossesTold,
    state: emptyState(session.epoch),
    wordsWait: false,
    removableSince: undefined,
    lastSaidAt: env.clock.now(),
    pauses: env.settings.readerPauses ?? READER_PAUSES,
    pauseMs: (env.settings.readerPauses ?? READER_PAUSES).firstMs,
  }
  try {
    return await lookUntilOver(reading)
  } finally {
    keeper.stop()
  }
}

async function lookUntilOver(reading: Reading): Promise<SessionEnd> {
  const { env, session } = reading
  while (!session.closed.aborted) {
    // Hung up before the look: a ring during it must not be missed.
    const bell = hangBell(env, session.frameworkId, session.closed)
    const beganAt = env.clock.now()
    const outcome = await lookSafely(reading)
    const spentMs = env.clock.now() - beganAt
    if ('end' in outcome) {
      bell.takeDown()
      return outcome.end
    }
    if (reading.keeper.isInDoubt()) {
      bell.takeDown()
      env.log.warn('stream ended without its lease', { frameworkId: session.frameworkId })
      return 'closed'
    }
    // At most half of the time is spent looking, however long the mailbox is and however often the bell rings.
    const restMs = Math.min(spentMs, MOST_REST_MS)
    await bell.wait(Math.max(outcome.pauseMs, restMs))
    if (bell.hasRung()) await sleep(env.clock, Math.min(restMs, RING_MS), session.closed)
  }
  return 'closed'
}

type Outcome = { readonly end: SessionEnd } | { readonly pauseMs: number }

async function lookSafely(reading: Reading): Promise<Outcome> {
  try {
    return await look(reading)
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    reading.env.log.warn('mailbox away', { frameworkId: reading.session.frameworkId, error: error.message })
    return { pauseMs: Math.min(AWAY_MS, reading.env.settings.profile.tickMs) }
  }
}

/** One look: two reads side by side, then what is new is said, then what was said is removed. */
async function look(reading: Reading): Promise<Outcome> {
  const { env, session } = reading
  const { frameworkId, epoch } = session
  const [mail, standing, now] = await Promise.all([
    listMail(env, session),
    // The framework as well: offers are shaped for it as it is now, and said only if the session stands in it.
    loadTogether(env.store, {
      framework: [{ frameworkId }],
      gate: [{ frameworkId, index: 0 }],
      lease: [{ frameworkId }],
      lossHead: [{}],
      called: reading.wordsWait ? [{ frameworkId }] : [],
    }),
    clusterTime(env),
  ])
  const [framework, gate, lease] = [standing.framework[0], standing.gate[0], standing.lease[0]]
  const [lossHead, called] = [standing.lossHead[0], standing.called[0]]
  const isOurs =
    framework?.epoch === epoch &&
    gate?.epoch === epoch &&
    !gate.removed &&
    lease?.holder === reading.keeper.holder
  if (!isOurs) return { end: await endOf(env, session) }
  if (registrationRefusal(env.settings.acls, framework.info) !== undefined) return { end: 'unauthorized' }

  const losses = await listLosses(env, lossHead, reading.lossesTold)
  const made = plan(reading.state, { mail, losses, called, now, skewMs: 2 * env.settings.profile.tickMs })
  for (const say of made.say) {
    // Pages come last, and each writes: should that fail, what was said before is not said again (S2).
    if (say.say === 'page') reading.state = made.next
    if (!(await said(reading, say, framework))) return { end: 'closed' }
  }
  reading.state = made.next
  reading.wordsWait = made.wordsWait
  const removable = ripe(reading, made)
  const isStillHeld = (await removeSaid(reading, removable)) && (await noteLosses(reading, lossHead))
  if (!isStillHeld) return { end: await endOf(env, session) }
  return { pauseMs: pauseAfter(reading, made, now) }
}

async function said(reading: Reading, say: Say, framework: Framework): Promise<boolean> {
  const { session } = reading
  if (say.say === 'event') return await session.say(say.event)
  if (say.say === 'page') return await saidPage(reading, say.mail, framework)
  const offers = say.offers.map((offer) => presentOffer(offer, framework.info))
  return await session.say({ type: 'OFFERS', offers: { offers } })
}

/** One page of an implicit reconciliation: said first, then the mail moves on to the next page or is removed. */
async function saidPage(reading: Reading, mail: Mail, framework: Framework): Promise<boolean> {
  const { env, session } = reading
  const page = await reconcilePage(env, framework, mail)
  for (const status of page.statuses) {
    if (!(await session.say({ type: 'UPDATE', update: { status } }))) return false
  }
  await env.store.commit([page.change, leaseCheck(reading)], env.ids.uuid())
  // A page follows a page: the next look comes at once.
  reading.pauseMs = 0
  return true
}

/** All that is to be removed, when a look has nothing to say, or when it is many or has waited; nothing until then. */
function ripe(reading: Reading, { say, remove }: Plan): readonly Mail[] {
  const now = reading.env.clock.now()
  const since = reading.removableSince ?? now
  const isRipe = say.length === 0 || remove.length >= REMOVED_FROM || now - since >= REMOVED_WITHIN_MS
  reading.removableSince = remove.length === 0 || isRipe ? undefined : since
  return isRipe ? remove : []
}

/**
 * Removes exactly the versions that were said; one that was overwritten meanwhile stays for the next look. False
 * when the lease is lost: then nothing was removed.
 */
async function removeSaid(reading: Reading, mails: readonly Mail[]): Promise<boolean> {
  for (let start = 0; start < mails.length; start += REMOVED_AT_ONCE) {
    const changes = mails.slice(start, start + REMOVED_AT_ONCE).map(removal)
    if (!(await removeSome(reading, changes))) return false
  }
  return true
}

async function removeSome(reading: Reading, changes: readonly Change[]): Promise<boolean> {
  const { env } = reading
  let left = changes
  while (left.length > 0) {
    const result = await env.store.commit([...left, leaseCheck(reading)], env.ids.uuid())
    if (result.kind === 'committed') return true
    if (result.failed.some(({ kind }) => kind === 'lease')) return false
    const before = left.length
    left = left.filter((change) => !result.failed.includes(change))
    if (left.length === before) return true
  }
  return true
}

function removal({ frameworkId, shard, key, tag }: Mail): Change {
  return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'tag', tag } }
}

function leaseCheck({ keeper, session: { frameworkId, epoch } }: Reading): Change {
  const when = { name: 'held', holder: keeper.holder, epoch } as const
  return { do: 'check', kind: 'lease', item: { frameworkId }, when }
}

/** The place in LOSSES is written at once, so that the next session does not say them again. */
async function noteLosses(reading: Reading, head: LossHead | undefined): Promise<boolean> {
  if (head === undefined || head.last === reading.lossesTold) return true
  reading.lossesTold = head.last
  return await reading.keeper.renew()
}

function pauseAfter(reading: Reading, made: Plan, now: number): number {
  const { firstMs, longestMs, busyForMs, idleMs } = reading.pauses
  const ownNow = reading.env.clock.now()
  const isBusy = made.say.length > 0 || made.remove.length > 0
  if (isBusy) reading.lastSaidAt = ownNow
  const isIdle = ownNow - reading.lastSaidAt > busyForMs
  const pauseMs = isIdle ? idleMs : isBusy ? Math.min(reading.pauseMs, firstMs) : reading.pauseMs
  reading.pauseMs = Math.min(Math.max(pauseMs, firstMs) * 1.5, longestMs)
  if (made.dueAt === undefined) return pauseMs
  // For a host whose clock is off, cluster time stands still between ticks: what is nearly due stays so for seconds.
  return Math.min(pauseMs, Math.max(made.dueAt - now, firstMs))
}

/** How a session ended that is not ours any more: its framework's item knows. */
async function endOf(env: Environment, { frameworkId, epoch }: Session): Promise<SessionEnd> {
  const framework = await env.store.get('framework', { frameworkId })
  if (framework === undefined || framework.state === 'removed') return 'removed'
  return framework.epoch > epoch && framework.state === 'connected' ? 'taken over' : 'disconnected'
}
