// What the disk remembers becomes the state of a new process, if this is still the same agent.
import { digestOf } from '../protocol/digest.ts'
import type { AgentInfo } from '../protocol/messages.ts'
import type { Remembered } from './checkpoint.ts'
import { identityProblem, type Reconfiguration } from './identity.ts'
import { type AgentState, keyOf } from './state.ts'

/**
 * Fills the state from the disk. An agent whose machine changed too much does not start; after a restart of the
 * machine nothing runs, so it becomes a new agent (F32, F33): then this is false, and what is on disk is void.
 */
export function recall(
  state: AgentState,
  remembered: Remembered,
  now: {
    readonly hostInfo: AgentInfo
    readonly reconfiguration: Reconfiguration
    /** The machine was restarted since: nothing of what is remembered runs. */
    readonly rebooted: boolean
  },
): boolean {
  const problem =
    remembered.info === undefined
      ? undefined
      : identityProblem(remembered.info, now.hostInfo, now.reconfiguration)
  if (problem !== undefined && !now.rebooted && remembered.position.agentId !== undefined) {
    throw new Error(
      `${problem}. Start it as before, or with --reconfiguration-policy additive, or with another --work-dir`,
    )
  }
  if (problem !== undefined) return false
  const { agentId, incarnation, applied } = remembered.position
  state.agentId = agentId
  state.incarnation = incarnation
  state.applied = applied
  state.exits = [...remembered.exits]
  state.drain = remembered.drain
  for (const info of remembered.frameworks)
    if (info.id !== undefined) state.frameworks.set(info.id.value, info)
  for (const executor of remembered.executors) {
    state.executors.set(executor.key, { ...executor, connected: false, recovered: false })
  }
  for (const task of remembered.tasks) state.tasks.set(keyOf(task.frameworkId, task.taskId), task)
  state.digest = digestOf(
    [...state.tasks.values()].map((task) => ({ ...task, launchGeneration: task.launch.launchGeneration })),
  )
  return true
}
