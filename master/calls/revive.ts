// REVIVE: the framework wants offers again, also those it refused (C67, C69).
import type { SchedulerCallRevive } from '../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { raised } from '../frameworks/filter-epochs.ts'
import { foreignRole, rolesOf } from '../frameworks/roles.ts'
import type { Framework } from '../model.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** No roles are all roles; one foreign role makes the whole call silent. */
export function revive(
  { framework }: { readonly framework: Framework },
  { roles = [] }: SchedulerCallRevive,
  { cluster }: Context,
): Decision<CallAnswer> {
  if (foreignRole(framework.info, roles) !== undefined) return nothing(ACCEPTED)
  const revived = new Set(roles.length > 0 ? roles : rolesOf(framework.info))
  const item: Framework = {
    ...framework,
    suppressedRoles: framework.suppressedRoles.filter((role) => !revived.has(role)),
    filterEpochs: raised(framework.filterEpochs, revived, cluster.timeline),
  }
  return {
    changes: [{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }],
    tell: [{ tell: 'allocator' }],
    answer: ACCEPTED,
  }
}
