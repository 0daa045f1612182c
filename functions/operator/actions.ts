// What operators do to agents and frameworks: the fact is committed first, and its work begun at once.
import type { ActivationAnswer } from '../../master/agents/deactivate.ts'
import { allowed } from '../../master/authorization/acls.ts'
import type { Context } from '../../master/context.ts'
import { nothing } from '../../master/decision.ts'
import { remove } from '../../master/frameworks/lifecycle.ts'
import type { Framework } from '../../master/model.ts'
import { fromGoogleDuration } from '../../protocol/durations.ts'
import { idError } from '../../protocol/ids.ts'
import type { Duration, MasterCallDrainAgent } from '../../protocol/messages.ts'
import { drainAgent } from '../agents/drain.ts'
import { markAgentGone } from '../agents/lifecycle.ts'
import { type Asker, FORBIDDEN, noteRefusal } from '../authorize.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { afterRemoval } from '../scheduler/disconnect.ts'
import { transact } from '../transact.ts'
import { DONE, type Outcome, refuse } from './outcome.ts'

/**
 * TEARDOWN: 400 for a framework that is not there (any more), 403 for one of a principal that the asker has no right
 * over; who has not a right over all learns not which of them it was (A25).
 */
export async function teardown(env: Environment, frameworkId: string, asker: Asker = {}): Promise<Outcome> {
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'operator teardown',
    load: async () =>
      idError(frameworkId) === undefined ? await env.store.get('framework', { frameworkId }) : undefined,
    decide: (framework) => {
      if (!mayEnd(context, asker, framework)) return nothing('forbidden' as const)
      return framework === undefined ? nothing('unknown' as const) : remove(framework, context)
    },
  })
  if (answer === 'forbidden') {
    noteRefusal(env, asker, 'teardown_frameworks', frameworkId)
    return refuse(403, FORBIDDEN)
  }
  if (answer !== 'removed') return refuse(400, 'There is no framework with this id')
  await afterRemoval(env, frameworkId)
  return DONE
}

/** Whoever may end a framework may end its tasks. An unknown one is nobody's. */
export function mayEnd(
  { settings }: Pick<Context, 'settings'>,
  { principal }: Asker,
  framework: Framework | undefined,
): boolean {
  return allowed(settings.acls, 'teardown_frameworks', principal, framework?.principal)
}

/** MARK_AGENT_GONE: its id never comes back (S14). 503 while another loss of the agent is being worked off. */
export async function markGone(env: Environment, agentId: string): Promise<Outcome> {
  switch (await markAgentGone(env, agentId)) {
    case 'gone':
      return DONE
    case 'unknown agent':
      return refuse(404, 'There is no agent with this id')
    case 'busy':
      return refuse(503, 'The agent is just being marked unreachable or removed; try again')
  }
}

/** DEACTIVATE_AGENT and REACTIVATE_AGENT. */
export async function changeAgent(
  env: Environment,
  agentId: string,
  change: (env: Environment, agentId: string) => Promise<ActivationAnswer>,
): Promise<Outcome> {
  switch (await change(env, agentId)) {
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

/** DRAIN_AGENT: 200 once it is written down; how far it is, GET_AGENTS says. */
export async function drain(env: Environment, call: MasterCallDrainAgent | undefined): Promise<Outcome> {
  const { agent_id, max_grace_period, mark_gone = false } = call ?? {}
  const maxGraceMs = max_grace_period === undefined ? undefined : graceMs(max_grace_period)
  if (maxGraceMs !== undefined && !(maxGraceMs >= 0)) {
    return refuse(400, "The field 'max_grace_period' must be a duration of zero or more")
  }
  const answer = await drainAgent(env, agent_id?.value ?? '', { maxGraceMs, markGone: mark_gone })
  switch (answer) {
    case 'draining':
      return DONE
    case 'unknown agent':
      return refuse(400, 'There is no agent with this id')
    case 'not capable':
      return refuse(400, 'The agent is too old to be drained; deactivate it and kill its tasks')
    case 'being marked gone':
      return refuse(409, 'The agent is just being marked gone')
  }
}

function graceMs(grace: Duration): number {
  return Number(fromGoogleDuration(grace).nanoseconds) / 1e6
}
