// After a restart: the disk says what was, the containers say what is; nothing is started that did not run.
import { type ExecutorRecord, isTerminal, type TaskRecord } from '../state.ts'
import type { ContainerEnd, FoundContainer, Input, Turn } from '../turn.ts'
import { startTimers, taskContainerEnded, taskLaunched } from './containers.ts'
import { drainAgain } from './drain.ts'
import { endIfIdle, executorGone } from './executor-life.ts'
import { agentSays } from './updates.ts'

/** Mesos: executor_reregistration_timeout. */
export const REREGISTRATION_TIMEOUT_MS = 2_000

export function onRecovered(turn: Turn, input: Extract<Input, { input: 'recovered' }>): void {
  const { state } = turn
  const find = (id: string): FoundContainer => input.containers.get(id) ?? { found: 'none' }
  for (const executor of [...state.executors.values()]) {
    if (executor.kind === 'custom')
      recoverExecutor(turn, executor, find(executor.containerId.value), input.rebooted)
  }
  for (const task of [...state.tasks.values()]) {
    if (task.stage === 'ended' || task.kind === 'custom') continue
    recoverTask(turn, task, find(task.containerId.value), input.rebooted)
  }
  for (const executor of [...state.executors.values()]) endIfIdle(turn, executor)
  drainAgain(turn)
  state.phase = 'registering'
  const waiting = [...state.executors.values()].some((executor) => executor.recovered)
  if (waiting) turn.act({ action: 'timer', timer: 'reregistration', ms: REREGISTRATION_TIMEOUT_MS })
}

function recoverTask(turn: Turn, task: TaskRecord, container: FoundContainer, rebooted: boolean): void {
  if (container.found === 'ended') {
    taskContainerEnded(turn, task, container.end)
    return
  }
  if (container.found === 'none') {
    taskLost(turn, task, rebooted)
    return
  }
  turn.state.owners.set(task.containerId.value, { task: task.key })
  if (!checkpoints(turn, task.frameworkId)) {
    endUncheckpointed(turn, task)
    return
  }
  task.pid = container.pid
  if (task.stage !== 'launched' || task.state === 'TASK_STAGING') {
    taskLaunched(turn, task, container.pid)
    return
  }
  if (task.stop === undefined) {
    startTimers(turn, task)
    return
  }
  // The grace went on while we were away.
  const left = Math.max(0, task.stop.deadline - turn.now)
  turn.act({ action: 'signal', containerId: task.containerId, signal: 'SIGTERM' })
  turn.act({ action: 'timer', timer: `kill/${task.key}`, ms: left })
}

/** F34: written down but never started. F32: the machine went down with it. */
function taskLost(turn: Turn, task: TaskRecord, rebooted: boolean): void {
  if (task.stage !== 'launched' && task.runningSince === undefined) {
    const message = 'The agent restarted before the task was started'
    agentSays(turn, task, 'TASK_DROPPED', 'REASON_AGENT_RESTARTED', message)
    return
  }
  const message = rebooted ? 'Executor terminated: the machine was restarted' : 'Executor terminated'
  agentSays(turn, task, 'TASK_FAILED', 'REASON_EXECUTOR_TERMINATED', message)
}

function recoverExecutor(
  turn: Turn,
  executor: ExecutorRecord,
  container: FoundContainer,
  rebooted: boolean,
): void {
  const unknown: ContainerEnd = { kind: 'unknown', value: 0 }
  dropUndelivered(turn, executor)
  if (container.found !== 'running') {
    if (rebooted)
      executor.cause = {
        state: 'TASK_FAILED',
        reason: 'REASON_EXECUTOR_TERMINATED',
        message: 'Executor terminated: the machine was restarted',
      }
    executorGone(turn, executor, container.found === 'ended' ? container.end : unknown)
    return
  }
  executor.pid = container.pid
  turn.state.owners.set(executor.containerId.value, { executor: executor.key })
  if (!checkpoints(turn, executor.frameworkId)) {
    executor.stage = 'ending'
    executor.cause = { state: 'TASK_GONE', reason: 'REASON_AGENT_DISCONNECTED', message: UNCHECKPOINTED }
    turn.act({ action: 'destroy', containerId: executor.containerId })
    return
  }
  if (executor.stage === 'ending') {
    turn.act({ action: 'destroy', containerId: executor.containerId })
    return
  }
  executor.recovered = true
  executor.connected = false
}

/** F34 for tasks that waited for their executor: nothing of an older incarnation is started any more. */
function dropUndelivered(turn: Turn, executor: ExecutorRecord): void {
  for (const task of turn.state.tasks.values()) {
    const its = task.frameworkId === executor.frameworkId && task.executorId === executor.executorId
    if (!its || task.stage !== 'queued' || isTerminal(task.state)) continue
    const message = 'The agent restarted before the task was delivered to its executor'
    agentSays(turn, task, 'TASK_DROPPED', 'REASON_AGENT_RESTARTED', message)
  }
}

const UNCHECKPOINTED = 'The agent restarted, and the framework has not asked for checkpoints'

/** A framework without checkpoints loses its tasks with the agent process. */
function endUncheckpointed(turn: Turn, task: TaskRecord): void {
  agentSays(turn, task, 'TASK_GONE', 'REASON_AGENT_DISCONNECTED', UNCHECKPOINTED)
  turn.act({ action: 'destroy', containerId: task.containerId })
}

/** One whose record was damaged gets the benefit of the doubt: a list brings it back. */
function checkpoints(turn: Turn, frameworkId: string): boolean {
  const framework = turn.state.frameworks.get(frameworkId)
  return framework === undefined || framework.checkpoint === true
}
