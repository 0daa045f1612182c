// Reads a checkpoint back: a torn end is cut off, and any other damage stops a strict agent with a sentence (F31).
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { AgentDrain, ExecutorExit } from '../protocol/agent-messages.ts'
import type { AgentInfo, FrameworkInfo } from '../protocol/messages.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { type Form, fileOf, type Position, type Remembered, SCHEMA } from './checkpoint-form.ts'
import { readJson } from './exact-json.ts'
import { holdsSeal, unseal } from './sealed.ts'
import type { ExecutorRecord, TaskRecord } from './state.ts'
import { isEntry, isLaunch, type LaunchEntry, replay } from './task-log.ts'
import type { TaskLogEntry } from './turn.ts'
import { foldInto } from './update-journal.ts'

/** A checkpoint that cannot be gone on from; its message says what to do. */
export class BrokenCheckpoint extends Error {}

export interface ReadOptions {
  readonly strict: boolean
  /** Of the machine as it runs now, when that is known. */
  readonly bootId?: string | undefined
}

export class CheckpointReader {
  readonly #dir: string
  readonly #strict: boolean
  readonly #bootId: string | undefined
  readonly #skipped: string[] = []

  /** @param dir `<work dir>/meta` */
  constructor(dir: string, { strict, bootId }: ReadOptions) {
    this.#dir = dir
    this.#strict = strict
    this.#bootId = bootId
  }

  /** Throws `BrokenCheckpoint`. What was torn is cut off on disk, too; what is skipped goes to `broken/`. */
  read(): Remembered & { readonly unknownOfPosition: Readonly<Record<string, unknown>> } {
    this.#checkForm()
    const bootId = this.#readBootId()
    // Not forced to the disk: after a loss of power it may be torn anywhere, and nothing of it runs any more.
    const isRestarted = bootId !== undefined && this.#bootId !== undefined && bootId !== this.#bootId
    const strict = this.#strict && !isRestarted
    if (isRestarted) this.#skipped.push(...foldInto(this.#dir))
    const info = this.#object('agent.json', asInfo, this.#strict)
    const found = this.#object('position.json', asPosition, this.#strict)
    const { agentId, incarnation, applied, ...unknownOfPosition } = found ?? { incarnation: 0, applied: 0 }
    return {
      // The id stands in both, so that the loss of one is not the loss of the agent.
      position: { agentId: agentId ?? info?.id?.value, incarnation, applied },
      unknownOfPosition,
      info,
      bootId,
      frameworks: this.#folder('frameworks', asFramework, strict),
      executors: this.#folder('executors', asExecutor, strict),
      exits: this.#exits(strict),
      drain: this.#object('drain.json', asDrain, this.#strict),
      tasks: this.#tasks(strict),
      skipped: this.#skipped,
    }
  }

  /** Refuses what a later release wrote, if that one says that ours would misread it. */
  #checkForm(): void {
    const form = this.#object('schema.json', asForm, this.#strict)
    if (form === undefined || form.readableBy <= SCHEMA) return
    throw new BrokenCheckpoint(
      `${this.#dir} was written by Meseta ${form.release} in form ${form.schema}, which Meseta ${MESETA_VERSION} ` +
        `cannot read (it knows form ${SCHEMA}); start Meseta ${form.release} here, or drain that agent and give another --work-dir`,
    )
  }

  /** Undefined when it is not known; a boot that cannot be read is not taken for another one. */
  #readBootId(): string | undefined {
    const path = join(this.#dir, 'boot_id')
    if (!existsSync(path)) return undefined
    const text = readFileSync(path, 'utf8').trim()
    if (/^[\w-]+$/.test(text)) return text
    this.#damaged(path, 'it names no boot', this.#strict)
    return undefined
  }

  #object<T>(
    file: string,
    as: (value: Readonly<Record<string, unknown>>) => T,
    strict: boolean,
  ): T | undefined {
    const path = join(this.#dir, file)
    if (!existsSync(path)) return undefined
    try {
      return as(unseal(readFileSync(path, 'utf8')))
    } catch (error) {
      this.#damaged(path, describe(error), strict)
      return undefined
    }
  }

  #folder<T>(
    folder: string,
    as: (value: Readonly<Record<string, unknown>>) => { readonly key: string; readonly item: T },
    strict: boolean,
  ): T[] {
    const names = readdirSync(join(this.#dir, folder))
    // Left by a process that died while it wrote; what it stood for is still there as it was.
    for (const name of names.filter((one) => one.endsWith('.new'))) rmSync(join(this.#dir, folder, name))
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => this.#object(join(folder, name), (value) => named(name, '.json', as(value)), strict))
      .filter((item) => item !== undefined)
  }

  #exits(strict: boolean): readonly ExecutorExit[] {
    const sealed = this.#object('executor-exits.json', asExits, strict)
    if (sealed !== undefined) return sealed
    // Of a release that had no seals.
    const path = join(this.#dir, 'exits.json')
    if (!existsSync(path)) return []
    try {
      return asExits({ exits: readJson(readFileSync(path)) })
    } catch (error) {
      this.#damaged(path, describe(error), strict)
      return []
    }
  }

  #tasks(strict: boolean): TaskRecord[] {
    return readdirSync(join(this.#dir, 'tasks'))
      .filter((name) => name.endsWith('.log'))
      .map((name) => this.#taskLog(join(this.#dir, 'tasks', name), strict))
      .filter((task) => task !== undefined)
  }

  #taskLog(path: string, strict: boolean): TaskRecord | undefined {
    const bytes = readFileSync(path)
    const { lines, torn } = linesOf(bytes)
    const isTorn = torn !== '' && !holdsSeal(torn)
    // Only its end was torn off, or damaged: the seal tells which.
    const isEndTorn = torn !== '' && !isTorn
    if (isEndTorn) lines.push(torn)
    const broken: string[] = []
    const records: Readonly<Record<string, unknown>>[] = []
    const good: string[] = []
    for (const [index, line] of lines.entries()) {
      try {
        records.push(unseal(line))
        good.push(line)
      } catch (error) {
        broken.push(`line ${index + 1}: ${describe(error)}`)
        // What follows speaks of a launch that is not known.
        if (index === 0) break
      }
    }
    const [first, ...entries] = records
    try {
      if (broken[0] !== undefined && (strict || first === undefined)) throw new Error(broken[0])
      // Torn in its very first record: nothing of that launch was acted on. A first record that is an entry speaks
      // of a task that was forgotten.
      if (first === undefined || isEntry(first)) {
        rmSync(path)
        return undefined
      }
      const task = replay(
        named(basename(path), '.log', asLaunch(first)),
        entries as unknown as TaskLogEntry[],
      )
      if (broken.length > 0) this.#mend(path, bytes, good, broken)
      else if (isTorn) truncateSync(path, bytes.lastIndexOf('\n') + 1)
      else if (isEndTorn) appendFileSync(path, '\n')
      return task
    } catch (error) {
      this.#damaged(path, describe(error), strict)
      return undefined
    }
  }

  /** Keeps the records that can be read; the file as it was goes to `broken/`. */
  #mend(path: string, bytes: Buffer, good: readonly string[], broken: readonly string[]): void {
    writeFileSync(this.#brokenPath(path), bytes, { mode: 0o600 })
    writeFileSync(`${path}.new`, good.map((line) => `${line}\n`).join(''), { mode: 0o600 })
    renameSync(`${path}.new`, path)
    this.#skipped.push(`${path} is broken: ${broken.join('; ')}`)
  }

  #damaged(path: string, why: string, strict: boolean): void {
    const what = `${path} is broken: ${why}`
    if (strict) throw new BrokenCheckpoint(`${what}; repair or remove it, or start with --no-strict`)
    this.#skipped.push(what)
    renameSync(path, this.#brokenPath(path))
  }

  #brokenPath(path: string): string {
    const folder = join(this.#dir, 'broken')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return join(folder, basename(path))
  }
}

/** Whole lines without their ends, and what follows the last end. */
function linesOf(bytes: Buffer): { readonly lines: string[]; readonly torn: string } {
  const lines = bytes.toString('utf8').split('\n')
  const torn = lines.pop() ?? ''
  return { lines, torn }
}

interface Named<T> {
  readonly key: string
  readonly item: T
}

/** A file under another name would never be found again to be forgotten. */
function named<T>(name: string, ending: string, { key, item }: Named<T>): T {
  if (name !== `${fileOf(key)}${ending}`) throw new Error(`it is about ${key}, which another file is for`)
  return item
}

/** The disk is a wire: what is looked at here has been looked at, the rest is as its seal says it was written. */
function asLaunch(value: Readonly<Record<string, unknown>>): Named<LaunchEntry> {
  if (!isLaunch(value)) throw new Error('its first record is no launch')
  return { key: value.key, item: value }
}

function asExecutor(value: Readonly<Record<string, unknown>>): Named<ExecutorRecord> {
  const executor = value as unknown as ExecutorRecord
  expectText(executor.key, 'key')
  expectText(executor.frameworkId, 'frameworkId')
  expectText(executor.containerId?.value, 'containerId')
  expectText(executor.info?.executor_id?.value, 'executor_id')
  return { key: executor.key, item: executor }
}

function asFramework(value: Readonly<Record<string, unknown>>): Named<FrameworkInfo> {
  const framework = value as unknown as FrameworkInfo
  const key = expectText(framework.id?.value, 'id')
  return { key, item: framework }
}

function asInfo(value: Readonly<Record<string, unknown>>): AgentInfo {
  const info = value as unknown as AgentInfo
  expectText(info.hostname, 'hostname')
  return info
}

function asPosition(value: Readonly<Record<string, unknown>>): Position {
  const position = value as unknown as Position
  if (position.agentId !== undefined) expectText(position.agentId, 'agentId')
  expectNumber(position.incarnation, 'incarnation')
  expectNumber(position.applied, 'applied')
  return position
}

function asDrain(value: Readonly<Record<string, unknown>>): AgentDrain {
  return value as unknown as AgentDrain
}

function asForm(value: Readonly<Record<string, unknown>>): Form {
  const form = value as unknown as Form
  expectNumber(form.schema, 'schema')
  expectNumber(form.readableBy, 'readableBy')
  expectText(form.release, 'release')
  return form
}

function asExits({ exits }: Readonly<Record<string, unknown>>): readonly ExecutorExit[] {
  if (!Array.isArray(exits)) throw new Error('it lists no ends')
  return exits as ExecutorExit[]
}

function expectText(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`it has no ${name}`)
  return value
}

function expectNumber(value: unknown, name: string): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error(`it has no ${name}`)
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
