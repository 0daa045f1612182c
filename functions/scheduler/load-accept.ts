// What an ACCEPT, its pieces and the end of its hold read. Rounds of reads, and reads, are counted for each.

import { indexShardOf } from '../../master/agents/register.ts'
import { type EndHoldLoaded, type PieceLoaded, taskIdsOfPiece } from '../../master/calls/accept-hold.ts'
import { type AcceptLoaded, agentsOf, tasksOf } from '../../master/calls/accept-offers.ts'
import { MAX_WORDS_PER_STEP } from '../../master/limits.ts'
import type { AgentEntry, Executor, Framework, Hold, Ledger } from '../../master/model.ts'
import { idError } from '../../protocol/ids.ts'
import type { SchedulerCallAccept } from '../../protocol/messages.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { ledgerRefs, loadTasks, loadWithTasks } from './loads.ts'

/**
 * One round: the framework, ledger and index entry of the one agent, and the tasks. If a task brings an executor,
 * a second one: a query of the agent's executors. Where an entry stands follows from the setting its agent was
 * registered under; if the setting changed since, the entry is read again.
 */
export async function loadAccept(
  env: Environment,
  frameworkId: string,
  call: SchedulerCallAccept,
  taskIds: readonly string[] = soundTaskIds(call),
): Promise<AcceptLoaded | undefined> {
  const refs = ledgerRefs(agentsOf(call))
  const supposed = (agentId: string) => indexShardOf(agentId, env.settings)
  const loaded = await loadWithTasks(env, frameworkId, taskIds, {
    ledger: refs,
    agent: refs.map(({ agentId }) => ({ agentId, shard: supposed(agentId) })),
  })
  if (loaded === undefined) return undefined
  const { framework, tasks, others } = loaded
  const ledgers = present(others.ledger)
  const isRight = ledgers.every(({ agentId, indexShard }) => indexShard === supposed(agentId))
  const [agents, executors] = await Promise.all([
    isRight ? present(others.agent) : loadEntries(env, ledgers),
    hasExecutors(call) ? loadExecutors(env, framework, ledgers) : [],
  ])
  return { framework, tasks, ledgers, agents, executors }
}

function present<T>(list: readonly (T | undefined)[]): T[] {
  return list.filter((item) => item !== undefined)
}

/** Ids that are none never become keys; their tasks get TASK_ERROR (C84). */
function soundTaskIds(call: SchedulerCallAccept): readonly string[] {
  const ids = tasksOf(call).map(({ task_id }) => task_id.value)
  return [...new Set(ids)].filter((id) => idError(id) === undefined)
}

async function loadEntries(env: Environment, ledgers: readonly Ledger[]): Promise<AgentEntry[]> {
  const refs = ledgers.map(({ agentId, indexShard }) => ({ agentId, shard: indexShard }))
  return present(await env.store.getMany('agent', refs))
}

function hasExecutors(call: SchedulerCallAccept): boolean {
  return (
    tasksOf(call).some(({ executor }) => executor !== undefined) ||
    (call.operations ?? []).some(({ type }) => type === 'LAUNCH_GROUP')
  )
}

async function loadExecutors(
  env: Environment,
  { frameworkId }: Framework,
  ledgers: readonly Ledger[],
): Promise<Executor[]> {
  const perAgent = await Promise.all(
    ledgers.map(({ agentId }) => all(env.store, 'agent', { agentId }, 'executor')),
  )
  return perAgent
    .flat()
    .flatMap(({ kind, item }) => (kind === 'executor' && item.frameworkId === frameworkId ? [item] : []))
}

/** As `loadAccept`, with the HOLD item and the tasks of one piece. */
export async function loadPiece(
  env: Environment,
  {
    framework,
    agentId,
    acceptId,
  }: {
    readonly framework: Pick<Framework, 'frameworkId'>
    readonly agentId: string
    readonly acceptId: string
  },
  call: SchedulerCallAccept,
  index: number,
): Promise<PieceLoaded | undefined> {
  const [accept, hold] = await Promise.all([
    loadAccept(env, framework.frameworkId, call, taskIdsOfPiece(call, index)),
    env.store.get('hold', { agentId, acceptId }),
  ])
  const ledger = accept?.ledgers.find((each) => each.agentId === agentId)
  return accept === undefined || ledger === undefined ? undefined : { ...accept, ledger, hold }
}

/** Three rounds: the hold; framework and ledger; the tasks of one step. */
export async function loadHoldEnd(
  env: Environment,
  ref: Pick<Hold, 'agentId' | 'acceptId'>,
  from: number,
): Promise<EndHoldLoaded | undefined> {
  const hold = await env.store.get('hold', ref)
  if (hold === undefined) return undefined
  const { agentId, frameworkId } = hold
  const [framework, ledger] = await env.store.load([
    { kind: 'framework', ref: { frameworkId } },
    { kind: 'ledger', ref: { agentId } },
  ])
  const ids = hold.tasks.slice(from, from + MAX_WORDS_PER_STEP).map(({ taskId }) => taskId)
  const tasks = framework === undefined ? [] : await loadTasks(env, framework, ids)
  return { framework, ledger, hold, tasks }
}
