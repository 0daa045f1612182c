// What happens to containers: made, not made, limited, ended. The agent is the executor of command tasks and of groups.
import type { TaskStatus } from '../../protocol/messages.ts'
import { type ExecutorRecord, groupOf, keyOf, type TaskRecord } from '../state.ts'
import type { ContainerEnd, LaunchFailure, Turn } from '../turn.ts'
import { startChecks } from './checks.ts'
import { howItEnded } from './ends.ts'
import { endIfIdle, executorGone } from './executor-life.ts'
import { stopTask } from './stopping.ts'
import { agentSays, makeUpdate } from './updates.ts'

/** Mesos: executor_registration_timeout (C129). */
const REGISTRATION_TIMEOUT_MS = 60_000

export function onContainerLaunched(turn: Turn, containerId: string, pid: number): void {
  const owner = turn.state.owners.get(containerId)
  if (owner === undefined) {
    turn.act({ action: 'destroy', containerId: { value: containerId } })
    return
  }
  if ('executor' in owner) {
    const executor = turn.state.executors.get(owner.executor)
    if (executor !== undefined) executorLaunched(turn, executor, pid)
    return
  }
  const task = turn.state.tasks.get(owner.task)
  if (task === undefined || task.stage === 'ended') {
    turn.act({ action: 'destroy', containerId: task?.containerId ?? { value: containerId } })
    return
  }
  taskLaunched(turn, task, pid)
}

/** The task's process is there: STARTING, RUNNING, and its timers. */
export function taskLaunched(turn: Turn, task: TaskRecord, pid: number): void {
  task.stage = 'launched'
  task.pid = pid
  turn.save({ save: 'task-log', task: task.key, entry: { launched: pid } })
  if (task.state === 'TASK_STAGING') {
    makeUpdate(turn, task, { state: 'TASK_STARTING', source: 'SOURCE_EXECUTOR', ...firstCheckStatus(task) })
  }
  makeUpdate(turn, task, { state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR', ...firstCheckStatus(task) })
  task.runningSince = turn.now
  startTimers(turn, task)
}

/** The timers of a running task: max_completion_time counts from RUNNING, also over a restart of the agent. */
export function startTimers(turn: Turn, task: TaskRecord): void {
  const limit = task.info.max_completion_time
  if (limit !== undefined) {
    const ran = turn.now - (task.runningSince ?? turn.now)
    const left = Math.max(0, Number(limit.nanoseconds) / 1e6 - ran)
    turn.act({ action: 'timer', timer: `time/${task.key}`, ms: left })
  }
  startChecks(turn, task)
}

/** max_completion_time has passed (F89). */
export function onCompletionTime(turn: Turn, key: string): void {
  const task = turn.state.tasks.get(key)
  if (task !== undefined) stopTask(turn, task, { why: 'time', kills: 0 })
}

export function onLaunchFailed(turn: Turn, containerId: string, failure: LaunchFailure): void {
  const owner = turn.state.owners.get(containerId)
  turn.state.owners.delete(containerId)
  if (owner === undefined) return
  if ('executor' in owner) {
    const executor = turn.state.executors.get(owner.executor)
    if (executor === undefined) return
    executor.cause = causeOf(failure)
    executorGone(turn, executor, { kind: 'unknown', value: 0 })
    return
  }
  const task = turn.state.tasks.get(owner.task)
  if (task === undefined) return
  const { state, reason, message } = causeOf(failure)
  agentSays(turn, task, state, reason, message)
  afterTaskEnd(turn, task)
}

export function onContainerEnded(turn: Turn, containerId: string, end: ContainerEnd): void {
  const owner = turn.state.owners.get(containerId)
  turn.state.owners.delete(containerId)
  if (owner === undefined) return
  if ('executor' in owner) {
    const executor = turn.state.executors.get(owner.executor)
    if (executor !== undefined) executorGone(turn, executor, end)
    return
  }
  const task = turn.state.tasks.get(owner.task)
  if (task !== undefined) taskContainerEnded(turn, task, end)
}

/** Says how a task of a built-in executor ended, and ends its group if it ended badly. */
export function taskContainerEnded(turn: Turn, task: TaskRecord, end: ContainerEnd): void {
  if (task.stage !== 'ended') makeUpdate(turn, task, lastWord(task, end))
  afterTaskEnd(turn, task)
}

function afterTaskEnd(turn: Turn, task: TaskRecord): void {
  if (task.kind !== 'default') return
  if (task.state !== 'TASK_FINISHED') {
    // F85: one failing or killed member ends its group, and only its group.
    for (const member of groupOf(turn.state, task)) stopTask(turn, member, { why: 'group', kills: 0 })
  }
  const executor = turn.state.executors.get(keyOf(task.frameworkId, task.executorId))
  if (executor !== undefined) endIfIdle(turn, executor)
}

function lastWord(task: TaskRecord, end: ContainerEnd): Parameters<typeof makeUpdate>[2] {
  const check = task.health?.checkStatus === undefined ? {} : { check_status: task.health.checkStatus }
  const healthy = task.stop?.why === 'health' ? { healthy: false } : {}
  const said = { ...check, ...healthy }
  if (end.limitation !== undefined) {
    const { reason, message, resources } = end.limitation
    const limitation = resources === undefined ? {} : { limitation: { resources } }
    return { state: 'TASK_FAILED', source: 'SOURCE_AGENT', reason, message, ...limitation, ...said }
  }
  if (end.kind === 'unknown' && task.stop === undefined) {
    const reason = 'REASON_EXECUTOR_TERMINATED'
    return { state: 'TASK_FAILED', source: 'SOURCE_AGENT', reason, message: 'Executor terminated', ...said }
  }
  const message = howItEnded(end)
  const source = 'SOURCE_EXECUTOR'
  if (task.stop?.why === 'time') {
    const reason = 'REASON_MAX_COMPLETION_TIME_REACHED'
    return { state: 'TASK_FAILED', source, reason, message, ...said }
  }
  // Also a task that exits with 0 while it is being killed was killed.
  if (task.stop !== undefined) return { state: 'TASK_KILLED', source, message, ...said }
  const succeeded = end.kind === 'exit' && end.value === 0
  return { state: succeeded ? 'TASK_FINISHED' : 'TASK_FAILED', source, message, ...said }
}

function executorLaunched(turn: Turn, executor: ExecutorRecord, pid: number): void {
  executor.pid = pid
  if (executor.stage === 'ending') {
    // A quick one subscribed before we heard of its start: it was asked to end, and has its grace.
    const wasAsked = executor.connected || executor.delivered
    if (!wasAsked) turn.act({ action: 'destroy', containerId: executor.containerId })
    return
  }
  if (executor.stage !== 'starting') return
  executor.stage = 'registering'
  turn.save({ save: 'executor', executor: executor.key })
  turn.act({ action: 'timer', timer: `registration/${executor.key}`, ms: REGISTRATION_TIMEOUT_MS })
}

function causeOf(failure: LaunchFailure): NonNullable<ExecutorRecord['cause']> {
  return failure.why === 'user'
    ? { state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', message: failure.message }
    : { state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message: failure.message }
}

/** With a check, its still empty result stands on the first updates already. */
function firstCheckStatus(task: TaskRecord): Pick<TaskStatus, 'check_status'> {
  const type = task.info.check?.type
  if (type === undefined || task.kind === 'custom') return {}
  if (type === 'COMMAND') return { check_status: { type, command: {} } }
  return { check_status: type === 'HTTP' ? { type, http: {} } : { type, tcp: {} } }
}
