// What the pieces of large work on an agent share: what is loaded for a piece, and how much fits one transaction.
import type { Change, Tell } from '../decision.ts'
import { MAX_TRANSACTION_ITEMS } from '../limits.ts'
import type { Framework, Ledger, Run, Task } from '../model.ts'

/** RUN items looked at for one piece: four changes each, and the ledger. */
export const RUNS_PER_PIECE = 24

/** A transaction holds 4 MB; what a piece writes stays well below it. */
const MAX_PIECE_BYTES = 3 * 1024 * 1024

/** Some RUN items of an agent with the tasks and frameworks they are of. */
export interface Piece {
  readonly ledger: Ledger
  readonly runs: readonly Run[]
  /** By `taskKey`; missing: there is no such task. */
  readonly tasks: ReadonlyMap<string, Task>
  /** By id; missing: there is no such framework. */
  readonly frameworks: ReadonlyMap<string, Framework>
}

export function taskKey(task: { readonly frameworkId: string; readonly taskId: string }): string {
  return `${task.frameworkId}/${task.taskId}`
}

/** The task a RUN item was made with; another launch under the same id is not it. */
export function taskOfRun(run: Run, piece: Pick<Piece, 'tasks'>): Task | undefined {
  const task = piece.tasks.get(taskKey(run))
  if (task === undefined || task.agentId !== run.agentId) return undefined
  const isSame =
    task.launchIncarnation === run.launchIncarnation && task.launchGeneration === run.launchGeneration
  return isSame ? task : undefined
}

/** The framework of a RUN item, unless it was removed: then its tasks end and nobody is told. */
export function framework(
  run: { readonly frameworkId: string },
  piece: Pick<Piece, 'frameworks'>,
): Framework | undefined {
  const found = piece.frameworks.get(run.frameworkId)
  return found === undefined || found.state === 'removed' ? undefined : found
}

/** Changes gathered until a transaction is full. */
export class Gathered {
  readonly changes: Change[] = []
  readonly #frameworks = new Set<string>()
  #bytes = 0
  #items: number

  /** @param reserved places kept for what is added at the end */
  constructor(reserved: number) {
    this.#items = reserved
  }

  /** Adds changes that belong together; false, and nothing added, when they do not fit any more. */
  add(changes: readonly Change[], frameworkId?: string): boolean {
    const bytes = changes.reduce((sum, { item }) => sum + sizeOf(item), 0)
    const isFull =
      this.#items + changes.length > MAX_TRANSACTION_ITEMS || this.#bytes + bytes > MAX_PIECE_BYTES
    if (isFull && this.changes.length > 0) return false
    this.changes.push(...changes)
    this.#items += changes.length
    this.#bytes += bytes
    if (frameworkId !== undefined) this.#frameworks.add(frameworkId)
    return true
  }

  /** Whom to nudge. */
  get tell(): Tell[] {
    return [...this.#frameworks].map((frameworkId) => ({ tell: 'framework', frameworkId }))
  }
}

function sizeOf(item: object): number {
  return JSON.stringify(item, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    .length
}

/** The ledger as it was loaded: every piece checks that its work is still the one that is wanted. */
export function ledgerUnchanged(ledger: Ledger): Change {
  return { do: 'check', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }
}

/** A ledger without its open work. */
export function withoutOpenWork(ledger: Ledger): Ledger {
  const { openWork: _, ...rest } = ledger
  return rest
}
