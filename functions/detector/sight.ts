// What a tick sees: the index of agents, the beats, and the ledgers it has a reason to read.
//
// The index is advice and the beats are few; ledgers are many. Read are those that look silent, and a share of the
// others that goes round, so that offers, holds and open work are looked at within a quarter of a minute.
import type { AgentEntry, Beats, Ledger, Tick } from '../../master/model.ts'
import { spread } from '../../protocol/hash.ts'
import { all } from '../../store/store.ts'
import { present } from '../agents/load.ts'
import type { Environment } from '../environment.ts'

/** Up to so many agents all ledgers are read at every tick. */
const READ_ALL_BELOW = 200
/** Beyond that, every ledger is read once within this. */
const ROUND_MS = 15_000

export interface Sight {
  readonly entries: readonly AgentEntry[]
  readonly ledgers: readonly Ledger[]
  beatsOf(agent: { readonly beatShard: number }): Beats | undefined
}

export async function look(env: Environment, tick: Tick): Promise<Sight> {
  const [entries, beats] = await Promise.all([loadEntries(env), loadBeats(env)])
  const { tickMs, timeoutMs } = env.settings.profile
  const rounds = Math.max(1, Math.round(ROUND_MS / tickMs))
  const turn = tick.number % rounds
  const silences = entries.length <= READ_ALL_BELOW ? new Map<string, number>() : silencesIn(beats)
  const chosen = entries.filter(({ agentId, life }) => {
    if (entries.length <= READ_ALL_BELOW || spread(agentId) % rounds === turn) return true
    const silence = silences.get(agentId) ?? Number.POSITIVE_INFINITY
    return (life === 'active' || life === 'returning') && silence > timeoutMs / 2
  })
  const ledgers = present(
    await env.store.getMany(
      'ledger',
      chosen.map(({ agentId }) => ({ agentId })),
    ),
  )
  const byShard = new Map(beats.map((one) => [one.shard, one]))
  return { entries, ledgers, beatsOf: ({ beatShard }) => byShard.get(beatShard) }
}

async function loadEntries(env: Environment): Promise<readonly AgentEntry[]> {
  const shards = Array.from({ length: env.settings.agentIndexShards }, (_, shard) => shard)
  const found = await Promise.all(shards.map((shard) => all(env.store, 'agents', { shard })))
  return found.flat().map(({ item }) => item)
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
