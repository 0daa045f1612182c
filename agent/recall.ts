// What the disk remembers becomes the state of a new process, if this is still the same agent.
import { digestOf } from '../protocol/digest.ts'
import type { AgentInfo } from '../protocol/messages.ts'
import type { Remembered } from './checkpoint.ts'
import { identityProblem, type Reconfiguration } from './identity.ts'
import { type AgentState, keyOf, type TaskRecord } from './state.ts'

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
  // Whose tasks these are nobody can tell any more: what runs of them is ended as nobody's.
  if (remembered.position.agentId === undefined && remembered.tasks.length > 0) return false
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
  for (const task of remembered.tasks) {
    state.tasks.set(keyOf(task.frameworkId, task.taskId), task)
    if (task.stage !== 'ended') recallExecutor(state, task)
  }
  state.digest = digestOf(
    [...state.tasks.values()].map((task) => ({ ...task, launchGeneration: task.launch.launchGeneration })),
  )
  return true
}

/** An executor whose own record was damaged is known from the launches of its tasks; else they would never end. */
function recallExecutor(state: AgentState, { kind, launch, containerId, ...task }: TaskRecord): void {
  const key = keyOf(task.frameworkId, task.executorId)
  if (kind === 'command' || launch.executor === undefined || state.executors.has(key)) return
  const { frameworkId, executorId } = task
  state.executors.set(key, {
    key,
    frameworkId,
    executorId,
    kind,
    info: { ...launch.executor, framework_id: { value: frameworkId } },
    role: launch.role,
    containerId: kind === 'default' ? (containerId.parent ?? containerId) : containerId,
    stage: 'running',
    connected: false,
    delivered: true,
    recovered: false,
    executorGeneration: launch.executorGeneration,
  })
}
