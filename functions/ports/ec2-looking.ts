// What both adapters of EC2 do alike: batches of ids, what an instance's state is called, what a failure is called.
import type { InstanceSeen, InstanceState } from '../../master/detection/proof.ts'
import { INSTANCES_PER_CALL, isInstanceId, type LookedUp } from './ec2.ts'

/** A call that takes longer counts as no answer, ms. */
export const CALL_TIMEOUT_MS = 2_000

/**
 * Asks about one batch, by a filter and not by ids: there one id that EC2 does not know fails the call for all the
 * others. `note` takes what an answer says of an instance. The number of calls made, which is that of the pages.
 */
export type Describe = (
  batch: readonly string[],
  note: (instanceId: string | undefined, seen: InstanceSeen) => void,
) => Promise<number>

/** One batch after the other; see `Ec2.lookUp`. */
export async function lookUpInBatches(instanceIds: readonly string[], describe: Describe): Promise<LookedUp> {
  const ids = [...new Set(instanceIds)].filter(isInstanceId)
  const seen = new Map<string, InstanceSeen>()
  let calls = 0
  for (let start = 0; start < ids.length; start += INSTANCES_PER_CALL) {
    const batch = ids.slice(start, start + INSTANCES_PER_CALL)
    const asked = new Set(batch)
    try {
      calls += await describe(batch, (id, one) => {
        if (id !== undefined && asked.has(id)) seen.set(id, one)
      })
    } catch (error) {
      // One failure is enough: the next would be throttled or refused as well.
      return { seen, calls: calls + 1, failed: reasonOf(error) }
    }
  }
  return { seen, calls }
}

const STATES: ReadonlySet<string> = new Set<InstanceState>([
  'pending',
  'running',
  'shutting-down',
  'terminated',
  'stopping',
  'stopped',
])

/** An instance as an answer describes it; a state nobody knows yet is `unknown`. */
export function seenAs(state: string | undefined, why: string | undefined): InstanceSeen {
  // The set holds exactly the names of the type.
  const known = STATES.has(state ?? '') ? (state as InstanceState) : 'unknown'
  return why === undefined || why === '' ? { state: known } : { state: known, why }
}

/** For people: what went wrong with a call. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'EC2 did not answer in time'
  return `${error.name}: ${error.message}`
}
