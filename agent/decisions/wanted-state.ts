// Wanted state: which tasks start, stop or are missing, judged by numbers alone.
//
//   a nudge    is acted on only if its incarnation is mine and its generation is applied + 1
//   a list     of generation g is refused if g < applied
//   a task     starts if its launch incarnation is mine and applied < launch generation <= g
//   unknown    although behind me: it is reported missing, never started
//   absent     from a whole list of my incarnation: it is stopped and forgotten
//
// So a launch delivered five times, late, doubled or out of order starts once or never (F36), and what was lost
// shows as a lag and is fetched.
import type { WantedTask } from '../../protocol/agent-messages.ts'
import type { FrameworkInfo } from '../../protocol/messages.ts'
import { type ChangesNudge, keyOf, type TaskRecord } from '../state.ts'
import type { Input, Turn } from '../turn.ts'
import { takeDrain } from './drain.ts'
import { endExecutor } from './executor-life.ts'
import { recordNeverStarted, startUnits } from './launching.ts'
import { stopTask } from './stopping.ts'
import { forget, forgetIfOver } from './updates.ts'

/** A nudge that overtook others waits this long for them before the list is fetched. */
const OVERTAKEN_MS = 50
/** More nudges than this are not kept: the list is cheaper. */
const MAX_EARLY = 64

export function onChanges(turn: Turn, nudge: ChangesNudge): void {
  const { state } = turn
  if (state.phase !== 'running') return
  if (nudge.incarnation !== state.incarnation) {
    if (nudge.incarnation > state.incarnation) turn.act({ action: 'sync' })
    return
  }
  if (nudge.generation <= state.applied) return
  state.early.set(nudge.generation, nudge)
  applyEarly(turn)
  if (state.early.size === 0) {
    turn.act({ action: 'cancel', timer: 'overtaken' })
    return
  }
  if (state.early.size > MAX_EARLY) {
    state.early.clear()
    turn.act({ action: 'sync' })
    return
  }
  turn.act({ action: 'timer', timer: 'overtaken', ms: OVERTAKEN_MS })
}

/** What the overtaking nudges waited for did not come. */
export function onOvertaken(turn: Turn): void {
  if (turn.state.early.size > 0) turn.act({ action: 'sync' })
}

/** Acts on a whole list; see the rules above. */
export function onList(turn: Turn, { list, incarnation }: Extract<Input, { input: 'list' }>): void {
  const { state } = turn
  if (state.phase !== 'running' || incarnation !== state.incarnation) return
  if (list.generation < state.applied) return
  adoptFrameworks(turn, list.frameworks)
  takeDrain(turn, list.drain)
  const listed = new Set(list.tasks.map((task) => keyOf(task.frameworkId, task.taskId)))
  const absent = [...state.tasks.values()].filter((task) => !listed.has(task.key))
  consider(turn, list.tasks, list.generation)
  for (const task of absent) stopTask(turn, task, { why: 'end', kills: 0 })
  for (const { frameworkId, executorId } of list.endExecutors)
    endExecutor(turn, keyOf(frameworkId, executorId))
  advance(turn, list.generation)
  applyEarly(turn)
}

function applyEarly(turn: Turn): void {
  const { state } = turn
  for (;;) {
    for (const generation of state.early.keys()) {
      if (generation <= state.applied) state.early.delete(generation)
    }
    const next = state.early.get(state.applied + 1)
    if (next === undefined) return
    adoptFrameworks(turn, next.frameworks)
    consider(turn, next.tasks, next.generation)
    for (const { frameworkId, taskId } of next.dropped) drop(turn, keyOf(frameworkId, taskId))
    for (const { frameworkId, executorId } of next.endExecutors) {
      endExecutor(turn, keyOf(frameworkId, executorId))
    }
    advance(turn, next.generation)
  }
}

function advance(turn: Turn, generation: number): void {
  if (generation === turn.state.applied) return
  turn.state.applied = generation
  turn.save({ save: 'position' })
  for (const task of [...turn.state.tasks.values()]) {
    if (task.stage === 'ended') forgetIfOver(turn, task)
  }
}

function consider(turn: Turn, wanted: readonly WantedTask[], generation: number): void {
  const { state } = turn
  const starting: WantedTask[] = []
  for (const task of wanted) {
    const known = state.tasks.get(keyOf(task.frameworkId, task.taskId))
    if (known !== undefined && isSameLaunch(known, task)) {
      if (task.wanted !== 'run') stopTask(turn, known, stopOf(task))
      continue
    }
    if (known !== undefined && known.stage !== 'ended') {
      turn.act({
        action: 'log',
        level: 'warn',
        text: 'another launch of a task that still runs here',
        about: { task: known.key },
      })
      continue
    }
    // An earlier launch under the same id: the control plane would not reuse it if it still waited for its updates.
    if (known !== undefined) forget(turn, known)
    if (state.forgotten.get(keyOf(task.frameworkId, task.taskId)) === task.launchGeneration) continue
    const mine = task.launchIncarnation === state.incarnation
    if (mine && task.launchGeneration > state.applied && task.launchGeneration <= generation) {
      starting.push(task)
    } else if (mine) {
      recordNeverStarted(
        turn,
        task,
        'TASK_DROPPED',
        'REASON_RECONCILIATION',
        'The agent never started the task',
      )
    } else {
      recordNeverStarted(turn, task, 'TASK_GONE', 'REASON_RECONCILIATION', 'The task is unknown to the agent')
    }
  }
  startUnits(turn, starting)
}

function isSameLaunch(known: TaskRecord, task: WantedTask): boolean {
  return (
    known.launch.launchGeneration === task.launchGeneration &&
    known.launch.launchIncarnation === task.launchIncarnation
  )
}

function stopOf(task: WantedTask): Parameters<typeof stopTask>[2] {
  return { why: task.wanted === 'end' ? 'end' : 'kill', kills: task.kills, policy: task.killPolicy }
}

/** The control plane has no use for the record any more; a task that still lives is ended first. */
function drop(turn: Turn, key: string): void {
  const task = turn.state.tasks.get(key)
  if (task === undefined) return
  if (task.stage === 'ended') forget(turn, task)
  else stopTask(turn, task, { why: 'end', kills: 0 })
}

/** Writes down what is new of the frameworks spoken of. */
export function adoptFrameworks(turn: Turn, frameworks: readonly FrameworkInfo[]): void {
  for (const info of frameworks) {
    const frameworkId = info.id?.value
    if (frameworkId === undefined) continue
    const known = turn.state.frameworks.get(frameworkId)
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(info)) continue
    turn.state.frameworks.set(frameworkId, info)
    turn.save({ save: 'framework', frameworkId })
  }
}
