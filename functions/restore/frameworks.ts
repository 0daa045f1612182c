// Frameworks of a restored table, page by page: sessions, gates, and their tasks beside what should stand with them.

import { shardOf } from '../../master/frameworks/shards.ts'
import type { Framework, Task } from '../../master/model.ts'
import { endSession } from '../../master/restore/sessions.ts'
import { isStray, missingOf, taskIdOf } from '../../master/restore/tasks.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { finishGates, raiseAll } from '../scheduler/gates.ts'
import { transact } from '../transact.ts'

const FRAMEWORKS_PER_STEP = 10
const TASKS_PER_PAGE = 50

/** One page of frameworks; where the next one begins, or undefined after the last. */
export async function restoreFrameworks(
  env: Environment,
  after: string | undefined,
): Promise<string | undefined> {
  const page = await env.store.query('frameworks', {}, { after, limit: FRAMEWORKS_PER_STEP })
  for (const { item } of page.found) await restoreFramework(env, item.frameworkId)
  return page.next
}

async function restoreFramework(env: Environment, frameworkId: string): Promise<void> {
  const context = await contextOf(env)
  const framework = await transact(env, {
    name: 'session of a restored table',
    load: async () => {
      const [stored, lease, lossHead] = await env.store.load([
        { kind: 'framework', ref: { frameworkId } },
        { kind: 'lease', ref: { frameworkId } },
        { kind: 'lossHead', ref: {} },
      ])
      return { framework: stored, lease, lossHead }
    },
    decide: (loaded) => endSession(loaded, context),
  })
  if (framework === undefined) return
  // Gates are raised whatever the item says: the table may hold some of them only.
  await raiseAll(env, framework)
  await finishGates(env, frameworkId)
  if (framework.state === 'removed') return
  for (let shard = 0; shard < framework.shards; shard++) {
    await mendTasks(env, framework, shard)
    await removeStrays(env, framework, shard)
  }
}

async function mendTasks(env: Environment, framework: Framework, shard: number): Promise<void> {
  const { frameworkId } = framework
  const context = await contextOf(env)
  let after: string | undefined
  do {
    const page = await env.store.query('tasks', { frameworkId, shard }, { after, limit: TASKS_PER_PAGE })
    const tasks = page.found.map(({ item }) => item).filter(({ standing }) => standing === 'live')
    const [runs, updates] = await Promise.all([
      env.store.getMany(
        'run',
        tasks.map(({ agentId, taskId }) => ({ agentId, frameworkId, taskId })),
      ),
      env.store.getMany(
        'mail',
        tasks.map((task) => updateRef(framework, task)),
      ),
    ])
    for (const [index, task] of tasks.entries()) {
      const changes = missingOf(task, { run: runs[index], update: updates[index] }, framework, context)
      const asRead = { do: 'check', kind: 'task', item: task, when: { name: 'unchanged' } } as const
      if (changes.length > 0) await env.store.commit([asRead, ...changes], env.ids.uuid())
    }
    after = page.next
  } while (after !== undefined)
}

function updateRef(framework: Framework, { taskId }: Task) {
  const { frameworkId } = framework
  return { frameworkId, shard: shardOf(framework, taskId), key: `UPDATE#${taskId}` }
}

async function removeStrays(env: Environment, framework: Framework, shard: number): Promise<void> {
  const { frameworkId } = framework
  let after: string | undefined
  do {
    const page = await env.store.query('mail', { frameworkId, shard }, { after, limit: TASKS_PER_PAGE })
    const updates = page.found.map(({ item }) => item).filter((mail) => taskIdOf(mail) !== undefined)
    const tasks = await env.store.getMany(
      'task',
      updates.map((mail) => {
        const taskId = taskIdOf(mail) ?? ''
        return { frameworkId, taskId, shard: shardOf(framework, taskId) }
      }),
    )
    for (const [index, mail] of updates.entries()) {
      if (!isStray(mail, tasks[index])) continue
      // Exactly what was read before its task was: should others have gone on meanwhile, it is not that any more.
      const { key, tag } = mail
      const item = { frameworkId, shard, key }
      await env.store.commit(
        [{ do: 'remove', kind: 'mail', item, when: { name: 'tag', tag } }],
        env.ids.uuid(),
      )
    }
    after = page.next
  } while (after !== undefined)
}
