// What an operator, the cloud or the agent itself asks of an agent's life: gone, unreachable, unregistered, deactivated.
import { type ActivationAnswer, deactivate, reactivate } from '../../master/agents/deactivate.ts'
import { type LossReason, loseAgent } from '../../master/agents/lost.ts'
import { offeredTo } from '../../master/agents/offers.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { AgentEntry, Beats, Ledger } from '../../master/model.ts'
import type { UnregisterAnswer, UnregisterCall } from '../../protocol/agent-messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { tell } from '../tell.ts'
import { transact } from '../transact.ts'
import { entryRef, loadFrameworks } from './load.ts'
import { finishLosses } from './open-work.ts'

interface Loaded {
  readonly ledger: Ledger | undefined
  readonly beats: Beats | undefined
  readonly entry: AgentEntry | undefined
  readonly frameworks: Awaited<ReturnType<typeof loadFrameworks>>
}

/**
 * Writes the fact of a loss; its open work is to be finished with `finishLosses`. `judge` looks at the ledger and
 * beats once more in the transaction's own load: false leaves the agent alone.
 */
export async function lose(
  env: Environment,
  agentId: string,
  why: LossReason,
  judge: (ledger: Ledger, beats: Beats | undefined) => boolean = () => true,
  options: { readonly beatsMustStay?: boolean } = {},
): Promise<'lost' | 'void'> {
  const context = await contextOf(env)
  return await transact(env, {
    name: `agent ${why}`,
    load: () => load(env, agentId),
    decide: ({ beats, ...loaded }): Decision<'lost' | 'void'> => {
      if (loaded.ledger === undefined || !judge(loaded.ledger, beats)) return nothing('void')
      return loseAgent(options.beatsMustStay ? { ...loaded, judged: beats } : loaded, why, context)
    },
  })
}

async function load(env: Environment, agentId: string): Promise<Loaded> {
  const ledger = await env.store.get('ledger', { agentId })
  if (ledger === undefined) return { ledger, beats: undefined, entry: undefined, frameworks: new Map() }
  const [[beats, entry], frameworks] = await Promise.all([
    env.store.load([
      { kind: 'beats', ref: { shard: ledger.beatShard } },
      { kind: 'agent', ref: entryRef(ledger) },
    ]),
    loadFrameworks(env, offeredTo(ledger)),
  ])
  return { ledger, beats, entry, frameworks }
}

/**
 * MARK_AGENT_GONE: for good (C119, F13). An agent that is alive is told to shut down, now and whenever it registers.
 * A repeat finds it gone and is fine.
 */
export async function markAgentGone(env: Environment, agentId: string): Promise<'gone' | 'unknown agent'> {
  const before = await env.store.get('ledger', { agentId })
  if (before === undefined) return 'unknown agent'
  // A loss under way is finished first: its words come before those of the end.
  await finishLosses(env, [agentId])
  await lose(env, agentId, 'gone')
  await tell(env, [
    { tell: 'agent', agentId, nudge: { kind: 'shutdown', why: 'The agent was marked gone by an operator' } },
  ])
  await finishLosses(env, [agentId])
  return 'gone'
}

/** UNREGISTER: the agent has ended its tasks and leaves; they are TASK_LOST for everybody (A.5). */
export async function unregister(env: Environment, call: UnregisterCall): Promise<UnregisterAnswer> {
  await finishLosses(env, [call.agentId])
  await lose(env, call.agentId, 'removed', ({ incarnation }) => incarnation === call.incarnation)
  await finishLosses(env, [call.agentId])
  return { kind: 'unregistered' }
}

/** DEACTIVATE_AGENT. */
export async function deactivateAgent(env: Environment, agentId: string): Promise<ActivationAnswer> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'deactivate agent',
    load: () => load(env, agentId),
    decide: ({ ledger, frameworks }) => deactivate(ledger, frameworks, context),
  })
}

/** REACTIVATE_AGENT. */
export async function reactivateAgent(env: Environment, agentId: string): Promise<ActivationAnswer> {
  return await transact(env, {
    name: 'reactivate agent',
    load: () => env.store.get('ledger', { agentId }),
    decide: reactivate,
  })
}
