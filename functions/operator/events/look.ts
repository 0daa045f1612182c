// One look of a poll: reads mailbox and session, does what the poller's ids allow, and gives what is to be said.
import type { Change } from '../../../master/decision.ts'
import type { Framework, Lease, Mail } from '../../../master/model.ts'
import { jsonText } from '../../../protocol/codec.ts'
import type { SchedulerEvent } from '../../../protocol/messages.ts'
import { clusterTime } from '../../cluster-time.ts'
import type { Environment } from '../../environment.ts'
import { loadTogether } from '../../load-together.ts'
import { pollHolder } from '../../scheduler/lease.ts'
import { listLosses, listMail } from '../../scheduler/mailbox.ts'
import { presentOffer } from '../../scheduler/present.ts'
import { reconcilePage, turned } from '../../scheduler/reconcile-page.ts'
import { type Held, type Piece, pageId, planPoll } from './poll-plan.ts'

export interface Polled {
  readonly frameworkId: string
  readonly streamId: string
  readonly held: Held
  /** The lease is kept until the poll is over by this much, ms. */
  readonly leaseMs: number
  /** False: nothing is said any more, only what was confirmed is removed. */
  readonly isSaying: boolean
}

/**
 * - `TAKEN_OVER`: a newer session of the framework began.
 * - `REMOVED`: the framework is no more.
 * - `DISCONNECTED`: this session was declared over; SUBSCRIBE begins the next one.
 */
export type PollEnd = 'TAKEN_OVER' | 'REMOVED' | 'DISCONNECTED'

/** Confirmed together, once all events in it were written; the events are JSON texts. */
export interface Batch {
  readonly ids: readonly string[]
  readonly events: readonly string[]
}

export type PollLook =
  | { readonly end: PollEnd }
  /** The session's events go to a stream of its own. */
  | { readonly end: 'streamed' }
  | {
      readonly end?: undefined
      readonly epoch: number
      readonly batches: readonly Batch[]
      readonly settled: readonly string[]
      /** Milliseconds until the next resend is due, as it stands. */
      readonly dueInMs: number
      /** Something was moved on, and there may be more to say at once. */
      readonly isMore: boolean
    }

/** A gateway's answer may have 6 MB: no new batch is begun behind this. */
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_BATCHES = 500
/** DynamoDB takes a hundred; one is the check of the lease. */
const REMOVED_AT_ONCE = 99

/** Throws StoreUnavailable while the table is away. */
export async function lookForPoll(env: Environment, polled: Polled): Promise<PollLook> {
  const { frameworkId } = polled
  const standing = await loadTogether(env.store, {
    framework: [{ frameworkId }],
    gate: [{ frameworkId, index: 0 }],
    lease: [{ frameworkId }],
    lossHead: [{}],
  })
  const [framework, gate, lease] = [standing.framework[0], standing.gate[0], standing.lease[0]]
  const end = endOf(framework, polled)
  if (framework === undefined || end !== undefined) return { end: end ?? 'REMOVED' }
  const { epoch, shards } = framework
  const isStanding = gate?.epoch === epoch && !gate.removed && lease?.epoch === epoch
  // The framework item was read as ours and is being overtaken: whoever does that writes it first.
  if (!isStanding) return { end: await endNow(env, polled) }
  if (lease.holder !== pollHolder(polled.streamId)) return { end: 'streamed' }

  const [mail, losses, now] = await Promise.all([
    listMail(env, framework),
    listLosses(env, standing.lossHead[0], lease.lossesTold),
    clusterTime(env),
  ])
  const lastLoss = standing.lossHead[0]?.last ?? lease.lossesTold
  const made = planPoll({ epoch, shards, lossesTold: lease.lossesTold, lastLoss }, polled.held, {
    mail,
    losses,
    now,
    skewMs: 0,
  })
  const changes = [
    ...made.remove.map(removal),
    ...made.turn.map((page) => turned(env, page.mail, page.after)),
  ]
  if (!(await commitAll(env, polled, epoch, changes))) return { end: await endNow(env, polled) }
  await keepLease(env, lease, { now, leaseMs: polled.leaseMs, lossesTold: made.lossesTold })
  const { batches, isMore } = polled.isSaying
    ? await written(env, polled, framework, made.say)
    : { batches: [], isMore: false }
  return {
    epoch,
    batches,
    settled: made.settled,
    dueInMs: made.dueAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, made.dueAt - now),
    isMore: isMore || made.turn.length > 0,
  }
}

/** Undefined while the session stands, as far as the framework's item knows. */
function endOf(framework: Framework | undefined, { streamId }: Polled): PollEnd | undefined {
  if (framework === undefined || framework.state === 'removed') return 'REMOVED'
  if (framework.state !== 'connected') return 'DISCONNECTED'
  return framework.streamId === streamId ? undefined : 'TAKEN_OVER'
}

async function endNow(env: Environment, polled: Polled): Promise<PollEnd> {
  const framework = await env.store.get('framework', { frameworkId: polled.frameworkId })
  return endOf(framework, polled) ?? 'DISCONNECTED'
}

/** False when the session is not ours any more: then nothing was changed. */
async function commitAll(
  env: Environment,
  polled: Polled,
  epoch: number,
  changes: readonly Change[],
): Promise<boolean> {
  for (let start = 0; start < changes.length; start += REMOVED_AT_ONCE) {
    if (!(await commitSome(env, polled, epoch, changes.slice(start, start + REMOVED_AT_ONCE)))) return false
  }
  return true
}

/** What was overwritten, or removed by another copy of the poll, is left out. */
async function commitSome(
  env: Environment,
  { frameworkId, streamId }: Polled,
  epoch: number,
  changes: readonly Change[],
): Promise<boolean> {
  const when = { name: 'held', holder: pollHolder(streamId), epoch } as const
  const isOurs: Change = { do: 'check', kind: 'lease', item: { frameworkId }, when }
  for (let left = changes; left.length > 0; ) {
    const result = await env.store.commit([...left, isOurs], env.ids.uuid())
    if (result.kind === 'committed') return true
    if (result.failed.some(({ kind }) => kind === 'lease')) return false
    const standing = left.filter((change) => !result.failed.includes(change))
    if (standing.length === left.length) return true
    left = standing
  }
  return true
}

function removal({ frameworkId, shard, key, tag }: Mail): Change {
  return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'tag', tag } }
}

/**
 * Written once for the whole wait, not in between; again before it has lost a third. On its version: another copy of
 * the poll may have written it meanwhile, and the place in LOSSES must not move back. Who fails here comes again.
 */
async function keepLease(
  env: Environment,
  lease: Lease,
  {
    now,
    leaseMs,
    lossesTold,
  }: { readonly now: number; readonly leaseMs: number; readonly lossesTold: number },
): Promise<void> {
  const isLong = lease.expiresAt >= now + (leaseMs * 2) / 3
  if (isLong && lossesTold === lease.lossesTold) return
  const expiresAt = Math.max(lease.expiresAt, now + leaseMs)
  const item: Lease = { ...lease, number: lease.number + 1, renewedAt: now, expiresAt, lossesTold }
  await env.store.commit([{ do: 'put', kind: 'lease', item, when: { name: 'unchanged' } }], env.ids.uuid())
}

/** As much of it as one answer holds; the rest is said by the next poll. */
async function written(
  env: Environment,
  polled: Polled,
  framework: Framework,
  say: readonly Piece[],
): Promise<{ readonly batches: readonly Batch[]; readonly isMore: boolean }> {
  const batches: Batch[] = []
  let bytes = 0
  let isMore = false
  for (const piece of say) {
    if (bytes >= MAX_ANSWER_BYTES || batches.length >= MAX_BATCHES) return { batches, isMore: true }
    const batch = await batchOf(env, framework, piece)
    if (batch.events.length > 0) {
      batches.push(batch)
      bytes += batch.events.reduce((sum, { length }) => sum + length, 0)
    } else if (batch.turn !== undefined) {
      // A page without tasks: nobody has to hear of it.
      await commitAll(env, polled, framework.epoch, [batch.turn])
      isMore = true
    }
  }
  return { batches, isMore }
}

async function batchOf(
  env: Environment,
  framework: Framework,
  piece: Piece,
): Promise<Batch & { readonly turn?: Change }> {
  if (piece.piece === 'event') return { ids: piece.ids, events: [textOf(piece.event)] }
  if (piece.piece === 'offers') {
    const offers = piece.offers.map((offer) => presentOffer(offer, framework.info))
    return { ids: piece.ids, events: [textOf({ type: 'OFFERS', offers: { offers } })] }
  }
  const page = await reconcilePage(env, framework, piece.mail)
  const events = page.statuses.map((status) => textOf({ type: 'UPDATE', update: { status } }))
  return { ids: [pageId(piece.mail, page.after)], events, turn: page.change }
}

function textOf(event: SchedulerEvent): string {
  return jsonText('mesos.v1.scheduler.Event', event)
}
