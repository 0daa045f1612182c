// SYNC: the whole list of what the agent shall run; nothing is concluded from a list that is not whole.
import { isWhole, pageOf } from '../../master/agents/sync.ts'
import type { SyncAnswer, SyncCall } from '../../protocol/agent-messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { loadFrameworks, loadItems } from './load.ts'
import { passOnAsBeat, refusal } from './standing.ts'

/** A list that changes while it is read is read again this often, then the agent comes back (torn-list). */
const MAX_READS = 3
const RETRY_MS = 200

export async function sync(env: Environment, call: SyncCall): Promise<SyncAnswer> {
  const { cluster } = await contextOf(env)
  for (let read = 0; read < MAX_READS; read++) {
    // The ledger first: whatever belongs to its generation is there when the items are read.
    const ledger = await env.store.get('ledger', { agentId: call.agentId })
    const refused = refusal(ledger, call, cluster.timeline)
    if (refused !== undefined || ledger === undefined) return refused ?? { kind: 'register-again' }
    if (read === 0) await passOnAsBeat(env, ledger)
    const { runs, executors } = await loadItems(env, call.agentId)
    if (!isWhole(ledger, runs)) continue
    const ids = [...runs, ...executors].map(({ frameworkId }) => frameworkId)
    return pageOf({ ledger, runs, executors, frameworks: await loadFrameworks(env, ids) }, call.after)
  }
  env.log.warn('list torn', { agentId: call.agentId, reads: MAX_READS })
  return { kind: 'not-yet', retryAfterMs: RETRY_MS }
}
