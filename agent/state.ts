// What an agent knows: plain data that only decisions change, and all of it that matters is on disk before it is acted on.
import type {
  AgentDrain,
  ExecutorExit,
  ExecutorMessage,
  Nudge,
  UpdateReport,
  WantedTask,
} from '../protocol/agent-messages.ts'
import { EMPTY_DIGEST } from '../protocol/digest.ts'
import type {
  ContainerID,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../protocol/messages.ts'

/** `framework/task` or `framework/executor`; neither id may hold a slash. */
export type TaskKey = string
export type ExecutorKey = string

/**
 * `recovering`: the disk is read and containers are found again; nothing is started.
 * `registering`: what it reports is being judged; nothing is started.
 * `running`: registered. `ending`: ends all tasks, then the process ends.
 */
export type Phase = 'recovering' | 'registering' | 'running' | 'ending'

/**
 *   queued     waits for its executor to subscribe
 *   launching  its container is being made (files fetched, process forked)
 *   launched   its container runs, or its executor has been told
 *   ended      its terminal update was made
 */
export type TaskStage = 'queued' | 'launching' | 'launched' | 'ended'

/** Why a task is being stopped, and how far that is. */
export interface Stop {
  /**
   * `kill`: a scheduler asked. `group`: another member of its group ended badly. `end`: its framework is gone,
   * or the control plane does not want it any more. `time`: max_completion_time. `health`: its health check.
   */
  readonly why: 'kill' | 'group' | 'end' | 'time' | 'health'
  /** Kills of the control plane that were delivered. */
  kills: number
  /** Of the newest kill, for an executor that has to be told again. */
  readonly policy?: KillPolicy | undefined
  /** When the first signal was sent; the grace counts from there. */
  readonly since: number
  /** When the container is destroyed; later kills only bring it nearer. */
  deadline: number
}

export interface TaskRecord {
  readonly key: TaskKey
  readonly frameworkId: string
  readonly taskId: string
  /** The executor's id; for a command task its own id. */
  readonly executorId: string
  readonly kind: ExecutorKind
  /** As the control plane sent it. */
  readonly launch: WantedTask
  readonly info: TaskInfo
  /** Its own container, or its custom executor's. */
  readonly containerId: ContainerID
  stage: TaskStage
  state: TaskState
  /** Newest update made; updates are numbered from 1 without gaps. */
  lastUpdate: number
  /** Made, and not yet in the custody of the control plane. */
  pending: UpdateReport[]
  /** One per distinct state in a row, for those who look. */
  statuses: TaskStatus[]
  stop?: Stop | undefined
  /** Pid of the first process, while it has one of its own. */
  pid?: number | undefined
  /** Uuids of the updates a custom executor made, so that a repeat is told apart. */
  readonly executorUuids: Set<string>
  /** The result of its checks so far. */
  health?: HealthRecord | undefined
  /** When RUNNING was first said, ms since 1970. */
  runningSince?: number | undefined
}

export interface HealthRecord {
  healthy?: boolean | undefined
  failures: number
  checkStatus?: TaskStatus['check_status']
}

/** A command task has no executor record: the agent itself is its executor. */
export type ExecutorKind = 'command' | 'default' | 'custom'

/**
 *   starting     its container is being made
 *   registering  its process runs, it has not subscribed yet
 *   running      subscribed; for the built-in default executor: at once
 *   ending       asked to shut down
 */
export type ExecutorStage = 'starting' | 'registering' | 'running' | 'ending'

export interface ExecutorRecord {
  readonly key: ExecutorKey
  readonly frameworkId: string
  readonly executorId: string
  readonly kind: 'default' | 'custom'
  readonly info: ExecutorInfo
  readonly role: string
  readonly containerId: ContainerID
  stage: ExecutorStage
  /** A subscription stream is open. */
  connected: boolean
  /** Something was delivered to it, so it is its own affair when it ends. */
  delivered: boolean
  /** It was running before this process of the agent started, and has not come back yet. */
  recovered: boolean
  /** Of the launch that began it, as the control plane counts; absent: an earlier release did not say. */
  executorGeneration?: number | undefined
  pid?: number | undefined
  /** What its live tasks are told when it has ended, if that is known better than `Executor terminated`. */
  cause?: EndCause | undefined
}

export interface EndCause {
  readonly state: TaskState
  readonly reason: TaskStatusReason
  readonly message: string
}

export type ChangesNudge = Extract<Nudge, { kind: 'changes' }>

export interface AgentState {
  phase: Phase
  agentId?: string | undefined
  /** 0 until first registered. */
  incarnation: number
  /** Newest generation on disk under this incarnation. */
  applied: number
  readonly frameworks: Map<string, FrameworkInfo>
  readonly tasks: Map<TaskKey, TaskRecord>
  readonly executors: Map<ExecutorKey, ExecutorRecord>
  /** Whose a container is. */
  readonly owners: Map<string, { readonly task: TaskKey } | { readonly executor: ExecutorKey }>
  /** Nudges that overtook an earlier one. */
  readonly early: Map<number, ChangesNudge>
  /** Tasks forgotten lately with their launch generation: a list read before that may still name them. */
  readonly forgotten: Map<TaskKey, number>
  /** The last that ended, for those who look; the newest at the end. */
  completedTasks: TaskRecord[]
  completedExecutors: ExecutorRecord[]
  completedFrameworks: FrameworkInfo[]
  /** Ends of executors the control plane was not told yet. */
  exits: ExecutorExit[]
  messages: ExecutorMessage[]
  /** Of the tasks on record, see protocol/digest.ts. */
  digest: string
  /** The agent is drained: nothing starts, and all tasks end. */
  drain?: AgentDrain | undefined
  /** A restore was noticed: reports carry TaskInfos. */
  restored: boolean
}

export function emptyState(): AgentState {
  return {
    phase: 'recovering',
    incarnation: 0,
    applied: 0,
    frameworks: new Map(),
    tasks: new Map(),
    executors: new Map(),
    owners: new Map(),
    early: new Map(),
    forgotten: new Map(),
    completedTasks: [],
    completedExecutors: [],
    completedFrameworks: [],
    exits: [],
    messages: [],
    digest: EMPTY_DIGEST,
    restored: false,
  }
}

export function keyOf(frameworkId: string, id: string): string {
  return `${frameworkId}/${id}`
}

export function isTerminal(state: TaskState): boolean {
  return TERMINAL.has(state)
}

const TERMINAL: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
])

export function hasCapability(framework: FrameworkInfo | undefined, type: string): boolean {
  return framework?.capabilities?.some((capability) => capability.type === type) ?? false
}

/** The tasks of an executor that have not ended. */
export function liveTasksOf(state: AgentState, executor: ExecutorRecord): TaskRecord[] {
  return [...state.tasks.values()].filter(
    (task) =>
      task.stage !== 'ended' &&
      task.frameworkId === executor.frameworkId &&
      task.executorId === executor.executorId &&
      task.kind !== 'command',
  )
}

/** Whether a run of this executor, or of this command task, is on record. */
export function holdsExecutor(
  { agentId, executors, tasks }: AgentState,
  of: { readonly agentId: string; readonly frameworkId: string; readonly executorId: string },
): boolean {
  if (of.agentId !== agentId) return false
  if (executors.has(keyOf(of.frameworkId, of.executorId))) return true
  return [...tasks.values()].some(
    ({ frameworkId, executorId }) => frameworkId === of.frameworkId && executorId === of.executorId,
  )
}

/** The members of a task's group that are on record, itself included. */
export function groupOf(state: AgentState, task: TaskRecord): TaskRecord[] {
  const group = task.launch.group
  if (group === undefined) return [task]
  return [...state.tasks.values()].filter(
    (other) => other.frameworkId === task.frameworkId && other.launch.group?.id === group.id,
  )
}

/** The grace a kill gives: the KILL call's policy, else the task's, else Mesos's 3 s; in ms. */
export function graceMs(info: TaskInfo, policy: KillPolicy | undefined): number {
  const grace = policy?.grace_period ?? info.kill_policy?.grace_period
  return grace === undefined ? 3_000 : Math.max(0, Number(grace.nanoseconds) / 1e6)
}
