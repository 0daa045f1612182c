// Updates that nobody was told yet, forced to the disk: one file for all tasks, so that a turn costs one flush.
//
// Task logs are not forced: a task that dies with its machine needs none. But what an executor was acknowledged, or
// the control plane was told, must not be unsaid after a loss of power. `meta/updates.log` holds each update until it
// was taken (older ones go when the file is made anew), and the launch of its task with the first one. It is read only
// after a restart of the machine, and then counts beside the logs.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { UpdateReport } from '../protocol/agent-messages.ts'
import { fileOf } from './checkpoint-form.ts'
import type { Writing } from './disk.ts'
import { seal, unseal } from './sealed.ts'
import type { AgentState, TaskKey, TaskRecord } from './state.ts'
import { isLaunch, type LaunchEntry, launchEntryOf } from './task-log.ts'
import type { Save } from './turn.ts'

/** Made anew when it is larger; what is pending then is some hundred bytes for each update. */
const MAX_BYTES = 1024 * 1024

interface JournalRecord {
  readonly key: TaskKey
  readonly launch?: LaunchEntry | undefined
  readonly update: UpdateReport
}

export class UpdateJournal {
  readonly #path: string
  /** Tasks whose launch the file holds, as far as this process wrote it. */
  #launches = new Set<TaskKey>()
  #bytes = 0
  /** At first it is made anew: what this process found there may be torn at its end. */
  #limit = 0

  /** @param dir `<work dir>/meta` */
  constructor(dir: string) {
    this.#path = pathIn(dir)
  }

  /** What a turn's updates add to it; it goes behind the logs and before the position. */
  writings(saves: readonly Save[], state: AgentState): Writing[] {
    const made = saves.flatMap((save): { task: TaskRecord; update: UpdateReport }[] => {
      if (save.save !== 'task-log' || !('update' in save.entry)) return []
      const task = state.tasks.get(save.task)
      return task === undefined ? [] : [{ task, update: save.entry.update }]
    })
    if (made.length === 0) return []
    if (this.#bytes >= this.#limit) return [this.#anew(state)]
    const text = made.map(({ task, update }) => this.#line(task, update)).join('')
    this.#bytes += text.length
    return [{ do: 'forced-append', path: this.#path, text }]
  }

  /** The updates just made are among those that wait. */
  #anew(state: AgentState): Writing {
    this.#launches.clear()
    const waiting = [...state.tasks.values()].flatMap((task) =>
      task.pending.map((update) => this.#line(task, update)),
    )
    const text = waiting.join('')
    this.#bytes = text.length
    this.#limit = Math.max(MAX_BYTES, 2 * text.length)
    return { do: 'forced', path: this.#path, text }
  }

  #line(task: TaskRecord, update: UpdateReport): string {
    const launch = this.#launches.has(task.key) ? {} : { launch: launchEntryOf(task) }
    this.#launches.add(task.key)
    return `${seal({ key: task.key, ...launch, update })}\n`
  }
}

/**
 * After a restart of the machine, before the logs are read: writes into them what they lost. A task whose log is gone
 * gets it back from its launch. The answer: what could not be read, a sentence each.
 */
export function foldInto(dir: string): readonly string[] {
  const { records, broken } = readJournal(dir)
  const byTask = new Map<TaskKey, JournalRecord[]>()
  for (const record of records) byTask.set(record.key, [...(byTask.get(record.key) ?? []), record])
  for (const [key, its] of byTask) {
    const mended = complete(join(dir, 'tasks', `${fileOf(key)}.log`), its)
    if (mended !== undefined) broken.push(mended)
  }
  return broken
}

/** The answer: a sentence if more than the log's end was damaged. */
function complete(path: string, records: readonly JournalRecord[]): string | undefined {
  const { lines, damaged } = existsSync(path) ? soundLines(path) : { lines: [] }
  const launch = records.find((record) => record.launch !== undefined)?.launch
  const [first] = lines
  if (first === undefined || !isLaunch(unseal(first))) {
    if (launch === undefined) return undefined
    lines.splice(0, lines.length, seal(launch))
  }
  const last = Math.max(0, ...lines.map((line) => numberOf(unseal(line))))
  const lost = records.map(({ update }) => update).filter(({ number }) => number > last)
  const missing = [...new Map(lost.map((update) => [update.number, update])).values()]
  if (missing.length === 0) return undefined
  lines.push(...missing.toSorted((a, b) => a.number - b.number).map((update) => seal({ update })))
  writeFileSync(`${path}.new`, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return damaged === undefined ? undefined : `${path} is broken: line ${damaged}; its updates were kept apart`
}

/** Up to the first that is damaged: what comes behind it was not forced either. */
function soundLines(path: string): { readonly lines: string[]; readonly damaged?: number | undefined } {
  const lines = readFileSync(path, 'utf8').split('\n')
  const broken = lines.findIndex((line) => !isSound(line))
  if (broken === -1) return { lines }
  return { lines: lines.slice(0, broken), damaged: broken < lines.length - 1 ? broken + 1 : undefined }
}

function isSound(line: string): boolean {
  try {
    unseal(line)
    return true
  } catch {
    return false
  }
}

function numberOf(record: Readonly<Record<string, unknown>>): number {
  // Entries of a log are as they were written: the seal says so.
  return (record as { readonly update?: UpdateReport }).update?.number ?? 0
}

function readJournal(dir: string): {
  readonly records: readonly JournalRecord[]
  readonly broken: string[]
} {
  const path = pathIn(dir)
  if (!existsSync(path)) return { records: [], broken: [] }
  const lines = readFileSync(path, 'utf8').split('\n')
  const last = lines.pop() ?? ''
  const records: JournalRecord[] = []
  const broken: string[] = []
  for (const [index, line] of lines.entries()) {
    try {
      records.push(asRecord(unseal(line)))
    } catch (error) {
      broken.push(`${path} is broken: line ${index + 1}: ${error instanceof Error ? error.message : error}`)
    }
  }
  // Torn at its end: it was being written, and nothing of it was acted on.
  if (isSound(last)) records.push(asRecord(unseal(last)))
  return { records, broken }
}

function asRecord(value: Readonly<Record<string, unknown>>): JournalRecord {
  const { key, update, launch } = value as Partial<JournalRecord>
  const isWhole = typeof key === 'string' && typeof update?.number === 'number'
  if (!isWhole || (launch !== undefined && !isLaunch(launch))) throw new Error('it is no update')
  return { key, update, launch }
}

function pathIn(dir: string): string {
  return join(dir, 'updates.log')
}
