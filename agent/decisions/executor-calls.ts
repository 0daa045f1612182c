// Calls of custom executors: subscriptions, updates, messages. What is to be answered by status codes, agent/executor/ does.
import type { ExecutorCallUpdate, ExecutorEvent, TaskStatus } from '../../protocol/messages.ts'
import { type ExecutorRecord, keyOf, liveTasksOf, type TaskRecord } from '../state.ts'
import type { Input, Turn } from '../turn.ts'
import { endExecutor } from './executor-life.ts'
import { deliverQueued } from './launching.ts'
import { deliverKill } from './stopping.ts'
import { agentSays, makeUpdate } from './updates.ts'

/** Mesos: the executor stream's heartbeat, the first one after the first interval (C135). */
const HEARTBEAT_MS = 30 * 60_000
/** Messages to schedulers are best effort; older ones give way. */
const MAX_MESSAGES = 1_000
const MAX_MESSAGES_BYTES = 4 * 1024 * 1024

/** In this order (C124–C127): running on disk, resent updates, lost launches, SUBSCRIBED, queued launches. */
export function onSubscribed(turn: Turn, input: Extract<Input, { input: 'executor-subscribed' }>): void {
  const executor = turn.state.executors.get(input.executor)
  if (executor === undefined || executor.kind !== 'custom') return
  if (executor.stage === 'ending' || turn.state.phase === 'ending') {
    sendAway(turn, executor)
    return
  }
  executor.connected = true
  executor.stage = 'running'
  executor.recovered = false
  turn.save({ save: 'executor', executor: executor.key })
  turn.act({ action: 'cancel', timer: `registration/${executor.key}` })
  for (const { status } of input.unacknowledgedUpdates) applyUpdate(turn, executor, status)
  dropLostLaunches(turn, executor, new Set(input.unacknowledgedTasks.map((task) => task.task_id.value)))
  const queued = liveTasksOf(turn.state, executor).some((task) => task.stage === 'queued')
  // Everything was killed before delivery: it has nothing to do and never had.
  if (!executor.delivered && !queued) {
    endExecutor(turn, executor.key)
    return
  }
  turn.act({ action: 'event', executor: executor.key, event: subscribedEvent(turn, executor) })
  deliverQueued(turn, executor)
  // A KILL written to a broken stream was lost; the executor is told again what is not wanted any more.
  for (const task of liveTasksOf(turn.state, executor)) if (task.stop !== undefined) deliverKill(turn, task)
  turn.act({ action: 'timer', timer: `executor-heartbeat/${executor.key}`, ms: HEARTBEAT_MS })
}

export function onHeartbeatDue(turn: Turn, key: string): void {
  const executor = turn.state.executors.get(key)
  if (executor?.connected !== true) return
  turn.act({ action: 'event', executor: key, event: { type: 'HEARTBEAT' } })
  turn.act({ action: 'timer', timer: `executor-heartbeat/${key}`, ms: HEARTBEAT_MS })
}

/** A closed stream alone ends no executor; only its process's end does. */
export function onDisconnected(turn: Turn, key: string): void {
  const executor = turn.state.executors.get(key)
  if (executor !== undefined) executor.connected = false
  turn.act({ action: 'cancel', timer: `executor-heartbeat/${key}` })
}

export function onUpdate(turn: Turn, key: string, status: TaskStatus): void {
  const executor = turn.state.executors.get(key)
  if (executor !== undefined) applyUpdate(turn, executor, status)
}

export function onMessage(turn: Turn, input: Extract<Input, { input: 'executor-message' }>): void {
  const executor = turn.state.executors.get(input.executor)
  if (executor === undefined) return
  const { frameworkId, executorId } = executor
  const kept = [...turn.state.messages, { frameworkId, executorId, data: input.data }].slice(-MAX_MESSAGES)
  let bytes = kept.reduce((sum, { data }) => sum + data.length, 0)
  while (bytes > MAX_MESSAGES_BYTES) bytes -= kept.shift()?.data.length ?? 0
  turn.state.messages = kept
  turn.act({ action: 'report' })
}

/** A message of the scheduler; nobody hears it while the executor has no stream. */
export function onFrameworkMessage(turn: Turn, key: string, data: string): void {
  if (turn.state.executors.get(key)?.connected !== true) return
  turn.act({ action: 'event', executor: key, event: { type: 'MESSAGE', message: { data } } })
}

/** What cannot become an update is acknowledged and goes no further. */
function applyUpdate(turn: Turn, executor: ExecutorRecord, status: ExecutorCallUpdate['status']): void {
  const { agentId } = turn.state
  const uuid = status.uuid ?? ''
  const foreign = status.agent_id !== undefined && status.agent_id.value !== agentId
  if (foreign) {
    const about = { executor: executor.key, agent: status.agent_id?.value }
    turn.act({
      action: 'log',
      level: 'warn',
      text: 'an update names another agent and is dropped',
      about,
    })
    return
  }
  const task = turn.state.tasks.get(keyOf(executor.frameworkId, status.task_id.value))
  if (task !== undefined && isNew(task, executor, uuid)) {
    task.executorUuids.add(uuid)
    makeUpdate(turn, task, {
      ...status,
      source: 'SOURCE_EXECUTOR',
      executor_id: { value: executor.executorId },
      timestamp: status.timestamp ?? turn.now / 1000,
    })
  }
  const acknowledged = { task_id: status.task_id, uuid }
  turn.act({ action: 'event', executor: executor.key, event: { type: 'ACKNOWLEDGED', acknowledged } })
}

function isNew(task: TaskRecord, executor: ExecutorRecord, uuid: string): boolean {
  return task.executorId === executor.executorId && task.stage !== 'ended' && !task.executorUuids.has(uuid)
}

function dropLostLaunches(turn: Turn, executor: ExecutorRecord, listed: ReadonlySet<string>): void {
  for (const task of liveTasksOf(turn.state, executor)) {
    if (task.stage !== 'launched' || task.state !== 'TASK_STAGING' || listed.has(task.taskId)) continue
    const message = 'The launch was lost on its way to the executor'
    agentSays(turn, task, 'TASK_DROPPED', 'REASON_AGENT_RESTARTED', message)
  }
}

function sendAway(turn: Turn, executor: ExecutorRecord): void {
  turn.act({ action: 'event', executor: executor.key, event: { type: 'SHUTDOWN' } })
  turn.act({ action: 'close-stream', executor: executor.key })
}

function subscribedEvent(turn: Turn, executor: ExecutorRecord): ExecutorEvent {
  const { frameworks } = turn.state
  const framework = frameworks.get(executor.frameworkId) ?? { user: '', name: '' }
  return {
    type: 'SUBSCRIBED',
    subscribed: {
      executor_info: executor.info,
      framework_info: { ...framework, id: { value: executor.frameworkId } },
      agent_info: turn.agentInfo(),
      container_id: executor.containerId,
    },
  }
}
