// What the agent must not forget, on disk: written after a decision and before its actions.
//
//   <work dir>/meta/
//     schema.json          in which form the rest is, and who may read it; see below
//     boot_id              of the machine when the agent last ran: another one means nothing runs any more
//     agent.json           the AgentInfo it registered with
//     position.json        agent id, incarnation, applied generation; survives a loss of power
//     drain.json           that the agent is drained, and how; survives a loss of power
//     executor-exits.json  ends of executors the control plane was not told yet
//     updates.log          updates that were not taken yet; survives a loss of power, see update-journal.ts
//     frameworks/          one JSON file each
//     executors/           one JSON file each; the executors of command tasks are not written
//     tasks/               one log each: the launch, then what happened, a JSON record per line
//     broken/              what was damaged and skipped with --no-strict, for people
//
// JSON files are replaced by rename. Logs are only appended to, so a crash can tear no record but the last. Only
// `position.json`, `drain.json`, `agent.json` and `updates.log` are forced to the disk: after a crash of the host the
// tasks are gone with it, but a position that turned back would make this agent take old orders for new ones, and what
// an executor said and was acknowledged would never be told.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentInfo } from '../protocol/messages.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { type Form, fileOf, type Position, READABLE_BY, type Remembered, SCHEMA } from './checkpoint-form.ts'
import { CheckpointReader } from './checkpoint-reading.ts'
import { type Disk, WriteQueue, type Writing } from './disk.ts'
import { seal } from './sealed.ts'
import type { AgentState } from './state.ts'
import { launchEntryOf } from './task-log.ts'
import type { Save } from './turn.ts'
import { UpdateJournal } from './update-journal.ts'

export type { Remembered } from './checkpoint-form.ts'

export interface CheckpointOptions {
  /** The machine's own unless given. */
  readonly disk?: Disk | undefined
  readonly release?: string | undefined
}

export class Checkpoint {
  readonly #dir: string
  readonly #queue: WriteQueue
  readonly #release: string
  readonly #journal: UpdateJournal
  /** Members of `position.json` that another release wrote: kept. */
  #unknownOfPosition: Readonly<Record<string, unknown>> = {}

  constructor(workDir: string, { disk, release = MESETA_VERSION }: CheckpointOptions = {}) {
    this.#dir = join(workDir, 'meta')
    this.#queue = new WriteQueue(disk)
    this.#release = release
    for (const folder of ['', 'frameworks', 'executors', 'tasks']) {
      mkdirSync(join(this.#dir, folder), { recursive: true, mode: 0o700 })
    }
    this.#journal = new UpdateJournal(this.#dir)
  }

  /**
   * Writes a batch down. Throws `DiskRefused` when the disk takes no more for now: the batch is kept, and written
   * first with the next call. In any prefix of this order the next process finds what it needs: what is told of an
   * executor's tasks before its record goes, a launch before the position that says it was taken.
   */
  write(saves: readonly Save[], state: AgentState): void {
    const logs = new TaskLogs()
    const first: Writing[] = []
    const last: Writing[] = []
    let position = false
    let drain = false
    let exits = false
    for (const save of saves) {
      switch (save.save) {
        case 'task':
        case 'task-log':
        case 'forget-task':
          logs.add(save, state)
          break
        case 'framework':
          first.push(this.#put('frameworks', save.frameworkId, state.frameworks.get(save.frameworkId)))
          break
        case 'executor':
          first.push(this.#put('executors', save.executor, state.executors.get(save.executor)))
          break
        case 'forget-framework':
          last.push(this.#put('frameworks', save.frameworkId, state.frameworks.get(save.frameworkId)))
          break
        case 'forget-executor':
          last.push(this.#put('executors', save.executor, state.executors.get(save.executor)))
          break
        case 'drain':
          drain = true
          break
        case 'exits':
          exits = true
          break
        case 'position':
          position = true
          break
      }
    }
    // Before the logs: torn in between, the next process ends what has no order to stop yet.
    if (drain) first.push(this.#file('drain.json', state.drain, 'forced'))
    if (exits) last.unshift(this.#file('executor-exits.json', { exits: state.exits }, 'replace'))
    if (position) last.push(this.#file('position.json', this.#positionOf(state), 'forced'))
    const tasks = logs.writings(join(this.#dir, 'tasks'))
    this.#queue.write([...first, ...tasks, ...this.#journal.writings(saves, state), ...last])
  }

  /** Another agent begins in this directory; sandboxes stay until they are collected. */
  forgetAll(): void {
    const files = ['frameworks', 'executors', 'tasks'].flatMap((folder) =>
      readdirSync(join(this.#dir, folder)).map((name) => join(folder, name)),
    )
    const single = [
      'exits.json',
      'executor-exits.json',
      'drain.json',
      'agent.json',
      'position.json',
      'updates.log',
    ]
    this.#unknownOfPosition = {}
    this.#queue.write([...files, ...single].map((file) => ({ do: 'remove', path: join(this.#dir, file) })))
  }

  writeInfo(info: AgentInfo): void {
    this.#queue.write([this.#file('agent.json', info, 'forced')])
  }

  /** Also the form, which is this release's from now on. */
  writeBootId(bootId: string): void {
    const form: Form = { schema: SCHEMA, readableBy: READABLE_BY, release: this.#release }
    const path = join(this.#dir, 'boot_id')
    this.#queue.write([this.#file('schema.json', form, 'replace'), { do: 'replace', path, text: bootId }])
  }

  /**
   * Reads everything back. A record torn at the end of a log is cut off (F31); anything else that is broken stops
   * a strict agent with a sentence that names the file, and is skipped by one that is not strict. After a restart of
   * the machine, what was not forced to the disk is skipped in any case: nothing of it runs.
   */
  read(strict: boolean, { bootId }: { readonly bootId?: string | undefined } = {}): Remembered {
    const { unknownOfPosition, ...remembered } = new CheckpointReader(this.#dir, { strict, bootId }).read()
    this.#unknownOfPosition = unknownOfPosition
    return remembered
  }

  #positionOf({ agentId, incarnation, applied }: AgentState): Position {
    return { ...this.#unknownOfPosition, agentId, incarnation, applied }
  }

  #put(folder: 'frameworks' | 'executors', key: string, value: object | undefined): Writing {
    return this.#file(join(folder, `${fileOf(key)}.json`), value, 'replace')
  }

  #file(file: string, value: object | undefined, how: 'replace' | 'forced'): Writing {
    const path = join(this.#dir, file)
    return value === undefined ? { do: 'remove', path } : { do: how, path, text: seal(value) }
  }
}

/** Several entries of one task are one append, and what is forgotten is not written first. */
class TaskLogs {
  readonly #logs = new Map<string, { readonly isFresh: boolean; text: string } | undefined>()

  add(save: Extract<Save, { save: 'task' | 'task-log' | 'forget-task' }>, state: AgentState): void {
    const task = save.save === 'forget-task' ? undefined : state.tasks.get(save.task)
    if (save.save === 'task-log') {
      const log = this.#logs.get(save.task)
      if (log !== undefined) log.text += line(save.entry)
      else if (!this.#logs.has(save.task))
        this.#logs.set(save.task, { isFresh: false, text: line(save.entry) })
    } else if (task === undefined) this.#logs.set(save.task, undefined)
    else this.#logs.set(save.task, { isFresh: true, text: line(launchEntryOf(task)) })
  }

  writings(folder: string): Writing[] {
    return [...this.#logs].map(([key, log]) => {
      const path = join(folder, `${fileOf(key)}.log`)
      if (log === undefined) return { do: 'remove', path }
      return { do: log.isFresh ? 'begin' : 'append', path, text: log.text }
    })
  }
}

function line(entry: object): string {
  return `${seal(entry)}\n`
}
