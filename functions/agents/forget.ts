// Agents lost long ago, or one too many of a list, are forgotten with all that was theirs (F17, F18).
import {
  forgetAgent,
  isForgettable,
  isQueueLeft,
  queueRemoved,
  surplusOf,
} from '../../master/agents/forget.ts'
import { nothing } from '../../master/decision.ts'
import type { AgentEntry, Ledger } from '../../master/model.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { inParallel } from './in-parallel.ts'
import { entryRef, loadItems } from './load.ts'

/**
 * One look at the lists. An agent that comes back all the same is admitted with its id, and with its tasks.
 * @param ledgers those this look has read; @param entries all agents there are
 */
export async function forgetLost(
  env: Environment,
  {
    now,
    ledgers,
    entries,
  }: {
    readonly now: number
    readonly ledgers: readonly Ledger[]
    readonly entries: readonly AgentEntry[]
  },
): Promise<void> {
  const { settings } = env
  const old = ledgers.filter((ledger) => isForgettable(ledger, { now, settings }))
  await inParallel(old, env.log, 'forget agent', ({ agentId }) => forget(env, agentId, false))
  const surplus = surplusOf(entries, settings)
  await inParallel(surplus, env.log, 'forget agent', (agentId) => forget(env, agentId, true))
  const left = ledgers.filter((ledger) => isQueueLeft(ledger, now))
  await inParallel(left, env.log, 'remove queue', ({ agentId }) => removeQueue(env, agentId))
}

/** Its queue first: found again by its ledger if this worker dies. One that came back in between has it again. */
async function forget(env: Environment, agentId: string, isSurplus: boolean): Promise<void> {
  const context = await contextOf(env)
  const before = await env.store.get('ledger', { agentId })
  if (before === undefined || !isForgettable(before, { ...context, isSurplus })) return
  await env.queues.removeAgentQueue(agentId)
  for (let isMore = true; isMore; ) {
    isMore = await transact(env, {
      name: 'forget agent',
      load: async () => {
        const ledger = await env.store.get('ledger', { agentId })
        if (ledger === undefined) return undefined
        const [entry, items] = await Promise.all([
          env.store.get('agent', entryRef(ledger)),
          loadItems(env, agentId),
        ])
        return { ledger, entry, ...items }
      },
      decide: (loaded) =>
        loaded === undefined ? nothing(false) : forgetAgent(loaded, { ...context, isSurplus }),
    })
  }
  const ledger = await env.store.get('ledger', { agentId })
  if (ledger !== undefined) await env.queues.ensureAgentQueue(agentId, ledger.instanceId)
}

async function removeQueue(env: Environment, agentId: string): Promise<void> {
  await env.queues.removeAgentQueue(agentId)
  const context = await contextOf(env)
  await transact(env, {
    name: 'queue of a gone agent',
    load: () => env.store.get('ledger', { agentId }),
    decide: (ledger) => queueRemoved(ledger, context),
  })
}
