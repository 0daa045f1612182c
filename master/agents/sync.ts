// The whole list of what an agent shall run, page by page; it is whole only if its digest is the ledger's.
import type { SyncAnswer, WantedTask } from '../../protocol/agent-messages.ts'
import { digestOf } from '../../protocol/digest.ts'
import type { FrameworkInfo } from '../../protocol/messages.ts'
import type { Executor, Framework, Ledger, Run } from '../model.ts'
import { drainFor, underDrain } from './drain.ts'

/** Bytes of tasks on one page: an answer through an API gateway stays below its limit. */
const MAX_PAGE_BYTES = 1024 * 1024

/** True if these are all RUN items of the ledger: a query is no snapshot, and a torn list must stop nothing. */
export function isWhole(ledger: Ledger, runs: readonly Run[]): boolean {
  return digestOf(runs) === ledger.digest
}

/**
 * One page of a whole list. A continuation names the generation its earlier pages carried; if the list has changed
 * since, it begins anew, under its new generation.
 */
export function pageOf(
  loaded: {
    readonly ledger: Ledger
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
    readonly frameworks: ReadonlyMap<string, Framework>
  },
  after: string | undefined,
): Extract<SyncAnswer, { kind: 'wanted' }> {
  const { ledger, runs, executors, frameworks } = loaded
  const start = startOf(after, ledger)
  const tasks: WantedTask[] = []
  let bytes = 0
  let index = start
  for (; index < runs.length; index++) {
    const run = runs[index]
    if (run === undefined) break
    const task = underDrain(wantedOf(run, frameworks), ledger.drain)
    bytes += JSON.stringify(task, bigintText).length
    if (bytes > MAX_PAGE_BYTES && tasks.length > 0) break
    tasks.push(task)
  }
  const drain = drainFor(ledger)
  const ids = new Set([...tasks, ...executors].map(({ frameworkId }) => frameworkId))
  return {
    kind: 'wanted',
    generation: ledger.generation,
    tasks,
    frameworks: [...ids].flatMap((id): FrameworkInfo[] => {
      const found = frameworks.get(id)
      return found === undefined ? [] : [found.info]
    }),
    endExecutors: executors
      .filter(({ wanted, frameworkId }) => wanted === 'end' || isRemoved(frameworks.get(frameworkId)))
      .map(({ frameworkId, executorId }) => ({ frameworkId, executorId })),
    ...(drain === undefined ? {} : { drain }),
    ...(index < runs.length ? { next: `${ledger.generation}:${index}` } : {}),
  }
}

/** What of a RUN item the agent is told. A removed framework's tasks end, whether or not somebody has written so. */
export function wantedOf(run: Run, frameworks: ReadonlyMap<string, Framework>): WantedTask {
  const { frameworkId, taskId, launchIncarnation, launchGeneration, role, task, kills } = run
  return {
    frameworkId,
    taskId,
    wanted: isRemoved(frameworks.get(frameworkId)) ? 'end' : run.wanted,
    launchIncarnation,
    launchGeneration,
    role,
    task,
    kills,
    ...(run.group === undefined ? {} : { group: run.group }),
    ...(run.executor === undefined ? {} : { executor: run.executor }),
    ...(run.executorGeneration === undefined ? {} : { executorGeneration: run.executorGeneration }),
    ...(run.killPolicy === undefined ? {} : { killPolicy: run.killPolicy }),
  }
}

function isRemoved(framework: Framework | undefined): boolean {
  return framework?.state === 'removed'
}

/** RUN items are in key order and the digest says they are the same: a place in the list is enough. */
function startOf(after: string | undefined, ledger: Ledger): number {
  const [, generation, index] = /^(\d+):(\d+)$/.exec(after ?? '') ?? []
  return Number(generation) === ledger.generation ? Number(index) : 0
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
