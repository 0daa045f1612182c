// What a registration says: who this agent is, and all that it runs, in pages that one call may carry.
import type { RegisterCall, TaskReport } from '../protocol/agent-messages.ts'
import type { AgentInfoCapability, Resource } from '../protocol/messages.ts'
import { add } from '../protocol/resources.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { type AgentState, isTerminal } from './state.ts'
import { executorReportOf, taskReportOf } from './task-reports.ts'

const TASKS_PER_PAGE = 200
const TASKS_WITH_INFO_PER_PAGE = 50

export const CAPABILITIES: readonly AgentInfoCapability[] = [
  { type: 'MULTI_ROLE' },
  { type: 'HIERARCHICAL_ROLE' },
  { type: 'RESERVATION_REFINEMENT' },
  { type: 'AGENT_DRAINING' },
  { type: 'TASK_RESOURCE_LIMITS' },
]

/** The pages, to be made in this order; the first one carries the sums of all. */
export function registerCallsOf(
  state: AgentState,
  {
    bootNonce,
    about,
  }: Pick<RegisterCall, 'bootNonce'> & {
    readonly about: Pick<RegisterCall, 'agentInfo' | 'address' | 'instanceId'>
  },
): RegisterCall[] {
  const tasks = [...state.tasks.values()].map((task) => taskReportOf(task, state.restored))
  const executors = [...state.executors.values()].map(executorReportOf)
  const size = state.restored ? TASKS_WITH_INFO_PER_PAGE : TASKS_PER_PAGE
  const pages = Math.max(1, Math.ceil(tasks.length / size))
  return Array.from({ length: pages }, (_, page) => ({
    type: 'REGISTER' as const,
    bootNonce,
    ...(state.agentId === undefined ? {} : { agentId: state.agentId }),
    ...about,
    version: MESETA_VERSION,
    capabilities: CAPABILITIES,
    applied: state.applied,
    sums: sumsOf(tasks, executors),
    page,
    pages,
    tasks: tasks.slice(page * size, (page + 1) * size),
    executors: page === 0 ? executors : [],
    frameworks: page === 0 ? [...state.frameworks.values()] : [],
  }))
}

function sumsOf(
  tasks: readonly TaskReport[],
  executors: readonly ReturnType<typeof executorReportOf>[],
): RegisterCall['sums'] {
  const sums: Record<string, Record<string, readonly Resource[]>> = {}
  const charge = (frameworkId: string, role: string, resources: readonly Resource[]) => {
    sums[frameworkId] ??= {}
    const roles = sums[frameworkId]
    roles[role] = add(roles[role] ?? [], resources)
  }
  // What has ended uses nothing any more, though it is listed until its end is acknowledged: others have its place (S1).
  const live = tasks.filter(({ state }) => !isTerminal(state))
  for (const task of live) charge(task.frameworkId, task.role, task.resources)
  for (const executor of executors) charge(executor.frameworkId, executor.role, executor.resources)
  return sums
}
