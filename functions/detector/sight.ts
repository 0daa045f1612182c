// What a tick sees: the beats, the ledgers it has a reason to read, and the index of agents when it is asked for.
//
// Beats are few and all read; ledgers and index entries are many. Read are the ledgers of those that look silent, of
// those that return or were lost lately, and a share of the others that goes round: so offers, holds and drains are
// looked at within a quarter of a minute, and at every tick where agents are few.
// The whole index is read only when somebody is overdue, for the guard counts all that are reachable.
import type { AgentEntry, Beats, Ledger, Tick } from '../../master/model.ts'
import { sleep } from '../../protocol/clock.ts'
import { placeOf } from '../../protocol/hash.ts'
import { all } from '../../store/store.ts'
import { present } from '../agents/load.ts'
import type { Environment } from '../environment.ts'

/** Up to so many ledgers of agents that are heard are read at every tick; of more, a part in turn. */
const READ_AT_ONCE = 20
/** However many agents, every ledger is read once within this. */
const ROUND_MS = 15_000
/** Above so many agents the index is read in turn, too, where it has shards enough. */
const SLICED_ABOVE = 200
const CENSUS_MS = 60_000
/** A loss has done its work by then; if not, it goes on when its agent has its turn. */
const LOST_LATELY_MS = 5 * 60_000
/** While a canary is waited for, the beats are read so often. */
const CANARY_LOOK_MS = 20
/** Canaries come about a tick apart, in ticks. */
const CANARY_SLACK = 1.2

export interface Sight {
  readonly beats: readonly Beats[]
  readonly ledgers: readonly Ledger[]
  /** The whole index; read at the first call, at the latest. */
  entries(): Promise<readonly AgentEntry[]>
  /** True where the whole index is read anyhow, and about once a minute where it is not: for counts of all agents. */
  readonly isCensus: boolean
  beatsOf(agent: { readonly beatShard: number }): Beats | undefined
  /**
   * What an agent has beyond the timeout: a round, if it is seen only once in a round, which is so while no beat of it
   * was ever written. So it is asked to call before it is given up.
   */
  patienceMs(agent: Pick<Ledger, 'agentId'>): number
  /** True once within `everyMs` for each agent that is in sight: for looks that are too dear for every tick. */
  isTurnOf(agentId: string, everyMs: number): boolean
}

export async function look(env: Environment, tick: Tick): Promise<Sight> {
  const { tickMs, timeoutMs } = env.settings.profile
  const beats = await beatsWithCanary(env, tick)
  const silences = silencesIn(beats)
  const rounds = Math.max(1, Math.round(ROUND_MS / tickMs))
  const turn = tick.number % rounds
  const shards = Array.from({ length: env.settings.agentIndexShards }, (_, shard) => shard)
  const isSliced = silences.size > SLICED_ABOVE && shards.length % rounds === 0
  let whole: Promise<readonly AgentEntry[]> | undefined
  const entries = () => {
    whole ??= loadEntries(env, shards)
    return whole
  }
  const inReach = isSliced
    ? await loadEntries(
        env,
        shards.filter((shard) => shard % rounds === turn),
      )
    : await entries()
  const parts = isSliced ? 1 : partsOf(inReach.length, rounds)
  const isInTurn = (agentId: string) => placeOf(agentId, parts) === tick.number % parts
  const isSilent = (agentId: string) => (silences.get(agentId) ?? Number.POSITIVE_INFINITY) > timeoutMs / 2
  const chosen = new Set(
    inReach
      .filter((entry) => {
        const { agentId } = entry
        return isInTurn(agentId) || (isWithUs(entry) && isSilent(agentId)) || isUnderWork(entry, tick)
      })
      .map(({ agentId }) => agentId),
  )
  if (isSliced) for (const agentId of silences.keys()) if (isSilent(agentId)) chosen.add(agentId)
  const refs = [...chosen].map((agentId) => ({ agentId }))
  const ledgers = present(await env.store.getMany('ledger', refs))
  const byShard = new Map(beats.map((one) => [one.shard, one]))
  return {
    beats,
    ledgers,
    entries,
    isCensus: !isSliced || tick.number % Math.max(1, Math.round(CENSUS_MS / tickMs)) === 0,
    beatsOf: ({ beatShard }) => byShard.get(beatShard),
    patienceMs: ({ agentId }) => (isSliced && !silences.has(agentId) ? ROUND_MS : 0),
    isTurnOf(agentId, everyMs) {
      const visits = Math.max(1, Math.round(everyMs / ROUND_MS))
      const visit = Math.floor(tick.number / rounds) % visits
      const isVisit = placeOf(agentId, visits) === visit
      return isVisit && (isSliced || placeOf(agentId, rounds) === turn)
    },
  }
}

/**
 * In how many ticks all ledgers are read once: few agents need no round of fifteen seconds. It divides the round, so that
 * who has a turn in the round (`isTurnOf`) is in sight at that tick.
 */
export function partsOf(agents: number, rounds: number): number {
  for (let parts = 1; parts < rounds; parts++) {
    if (rounds % parts === 0 && agents <= parts * READ_AT_ONCE) return parts
  }
  return rounds
}

/** Returns and losses have work that somebody began and may have left: entries tell of it in the same write. */
function isUnderWork({ life, lostAt }: AgentEntry, { at }: Tick): boolean {
  return life === 'returning' || (!isWithUs({ life }) && at - (lostAt ?? 0) < LOST_LATELY_MS)
}

/** Agents that are not lost: those whose silence matters. */
export function isWithUs({ life }: Pick<AgentEntry, 'life'>): boolean {
  return life === 'active' || life === 'returning'
}

async function loadEntries(env: Environment, shards: readonly number[]): Promise<readonly AgentEntry[]> {
  const found = await Promise.all(shards.map((shard) => all(env.store, 'agents', { shard })))
  return found.flat().map(({ item }) => item)
}

/**
 * The beats; where the canary of this tick would make somebody overdue who is not yet, it is waited for shortly, for
 * else the verdict comes a whole tick later (R7). What is not heard in time is judged at the next tick.
 */
async function beatsWithCanary(env: Environment, tick: Tick): Promise<readonly Beats[]> {
  const { timeoutMs, tickMs } = env.settings.profile
  const nearlyMs = timeoutMs - CANARY_SLACK * tickMs
  const isAwaited = ({ agents, canary, hearingSince }: Beats) =>
    canary.number < tick.number &&
    Object.values(agents).some(({ stamp }) => {
      const silence = canary.stamp - Math.max(stamp, hearingSince)
      return silence > nearlyMs && silence <= timeoutMs
    })
  let beats = await loadBeats(env)
  for (let left = env.settings.canaryWaitMs ?? 0; left > 0 && beats.some(isAwaited); left -= CANARY_LOOK_MS) {
    await sleep(env.clock, CANARY_LOOK_MS)
    beats = await loadBeats(env)
  }
  return beats
}

async function loadBeats(env: Environment): Promise<readonly Beats[]> {
  const refs = Array.from({ length: env.settings.beatShards }, (_, shard) => ({ shard }))
  return present(await env.store.getMany('beats', refs))
}

/** By the beats alone: its registration, which the ledger knows, may still speak for an agent. */
function silencesIn(shards: readonly Beats[]): ReadonlyMap<string, number> {
  const silences = new Map<string, number>()
  for (const { agents, canary, hearingSince } of shards) {
    for (const [agentId, { stamp }] of Object.entries(agents)) {
      const silence = canary.stamp - Math.max(stamp, hearingSince)
      silences.set(agentId, Math.min(silence, silences.get(agentId) ?? silence))
    }
  }
  return silences
}
