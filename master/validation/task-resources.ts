// What is wrong with the resources and limits of a task or executor, apart from whether they fit the offers.
import type { Resource, TaskInfo } from '../../protocol/messages.ts'
import { resourcesError } from '../../protocol/resource-validation.ts'
import { quantities } from '../../protocol/resources.ts'

/** What is wrong with a list of resources asked for in a role; undefined if nothing is. May be in either format. */
export function askedResourcesError(resources: readonly Resource[], role: string): string | undefined {
  return (
    resourcesError(resources) ??
    roleReason(resources, role) ??
    volumesReason(resources) ??
    revocableReason(resources)
  )
}

/** All must be allocated to the role of the offers; absent says nothing else. */
function roleReason(resources: readonly Resource[], role: string): string | undefined {
  const other = resources.find(({ allocation_info }) => (allocation_info?.role ?? role) !== role)
  if (other === undefined) return undefined
  return `Resource '${other.name}' is allocated to role '${other.allocation_info?.role}', the offers are for role '${role}'`
}

/** One volume can be in one place only, unless it is shared. */
function volumesReason(resources: readonly Resource[]): string | undefined {
  const seen = new Set<string>()
  for (const { disk, shared } of resources) {
    const id = disk?.persistence?.id
    if (id === undefined || shared !== undefined) continue
    if (seen.has(id)) return `Persistence ID '${id}' is used more than once`
    seen.add(id)
  }
  return undefined
}

function revocableReason(resources: readonly Resource[]): string | undefined {
  const revocable = new Set(resources.filter((each) => each.revocable !== undefined).map(({ name }) => name))
  const mixed = resources.find((each) => each.revocable === undefined && revocable.has(each.name))
  return mixed === undefined ? undefined : `'${mixed.name}' is asked for both revocable and not`
}

/** What is wrong with a task's limits on an agent that can or can not keep them; undefined if nothing is. */
export function limitsError({ limits, resources = [] }: TaskInfo, agentCan: boolean): string | undefined {
  const entries = Object.entries(limits ?? {})
  if (entries.length === 0) return undefined
  if (!agentCan) return 'The agent does not have the capability TASK_RESOURCE_LIMITS'
  const asked = quantities(resources)
  for (const [name, { value }] of entries) {
    if (name !== 'cpus' && name !== 'mem')
      return `A limit for '${name}' is not supported, only for cpus and mem`
    const request = asked[name]
    if (request === undefined) return `The limit for '${name}' needs a request for it`
    // Written so that a value that is no number is refused too.
    if (!(value * 1000 >= request)) return `The limit for '${name}' is below its request`
  }
  return undefined
}
