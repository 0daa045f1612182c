// NOTICE: an agent read in its machine's metadata that the machine will end; EventBridge says the same, maybe later.
import { drainOrderFor } from '../../master/agents/notice.ts'
import type { Notice, NoticeAnswer, NoticeCall } from '../../protocol/agent-messages.ts'
import { clusterTime, contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { drainAgent } from './drain.ts'
import type { Signed } from './identity.ts'
import { deactivateAgent } from './lifecycle.ts'
import { refusal } from './standing.ts'

/** Of an agent as it is now, and of its own machine only (A6). After the answer the notice needs no repeat. */
export async function takeNotice(env: Environment, call: Signed<NoticeCall>): Promise<NoticeAnswer> {
  const { cluster } = await contextOf(env)
  const ledger = await env.store.get('ledger', { agentId: call.agentId })
  const refused = refusal(ledger, call, cluster.timeline)
  if (refused !== undefined || ledger === undefined) return refused ?? { kind: 'register-again' }
  await drainByNotice(env, call.agentId, call.notice)
  return { kind: 'noticed' }
}

/** By what the ledger says now: notices repeat each other, and an operator's own drain may be stricter. */
export async function drainByNotice(env: Environment, agentId: string, notice: Notice): Promise<void> {
  const ledger = await env.store.get('ledger', { agentId })
  if (ledger === undefined) return
  const order = drainOrderFor(ledger, notice, env.settings.notices, await clusterTime(env))
  if (order === undefined) return
  const answer = await drainAgent(env, agentId, order)
  env.log.warn('drain by a notice', {
    agentId,
    instanceId: ledger.instanceId,
    notice: notice.kind,
    answer,
    ...order,
  })
  // An agent of before drains cannot end its tasks in order, but it need not get new ones.
  if (answer === 'not capable') await deactivateAgent(env, agentId)
}
