// One turn of the notifier for one framework: looks into the mailbox, delivers in order, notes what was taken.
//
// The notifier is the framework's one reader, but any number of its invocations run at once. A turn begins with one
// write of the lease on its version, which nobody can do who looked before another turn ended; while it lasts the
// others keep away, and should it sleep through its time, what it notes fails on the lease's holder. What is not noted
// is delivered again under the same id. So: in order, at least once, and told apart by ids.
import { registrationRefusal } from '../../master/authorization/frameworks.ts'
import type { Change } from '../../master/decision.ts'
import { DELIVERY_GRACE_MS } from '../../master/limits.ts'
import type { Delivery, Framework, Lease, Loss, LossHead, Mail, Notifying } from '../../master/model.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import type { Letter, Outlets, Sent } from '../ports/outlets.ts'
import { listLosses, listMail } from '../scheduler/mailbox.ts'
import { type Plan, plan } from '../scheduler/reader-state.ts'
import { reconcilePage } from '../scheduler/reconcile-page.ts'
import { nudgeNotifier } from '../tell.ts'
import { type Addressed, lettersOf, pageLetters, stateOf } from './letters.ts'
import { park } from './park.ts'

/**
 * - `nothing`: nothing is to be said.
 * - `delivered`: all that was found was taken; there may be more by now.
 * - `failed`: the endpoint took no more; it is tried again later.
 * - `waiting`: it failed a moment ago.
 * - `busy`: another invocation is at it.
 * - `not ours`: no session that is told by deliveries.
 */
export type TurnEnd = 'nothing' | 'delivered' | 'failed' | 'waiting' | 'busy' | 'not ours'

/** Others begin no turn before it is over: longer than any invocation lasts (20 s on Lambda). */
export const TURN_MS = 25_000
/** A parcel of a webhook; a letter that is larger goes alone. */
const MAX_PARCEL_LETTERS = 100
const MAX_PARCEL_BYTES = 256 * 1024
/** Larger events are refused by most that read webhooks, and by SQS. */
const MAX_LETTER_BYTES = 1024 * 1024 - 1024
/** DynamoDB takes a hundred; one is the check of the lease. */
const NOTED_AT_ONCE = 99
/** Between tries of a failing endpoint: 1, 2, 4, 8, 10 s. */
const FIRST_RETRY_MS = 1_000
const MOST_RETRY_MS = 10_000

interface Seen {
  readonly framework: Framework
  readonly delivery: Delivery
  readonly lease: Lease
  readonly lossHead: LossHead | undefined
  readonly losses: readonly Loss[]
  readonly mails: readonly Mail[]
  readonly made: Plan
  readonly now: number
}

interface Turn extends Seen {
  readonly env: Environment
  readonly outlets: Outlets
  readonly until: number
  lossesTold: number
  isHeld: boolean
}

/**
 * Looks once and delivers what it finds. Throws only when the table is away.
 * @param until this function's clock: no parcel is sent after it, so that the last one is noted in time, and one who
 * slept says nothing
 */
export async function takeTurn(
  env: Environment,
  outlets: Outlets,
  frameworkId: string,
  until: number,
): Promise<TurnEnd> {
  const seen = await look(env, frameworkId)
  if (typeof seen === 'string') return seen
  if (isIdle(seen)) {
    await renewInTime(env, seen)
    return 'nothing'
  }
  const lease = await begin(env, seen)
  if (lease === undefined) return 'busy'
  const turn: Turn = { ...seen, lease, env, outlets, until, lossesTold: lease.lossesTold, isHeld: true }
  const failed = await deliver(turn)
  if (turn.isHeld) await finish(turn, failed)
  return failed === undefined ? 'delivered' : 'failed'
}

/** The lease is read before the mail: a turn that ends in between makes ours fail to begin. */
async function look(env: Environment, frameworkId: string): Promise<Seen | 'busy' | 'waiting' | 'not ours'> {
  const now = await clusterTime(env)
  const [framework, gate, lease, lossHead, called] = await env.store.load([
    { kind: 'framework', ref: { frameworkId } },
    { kind: 'gate', ref: { frameworkId, index: 0 } },
    { kind: 'lease', ref: { frameworkId } },
    { kind: 'lossHead', ref: {} },
    { kind: 'called', ref: { frameworkId } },
  ])
  if (framework?.state !== 'connected' || framework.delivery === undefined || lease === undefined)
    return 'not ours'
  // Nothing more is said, nor is the lease renewed: the session ends by itself (A26).
  if (registrationRefusal(env.settings.acls, framework.info) !== undefined) return 'not ours'
  const { epoch, delivery, shards } = framework
  if (gate?.epoch !== epoch || gate.removed || lease.epoch !== epoch) return 'not ours'
  const { turnUntil = 0, nextTryAt = 0 } = standing(lease)
  if (turnUntil > now) return 'busy'
  if (nextTryAt > now) return 'waiting'
  const [mails, losses] = await Promise.all([
    listMail(env, { frameworkId, shards }),
    listLosses(env, lossHead, lease.lossesTold),
  ])
  const skewMs = 2 * env.settings.profile.tickMs
  const made = plan(stateOf(epoch, mails), { mail: mails, losses, called, now, skewMs })
  return { framework, delivery, lease, lossHead, losses, mails, made, now }
}

function isIdle({ made, lossHead, lease }: Seen): boolean {
  return made.say.length === 0 && made.remove.length === 0 && (lossHead?.last ?? 0) <= lease.lossesTold
}

function standing({ notifying, epoch }: Lease): Notifying {
  return notifying?.epoch === epoch ? notifying : { epoch, failures: 0 }
}

function graceMs({ settings }: Environment): number {
  return settings.deliveryGraceMs ?? DELIVERY_GRACE_MS
}

/** With nothing to deliver nobody knows whether the endpoint lives, and nobody minds: the look itself renews. */
async function renewInTime(env: Environment, { lease, now }: Seen): Promise<void> {
  if (lease.expiresAt - now > graceMs(env) / 2) return
  const item = { ...lease, number: lease.number + 1, renewedAt: now, expiresAt: now + graceMs(env) }
  await env.store.commit([{ do: 'put', kind: 'lease', item, when: { name: 'unchanged' } }], env.ids.uuid())
}

/** Undefined when another turn was faster, or the session is over. */
async function begin(env: Environment, { lease }: Seen): Promise<Lease | undefined> {
  // Not the time of the look: a mailbox can take long to list.
  const now = await clusterTime(env)
  const item: Lease = {
    ...lease,
    holder: `notifier-${env.ids.random()}`,
    number: lease.number + 1,
    notifying: { ...standing(lease), turnUntil: now + TURN_MS },
  }
  const put = { do: 'put', kind: 'lease', item, when: { name: 'unchanged' } } as const
  const { kind } = await env.store.commit([put], env.ids.uuid())
  return kind === 'committed' ? { ...item, version: item.version + 1 } : undefined
}

/** Why it went no further; undefined when all was taken. */
async function deliver(turn: Turn): Promise<string | undefined> {
  const { framework, mails, losses, made } = turn
  const letters = lettersOf(made.say, { framework, mails, losses })
  const told = new Set(letters.map(({ mail }) => mail))
  if (!(await note(turn, made.remove.filter((mail) => !told.has(mail)).map(removal)))) return LOST
  const failed = await deliverAll(turn, letters, (taken) => noteTaken(turn, taken))
  if (failed !== undefined) return failed
  turn.lossesTold = Math.max(turn.lossesTold, turn.lossHead?.last ?? 0)
  for (const say of made.say) {
    const reason = say.say === 'page' ? await deliverPage(turn, say.mail) : undefined
    if (reason !== undefined) return reason
  }
  return undefined
}

const LOST = 'the session is over'
const LATE = 'the turn is over'

async function deliverPage(turn: Turn, mail: Mail): Promise<string | undefined> {
  const { env, framework } = turn
  const page = await reconcilePage(env, framework, mail)
  const failed = await deliverAll(turn, pageLetters(framework, mail, page.statuses), async () => true)
  if (failed !== undefined) return failed
  return (await note(turn, [page.change])) ? undefined : LOST
}

/** Parcel after parcel; each is noted before the next one goes. */
async function deliverAll<L extends Letter>(
  turn: Turn,
  letters: readonly L[],
  taken: (letters: readonly L[]) => Promise<boolean>,
): Promise<string | undefined> {
  const { env, framework, delivery, lease } = turn
  for (const some of parcelsOf(letters)) {
    if (env.clock.now() >= turn.until) return LATE
    const sent = await send(turn, {
      frameworkId: framework.frameworkId,
      streamId: framework.streamId,
      number: lease.number,
      to: delivery,
      letters: some,
    })
    const gone = new Set<Letter>([...sent.taken, ...sent.refused])
    for (const letter of sent.refused) await park(env, framework, letter)
    if (!(await taken(some.filter((letter) => gone.has(letter))))) return LOST
    if (sent.failed !== undefined) return sent.failed
  }
  return undefined
}

async function send({ outlets }: Turn, parcel: Parameters<Outlets['send']>[0]): Promise<Sent> {
  const [first] = parcel.letters
  if (first !== undefined && Buffer.byteLength(first.event) > MAX_LETTER_BYTES)
    return { taken: [], refused: parcel.letters }
  return await outlets.send(parcel)
}

function* parcelsOf<L extends Letter>(letters: readonly L[]): Iterable<readonly L[]> {
  let parcel: L[] = []
  let bytes = 0
  for (const letter of letters) {
    const size = Buffer.byteLength(letter.event)
    const isFull = parcel.length === MAX_PARCEL_LETTERS || bytes + size > MAX_PARCEL_BYTES
    if (isFull && parcel.length > 0) {
      yield parcel
      parcel = []
      bytes = 0
    }
    parcel.push(letter)
    bytes += size
  }
  if (parcel.length > 0) yield parcel
}

async function noteTaken(turn: Turn, letters: readonly Addressed[]): Promise<boolean> {
  const at = await clusterTime(turn.env)
  for (const { loss = 0 } of letters) turn.lossesTold = Math.max(turn.lossesTold, loss)
  const mails = letters.map(({ mail }) => mail).filter((mail) => mail !== undefined)
  const removed = new Set(turn.made.remove)
  return await note(
    turn,
    mails.map((mail) => (removed.has(mail) ? removal(mail) : marked(mail, turn.framework.epoch, at))),
  )
}

function removal({ frameworkId, shard, key, tag }: Mail): Change {
  return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'tag', tag } }
}

function marked(mail: Mail, epoch: number, at: number): Change {
  const times = (mail.told?.epoch === epoch ? mail.told.times : 0) + 1
  return {
    do: 'put',
    kind: 'mail',
    item: { ...mail, told: { epoch, at, times } },
    when: { name: 'tag', tag: mail.tag },
  }
}

/** What was overwritten meanwhile is left for the next look. False when the turn is not ours any more. */
async function note(turn: Turn, changes: readonly Change[]): Promise<boolean> {
  for (let start = 0; start < changes.length && turn.isHeld; start += NOTED_AT_ONCE) {
    turn.isHeld = await noteSome(turn, changes.slice(start, start + NOTED_AT_ONCE))
  }
  return turn.isHeld
}

async function noteSome({ env, lease }: Turn, changes: readonly Change[]): Promise<boolean> {
  const { frameworkId, holder, epoch } = lease
  const check: Change = {
    do: 'check',
    kind: 'lease',
    item: { frameworkId },
    when: { name: 'held', holder, epoch },
  }
  let left = changes
  while (left.length > 0) {
    const result = await env.store.commit([...left, check], env.ids.uuid())
    if (result.kind === 'committed') return true
    if (result.failed.includes(check)) return false
    const before = left.length
    left = left.filter((change) => !result.failed.includes(change))
    if (left.length === before) return true
  }
  return true
}

/** Gives the turn back. A good one renews the lease; the grace of an endpoint begins with its first failure. */
async function finish({ env, lease, lossesTold }: Turn, failed: string | undefined): Promise<void> {
  const now = await clusterTime(env)
  const { epoch, holder, frameworkId } = lease
  const before = standing(lease)
  const isGood = failed === undefined || failed === LATE
  const failures = isGood ? 0 : before.failures + 1
  const isFresh = isGood || before.failures === 0
  const pauseMs = retryMs(env, failures)
  const item: Lease = {
    ...lease,
    number: lease.number + 1,
    lossesTold,
    ...(isFresh ? { expiresAt: Math.max(lease.expiresAt, now + graceMs(env)) } : {}),
    ...(isGood ? { renewedAt: now } : {}),
    notifying: isGood ? { epoch, failures } : { epoch, failures, nextTryAt: now + pauseMs, why: failed },
  }
  const put = { do: 'put', kind: 'lease', item, when: { name: 'held', holder, epoch } } as const
  await env.store.commit([put], env.ids.uuid())
  if (isGood) return
  env.log.warn('delivery failed', { frameworkId, failures, why: failed, grace: item.expiresAt - now })
  // If it gets lost, the tick's nudge comes a little later.
  await nudgeNotifier(env, frameworkId, { delaySeconds: Math.ceil(pauseMs / 1_000) }).catch(
    (error: unknown) => env.log.warn('nudge lost', { frameworkId, error: String(error) }),
  )
}

function retryMs(env: Environment, failures: number): number {
  const ms = Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10))
  return ms * (0.75 + 0.25 * (env.random ?? Math.random)())
}
