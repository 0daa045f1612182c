// The state documents of old, in v0 vocabulary: /state, /state-summary, /slaves, /frameworks, /tasks, /roles.

import { isCapable, rolesOf } from '../../../master/frameworks/roles.ts'
import type { Executor } from '../../../master/model.ts'
import { drainInfo, isActive, pidOf, rolesIn, sumOf, tasksAt } from '../../../master/operator/answers.ts'
import type {
  ClusterView,
  Held,
  ShownAgent,
  ShownFramework,
  ShownOffer,
  ShownTask,
} from '../../../master/operator/view.ts'
import type { MasterInfo, TaskState, TaskStatus, VersionInfo } from '../../../protocol/messages.ts'
import { add, unallocate } from '../../../protocol/resources.ts'
import {
  attributes,
  byReservation,
  flat,
  full,
  type Json,
  oldWord,
  present,
  seconds,
  unreserved,
} from './flat.ts'

/** What the documents say besides the view. */
export interface About {
  readonly version: VersionInfo
  readonly master: MasterInfo
  readonly clusterName: string
  /** Absent for who may not see them. */
  readonly flags: Readonly<Record<string, string>> | undefined
  /** Cluster time the cluster was made at, ms. */
  readonly bornAt: number
}

export function state(view: ClusterView, about: About): Json {
  const { master } = about
  const { id, hostname = '', port, pid = '', capabilities = [] } = master
  return {
    ...about.version,
    start_time: seconds(about.bornAt),
    elected_time: seconds(about.bornAt),
    id,
    pid,
    hostname,
    capabilities: capabilities.map(({ type }) => type),
    activated_slaves: view.agents.filter(isActive).length,
    deactivated_slaves: view.agents.filter((agent) => !isActive(agent)).length,
    unreachable_slaves: view.unreachableAgents.length,
    leader: pid,
    leader_info: { id, pid, port, hostname },
    cluster: about.clusterName,
    ...(about.flags === undefined ? {} : { flags: about.flags }),
    slaves: view.agents.map(slave),
    recovered_slaves: [],
    frameworks: view.frameworks.map((framework) => frameworkOf(framework, view)),
    completed_frameworks: view.completedFrameworks.map((framework) => frameworkOf(framework, view)),
    orphan_tasks: [],
    unregistered_frameworks: [],
  }
}

export function stateSummary(view: ClusterView, about: About): Json {
  const tasks = view.frameworks.flatMap((framework) => framework.tasks)
  return {
    hostname: about.master.hostname ?? '',
    cluster: about.clusterName,
    slaves: view.agents.map((agent) => {
      const own = tasks.filter(({ task }) => task.agentId === agent.ledger.agentId)
      return {
        ...slave(agent),
        ...counters(own),
        framework_ids: [...new Set(own.map(({ task }) => task.frameworkId))],
      }
    }),
    frameworks: view.frameworks.map((shown) => ({
      ...summary(shown),
      ...counters(shown.tasks),
      slave_ids: [...new Set(shown.tasks.map(({ task }) => task.agentId))],
    })),
  }
}

export function slaves(view: ClusterView, agentId: string | undefined): Json {
  const found = view.agents.filter(({ ledger }) => agentId === undefined || ledger.agentId === agentId)
  return {
    slaves: found.map((agent) => ({ ...slave(agent), ...fullResources(agent) })),
    recovered_slaves: [],
  }
}

export function frameworks(view: ClusterView, frameworkId: string | undefined): Json {
  const listed = (list: readonly ShownFramework[]) =>
    list
      .filter(({ framework }) => frameworkId === undefined || framework.frameworkId === frameworkId)
      .map((framework) => frameworkOf(framework, view))
  return {
    frameworks: listed(view.frameworks),
    completed_frameworks: listed(view.completedFrameworks),
    unregistered_frameworks: [],
  }
}

/** Live, unreachable and completed ones, a page of them; the newest first unless told. */
export function tasks(
  view: ClusterView,
  query: {
    readonly frameworkId?: string | undefined
    readonly taskId?: string | undefined
    readonly limit: number
    readonly offset: number
    readonly oldestFirst: boolean
  },
): Json {
  const found = [...view.frameworks, ...view.completedFrameworks]
    .filter(({ framework }) => query.frameworkId === undefined || framework.frameworkId === query.frameworkId)
    .flatMap((framework) => framework.tasks)
    .filter(({ task }) => query.taskId === undefined || task.taskId === query.taskId)
    .toSorted((a, b) => {
      const older = a.task.createdAt - b.task.createdAt || (a.task.taskId < b.task.taskId ? -1 : 1)
      return query.oldestFirst ? older : -older
    })
  return { tasks: found.slice(query.offset, query.offset + query.limit).map(task) }
}

export function roles(view: ClusterView): Json {
  return {
    roles: rolesIn(view).map(({ name, weight, frameworkIds, allocated, offered, reserved }) => ({
      name,
      weight,
      frameworks: frameworkIds,
      // Without a quota nothing is guaranteed and nothing is limited.
      quota: {
        role: name,
        guarantee: {},
        limit: {},
        consumed: present(unallocate(add(allocated, reserved))),
      },
      resources: flat(unallocate(add(allocated, offered))),
      allocated: present(unallocate(allocated)),
      offered: present(unallocate(offered)),
      reserved: present(reserved),
    })),
  }
}

function slave(agent: ShownAgent): Json {
  const { entry, ledger, used, offered } = agent
  const { info } = entry
  return {
    id: entry.agentId,
    hostname: info.hostname,
    port: info.port ?? 5051,
    attributes: attributes(info.attributes ?? []),
    ...(info.domain === undefined ? {} : { domain: info.domain }),
    pid: pidOf(agent),
    registered_time: seconds(entry.registeredAt),
    ...(entry.reregisteredAt === undefined ? {} : { reregistered_time: seconds(entry.reregisteredAt) }),
    resources: flat(ledger.total),
    used_resources: flatSum(used),
    offered_resources: flatSum(offered),
    reserved_resources: Object.fromEntries(
      [...byReservation(ledger.total)].map(([role, resources]) => [role, flat(resources)]),
    ),
    unreserved_resources: flat(unreserved(ledger.total)),
    active: isActive(agent),
    deactivated: ledger.deactivated,
    version: entry.agentVersion,
    capabilities: entry.capabilities.map(({ type }) => type),
    ...(ledger.drain === undefined
      ? {}
      : {
          drain_info: drainInfo(ledger.drain),
          estimated_drain_start_time_seconds: seconds(ledger.drain.since),
        }),
  }
}

function fullResources({ ledger, used, offered }: ShownAgent): Json {
  return {
    reserved_resources_full: Object.fromEntries(
      [...byReservation(ledger.total)].map(([role, resources]) => [role, full(resources)]),
    ),
    unreserved_resources_full: full(unreserved(ledger.total)),
    used_resources_full: full(sumOf(used)),
    offered_resources_full: full(sumOf(offered)),
  }
}

/** The keys of a framework that the summary has as well. */
function summary({ framework, used, offered }: ShownFramework): Json {
  const { info, frameworkId, state: life } = framework
  return {
    id: frameworkId,
    name: info.name,
    used_resources: flatSum(used),
    offered_resources: flatSum(offered),
    capabilities: (info.capabilities ?? []).map(({ type }) => type),
    hostname: info.hostname ?? '',
    webui_url: info.webui_url ?? '',
    active: life === 'connected',
    connected: life === 'connected',
    recovered: false,
  }
}

function frameworkOf(shown: ShownFramework, view: Pick<ClusterView, 'executors'>): Json {
  const { framework, used, offered } = shown
  const { info, registeredAt, reregisteredAt, removedAt, frameworkId } = framework
  const at = (place: ShownTask['place']) => tasksAt(shown, place).map(task)
  return {
    ...summary(shown),
    user: info.user,
    failover_timeout: info.failover_timeout ?? 0,
    checkpoint: info.checkpoint ?? false,
    registered_time: seconds(registeredAt),
    unregistered_time: seconds(removedAt ?? 0),
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    resources: flatSum([...used, ...offered]),
    ...(reregisteredAt === undefined ? {} : { reregistered_time: seconds(reregisteredAt) }),
    ...(isCapable(info, 'MULTI_ROLE') ? { roles: rolesOf(info) } : { role: info.role ?? '*' }),
    tasks: at('live'),
    unreachable_tasks: at('unreachable'),
    completed_tasks: at('completed'),
    offers: offered.map(offer),
    executors: view.executors.filter((executor) => executor.frameworkId === frameworkId).map(executorOf),
    ...(info.labels === undefined ? {} : { labels: info.labels.labels ?? [] }),
    offer_constraints: framework.offerConstraints ?? {},
  }
}

function offer({ offerId, frameworkId, agentId, role, resources }: ShownOffer): Json {
  return {
    id: offerId,
    framework_id: frameworkId,
    allocation_info: { role },
    slave_id: agentId,
    resources: flat(unallocate(resources)),
  }
}

function executorOf({ info, frameworkId, agentId, role, charged }: Executor): Json {
  return {
    executor_id: info.executor_id.value,
    name: info.name ?? '',
    framework_id: frameworkId,
    command: {
      shell: info.command?.shell ?? true,
      value: info.command?.value ?? '',
      argv: info.command?.arguments ?? [],
      uris: info.command?.uris ?? [],
      ...(info.command?.environment === undefined ? {} : { environment: info.command.environment }),
    },
    resources: flat(charged),
    role,
    ...(info.labels === undefined ? {} : { labels: info.labels.labels ?? [] }),
    ...(info.type === undefined ? {} : { type: info.type }),
    slave_id: agentId,
  }
}

function task({ mesos, role }: ShownTask): Json {
  return {
    id: mesos.task_id.value,
    name: mesos.name,
    framework_id: mesos.framework_id.value,
    // Of a command task the executor is none of the framework's business.
    executor_id: mesos.executor_id?.value ?? '',
    slave_id: mesos.agent_id.value,
    state: mesos.state,
    resources: flat(unallocate(mesos.resources ?? [])),
    ...(mesos.limits === undefined ? {} : { limits: limits(mesos.limits) }),
    role,
    statuses: (mesos.statuses ?? []).map(status),
    ...(mesos.user === undefined ? {} : { user: mesos.user }),
    ...(mesos.labels === undefined ? {} : { labels: mesos.labels.labels ?? [] }),
    ...(mesos.discovery === undefined ? {} : { discovery: mesos.discovery }),
    ...(mesos.container === undefined ? {} : { container: mesos.container }),
    ...(mesos.health_check === undefined ? {} : { health_check: mesos.health_check }),
  }
}

function limits(given: NonNullable<ShownTask['mesos']['limits']>): Json {
  // JSON has no infinity; Mesos writes the word.
  return Object.fromEntries(
    Object.entries(given).map(([name, { value }]) => [name, Number.isFinite(value) ? value : 'Infinity']),
  )
}

/** `message` and `reason` are ours: who asks what became of a task wants to read why. */
function status(one: TaskStatus): Json {
  return {
    state: one.state,
    timestamp: one.timestamp ?? 0,
    ...(one.labels === undefined ? {} : { labels: one.labels.labels ?? [] }),
    ...(one.container_status === undefined ? {} : { container_status: one.container_status }),
    ...(one.healthy === undefined ? {} : { healthy: one.healthy }),
    ...(one.reason === undefined ? {} : { reason: oldWord(one.reason) }),
    ...(one.message === undefined ? {} : { message: one.message }),
  }
}

const COUNTED = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_KILLED',
  'TASK_FAILED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_UNREACHABLE',
] as const satisfies readonly TaskState[]

function counters(of: readonly ShownTask[]): Json {
  return Object.fromEntries(
    COUNTED.map((name) => [name, of.filter(({ mesos }) => mesos.state === name).length]),
  )
}

function flatSum(held: readonly Held[]): Json {
  return flat(unallocate(sumOf(held)))
}
