// What each call reads. A "round" is one call of the table, whatever it reads; a call's time is its rounds.
//
// Ids that are none (of any length, with slashes) never become keys: what they name does not exist.
import { type AcknowledgeLoaded, isEnd } from '../../master/calls/acknowledge.ts'
import type { DeclineLoaded } from '../../master/calls/decline.ts'
import type { KillLoaded } from '../../master/calls/kill.ts'
import type { ReconcileLoaded } from '../../master/calls/reconcile.ts'
import type { ShutdownLoaded } from '../../master/calls/shutdown.ts'
import { shardOf } from '../../master/frameworks/shards.ts'
import type { Framework, Hold, Ledger, Task } from '../../master/model.ts'
import { isKnown } from '../../master/task-state.ts'
import { idError } from '../../protocol/ids.ts'
import type {
  SchedulerCallAcknowledge,
  SchedulerCallKill,
  SchedulerCallMessage,
  SchedulerCallReconcile,
  SchedulerCallShutdown,
} from '../../protocol/messages.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { type Asked, type Loaded, loadTogether } from '../load-together.ts'

/** One round, one read. */
export async function loadFramework(
  env: Environment,
  frameworkId: string,
): Promise<{ readonly framework: Framework } | undefined> {
  const framework = isSound(frameworkId) ? await env.store.get('framework', { frameworkId }) : undefined
  return framework === undefined ? undefined : { framework }
}

/**
 * One round: the framework, its tasks of these ids, and what else is asked. The shard of a task needs the framework's
 * number of shards; the setting is what it was made with, unless the setting changed since: then the tasks are read
 * again.
 */
export async function loadWithTasks<const A extends Asked = Record<never, never>>(
  env: Environment,
  frameworkId: string,
  taskIds: readonly string[],
  others?: A,
): Promise<
  | {
      readonly framework: Framework
      readonly tasks: readonly (Task | undefined)[]
      readonly others: Loaded<A>
    }
  | undefined
> {
  if (!isSound(frameworkId)) return undefined
  const ids = [...new Set(taskIds)].filter(isSound)
  const supposed = { frameworkId, shards: env.settings.shardsPerFramework }
  const loaded = await loadTogether(env.store, {
    ...(others ?? {}),
    framework: [{ frameworkId }],
    task: taskRefs(supposed, ids),
  })
  const [framework] = loaded.framework
  if (framework === undefined) return undefined
  const isRight = framework.shards === supposed.shards
  const tasks = isRight ? loaded.task : await loadTasks(env, framework, ids)
  // What was asked of other kinds is in there as well.
  return { framework, tasks, others: loaded as unknown as Loaded<A> }
}

function taskRefs(
  framework: Pick<Framework, 'frameworkId' | 'shards'>,
  taskIds: readonly string[],
): readonly { readonly frameworkId: string; readonly taskId: string; readonly shard: number }[] {
  const { frameworkId } = framework
  return taskIds.map((taskId) => ({ frameworkId, taskId, shard: shardOf(framework, taskId) }))
}

/** In the order asked. */
export async function loadTasks(
  env: Environment,
  framework: Pick<Framework, 'frameworkId' | 'shards'>,
  taskIds: readonly string[],
): Promise<readonly (Task | undefined)[]> {
  return taskIds.length === 0 ? [] : await env.store.getMany('task', taskRefs(framework, taskIds))
}

/** Those that exist. */
export async function loadLedgers(env: Environment, agentIds: readonly string[]): Promise<readonly Ledger[]> {
  const refs = ledgerRefs(agentIds)
  if (refs.length === 0) return []
  return (await env.store.getMany('ledger', refs)).filter((ledger) => ledger !== undefined)
}

/** Each agent once; ids that are none name no agent. */
export function ledgerRefs(agentIds: readonly string[]): readonly { readonly agentId: string }[] {
  return [...new Set(agentIds)].filter(isSound).map((agentId) => ({ agentId }))
}

/** One round: the framework and the ledgers of some of the offers' agents. */
export async function loadDecline(
  env: Environment,
  frameworkId: string,
  agentIds: readonly string[],
): Promise<DeclineLoaded | undefined> {
  const loaded = await loadWithTasks(env, frameworkId, [], { ledger: ledgerRefs(agentIds) })
  if (loaded === undefined) return undefined
  const { framework, others } = loaded
  return { framework, ledgers: others.ledger.filter((ledger) => ledger !== undefined) }
}

/** One round: the framework and the task; a second one when the task may end: the word that could be said behind it. */
export async function loadAcknowledge(
  env: Environment,
  frameworkId: string,
  { task_id }: SchedulerCallAcknowledge,
): Promise<AcknowledgeLoaded | undefined> {
  const loaded = await loadWithTasks(env, frameworkId, [task_id.value])
  if (loaded === undefined) return undefined
  const { framework } = loaded
  const [task] = loaded.tasks
  if (!isEnd(task)) return { framework, task }
  const { shard, taskId } = task
  return { framework, task, word: await env.store.get('mail', { frameworkId, shard, key: `WORD#${taskId}` }) }
}

/** Two rounds: framework and task; ledger and wanted state, or with no agent named where large ACCEPTs are under way. A third to read these. */
export async function loadKill(
  env: Environment,
  frameworkId: string,
  { task_id, agent_id }: SchedulerCallKill,
): Promise<KillLoaded | undefined> {
  const loaded = await loadWithTasks(env, frameworkId, [task_id.value])
  if (loaded === undefined) return undefined
  const { framework } = loaded
  const [task] = loaded.tasks
  const agentId = isKnown(task) ? task.agentId : agent_id?.value
  if (agentId === undefined && isSound(task_id.value)) {
    return { framework, task, ledger: undefined, run: undefined, holds: await loadAllHolds(env, framework) }
  }
  if (agentId === undefined || !isSound(agentId) || !isSound(task_id.value)) {
    return { framework, task, ledger: undefined, run: undefined }
  }
  const [ledger, run] = await env.store.load([
    { kind: 'ledger', ref: { agentId } },
    { kind: 'run', ref: { agentId, frameworkId, taskId: task_id.value } },
  ])
  return { framework, task, ledger, run, holds: await loadHolds(env, framework, [ledger]) }
}

/** Two rounds: framework and tasks; ledgers. A third where large ACCEPTs are under way. */
export async function loadReconcile(
  env: Environment,
  frameworkId: string,
  { tasks: asked = [] }: SchedulerCallReconcile,
): Promise<ReconcileLoaded | undefined> {
  const loaded = await loadWithTasks(
    env,
    frameworkId,
    asked.map(({ task_id }) => task_id.value),
  )
  if (loaded === undefined) return undefined
  const ledgers = await loadLedgers(env, [
    ...loaded.tasks.flatMap((task) => (task === undefined ? [] : [task.agentId])),
    ...asked.flatMap(({ agent_id }) => (agent_id === undefined ? [] : [agent_id.value])),
  ])
  const known = new Set(loaded.tasks.flatMap((task) => (isKnown(task) ? [task.taskId] : [])))
  const isAnywhere = asked.some(
    ({ task_id, agent_id }) => agent_id === undefined && !known.has(task_id.value),
  )
  const { framework } = loaded
  const holds = isAnywhere ? await loadAllHolds(env, framework) : await loadHolds(env, framework, ledgers)
  return { ...loaded, ledgers, holds }
}

/** Wherever they are: one round where there are none, as is the rule. */
async function loadAllHolds(env: Environment, { frameworkId }: Framework): Promise<readonly Hold[]> {
  const places = await all(env.store, 'accepting', { frameworkId })
  if (places.length === 0) return []
  const refs = places.map(({ item: { agentId, acceptId } }) => ({ agentId, acceptId }))
  return (await env.store.getMany('hold', refs)).filter((hold) => hold !== undefined)
}

/** None is the rule, and then nothing is read. */
async function loadHolds(
  env: Environment,
  { frameworkId }: Framework,
  ledgers: readonly (Ledger | undefined)[],
): Promise<readonly Hold[]> {
  const refs = ledgers.flatMap((ledger) =>
    ledger === undefined
      ? []
      : Object.entries(ledger.holds)
          .filter(([, held]) => held.frameworkId === frameworkId)
          .map(([acceptId]) => ({ agentId: ledger.agentId, acceptId })),
  )
  if (refs.length === 0) return []
  return (await env.store.getMany('hold', refs)).filter((hold) => hold !== undefined)
}

/** One round: the framework and the agent's ledger. */
export async function loadMessage(
  env: Environment,
  frameworkId: string,
  { agent_id }: SchedulerCallMessage,
): Promise<{ readonly framework: Framework; readonly ledger: Ledger | undefined } | undefined> {
  const loaded = await loadWithTasks(env, frameworkId, [], { ledger: ledgerRefs([agent_id.value]) })
  return loaded && { framework: loaded.framework, ledger: loaded.others.ledger[0] }
}

/**
 * One round: framework, ledger, executor, and the task that may be a command task's executor. A second where large
 * ACCEPTs are under way.
 */
export async function loadShutdown(
  env: Environment,
  frameworkId: string,
  { agent_id, executor_id }: SchedulerCallShutdown,
): Promise<ShutdownLoaded | undefined> {
  const agentId = agent_id.value
  const executorId = executor_id.value
  if (!isSound(agentId) || !isSound(executorId)) {
    const loaded = await loadFramework(env, frameworkId)
    return loaded === undefined ? undefined : { ...loaded, ledger: undefined, executor: undefined }
  }
  const loaded = await loadWithTasks(env, frameworkId, [], {
    ledger: [{ agentId }],
    executor: [{ agentId, frameworkId, executorId }],
    run: [{ agentId, frameworkId, taskId: executorId }],
  })
  if (loaded === undefined) return undefined
  const { framework, others } = loaded
  const holds = await loadHolds(env, framework, others.ledger)
  return { framework, ledger: others.ledger[0], executor: others.executor[0], run: others.run[0], holds }
}

function isSound(id: string): boolean {
  return idError(id) === undefined
}
