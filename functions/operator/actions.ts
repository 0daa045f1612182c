// What operators do to agents and frameworks: the fact is committed first, and its work begun at once.
import { deactivate, reactivate } from '../../master/agents/deactivate.ts'
import { loseAgent } from '../../master/agents/lost.ts'
import { nothing } from '../../master/decision.ts'
import { remove } from '../../master/frameworks/lifecycle.ts'
import type { Ledger } from '../../master/model.ts'
import { idError } from '../../protocol/ids.ts'
import { entryRef, loadFrameworks } from '../agents/load.ts'
import { finishLosses } from '../agents/open-work.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { afterRemoval } from '../scheduler/disconnect.ts'
import { tell } from '../tell.ts'
import { transact } from '../transact.ts'
import { DONE, type Outcome, refuse } from './outcome.ts'

/** TEARDOWN: 400 for a framework that is not there (any more). */
export async function teardown(env: Environment, frameworkId: string): Promise<Outcome> {
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'operator teardown',
    load: async () => (isId(frameworkId) ? await env.store.get('framework', { frameworkId }) : undefined),
    decide: (framework) =>
      framework === undefined ? nothing('unknown' as const) : remove(framework, context),
  })
  if (answer !== 'removed') return refuse(400, 'There is no framework with this id')
  await afterRemoval(env, frameworkId)
  return DONE
}

/**
 * MARK_AGENT_GONE: also of an unreachable agent; its id never comes back (S14). 503 while another loss of the agent is
 * being worked off.
 */
export async function markAgentGone(env: Environment, agentId: string): Promise<Outcome> {
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'mark agent gone',
    load: () => loadAgent(env, agentId),
    decide: ({ ledger, entry, frameworks }) => {
      if (ledger === undefined) return nothing('unknown' as const)
      if (ledger.openWork?.kind === 'loss' && ledger.life !== 'gone') return nothing('busy' as const)
      return loseAgent({ ledger, entry, frameworks }, 'gone', context)
    },
  })
  switch (answer) {
    case 'unknown':
      return refuse(404, 'There is no agent with this id')
    case 'busy':
      await finishLosses(env, [agentId])
      return refuse(503, 'The agent is just being marked unreachable or removed; try again')
    // Gone already: what an earlier call may have left open is finished.
    case 'void':
    case 'lost':
      await tell(env, [
        {
          tell: 'agent',
          agentId,
          nudge: { kind: 'shutdown', why: 'The agent was marked gone by an operator' },
        },
      ])
      await finishLosses(env, [agentId])
      return DONE
  }
}

/** DEACTIVATE_AGENT and REACTIVATE_AGENT. */
export async function changeAgent(
  env: Environment,
  agentId: string,
  what: 'deactivate' | 'reactivate',
): Promise<Outcome> {
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: `${what} agent`,
    load: () => loadAgent(env, agentId),
    decide: ({ ledger, frameworks }) => {
      if (what === 'deactivate') return deactivate(ledger, frameworks, context)
      return ledger !== undefined && ledger.life !== 'gone' && !ledger.deactivated
        ? nothing('not deactivated' as const)
        : reactivate(ledger)
    },
  })
  switch (answer) {
    case 'done':
      return DONE
    case 'unknown agent':
    case 'gone':
      return refuse(400, 'There is no agent with this id')
    case 'not deactivated':
      return refuse(400, 'The agent is not deactivated')
    case 'draining':
      return refuse(400, 'The agent is still draining; it can be reactivated when it has drained')
    case 'not registered now':
      return refuse(409, 'The agent is not registered now; it will be offered when it comes back')
  }
}

async function loadAgent(env: Environment, agentId: string) {
  const ledger = isId(agentId) ? await env.store.get('ledger', { agentId }) : undefined
  if (ledger === undefined) return { ledger: undefined, entry: undefined, frameworks: new Map() }
  const [entry, frameworks] = await Promise.all([
    env.store.get('agent', entryRef(ledger)),
    loadFrameworks(env, offeredTo(ledger)),
  ])
  return { ledger, entry, frameworks }
}

function offeredTo({ offers }: Ledger): readonly string[] {
  return [...new Set(Object.values(offers).map(({ frameworkId }) => frameworkId))]
}

/** Anything can come as an id; only a sound one may become a key. */
function isId(text: string): boolean {
  return idError(text) === undefined
}
