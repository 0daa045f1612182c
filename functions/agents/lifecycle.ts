// What an operator, the cloud or the agent itself asks of an agent's life: gone, unreachable, unregistered, deactivated. Drains: drain.ts.
import { type ActivationAnswer, deactivate, reactivate } from '../../master/agents/deactivate.ts'
import { type LossReason, loseAgent } from '../../master/agents/lost.ts'
import { offeredTo } from '../../master/agents/offers.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { AgentEntry, Beats, Ledger } from '../../master/model.ts'
import type { UnregisterAnswer, UnregisterCall } from '../../protocol/agent-messages.ts'
import { idError } from '../../protocol/ids.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { tell } from '../tell.ts'
import { transact } from '../transact.ts'
import { foreign, type Signed } from './identity.ts'
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
  options: { readonly beatsMustStay?: boolean; readonly says?: string } = {},
): Promise<'lost' | 'void'> {
  const context = await contextOf(env)
  return await transact(env, {
    name: `agent ${why}`,
    load: () => loadAgent(env, agentId),
    decide: ({ beats, ...found }): Decision<'lost' | 'void'> => {
      if (found.ledger === undefined || !judge(found.ledger, beats)) return nothing('void')
      const loaded = { ...found, says: options.says }
      return loseAgent(options.beatsMustStay ? { ...loaded, judged: beats } : loaded, why, context)
    },
  })
}

/** A ledger with what stands beside it, and the frameworks its offers are with. */
export async function loadAgent(env: Environment, agentId: string): Promise<Loaded> {
  const ledger = await loadLedger(env, agentId)
  if (ledger === undefined)
    return { ledger: undefined, beats: undefined, entry: undefined, frameworks: new Map() }
  const [[beats, entry], frameworks] = await Promise.all([
    env.store.load([
      { kind: 'beats', ref: { shard: ledger.beatShard } },
      { kind: 'agent', ref: entryRef(ledger) },
    ]),
    loadFrameworks(env, offeredTo(ledger)),
  ])
  return { ledger, beats, entry, frameworks }
}

/** Anything can come as an id; only a sound one may become a key. */
async function loadLedger(env: Environment, agentId: string): Promise<Ledger | undefined> {
  return idError(agentId) === undefined ? await env.store.get('ledger', { agentId }) : undefined
}

/**
 * MARK_AGENT_GONE: for good, also of an agent that is out of reach (C119, F13, S14). An agent that is alive is told to
 * shut down, now and whenever it registers. A repeat finds it gone and finishes what an earlier call left open.
 * `busy`: another loss of the agent came in between; ask again.
 */
export async function markAgentGone(
  env: Environment,
  agentId: string,
  why = 'The agent was marked gone by an operator',
): Promise<'gone' | 'unknown agent' | 'busy'> {
  if ((await loadLedger(env, agentId)) === undefined) return 'unknown agent'
  // A loss under way is finished first: its words come before those of the end.
  await finishLosses(env, [agentId])
  await lose(env, agentId, 'gone', ({ openWork }) => openWork?.kind !== 'loss')
  const after = await loadLedger(env, agentId)
  if (after === undefined) return 'unknown agent'
  if (after.life !== 'gone') return 'busy'
  await endGone(env, agentId, why)
  return 'gone'
}

/** What follows the fact that an agent is gone: it is told, and its tasks are worked off. */
export async function endGone(env: Environment, agentId: string, why: string): Promise<void> {
  await tell(env, [{ tell: 'agent', agentId, nudge: { kind: 'shutdown', why } }])
  await finishLosses(env, [agentId])
}

/** UNREGISTER: the agent has ended its tasks and leaves; they are TASK_LOST for everybody (A.5). */
export async function unregister(env: Environment, call: Signed<UnregisterCall>): Promise<UnregisterAnswer> {
  await finishLosses(env, [call.agentId])
  const isItself = (ledger: Ledger) =>
    ledger.incarnation === call.incarnation && foreign(ledger, call) === undefined
  await lose(env, call.agentId, 'removed', isItself)
  await finishLosses(env, [call.agentId])
  return { kind: 'unregistered' }
}

/** DEACTIVATE_AGENT. */
export async function deactivateAgent(env: Environment, agentId: string): Promise<ActivationAnswer> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'deactivate agent',
    load: () => loadAgent(env, agentId),
    decide: ({ ledger, frameworks }) => deactivate(ledger, frameworks, context),
  })
}

/** REACTIVATE_AGENT. */
export async function reactivateAgent(env: Environment, agentId: string): Promise<ActivationAnswer> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'reactivate agent',
    load: () => loadLedger(env, agentId),
    decide: (ledger) => reactivate(ledger, context),
  })
}
