// What is wrong with a task of an ACCEPT: the first failure of this list is what the framework reads (C80–C85).

import { idError } from '../../protocol/ids.ts'
import type { ExecutorInfo, TaskInfo } from '../../protocol/messages.ts'
import { formatResources } from '../../protocol/resource-text.ts'
import { add, contains, unallocate } from '../../protocol/resources.ts'
import { MAX_TASK_BYTES } from '../limits.ts'
import type { Resources } from '../model.ts'
import { checkError, healthCheckError } from './checks.ts'
import { commandEnvironmentError } from './command.ts'
import { containerError } from './container.ts'
import { type ExecutorPlace, launchExecutorError } from './executor.ts'
import { sizeOf } from './same.ts'
import { askedResourcesError, limitsError } from './task-resources.ts'

/** Where a task would be launched. */
export interface TaskPlace extends ExecutorPlace {
  readonly agentId: string
  /** The agent has TASK_RESOURCE_LIMITS. */
  readonly keepsLimits: boolean
  /** True for the id of a task that is not over, or over and not acknowledged, or on an agent out of reach (C81). */
  isTaken(taskId: string): boolean
  /** What is left of the offers, allocated to the role. */
  readonly available: Resources
}

/** What is wrong with a task of a LAUNCH; undefined if nothing is. */
export function launchTaskError(task: TaskInfo, place: TaskPlace): string | undefined {
  return (
    taskError(task, place) ??
    oneOfReason(task) ??
    (task.executor === undefined ? undefined : launchExecutorError(task.executor, place)) ??
    fitError(task.resources ?? [], task.executor, place) ??
    sharedCgroupsReason(task)
  )
}

/** What is wrong with a task of either operation, apart from its executor and whether it fits. */
export function taskError(task: TaskInfo, place: TaskPlace): string | undefined {
  return (
    taskIdReason(task, place) ??
    agentReason(task, place.agentId) ??
    timesReason(task) ??
    (task.check === undefined ? undefined : checkError(task.check)) ??
    (task.health_check === undefined ? undefined : healthCheckError(task.health_check)) ??
    resourcesReason(task, place.role) ??
    bodiesReason(task) ??
    prefixed('Task uses invalid limits', limitsError(task, place.keepsLimits)) ??
    sizeReason(task)
  )
}

/**
 * What is missing for resources and, if it does not run there yet, their executor.
 * @param resources of one task, or of all tasks of a group
 */
export function fitError(
  resources: Resources,
  executor: ExecutorInfo | undefined,
  { executors, available }: Pick<TaskPlace, 'executors' | 'available'>,
): string | undefined {
  const isNew = executor !== undefined && !executors.has(executor.executor_id.value)
  const total = add(resources, isNew ? (executor.resources ?? []) : [])
  if (contains(available, total)) return undefined
  const text = (list: Resources): string => formatResources(unallocate(list))
  return `Total resources ${text(total)} required by task and its executor are more than available ${text(available)}`
}

function taskIdReason({ task_id }: TaskInfo, place: TaskPlace): string | undefined {
  const reason = idError(task_id.value)
  if (reason !== undefined) return `The task's id is not valid: ${reason}`
  return place.isTaken(task_id.value) ? `Task has duplicate ID: ${task_id.value}` : undefined
}

function agentReason({ agent_id }: TaskInfo, agentId: string): string | undefined {
  return agent_id.value === agentId
    ? undefined
    : `Task uses invalid agent ${agent_id.value} while agent ${agentId} is expected`
}

function timesReason({ kill_policy, max_completion_time }: TaskInfo): string | undefined {
  if ((kill_policy?.grace_period?.nanoseconds ?? 0) < 0)
    return "Task's 'kill_policy.grace_period' must be non-negative"
  return (max_completion_time?.nanoseconds ?? 0) < 0
    ? "Task's 'max_completion_time' must be non-negative"
    : undefined
}

function resourcesReason({ resources = [] }: TaskInfo, role: string): string | undefined {
  if (resources.length === 0) return 'Task uses no resources'
  return prefixed('Task uses invalid resources', askedResourcesError(resources, role))
}

function bodiesReason({ command, container }: TaskInfo): string | undefined {
  const commandReason = command === undefined ? undefined : commandEnvironmentError(command)
  if (commandReason !== undefined) return `Task's command is invalid: ${commandReason}`
  return prefixed(
    "Task's container is invalid",
    container === undefined ? undefined : containerError(container),
  )
}

/** What is stored twice, as wanted state and as task, has to fit one item of the table and its share of a commit. */
function sizeReason(task: TaskInfo): string | undefined {
  return sizeOf(task) > MAX_TASK_BYTES
    ? `Task is larger than ${MAX_TASK_BYTES} bytes, fetch large data by URI`
    : undefined
}

function oneOfReason({ command, executor }: TaskInfo): string | undefined {
  const hasOne = (command === undefined) !== (executor === undefined)
  return hasOne ? undefined : "Task must have either 'command' or 'executor', and not both"
}

/** Only tasks that share an executor have cgroups to keep apart. */
function sharedCgroupsReason({ container }: TaskInfo): string | undefined {
  const isApart = container?.linux_info?.share_cgroups === false
  return isApart ? "'share_cgroups' can be false only for tasks of a group" : undefined
}

function prefixed(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `${prefix}: ${reason}`
}
