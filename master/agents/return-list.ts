// What a returning agent lists: its tasks live again and its executors are known again, some at a time.
import type { ExecutorReport, TaskReport } from '../../protocol/agent-messages.ts'
import { toggled } from '../../protocol/digest.ts'
import type { TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { unallocate } from '../../protocol/resources.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { shardOf } from '../frameworks/shards.ts'
import { LAUNCH_ANSWER_MS } from '../limits.ts'
import { removeUpdateMail, wordMail } from '../mail.ts'
import type { Executor, Framework, Ledger, Resources, Run, Task } from '../model.ts'
import { isTerminal, step } from '../task-state.ts'
import { headMail } from './custody.ts'
import { putLedger, putRun, putTask } from './puts.ts'
import { isRestored, isReturning, returnId } from './return-mark.ts'
import { spelled, statusOf, withState } from './task-status.ts'
import { Gathered, ledgerUnchanged, type Piece, taskKey } from './work.ts'

/**
 * One piece of a page: some of its tasks, with the RUN items and tasks that exist for them. The answer: how many
 * reports are done with.
 */
export function takeReports(
  piece: Piece,
  reports: readonly TaskReport[],
  context: Context,
): Decision<number> {
  const { ledger } = piece
  if (!isReturning(ledger)) return nothing(reports.length)
  const gathered = new Gathered(1)
  const runs = new Map(piece.runs.map((run) => [taskKey(run), run]))
  const checked = new Set<string>()
  let digest = ledger.digest
  let done = 0
  for (const report of reports) {
    const owner = piece.frameworks.get(report.frameworkId)
    const run = runs.get(taskKey(report))
    const changes = owner === undefined ? [] : takeReport({ report, run, owner, piece, context })
    // What makes a task live checks that its framework is not removed meanwhile (teardown-against-reregistration).
    const guarded = changes.length === 0 || owner === undefined || checked.has(owner.frameworkId)
    const all = guarded ? changes : [...changes, unchanged(owner)]
    if (!gathered.add(all, report.frameworkId)) break
    if (changes.length > 0 && owner !== undefined) checked.add(owner.frameworkId)
    if (changes.length > 0) digest = withReport(digest, run, report)
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  const about: Change = digest === ledger.digest ? ledgerUnchanged(ledger) : putLedger({ ...ledger, digest })
  return { changes: [about, ...gathered.changes], tell: gathered.tell, answer: done }
}

/** The digest with the RUN item of a report; the one that stood there may have been of an earlier launch. */
function withReport(digest: string, run: Run | undefined, report: TaskReport): string {
  if (run === undefined) return toggled(digest, report)
  return run.launchGeneration === report.launchGeneration ? digest : toggled(toggled(digest, run), report)
}

interface Taking {
  readonly report: TaskReport
  readonly run: Run | undefined
  readonly owner: Framework
  readonly piece: Piece
  readonly context: Context
}

function takeReport(taking: Taking): Change[] {
  const { report, run, owner, piece } = taking
  const mark = returnId(piece.ledger)
  if (run?.listedIn === mark) return []
  const isSameLaunch =
    run === undefined ||
    (run.launchIncarnation === report.launchIncarnation && run.launchGeneration === report.launchGeneration)
  const wins = isRestored(piece.ledger) && !isTerminal(report.state)
  // An older launch under an id that was used again: the agent finds it missing in its list, and ends it.
  if (!isSameLaunch && !wins) return []
  if (owner.state === 'removed') {
    // F55: what its framework left behind ends on the agent, and nobody is told.
    return [putRun({ ...runOf(taking), wanted: 'end', listedIn: mark })]
  }
  const stored = piece.tasks.get(taskKey(report))
  const isOurs =
    stored !== undefined &&
    stored.agentId === piece.ledger.agentId &&
    stored.launchGeneration === report.launchGeneration
  // A restored table may know an earlier launch under the id, or that it ended: what lives, lives (F73).
  if (stored !== undefined && !isOurs && wins) {
    const live = { ...recoveredTask(taking), version: stored.version, shard: stored.shard }
    const letters = stored.custody.length > 0 ? [removeUpdateMail(owner, stored.taskId)] : []
    return [putRun({ ...runOf(taking), listedIn: mark }), ...takeTask(live, taking, 'anew'), ...letters]
  }
  // Over and acknowledged, or another launch took the id: absent from the agent's list, it is stopped and forgotten.
  if (stored !== undefined && (!isOurs || stored.standing === 'finished')) return []
  // Its end was taken by a table that is no more; as one that is not listed, it is said to be gone.
  if (isRestored(piece.ledger) && isTerminal(report.state) && report.waiting === 0) return []
  const task = stored ?? recoveredTask(taking)
  return [putRun({ ...runOf(taking), listedIn: mark }), ...takeTask(task, taking)]
}

function takeTask(task: Task, { report, owner, piece, context }: Taking, anew?: 'anew'): Change[] {
  // What a restored table is behind with is told as well: the updates that said it are in custody no more.
  const isBehind =
    isRestored(piece.ledger) && step(task.mesos.state, report.state) === 'moves' && !isTerminal(report.state)
  const isBack = task.standing === 'lost' || task.version === 0 || anew === 'anew' || isBehind
  const counted = recount(task, report, piece.ledger)
  if (!isBack) {
    // The agent merely restarted: nothing happened to the task, or its updates will say what.
    return counted === task ? [] : [putTask(counted)]
  }
  // An end is told by its update, which follows and is to be acknowledged (terminal-while-returning, F10).
  const isOver = isTerminal(report.state)
  const status: TaskStatus = statusOf(
    task,
    {
      state: report.state,
      reason: 'REASON_AGENT_REREGISTERED',
      message: task.version === 0 ? 'Unknown agent reregistered' : 'Unreachable agent reregistered',
    },
    context,
  )
  const { lossNumber: _, ttl: __, ...kept } = counted
  const mesos = isOver ? { ...task.mesos, state: report.state } : withState(task.mesos, report.state, status)
  const live: Task = { ...kept, standing: 'live', mesos }
  const word = isOver ? [] : [wordMail(owner, spelled(status, owner), context)]
  // `piece` is the ledger's: the agent named in the word is the one that came back.
  return [putTask({ ...live, agentId: piece.ledger.agentId }), ...word, ...headMail(live, owner, context)]
}

/**
 * After a restore of the table the agent may be further than the task's item. What it handed in before is over; only
 * an end that is still waiting comes again (F73).
 */
function recount(task: Task, report: TaskReport, ledger: Ledger): Task {
  if (!isRestored(ledger) && report.info === undefined) return task
  const lastUpdate = handedIn(report)
  return lastUpdate > task.lastUpdate ? { ...task, lastUpdate } : task
}

function handedIn({ state, lastUpdate, waiting }: TaskReport): number {
  if (waiting !== undefined) return Math.max(0, lastUpdate - waiting)
  // An agent of an earlier release does not say what waits: its end at least.
  return isTerminal(state) ? Math.max(0, lastUpdate - 1) : lastUpdate
}

/** The RUN item of a listed task, charged as the agent says; made anew where there is none. */
function runOf({ report, run, piece, context }: Taking): Run {
  // A lost agent's RUN items are uncharged; a restarted agent's go on as they are, and so do its ledger's sums.
  const isCharged = piece.ledger.life === 'active' && run !== undefined
  const charged: Resources = isTerminal(report.state) ? [] : unallocate(report.resources)
  const isItsOwn = run?.launchGeneration === report.launchGeneration
  if (run !== undefined && isItsOwn) return isCharged ? run : { ...run, charged }
  return {
    version: run?.version ?? 0,
    agentId: piece.ledger.agentId,
    frameworkId: report.frameworkId,
    taskId: report.taskId,
    wanted: 'run',
    launchIncarnation: report.launchIncarnation,
    launchGeneration: report.launchGeneration,
    role: report.role,
    task: infoOf(report, piece.ledger),
    kills: 0,
    charged,
    acceptId: RECOVERED,
    answerBy: context.now + LAUNCH_ANSWER_MS,
  }
}

/** Stands where the ACCEPT is named that made a task: this one was found on an agent. */
export const RECOVERED = 'recovered'

function infoOf(report: TaskReport, ledger: Ledger): TaskInfo {
  if (report.info !== undefined) return report.info
  return {
    name: report.taskId,
    task_id: { value: report.taskId },
    agent_id: { value: ledger.agentId },
    resources: report.resources,
  }
}

function recoveredTask({ report, owner, piece, context }: Taking): Task {
  const info = infoOf(report, piece.ledger)
  const { name, resources, labels, discovery, container, health_check, kill_policy, limits } = info
  return {
    version: 0,
    frameworkId: report.frameworkId,
    taskId: report.taskId,
    shard: shardOf(owner, report.taskId),
    agentId: piece.ledger.agentId,
    acceptId: RECOVERED,
    launchIncarnation: report.launchIncarnation,
    launchGeneration: report.launchGeneration,
    mesos: {
      name,
      task_id: { value: report.taskId },
      framework_id: { value: report.frameworkId },
      ...(report.executorId === undefined || report.executorId === report.taskId
        ? {}
        : { executor_id: { value: report.executorId } }),
      agent_id: { value: piece.ledger.agentId },
      state: report.state,
      resources,
      labels,
      discovery,
      container,
      user: info.command?.user ?? owner.info.user,
      health_check,
      kill_policy,
      limits,
    },
    role: report.role,
    lastUpdate: handedIn(report),
    custody: [],
    standing: 'live',
    createdAt: context.now,
  }
}

/** One piece of a page: its executors, which are known again and charged. */
export function takeExecutors(
  ledger: Ledger,
  reports: readonly ExecutorReport[],
  stored: readonly (Executor | undefined)[],
  frameworks: ReadonlyMap<string, Framework>,
): Decision<number> {
  if (!isReturning(ledger)) return nothing(reports.length)
  const gathered = new Gathered(1)
  const checked = new Set<string>()
  let done = 0
  for (const [index, report] of reports.entries()) {
    const owner = frameworks.get(report.frameworkId)
    const before = stored[index]
    const isKept = before !== undefined && ledger.life === 'active'
    if (before?.listedIn === returnId(ledger)) {
      done++
      continue
    }
    const item: Executor = {
      version: before?.version ?? 0,
      agentId: ledger.agentId,
      frameworkId: report.frameworkId,
      executorId: report.info.executor_id.value,
      info: report.info,
      role: report.role,
      charged: isKept ? before.charged : unallocate(report.resources),
      wanted: owner === undefined || owner.state === 'removed' ? 'end' : (before?.wanted ?? 'run'),
      // The agent knows which one it is, and will say so of its end.
      executorGeneration: report.executorGeneration,
      listedIn: returnId(ledger),
    }
    const change: Change = { do: 'put', kind: 'executor', item, when: { name: 'unchanged' } }
    // One that shall live on checks, as a task does, that its framework is not removed meanwhile.
    const isToCheck = item.wanted === 'run' && owner !== undefined && !checked.has(owner.frameworkId)
    if (!gathered.add(isToCheck ? [change, unchanged(owner)] : [change])) break
    if (isToCheck) checked.add(owner.frameworkId)
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  return { changes: [ledgerUnchanged(ledger), ...gathered.changes], tell: [], answer: done }
}

function unchanged(owner: Framework): Change {
  return { do: 'check', kind: 'framework', item: owner, when: { name: 'unchanged' } }
}
