// What is wrong with a LAUNCH_GROUP: all of it starts or nothing does (C86).
import type { ExecutorInfo, TaskInfo } from '../../protocol/messages.ts'
import { hasOwnNetwork } from './container.ts'
import { groupExecutorError, sameExecutor } from './executor.ts'
import { fitError, type TaskPlace, taskError } from './task.ts'

/** What is wrong with a group and its executor; undefined if nothing is. */
export function groupError(
  executor: ExecutorInfo,
  tasks: readonly TaskInfo[],
  place: TaskPlace,
): string | undefined {
  return (
    groupExecutorError(executor, place) ??
    membersReason(executor, tasks, place) ??
    sharedCgroupsReason(tasks) ??
    fitError(
      tasks.flatMap(({ resources = [] }) => resources),
      executor,
      place,
    )
  )
}

function membersReason(
  executor: ExecutorInfo,
  tasks: readonly TaskInfo[],
  place: TaskPlace,
): string | undefined {
  const seen = new Set<string>()
  for (const task of tasks) {
    const id = task.task_id.value
    const reason = seen.has(id) ? `Task has duplicate ID: ${id}` : memberReason(executor, task, place)
    if (reason !== undefined) return `Task '${id}' of the group is invalid: ${reason}`
    seen.add(id)
  }
  return tasks.length === 0 ? 'The group has no tasks' : undefined
}

function memberReason(executor: ExecutorInfo, task: TaskInfo, place: TaskPlace): string | undefined {
  const reason = taskError(task, place)
  if (reason !== undefined) return reason
  if (task.container?.type === 'DOCKER') return 'A task of a group can not be in a DOCKER container'
  if (task.executor !== undefined && !sameExecutor(task.executor, executor)) {
    return "Its 'executor' differs from the group's"
  }
  const { type } = task.health_check ?? {}
  if (hasOwnNetwork(task.container) && (type === 'HTTP' || type === 'TCP')) {
    return `A ${type} health check does not reach a task with a network of its own`
  }
  const isApart = task.container?.linux_info?.share_cgroups === false
  const hasLimits = Object.keys(task.limits ?? {}).length > 0
  return hasLimits && !isApart ? "'limits' of a group's task need 'share_cgroups' false" : undefined
}

function sharedCgroupsReason(tasks: readonly TaskInfo[]): string | undefined {
  const answers = new Set(tasks.map(({ container }) => container?.linux_info?.share_cgroups ?? true))
  return answers.size > 1 ? "All tasks of an executor must agree on 'share_cgroups'" : undefined
}
