// Offer constraints: a framework says per role which agents it wants offers of, by their attributes (C76).
import type {
  Attribute,
  SchedulerAttributeConstraint,
  SchedulerAttributeConstraintPredicate,
  SchedulerAttributeConstraintSelector,
  SchedulerOfferConstraints,
} from '../../protocol/messages.ts'
import type { AgentEntry } from '../model.ts'

/**
 * True if the agent may be offered to the role: one group passes whose constraints all pass, or the role has none.
 */
export function meetsConstraints(
  constraints: SchedulerOfferConstraints | undefined,
  role: string,
  agent: AgentEntry,
): boolean {
  const ofRole = constraints?.role_constraints
  if (ofRole === undefined || !Object.hasOwn(ofRole, role)) return true
  return (ofRole[role]?.groups ?? []).some((group) =>
    (group.attribute_constraints ?? []).every((constraint) => passes(constraint, agent)),
  )
}

function passes({ selector, predicate }: SchedulerAttributeConstraint, agent: AgentEntry): boolean {
  const selected = select(selector, agent)
  return typeof selected === 'object' ? passesOther(predicate) : passesText(predicate, selected)
}

/** The selected text, an attribute that is no text, or undefined if there is none. */
function select(
  selector: SchedulerAttributeConstraintSelector,
  { info }: AgentEntry,
): string | Attribute | undefined {
  switch (selector.pseudoattribute_type) {
    case 'HOSTNAME':
      return info.hostname
    case 'REGION':
      return info.domain?.fault_domain?.region.name
    case 'ZONE':
      return info.domain?.fault_domain?.zone.name
    default: {
      const attribute = info.attributes?.find(({ name }) => name === selector.attribute_name)
      return attribute?.type === 'TEXT' ? (attribute.text?.value ?? '') : attribute
    }
  }
}

/** What is there and is no text passes everything but the wish that it be absent, as in Mesos. */
function passesOther(predicate: SchedulerAttributeConstraintPredicate): boolean {
  return predicate.not_exists === undefined
}

function passesText(predicate: SchedulerAttributeConstraintPredicate, text: string | undefined): boolean {
  if (predicate.exists !== undefined) return text !== undefined
  if (predicate.not_exists !== undefined) return text === undefined
  if (predicate.text_equals !== undefined) return text === predicate.text_equals.value
  if (predicate.text_not_equals !== undefined) return text !== predicate.text_not_equals.value
  // Regular expressions are refused when they are set; offering against a wish we cannot read would be worse.
  return false
}
