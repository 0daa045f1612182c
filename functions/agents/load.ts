// What decisions about agents are made from: frameworks by id, the tasks of RUN items, all items of one agent.

import { type Piece, taskKey } from '../../master/agents/work.ts'
import { shardOf } from '../../master/frameworks/shards.ts'
import type { Executor, Framework, Hold, Ledger, Run, Task } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { loadTogether } from '../load-together.ts'

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
  return byId(found)
}

function byId(found: readonly (Framework | undefined)[]): ReadonlyMap<string, Framework> {
  return new Map(present(found).map((framework) => [framework.frameworkId, framework]))
}

/** What updates and pieces of large work are decided on. */
export interface AboutTasks {
  readonly ledger: Ledger | undefined
  readonly runs: readonly Run[]
  /** By id; removed ones are there, unknown ones are missing. */
  readonly frameworks: ReadonlyMap<string, Framework>
  /** By `taskKey`; those of unknown frameworks are missing. */
  readonly tasks: ReadonlyMap<string, Task>
}

/**
 * One round: the ledger, and RUN item, framework and task of each name. The shard of a task follows from the setting
 * its framework was made with; tasks of frameworks made under another one take a second round.
 */
export async function loadAboutTasks(
  env: Environment,
  agentId: string,
  names: readonly TaskName[],
): Promise<AboutTasks> {
  const distinct = [...new Map(names.map((name) => [taskKey(name), name])).values()]
  const ids = [...new Set(distinct.map(({ frameworkId }) => frameworkId))]
  const shards = env.settings.shardsPerFramework
  const loaded = await loadTogether(env.store, {
    ledger: [{ agentId }],
    run: distinct.map(({ frameworkId, taskId }) => ({ agentId, frameworkId, taskId })),
    framework: ids.map((frameworkId) => ({ frameworkId })),
    task: distinct.map(({ frameworkId, taskId }) => ({
      frameworkId,
      taskId,
      shard: shardOf({ shards }, taskId),
    })),
  })
  const frameworks = byId(loaded.framework)
  const isRight = (name: TaskName) => frameworks.get(name.frameworkId)?.shards === shards
  const elsewhere = distinct.filter((name) => !isRight(name))
  const here = present(loaded.task).filter(isRight)
  const tasks = new Map(here.map((task) => [taskKey(task), task]))
  for (const [key, task] of await loadTasks(env, elsewhere, frameworks)) tasks.set(key, task)
  return { ledger: loaded.ledger[0], runs: present(loaded.run), frameworks, tasks }
}

/** Tasks by `taskKey`; those of unknown frameworks are missing. */
async function loadTasks(
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
  const { ledger, ...others } = await loadAboutTasks(env, agentId, names)
  return ledger && { ledger, ...others }
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
