// The cluster as it is shown: what was read at one time, with each task in the one state that is true of it as a whole.
//
// A task is never shown half way through larger work: its state is made of the task, its agent's life and its
// framework's end together, so a lost agent's tasks are lost at once, however many pieces of work are still open.
import type { Task as MesosTask, Resource } from '../../protocol/messages.ts'
import { allocate } from '../../protocol/resources.ts'
import { whyVoid } from '../allocator/void-offers.ts'
import { FINISHED_TASK_KEPT_MS, MAX_COMPLETED_FRAMEWORKS } from '../limits.ts'
import type { AgentEntry, Executor, Framework, Ledger, Resources, Task } from '../model.ts'
import { isTerminal, spell, visibleState } from '../task-state.ts'

/** What was read. */
export interface Loaded {
  /** Cluster time, ms. */
  readonly now: number
  readonly entries: readonly AgentEntry[]
  readonly ledgers: readonly Ledger[]
  readonly frameworks: readonly Framework[]
  readonly tasks: readonly Task[]
  readonly executors: readonly Executor[]
}

export interface ClusterView {
  readonly now: number
  /** Registered agents, also those that are just returning. */
  readonly agents: readonly ShownAgent[]
  readonly unreachableAgents: readonly ShownAgent[]
  /** Ids of agents that left for good of themselves. */
  readonly unregistered: readonly string[]
  /** Not removed. */
  readonly frameworks: readonly ShownFramework[]
  /** Removed, the latest last; at most 50. */
  readonly completedFrameworks: readonly ShownFramework[]
  readonly executors: readonly Executor[]
  /** Absent: every role is. */
  readonly isRoleSeen?: ((role: string) => boolean) | undefined
}

export interface ShownAgent {
  readonly entry: AgentEntry
  readonly ledger: Ledger
  readonly used: readonly Held[]
  readonly offered: readonly ShownOffer[]
}

/** What a framework has on an agent in a role, written as allocated to the role. */
export interface Held {
  readonly agentId: string
  readonly frameworkId: string
  readonly role: string
  readonly resources: Resources
}

export interface ShownOffer extends Held {
  readonly offerId: string
}

export interface ShownFramework {
  readonly framework: Framework
  readonly used: readonly Held[]
  readonly offered: readonly ShownOffer[]
  readonly tasks: readonly ShownTask[]
}

export interface ShownTask {
  readonly task: Task
  /** As listed: in its true state, without data in its statuses. */
  readonly mesos: MesosTask
  readonly role: string
  readonly place: 'live' | 'unreachable' | 'completed'
}

/** Puts together what was read. Void offers are nobody's, holds of accepts under way are in use. */
export function clusterView(loaded: Loaded): ClusterView {
  const ledgers = new Map(loaded.ledgers.map((ledger) => [ledger.agentId, ledger]))
  const frameworks = new Map(loaded.frameworks.map((framework) => [framework.frameworkId, framework]))
  const shown = loaded.entries.flatMap((entry) => {
    const ledger = ledgers.get(entry.agentId)
    return ledger === undefined ? [] : [shownAgent(entry, ledger, frameworks, loaded.now)]
  })
  const agents = shown.filter(({ ledger: { life } }) => life === 'active' || life === 'returning')
  const tasksOf = Map.groupBy(loaded.tasks, ({ frameworkId }) => frameworkId)
  const shownFramework = (framework: Framework): ShownFramework => {
    const isOwn = ({ frameworkId }: Held): boolean => frameworkId === framework.frameworkId
    return {
      framework,
      used: agents.flatMap(({ used }) => used.filter(isOwn)),
      offered: agents.flatMap(({ offered }) => offered.filter(isOwn)),
      tasks: (tasksOf.get(framework.frameworkId) ?? []).map((task) => shownTask(task, framework, ledgers)),
    }
  }
  const present = loaded.frameworks.filter(({ state }) => state !== 'removed')
  return {
    now: loaded.now,
    agents,
    unreachableAgents: shown.filter(({ ledger: { life } }) => life === 'unreachable'),
    unregistered: shown.flatMap(({ ledger }) => (ledger.life === 'removed' ? [ledger.agentId] : [])),
    frameworks: present.toSorted(byRegistration).map(shownFramework),
    completedFrameworks: completed(loaded.frameworks).map(shownFramework),
    executors: loaded.executors.filter(
      ({ agentId, frameworkId }) =>
        agents.some(({ ledger }) => ledger.agentId === agentId) &&
        frameworks.get(frameworkId)?.state !== 'removed',
    ),
  }
}

/** The removed frameworks that are shown: the latest 50, the latest last. */
export function completed(frameworks: readonly Framework[]): readonly Framework[] {
  return frameworks
    .filter(({ state }) => state === 'removed')
    .toSorted((a, b) => (a.removedAt ?? 0) - (b.removedAt ?? 0))
    .slice(-MAX_COMPLETED_FRAMEWORKS)
}

/** Whether a framework can have tasks that are worth a query: those of one removed long ago are deleted. */
export function mayHaveTasks(framework: Framework, now: number): boolean {
  if (framework.state !== 'removed' || framework.openWork !== undefined) return true
  return now - (framework.removedAt ?? 0) < 2 * FINISHED_TASK_KEPT_MS
}

function shownAgent(
  entry: AgentEntry,
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  now: number,
): ShownAgent {
  const { agentId } = ledger
  const used: Held[] = Object.entries(ledger.sums).flatMap(([frameworkId, roles]) =>
    Object.entries(roles).map(([role, resources]) => held({ agentId, frameworkId, role, resources })),
  )
  for (const hold of Object.values(ledger.holds)) used.push(held({ ...hold, agentId }))
  const offered = Object.entries(ledger.offers).flatMap(([offerId, offer]) =>
    whyVoid(offer, frameworks, now) === undefined ? [{ ...held({ ...offer, agentId }), offerId }] : [],
  )
  return { entry, ledger, used, offered }
}

function held({ agentId, frameworkId, role, resources }: Held): Held {
  return { agentId, frameworkId, role, resources: allocate(resources, role) }
}

function shownTask(task: Task, framework: Framework, ledgers: ReadonlyMap<string, Ledger>): ShownTask {
  const ledger = ledgers.get(task.agentId)
  const exact = visibleState(task, ledger, framework)
  const { resources, statuses, ...rest } = task.mesos
  const mesos: MesosTask = {
    ...rest,
    state: spell(exact, framework),
    resources: (resources ?? []).map(
      (resource): Resource => ({ ...resource, allocation_info: { role: task.role } }),
    ),
    statuses: (statuses ?? []).map(({ data: _, ...status }) => ({
      ...status,
      state: spell(status.state, framework),
    })),
  }
  // A task that is over stays among the live ones until its end is acknowledged, as in Mesos.
  const isOver = task.standing === 'finished' || framework.state === 'removed'
  const isLost = task.standing === 'lost' || exact !== task.mesos.state
  const isAway = exact === 'TASK_UNREACHABLE' || exact === 'TASK_UNKNOWN'
  const place = isOver || (isLost && isTerminal(exact)) ? 'completed' : isAway ? 'unreachable' : 'live'
  return { task, mesos, role: task.role, place }
}

function byRegistration(a: Framework, b: Framework): number {
  return a.registeredAt - b.registeredAt || (a.frameworkId < b.frameworkId ? -1 : 1)
}
