// Draining: the control plane has said that this agent ends its tasks. It is on disk, and holds until a list says no more.
//
// The list names each task as one to stop, with its grace. What is kept here makes the agent go on by itself after a
// restart, refuse what comes late, and say why its tasks end.
import type { AgentDrain } from '../../protocol/agent-messages.ts'
import { durationInfo } from '../../protocol/durations.ts'
import type { KillPolicy } from '../../protocol/messages.ts'
import { graceMs, type TaskRecord } from '../state.ts'
import type { Turn } from '../turn.ts'
import { stopTask } from './stopping.ts'

/** What the newest whole list says of it; undefined: the agent is in service (again). */
export function takeDrain(turn: Turn, drain: AgentDrain | undefined): void {
  const { state } = turn
  if (isSame(state.drain, drain)) return
  state.drain = drain
  turn.save({ save: 'drain' })
}

/** After a restart, before anybody is asked: what had no order to stop yet gets it now (F38). */
export function drainAgain(turn: Turn): void {
  const { drain } = turn.state
  if (drain === undefined) return
  for (const task of [...turn.state.tasks.values()]) {
    if (task.stage !== 'ended' && task.stop === undefined)
      stopTask(turn, task, { why: 'kill', kills: 0, policy: policyUnder(drain, task) })
  }
}

function policyUnder({ maxGraceMs }: AgentDrain, { info, stop }: TaskRecord): KillPolicy | undefined {
  const own = graceMs(info, stop?.policy)
  return maxGraceMs === undefined || maxGraceMs >= own
    ? undefined
    : { grace_period: durationInfo(maxGraceMs) }
}

function isSame(a: AgentDrain | undefined, b: AgentDrain | undefined): boolean {
  return a?.maxGraceMs === b?.maxGraceMs && a?.markGone === b?.markGone && a?.since === b?.since
}
