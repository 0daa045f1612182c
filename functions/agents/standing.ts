// Whether a call comes from an agent as it is now: its incarnation is the ledger's and its life allows it.
import type { CallHeard } from '../../master/detection/beats.ts'
import type { Ledger } from '../../master/model.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'

interface Caller {
  readonly agentId: string
  readonly incarnation: number
}

export type Refusal =
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  | { readonly kind: 'register-again' }
  | { readonly kind: 'shutdown'; readonly why: string }

const RETRY_MS = 500

/** Why a SYNC or UPDATES call cannot be taken now; undefined: it can. */
export function refusal(ledger: Ledger | undefined, caller: Caller): Refusal | undefined {
  if (ledger === undefined) return { kind: 'register-again' }
  if (ledger.life === 'gone') {
    return { kind: 'shutdown', why: `Agent ${ledger.agentId} was marked gone and cannot come back` }
  }
  if (ledger.life === 'unreachable' || ledger.life === 'removed') return { kind: 'register-again' }
  if (ledger.incarnation !== caller.incarnation) return { kind: 'register-again' }
  if (ledger.openWork !== undefined) return { kind: 'not-yet', retryAfterMs: RETRY_MS }
  return ledger.life === 'returning' ? { kind: 'register-again' } : undefined
}

/**
 * Sends a call on as a beat, into the agent's group and behind its own beats, if the last one is getting old (R15):
 * one path, one order, one writer. It may get lost, as a beat may.
 */
export async function passOnAsBeat(env: Environment, ledger: Ledger): Promise<void> {
  const { agentId, incarnation, beatShard } = ledger
  try {
    const [beats, now] = await Promise.all([env.store.get('beats', { shard: beatShard }), clusterTime(env)])
    const last = beats?.agents[agentId]
    const isFresh = last?.incarnation === incarnation && now - last.stamp < env.settings.profile.timeoutMs / 3
    if (isFresh) return
    const heard: CallHeard = { kind: 'call', agentId, incarnation }
    await env.queues.send('heartbeats', JSON.stringify(heard), {
      group: String(beatShard),
      deduplicationId: env.ids.random(),
    })
  } catch (error) {
    env.log.warn('call not passed on as a beat', { agentId, error: String(error) })
  }
}
