// What decisions about agents are made from: frameworks by id, the tasks of RUN items, all items of one agent.

import { type Piece, taskKey } from '../../master/agents/work.ts'
import { shardOf } from '../../master/frameworks/shards.ts'
import type { Executor, Framework, Hold, Ledger, Run, Task } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'

interface TaskName {
  readonly frameworkId: string
  readonly taskId: string
}

/** Frameworks by id; removed ones are there, unknown ones are missing. */
export async function loadFrameworks(
  env: Environment,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, Framework>> {
  const unique = [...new Set(ids)]
  if (unique.length === 0) return new Map()
  const found = await env.store.getMany(
    'framework',
    unique.map((frameworkId) => ({ frameworkId })),
  )
  return new Map(present(found).map((framework) => [framework.frameworkId, framework]))
}

/** Tasks by `taskKey`; those of unknown frameworks are missing. */
export async function loadTasks(
  env: Environment,
  names: readonly TaskName[],
  frameworks: ReadonlyMap<string, Framework>,
): Promise<ReadonlyMap<string, Task>> {
  const refs = names.flatMap(({ frameworkId, taskId }) => {
    const framework = frameworks.get(frameworkId)
    return framework === undefined ? [] : [{ frameworkId, taskId, shard: shardOf(framework, taskId) }]
  })
  if (refs.length === 0) return new Map()
  return new Map(present(await env.store.getMany('task', refs)).map((task) => [taskKey(task), task]))
}

/** What one piece of large work needs: the ledger, and the RUN items and tasks of these names. */
export async function loadPiece(
  env: Environment,
  agentId: string,
  names: readonly TaskName[],
): Promise<Piece | undefined> {
  const [ledger, runs, frameworks] = await Promise.all([
    env.store.get('ledger', { agentId }),
    env.store.getMany(
      'run',
      names.map(({ frameworkId, taskId }) => ({ agentId, frameworkId, taskId })),
    ),
    loadFrameworks(
      env,
      names.map(({ frameworkId }) => frameworkId),
    ),
  ])
  if (ledger === undefined) return undefined
  return { ledger, runs: present(runs), tasks: await loadTasks(env, names, frameworks), frameworks }
}

export interface AgentItems {
  readonly runs: readonly Run[]
  readonly executors: readonly Executor[]
  readonly holds: readonly Hold[]
}

/** Everything that stands beside an agent's ledger. A query is no snapshot: conclude from absence with the digest only. */
export async function loadItems(env: Environment, agentId: string): Promise<AgentItems> {
  const items = { runs: [] as Run[], executors: [] as Executor[], holds: [] as Hold[] }
  for (const found of await all(env.store, 'agent', { agentId })) {
    if (found.kind === 'run') items.runs.push(found.item)
    else if (found.kind === 'executor') items.executors.push(found.item)
    else if (found.kind === 'hold') items.holds.push(found.item)
  }
  return items
}

/** The index entry of an agent, found by its ledger. */
export function entryRef(ledger: Ledger): { readonly agentId: string; readonly shard: number } {
  return { agentId: ledger.agentId, shard: ledger.indexShard }
}

export function present<T>(list: readonly (T | undefined)[]): T[] {
  return list.filter((item) => item !== undefined)
}
