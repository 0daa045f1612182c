// The cluster in the messages of the v1 operator API: agents, frameworks, tasks, executors, roles.
import { durationInfo, timeInfo } from '../../protocol/durations.ts'
import { ancestors } from '../../protocol/ids.ts'
import type {
  DrainInfo,
  MasterResponseGetAgents,
  MasterResponseGetAgentsAgent,
  MasterResponseGetExecutors,
  MasterResponseGetFrameworks,
  MasterResponseGetFrameworksFramework,
  MasterResponseGetRoles,
  MasterResponseGetState,
  MasterResponseGetTasks,
  Offer,
} from '../../protocol/messages.ts'
import { reservationOf } from '../../protocol/resource-format.ts'
import { add } from '../../protocol/resources.ts'
import { rolesOf } from '../frameworks/roles.ts'
import { MAX_COMPLETED_TASKS_PER_FRAMEWORK, MAX_UNREACHABLE_TASKS_PER_FRAMEWORK } from '../limits.ts'
import type { Drain, Resources } from '../model.ts'
import type { ClusterView, Held, ShownAgent, ShownFramework, ShownOffer, ShownTask } from './view.ts'

export function getState(view: ClusterView): MasterResponseGetState {
  return {
    get_tasks: getTasks(view),
    get_executors: getExecutors(view),
    get_frameworks: getFrameworks(view),
    get_agents: getAgents(view),
  }
}

export function getAgents(view: ClusterView): MasterResponseGetAgents {
  return { agents: view.agents.map(agentMessage) }
}

export function getFrameworks(view: ClusterView): MasterResponseGetFrameworks {
  const message = (framework: ShownFramework) => frameworkMessage(framework, view)
  return {
    frameworks: view.frameworks.map(message),
    completed_frameworks: view.completedFrameworks.map(message),
  }
}

export function getExecutors(view: ClusterView): MasterResponseGetExecutors {
  return {
    executors: view.executors.map(({ agentId, frameworkId, info, charged, role }) => ({
      executor_info: {
        ...info,
        framework_id: { value: frameworkId },
        resources: charged.map((resource) => ({ ...resource, allocation_info: { role } })),
      },
      agent_id: { value: agentId },
    })),
  }
}

/** `pending_tasks` and `orphan_tasks` are of older days and always empty. */
export function getTasks(view: ClusterView): MasterResponseGetTasks {
  const of = (place: ShownTask['place']) =>
    [...view.frameworks, ...view.completedFrameworks].flatMap((framework) =>
      tasksAt(framework, place).map(({ mesos }) => mesos),
    )
  return {
    pending_tasks: [],
    tasks: of('live'),
    completed_tasks: of('completed'),
    orphan_tasks: [],
    unreachable_tasks: of('unreachable'),
  }
}

/** A framework's tasks of one list, the oldest first; of those that are over or away the latest thousand. */
export function tasksAt({ tasks }: ShownFramework, place: ShownTask['place']): readonly ShownTask[] {
  const found = tasks
    .filter((task) => task.place === place)
    .toSorted((a, b) => a.task.createdAt - b.task.createdAt || (a.task.taskId < b.task.taskId ? -1 : 1))
  if (place === 'completed') return found.slice(-MAX_COMPLETED_TASKS_PER_FRAMEWORK)
  return place === 'unreachable' ? found.slice(-MAX_UNREACHABLE_TASKS_PER_FRAMEWORK) : found
}

/** A registered agent; whether it is offered to anybody is `active` and not `deactivated`. */
export function agentMessage({ entry, ledger, used, offered }: ShownAgent): MasterResponseGetAgentsAgent {
  return {
    agent_info: { ...entry.info, id: { value: entry.agentId } },
    active: isActive({ ledger }),
    deactivated: ledger.deactivated,
    version: entry.agentVersion,
    pid: pidOf({ entry }),
    registered_time: timeInfo(entry.registeredAt),
    ...(entry.reregisteredAt === undefined ? {} : { reregistered_time: timeInfo(entry.reregisteredAt) }),
    total_resources: ledger.total,
    allocated_resources: sumOf(used),
    offered_resources: sumOf(offered),
    capabilities: entry.capabilities,
    ...(ledger.drain === undefined
      ? {}
      : {
          drain_info: drainInfo(ledger.drain),
          estimated_drain_start_time: timeInfo(ledger.drain.since),
        }),
  }
}

/** Connected and in service: an agent that is just returning, or that an operator closed, is not. */
export function isActive({ ledger }: Pick<ShownAgent, 'ledger'>): boolean {
  return ledger.life === 'active' && !ledger.deactivated
}

/** How Mesos names an agent's process. */
export function pidOf({ entry: { address } }: Pick<ShownAgent, 'entry'>): string {
  return `slave(1)@${address.ip}:${address.port}`
}

/** As agents are listed, here and in the older documents. */
export function drainInfo({ state, maxGraceMs, markGone }: Drain): DrainInfo {
  return {
    state,
    config: {
      ...(maxGraceMs === undefined ? {} : { max_grace_period: durationInfo(maxGraceMs) }),
      mark_gone: markGone,
    },
  }
}

export function frameworkMessage(
  { framework, used, offered }: ShownFramework,
  view: Pick<ClusterView, 'agents'>,
): MasterResponseGetFrameworksFramework {
  const { info, state, registeredAt, reregisteredAt, removedAt, offerConstraints } = framework
  return {
    framework_info: info,
    active: state === 'connected',
    connected: state === 'connected',
    recovered: false,
    registered_time: timeInfo(registeredAt),
    // Mesos writes it from the beginning.
    reregistered_time: timeInfo(reregisteredAt ?? registeredAt),
    ...(removedAt === undefined ? {} : { unregistered_time: timeInfo(removedAt) }),
    offers: offered.map((offer) => offerMessage(offer, view)),
    allocated_resources: sumOf(used),
    offered_resources: sumOf(offered),
    offer_constraints: offerConstraints ?? {},
  }
}

function offerMessage(offer: ShownOffer, { agents }: Pick<ClusterView, 'agents'>): Offer {
  const agent = agents.find(({ ledger }) => ledger.agentId === offer.agentId)
  return {
    id: { value: offer.offerId },
    framework_id: { value: offer.frameworkId },
    agent_id: { value: offer.agentId },
    hostname: agent?.entry.info.hostname ?? '',
    resources: offer.resources,
    allocation_info: { role: offer.role },
  }
}

export interface ShownRole {
  readonly name: string
  readonly weight: number
  readonly frameworkIds: readonly string[]
  readonly allocated: Resources
  readonly offered: Resources
  readonly reserved: Resources
}

/** Roles that exist: subscribed, in use, or reserved to, and all above them. Weights are 1. */
export function rolesIn(view: ClusterView): readonly ShownRole[] {
  const subscribed = new Map<string, string[]>()
  for (const { framework } of view.frameworks) {
    for (const role of rolesOf(framework.info)) {
      subscribed.set(role, [...(subscribed.get(role) ?? []), framework.frameworkId])
    }
  }
  const used = Map.groupBy(
    view.agents.flatMap((agent) => agent.used),
    ({ role }) => role,
  )
  const offered = Map.groupBy(
    view.agents.flatMap((agent) => agent.offered),
    ({ role }) => role,
  )
  const reserved = Map.groupBy(
    view.agents.flatMap(({ ledger }) => ledger.total),
    (resource) => reservationOf(resource)?.role ?? '',
  )
  const named = [...subscribed.keys(), ...used.keys(), ...offered.keys(), ...reserved.keys()]
  const names = new Set(named.flatMap((name) => (name === '' ? [] : [name, ...ancestors(name)])))
  const { isRoleSeen = () => true } = view
  return [...names]
    .filter(isRoleSeen)
    .sort()
    .map((name) => ({
      name,
      weight: 1,
      frameworkIds: subscribed.get(name) ?? [],
      allocated: sumOf(used.get(name) ?? []),
      offered: sumOf(offered.get(name) ?? []),
      reserved: reserved.get(name) ?? [],
    }))
}

export function getRoles(view: ClusterView): MasterResponseGetRoles {
  return {
    roles: rolesIn(view).map(({ name, weight, frameworkIds, allocated, offered }) => ({
      name,
      weight,
      frameworks: frameworkIds.map((value) => ({ value })),
      resources: add(allocated, offered),
    })),
  }
}

export function sumOf(held: readonly Held[]): Resources {
  return add(...held.map(({ resources }) => resources))
}
