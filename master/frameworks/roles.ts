// What a FrameworkInfo says of itself: its roles and its capabilities.
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../protocol/messages.ts'

/** True if the framework announced the capability. */
export function isCapable(info: FrameworkInfo, capability: FrameworkInfoCapabilityType): boolean {
  return (info.capabilities ?? []).some(({ type }) => type === capability)
}

/** The roles a framework is subscribed with: `roles` with MULTI_ROLE (may be none), else its one `role`. */
export function rolesOf(info: FrameworkInfo): readonly string[] {
  return isCapable(info, 'MULTI_ROLE') ? [...new Set(info.roles ?? [])] : [info.role ?? '*']
}

/** The first of the named roles that the framework is not subscribed with. */
export function foreignRole(info: FrameworkInfo, roles: readonly string[]): string | undefined {
  const own = new Set(rolesOf(info))
  return roles.find((role) => !own.has(role))
}
