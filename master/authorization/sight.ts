// What a principal sees of the cluster: lists are made shorter without a word, never refused, as in Mesos.
import type { Resource } from '../../protocol/messages.ts'
import { reservationOf } from '../../protocol/resource-format.ts'
import type { Executor } from '../model.ts'
import type { ClusterView, Held, ShownAgent, ShownFramework } from '../operator/view.ts'
import { type Acls, type Action, allowed } from './acls.ts'

type Sees = (action: Action, object: string | undefined) => boolean

/**
 * The view as it is shown to a principal. Of a framework that is not seen neither tasks nor executors are; a role that
 * is not seen takes what is reserved, used or offered in it along. Without lists it is the view itself.
 */
export function seenBy(
  view: ClusterView,
  acls: Acls | undefined,
  principal: string | undefined,
): ClusterView {
  if (acls === undefined) return view
  const sees: Sees = (action, object) => allowed(acls, action, principal, object)
  const isRoleSeen = (role: string): boolean => sees('view_roles', role)
  const frameworks = seenFrameworks(view.frameworks, sees)
  const completedFrameworks = seenFrameworks(view.completedFrameworks, sees)
  return {
    ...view,
    agents: view.agents.map((agent) => seenAgent(agent, isRoleSeen)),
    unreachableAgents: view.unreachableAgents.map((agent) => seenAgent(agent, isRoleSeen)),
    frameworks,
    completedFrameworks,
    executors: seenExecutors(view.executors, [...frameworks, ...completedFrameworks], sees),
    isRoleSeen,
  }
}

function seenFrameworks(list: readonly ShownFramework[], sees: Sees): readonly ShownFramework[] {
  return list
    .filter(({ framework }) => sees('view_frameworks', framework.info.user))
    .map((shown) => ({
      ...shown,
      tasks: shown.tasks.filter(({ mesos }) => sees('view_tasks', mesos.user ?? shown.framework.info.user)),
      used: shown.used.filter(({ role }) => sees('view_roles', role)),
      offered: shown.offered.filter(({ role }) => sees('view_roles', role)),
    }))
}

function seenExecutors(
  executors: readonly Executor[],
  frameworks: readonly ShownFramework[],
  sees: Sees,
): readonly Executor[] {
  const users = new Map(frameworks.map(({ framework: { frameworkId, info } }) => [frameworkId, info.user]))
  return executors.filter(
    ({ frameworkId, info }) =>
      users.has(frameworkId) && sees('view_executors', info.command?.user ?? users.get(frameworkId)),
  )
}

function seenAgent(agent: ShownAgent, isRoleSeen: (role: string) => boolean): ShownAgent {
  const isSeen = ({ role }: Held): boolean => isRoleSeen(role)
  // An agent says its own resources as it was started with them, also in the format of old.
  const isOpen = (resource: Resource): boolean => {
    const role = reservationOf(resource)?.role ?? resource.role ?? '*'
    return role === '*' || isRoleSeen(role)
  }
  const { info } = agent.entry
  const resources = info.resources?.filter(isOpen)
  return {
    ...agent,
    entry: { ...agent.entry, info: resources === undefined ? info : { ...info, resources } },
    ledger: { ...agent.ledger, total: agent.ledger.total.filter(isOpen) },
    used: agent.used.filter(isSeen),
    offered: agent.offered.filter(isSeen),
  }
}
