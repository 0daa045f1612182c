// What EC2's word about an instance proves of its agent: only `terminated` is death (R9).
//
//   pending, running           alive         impaired or not: beats decide
//   shutting-down, stopping    look again    the way down; what is at its end is still open
//   stopped                    stopped       unreachable at once, and the same id may return
//   terminated                 dead          gone: it never comes back
//   not found, no answer       look again    an id is known late, forgotten an hour after death, or hidden by a permission
import type { Ledger } from '../model.ts'

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'

/** What DescribeInstances said of one instance. */
export interface InstanceSeen {
  /** As EC2 spells it; a state of a later day is looked at again. */
  readonly state: InstanceState | 'unknown'
  /** `StateTransitionReason` or the code of `StateReason`, for people. */
  readonly why?: string | undefined
}

export type Proof = 'alive' | 'stopped' | 'dead' | 'look-again'

export function proofOf(seen: InstanceSeen | undefined): Proof {
  switch (seen?.state) {
    case 'terminated':
      return 'dead'
    case 'stopped':
      return 'stopped'
    case 'pending':
    case 'running':
      return 'alive'
    case 'shutting-down':
    case 'stopping':
    case 'unknown':
    case undefined:
      return 'look-again'
  }
}

/** What a look-up was about; the agent may have registered, or become lost, while EC2 was asked. */
export type LookedAt = Pick<Ledger, 'instanceId' | 'incarnation' | 'lossNumber'>

/**
 * Whether a proof still speaks of this ledger. Death is for ever, whatever the agent did meanwhile; a machine that was
 * stopped may have been started again, and then its agent has registered (stopped-then-started).
 */
export function stillProves(proof: Proof, now: LookedAt, then: LookedAt): boolean {
  if (now.instanceId === undefined || now.instanceId !== then.instanceId) return false
  if (proof === 'dead') return true
  return proof === 'stopped' && now.incarnation === then.incarnation && now.lossNumber === then.lossNumber
}

/** The sentence the framework reads with its task's end. */
export function sentenceOf(proof: 'dead' | 'stopped', instanceId: string, seen: InstanceSeen): string {
  const why = seen.why === undefined || seen.why === '' ? '' : ` (${seen.why})`
  return proof === 'dead'
    ? `EC2 has terminated the agent’s instance ${instanceId}${why}; it will not come back`
    : `EC2 has stopped the agent’s instance ${instanceId}${why}`
}
