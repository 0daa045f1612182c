// What is wrong with a FrameworkInfo, judged at SUBSCRIBE and UPDATE_FRAMEWORK in Mesos's order (C40–C42, C47).
import { idError, roleError } from '../../protocol/ids.ts'
import type { FrameworkInfo, OfferFilters } from '../../protocol/messages.ts'
import { foreignRole, isCapable } from '../frameworks/roles.ts'
import { MAX_FRAMEWORK_BYTES } from '../limits.ts'
import { sizeOf } from './same.ts'

/** What is wrong with the info by itself; undefined if nothing is. An empty id is a new framework's. */
export function frameworkInfoError(info: FrameworkInfo): string | undefined {
  return (
    sizeError(info) ??
    rolesError(info) ??
    ownIdError(info) ??
    offerFiltersError(info) ??
    failoverTimeoutError(info)
  )
}

/** First of all: the others take their time with each role. */
function sizeError(info: FrameworkInfo): string | undefined {
  const size = sizeOf(info)
  return size > MAX_FRAMEWORK_BYTES
    ? `The framework's info has ${size} bytes, more than ${MAX_FRAMEWORK_BYTES}: name fewer roles and labels`
    : undefined
}

/** Suppressed roles must be roles of the framework. */
export function suppressedRolesError(info: FrameworkInfo, suppressed: readonly string[]): string | undefined {
  const foreign = foreignRole(info, suppressed)
  return foreign === undefined
    ? undefined
    : `Suppressed role '${foreign}' is not one of the framework's roles`
}

function rolesError(info: FrameworkInfo): string | undefined {
  const { role, roles = [] } = info
  if (isCapable(info, 'MULTI_ROLE')) {
    if (role !== undefined)
      return "A framework with MULTI_ROLE names its roles in 'roles', 'role' must not be set"
  } else if (roles.length > 0) {
    return "A framework without MULTI_ROLE names its one role in 'role', 'roles' must not be set"
  }
  const seen = new Set<string>()
  const duplicate = roles.find((name) => seen.size === seen.add(name).size)
  if (duplicate !== undefined) return `'roles' contains '${duplicate}' more than once`
  for (const name of roles) {
    const reason = roleError(name)
    if (reason !== undefined) return `'roles' contains an invalid role: ${reason}`
  }
  const reason = role === undefined ? undefined : roleError(role)
  return reason === undefined ? undefined : `'role' is not a valid role: ${reason}`
}

function ownIdError({ id }: FrameworkInfo): string | undefined {
  if (id === undefined || id.value === '') return undefined
  const reason = idError(id.value)
  return reason === undefined ? undefined : `The framework's id is not valid: ${reason}`
}

function offerFiltersError({ offer_filters = {} }: FrameworkInfo): string | undefined {
  for (const [role, filters] of Object.entries(offer_filters)) {
    const reason = quantitiesError(filters)
    if (reason !== undefined) return `The offer filters of role '${role}' are not valid: ${reason}`
  }
  return undefined
}

function quantitiesError({ min_allocatable_resources }: OfferFilters): string | undefined {
  for (const { quantities = {} } of min_allocatable_resources?.quantities ?? []) {
    const entries = Object.entries(quantities)
    if (entries.length === 0) return 'resource quantities must name at least one resource'
    for (const [name, { value }] of entries) {
      if (!isQuantity(value)) return `the quantity of '${name}' must be a finite number, 0 or more`
    }
  }
  return undefined
}

/** Subnormal numbers are refused as Mesos does: they are a mistake, and would round to nothing. */
function isQuantity(value: number): boolean {
  return Number.isFinite(value) && (value === 0 || value >= smallestNormal)
}

const smallestNormal = 2 ** -1022

/** Mesos counts it in 64-bit nanoseconds: about 292 years either way. Negative is accepted and means none. */
function failoverTimeoutError({ failover_timeout = 0 }: FrameworkInfo): string | undefined {
  const fits = Math.abs(failover_timeout) * 1e9 < 2 ** 63
  return fits
    ? undefined
    : `The framework's failover_timeout (${failover_timeout}) does not fit 64-bit nanoseconds`
}
