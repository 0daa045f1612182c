// What is wrong with the executor of a task or of a group.

import { idError } from '../../protocol/ids.ts'
import type { ExecutorInfo } from '../../protocol/messages.ts'
import { canonical, quantities } from '../../protocol/resources.ts'
import { MAX_TASK_BYTES, MIN_ALLOCATABLE } from '../limits.ts'
import { commandEnvironmentError } from './command.ts'
import { containerError } from './container.ts'
import { sameMessage, sizeOf } from './same.ts'
import { askedResourcesError } from './task-resources.ts'

export interface ExecutorPlace {
  readonly frameworkId: string
  readonly role: string
  /** Executors of the framework on this agent, those launched earlier in the same call included. */
  readonly executors: ReadonlyMap<string, ExecutorInfo>
}

/** What is wrong with the executor of a task in a LAUNCH; undefined if nothing is. */
export function launchExecutorError(executor: ExecutorInfo, place: ExecutorPlace): string | undefined {
  const { type } = executor
  if (type !== undefined && type !== 'CUSTOM') return `An executor of a LAUNCH must be CUSTOM, not ${type}`
  if (executor.command === undefined) return "'command' must be set for a CUSTOM executor"
  return executorError(executor, place)
}

/** What is wrong with the executor of a LAUNCH_GROUP; undefined if nothing is. */
export function groupExecutorError(executor: ExecutorInfo, place: ExecutorPlace): string | undefined {
  const { type, container, command } = executor
  if (type !== 'DEFAULT' && type !== 'CUSTOM') return "'type' of a group's executor must be DEFAULT or CUSTOM"
  if (container?.type === 'DOCKER') return 'The executor of a group can not be in a DOCKER container'
  if (type === 'CUSTOM' && command === undefined) return "'command' must be set for a CUSTOM executor"
  if (type === 'DEFAULT') {
    if (command !== undefined) return "'command' must not be set for a DEFAULT executor"
    if (container?.mesos?.image !== undefined) return 'The container of a DEFAULT executor must have no image'
  }
  return executorError(executor, place) ?? leastReason(executor)
}

function executorError(executor: ExecutorInfo, place: ExecutorPlace): string | undefined {
  return (
    sizeReason(executor) ??
    idReason(executor) ??
    ownReason(executor, place.frameworkId) ??
    graceReason(executor) ??
    resourcesReason(executor, place.role) ??
    bodiesReason(executor) ??
    compatibilityReason(executor, place.executors)
  )
}

function sizeReason(executor: ExecutorInfo): string | undefined {
  return sizeOf(executor) > MAX_TASK_BYTES
    ? `The executor is larger than ${MAX_TASK_BYTES} bytes, fetch large data by URI`
    : undefined
}

function idReason({ executor_id }: ExecutorInfo): string | undefined {
  const reason = idError(executor_id.value)
  return reason === undefined ? undefined : `The executor's id is not valid: ${reason}`
}

function ownReason({ framework_id }: ExecutorInfo, frameworkId: string): string | undefined {
  if (framework_id === undefined || framework_id.value === frameworkId) return undefined
  return `The executor names framework '${framework_id.value}', the call is of '${frameworkId}'`
}

function graceReason({ shutdown_grace_period }: ExecutorInfo): string | undefined {
  const isNegative = (shutdown_grace_period?.nanoseconds ?? 0) < 0
  return isNegative ? "The executor's 'shutdown_grace_period' must be non-negative" : undefined
}

function resourcesReason({ resources = [] }: ExecutorInfo, role: string): string | undefined {
  const reason = askedResourcesError(resources, role)
  if (reason !== undefined) return `Executor uses invalid resources: ${reason}`
  const isShared = resources.some(({ shared }) => shared !== undefined)
  return isShared ? 'Executor uses shared resources' : undefined
}

function bodiesReason({ command, container }: ExecutorInfo): string | undefined {
  const commandReason = command === undefined ? undefined : commandEnvironmentError(command)
  if (commandReason !== undefined) return `The executor's command is invalid: ${commandReason}`
  if (container?.linux_info?.share_cgroups === true) return "An executor can not set 'share_cgroups' to true"
  const reason = container === undefined ? undefined : containerError(container)
  return reason === undefined ? undefined : `The executor's container is invalid: ${reason}`
}

/** An id names one executor: who uses it again must say the same of it, to the letter (C85). */
function compatibilityReason(
  executor: ExecutorInfo,
  live: ReadonlyMap<string, ExecutorInfo>,
): string | undefined {
  const existing = live.get(executor.executor_id.value)
  if (existing === undefined || sameExecutor(existing, executor)) return undefined
  return `Executor '${executor.executor_id.value}' runs on this agent with another ExecutorInfo`
}

/** True if two infos say the same; resources are compared as amounts. */
export function sameExecutor(left: ExecutorInfo, right: ExecutorInfo): boolean {
  return sameMessage(comparable(left), comparable(right))
}

function comparable(executor: ExecutorInfo): ExecutorInfo {
  return { ...executor, resources: canonical(executor.resources ?? []) }
}

/** Mesos: a group's executor needs as much as the least offer, and some disk. */
function leastReason({ resources = [] }: ExecutorInfo): string | undefined {
  const { cpus = 0, mem = 0, disk = 0 } = quantities(resources)
  if (cpus < MIN_ALLOCATABLE.cpus) return 'The executor of a group needs at least 0.01 cpus'
  if (mem < MIN_ALLOCATABLE.mem) return 'The executor of a group needs at least 32 MB of mem'
  return disk > 0 ? undefined : 'The executor of a group needs some disk'
}
