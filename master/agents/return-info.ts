// After a restore an agent tells its tasks once more, in full: what the table does not know of them is filled in.
import type { TaskReport } from '../../protocol/agent-messages.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { Run, Task } from '../model.ts'
import { putRun, putTask } from './puts.ts'
import { RECOVERED } from './return-list.ts'
import { Gathered, type Piece, taskKey, taskOfRun } from './work.ts'

/** Stands where the ACCEPT is named: the task was found on an agent, and is known in full. */
const RECOVERED_IN_FULL = 'recovered in full'

/** One piece; the answer: how many reports are done with. */
export function takeInfos(piece: Piece, reports: readonly TaskReport[]): Decision<number> {
  const gathered = new Gathered(0)
  const runs = new Map(piece.runs.map((run) => [taskKey(run), run]))
  let done = 0
  for (const report of reports) {
    if (!gathered.add(changesOf(report, runs.get(taskKey(report)), piece))) break
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  return { changes: gathered.changes, tell: [], answer: done }
}

function changesOf(report: TaskReport, run: Run | undefined, piece: Piece): Change[] {
  const { info } = report
  if (info === undefined || run?.acceptId !== RECOVERED) return []
  if (run.launchGeneration !== report.launchGeneration) return []
  const known = putRun({ ...run, task: info, acceptId: RECOVERED_IN_FULL })
  const task = taskOfRun(run, piece)
  return task === undefined ? [known] : [known, putTask(filledIn(task, info))]
}

function filledIn(task: Task, info: NonNullable<TaskReport['info']>): Task {
  const { name, labels, discovery, container, health_check, kill_policy, limits } = info
  const user = info.command?.user ?? task.mesos.user
  return {
    ...task,
    mesos: { ...task.mesos, name, labels, discovery, container, user, health_check, kill_policy, limits },
  }
}
