// What frameworks launch: single commands, groups under the default executor, custom executors, bursts of many.
import type { ExecutorInfo, Offer, OfferOperation, Resource, TaskInfo } from '../../protocol/messages.ts'
import type { Chance } from './virtual-time.ts'

export interface Order {
  readonly frameworkId: string
  readonly role: string
  readonly offer: Offer
  /** Tasks of usual size that fit and are wanted. */
  readonly room: number
  readonly cpusPerTask: number
  readonly name: () => string
  readonly chance: Chance
  /** Many small tasks at once, more than one transaction takes. */
  readonly isBurst: boolean
}

/** In the environment of every task: it must stand in no log and in no event (S22). */
export const SECRET = 'sim-secret-7f3a'
/** The command of an executor that speaks the executor API. */
export const EXECUTOR_COMMAND = 'executor'
/** More than the 45 that one transaction can launch (R1). */
export const BURST_TASKS = 60
const BURST_CPUS = 0.02
const BURST_MEM = 1
const EXECUTOR_CPUS = 0.1

/** Whether an offer has room for a burst. */
export function fitsBurst(cpus: number, mem: number): boolean {
  return cpus >= BURST_TASKS * BURST_CPUS && mem >= BURST_TASKS * BURST_MEM
}

/** Operations for an offer; all their tasks are new. */
export function operationsFor(order: Order): readonly OfferOperation[] {
  const { chance, room, offer, role } = order
  if (order.isBurst) {
    const short = () => task(order, { cpus: BURST_CPUS, mem: BURST_MEM, seconds: chance.between(5, 40) })
    return [launch(Array.from({ length: BURST_TASKS }, short))]
  }
  const plain = () => task(order, { cpus: order.cpusPerTask, mem: 64, seconds: seconds(chance) })
  if (room < 2 || chance.happens(0.6)) return [launch(Array.from({ length: room }, plain))]
  // One task's room pays for the executor.
  const tasks = Array.from({ length: room - 1 }, plain)
  const executor: ExecutorInfo = {
    executor_id: { value: `e-${order.name()}` },
    framework_id: { value: order.frameworkId },
    resources: resources({ cpus: EXECUTOR_CPUS, mem: 32, disk: 1 }, role),
  }
  if (chance.happens(0.5)) {
    const group = { executor: { ...executor, type: 'DEFAULT' as const }, task_group: { tasks } }
    return [{ type: 'LAUNCH_GROUP', launch_group: group }]
  }
  const custom = { ...executor, type: 'CUSTOM' as const, command: { value: EXECUTOR_COMMAND } }
  const under = tasks.map(({ command, ...rest }) => {
    const { data } = { data: Buffer.from(command?.value ?? '').toString('base64') }
    return { ...rest, data, executor: custom, agent_id: offer.agent_id }
  })
  return [launch(under)]
}

export function tasksOf(operations: readonly OfferOperation[]): readonly TaskInfo[] {
  return operations.flatMap(({ launch: one, launch_group: group }) => [
    ...(one?.task_infos ?? []),
    ...(group?.task_group.tasks ?? []),
  ])
}

/** What a simulated task does: `sleep <seconds>; exit <code>`. */
export function readEnd(command: string): { readonly afterMs: number; readonly code: number } {
  const [, length = '1', code = '0'] = /sleep ([\d.]+); exit (\d+)/.exec(command) ?? []
  return { afterMs: Number(length) * 1000, code: Number(code) }
}

function launch(task_infos: readonly TaskInfo[]): OfferOperation {
  return { type: 'LAUNCH', launch: { task_infos } }
}

function task(
  order: Order,
  { cpus, mem, seconds: length }: { readonly cpus: number; readonly mem: number; readonly seconds: number },
): TaskInfo {
  const name = order.name()
  const value = `sleep ${length.toFixed(1)}; exit ${order.chance.happens(0.1) ? 1 : 0}`
  return {
    name,
    task_id: { value: name },
    agent_id: order.offer.agent_id,
    command: { value, environment: { variables: [{ name: 'PASSWORD', value: SECRET }] } },
    resources: resources({ cpus, mem }, order.role),
  }
}

function seconds(chance: Chance): number {
  return chance.happens(0.3) ? chance.between(1, 60) : chance.between(60, 3_000)
}

function resources(amounts: Readonly<Record<string, number>>, role: string): Resource[] {
  return Object.entries(amounts).map(([name, value]) => ({
    name,
    type: 'SCALAR',
    scalar: { value },
    allocation_info: { role },
  }))
}
