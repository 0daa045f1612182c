// The two ways to write a reservation, and the one we keep: the list `reservations` of refined frameworks.
//
//   state               refined framework (kept)                     other framework
//   unreserved          nothing                                      role "*"
//   static to r         reservations [{STATIC, r}]                   role r
//   dynamic to r        reservations [{DYNAMIC, r, …}]               role r, reservation {principal, labels}
//   refined r, r/x      reservations [{…, r}, {DYNAMIC, r/x}]        cannot be written, so never offered

import { type FieldDescriptor, fieldsOf, kindOf } from './descriptor.ts'
import type { MessageTypes, Resource, ResourceReservationInfo } from './messages.ts'

/** The kept form of a resource that is written either way; expects what `resourceError` finds sound. */
export function upgrade(resource: Resource): Resource {
  if (resource.role === undefined && resource.reservation === undefined) return resource
  const { role = '*', reservation, ...rest } = resource
  if (rest.reservations !== undefined && rest.reservations.length > 0) return rest
  if (role === '*') return rest
  if (reservation === undefined) return { ...rest, reservations: [{ type: 'STATIC', role }] }
  return { ...rest, reservations: [{ ...reservation, type: 'DYNAMIC', role }] }
}

/** The form for a framework without RESERVATION_REFINEMENT; undefined if it has none. */
export function downgrade(resource: Resource): Resource | undefined {
  const { reservations = [], ...rest } = resource
  const [only, refinement] = reservations
  if (refinement !== undefined) return undefined
  if (only === undefined) return { ...rest, role: '*' }
  const { role = '*', type, ...reservation } = only
  return type === 'STATIC' ? { ...rest, role } : { ...rest, role, reservation }
}

/** All resources in the form for a framework without RESERVATION_REFINEMENT, without those that have none. */
export function downgradeAll(resources: readonly Resource[]): Resource[] {
  return resources.map(downgrade).filter((resource) => resource !== undefined)
}

/** The reservation in force, which is the last refinement. */
export function reservationOf(resource: Resource): ResourceReservationInfo | undefined {
  return resource.reservations?.at(-1)
}

/** The role a resource is reserved to, `*` if to none. */
export function reservationRole(resource: Resource): string {
  return reservationOf(resource)?.role ?? '*'
}

/** Applies a function to every resource anywhere in a message; where it yields undefined the resource is left out. */
export function mapResources<N extends keyof MessageTypes>(
  typeName: N,
  message: MessageTypes[N],
  change: (resource: Resource) => Resource | undefined,
): MessageTypes[N] {
  // The walk follows the fields of the type and leaves their shape as it was.
  return mapFields(typeName, message as Fields, change) as MessageTypes[N]
}

type Fields = Readonly<Record<string, unknown>>
type Change = (resource: Resource) => Resource | undefined

const resourceType = 'mesos.v1.Resource'

function mapFields(typeName: string, message: Fields, change: Change): Fields {
  let changed: Record<string, unknown> | undefined
  for (const field of fieldsWithResources(typeName)) {
    const value = message[field.name]
    if (value === undefined) continue
    const mapped = mapField(field, value, change)
    if (mapped === value) continue
    changed ??= { ...message }
    changed[field.name] = mapped
  }
  return changed ?? message
}

function mapField(field: FieldDescriptor, value: unknown, change: Change): unknown {
  if (field.rule !== 'repeated') return mapValue(field, value as Fields, change)
  return (value as readonly Fields[])
    .map((item) => mapValue(field, item, change))
    .filter((item) => item !== undefined)
}

function mapValue(field: FieldDescriptor, value: Fields, change: Change): unknown {
  return field.type === resourceType
    ? change(value as unknown as Resource)
    : mapFields(field.type, value, change)
}

const pathsToResources = new Map<string, readonly FieldDescriptor[]>()

/** The fields of a message in which resources can occur; no map of the API leads to one. */
function fieldsWithResources(typeName: string): readonly FieldDescriptor[] {
  const known = pathsToResources.get(typeName)
  if (known !== undefined) return known
  const fields = fieldsOf(typeName).filter(
    (field) => field.rule !== 'map' && leadsToResources(field.type, new Set()),
  )
  pathsToResources.set(typeName, fields)
  return fields
}

function leadsToResources(type: string, seen: Set<string>): boolean {
  if (type === resourceType) return true
  if (kindOf(type) !== 'message' || seen.has(type)) return false
  seen.add(type)
  return fieldsOf(type).some((field) => field.rule !== 'map' && leadsToResources(field.type, seen))
}
