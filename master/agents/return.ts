// An agent's list is taken over, page by page; then what it left out is settled; then the agent is as before.
//
//   pages    listed tasks live again (a word each if they were lost), charged as the agent says      24 at a time
//   settle   launches of older incarnations that are not listed end: DROPPED, or GONE if they ran    24 at a time
//   finish   sums are counted from the items, the agent may be offered again
//
// A page marks what it listed, so that anybody can go on from any point; the mark names this return and no other.
import type { ExecutorReport, RegisterCall, TaskReport } from '../../protocol/agent-messages.ts'
import { digestOf, toggled } from '../../protocol/digest.ts'
import type { TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import { add, isEmpty, unallocate } from '../../protocol/resources.ts'
import { release } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { shardOf } from '../frameworks/shards.ts'
import { LAUNCH_ANSWER_MS } from '../limits.ts'
import { wordMail } from '../mail.ts'
import type { AgentEntry, Executor, Framework, Ledger, Resources, Run, Task } from '../model.ts'
import { isTerminal } from '../task-state.ts'
import { headMail, withUpdate } from './custody.ts'
import { executorFailure } from './executor-exit.ts'
import { spelled, statusOf, statusUuid, withState } from './task-status.ts'
import {
  framework,
  Gathered,
  ledgerUnchanged,
  type Piece,
  taskKey,
  taskOfRun,
  withoutOpenWork,
} from './work.ts'

/** Names one return of one agent: what it lists is marked with this. */
export function returnId(ledger: Ledger): string {
  return `${ledger.incarnation}/${ledger.lossNumber}`
}

/** True while the agent's list is being taken over: its updates wait, and it is given no list of its own. */
export function isReturning(ledger: Ledger): boolean {
  return ledger.openWork?.kind === 'return'
}

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
    if (run === undefined && changes.length > 0) digest = toggled(digest, report)
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  const about: Change = digest === ledger.digest ? ledgerUnchanged(ledger) : putLedger({ ...ledger, digest })
  return { changes: [about, ...gathered.changes], tell: gathered.tell, answer: done }
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
  // An older launch under an id that was used again: the agent finds it missing in its list, and ends it.
  if (!isSameLaunch) return []
  if (owner.state === 'removed') {
    // F55: what its framework left behind ends on the agent, and nobody is told.
    return [putRun({ ...runOf(taking), wanted: 'end', listedIn: mark })]
  }
  const stored = piece.tasks.get(taskKey(report))
  const isOurs =
    stored !== undefined &&
    stored.agentId === piece.ledger.agentId &&
    stored.launchGeneration === report.launchGeneration
  // Over and acknowledged, or another launch took the id: absent from the agent's list, it is stopped and forgotten.
  if (stored !== undefined && (!isOurs || stored.standing === 'finished')) return []
  const task = stored ?? recoveredTask(taking)
  return [putRun({ ...runOf(taking), listedIn: mark }), ...takeTask(task, taking)]
}

function takeTask(task: Task, { report, owner, piece, context }: Taking): Change[] {
  const isBack = task.standing === 'lost' || task.version === 0
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
  const isRestored = ledger.openWork?.kind === 'return' && ledger.openWork.restored === true
  if (!isRestored && report.info === undefined) return task
  const lastUpdate = handedIn(report)
  return lastUpdate > task.lastUpdate ? { ...task, lastUpdate } : task
}

function handedIn({ state, lastUpdate }: TaskReport): number {
  return isTerminal(state) ? Math.max(0, lastUpdate - 1) : lastUpdate
}

/** The RUN item of a listed task, charged as the agent says; made anew where there is none. */
function runOf({ report, run, piece, context }: Taking): Run {
  // A lost agent's RUN items are uncharged; a restarted agent's go on as they are, and so do its ledger's sums.
  const isCharged = piece.ledger.life === 'active' && run !== undefined
  const charged: Resources = isTerminal(report.state) ? [] : unallocate(report.resources)
  if (run !== undefined) return isCharged ? run : { ...run, charged }
  return {
    version: 0,
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
const RECOVERED = 'recovered'

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
      listedIn: returnId(ledger),
    }
    const change: Change = { do: 'put', kind: 'executor', item, when: { name: 'unchanged' } }
    if (!gathered.add([change])) break
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  return { changes: [ledgerUnchanged(ledger), ...gathered.changes], tell: [], answer: done }
}

/** A page is done: the next one may come. */
export function pageTaken(ledger: Ledger, page: number): Decision<boolean> {
  const work = ledger.openWork
  if (work?.kind !== 'return' || work.pagesTaken !== page) return nothing(false)
  const item: Ledger = { ...ledger, openWork: { ...work, pagesTaken: page + 1 } }
  return { changes: [putLedger(item)], tell: [], answer: true }
}

/** True when every page was taken: what is not marked now was not listed. */
export function isListed(ledger: Ledger): boolean {
  return ledger.openWork?.kind === 'return' && ledger.openWork.pagesTaken >= ledger.openWork.pages
}

/** One piece of what the list left out. The answer: how many RUN items are done with. */
export function settle(piece: Piece, context: Context): Decision<number> {
  if (!isListed(piece.ledger)) return nothing(piece.runs.length)
  const gathered = new Gathered(1)
  let ledger = piece.ledger
  let done = 0
  for (const run of piece.runs) {
    if (isSettled(run, ledger)) {
      done++
      continue
    }
    const remove: Change = { do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } }
    if (!gathered.add([remove, ...settleTask(run, piece, context)], run.frameworkId)) break
    ledger = release({ ...ledger, digest: toggled(ledger.digest, run) }, run, chargedIn(ledger, run))
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  return { changes: [putLedger(ledger), ...gathered.changes], tell: gathered.tell, answer: done }
}

/** Launches of the present incarnation are the agent's to answer. */
function isSettled(run: Run, ledger: Ledger): boolean {
  return run.listedIn === returnId(ledger) || run.launchIncarnation >= ledger.incarnation
}

/** A lost agent's sums are what the agent listed; what it did not list is not in them. */
function chargedIn(ledger: Ledger, run: Run): Resources {
  return ledger.life === 'active' ? run.charged : []
}

function settleTask(run: Run, piece: Piece, context: Context): Change[] {
  const task = taskOfRun(run, piece)
  const owner = framework(run, piece)
  if (task === undefined || owner === undefined || task.standing === 'finished') return []
  const ran = task.lastUpdate > 0
  const ended = isTerminal(task.mesos.state)
  const state = ended ? task.mesos.state : ran ? 'TASK_GONE' : 'TASK_DROPPED'
  const status = {
    ...statusOf(
      task,
      {
        state,
        source: 'SOURCE_AGENT',
        reason: 'REASON_RECONCILIATION',
        message: ran ? 'The agent came back without the task' : 'The launch never reached the agent',
      },
      context,
    ),
    uuid: statusUuid(context),
  }
  const { lossNumber: _, ttl: __, ...kept } = task
  const settled = withUpdate(
    { ...kept, standing: 'live', mesos: withState(task.mesos, state, status) },
    status,
    owner,
    context,
  )
  return [putTask(settled), ...headMail(settled, owner, context)]
}

/** One piece: executors that neither the agent listed nor a later launch needs. The answer: how many there are still. */
export function settleExecutors(
  loaded: {
    readonly ledger: Ledger
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
    readonly frameworks: ReadonlyMap<string, Framework>
  },
  context: Context,
): Decision<number> {
  const { runs, executors, frameworks } = loaded
  if (!isListed(loaded.ledger)) return nothing(0)
  const left = unlisted(loaded.ledger, runs, executors)
  const gathered = new Gathered(1)
  let ledger = loaded.ledger
  let done = 0
  for (const executor of left) {
    const owner = frameworks.get(executor.frameworkId)
    const remove: Change = { do: 'remove', kind: 'executor', item: executor, when: { name: 'unchanged' } }
    const failure =
      owner === undefined || owner.state === 'removed' ? [] : [executorFailure(executor, owner, -1, context)]
    if (!gathered.add([remove, ...failure], executor.frameworkId)) break
    if (ledger.life === 'active') ledger = release(ledger, executor, executor.charged)
    done++
  }
  if (done === 0) return nothing(0)
  return {
    changes: [putLedger(ledger), ...gathered.changes],
    tell: gathered.tell,
    answer: left.length - done,
  }
}

function unlisted(ledger: Ledger, runs: readonly Run[], executors: readonly Executor[]): readonly Executor[] {
  const needed = new Set(runs.map((run) => `${run.frameworkId}/${run.executor?.executor_id.value}`))
  return executors.filter(
    (executor) =>
      executor.listedIn !== returnId(ledger) && !needed.has(`${executor.frameworkId}/${executor.executorId}`),
  )
}

/**
 * The end of a return: the sums are counted from what is there. All RUN and executor items of the agent are given;
 * if they are not all (their digest is not the ledger's), or some are not settled yet, nothing is decided.
 */
export function finishReturn(
  loaded: {
    readonly ledger: Ledger
    readonly entry: AgentEntry | undefined
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
  },
  context: Context,
): Decision<'finished' | 'look again'> {
  const { ledger, entry, runs, executors } = loaded
  if (!isListed(ledger)) return nothing('finished')
  const isWhole =
    digestOf(runs) === ledger.digest &&
    runs.every((run) => isSettled(run, ledger)) &&
    unlisted(ledger, runs, executors).length === 0
  if (!isWhole) return nothing('look again')
  const { unreachableSince: _, lostAt: __, ...bare } = withoutOpenWork(ledger)
  const item: Ledger = {
    ...bare,
    life: 'active',
    sums: sumsOf([...runs, ...executors]),
    generation: nextNumber(ledger.generation, context.cluster.timeline),
  }
  const changes: Change[] = [putLedger(item)]
  if (entry !== undefined) {
    changes.push({
      do: 'put',
      kind: 'agent',
      item: { ...entry, life: 'active' },
      when: { name: 'unchanged' },
    })
  }
  return { changes, tell: [{ tell: 'allocator' }], answer: 'finished' }
}

function sumsOf(items: readonly (Run | Executor)[]): Ledger['sums'] {
  const sums = new Map<string, Map<string, Resources>>()
  for (const { frameworkId, role, charged } of items) {
    if (isEmpty(charged)) continue
    const roles = sums.get(frameworkId) ?? new Map<string, Resources>()
    sums.set(frameworkId, roles.set(role, add(roles.get(role) ?? [], unallocate(charged))))
  }
  return Object.fromEntries([...sums].map(([id, roles]) => [id, Object.fromEntries(roles)]))
}

/** Frameworks of a call's tasks and executors. */
export function frameworksOf(call: RegisterCall): readonly string[] {
  return [...new Set([...call.tasks, ...call.executors].map(({ frameworkId }) => frameworkId))]
}

function unchanged(owner: Framework): Change {
  return { do: 'check', kind: 'framework', item: owner, when: { name: 'unchanged' } }
}

function putLedger(item: Ledger): Change {
  return { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }
}

function putRun(item: Run): Change {
  return { do: 'put', kind: 'run', item, when: { name: 'unchanged' } }
}

function putTask(item: Task): Change {
  return { do: 'put', kind: 'task', item, when: { name: 'unchanged' } }
}
