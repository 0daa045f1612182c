// Reads what one turn of allocation looks at, in as few round trips as there can be.
//
// A turn that finds nothing to do costs a query of the frameworks, a query per shard of the agent index, and a batch
// per hundred ledgers, the lease among them. All run at once, because the agents seen last time are asked for ahead;
// only ledgers of agents that are new to this process take a second step. A list of ids read earlier is no truth: the index
// is read afresh each time, and ledgers of agents that left it are thrown away.
import type { AgentView } from '../../master/allocator/allocate.ts'
import type { AgentEntry, Allocation, Framework, Ledger } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { loadTogether } from '../load-together.ts'

export interface World {
  /** The lease, as it was when this was read. */
  readonly allocation: Allocation | undefined
  /** In random order. */
  readonly agents: readonly AgentView[]
  readonly frameworks: readonly Framework[]
}

/** @param known ids of agents seen before, brought up to date here */
export async function readWorld(env: Environment, known: Set<string>): Promise<World> {
  const [entries, frameworks, { ledger: ledgers, allocation }] = await Promise.all([
    indexOf(env),
    all(env.store, 'frameworks', {}),
    loadTogether(env.store, { allocation: [{}], ledger: [...known].map((agentId) => ({ agentId })) }),
  ])
  // What is removed or gone holds nothing and comes back, if at all, with a fresh entry.
  const present = entries.filter(({ life }) => life !== 'removed' && life !== 'gone')
  const unknown = present.filter(({ agentId }) => !known.has(agentId))
  const more =
    unknown.length === 0
      ? []
      : await env.store.getMany(
          'ledger',
          unknown.map(({ agentId }) => ({ agentId })),
        )
  const byId = new Map<string, Ledger>()
  for (const ledger of [...ledgers, ...more]) if (ledger !== undefined) byId.set(ledger.agentId, ledger)
  known.clear()
  const agents = present.flatMap((entry) => {
    known.add(entry.agentId)
    const ledger = byId.get(entry.agentId)
    return ledger === undefined ? [] : [{ ledger, entry }]
  })
  return {
    allocation: allocation[0],
    agents: shuffled(agents, Math.floor((env.random ?? Math.random)() * 2 ** 32)),
    frameworks: frameworks.map(({ item }) => item),
  }
}

async function indexOf(env: Environment): Promise<readonly AgentEntry[]> {
  const shards = Array.from({ length: env.settings.agentIndexShards }, (_, shard) => shard)
  const found = await Promise.all(shards.map((shard) => all(env.store, 'agents', { shard })))
  return found.flat().map(({ item }) => item)
}

/** Fisher and Yates, over numbers of a small generator that starts at the seed. */
function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const result = [...list]
  let state = seed
  for (let last = result.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (last + 1))
    const [a, b] = [result[last], result[other]]
    if (a === undefined || b === undefined) continue
    result[last] = b
    result[other] = a
  }
  return result
}
