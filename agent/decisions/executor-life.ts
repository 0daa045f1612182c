// The life of executors: registration and reregistration in time, shutdown with grace, the end and what it means.
import { type ExecutorRecord, liveTasksOf, type TaskRecord } from '../state.ts'
import type { ContainerEnd, Turn } from '../turn.ts'
import { waitStatus } from './ends.ts'
import { stopTask } from './stopping.ts'
import { agentSays, lingerFramework, makeUpdate } from './updates.ts'

/** Mesos: executor_shutdown_grace_period. */
export const SHUTDOWN_GRACE_MS = 5_000
/** Ended executors the control plane may hear of late. */
const MAX_EXITS = 1_000
const MAX_COMPLETED = 200

/** Asks an executor to end: SHUTDOWN, and after its grace the container goes (C133). */
export function endExecutor(turn: Turn, key: string): void {
  const executor = turn.state.executors.get(key)
  if (executor === undefined || executor.stage === 'ending') return
  if (executor.kind === 'default') {
    executor.stage = 'ending'
    for (const task of liveTasksOf(turn.state, executor)) stopTask(turn, task, { why: 'kill', kills: 1 })
    endIfIdle(turn, executor)
    return
  }
  const subscribed = executor.stage === 'running' && executor.connected
  const starting = executor.stage === 'starting'
  executor.stage = 'ending'
  turn.save({ save: 'executor', executor: key })
  turn.act({ action: 'cancel', timer: `registration/${key}` })
  // One under way is destroyed as soon as it is there; one that never subscribed has nothing to clean up.
  if (starting) return
  if (!subscribed) {
    turn.act({ action: 'destroy', containerId: executor.containerId })
    return
  }
  turn.act({ action: 'event', executor: key, event: { type: 'SHUTDOWN' } })
  turn.act({ action: 'timer', timer: `shutdown/${key}`, ms: shutdownGraceMs(executor) })
}

export function onShutdownDeadline(turn: Turn, key: string): void {
  const executor = turn.state.executors.get(key)
  if (executor !== undefined) turn.act({ action: 'destroy', containerId: executor.containerId })
}

/** No SUBSCRIBE within a minute (C129). */
export function onRegistrationDeadline(turn: Turn, key: string): void {
  const executor = turn.state.executors.get(key)
  if (executor === undefined || executor.stage !== 'registering') return
  executor.stage = 'ending'
  executor.cause = {
    state: 'TASK_FAILED',
    reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
    message: 'The executor did not subscribe within a minute of its start',
  }
  turn.act({ action: 'destroy', containerId: executor.containerId })
}

/** Not back in time after a restart of the agent (F28). */
export function onReregistrationDeadline(turn: Turn): void {
  for (const executor of turn.state.executors.values()) {
    if (!executor.recovered) continue
    executor.recovered = false
    executor.stage = 'ending'
    executor.cause = {
      state: 'TASK_GONE',
      reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
      message: 'The executor did not come back in time after the agent restarted',
    }
    turn.act({ action: 'destroy', containerId: executor.containerId })
  }
}

/** The executor's process has ended: its live tasks end by the agent's word, and the control plane is told (F84). */
export function executorGone(turn: Turn, executor: ExecutorRecord, end: ContainerEnd): void {
  for (const task of liveTasksOf(turn.state, executor)) sayExecutorGone(turn, task, executor, end)
  removeExecutor(turn, executor, waitStatus(end))
}

/** A built-in default executor ends when none of its containers is left; that is a clean exit. */
export function endIfIdle(turn: Turn, executor: ExecutorRecord): void {
  if (executor.kind !== 'default') return
  if (liveTasksOf(turn.state, executor).length === 0) removeExecutor(turn, executor, 0)
}

function sayExecutorGone(turn: Turn, task: TaskRecord, executor: ExecutorRecord, end: ContainerEnd): void {
  if (end.limitation !== undefined) {
    const { reason, message, resources } = end.limitation
    const limitation = resources === undefined ? {} : { limitation: { resources } }
    makeUpdate(turn, task, {
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason,
      message,
      ...limitation,
    })
    return
  }
  const { state, reason, message } = executor.cause ?? {
    state: 'TASK_FAILED' as const,
    reason: 'REASON_EXECUTOR_TERMINATED' as const,
    message: 'Executor terminated',
  }
  agentSays(turn, task, state, reason, message)
}

function removeExecutor(turn: Turn, executor: ExecutorRecord, status: number): void {
  const { state } = turn
  const { key, frameworkId, executorId, containerId, executorGeneration } = executor
  if (!state.executors.delete(key)) return
  state.owners.delete(containerId.value)
  state.completedExecutors = [...state.completedExecutors, executor].slice(-MAX_COMPLETED)
  const exit = { frameworkId, executorId, containerId: containerId.value, executorGeneration, status }
  state.exits = [...state.exits, exit].slice(-MAX_EXITS)
  turn.save({ save: 'exits' })
  turn.save({ save: 'forget-executor', executor: key })
  for (const timer of ['registration', 'shutdown', 'executor-heartbeat']) {
    turn.act({ action: 'cancel', timer: `${timer}/${key}` })
  }
  turn.act({ action: 'close-stream', executor: key })
  turn.act({ action: 'sandbox-done', frameworkId, containerId, executorId })
  turn.act({ action: 'report' })
  lingerFramework(turn, frameworkId)
}

function shutdownGraceMs(executor: ExecutorRecord): number {
  const grace = executor.info.shutdown_grace_period
  return grace === undefined ? SHUTDOWN_GRACE_MS : Math.max(0, Number(grace.nanoseconds) / 1e6)
}
