// The agent as a pure machine: an input changes the state and yields what to save and what to do, in this order.
//
// Receive, decide, checkpoint, act. Walk: before it agent/control-plane.ts, after it agent/checkpoint.ts.
// Nothing here reads a clock, draws a random number or touches anything; acting.ts does what is decided.
import type { Nudge } from '../protocol/agent-messages.ts'
import { onCheckDue, onCheckResult } from './decisions/checks.ts'
import {
  onCompletionTime,
  onContainerEnded,
  onContainerLaunched,
  onLaunchFailed,
} from './decisions/containers.ts'
import {
  onDisconnected,
  onFrameworkMessage,
  onHeartbeatDue,
  onMessage,
  onSubscribed,
  onUpdate,
} from './decisions/executor-calls.ts'
import {
  endExecutor,
  onRegistrationDeadline,
  onReregistrationDeadline,
  onShutdownDeadline,
} from './decisions/executor-life.ts'
import { onRecovered } from './decisions/recovered.ts'
import { onRegistered, onRegistering } from './decisions/registration.ts'
import { onKillDeadline, stopTask } from './decisions/stopping.ts'
import { onFrameworkLinger, onHandedIn } from './decisions/updates.ts'
import { onChanges, onList, onOvertaken } from './decisions/wanted-state.ts'
import { keyOf } from './state.ts'
import type { Input, Turn } from './turn.ts'

/** Takes one input. Total: whatever comes, it decides and never throws for what others sent. */
export function decide(turn: Turn, input: Input): void {
  switch (input.input) {
    case 'nudge':
      onNudge(turn, input.nudge)
      return
    case 'list':
      onList(turn, input)
      return
    case 'registering':
      onRegistering(turn)
      return
    case 'registered':
      onRegistered(turn, input)
      return
    case 'handed-in':
      onHandedIn(turn, input)
      return
    case 'container-launched':
      onContainerLaunched(turn, input.containerId, input.pid)
      return
    case 'launch-failed':
      onLaunchFailed(turn, input.containerId, input.failure)
      return
    case 'container-ended':
      onContainerEnded(turn, input.containerId, input.end)
      return
    case 'executor-subscribed':
      onSubscribed(turn, input)
      return
    case 'executor-disconnected':
      onDisconnected(turn, input.executor)
      return
    case 'executor-update':
      onUpdate(turn, input.executor, input.status)
      return
    case 'executor-message':
      onMessage(turn, input)
      return
    case 'check-result':
      onCheckResult(turn, input.task, input.result)
      return
    case 'timer':
      onTimer(turn, input.timer)
      return
    case 'recovered':
      onRecovered(turn, input)
      return
    case 'end-everything':
      endEverything(turn)
      return
  }
}

function onNudge(turn: Turn, nudge: Nudge): void {
  switch (nudge.kind) {
    case 'changes':
      onChanges(turn, nudge)
      return
    case 'message':
      onFrameworkMessage(turn, keyOf(nudge.frameworkId, nudge.executorId), nudge.data)
      return
    case 'sync':
      turn.act({ action: 'sync' })
      return
    case 'register':
      turn.act({ action: 'register' })
      return
    case 'call':
      turn.act({ action: 'call' })
      return
    case 'shutdown':
      turn.act({ action: 'end-process', why: nudge.why })
      return
  }
}

/** Timers are named `kind` or `kind/key`; one that was overtaken finds nothing to do. */
function onTimer(turn: Turn, timer: string): void {
  const slash = timer.indexOf('/')
  const kind = slash < 0 ? timer : timer.slice(0, slash)
  TIMERS[kind]?.(turn, slash < 0 ? '' : timer.slice(slash + 1))
}

const TIMERS: Readonly<Record<string, (turn: Turn, key: string) => void>> = {
  overtaken: onOvertaken,
  kill: onKillDeadline,
  time: onCompletionTime,
  health: (turn, key) => onCheckDue(turn, 'health', key),
  check: (turn, key) => onCheckDue(turn, 'check', key),
  registration: onRegistrationDeadline,
  reregistration: onReregistrationDeadline,
  shutdown: onShutdownDeadline,
  'executor-heartbeat': onHeartbeatDue,
  framework: onFrameworkLinger,
}

function endEverything(turn: Turn): void {
  turn.state.phase = 'ending'
  for (const executor of [...turn.state.executors.values()]) endExecutor(turn, executor.key)
  for (const task of [...turn.state.tasks.values()]) {
    if (task.kind !== 'custom') stopTask(turn, task, { why: 'kill', kills: 1 })
  }
}
