// What the agent must not forget, on disk: written after a decision and before its actions.
//
//   <work dir>/meta/
//     boot_id              of the machine when the agent last ran: another one means nothing runs any more
//     agent.json           the AgentInfo it registered with
//     position.json        agent id, incarnation, applied generation; survives a loss of power
//     exits.json           ends of executors the control plane was not told yet
//     frameworks/          one JSON file each
//     executors/           one JSON file each, by container id; the executors of command tasks are not written
//     tasks/               one log each: the launch, then what happened, a JSON record per line
//
// JSON files are replaced by rename. Logs are only appended to, so a crash can tear no record but the last. Only
// `position.json` is forced to the disk: after a crash of the host the tasks are gone with it, but a position that
// turned back would make this agent take old orders for new ones.
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ExecutorExit } from '../protocol/agent-messages.ts'
import type { AgentInfo, FrameworkInfo } from '../protocol/messages.ts'
import { readJson, writeJson } from './exact-json.ts'
import type { AgentState, ExecutorRecord, TaskRecord } from './state.ts'
import { type LaunchEntry, launchEntryOf, replay } from './task-log.ts'
import type { Save, TaskLogEntry } from './turn.ts'

export interface Position {
  readonly agentId?: string | undefined
  readonly incarnation: number
  readonly applied: number
}

export interface Remembered {
  readonly position: Position
  readonly info: AgentInfo | undefined
  readonly bootId: string | undefined
  readonly frameworks: readonly FrameworkInfo[]
  readonly executors: readonly ExecutorRecord[]
  readonly tasks: readonly TaskRecord[]
  readonly exits: readonly ExecutorExit[]
  /** What was broken and skipped; always empty when strict. */
  readonly skipped: readonly string[]
}

/** A file that is broken elsewhere than at its end. */
export class BrokenCheckpoint extends Error {}

export class Checkpoint {
  private readonly dir: string

  constructor(workDir: string) {
    this.dir = join(workDir, 'meta')
    for (const folder of ['', 'frameworks', 'executors', 'tasks']) {
      mkdirSync(join(this.dir, folder), { recursive: true, mode: 0o700 })
    }
  }

  /** Writes a batch down. Several entries of one task are one append, and what is forgotten is not written first. */
  write(saves: readonly Save[], state: AgentState): void {
    const logs = new Map<string, { fresh: boolean; text: string } | undefined>()
    let position = false
    let exits = false
    for (const save of saves) {
      switch (save.save) {
        case 'task': {
          const task = state.tasks.get(save.task)
          if (task === undefined) logs.set(save.task, undefined)
          else logs.set(save.task, { fresh: true, text: line(launchEntryOf(task)) })
          break
        }
        case 'task-log': {
          const log = logs.get(save.task)
          if (log !== undefined) log.text += line(save.entry)
          else if (!logs.has(save.task)) logs.set(save.task, { fresh: false, text: line(save.entry) })
          break
        }
        case 'forget-task':
          logs.set(save.task, undefined)
          break
        case 'position':
          position = true
          break
        case 'exits':
          exits = true
          break
        case 'framework':
          this.replace(
            join('frameworks', `${fileOf(save.frameworkId)}.json`),
            state.frameworks.get(save.frameworkId),
          )
          break
        case 'forget-framework':
          this.remove(join('frameworks', `${fileOf(save.frameworkId)}.json`))
          break
        case 'executor':
          this.replace(join('executors', `${fileOf(save.executor)}.json`), state.executors.get(save.executor))
          break
        case 'forget-executor':
          this.remove(join('executors', `${fileOf(save.executor)}.json`))
          break
      }
    }
    for (const [key, log] of logs) this.writeLog(key, log)
    if (exits) this.replace('exits.json', state.exits)
    if (position) this.force('position.json', positionOf(state))
  }

  /** Another agent begins in this directory; sandboxes stay until they are collected. */
  forgetAll(): void {
    for (const folder of ['frameworks', 'executors', 'tasks']) {
      for (const name of readdirSync(join(this.dir, folder))) this.remove(join(folder, name))
    }
    for (const file of ['exits.json', 'position.json', 'agent.json']) this.remove(file)
  }

  writeInfo(info: AgentInfo): void {
    this.force('agent.json', info)
  }

  writeBootId(bootId: string): void {
    writeFileSync(join(this.dir, 'boot_id'), bootId)
  }

  /**
   * Reads everything back. A record torn at the end of a log is cut off (F31); anything else that is broken stops
   * a strict agent with a sentence that names the file, and is skipped by one that is not strict.
   */
  read(strict: boolean): Remembered {
    const skipped: string[] = []
    const guarded = <T>(file: string, read: (text: string) => T): T | undefined => {
      const path = join(this.dir, file)
      if (!existsSync(path)) return undefined
      try {
        return read(readFileSync(path, 'utf8'))
      } catch (error) {
        const what = `${path} is broken: ${error instanceof Error ? error.message : String(error)}`
        if (strict) throw new BrokenCheckpoint(`${what}; repair or remove it, or start with --no-strict`)
        skipped.push(what)
        return undefined
      }
    }
    // What was written by `replace` and `force` is read back as the same types.
    const json = <T>(file: string) => guarded(file, (text) => readJson(text) as T)
    const all = <T>(folder: string) =>
      readdirSync(join(this.dir, folder))
        .filter((name) => name.endsWith('.json'))
        .map((name) => json<T>(join(folder, name)))
        .filter((item) => item !== undefined)
    return {
      position: json<Position>('position.json') ?? { incarnation: 0, applied: 0 },
      info: json<AgentInfo>('agent.json'),
      bootId: guarded('boot_id', (text) => text.trim()),
      frameworks: all<FrameworkInfo>('frameworks'),
      executors: all<ExecutorRecord>('executors'),
      exits: json<ExecutorExit[]>('exits.json') ?? [],
      tasks: readdirSync(join(this.dir, 'tasks'))
        .map((name) => guarded(join('tasks', name), (text) => this.readLog(name, text, strict, skipped)))
        .filter((task) => task !== undefined),
      skipped,
    }
  }

  private readLog(name: string, text: string, strict: boolean, skipped: string[]): TaskRecord | undefined {
    const path = join(this.dir, 'tasks', name)
    const entries: TaskLogEntry[] = []
    let launch: LaunchEntry | undefined
    let whole = 0
    const lines = text.split('\n')
    for (const [index, one] of lines.entries()) {
      if (index === lines.length - 1 && one === '') break
      try {
        if (index === lines.length - 1) throw new Error('it has no end')
        const entry = readJson(one)
        // An entry without a launch before it speaks of a task that was forgotten.
        if (index === 0 && !isLaunch(entry)) break
        if (launch === undefined) launch = entry as LaunchEntry
        else entries.push(entry as TaskLogEntry)
        whole += Buffer.byteLength(one) + 1
      } catch (error) {
        if (index >= lines.length - 2 && lines.slice(index + 1).every((rest) => rest === '')) break
        if (strict || index === 0) throw error
        skipped.push(`${path}, line ${index + 1}, is broken`)
        whole += Buffer.byteLength(one) + 1
      }
    }
    // Torn in its very first record: nothing of that launch was ever acted on.
    if (launch === undefined) {
      rmSync(path, { force: true })
      return undefined
    }
    if (whole < Buffer.byteLength(text)) writeFileSync(path, Buffer.from(text).subarray(0, whole))
    return replay(launch, entries)
  }

  private writeLog(key: string, log: { readonly fresh: boolean; readonly text: string } | undefined): void {
    const path = join(this.dir, 'tasks', `${fileOf(key)}.log`)
    if (log === undefined) rmSync(path, { force: true })
    else if (log.fresh) writeFileSync(path, log.text, { mode: 0o600 })
    else appendFileSync(path, log.text)
  }

  private replace(file: string, value: unknown): void {
    if (value === undefined) {
      this.remove(file)
      return
    }
    const path = join(this.dir, file)
    writeFileSync(`${path}.new`, writeJson(value), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  private force(file: string, value: unknown): void {
    const path = join(this.dir, file)
    const fd = openSync(`${path}.new`, 'w', 0o600)
    try {
      writeSync(fd, writeJson(value))
      fdatasyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(`${path}.new`, path)
  }

  private remove(file: string): void {
    rmSync(join(this.dir, file), { force: true })
  }
}

function isLaunch(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'launch' in entry
}

function positionOf({ agentId, incarnation, applied }: AgentState): Position {
  return { agentId, incarnation, applied }
}

function line(entry: unknown): string {
  return `${writeJson(entry)}\n`
}

/** Ids may be longer than a file name and may differ in case only; the readable part is for people. */
function fileOf(key: string): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 24)
  const readable = key.slice(key.indexOf('/') + 1).replace(/[^A-Za-z0-9_-]/g, '_')
  return `${readable.slice(0, 60)}.${hash}`
}
