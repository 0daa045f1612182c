// Writes resources for people, in flags, messages and tables: `cpus:4; mem:4096; ports(web):[31000-32000]`.

import type { Resource, ResourceDiskInfo, ResourceReservationInfo } from './messages.ts'
import { upgrade } from './resource-format.ts'
import type { Resources } from './resources.ts'
import { formatNumber, formatRanges } from './value-text.ts'

/** Writes resources for people; without dynamic reservations and disks the text reads back as the same. */
export function formatResources(resources: Resources): string {
  return resources.map(formatResource).join('; ')
}

/** Writes one resource for people: `cpus:4`, `cpus(web):4`, `disk(allocated: web)(reservations: …)[id:/path]:64`. */
export function formatResource(given: Resource): string {
  const resource = upgrade(given)
  return [
    resource.name,
    resource.allocation_info?.role === undefined ? '' : `(allocated: ${resource.allocation_info.role})`,
    formatReservations(resource.reservations ?? []),
    resource.disk === undefined ? '' : `[${formatDisk(resource.disk)}]`,
    resource.revocable === undefined ? '' : '{REV}',
    resource.shared === undefined ? '' : '<SHARED>',
    `:${formatAmount(resource)}`,
  ].join('')
}

function formatReservations(reservations: readonly ResourceReservationInfo[]): string {
  const [first, second] = reservations
  if (first === undefined) return ''
  if (second === undefined && first.type === 'STATIC') return `(${first.role})`
  const words = reservations.map(
    ({ type, role, principal }) =>
      `(${[type, role, principal].filter((word) => word !== undefined).join(',')})`,
  )
  return `(reservations: [${words.join(',')}])`
}

function formatDisk({ source, persistence, volume }: ResourceDiskInfo): string {
  const root = source?.path?.root ?? source?.mount?.root
  const words = [
    source && [source.type, source.id, root].filter((word) => word !== undefined).join(':'),
    persistence && [persistence.id, volume?.container_path].filter((word) => word !== undefined).join(':'),
  ]
  return words.filter((word) => word !== undefined).join(',')
}

function formatAmount({ type, scalar, ranges, set }: Resource): string {
  switch (type) {
    case 'SCALAR':
      return formatNumber(scalar?.value ?? 0)
    case 'RANGES':
      return formatRanges(ranges?.range ?? [])
    case 'SET':
      return `{${(set?.item ?? []).join(', ')}}`
    case 'TEXT':
      return ''
  }
}
