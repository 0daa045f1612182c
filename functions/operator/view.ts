// Reads the whole cluster for one answer. Every list is consistent in itself; together they are no snapshot.

import { seenBy } from '../../master/authorization/sight.ts'
import type { AgentEntry, Executor, Framework, Ledger, Task } from '../../master/model.ts'
import { type ClusterView, clusterView, completed, mayHaveTasks } from '../../master/operator/view.ts'
import { all } from '../../store/store.ts'
import type { Asker } from '../authorize.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'

/** Tasks and executors cost a query per framework and per busy agent: who does not show them leaves them out. */
export interface Parts {
  readonly tasks?: boolean
  readonly executors?: boolean
}

export const EVERYTHING: Parts = { tasks: true, executors: true }

/**
 * The cluster as it is shown. Ledgers are read after the tasks, so that a task whose agent is lost meanwhile is
 * shown lost rather than running somewhere.
 */
export async function loadView(env: Environment, parts: Parts): Promise<ClusterView> {
  const [now, entries, frameworks] = await Promise.all([
    clusterTime(env),
    agentIndex(env),
    frameworkList(env),
  ])
  const tasks = parts.tasks === true ? await tasksOf(env, frameworks, now) : []
  const ledgers = await ledgersOf(env, entries)
  const executors = parts.executors === true ? await executorsOf(env, ledgers) : []
  return clusterView({ now, entries, ledgers, frameworks, tasks, executors })
}

/** The cluster as it is shown to who asks; reads nothing more. */
export async function loadSight(env: Environment, parts: Parts, { principal }: Asker): Promise<ClusterView> {
  return seenBy(await loadView(env, parts), env.settings.acls, principal)
}

async function agentIndex(env: Environment): Promise<readonly AgentEntry[]> {
  const shards = Array.from({ length: env.settings.agentIndexShards }, (_, shard) => shard)
  const found = await Promise.all(shards.map((shard) => all(env.store, 'agents', { shard })))
  return found.flat().map(({ item }) => item)
}

async function frameworkList(env: Environment): Promise<readonly Framework[]> {
  return (await all(env.store, 'frameworks', {})).map(({ item }) => item)
}

async function ledgersOf(env: Environment, entries: readonly AgentEntry[]): Promise<readonly Ledger[]> {
  if (entries.length === 0) return []
  const refs = entries.map(({ agentId }) => ({ agentId }))
  return (await env.store.getMany('ledger', refs)).filter((ledger) => ledger !== undefined)
}

async function tasksOf(
  env: Environment,
  frameworks: readonly Framework[],
  now: number,
): Promise<readonly Task[]> {
  const shown = [...frameworks.filter(({ state }) => state !== 'removed'), ...completed(frameworks)]
  const partitions = shown
    .filter((framework) => mayHaveTasks(framework, now))
    .flatMap(({ frameworkId, shards }) =>
      Array.from({ length: shards }, (_, shard) => ({ frameworkId, shard })),
    )
  const found = await Promise.all(partitions.map((partition) => all(env.store, 'tasks', partition)))
  return found.flat().map(({ item }) => item)
}

/** Only an agent that is charged for something can have executors. */
async function executorsOf(env: Environment, ledgers: readonly Ledger[]): Promise<readonly Executor[]> {
  const busy = ledgers.filter(({ sums }) => Object.keys(sums).length > 0)
  const found = await Promise.all(busy.map(({ agentId }) => all(env.store, 'agent', { agentId }, 'executor')))
  return found.flat().flatMap((each) => (each.kind === 'executor' ? [each.item] : []))
}
