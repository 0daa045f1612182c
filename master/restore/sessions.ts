// Frameworks of a restored table: their sessions are over, and each gets a fair time to return.
import { nextNumber, timelineOf } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { raised } from '../frameworks/filter-epochs.ts'
import { rolesOf } from '../frameworks/roles.ts'
import type { Framework, Lease, LossHead } from '../model.ts'

/** Who is sent away through no fault of its own has at least Mesos's least re-register time to come back. */
const RETURN_MS = 10 * 60_000

/**
 * Ends a framework's session, whatever it was; its gates are to be raised next. A removed one stays removed, and its
 * removal is gone through once more: the table may hold half of it.
 */
export function endSession(
  loaded: {
    readonly framework: Framework | undefined
    readonly lease: Lease | undefined
    readonly lossHead: LossHead | undefined
  },
  { now, cluster: { timeline } }: Context,
): Decision<Framework | undefined> {
  const { framework, lease, lossHead } = loaded
  if (framework === undefined || timelineOf(framework.epoch) >= timeline) return nothing(framework)
  const epoch = nextNumber(framework.epoch, timeline)
  const roles = [...rolesOf(framework.info), ...Object.keys(framework.filterEpochs)]
  const item: Framework =
    framework.state === 'removed'
      ? { ...framework, epoch, openWork: 'removal' }
      : {
          ...framework,
          epoch,
          state: 'disconnected',
          filterEpochs: raised(framework.filterEpochs, roles, timeline),
          disconnectedAt: now,
          removeAt: now + Math.max(RETURN_MS, (framework.info.failover_timeout ?? 0) * 1_000),
          openWork: 'gates',
        }
  const changes: Change[] = [{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }]
  const last = lossHead?.last ?? 0
  // A place beyond the end of LOSSES would leave out the next losses (restore-tears-a-transaction).
  if (lease !== undefined && lease.lossesTold > last) {
    changes.push({
      do: 'put',
      kind: 'lease',
      item: { ...lease, lossesTold: last },
      when: { name: 'unchanged' },
    })
  }
  return { changes, tell: [], answer: { ...item, version: item.version + 1 } }
}
