// What follows the removal of a framework, in bounded pieces that anybody may repeat: gates, tasks, executors, mail.
//
// The fact stands on the framework item already; every piece finds by itself what is left, so a worker that died
// leaves nothing that the next one would miss.
import { type Change, nothing } from '../../master/decision.ts'
import { endTasks } from '../../master/frameworks/end-tasks.ts'
import { workDone } from '../../master/frameworks/lifecycle.ts'
import type { Framework, Task } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { raiseAll } from './gates.ts'
import { everyLedger } from './ledgers.ts'
import { loadTasks } from './loads.ts'

/** A task can come with its RUN item and a letter; three items each, and the ledger, in one transaction. */
const TASKS_PER_PIECE = 26
const MAIL_PER_PIECE = 100

/** Counts pieces down; a worker whose budget is used up leaves the rest to the next tick. */
interface Budget {
  left: number
}

/** Does at most so many pieces. `done`: nothing of the framework is left but its tombstone. */
export async function finishRemoval(
  env: Environment,
  frameworkId: string,
  maxPieces = Number.POSITIVE_INFINITY,
): Promise<'done' | 'more'> {
  const framework = await env.store.get('framework', { frameworkId })
  if (framework?.state !== 'removed' || framework.openWork === undefined) return 'done'
  const budget = { left: maxPieces }
  await raiseAll(env, framework)
  const isDone =
    (await endAllTasks(env, framework, budget)) &&
    (await endAllExecutors(env, framework, budget)) &&
    (await removeMail(env, framework, budget))
  if (!isDone) return 'more'
  await env.store.commit([workDone(framework)], env.ids.uuid())
  return 'done'
}

async function endAllTasks(env: Environment, framework: Framework, budget: Budget): Promise<boolean> {
  const { frameworkId, shards } = framework
  for (let shard = 0; shard < shards; shard++) {
    let after: string | undefined
    do {
      const page = await env.store.query('tasks', { frameworkId, shard }, { after })
      const open = page.found.map(({ item }) => item).filter(({ standing }) => standing !== 'finished')
      for (const { agentId, tasks } of perAgent(open)) {
        if (budget.left-- <= 0) return false
        await endSome(env, framework, agentId, tasks)
      }
      after = page.next
    } while (after !== undefined)
  }
  return true
}

/** Tasks of one agent each, at most as many as one transaction takes. */
function* perAgent(
  tasks: readonly Task[],
): Iterable<{ readonly agentId: string; readonly tasks: readonly Task[] }> {
  for (const [agentId, own] of Map.groupBy(tasks, (task) => task.agentId)) {
    for (let start = 0; start < own.length; start += TASKS_PER_PIECE) {
      yield { agentId, tasks: own.slice(start, start + TASKS_PER_PIECE) }
    }
  }
}

async function endSome(
  env: Environment,
  framework: Framework,
  agentId: string,
  listed: readonly Task[],
): Promise<void> {
  const { frameworkId } = framework
  const taskIds = listed.map(({ taskId }) => taskId)
  const context = await contextOf(env)
  await transact(env, {
    name: 'end tasks',
    load: async () => {
      const [ledger, tasks, runs] = await Promise.all([
        env.store.get('ledger', { agentId }),
        loadTasks(env, framework, taskIds),
        env.store.getMany(
          'run',
          taskIds.map((taskId) => ({ agentId, frameworkId, taskId })),
        ),
      ])
      return { framework, ledger, tasks: tasks.filter(isThere), runs: runs.filter(isThere), executors: [] }
    },
    decide: (loaded) => endTasks(loaded, context),
  })
}

/** Executors without tasks are charged in a ledger all the same; so are offers, which are void but still stand. */
async function endAllExecutors(env: Environment, framework: Framework, budget: Budget): Promise<boolean> {
  const { frameworkId } = framework
  for await (const ledger of everyLedger(env)) {
    const hasOffers = Object.values(ledger.offers).some((offer) => offer.frameworkId === frameworkId)
    if (ledger.sums[frameworkId] === undefined && !hasOffers) continue
    if (budget.left-- <= 0) return false
    await endExecutorsOn(env, framework, ledger.agentId)
  }
  return true
}

async function endExecutorsOn(env: Environment, framework: Framework, agentId: string): Promise<void> {
  const { frameworkId } = framework
  const context = await contextOf(env)
  let isMore = true
  while (isMore) {
    const answer = await transact(env, {
      name: 'end executors',
      load: async () => {
        const [ledger, found] = await Promise.all([
          env.store.get('ledger', { agentId }),
          all(env.store, 'agent', { agentId }, 'executor'),
        ])
        const executors = found.flatMap(({ kind, item }) =>
          kind === 'executor' && item.frameworkId === frameworkId ? [item] : [],
        )
        return { ledger, executors }
      },
      decide: ({ ledger, executors }) =>
        ledger === undefined
          ? nothing('done' as const)
          : endTasks({ framework, ledger, executors, tasks: [], runs: [] }, context),
    })
    isMore = answer === 'more'
  }
}

/** Nobody will read it any more. */
async function removeMail(env: Environment, framework: Framework, budget: Budget): Promise<boolean> {
  const { frameworkId, shards } = framework
  for (let shard = 0; shard < shards; shard++) {
    let after: string | undefined
    do {
      const page = await env.store.query('mail', { frameworkId, shard }, { after, limit: MAIL_PER_PIECE })
      if (page.found.length > 0 && budget.left-- <= 0) return false
      const changes = page.found.map(({ item: { key } }): Change => {
        return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'anything' } }
      })
      await env.store.commit(changes, env.ids.uuid())
      after = page.next
    } while (after !== undefined)
  }
  return true
}

function isThere<T>(item: T | undefined): item is T {
  return item !== undefined
}
