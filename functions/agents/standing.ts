// Whether a call comes from an agent as it is now: its incarnation is the ledger's and its life allows it.
import type { CallHeard } from '../../master/detection/beats.ts'
import type { Ledger } from '../../master/model.ts'
import { timelineOf } from '../../protocol/numbering.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { foreign } from './identity.ts'

interface Caller {
  readonly agentId: string
  readonly incarnation: number
  /** The instance that signed the call, where signatures count. */
  readonly signer?: string | undefined
}

export type Refusal =
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  | { readonly kind: 'register-again' }
  | { readonly kind: 'shutdown'; readonly why: string }

const RETRY_MS = 500

/**
 * Why a SYNC or UPDATES call cannot be taken now; undefined: it can. In a new timeline an agent's list counts before
 * anything else, also of one that the restore has not seen (restore-tears-a-transaction).
 */
export function refusal(ledger: Ledger | undefined, caller: Caller, timeline: number): Refusal | undefined {
  if (ledger === undefined) return { kind: 'register-again' }
  const stranger = foreign(ledger, caller)
  if (stranger !== undefined) return { kind: 'shutdown', why: stranger }
  if (ledger.life === 'gone') {
    return { kind: 'shutdown', why: `Agent ${ledger.agentId} was marked gone and cannot come back` }
  }
  if (ledger.life === 'unreachable' || ledger.life === 'removed') return { kind: 'register-again' }
  if (ledger.incarnation !== caller.incarnation) return { kind: 'register-again' }
  if (timelineOf(ledger.incarnation) < timeline) return { kind: 'register-again' }
  if (ledger.openWork !== undefined) return { kind: 'not-yet', retryAfterMs: RETRY_MS }
  return ledger.life === 'returning' ? { kind: 'register-again' } : undefined
}

/** Agents remembered per process. */
const MAX_REMEMBERED = 10_000

/** What was sent is believed in for this part of the time for which what was written is. */
const SENT_COUNTS = 3

/** Until when an agent's beat is surely young enough, by `agentId/incarnation`, in cluster time: advice, per process. */
const freshUntil = new WeakMap<Environment['store'], Map<string, number>>()

/**
 * Sends a call on as a beat, into the agent's group and behind its own beats, if the last one is getting old (R15):
 * one path, one order, one writer. It may get lost, as a beat may: a call a moment later looks whether it has been
 * written, and sends another if not. A suspect is asked at every tick, and has few of them.
 */
export async function passOnAsBeat(env: Environment, ledger: Ledger): Promise<void> {
  const { agentId, incarnation, beatShard } = ledger
  const known = freshUntil.get(env.store) ?? new Map<string, number>()
  freshUntil.set(env.store, known)
  const name = `${agentId}/${incarnation}`
  const oldMs = env.settings.profile.timeoutMs / 3
  try {
    const now = await clusterTime(env)
    const until = known.get(name)
    // A clock that was set back makes no beat young.
    if (until !== undefined && now < until && until - now <= oldMs) return
    const last = (await env.store.get('beats', { shard: beatShard }))?.agents[agentId]
    const stamp = last?.incarnation === incarnation ? last.stamp : undefined
    if (stamp !== undefined && now - stamp < oldMs) return remember(known, name, stamp + oldMs)
    const heard: CallHeard = { kind: 'call', agentId, incarnation }
    await env.queues.send('heartbeats', JSON.stringify(heard), {
      group: String(beatShard),
      deduplicationId: env.ids.random(),
    })
    remember(known, name, now + oldMs / SENT_COUNTS)
  } catch (error) {
    env.log.warn('call not passed on as a beat', { agentId, error: String(error) })
  }
}

/** The one remembered longest is the first to go. */
function remember(known: Map<string, number>, name: string, until: number): void {
  known.delete(name)
  known.set(name, until)
  const [oldest] = known.keys()
  if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest)
}
