// The ends of sessions and of frameworks: disconnect, removal, and what follows them in bounded pieces.
//
//   connected --disconnect--> disconnected --failover_timeout--> removed
//       ^________subscribe________|              TEARDOWN ----------^
//
// Each arrow is one conditional write of the framework item; then every gate is raised (gates.ts); what is left is open
// work, named on the item, that anybody may go on with.
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { Framework, Lease } from '../model.ts'
import { raised } from './filter-epochs.ts'
import { rolesOf } from './roles.ts'

/**
 * Why a session ends. `closed`: a local socket was seen to close. `ended-by-us`: a piece of a stream came to its end and
 * no next one began. `lease-lapsed`: its reader was not heard of over two unbroken ticks.
 */
export type DisconnectReason = 'closed' | 'ended-by-us' | 'lease-lapsed'

export interface DisconnectLoaded {
  readonly framework: Framework
  /** The lease that was judged: with a lapsed one, a renewal in between voids the verdict. */
  readonly lease?: Lease | undefined
  /** The session that ends; absent means the present one. A later session is left alone (C53). */
  readonly epoch?: number | undefined
}

/**
 * Ends a session: its offers are void, its filters too (C58), and the time to its removal runs. Failover timeout 0 means
 * removal at once when the client itself went (C51); when we may have been the cause, it gets a fair chance to return
 * first (R10, C151): the stream grace is added.
 */
export function disconnect(
  { framework, lease, epoch = framework.epoch }: DisconnectLoaded,
  reason: DisconnectReason,
  { now, settings, cluster }: Context,
): Decision<'disconnected' | 'not connected'> {
  if (framework.state !== 'connected' || framework.epoch !== epoch) return nothing('not connected')
  const grace = reason === 'closed' ? 0 : settings.streamGraceMs
  const item: Framework = {
    ...framework,
    epoch: nextNumber(framework.epoch, cluster.timeline),
    state: 'disconnected',
    filterEpochs: raised(
      framework.filterEpochs,
      [...rolesOf(framework.info), ...Object.keys(framework.filterEpochs)],
      cluster.timeline,
    ),
    disconnectedAt: now,
    removeAt: now + grace + failoverTimeoutMs(framework),
    openWork: 'gates',
  }
  return {
    changes: [put(item), ...(reason === 'lease-lapsed' && lease !== undefined ? [stillLapsed(lease)] : [])],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }, { tell: 'allocator' }],
    answer: 'disconnected',
  }
}

/** Up to 292 years, which is exact enough as a number of milliseconds. Negative is none. */
function failoverTimeoutMs({ info }: Framework): number {
  return Math.max(0, (info.failover_timeout ?? 0) * 1000)
}

/** True if a disconnected framework is to be removed now. */
export function isDue(framework: Framework, now: number): boolean {
  return framework.state === 'disconnected' && framework.removeAt !== undefined && framework.removeAt <= now
}

/** Removes a framework for good: its id is never used again (C49, F50), its tasks are ended piece by piece. */
export function remove(
  framework: Framework,
  { now, cluster }: Context,
): Decision<'removed' | 'removed before'> {
  if (framework.state === 'removed') return nothing('removed before')
  const item: Framework = {
    ...framework,
    epoch: nextNumber(framework.epoch, cluster.timeline),
    state: 'removed',
    removedAt: now,
    removeAt: undefined,
    openWork: 'removal',
  }
  return {
    changes: [put(item)],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }, { tell: 'allocator' }],
    answer: 'removed',
  }
}

/** Notes that the open work of a framework is done: all gates raised, or all its tasks ended. */
export function workDone(framework: Framework): Change {
  return put({ ...framework, openWork: undefined })
}

function put(item: Framework): Change {
  return { do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }
}

/** The detector's own loss of hearing must not count as the reader's (lease-renewed-before-disconnect). */
function stillLapsed({ frameworkId, version }: Lease): Change {
  return { do: 'check', kind: 'lease', item: { frameworkId, version }, when: { name: 'unchanged' } }
}
