// Folds what was heard in one group of the beats queue into the shard's item: only forwards, by the queue's stamps.
//
//   canary 7   beat A   beat B   canary 8          order in a group is kept, so when canary 8 has been written here,
//      |---------|--------|---------|              every beat sent before it has been written too
//
// Stamps are taken as the largest so far in the group: one that runs backwards delays a verdict and never hastens it.
// Only a repeat of a call, which has no number, is known by how old its stamp is.
import type { Beat, Canary } from '../../protocol/agent-messages.ts'
import type { BeatRecord, Beats } from '../model.ts'

/** A call of the agent, sent on into its group by the control plane: one path, one order, one writer (R15). */
export interface CallHeard {
  readonly kind: 'call'
  readonly agentId: string
  readonly incarnation: number
}

export type BeatMessage = Beat | Canary | CallHeard

export interface Heard {
  /** Stamp of the queue, ms since 1970. */
  readonly stamp: number
  readonly content: BeatMessage
}

/** What of an agent's ledger a beat is judged by. */
export interface KnownAgent {
  readonly incarnation: number
  readonly beatShard: number
}

export interface FoldFacts {
  /** Agents heard of now; who is missing here is unknown. */
  readonly known: ReadonlyMap<string, KnownAgent>
  /** Cluster time or the function's clock: a canary far older than this waited in a backlog. */
  readonly now: number
  readonly hearingGapMs: number
}

/** Half the retention of the beats queue: what waited longer may have been thrown away before it was read. */
export const STALE_CANARY_MS = (15 * 60_000) / 2

/** Stamps of one queue disagree by far less than this. What is older than its group's newest by more is a repeat. */
const STAMPS_DISAGREE_MS = 1_000

/** Digits of a digest that are kept from beat to beat: enough to see that it stayed the same; what differs is looked at whole. */
export const DIGEST_KEPT = 8

/** The shard's item before anything was heard. */
export function noBeats(shard: number): Beats {
  return { version: 0, shard, agents: {}, canary: { number: 0, stamp: 0 }, hearingSince: 0 }
}

/**
 * The item after these messages, in the order of the group. Repeats, older numbers, agents of other shards and
 * incarnations older than one that was heard change nothing (F22, A7); the result is the same object when nothing
 * changed. Until the newest incarnation is heard the one before it is: its agent did not hear yet that it is over.
 */
export function fold(beats: Beats, heard: readonly Heard[], facts: FoldFacts): Beats {
  let result = beats
  let latest = newestStamp(beats)
  for (const { stamp, content } of heard) {
    latest = Math.max(latest, stamp)
    result =
      content.kind === 'canary'
        ? withCanary(result, content, latest, facts)
        : withBeat(result, content, isRepeat(content, latest - stamp, facts) ? stamp : latest, facts)
  }
  return result
}

/**
 * Beats of the present incarnation are numbered; a call passed on, or a beat of an incarnation whose numbers may be
 * forgotten, has only its stamp to tell a repeat by (handler-outlives-visibility, F22).
 */
function isRepeat(
  { kind, agentId, incarnation }: Beat | CallHeard,
  behindMs: number,
  { known }: FoldFacts,
): boolean {
  const isNumbered = kind === 'beat' && known.get(agentId)?.incarnation === incarnation
  return !isNumbered && behindMs > STAMPS_DISAGREE_MS
}

/** The item without agents that are known to belong elsewhere or nowhere: nobody stays in it for ever. */
export function without(beats: Beats, agentIds: ReadonlySet<string>): Beats {
  const kept = Object.entries(beats.agents).filter(([agentId]) => !agentIds.has(agentId))
  if (kept.length === Object.keys(beats.agents).length) return beats
  return { ...beats, agents: Object.fromEntries(kept) }
}

function newestStamp(beats: Beats): number {
  let newest = beats.canary.stamp
  for (const record of Object.values(beats.agents)) newest = Math.max(newest, record.stamp)
  return newest
}

function withCanary(beats: Beats, canary: Canary, stamp: number, facts: FoldFacts): Beats {
  if (canary.shard !== beats.shard || canary.number <= beats.canary.number) return beats
  const isGap = beats.canary.number === 0 || stamp - beats.canary.stamp > facts.hearingGapMs
  const isStale = facts.now - stamp > STALE_CANARY_MS
  return {
    ...beats,
    canary: { number: canary.number, stamp },
    // Within a gap beats may have been lost with the canaries: silence counts from here on at the earliest.
    hearingSince: isGap || isStale ? stamp : beats.hearingSince,
  }
}

function withBeat(beats: Beats, beat: Beat | CallHeard, stamp: number, facts: FoldFacts): Beats {
  const known = facts.known.get(beat.agentId)
  if (known === undefined || known.beatShard !== beats.shard || known.incarnation < beat.incarnation) {
    return beats
  }
  const before = beats.agents[beat.agentId]
  const isOver = before !== undefined && before.incarnation > beat.incarnation
  if (isOver && before.incarnation <= known.incarnation) return beats
  const isSame = before?.incarnation === beat.incarnation
  if (isSame && beat.kind === 'beat' && beat.number <= before.number) return beats
  if (isSame && beat.kind === 'call' && stamp <= before.stamp) return beats
  const record: BeatRecord =
    beat.kind === 'beat'
      ? {
          incarnation: beat.incarnation,
          number: beat.number,
          stamp,
          applied: beat.applied,
          digest: beat.digest.slice(0, DIGEST_KEPT),
        }
      : isSame
        ? { ...before, stamp }
        : { incarnation: beat.incarnation, number: 0, stamp, applied: 0, digest: '' }
  return { ...beats, agents: { ...beats.agents, [beat.agentId]: record } }
}
