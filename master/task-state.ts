// The life of a task as a table, and what a framework is told of it: task, agent's life and framework taken together.
//
//   (none) -> STAGING -> STARTING -> RUNNING -> KILLING -> FINISHED | FAILED | KILLED | …
//                 any of these <-> UNREACHABLE -> GONE_BY_OPERATOR
//
// Words for frameworks without PARTITION_AWARE are made at the last moment: what is stored is always the exact state.
import type { TaskState } from '../protocol/messages.ts'
import { isCapable } from './frameworks/roles.ts'
import type { Framework, Ledger, Task } from './model.ts'

/** In the order of the table below. */
export const TASK_STATES = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
] as const satisfies readonly TaskState[]

const terminal: ReadonlySet<TaskState> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
])

/** True for an end. UNREACHABLE and UNKNOWN are none, though an unreachable task's resources are free. */
export function isTerminal(state: TaskState): boolean {
  return terminal.has(state)
}

/**
 * What a newly heard state does to the stored one.
 * - `moves`: it becomes the stored state.
 * - `stays`: told to the framework, but not a step forwards: the stored state remains.
 * - `over`: the stored state is an end; ends never change (S4, F46).
 * - `wrong`: never a step of a stored task.
 */
export type Step = 'moves' | 'stays' | 'over' | 'wrong'

const ends = [...terminal]

/** Every step forwards. What is not listed is no step: see `step`. */
const forwards: Readonly<Record<TaskState, readonly TaskState[]>> = {
  TASK_STAGING: ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE', ...ends],
  TASK_STARTING: ['TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE', ...ends],
  TASK_RUNNING: ['TASK_KILLING', 'TASK_UNREACHABLE', ...ends],
  TASK_KILLING: ['TASK_UNREACHABLE', ...ends],
  // Back in touch: whatever the agent says now.
  TASK_UNREACHABLE: ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', ...ends],
  // Only ever an answer, never stored.
  TASK_UNKNOWN: [],
  TASK_FINISHED: [],
  TASK_FAILED: [],
  TASK_KILLED: [],
  TASK_ERROR: [],
  TASK_LOST: [],
  TASK_DROPPED: [],
  TASK_GONE: [],
  TASK_GONE_BY_OPERATOR: [],
}

/** Judges a newly heard state against the stored one. */
export function step(stored: TaskState, heard: TaskState): Step {
  if (isTerminal(stored)) return 'over'
  if (stored === 'TASK_UNKNOWN' || heard === 'TASK_UNKNOWN') return 'wrong'
  return forwards[stored].includes(heard) ? 'moves' : 'stays'
}

const lostForOthers: ReadonlySet<TaskState> = new Set([
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
])

/** The word for a state in a framework's vocabulary: without PARTITION_AWARE five states are TASK_LOST. */
export function spell(state: TaskState, framework: Pick<Framework, 'info'>): TaskState {
  return lostForOthers.has(state) && !isCapable(framework.info, 'PARTITION_AWARE') ? 'TASK_LOST' : state
}

/**
 * The state of a task in exact words, as anybody may be told: an agent out of reach beats the task's own RUNNING, a
 * removed framework beats both, an end beats all, so that no answer shows work that is only half done.
 * @param ledger of the task's agent; undefined when it is forgotten
 */
export function visibleState(
  task: Task,
  ledger: Ledger | undefined,
  framework: Pick<Framework, 'state'>,
): TaskState {
  const { state } = task.mesos
  if (task.standing === 'finished' || (task.standing === 'live' && isTerminal(state))) return state
  if (framework.state === 'removed') return isTerminal(state) ? state : 'TASK_KILLED'
  if (ledger === undefined) return isTerminal(state) ? state : 'TASK_UNKNOWN'
  if (ledger.life === 'gone') return 'TASK_GONE_BY_OPERATOR'
  if (ledger.life === 'removed') return 'TASK_LOST'
  if (isTerminal(state)) return state
  return ledger.life === 'unreachable' || task.standing === 'lost' ? 'TASK_UNREACHABLE' : state
}

/** True while a task answers to its id: not over, or over and not acknowledged, or out of reach. */
export function isKnown(task: Task | undefined): task is Task {
  return task !== undefined && task.standing !== 'finished'
}
