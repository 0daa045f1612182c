// Status updates: made here with number and uuid, handed in by status-updates.ts, dropped when they are in custody.
import type { UpdateReport } from '../../protocol/agent-messages.ts'
import { toggled } from '../../protocol/digest.ts'
import type { TaskState, TaskStatus } from '../../protocol/messages.ts'
import { type AgentState, isTerminal, type TaskRecord } from '../state.ts'
import type { Input, Turn } from '../turn.ts'
import { underDrain } from './drain-status.ts'

/** Entries kept of tasks, executors and frameworks that are over. */
const MAX_COMPLETED = 200
/** Forgotten tasks remembered so that an older list does not bring them back. */
const MAX_FORGOTTEN = 20_000
/** Distinct states kept for those who look. */
const MAX_STATUSES = 32
/** A framework without tasks and executors is forgotten after this, so that short tasks do not write it anew each time. */
const FRAMEWORK_LINGER_MS = 60_000

/** What of a status is not filled in from the task. */
export type StatusPart = Pick<TaskStatus, 'state' | 'source'> &
  Partial<Omit<TaskStatus, 'task_id' | 'state' | 'source' | 'agent_id'>>

/** Makes the task's next update. A terminal one ends the task: nothing is said of it after that. */
export function makeUpdate(turn: Turn, task: TaskRecord, part: StatusPart): void {
  if (task.stage === 'ended') return
  const status = underDrain(turn, task, completeStatus(turn, task, part))
  task.lastUpdate += 1
  task.state = status.state
  const update: UpdateReport = {
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    number: task.lastUpdate,
    launchIncarnation: task.launch.launchIncarnation,
    launchGeneration: task.launch.launchGeneration,
    status,
    latestState: status.state,
  }
  task.pending.push(update)
  remember(task, status)
  turn.save({ save: 'task-log', task: task.key, entry: { update } })
  turn.act({ action: 'report' })
  if (isTerminal(status.state)) ended(turn, task)
}

/** What the agent itself says of a task. */
export function agentSays(
  turn: Turn,
  task: TaskRecord,
  state: TaskState,
  reason: NonNullable<TaskStatus['reason']>,
  message: string,
): void {
  makeUpdate(turn, task, { state, source: 'SOURCE_AGENT', reason, message })
}

/** Drops what is in custody now, and forgets tasks nothing more is to be said of. */
export function onHandedIn(turn: Turn, input: Extract<Input, { input: 'handed-in' }>): void {
  const { state } = turn
  input.updates.forEach(({ key, number }, index) => {
    const result = input.results[index]
    const task = state.tasks.get(key)
    if (task === undefined || (result !== 'taken' && result !== 'known')) return
    if (!task.pending.some((update) => update.number === number)) return
    task.pending = task.pending.filter((update) => update.number !== number)
    turn.save({ save: 'task-log', task: key, entry: { taken: number } })
    forgetIfOver(turn, task)
  })
  if (input.exits.length > 0) {
    state.exits = state.exits.filter((exit) => !input.exits.includes(exit.containerId))
    turn.save({ save: 'exits' })
  }
  if (input.messages > 0) state.messages = state.messages.slice(input.messages)
  if (state.phase === 'running' && input.generation > state.applied) turn.act({ action: 'sync' })
}

/** Forgets a task once its terminal update is in custody and its launch is behind us on disk. */
export function forgetIfOver(turn: Turn, task: TaskRecord): void {
  const behind =
    task.launch.launchIncarnation !== turn.state.incarnation ||
    turn.state.applied >= task.launch.launchGeneration
  if (task.stage === 'ended' && task.pending.length === 0 && behind) forget(turn, task)
}

/** Takes a task off the record. Its sandbox stays until it is collected. */
export function forget(turn: Turn, task: TaskRecord): void {
  const { state } = turn
  state.tasks.delete(task.key)
  state.digest = toggled(state.digest, digestEntry(task))
  state.forgotten.set(task.key, task.launch.launchGeneration)
  for (const key of state.forgotten.keys()) {
    if (state.forgotten.size <= MAX_FORGOTTEN) break
    state.forgotten.delete(key)
  }
  state.completedTasks = [...state.completedTasks, task].slice(-MAX_COMPLETED)
  turn.save({ save: 'forget-task', task: task.key })
  if (task.kind === 'command') sandboxDone(turn, task)
  lingerFramework(turn, task.frameworkId)
}

/** Puts a task on the record. */
export function remembered(state: AgentState, task: TaskRecord): void {
  state.tasks.set(task.key, task)
  state.digest = toggled(state.digest, digestEntry(task))
}

/** Starts the time after which a framework without anything here is forgotten. */
export function lingerFramework(turn: Turn, frameworkId: string): void {
  if (frameworkInUse(turn.state, frameworkId)) return
  turn.act({ action: 'timer', timer: `framework/${frameworkId}`, ms: FRAMEWORK_LINGER_MS })
}

export function onFrameworkLinger(turn: Turn, frameworkId: string): void {
  const info = turn.state.frameworks.get(frameworkId)
  if (info === undefined || frameworkInUse(turn.state, frameworkId)) return
  turn.state.frameworks.delete(frameworkId)
  turn.state.completedFrameworks = [...turn.state.completedFrameworks, info].slice(-MAX_COMPLETED)
  turn.save({ save: 'forget-framework', frameworkId })
}

function frameworkInUse(state: AgentState, frameworkId: string): boolean {
  for (const task of state.tasks.values()) if (task.frameworkId === frameworkId) return true
  for (const executor of state.executors.values()) if (executor.frameworkId === frameworkId) return true
  return false
}

function completeStatus(turn: Turn, task: TaskRecord, part: StatusPart): TaskStatus {
  const { ip } = turn
  return {
    task_id: { value: task.taskId },
    ...(turn.state.agentId === undefined ? {} : { agent_id: { value: turn.state.agentId } }),
    executor_id: { value: task.executorId },
    timestamp: turn.now / 1000,
    uuid: turn.newUuid(),
    ...part,
    container_status: {
      container_id: task.containerId,
      network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: ip }] }],
      ...(task.pid === undefined ? {} : { executor_pid: task.pid }),
      ...part.container_status,
    },
  }
}

/** Keeps one status per distinct state in a row, without the executor's data. */
export function remember(task: TaskRecord, { data: _, ...status }: TaskStatus): void {
  const last = task.statuses.at(-1)
  const before = last?.state === status.state ? task.statuses.slice(0, -1) : task.statuses
  task.statuses = [...before, status].slice(-MAX_STATUSES)
}

function ended(turn: Turn, task: TaskRecord): void {
  task.stage = 'ended'
  for (const timer of ['kill', 'time', 'health', 'check']) {
    turn.act({ action: 'cancel', timer: `${timer}/${task.key}` })
  }
}

function sandboxDone(turn: Turn, task: TaskRecord): void {
  const { frameworkId, containerId, executorId } = task
  turn.act({ action: 'sandbox-done', frameworkId, containerId, executorId })
}

function digestEntry(task: TaskRecord): Parameters<typeof toggled>[1] {
  const { frameworkId, taskId } = task
  return { frameworkId, taskId, launchGeneration: task.launch.launchGeneration }
}
