// The older endpoints that command lines, monitors and web pages still read: JSON in the words of Mesos 0.
import type { Attribute, ExecutorInfo, Resource } from '../../protocol/messages.ts'
import { MESETA_VERSION, MESOS_VERSION } from '../../protocol/version.ts'
import { CAPABILITIES } from '../registering.ts'
import type { ExecutorRecord, TaskRecord } from '../state.ts'
import type { ApiContext } from './context.ts'
import { type Handler, json } from './http.ts'
import { metricsOf } from './metrics.ts'
import { commandExecutor, containersView, drainView } from './views.ts'

export function legacyRoutes(context: ApiContext): Readonly<Record<string, Handler>> {
  const monitor: Handler = async (request) => json(request, await statisticsOf(context))
  return {
    '/state': (request) => json(request, stateOf(context)),
    '/monitor/statistics': monitor,
    '/containers': async (request) => json(request, await containersOf(context)),
    '/flags': (request) => json(request, { flags: context.flags }),
    '/version': (request) =>
      json(request, { version: MESOS_VERSION, meseta_version: MESETA_VERSION, ...BUILD }),
    '/health': () => ({ status: 200 }),
    '/metrics/snapshot': (request) =>
      json(
        request,
        metricsOf(
          context.acting.state,
          context.agentInfo(),
          context.clock,
          context.startTime,
          context.flags.work_dir,
        ),
      ),
  }
}

const BUILD = { build_date: '', build_time: 0, build_user: 'meseta' }

function stateOf(context: ApiContext): unknown {
  const { state } = context.acting
  const info = context.agentInfo()
  const resources = info.resources ?? []
  return {
    version: MESOS_VERSION,
    ...BUILD,
    start_time: context.startTime / 1000,
    id: state.agentId ?? '',
    pid: `slave(1)@${context.ip}:${info.port ?? 5051}`,
    hostname: info.hostname,
    capabilities: CAPABILITIES.map((capability) => capability.type),
    ...drainOf(context),
    resources: flat(resources),
    reserved_resources: {},
    unreserved_resources: flat(resources),
    attributes: Object.fromEntries((info.attributes ?? []).map((one) => [one.name, attributeValue(one)])),
    flags: context.flags,
    frameworks: [...state.frameworks.keys()].map((id) => frameworkOf(context, id)),
    completed_frameworks: [],
  }
}

function drainOf({ acting }: ApiContext): object {
  const { drain_config } = drainView(acting.state)
  if (drain_config === undefined) return {}
  const since = acting.state.drain?.since ?? 0
  return { drain_config, estimated_drain_start_time_seconds: since / 1000 }
}

function frameworkOf(context: ApiContext, frameworkId: string): unknown {
  const { state } = context.acting
  const info = state.frameworks.get(frameworkId)
  const of = <T extends { readonly frameworkId: string }>(all: Iterable<T>) =>
    [...all].filter((one) => one.frameworkId === frameworkId)
  const commands = (tasks: TaskRecord[]) => tasks.filter((task) => task.kind === 'command')
  const live = commands(of(state.tasks.values()))
  return {
    id: frameworkId,
    name: info?.name ?? '',
    user: info?.user ?? '',
    failover_timeout: info?.failover_timeout ?? 0,
    checkpoint: info?.checkpoint ?? false,
    hostname: info?.hostname ?? '',
    roles: info?.roles ?? (info?.role === undefined ? [] : [info.role]),
    executors: [
      ...of(state.executors.values()).map((one) => executorOf(context, one)),
      ...live.map((task) => commandExecutorOf(context, task)),
    ],
    completed_executors: [
      ...of(state.completedExecutors).map((one) => executorOf(context, one)),
      ...commands(of(state.completedTasks)).map((task) => commandExecutorOf(context, task)),
    ],
  }
}

function executorOf(context: ApiContext, executor: ExecutorRecord): unknown {
  const { state } = context.acting
  const its = (tasks: Iterable<TaskRecord>) =>
    [...tasks].filter(
      (task) => task.frameworkId === executor.frameworkId && task.executorId === executor.executorId,
    )
  return {
    ...executorHead(context, executor.info, executor),
    ...tasksAt(its(state.tasks.values())),
    completed_tasks: its(state.completedTasks).map(legacyTask),
  }
}

function commandExecutorOf(context: ApiContext, task: TaskRecord): unknown {
  const over = !context.acting.state.tasks.has(task.key)
  return {
    ...executorHead(context, commandExecutor(task), task),
    ...tasksAt(over ? [] : [task]),
    completed_tasks: over ? [legacyTask(task)] : [],
  }
}

function executorHead(context: ApiContext, info: ExecutorInfo, of: TaskRecord | ExecutorRecord): object {
  const agentId = context.acting.state.agentId ?? ''
  return {
    id: info.executor_id.value,
    name: info.name ?? '',
    source: info.source ?? '',
    container: of.containerId.value,
    directory: context.sandboxOf({ agentId, ...of }),
    resources: flat(of.info.resources ?? []),
    type: info.type ?? 'CUSTOM',
  }
}

function tasksAt(tasks: readonly TaskRecord[]): object {
  return {
    tasks: tasks.filter((task) => task.stage === 'launched').map(legacyTask),
    queued_tasks: tasks
      .filter((task) => task.stage === 'queued' || task.stage === 'launching')
      .map(legacyTask),
    terminated_tasks: tasks.filter((task) => task.stage === 'ended').map(legacyTask),
  }
}

function legacyTask(task: TaskRecord): unknown {
  return {
    id: task.taskId,
    name: task.info.name,
    framework_id: task.frameworkId,
    executor_id: task.kind === 'command' ? '' : task.executorId,
    slave_id: task.info.agent_id.value,
    state: task.state,
    resources: flat(task.info.resources ?? []),
    role: task.launch.role,
    statuses: task.statuses.map((status) => ({
      state: status.state,
      timestamp: status.timestamp,
      container_status: status.container_status,
      ...(status.healthy === undefined ? {} : { healthy: status.healthy }),
    })),
    ...(task.info.labels === undefined ? {} : { labels: task.info.labels.labels ?? [] }),
    ...(task.info.discovery === undefined ? {} : { discovery: task.info.discovery }),
  }
}

async function statisticsOf(context: ApiContext): Promise<unknown> {
  const containers = await containersView(context.acting.state, context.containers, context.ip, false)
  return containers.map((one) => ({
    executor_id: one.executor_id?.value ?? '',
    executor_name: one.executor_name ?? '',
    framework_id: one.framework_id?.value ?? '',
    source: one.executor_id?.value ?? '',
    statistics: one.resource_statistics ?? {},
  }))
}

async function containersOf(context: ApiContext): Promise<unknown> {
  const containers = await containersView(context.acting.state, context.containers, context.ip, true)
  return containers.map((one) => ({
    container_id: one.container_id.value,
    executor_id: one.executor_id?.value ?? '',
    executor_name: one.executor_name ?? '',
    framework_id: one.framework_id?.value ?? '',
    source: one.executor_id?.value ?? '',
    status: one.container_status,
    statistics: one.resource_statistics ?? {},
  }))
}

/** `{"cpus":4,"gpus":0,"mem":1024,"disk":0,"ports":"[31000-32000]"}`; the four scalars are always there. */
function flat(resources: readonly Resource[]): Readonly<Record<string, number | string>> {
  const values: Record<string, number | string> = { cpus: 0, gpus: 0, mem: 0, disk: 0 }
  for (const resource of resources) {
    const before = values[resource.name]
    if (resource.type === 'SCALAR') {
      values[resource.name] = (typeof before === 'number' ? before : 0) + (resource.scalar?.value ?? 0)
    } else values[resource.name] = joined(before, attributeValue(resource))
  }
  return values
}

function joined(before: number | string | undefined, more: string | number): string {
  if (typeof before !== 'string') return String(more)
  return `${before.slice(0, -1)}, ${String(more).slice(1)}`
}

function attributeValue(one: Attribute | Resource): string | number {
  if (one.type === 'SCALAR') return one.scalar?.value ?? 0
  if (one.type === 'RANGES') {
    return `[${(one.ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`).join(', ')}]`
  }
  if (one.type === 'SET') return `{${(one.set?.item ?? []).join(', ')}}`
  return 'text' in one ? (one.text?.value ?? '') : ''
}
