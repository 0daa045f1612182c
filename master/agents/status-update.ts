// A status update of an agent is taken into custody: from then on the machine may burn.
//
// Walk: before it agent/status-updates.ts and functions/agents/handler.ts, after it functions/scheduler/reader.ts.
//
//   number <= last           known       it was taken before, or its task is over
//   the same, an end         taken       if no end was taken: the agent's numbers went back with its machine's disk
//   number  = last + 1       taken       into custody; at the head of it also into the mailbox
//   number  > last + 1       not-yet     but the newest state counts at once, and a finished task's resources are free
import type { UpdateReport, UpdateResult } from '../../protocol/agent-messages.ts'
import { toggled } from '../../protocol/digest.ts'
import type { TaskStatus } from '../../protocol/messages.ts'
import { isEmpty } from '../../protocol/resources.ts'
import { release } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { FINISHED_TASK_KEPT_MS, MAX_CUSTODY_BYTES } from '../limits.ts'
import type { Framework, Ledger, Run, Task } from '../model.ts'
import { isTerminal, step } from '../task-state.ts'
import { headMail, isFull, withUpdate } from './custody.ts'
import { cutTo, withStatus } from './task-status.ts'
import { Gathered, ledgerUnchanged, taskKey } from './work.ts'

export interface UpdatesLoaded {
  readonly ledger: Ledger
  /** By `taskKey`, of the tasks the updates are about. */
  readonly tasks: ReadonlyMap<string, Task>
  readonly runs: ReadonlyMap<string, Run>
  readonly frameworks: ReadonlyMap<string, Framework>
}

/** A task as the updates of one call change it, one after the other. */
interface Draft {
  task: Task | undefined
  run: Run | undefined
  /** Wanted state is over: the RUN item goes. */
  isOver: boolean
}

/**
 * Takes the updates of one call, in order, as many as fit one transaction; the others are `not-yet`. The agent's
 * incarnation and life have been checked before, on this very ledger.
 */
export function takeUpdates(
  loaded: UpdatesLoaded,
  updates: readonly UpdateReport[],
  context: Context,
): Decision<readonly UpdateResult[]> {
  const results: UpdateResult[] = []
  const gathered = new Gathered(1)
  let ledger = loaded.ledger
  for (const group of byTask(updates)) {
    const { draft, told, freed } = takeGroup(group.updates, group.key, loaded, context)
    const changes = changesOf(group.key, draft, loaded, context)
    const fits = gathered.add(changes, loaded.tasks.get(group.key)?.frameworkId)
    group.updates.forEach((update, index) => {
      results[updates.indexOf(update)] = fits ? (told[index] ?? 'not-yet') : 'not-yet'
    })
    if (fits) ledger = settled(ledger, loaded.runs.get(group.key), draft, freed)
  }
  if (gathered.changes.length === 0) return nothing(results)
  const isChanged = ledger !== loaded.ledger
  const about: Change = isChanged
    ? { do: 'put', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }
    : ledgerUnchanged(ledger)
  return {
    changes: [about, ...gathered.changes],
    tell: isChanged ? [...gathered.tell, { tell: 'allocator' }] : gathered.tell,
    answer: results,
  }
}

function byTask(updates: readonly UpdateReport[]): { key: string; updates: UpdateReport[] }[] {
  const groups = new Map<string, UpdateReport[]>()
  for (const update of updates) {
    const key = taskKey(update)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [update])
    else group.push(update)
  }
  return [...groups].map(([key, group]) => ({ key, updates: group }))
}

function takeGroup(
  updates: readonly UpdateReport[],
  key: string,
  loaded: UpdatesLoaded,
  context: Context,
): { readonly draft: Draft; readonly told: readonly UpdateResult[]; readonly freed: boolean } {
  const draft: Draft = { task: loaded.tasks.get(key), run: loaded.runs.get(key), isOver: false }
  const told = updates.map((update) => takeOne(update, draft, loaded, context))
  const freed = draft.run !== undefined && isEmpty(draft.run.charged)
  return { draft, told, freed }
}

function takeOne(update: UpdateReport, draft: Draft, loaded: UpdatesLoaded, context: Context): UpdateResult {
  const { task } = draft
  const owner = loaded.frameworks.get(update.frameworkId)
  if (owner === undefined || owner.state === 'removed' || draft.run?.wanted === 'end' || task === undefined) {
    endQuietly(update, draft, context)
    return 'known'
  }
  if (!isOf(update, task, loaded.ledger) || task.standing !== 'live') return 'known'
  hearState(update, draft)
  if (update.number <= task.lastUpdate && !isEndAfterAll(update, draft)) return 'known'
  if (update.number > task.lastUpdate + 1 || isFull(task, update.status)) return 'not-yet'
  const status = withUuid(update.status)
  if (status === undefined) return 'known'
  draft.task = told(withUpdate(draft.task ?? task, status, owner, context), status)
  if (isTerminal(update.status.state)) draft.isOver = true
  return 'taken'
}

/**
 * An agent says nothing after an end. So an end under a number that another update had, of a task that is still wanted,
 * comes from one that lost the last records of its log with the power of its machine, and has begun to count again.
 */
function isEndAfterAll({ status, launchIncarnation }: UpdateReport, { run, isOver }: Draft): boolean {
  return isTerminal(status.state) && !isOver && run?.launchIncarnation === launchIncarnation
}

/** An update speaks of the launch it names, on the agent it comes from; of another launch it says nothing (S8). */
function isOf(update: UpdateReport, task: Task, ledger: Ledger): boolean {
  const { launchIncarnation, launchGeneration = task.launchGeneration } = update
  return (
    task.agentId === ledger.agentId &&
    task.launchIncarnation === launchIncarnation &&
    task.launchGeneration === launchGeneration
  )
}

/**
 * Without uuid it could never be acknowledged and would stand in front of all others for ever. Agents refuse what is too
 * large; one that does not must not hold up its other tasks with it.
 */
function withUuid(status: TaskStatus): (TaskStatus & { readonly uuid: string }) | undefined {
  return status.uuid === undefined ? undefined : cutTo({ ...status, uuid: status.uuid }, MAX_CUSTODY_BYTES)
}

function told(task: Task, status: TaskStatus): Task {
  return { ...task, mesos: { ...task.mesos, statuses: withStatus(task.mesos.statuses ?? [], status) } }
}

/** The newest state counts at once, whatever waits before it: a finished task's resources are free (C100, F43). */
function hearState({ latestState, status }: UpdateReport, draft: Draft): void {
  const { task } = draft
  if (task === undefined) return
  for (const state of [status.state, latestState]) {
    const current = draft.task ?? task
    if (step(current.mesos.state, state) !== 'moves') continue
    draft.task = { ...current, mesos: { ...current.mesos, state } }
  }
  if (isTerminal((draft.task ?? task).mesos.state)) uncharge(draft)
}

function uncharge(draft: Draft): void {
  if (draft.run !== undefined && !isEmpty(draft.run.charged)) draft.run = { ...draft.run, charged: [] }
}

/** The task of a removed framework ends: its wanted state goes, its record says so, nobody is told (F55). */
function endQuietly(update: UpdateReport, draft: Draft, context: Context): void {
  const { latestState, launchIncarnation } = update
  if (!isTerminal(latestState) || draft.run?.launchIncarnation !== launchIncarnation) return
  uncharge(draft)
  draft.isOver = true
  const { task, run } = draft
  if (task === undefined || task.standing === 'finished' || run === undefined) return
  if (task.launchGeneration !== run.launchGeneration || task.agentId !== run.agentId) return
  const mesos = isTerminal(task.mesos.state) ? task.mesos : { ...task.mesos, state: latestState }
  const ttl = Math.ceil((context.now + FINISHED_TASK_KEPT_MS) / 1_000)
  draft.task = { ...task, standing: 'finished', custody: [], mesos, ttl }
}

function changesOf(key: string, draft: Draft, loaded: UpdatesLoaded, context: Context): Change[] {
  const changes: Change[] = []
  const before = loaded.tasks.get(key)
  const { task, run } = draft
  if (task !== undefined && before !== undefined && task !== before) {
    changes.push({ do: 'put', kind: 'task', item: task, when: { name: 'unchanged' } })
    const owner = loaded.frameworks.get(task.frameworkId)
    if (before.custody.length === 0 && owner !== undefined) changes.push(...headMail(task, owner, context))
  }
  if (run !== undefined && draft.isOver) {
    changes.push({ do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } })
  } else if (run !== undefined && run !== loaded.runs.get(key)) {
    changes.push({ do: 'put', kind: 'run', item: run, when: { name: 'unchanged' } })
  }
  return changes
}

/** The ledger after what became of one task: released once, and out of the digest with its RUN item. */
function settled(ledger: Ledger, before: Run | undefined, draft: Draft, freed: boolean): Ledger {
  if (before === undefined) return ledger
  const released = freed && !isEmpty(before.charged) ? release(ledger, before, before.charged) : ledger
  return draft.isOver ? { ...released, digest: toggled(released.digest, before) } : released
}
