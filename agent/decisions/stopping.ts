// Stopping tasks: TERM first, the end of the container after the grace; a second kill only shortens the grace (F86).
import type { KillPolicy } from '../../protocol/messages.ts'
import { graceMs, groupOf, hasCapability, keyOf, type Stop, type TaskRecord } from '../state.ts'
import type { Turn } from '../turn.ts'
import { agentSays, makeUpdate } from './updates.ts'

export interface StopOrder {
  readonly why: Stop['why']
  /** Number of kills asked for so far; a higher one than delivered is delivered. */
  readonly kills: number
  readonly policy?: KillPolicy | undefined
}

/** Mesos pauses checks, says KILLING to those who know it, signals, and destroys what is left after the grace. */
export function stopTask(turn: Turn, task: TaskRecord, order: StopOrder): void {
  if (task.stage === 'ended') return
  if (task.stage === 'queued' || task.stage === 'launching') {
    killBeforeStart(turn, task)
    return
  }
  if (task.kind === 'custom') {
    killUnderCustomExecutor(turn, task, order)
    return
  }
  if (task.stop !== undefined) {
    shorten(turn, task, task.stop, order)
    return
  }
  begin(turn, task, order)
  // Tasks of a group are killed together, unless they ended one by one.
  for (const member of groupOf(turn.state, task)) {
    if (member !== task && member.stage !== 'ended' && member.stop === undefined) {
      stopTask(turn, member, { why: order.why === 'end' ? 'end' : 'group', kills: 0, policy: order.policy })
    }
  }
}

/** The grace is over: the whole container goes. */
export function onKillDeadline(turn: Turn, key: string): void {
  const task = turn.state.tasks.get(key)
  if (task?.stop === undefined || task.stage === 'ended') return
  turn.act({ action: 'destroy', containerId: task.containerId })
}

/** Says KILL, also again to an executor that had lost its stream. */
export function deliverKill(turn: Turn, task: TaskRecord): void {
  const policy = task.stop?.policy
  turn.act({
    action: 'event',
    executor: keyOf(task.frameworkId, task.executorId),
    event: {
      type: 'KILL',
      kill: { task_id: { value: task.taskId }, ...(policy === undefined ? {} : { kill_policy: policy }) },
    },
  })
}

/** Not delivered yet, so the whole group ends by the agent's word. A container under way is destroyed when it is there. */
function killBeforeStart(turn: Turn, task: TaskRecord): void {
  const message = 'Killed before delivery to the executor'
  const group = groupOf(turn.state, task)
  for (const member of group) {
    if (member.stage === 'queued' || member.stage === 'launching') {
      agentSays(turn, member, 'TASK_KILLED', 'REASON_TASK_KILLED_DURING_LAUNCH', message)
      if (member.kind !== 'custom') turn.act({ action: 'destroy', containerId: member.containerId })
    }
  }
  for (const member of group) {
    if (member.stage === 'launched' && member.kind !== 'custom') {
      stopTask(turn, member, { why: 'group', kills: 0 })
    }
  }
}

function killUnderCustomExecutor(turn: Turn, task: TaskRecord, order: StopOrder): void {
  if (task.stop !== undefined && order.kills <= task.stop.kills) return
  const grace = graceMs(task.info, order.policy)
  task.stop = {
    why: order.why,
    kills: order.kills,
    since: task.stop?.since ?? turn.now,
    deadline: turn.now + grace,
    ...(order.policy === undefined ? {} : { policy: order.policy }),
  }
  turn.save({ save: 'task-log', task: task.key, entry: { stop: task.stop } })
  deliverKill(turn, task)
}

function begin(turn: Turn, task: TaskRecord, order: StopOrder): void {
  const grace = order.why === 'time' ? 0 : graceMs(task.info, order.policy)
  task.stop = { why: order.why, kills: order.kills, since: turn.now, deadline: turn.now + grace }
  turn.save({ save: 'task-log', task: task.key, entry: { stop: task.stop } })
  for (const timer of ['health', 'check', 'time']) {
    turn.act({ action: 'cancel', timer: `${timer}/${task.key}` })
  }
  const framework = turn.state.frameworks.get(task.frameworkId)
  if (order.why !== 'time' && order.why !== 'end' && hasCapability(framework, 'TASK_KILLING_STATE')) {
    makeUpdate(turn, task, {
      state: 'TASK_KILLING',
      source: 'SOURCE_EXECUTOR',
      ...(order.why === 'health' ? { healthy: false } : {}),
    })
  }
  turn.act({ action: 'signal', containerId: task.containerId, signal: 'SIGTERM' })
  turn.act({ action: 'timer', timer: `kill/${task.key}`, ms: Math.max(grace, LAST_WORDS_MS) })
}

/** Even without any grace a process gets the moment between two signals, so that it is seen to end by the first. */
const LAST_WORDS_MS = 20

function shorten(turn: Turn, task: TaskRecord, stop: Stop, order: StopOrder): void {
  if (order.kills <= stop.kills) return
  stop.kills = order.kills
  stop.deadline = Math.min(stop.deadline, stop.since + graceMs(task.info, order.policy))
  turn.save({ save: 'task-log', task: task.key, entry: { stop } })
  if (stop.deadline <= turn.now) turn.act({ action: 'destroy', containerId: task.containerId })
  else turn.act({ action: 'timer', timer: `kill/${task.key}`, ms: stop.deadline - turn.now })
}
