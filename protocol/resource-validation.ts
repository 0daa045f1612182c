// Says what is wrong with a resource, before it is upgraded or reckoned with.

import { toThousandths } from './fixed-point.ts'
import { idError, isStrictSubroleOf, roleError } from './ids.ts'
import type { Resource, ResourceDiskInfo, ValueRange } from './messages.ts'
import { formatResource } from './resource-text.ts'

/** What is wrong with the first unsound resource of a list in either format; undefined if all are sound. */
export function resourcesError(resources: readonly Resource[]): string | undefined {
  for (const resource of resources) {
    const reason = resourceError(resource)
    if (reason !== undefined) return `Resource '${formatResource(resource)}' is invalid: ${reason}`
  }
  return undefined
}

/** What is wrong with one resource in either format; undefined if it is sound. */
export function resourceError(resource: Resource): string | undefined {
  return (
    nameError(resource) ??
    valueError(resource) ??
    reservationsError(resource) ??
    allocationError(resource) ??
    diskError(resource) ??
    sharedError(resource)
  )
}

function nameError({ name }: Resource): string | undefined {
  return name === '' ? 'Empty resource name' : undefined
}

function valueError(resource: Resource): string | undefined {
  const values = [resource.scalar, resource.ranges, resource.set].filter((value) => value !== undefined)
  if (values.length > 1) return `More than one value beside type ${resource.type}`
  switch (resource.type) {
    case 'SCALAR':
      return resource.scalar
        ? scalarError(resource.name, resource.scalar.value)
        : 'Invalid scalar resource: no value'
    case 'RANGES':
      return resource.ranges ? rangesError(resource.ranges.range ?? []) : 'Invalid ranges resource: no value'
    case 'SET':
      return resource.set ? setError(resource.set.item ?? []) : 'Invalid set resource: no value'
    case 'TEXT':
      return 'A resource can not be of type TEXT'
  }
}

/** A literal 0 is sound, what merely rounds to 0 is not: it would look like something and be nothing. */
function scalarError(name: string, value: number): string | undefined {
  const thousandths = toThousandths(value)
  if (value < 0 || (thousandths === 0 && value !== 0)) return 'Invalid scalar resource: value <= 0'
  if (!Number.isSafeInteger(thousandths)) return 'Invalid scalar resource: value is too large'
  if (name === 'gpus' && thousandths % 1000 !== 0) return "The 'gpus' resource must be an unsigned integer"
  return undefined
}

function rangesError(ranges: readonly ValueRange[]): string | undefined {
  const sorted: [number, number][] = []
  for (const { begin, end } of ranges) {
    // Ports are counted in plain numbers; no machine has names for so many of anything else.
    if (typeof begin === 'bigint' || typeof end === 'bigint')
      return 'Invalid ranges resource: bound is too large'
    if (begin > end) return 'Invalid ranges resource: begin > end'
    sorted.push([begin, end])
  }
  sorted.sort((left, right) => left[0] - right[0])
  const overlaps = sorted.some(([begin], index) => index > 0 && begin <= (sorted[index - 1]?.[1] ?? -1))
  return overlaps ? 'Invalid ranges resource: overlapping ranges' : undefined
}

function setError(items: readonly string[]): string | undefined {
  return new Set(items).size < items.length ? 'Invalid set resource: duplicated elements' : undefined
}

function reservationsError(resource: Resource): string | undefined {
  const { role, reservation, reservations = [] } = resource
  if (role !== undefined && roleError(role) !== undefined) return roleError(role)
  if (reservation !== undefined && (role ?? '*') === '*') {
    return "Invalid reservation: the role '*' cannot be reserved"
  }
  if (reservation?.role !== undefined && reservation.role !== role) {
    return "Invalid reservation: 'reservation.role' differs from 'role'"
  }
  return refinementsError(resource) ?? (reservations.length === 0 ? undefined : mixedError(resource))
}

function refinementsError({ reservations = [] }: Resource): string | undefined {
  for (const [index, { role, type }] of reservations.entries()) {
    if (type !== 'STATIC' && type !== 'DYNAMIC')
      return "Invalid reservation: 'type' must be STATIC or DYNAMIC"
    if (role === undefined) return "Invalid reservation: 'role' is absent"
    if (role === '*') return "Invalid reservation: the role '*' cannot be reserved"
    if (roleError(role) !== undefined) return `Invalid reservation: ${roleError(role)}`
    const above = reservations[index - 1]?.role
    if (above === undefined) continue
    if (type === 'STATIC') return 'Invalid refined reservation: a refinement must be DYNAMIC'
    if (!isStrictSubroleOf(role, above)) {
      return `Invalid refined reservation: role '${role}' is not below role '${above}'`
    }
  }
  return undefined
}

/** Both formats at once are allowed when they say the same. */
function mixedError({ role, reservation, reservations = [] }: Resource): string | undefined {
  if (role === undefined && reservation === undefined) return undefined
  const [only, refinement] = reservations
  if (refinement !== undefined) return "'role' and 'reservation' can not be used with refined reservations"
  if (only?.role !== role) return "'role' differs from the role in 'reservations'"
  if ((only?.type === 'DYNAMIC') !== (reservation !== undefined))
    return "'reservation' differs from 'reservations'"
  if (reservation === undefined) return undefined
  const agrees =
    reservation.principal === only?.principal &&
    JSON.stringify(reservation.labels?.labels ?? []) === JSON.stringify(only?.labels?.labels ?? [])
  return agrees ? undefined : "'reservation' differs from 'reservations'"
}

function allocationError({ allocation_info }: Resource): string | undefined {
  if (allocation_info?.role === undefined) return undefined
  const reason = roleError(allocation_info.role)
  return reason === undefined ? undefined : `Invalid allocation: ${reason}`
}

function diskError(resource: Resource): string | undefined {
  const { disk } = resource
  if (disk === undefined) return undefined
  if (resource.name !== 'disk') return `DiskInfo should not be set for ${resource.name} resource`
  if (disk.persistence !== undefined) return sourceError(disk) ?? volumeError(resource, disk)
  if (disk.volume !== undefined) return 'A volume without persistence is not supported'
  return disk.source === undefined ? 'DiskInfo is set but empty' : sourceError(disk)
}

function sourceError({ source }: ResourceDiskInfo): string | undefined {
  if (source === undefined) return undefined
  if (source.type === 'UNKNOWN') return "Unsupported 'disk.source.type' UNKNOWN"
  const isRawOrBlock = source.type === 'RAW' || source.type === 'BLOCK'
  if (isRawOrBlock && source.mount !== undefined)
    return `'disk.source.mount' can not be set for a ${source.type} disk`
  if (isRawOrBlock && source.path !== undefined)
    return `'disk.source.path' can not be set for a ${source.type} disk`
  return undefined
}

function volumeError(resource: Resource, disk: ResourceDiskInfo): string | undefined {
  if (resource.revocable !== undefined) return 'Persistent volumes cannot be created from revocable resources'
  const isReserved = (resource.reservations?.length ?? 0) > 0 || (resource.role ?? '*') !== '*'
  if (!isReserved) return 'Persistent volumes cannot be created from unreserved resources'
  if (disk.volume === undefined) return "Expecting 'volume' to be set for a persistent volume"
  if (disk.volume.mode !== 'RW') return "Expecting 'volume.mode' to be RW for a persistent volume"
  if (disk.volume.host_path !== undefined)
    return "Expecting 'volume.host_path' to be unset for a persistent volume"
  const reason = idError(disk.persistence?.id ?? '')
  return reason === undefined ? undefined : `Persistence ID of a persistent volume is invalid: ${reason}`
}

function sharedError(resource: Resource): string | undefined {
  if (resource.shared === undefined || resource.disk?.persistence !== undefined) return undefined
  return 'Only persistent volumes can be shared'
}
