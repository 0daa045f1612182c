// EC2 as the control plane sees it: which state an instance is in, by its id. Silence of EC2 proves nothing (R9).
//
// The adapters for AWS are in ec2-query.ts (plain calls, for functions) and ec2-client.ts (the SDK), the one in memory in
// ec2-memory.ts; all are held to one contract (test/functions/ports/ec2.test.ts).
import type { InstanceSeen } from '../../master/detection/proof.ts'

export interface LookedUp {
  /** By instance id: only what EC2 said in this very look. An id it does not know, or was not asked for, is missing. */
  readonly seen: ReadonlyMap<string, InstanceSeen>
  /** Calls of DescribeInstances, retries not counted. */
  readonly calls: number
  /** Why there is no answer about some: throttled, not allowed, too slow. Absent: all were asked about. */
  readonly failed?: string | undefined
}

export interface Ec2 {
  /**
   * Asks about these instances and no others, in batches. Never throws: what could not be asked is missing, and
   * `failed` says why. Ends when the signal aborts, with what was seen until then.
   */
  lookUp(instanceIds: readonly string[], signal?: AbortSignal): Promise<LookedUp>
}

/** An Auto Scaling termination hook that waits for us. */
export interface LifecycleAction {
  readonly group: string
  readonly hook: string
  readonly token: string
}

export interface LifecycleActions {
  /**
   * Lets Auto Scaling go on with the termination. `over` also when the action is no longer waited for: it was
   * completed before, or its own time is up. Throws when Auto Scaling could not be asked.
   */
  complete(action: LifecycleAction, instanceId: string, signal?: AbortSignal): Promise<'completed' | 'over'>
}

/** Ids asked about in one call: EC2 takes two hundred values of a filter. */
export const INSTANCES_PER_CALL = 200

/** In the form EC2 gives its instances; anything else is not asked about. */
export function isInstanceId(text: string): boolean {
  return /^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(text)
}
