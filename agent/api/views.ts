// What the agent shows of its tasks and executors, as Mesos messages.
import { durationInfo, timeInfo } from '../../protocol/durations.ts'
import type {
  AgentResponseGetAgent,
  AgentResponseGetContainersContainer,
  AgentResponseGetExecutors,
  AgentResponseGetFrameworks,
  AgentResponseGetTasks,
  ExecutorInfo,
  ResourceStatistics,
  Task,
} from '../../protocol/messages.ts'
import type { ContainerUsage } from '../containerizer/containerizer.ts'
import type { Containers } from '../containers.ts'
import type { AgentState, ExecutorRecord, TaskRecord } from '../state.ts'

export function taskOf(task: TaskRecord, agentId: string): Task {
  const { info } = task
  const said = task.pending[0]?.status ?? task.statuses.at(-1)
  return {
    name: info.name,
    task_id: info.task_id,
    framework_id: { value: task.frameworkId },
    executor_id: { value: task.executorId },
    agent_id: { value: agentId },
    state: task.state,
    resources: info.resources,
    statuses: task.statuses,
    ...(said === undefined ? {} : { status_update_state: said.state, status_update_uuid: said.uuid }),
    labels: info.labels,
    discovery: info.discovery,
    container: info.container,
    user: info.command?.user,
    health_check: info.health_check,
    kill_policy: info.kill_policy,
    limits: info.limits,
  }
}

/** How the agent is drained, if it is: as operators gave it, and since when. */
export function drainView({ drain }: AgentState): Omit<AgentResponseGetAgent, 'agent_info'> {
  if (drain === undefined) return {}
  const { maxGraceMs, markGone, since } = drain
  return {
    drain_config: {
      ...(maxGraceMs === undefined ? {} : { max_grace_period: durationInfo(maxGraceMs) }),
      mark_gone: markGone,
    },
    estimated_drain_start_time: timeInfo(since),
  }
}

export function tasksView(state: AgentState): AgentResponseGetTasks {
  const of = (tasks: Iterable<TaskRecord>) => [...tasks].map((task) => taskOf(task, state.agentId ?? ''))
  const at = (...stages: TaskRecord['stage'][]) =>
    of([...state.tasks.values()].filter((task) => stages.includes(task.stage)))
  return {
    pending_tasks: at('launching'),
    queued_tasks: at('queued'),
    launched_tasks: at('launched'),
    terminated_tasks: at('ended'),
    completed_tasks: of(state.completedTasks),
  }
}

export function frameworksView(state: AgentState): AgentResponseGetFrameworks {
  return {
    frameworks: [...state.frameworks.values()].map((framework_info) => ({ framework_info })),
    completed_frameworks: state.completedFrameworks.map((framework_info) => ({ framework_info })),
  }
}

/** The executor of a command task is the agent itself; Mesos shows it by the task's id. */
export function executorsView(state: AgentState): AgentResponseGetExecutors {
  const live = [...state.tasks.values()].filter((task) => task.kind === 'command' && task.stage !== 'ended')
  return {
    executors: [...[...state.executors.values()].map((one) => one.info), ...live.map(commandExecutor)].map(
      (executor_info) => ({ executor_info }),
    ),
    completed_executors: state.completedExecutors.map((one) => ({ executor_info: one.info })),
  }
}

export function commandExecutor(task: TaskRecord): ExecutorInfo {
  return {
    executor_id: { value: task.taskId },
    framework_id: { value: task.frameworkId },
    name: `Command Executor (Task: ${task.taskId})`,
    source: task.taskId,
    command: task.info.command,
    type: 'DEFAULT',
  }
}

/** What runs, with what it uses now. Nested containers are shown when asked for. */
export async function containersView(
  state: AgentState,
  containers: Containers,
  ip: string,
  showNested: boolean,
): Promise<AgentResponseGetContainersContainer[]> {
  const tasks = [...state.tasks.values()].filter(
    (task) =>
      task.stage === 'launched' && (task.kind === 'command' || (task.kind === 'default' && showNested)),
  )
  const executors = [...state.executors.values()].filter((one) => one.kind === 'custom')
  return await Promise.all([
    ...executors.map((one) => containerOf(one, one.info.name ?? one.executorId, containers, ip)),
    ...tasks.map((one) => containerOf(one, commandExecutor(one).name ?? '', containers, ip)),
  ])
}

async function containerOf(
  one: TaskRecord | ExecutorRecord,
  name: string,
  containers: Containers,
  ip: string,
): Promise<AgentResponseGetContainersContainer> {
  const usage = await containers.usage(one.containerId)
  return {
    framework_id: { value: one.frameworkId },
    executor_id: { value: one.executorId },
    executor_name: name,
    container_id: one.containerId,
    container_status: {
      container_id: one.containerId,
      network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: ip }] }],
      ...(one.pid === undefined ? {} : { executor_pid: one.pid }),
    },
    ...(usage === undefined ? {} : { resource_statistics: statistics(usage, one.info.resources ?? []) }),
  }
}

function statistics(
  usage: ContainerUsage,
  resources: NonNullable<TaskRecord['info']['resources']>,
): ResourceStatistics {
  const amount = (name: string) =>
    resources.filter((one) => one.name === name).reduce((sum, one) => sum + (one.scalar?.value ?? 0), 0)
  return {
    timestamp: usage.timestamp,
    cpus_user_time_secs: usage.cpusUserSeconds,
    cpus_system_time_secs: usage.cpusSystemSeconds,
    cpus_limit: amount('cpus'),
    mem_rss_bytes: usage.memRssBytes,
    mem_limit_bytes: Math.round(amount('mem') * 1024 * 1024),
    processes: usage.processes,
    threads: usage.threads,
  }
}
