// An ACCEPT cut into units that happen whole or not at all, and units packed into steps that fit one transaction.
import type { OfferOperation, SchedulerCallAccept, TaskInfo } from '../../protocol/messages.ts'
import { MAX_ITEMS_PER_STEP, MAX_STEP_BYTES, MAX_TASKS_PER_ACCEPT, MAX_WORDS_PER_STEP } from '../limits.ts'
import { sizeOf } from '../validation/same.ts'
import { agentsOf, tasksOf } from './accept-offers.ts'

/** One task of a LAUNCH, one LAUNCH_GROUP, or one other operation, in the order of the call. */
export interface Unit {
  readonly operation: OfferOperation
  /** Why it can not be, whatever the offers hold. */
  readonly refusal?: string | undefined
}

/** True if a call does not fit one transaction, whether it succeeds or not: it goes by `hold`, then `piece`. */
export function isLarge(call: SchedulerCallAccept): boolean {
  const said = agentsOf(call).length + tasksOf(call).length + (call.operations ?? []).length
  return stepsOf(call).length > 1 || said > MAX_WORDS_PER_STEP
}

/** The units of a call. */
export function unitsOf({ operations = [] }: SchedulerCallAccept): readonly Unit[] {
  return operations.flatMap((operation): Unit[] =>
    operation.type === 'LAUNCH'
      ? (operation.launch?.task_infos ?? []).map((task) => ({
          operation: { ...operation, launch: { task_infos: [task] } },
        }))
      : [{ operation }],
  )
}

/**
 * The steps of a call, the same whenever and by whomever they are worked out. In a call of several steps a task id
 * counts where it stands first: later steps could not tell it from their own work done before.
 */
export function stepsOf(call: SchedulerCallAccept): readonly (readonly Unit[])[] {
  const steps: Unit[][] = []
  let room = { items: 0, bytes: 0 }
  for (const unit of withRefusals(unitsOf(call))) {
    const weight = weightOf(unit)
    if (steps.length === 0 || weight.items > room.items || weight.bytes > room.bytes) {
      steps.push([])
      room = { items: MAX_ITEMS_PER_STEP, bytes: MAX_STEP_BYTES }
    }
    steps.at(-1)?.push(unit)
    room = { items: room.items - weight.items, bytes: room.bytes - weight.bytes }
  }
  return steps
}

function withRefusals(units: readonly Unit[]): readonly Unit[] {
  const seen = new Set<string>()
  return units.map((unit) => {
    const ids = tasksOfUnit(unit).map(({ task_id }) => task_id.value)
    const isRepeated = unit.operation.type === 'LAUNCH' && ids.some((id) => seen.has(id))
    for (const id of ids) seen.add(id)
    const refusal = refusalOf(unit, seen.size, isRepeated)
    return refusal === undefined ? unit : { ...unit, refusal }
  })
}

function refusalOf(unit: Unit, tasksSoFar: number, isRepeated: boolean): string | undefined {
  const { items, bytes } = weightOf(unit)
  if (tasksSoFar > MAX_TASKS_PER_ACCEPT) return `An ACCEPT launches at most ${MAX_TASKS_PER_ACCEPT} tasks`
  if (unit.operation.type !== 'LAUNCH_GROUP')
    return isRepeated ? 'Task has duplicate ID in this ACCEPT' : undefined
  if (items <= MAX_ITEMS_PER_STEP && bytes <= MAX_STEP_BYTES) return undefined
  return `The group is too large: it starts in one transaction, which holds ${MAX_ITEMS_PER_STEP / 2 - 1} tasks and ${MAX_STEP_BYTES} bytes`
}

/** The tasks of a unit. */
export function tasksOfUnit({ operation }: Unit): readonly TaskInfo[] {
  return tasksOf({ operations: [operation] })
}

/** What a unit adds to a transaction at most: a wanted state and a task each, and the executor. */
function weightOf(unit: Unit): { readonly items: number; readonly bytes: number } {
  const tasks = tasksOfUnit(unit)
  if (unit.refusal !== undefined) return { items: tasks.length, bytes: 0 }
  const group = unit.operation.launch_group?.executor
  const executors = tasks.filter(({ executor }) => executor !== undefined).length
  const bytes = tasks.reduce(
    (sum, task) => sum + 2 * sizeOf(task) + (group === undefined ? 0 : sizeOf(group)),
    0,
  )
  return { items: Math.max(1, 2 * tasks.length + (group === undefined ? executors : 1)), bytes }
}
