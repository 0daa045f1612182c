// SUPPRESS: no further offers for the roles until REVIVE; those outstanding stay usable (C68, C69).
import type { SchedulerCallSuppress } from '../../protocol/messages.ts'
import { type Decision, nothing } from '../decision.ts'
import { foreignRole, rolesOf } from '../frameworks/roles.ts'
import type { Framework } from '../model.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** No roles are all roles; one foreign role makes the whole call silent. */
export function suppress(
  { framework }: { readonly framework: Framework },
  { roles = [] }: SchedulerCallSuppress,
): Decision<CallAnswer> {
  if (foreignRole(framework.info, roles) !== undefined) return nothing(ACCEPTED)
  const asked = roles.length > 0 ? roles : rolesOf(framework.info)
  const before = new Set(framework.suppressedRoles)
  const fresh = [...new Set(asked)].filter((role) => !before.has(role))
  if (fresh.length === 0) return nothing(ACCEPTED)
  const item: Framework = { ...framework, suppressedRoles: [...framework.suppressedRoles, ...fresh] }
  return {
    changes: [{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }],
    tell: [],
    answer: ACCEPTED,
  }
}
