// Resources, attributes and words as the endpoints of old spell them: flat amounts, `slave` for agent.

import type { Resources } from '../../../master/model.ts'
import { formatAttributeValue } from '../../../protocol/attributes.ts'
import type { Attribute, Resource } from '../../../protocol/messages.ts'
import { reservationOf } from '../../../protocol/resource-format.ts'
import { add } from '../../../protocol/resources.ts'
import { formatRanges } from '../../../protocol/value-text.ts'

export type Json = Readonly<Record<string, unknown>>

/** `{"cpus":4,"gpus":0,"mem":1024,"disk":0,"ports":"[31000-32000]"}`: the four scalars are always there. */
export function flat(resources: Resources): Json {
  return { cpus: 0, gpus: 0, mem: 0, disk: 0, ...present(resources) }
}

/** As `flat`, only with what there is; quantities of roles are written so. */
export function present(resources: Resources): Json {
  const found: Record<string, unknown> = {}
  const plain = resources.map(({ name, type, scalar, ranges, set, revocable }) => ({
    name: revocable === undefined ? name : `${name}_revocable`,
    type,
    ...(scalar === undefined ? {} : { scalar }),
    ...(ranges === undefined ? {} : { ranges }),
    ...(set === undefined ? {} : { set }),
  }))
  for (const resource of add(plain)) found[resource.name] = amountOf(resource)
  return found
}

function amountOf(resource: Resource): unknown {
  switch (resource.type) {
    case 'RANGES':
      return formatRanges(resource.ranges?.range ?? [])
    case 'SET':
      return `{${(resource.set?.item ?? []).join(', ')}}`
    default:
      return resource.scalar?.value ?? 0
  }
}

/** Reserved resources by the role they are reserved to. */
export function byReservation(resources: Resources): ReadonlyMap<string, Resources> {
  return Map.groupBy(resources.filter(isReserved), (resource) => reservationOf(resource)?.role ?? '*')
}

export function unreserved(resources: Resources): Resources {
  return resources.filter((resource) => !isReserved(resource))
}

function isReserved(resource: Resource): boolean {
  return reservationOf(resource) !== undefined
}

/** Whole resources in the format of endpoints: both ways to write a reservation at once, where there are both. */
export function full(resources: Resources): readonly Resource[] {
  return resources.map((resource) => {
    const { reservations = [] } = resource
    if (reservations.length > 1) return resource
    const [only] = reservations
    if (only === undefined) return { ...resource, role: '*' }
    const { role = '*', type, principal, labels } = only
    if (type === 'STATIC') return { ...resource, role }
    const reservation = {
      ...(principal === undefined ? {} : { principal }),
      ...(labels === undefined ? {} : { labels }),
    }
    return { ...resource, role, reservation }
  })
}

/** Attributes by name: scalars as numbers, everything else as text. */
export function attributes(list: readonly Attribute[]): Json {
  return Object.fromEntries(
    list.map((attribute) => [
      attribute.name,
      attribute.type === 'SCALAR' ? (attribute.scalar?.value ?? 0) : formatAttributeValue(attribute),
    ]),
  )
}

/** `REASON_AGENT_REMOVED` was `REASON_SLAVE_REMOVED`, and so on. */
export function oldWord(word: string): string {
  return word.replace(/_AGENT\b|_AGENT_/, (found) => found.replace('AGENT', 'SLAVE'))
}

/** Seconds since 1970 with a fraction. */
export function seconds(ms: number): number {
  return ms / 1000
}
