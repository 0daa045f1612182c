// The form of what is on disk: its number, the names of its files, and what it is read back as.
//
// Every object may get new members and every log new kinds of records: whoever does not know them leaves them where
// they are. `SCHEMA` counts the forms; `READABLE_BY` is the oldest form whose readers may work on this one, and only
// a change that they would misread raises it. A release writes what the release before it can read (R35).
import { createHash } from 'node:crypto'
import type { AgentDrain, ExecutorExit } from '../protocol/agent-messages.ts'
import type { AgentInfo, FrameworkInfo } from '../protocol/messages.ts'
import type { ExecutorRecord, TaskRecord } from './state.ts'

export const SCHEMA = 1
export const READABLE_BY = 1

export interface Form {
  readonly schema: number
  readonly readableBy: number
  /** Of Meseta, that wrote last. */
  readonly release: string
}

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
  readonly drain: AgentDrain | undefined
  /** What was broken and skipped; always empty when strict, unless the machine was restarted. */
  readonly skipped: readonly string[]
}

/** Ids may be longer than a file name and may differ in case only; the readable part is for people. */
export function fileOf(key: string): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 24)
  const readable = key.slice(key.indexOf('/') + 1).replace(/[^A-Za-z0-9_-]/g, '_')
  return `${readable.slice(0, 60)}.${hash}`
}
