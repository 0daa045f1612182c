// A task's log: its launch in the first record, then what happened; replaying it gives the record back.
import { createHash } from 'node:crypto'
import type { UpdateReport } from '../protocol/agent-messages.ts'
import { remember } from './decisions/updates.ts'
import { isTerminal, type TaskRecord } from './state.ts'
import type { TaskLogEntry } from './turn.ts'

/** The part of a record that never changes. */
export type LaunchEntry = Pick<
  TaskRecord,
  'key' | 'frameworkId' | 'taskId' | 'executorId' | 'kind' | 'launch' | 'containerId'
> & { readonly stage: 'queued' | 'launching' }

/** Whether a record of a log is a launch that can be replayed. */
export function isLaunch(record: object): record is LaunchEntry {
  // A record from the disk: looked at member by member.
  const { key, frameworkId, taskId, executorId, launch, containerId } = record as Partial<LaunchEntry>
  const texts = [key, frameworkId, taskId, executorId, containerId?.value, launch?.task?.task_id?.value]
  return texts.every((text) => typeof text === 'string')
}

/** Whether a record of a log is one of those that follow the launch, of this release or a later one. */
export function isEntry(record: object): boolean {
  return !('launch' in record)
}

export function launchEntryOf(task: TaskRecord): LaunchEntry {
  const { key, frameworkId, taskId, executorId, kind, launch, containerId } = task
  const stage = kind === 'custom' ? 'queued' : 'launching'
  return { key, frameworkId, taskId, executorId, kind, launch, containerId, stage }
}

/** Kinds of records that a later release wrote are left alone. */
export function replay(launch: LaunchEntry, entries: readonly TaskLogEntry[]): TaskRecord {
  const task: TaskRecord = {
    ...launch,
    info: launch.launch.task,
    state: 'TASK_STAGING',
    lastUpdate: 0,
    pending: [],
    statuses: [],
    executorUuids: new Set(),
  }
  for (const entry of entries) apply(task, entry)
  return task
}

function apply(task: TaskRecord, entry: TaskLogEntry): void {
  if ('launched' in entry) {
    task.stage = 'launched'
    task.pid = entry.launched
  } else if ('delivered' in entry) task.stage = 'launched'
  else if ('stop' in entry) task.stop = entry.stop
  else if ('taken' in entry) task.pending = task.pending.filter((update) => update.number !== entry.taken)
  else if ('update' in entry) applyUpdate(task, entry)
}

function applyUpdate(
  task: TaskRecord,
  { update }: Extract<TaskLogEntry, { readonly update: unknown }>,
): void {
  const { status } = update
  for (let number = task.lastUpdate + 1; number < update.number; number++) {
    task.pending.push(fillerFor(update, number))
  }
  task.pending.push(update)
  task.lastUpdate = update.number
  task.state = status.state
  remember(task, status)
  if (status.uuid !== undefined) task.executorUuids.add(status.uuid)
  if (status.state === 'TASK_RUNNING') task.runningSince ??= (status.timestamp ?? 0) * 1000
  if (isTerminal(status.state)) task.stage = 'ended'
}

/**
 * In the place of an update whose record was damaged: numbers without a gap, or nothing after it would be taken.
 * It says what the next one says.
 */
function fillerFor(next: UpdateReport, number: number): UpdateReport {
  const uuid = createHash('sha256').update(`${next.status.uuid} ${number}`).digest().subarray(0, 16)
  return { ...next, number, status: { ...next.status, uuid: uuid.toString('base64') } }
}
