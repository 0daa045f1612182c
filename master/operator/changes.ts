// What happened between two looks at the cluster, as events of the operator's stream (C138).
//
// Writers keep no log for it: each task carries its history of statuses, and frameworks and agents say when they
// began, so every transition between the two looks is found, once and in order, by comparing them.
import type { MasterEvent, TaskStatus } from '../../protocol/messages.ts'
import { agentMessage, frameworkMessage } from './answers.ts'
import type { ClusterView, ShownFramework, ShownTask } from './view.ts'

/** Events that lead from one view to the other. Ends of tasks come before the end of their framework. */
export function changes(before: ClusterView, after: ClusterView): readonly MasterEvent[] {
  return [
    ...agentsAdded(before, after),
    ...frameworksChanged(before, after),
    ...tasksChanged(before, after),
    ...agentsRemoved(before, after),
    ...frameworksRemoved(before, after),
  ]
}

/** Registered, or back after having been lost. */
function agentsAdded(before: ClusterView, after: ClusterView): MasterEvent[] {
  const known = new Map(before.agents.map(({ ledger }) => [ledger.agentId, ledger.lossNumber]))
  return after.agents
    .filter(({ ledger }) => known.get(ledger.agentId) !== ledger.lossNumber)
    .map((agent) => ({ type: 'AGENT_ADDED', agent_added: { agent: agentMessage(agent) } }))
}

/** Unregistered. As in Mesos nothing is said of agents that are unreachable or gone: their tasks say it. */
function agentsRemoved(before: ClusterView, after: ClusterView): MasterEvent[] {
  const known = new Set([...before.agents, ...before.unreachableAgents].map(({ ledger }) => ledger.agentId))
  return after.unregistered
    .filter((agentId) => known.has(agentId))
    .map((value) => ({ type: 'AGENT_REMOVED', agent_removed: { agent_id: { value } } }))
}

function frameworksChanged(before: ClusterView, after: ClusterView): MasterEvent[] {
  const known = byId(before)
  return [...after.frameworks, ...after.completedFrameworks].flatMap((shown): MasterEvent[] => {
    const old = known.get(shown.framework.frameworkId)
    const framework = frameworkMessage(shown, after)
    if (old === undefined) return [{ type: 'FRAMEWORK_ADDED', framework_added: { framework } }]
    if (shown.framework.state === 'removed' || isSame(old, shown)) return []
    return [{ type: 'FRAMEWORK_UPDATED', framework_updated: { framework } }]
  })
}

/** Neither subscribed again nor told us anything new about itself. */
function isSame({ framework: old }: ShownFramework, { framework }: ShownFramework): boolean {
  return (
    old.reregisteredAt === framework.reregisteredAt &&
    written(old.info) === written(framework.info) &&
    written(old.offerConstraints) === written(framework.offerConstraints)
  )
}

function frameworksRemoved(before: ClusterView, after: ClusterView): MasterEvent[] {
  const known = byId(before)
  return after.completedFrameworks
    .filter(({ framework }) => known.get(framework.frameworkId)?.framework.state !== 'removed')
    .map(({ framework: { info } }) => ({
      type: 'FRAMEWORK_REMOVED',
      framework_removed: { framework_info: info },
    }))
}

function byId({ frameworks, completedFrameworks }: ClusterView): ReadonlyMap<string, ShownFramework> {
  return new Map([...frameworks, ...completedFrameworks].map((shown) => [shown.framework.frameworkId, shown]))
}

function tasksChanged(before: ClusterView, after: ClusterView): MasterEvent[] {
  const known = new Map(tasksIn(before).map((shown) => [keyOf(shown), shown]))
  return tasksIn(after).flatMap((shown) => {
    const old = known.get(keyOf(shown))
    return old === undefined
      ? [added(shown), ...updates([], 'TASK_STAGING', shown)]
      : updates(old.mesos.statuses ?? [], old.mesos.state, shown)
  })
}

function tasksIn({ frameworks, completedFrameworks }: ClusterView): readonly ShownTask[] {
  return [...frameworks, ...completedFrameworks].flatMap(({ tasks }) => tasks)
}

/** An id may be used again once its task is over. */
function keyOf({ task }: ShownTask): string {
  return `${task.frameworkId}/${task.taskId}/${task.acceptId}`
}

/** As it was launched; what has happened since follows as updates. */
function added({ mesos }: ShownTask): MasterEvent {
  const { status_update_state: _, status_update_uuid: __, ...launched } = mesos
  return { type: 'TASK_ADDED', task_added: { task: { ...launched, state: 'TASK_STAGING', statuses: [] } } }
}

/** An update for each status that is new and says something: another state, or another result of a check. */
function updates(
  known: readonly TaskStatus[],
  saidState: TaskStatus['state'],
  { task, mesos }: ShownTask,
): MasterEvent[] {
  const old = new Set(known.map(written))
  const event = (status: TaskStatus): MasterEvent => ({
    type: 'TASK_UPDATED',
    task_updated: { framework_id: { value: task.frameworkId }, status, state: mesos.state },
  })
  const events: MasterEvent[] = []
  let said = saidState
  for (const status of mesos.statuses ?? []) {
    if (old.has(written(status))) continue
    const before = known.find(({ state }) => state === status.state)
    if (status.state !== said || (before !== undefined && isOtherHealth(before, status)))
      events.push(event(status))
    said = status.state
  }
  // The task is over, or away, by what happened to its framework or agent; its own record says so a moment later.
  if (said !== mesos.state) {
    const { task_id, agent_id, state } = mesos
    events.push(event({ task_id, agent_id, state, source: 'SOURCE_MASTER' }))
  }
  return events
}

function isOtherHealth(a: TaskStatus, b: TaskStatus): boolean {
  return a.healthy !== b.healthy || written(a.check_status) !== written(b.check_status)
}

/** Equal for equal values; times beyond 2^53 are bigints. */
function written(value: unknown): string {
  return JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? String(field) : field)) ?? ''
}
