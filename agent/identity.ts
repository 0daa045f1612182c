// Whether an agent that starts again is still the same machine to the control plane (F33).
import type { AgentInfo, Attribute, DomainInfo } from '../protocol/messages.ts'
import { contains, equal } from '../protocol/resources.ts'

/** Mesos: --reconfiguration_policy. */
export type Reconfiguration = 'equal' | 'additive'

/** A sentence on what differs too much, or undefined. */
export function identityProblem(
  before: AgentInfo,
  now: AgentInfo,
  policy: Reconfiguration,
): string | undefined {
  if (before.hostname !== now.hostname) {
    return `This agent was ${before.hostname} before and is ${now.hostname} now`
  }
  if (!keepsDomain(before.domain, now.domain, policy)) {
    return `This agent was in ${domainText(before.domain)} before and is in ${domainText(now.domain)} now`
  }
  const [resources, attributes] = [before.resources ?? [], before.attributes ?? []]
  if (policy === 'equal') {
    if (!equal(resources, now.resources ?? [])) return 'This agent had other resources before'
    if (!sameAttributes(attributes, now.attributes ?? [])) return 'This agent had other attributes before'
    return undefined
  }
  if (!contains(now.resources ?? [], resources)) return 'This agent had more resources before than it has now'
  const lost = attributes.find((attribute) => !keeps(now.attributes ?? [], attribute))
  return lost === undefined ? undefined : `The attribute ${lost.name} of this agent is gone or smaller`
}

/** Additive: an agent that was in no domain may be put into one, and stays there. */
function keepsDomain(
  before: DomainInfo | undefined,
  now: DomainInfo | undefined,
  policy: Reconfiguration,
): boolean {
  return domainText(before) === domainText(now) || (policy === 'additive' && before === undefined)
}

function domainText(domain: DomainInfo | undefined): string {
  const { region, zone } = domain?.fault_domain ?? {}
  return zone === undefined ? 'no fault domain' : `zone ${zone.name} of region ${region?.name}`
}

function sameAttributes(left: readonly Attribute[], right: readonly Attribute[]): boolean {
  const texts = (list: readonly Attribute[]) => list.map((one) => JSON.stringify(one)).sort()
  return texts(left).join('\n') === texts(right).join('\n')
}

/** Additive: scalars not smaller, ranges and sets still covered, texts equal. */
function keeps(now: readonly Attribute[], before: Attribute): boolean {
  return now.some((attribute) => {
    if (attribute.name !== before.name || attribute.type !== before.type) return false
    if (before.type === 'SCALAR') return (attribute.scalar?.value ?? 0) >= (before.scalar?.value ?? 0)
    if (before.type === 'TEXT') return attribute.text?.value === before.text?.value
    const asResource = (one: Attribute) => [
      { name: one.name, type: one.type, ranges: one.ranges, set: one.set },
    ]
    return contains(asResource(attribute), asResource(before))
  })
}
