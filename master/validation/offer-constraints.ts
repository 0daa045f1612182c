// What is wrong with the offer constraints a framework sets (C76); the allocator applies them.
import type {
  FrameworkInfo,
  SchedulerAttributeConstraint,
  SchedulerOfferConstraints,
} from '../../protocol/messages.ts'
import { rolesOf } from '../frameworks/roles.ts'
import { MAX_FRAMEWORK_BYTES } from '../limits.ts'
import { sizeOf } from './same.ts'

/** What is wrong with the constraints of a framework with this info; undefined if nothing is. */
export function offerConstraintsError(
  info: FrameworkInfo,
  constraints: SchedulerOfferConstraints | undefined,
): string | undefined {
  const size = constraints === undefined ? 0 : sizeOf(constraints)
  if (size > MAX_FRAMEWORK_BYTES)
    return `The offer constraints have ${size} bytes, more than ${MAX_FRAMEWORK_BYTES}`
  const roles = new Set(rolesOf(info))
  for (const [role, { groups = [] }] of Object.entries(constraints?.role_constraints ?? {})) {
    if (!roles.has(role)) {
      return `Offer constraints are set for role '${role}', which is not one of the framework's roles`
    }
    if (groups.length === 0) return `The offer constraints of role '${role}' have no group`
    for (const { attribute_constraints = [] } of groups) {
      if (attribute_constraints.length === 0)
        return `The offer constraints of role '${role}' have an empty group`
      for (const constraint of attribute_constraints) {
        const reason = constraintError(constraint)
        if (reason !== undefined) return `An offer constraint of role '${role}' is not valid: ${reason}`
      }
    }
  }
  return undefined
}

function constraintError({ selector, predicate }: SchedulerAttributeConstraint): string | undefined {
  if (selector.attribute_name === undefined && selector.pseudoattribute_type === undefined) {
    return 'the selector names neither an attribute nor a pseudoattribute'
  }
  if (selector.pseudoattribute_type === 'UNKNOWN') return 'the pseudoattribute is unknown'
  if (predicate.text_matches !== undefined || predicate.text_not_matches !== undefined) {
    // RE2 bounds time and memory (A28); a backtracking engine in its place would be an attack surface.
    return 'regular expressions are not supported yet, use text_equals or text_not_equals'
  }
  return Object.values(predicate).some((body) => body !== undefined) ? undefined : 'the predicate is unknown'
}
