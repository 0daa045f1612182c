// Agents of a restored table, page by page: each ledger counted anew; at the end all are asked to register.

import { nothing } from '../../master/decision.ts'
import type { AgentEntry, Restoring } from '../../master/model.ts'
import { recount, strayEntry } from '../../master/restore/agents.ts'
import { all } from '../../store/store.ts'
import { loadItems, loadPiece } from '../agents/load.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { tell } from '../tell.ts'
import { transact } from '../transact.ts'

const AGENTS_PER_STEP = 20
/** RUN items whose tasks are loaded in one go. */
const RUNS_AT_ONCE = 500

/** One page of a shard of the index; where the next one begins, or undefined after the last. */
export async function restoreAgents(
  env: Environment,
  { shard, after, asOf }: Pick<Restoring, 'after' | 'asOf'> & { readonly shard: number },
): Promise<string | undefined> {
  const page = await env.store.query('agents', { shard }, { after, limit: AGENTS_PER_STEP })
  for (const { item } of page.found) await restoreAgent(env, item, asOf)
  return page.next
}

async function restoreAgent(env: Environment, { agentId, shard }: AgentEntry, asOf: number): Promise<void> {
  const context = await contextOf(env)
  let isMore = true
  while (isMore) {
    isMore = await transact(env, {
      name: 'agent of a restored table',
      load: () => loadAgent(env, agentId, shard),
      decide: ({ entry, agent }) => {
        if (agent !== undefined) return recount({ ...agent, entry, asOf }, context)
        if (entry === undefined) return nothing(false)
        return { changes: [strayEntry(entry)], tell: [], answer: false }
      },
    })
  }
}

async function loadAgent(env: Environment, agentId: string, shard: number) {
  const [entry, items] = await Promise.all([
    env.store.get('agent', { agentId, shard }),
    loadItems(env, agentId),
  ])
  const piece = await loadPiece(env, agentId, items.runs.slice(0, RUNS_AT_ONCE))
  if (piece === undefined) return { entry, agent: undefined }
  const tasks = new Map(piece.tasks)
  const frameworks = new Map(piece.frameworks)
  for (let from = RUNS_AT_ONCE; from < items.runs.length; from += RUNS_AT_ONCE) {
    const more = await loadPiece(env, agentId, items.runs.slice(from, from + RUNS_AT_ONCE))
    for (const [key, task] of more?.tasks ?? []) tasks.set(key, task)
    for (const [key, framework] of more?.frameworks ?? []) frameworks.set(key, framework)
  }
  return { entry, agent: { ...items, ledger: piece.ledger, tasks, frameworks } }
}

/** Beats find out as well, but later: an agent whose beats say nothing new is asked after two of them. */
export async function askAllToRegister(env: Environment): Promise<void> {
  for (let shard = 0; shard < env.settings.agentIndexShards; shard++) {
    const entries = await all(env.store, 'agents', { shard })
    const there = entries.filter(({ item: { life } }) => life !== 'gone')
    await tell(
      env,
      there.map(({ item: { agentId } }) => ({ tell: 'agent', agentId, nudge: { kind: 'register' } })),
    )
  }
}
