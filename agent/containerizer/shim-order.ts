// What every shim is told and how it answers, whatever it is made of.
import type { Identity } from './process-table.ts'
import type { Account } from './user.ts'

/** A shim that says nothing for so long is stuck, for instance on a file system that does not answer. */
export const START_TIMEOUT_MS = 30_000
/** As a login shell of root has it. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What a shim is told about one launch. */
export interface ShimOrder {
  readonly containerId: string
  /** The container's record, see record.ts. */
  readonly record: string
  readonly sandbox: string
  readonly bootId: string
  readonly argv: readonly string[]
  /** The task's whole environment, with the marker. */
  readonly environment: Readonly<Record<string, string>>
  /** undefined: as the agent. */
  readonly account: Account | undefined
  /** Descriptors of this process, open for appending until the start is over. */
  readonly stdout: number
  readonly stderr: number
}

export interface Shim {
  readonly kind: 'c' | 'sh'
  /**
   * Resolves when the first process is recorded, just before it becomes the command; rejects with a sentence. A shim
   * that was started may still be there then: whatever it does needs the record, which the caller deletes.
   */
  start(order: ShimOrder): Promise<Identity>
}
