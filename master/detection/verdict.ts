// Who is silent: judged between stamps of one queue, and only while we were listening; and how many may be given up.
//
//   silence = newest canary - max(last beat, hearing since, heard at)
//
// An outage of the queue, the table, the detector or a first start leaves a gap between canaries, and silence counts
// only from its end. A backlog keeps the chain whole: until it is read, the newest canary is old and nobody is late.
import type { Beats, Ledger, Tick } from '../model.ts'
import type { RemovalRateLimit } from '../settings.ts'

/** What of a ledger is judged. */
export type Judged = Pick<Ledger, 'agentId' | 'incarnation' | 'heardAt' | 'beatShard'>

/** Milliseconds for which the agent is known to have been silent; 0 or less: not at all. */
export function silenceMs(beats: Beats | undefined, agent: Judged): number {
  if (beats === undefined || beats.canary.number === 0) return 0
  const record = beats.agents[agent.agentId]
  // One that did not hear the answer to its registration beats under the incarnation before: it is there (F1).
  const lastBeat = record !== undefined && record.incarnation <= agent.incarnation ? record.stamp : 0
  return beats.canary.stamp - Math.max(lastBeat, beats.hearingSince, agent.heardAt)
}

/** `silent`: beyond the timeout. `suspect`: half-way there, to be asked to call. */
export function verdictOf(
  beats: Beats | undefined,
  agent: Judged,
  timeoutMs: number,
): 'heard' | 'suspect' | 'silent' {
  const silence = silenceMs(beats, agent)
  if (silence > timeoutMs) return 'silent'
  return silence > timeoutMs / 2 ? 'suspect' : 'heard'
}

/**
 * Whether the newest canary is from before the detector itself was away, or its table: what agents said meanwhile waits
 * in the queue, and one that was silent then may have been heard since (F23). After a timeout the queue had its time.
 */
export function isFromBefore(
  beats: Pick<Beats, 'canary'> | undefined,
  { at, unbrokenSince }: Pick<Tick, 'at' | 'unbrokenSince'>,
  timeoutMs: number,
): boolean {
  return beats !== undefined && beats.canary.stamp < unbrokenSince && at - unbrokenSince <= timeoutMs
}

export interface Candidate {
  readonly agentId: string
  /** Fault domain; absent: of no zone. */
  readonly zone?: string | undefined
}

export interface GuardState {
  /** Since when the guard holds back, without a pass below the limit between. */
  readonly guardSince?: number | undefined
  readonly removalTokens: number
  /** Of the removal rate limit, where one is set; a full one when absent. */
  readonly rateTokens?: number | undefined
}

export interface GuardFacts {
  readonly now: number
  /** Time since the last pass. */
  readonly elapsedMs: number
  readonly timeoutMs: number
  readonly maxExpiredShare: number
  readonly removalsPerMinute: number
  readonly rateLimit?: RemovalRateLimit | undefined
}

export interface Guarded {
  /** Who may be given up in this pass. */
  readonly remove: readonly string[]
  /** True when others are held back: somebody should look. */
  readonly alarm: boolean
  readonly next: GuardState
}

/**
 * Who of the silent is given up now: what the guard lets through, and of that no more than the removal rate limit, if
 * one is set (F19). The others wait; one that is heard meanwhile is not silent at the next pass.
 * @param silent longest silent first
 * @param reachable all agents that are not lost yet, the silent ones among them
 */
export function removals(
  silent: readonly Candidate[],
  reachable: readonly Candidate[],
  state: GuardState,
  facts: GuardFacts,
): Guarded {
  const guarded = guard(silent, reachable, state, facts)
  if (facts.rateLimit === undefined) return guarded
  const perMs = facts.rateLimit.removals / facts.rateLimit.intervalMs
  const gained = perMs * Math.max(0, facts.elapsedMs)
  // One in hand, as with Mesos: the first goes at once, each other after its part of the interval.
  const tokens = Math.min(Math.max(1, gained), (state.rateTokens ?? 1) + gained)
  const count = Math.min(guarded.remove.length, Math.floor(tokens + 1e-9))
  return {
    ...guarded,
    remove: guarded.remove.slice(0, count),
    next: { ...guarded.next, rateTokens: Math.max(0, tokens - count) },
  }
}

/**
 * The guard against mass expiry (F20, S15, R8): above the limit nobody is given up and an alarm is raised; one
 * timeout later those who are still silent go at the removal rate. A zone that is silent as a whole, while the rest
 * of the cluster is below the limit, is a zone's death and not a mistake of ours (F83).
 * @param reachable all agents that are not lost yet, the silent ones among them
 */
export function guard(
  silent: readonly Candidate[],
  reachable: readonly Candidate[],
  state: GuardState,
  facts: GuardFacts,
): Guarded {
  const tokens = refilled(state, facts)
  if (silent.length === 0) return { remove: [], alarm: false, next: { removalTokens: tokens } }
  const dead = deadZones(silent, reachable, facts.maxExpiredShare)
  const others = silent.filter(({ zone }) => zone === undefined || !dead.has(zone))
  const among = reachable.filter(({ zone }) => zone === undefined || !dead.has(zone))
  if (others.length <= limit(among.length, facts.maxExpiredShare)) {
    return { remove: silent.map(({ agentId }) => agentId), alarm: false, next: { removalTokens: tokens } }
  }
  const since = state.guardSince ?? facts.now
  if (facts.now - since <= facts.timeoutMs) {
    return { remove: [], alarm: true, next: { guardSince: since, removalTokens: 0 } }
  }
  const count = Math.min(silent.length, Math.floor(tokens))
  return {
    remove: silent.slice(0, count).map(({ agentId }) => agentId),
    alarm: true,
    next: { guardSince: since, removalTokens: tokens - count },
  }
}

/** Two may always go: of three agents the guard must not keep two dead ones for ever (two-of-three-agents-die). */
const LEAST_REMOVALS = 2

function refilled(state: GuardState, facts: GuardFacts): number {
  const refill = (facts.elapsedMs * facts.removalsPerMinute) / 60_000
  return Math.min(facts.removalsPerMinute, state.removalTokens + Math.max(0, refill))
}

function limit(reachable: number, share: number): number {
  return Math.max(LEAST_REMOVALS, Math.floor(reachable * share))
}

/** Zones silent as a whole while the others together are heard, but for a few below the limit. */
function deadZones(
  silent: readonly Candidate[],
  reachable: readonly Candidate[],
  share: number,
): ReadonlySet<string> {
  const quiet = countByZone(silent)
  const dead = new Set<string>()
  for (const [zone, count] of countByZone(reachable)) {
    if (quiet.get(zone) !== count) continue
    const outside = reachable.length - count
    const silentOutside = silent.length - count
    if (silentOutside < outside && silentOutside <= limit(outside, share)) dead.add(zone)
  }
  return dead
}

function countByZone(agents: readonly Candidate[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { zone } of agents) if (zone !== undefined) counts.set(zone, (counts.get(zone) ?? 0) + 1)
  return counts
}
