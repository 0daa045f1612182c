// Starting tasks: written down first, then handed to a container or to an executor.
import type { WantedTask } from '../../protocol/agent-messages.ts'
import type { CommandInfo, ExecutorInfo, TaskState, TaskStatusReason } from '../../protocol/messages.ts'
import {
  type ExecutorKind,
  type ExecutorRecord,
  groupOf,
  keyOf,
  type TaskRecord,
  type TaskStage,
} from '../state.ts'
import type { Turn } from '../turn.ts'
import { agentSays, makeUpdate, remembered } from './updates.ts'

/**
 * Starts single tasks and whole groups; a group of which a member is not to run starts not at all (C134), and on a
 * drained agent nothing does.
 */
export function startUnits(turn: Turn, wanted: readonly WantedTask[]): void {
  // In their order: the first one begins the executor that later ones expect.
  const inOrder = wanted.toSorted((a, b) => a.launchGeneration - b.launchGeneration)
  for (const unit of unitsOf(inOrder)) {
    const first = unit[0]
    if (first === undefined) continue
    if (turn.state.drain !== undefined) {
      for (const task of unit) recordTooLate(turn, task)
      continue
    }
    const whole = first.group === undefined || unit.length >= first.group.size
    if (whole && unit.every((task) => task.wanted === 'run')) startUnit(turn, unit)
    else for (const task of unit) recordKilledBeforeStart(turn, task)
  }
  for (const task of wanted) endNeverStarted(turn, task)
}

/** The control plane counts an executor with its first task; of one that nothing started it is told (as by Mesos). */
function endNeverStarted(turn: Turn, { frameworkId, executor, executorGeneration }: WantedTask): void {
  if (executor === undefined) return
  const executorId = executor.executor_id.value
  const { state } = turn
  const isTold = state.exits.some(
    (exit) =>
      exit.frameworkId === frameworkId &&
      exit.executorId === executorId &&
      (exit.executorGeneration ?? Number.POSITIVE_INFINITY) >= (executorGeneration ?? 0),
  )
  if (isTold || state.executors.has(keyOf(frameworkId, executorId))) return
  const containerId = turn.newContainerId()
  state.exits = [...state.exits, { frameworkId, executorId, containerId, executorGeneration, status: -1 }]
  turn.save({ save: 'exits' })
  turn.act({ action: 'report' })
}

/** A task that will not run here: it is on record only until its one update is in custody. */
export function recordNeverStarted(
  turn: Turn,
  wanted: WantedTask,
  state: TaskState,
  reason: TaskStatusReason,
  message: string,
): void {
  const task = newRecord(turn, wanted, 'queued')
  write(turn, task)
  agentSays(turn, task, state, reason, message)
}

/** Delivers queued tasks to a custom executor that has subscribed: single ones first, then groups, in order. */
export function deliverQueued(turn: Turn, executor: ExecutorRecord): void {
  const queued = [...turn.state.tasks.values()].filter(
    (task) =>
      task.stage === 'queued' &&
      task.frameworkId === executor.frameworkId &&
      task.executorId === executor.executorId,
  )
  for (const task of queued.filter((one) => one.launch.group === undefined)) deliver(turn, executor, [task])
  const done = new Set<TaskRecord>()
  for (const task of queued.filter((one) => one.launch.group !== undefined)) {
    if (done.has(task)) continue
    const group = groupOf(turn.state, task).filter((one) => one.stage === 'queued')
    for (const member of group) done.add(member)
    deliver(turn, executor, group)
  }
}

/** The command of a task or an executor names only variables that a process can have (A17). */
export function environmentError(command: CommandInfo | undefined): string | undefined {
  for (const { name, value } of command?.environment?.variables ?? []) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    if (name === '' || /[=\u0000-\u001f]/.test(name)) {
      return `the environment variable ${JSON.stringify(name)} has a name no process can have; use letters, digits and _`
    }
    if (value?.includes('\0')) return `the environment variable ${name} holds a NUL character; leave it out`
  }
  return undefined
}

function startUnit(turn: Turn, unit: readonly WantedTask[]): void {
  const problem = unit
    .map((task) => environmentError(task.task.command) ?? environmentError(task.executor?.command))
    .find((error) => error !== undefined)
  if (problem !== undefined) {
    const reason = unit[0]?.group === undefined ? 'REASON_TASK_INVALID' : 'REASON_TASK_GROUP_INVALID'
    for (const task of unit)
      recordNeverStarted(turn, task, 'TASK_ERROR', reason, `Task cannot start: ${problem}`)
    return
  }
  const { executor } = unit[0] ?? {}
  if (unit.some((task) => hasLostExecutor(turn, task))) {
    refuse(turn, unit, 'Its executor has ended')
    return
  }
  if (executor === undefined) for (const task of unit) startCommand(turn, task)
  else if (executor.type === 'DEFAULT') startUnderDefaultExecutor(turn, unit, executor)
  else startUnderCustomExecutor(turn, unit, executor)
}

/**
 * The executor that an earlier launch began is not there any more: it ended, or never was. Begun anew for this task it
 * would be charged to nobody (Mesos: `launch_executor`).
 */
function hasLostExecutor({ state }: Turn, task: WantedTask): boolean {
  const { frameworkId, executor, executorGeneration = task.launchGeneration } = task
  if (executor === undefined || executorGeneration >= task.launchGeneration) return false
  return !state.executors.has(keyOf(frameworkId, executor.executor_id.value))
}

/** A command task is one container; STARTING and RUNNING follow when its process is there. */
function startCommand(turn: Turn, wanted: WantedTask): void {
  const task = newRecord(turn, wanted, 'launching')
  write(turn, task)
  own(turn, task)
  turn.act({ action: 'launch-task', task: task.key })
}

function startUnderDefaultExecutor(turn: Turn, unit: readonly WantedTask[], info: ExecutorInfo): void {
  const executor = executorFor(turn, unit, info, 'default')
  if (executor.stage === 'ending') {
    refuse(turn, unit, 'Its executor is shutting down')
    return
  }
  executor.delivered = true
  for (const wanted of unit) {
    const task = newRecord(turn, wanted, 'launching', executor)
    write(turn, task)
    own(turn, task)
    makeUpdate(turn, task, { state: 'TASK_STARTING', source: 'SOURCE_EXECUTOR' })
    turn.act({ action: 'launch-task', task: task.key })
  }
}

function startUnderCustomExecutor(turn: Turn, unit: readonly WantedTask[], info: ExecutorInfo): void {
  const known = turn.state.executors.get(keyOf(unit[0]?.frameworkId ?? '', info.executor_id.value))
  if (known?.stage === 'ending') {
    refuse(turn, unit, 'Its executor is shutting down')
    return
  }
  const executor = executorFor(turn, unit, info, 'custom')
  const tasks = unit.map((wanted) => newRecord(turn, wanted, 'queued', executor))
  for (const task of tasks) write(turn, task)
  if (executor.stage === 'running' && executor.connected) deliver(turn, executor, tasks)
}

function refuse(turn: Turn, unit: readonly WantedTask[], message: string): void {
  for (const task of unit) {
    recordNeverStarted(turn, task, 'TASK_DROPPED', 'REASON_EXECUTOR_TERMINATED', message)
  }
}

function deliver(turn: Turn, executor: ExecutorRecord, tasks: readonly TaskRecord[]): void {
  const [first] = tasks
  if (first === undefined) return
  if (!executor.delivered) {
    executor.delivered = true
    turn.save({ save: 'executor', executor: executor.key })
  }
  for (const task of tasks) {
    task.stage = 'launched'
    turn.save({ save: 'task-log', task: task.key, entry: { delivered: true } })
  }
  turn.act({
    action: 'event',
    executor: executor.key,
    event:
      first.launch.group === undefined
        ? { type: 'LAUNCH', launch: { task: first.info } }
        : { type: 'LAUNCH_GROUP', launch_group: { task_group: { tasks: tasks.map((task) => task.info) } } },
  })
}

function executorFor(
  turn: Turn,
  unit: readonly WantedTask[],
  info: ExecutorInfo,
  kind: 'default' | 'custom',
): ExecutorRecord {
  const frameworkId = unit[0]?.frameworkId ?? ''
  const executorId = info.executor_id.value
  const key = keyOf(frameworkId, executorId)
  const known = turn.state.executors.get(key)
  if (known !== undefined) {
    adoptGeneration(turn, known, unit)
    return known
  }
  const containerId = { value: turn.newContainerId() }
  const executor: ExecutorRecord = {
    key,
    frameworkId,
    executorId,
    kind,
    info: { ...info, framework_id: { value: frameworkId } },
    role: unit[0]?.role ?? '*',
    containerId,
    stage: kind === 'default' ? 'running' : 'starting',
    connected: false,
    delivered: false,
    recovered: false,
    executorGeneration: unit[0]?.executorGeneration,
  }
  turn.state.executors.set(key, executor)
  turn.save({ save: 'executor', executor: key })
  if (kind === 'custom') {
    turn.state.owners.set(containerId.value, { executor: key })
    turn.act({ action: 'launch-executor', executor: key })
  }
  return executor
}

/** The control plane counts the executor that runs here as another than we thought: its end shall be that one's. */
function adoptGeneration(turn: Turn, known: ExecutorRecord, unit: readonly WantedTask[]): void {
  const executorGeneration = unit[0]?.executorGeneration
  if (executorGeneration === undefined || executorGeneration <= (known.executorGeneration ?? 0)) return
  known.executorGeneration = executorGeneration
  turn.save({ save: 'executor', executor: known.key })
}

function recordTooLate(turn: Turn, wanted: WantedTask): void {
  recordNeverStarted(turn, wanted, 'TASK_DROPPED', 'REASON_AGENT_DRAINING', 'The agent is drained')
}

function recordKilledBeforeStart(turn: Turn, wanted: WantedTask): void {
  const message = 'Killed before delivery to the executor'
  recordNeverStarted(turn, wanted, 'TASK_KILLED', 'REASON_TASK_KILLED_DURING_LAUNCH', message)
}

function newRecord(
  turn: Turn,
  wanted: WantedTask,
  stage: TaskStage,
  executor?: ExecutorRecord | undefined,
): TaskRecord {
  const kind: ExecutorKind =
    executor?.kind ??
    (wanted.executor === undefined ? 'command' : wanted.executor.type === 'DEFAULT' ? 'default' : 'custom')
  return {
    key: keyOf(wanted.frameworkId, wanted.taskId),
    frameworkId: wanted.frameworkId,
    taskId: wanted.taskId,
    executorId: wanted.executor?.executor_id.value ?? wanted.taskId,
    kind,
    launch: wanted,
    info: wanted.task,
    containerId: containerIdFor(turn, executor),
    stage,
    state: 'TASK_STAGING',
    lastUpdate: 0,
    pending: [],
    statuses: [],
    executorUuids: new Set(),
  }
}

function containerIdFor(turn: Turn, executor: ExecutorRecord | undefined): TaskRecord['containerId'] {
  if (executor === undefined) return { value: turn.newContainerId() }
  if (executor.kind === 'custom') return executor.containerId
  return { value: turn.newContainerId(), parent: executor.containerId }
}

function write(turn: Turn, task: TaskRecord): void {
  remembered(turn.state, task)
  turn.save({ save: 'task', task: task.key })
}

function own(turn: Turn, task: TaskRecord): void {
  turn.state.owners.set(task.containerId.value, { task: task.key })
}

function unitsOf(wanted: readonly WantedTask[]): WantedTask[][] {
  const units = new Map<string, WantedTask[]>()
  for (const task of wanted) {
    const name =
      task.group === undefined
        ? `task ${keyOf(task.frameworkId, task.taskId)}`
        : `group ${task.frameworkId}/${task.group.id}`
    const unit = units.get(name)
    if (unit === undefined) units.set(name, [task])
    else unit.push(task)
  }
  return [...units.values()]
}
