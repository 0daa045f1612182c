// What every check may ask: the cluster as it is committed, the time, the weather, and where to say what does not hold.
import type { Executor, Framework, Ledger, Run, Task } from '../../master/model.ts'
import type { Settings } from '../../master/settings.ts'
import type { TaskState } from '../../protocol/messages.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Weather } from './weather.ts'

export interface View {
  readonly time: Pick<VirtualTime, 'now'>
  readonly weather: Pick<Weather, 'longestClear'>
  readonly settings: Settings
  readonly ledgers: ReadonlyMap<string, Ledger>
  /** By agent, then `framework/task`. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<string, Run>>
  readonly executors: ReadonlyMap<string, ReadonlyMap<string, Executor>>
  /** By `framework/task`. */
  readonly tasks: ReadonlyMap<string, Task>
  readonly frameworks: ReadonlyMap<string, Framework>
  /** Since when all is quiet. */
  readonly quietSince: number | undefined
  violated(invariant: string, text: string, ...about: readonly string[]): void
}

export const ENDS: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
])

export function isOver({ mesos: { state } }: Task): boolean {
  return state !== undefined && ENDS.has(state)
}

/** Deadlines are made and judged by clocks within two ticks of each other, whatever the hosts' own clocks say. */
export function clocksMs({ profile }: Settings): number {
  return 2 * profile.tickMs + 3_000
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
