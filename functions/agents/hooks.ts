// Termination hooks of Auto Scaling that wait for agents: let go when the agent is drained, or when time is up.
import { awaitHook, forgetHook, isHookOver } from '../../master/agents/hook.ts'
import type { Ledger, LifecycleHook } from '../../master/model.ts'
import { clusterTime, contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { inParallel } from './in-parallel.ts'

/** The fact first: whoever comes by later knows that somebody waits. */
export async function noteHook(
  env: Environment,
  agentId: string,
  hook: Omit<LifecycleHook, 'until'>,
): Promise<void> {
  const context = await contextOf(env)
  await transact(env, {
    name: 'termination hook',
    load: () => env.store.get('ledger', { agentId }),
    decide: (ledger) => awaitHook(ledger, hook, context),
  })
}

/** Lets go what is over. Done twice, Auto Scaling waits no more, which is as good; without an answer, the next look asks. */
export async function finishHooks(env: Environment, ledgers: readonly Ledger[]): Promise<void> {
  const now = await clusterTime(env)
  const over = ledgers.filter((ledger) => isHookOver(ledger, now))
  await inParallel(over, env.log, 'termination hook', (ledger) => letGo(env, ledger))
}

async function letGo(env: Environment, { agentId, instanceId, lifecycle }: Ledger): Promise<void> {
  if (env.ec2 === undefined || lifecycle === undefined || instanceId === undefined) return
  const { group, hook, token } = lifecycle
  const outcome = await env.ec2.complete({ group, hook, token }, instanceId)
  env.log.info('termination hook completed', { agentId, instanceId, group, hook, outcome })
  await transact(env, {
    name: 'termination hook over',
    load: () => env.store.get('ledger', { agentId }),
    decide: (ledger) => forgetHook(ledger, token),
  })
}
