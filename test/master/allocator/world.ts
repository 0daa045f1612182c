// Agents and frameworks for tests of allocation, with only what matters spelled out.
import type { AgentView } from '../../../master/allocator/allocate.ts'
import type { AgentEntry, Framework, Ledger, Resources } from '../../../master/model.ts'
import { EMPTY_DIGEST } from '../../../protocol/digest.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType, Resource } from '../../../protocol/messages.ts'

export function cpusMem(cpus: number, mem: number): Resources {
  return [scalar('cpus', cpus), scalar('mem', mem)].filter(({ scalar }) => (scalar?.value ?? 0) > 0)
}

export function scalar(name: string, value: number, more: Partial<Resource> = {}): Resource {
  return { name, type: 'SCALAR', scalar: { value }, ...more }
}

export function ports(begin: number, end: number): Resource {
  return { name: 'ports', type: 'RANGES', ranges: { range: [{ begin, end }] } }
}

/** The same resources reserved to roles, the last refinement last. */
export function reserved(resources: Resources, ...roles: readonly string[]): Resources {
  return resources.map((resource) => ({
    ...resource,
    reservations: roles.map((role, index) => ({ type: index === 0 ? 'STATIC' : 'DYNAMIC', role }) as const),
  }))
}

export function agent(
  agentId: string,
  total: Resources,
  more: { readonly ledger?: Partial<Ledger>; readonly entry?: Partial<AgentEntry> } = {},
): AgentView {
  return { ledger: ledger(agentId, total, more.ledger), entry: entry(agentId, more.entry) }
}

export function ledger(agentId: string, total: Resources, more: Partial<Ledger> = {}): Ledger {
  return {
    version: 1,
    agentId,
    life: 'active',
    incarnation: 1,
    bootNonce: 'boot',
    lossNumber: 0,
    generation: 1,
    total,
    offers: {},
    holds: {},
    sums: {},
    digest: EMPTY_DIGEST,
    heardAt: 0,
    refusals: [],
    accepts: [],
    deactivated: false,
    beatShard: 0,
    indexShard: 0,
    ...more,
  }
}

export function entry(agentId: string, more: Partial<AgentEntry> = {}): AgentEntry {
  return {
    version: 1,
    agentId,
    shard: 0,
    info: { hostname: `${agentId}.example`, port: 5051 },
    address: { ip: '10.0.0.1', port: 5051 },
    agentVersion: '1.12.0',
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'HIERARCHICAL_ROLE' }, { type: 'RESERVATION_REFINEMENT' }],
    registeredAt: 0,
    commandQueueUrl: `queue/${agentId}`,
    life: 'active',
    ...more,
  }
}

export function framework(
  frameworkId: string,
  more: Partial<Omit<Framework, 'info'>> & {
    readonly roles?: readonly string[]
    readonly can?: readonly FrameworkInfoCapabilityType[]
    readonly info?: Partial<FrameworkInfo>
  } = {},
): Framework {
  const { roles = ['*'], can = [], info, ...rest } = more
  return {
    version: 1,
    frameworkId,
    info: {
      user: 'nobody',
      name: frameworkId,
      id: { value: frameworkId },
      roles,
      capabilities: [{ type: 'MULTI_ROLE' }, ...can.map((type) => ({ type }))],
      ...info,
    },
    epoch: 1,
    streamId: `stream/${frameworkId}`,
    state: 'connected',
    suppressedRoles: [],
    filterEpochs: {},
    gates: 1,
    shards: 1,
    registeredAt: 0,
    ...rest,
  }
}
