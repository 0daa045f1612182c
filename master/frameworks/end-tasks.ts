// What follows a removal on one agent: the framework's tasks and executors end, its offers and holds go (C106, F55).

import { nextNumber } from '../../protocol/numbering.ts'
import { isEmpty } from '../../protocol/resources.ts'
import { withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { FINISHED_TASK_KEPT_MS, MAX_WORDS_PER_STEP } from '../limits.ts'
import { removeUpdateMail } from '../mail.ts'
import type { Executor, Framework, Ledger, Run, Task } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { isTerminal } from '../task-state.ts'

export interface EndTasksLoaded {
  readonly framework: Framework
  /** Of the one agent; undefined when it is forgotten. */
  readonly ledger: Ledger | undefined
  /** Of the framework on this agent, as many as there are or as were read: what is done already is passed over. */
  readonly tasks: readonly Task[]
  readonly runs: readonly Run[]
  readonly executors: readonly Executor[]
}

/**
 * One bounded piece. Tasks become TASK_KILLED in the records, and no update says so; what they are charged stays
 * charged until their agent, also one that is away now, reports the end. Call again until the answer is `done`.
 */
export function endTasks(loaded: EndTasksLoaded, context: Context): Decision<'done' | 'more'> {
  const { framework, ledger } = loaded
  const room = { left: MAX_WORDS_PER_STEP }
  const runs = take(room, 1, ledger === undefined ? [] : loaded.runs.filter(({ wanted }) => wanted !== 'end'))
  const executors = take(
    room,
    1,
    ledger === undefined ? [] : loaded.executors.filter(({ wanted }) => wanted !== 'end'),
  )
  // A task may come with a letter to be taken out of the mailbox.
  const tasks = take(
    room,
    2,
    loaded.tasks.filter(({ standing }) => standing !== 'finished'),
  )

  const changes: Change[] = [
    ...runs.some.map(
      (run): Change => ({
        do: 'put',
        kind: 'run',
        item: { ...run, wanted: 'end' },
        when: { name: 'unchanged' },
      }),
    ),
    ...executors.some.map(
      (item): Change => ({
        do: 'put',
        kind: 'executor',
        item: { ...item, wanted: 'end' },
        when: { name: 'unchanged' },
      }),
    ),
    ...tasks.some.flatMap((task) => endTask(framework, task, context)),
  ]
  const next =
    ledger === undefined
      ? undefined
      : nextLedger(ledger, framework, runs.some.length + executors.some.length, context)
  if (next !== undefined && next !== ledger)
    changes.push({ do: 'put', kind: 'ledger', item: next, when: { name: 'unchanged' } })
  if (changes.length === 0) return nothing('done')
  const isMore = runs.isMore || executors.isMore || tasks.isMore
  return {
    changes,
    tell: next === undefined ? [] : tells(next, runs.some, executors.some),
    answer: isMore ? 'more' : 'done',
  }
}

function take<T>(
  room: { left: number },
  weight: number,
  all: readonly T[],
): { readonly some: readonly T[]; readonly isMore: boolean } {
  const some = all.slice(0, Math.max(0, Math.floor(room.left / weight)))
  room.left -= some.length * weight
  return { some, isMore: some.length < all.length }
}

function endTask(framework: Framework, task: Task, { now }: Context): Change[] {
  const isOver = isTerminal(task.mesos.state)
  const item: Task = {
    ...task,
    mesos: isOver ? task.mesos : killed(task, now),
    custody: [],
    standing: 'finished',
    ttl: Math.ceil((now + FINISHED_TASK_KEPT_MS) / 1000),
  }
  const put: Change = { do: 'put', kind: 'task', item, when: { name: 'unchanged' } }
  return task.custody.length > 0 ? [put, removeUpdateMail(framework, task.taskId)] : [put]
}

function killed({ mesos }: Task, now: number): Task['mesos'] {
  const status = {
    task_id: mesos.task_id,
    state: 'TASK_KILLED',
    source: 'SOURCE_MASTER',
    reason: 'REASON_FRAMEWORK_REMOVED',
    message: 'The framework was removed',
    agent_id: mesos.agent_id,
    timestamp: now / 1000,
  } as const
  return { ...mesos, state: 'TASK_KILLED', statuses: [...(mesos.statuses ?? []), status] }
}

/** Offers and what holds still keep are free again; a HOLD item left behind ends by itself. */
function nextLedger(ledger: Ledger, { frameworkId }: Framework, ended: number, { cluster }: Context): Ledger {
  const offers = Object.entries(ledger.offers).filter(([, offer]) => offer.frameworkId === frameworkId)
  const holds = Object.entries(ledger.holds).filter(
    ([, hold]) => hold.frameworkId === frameworkId && !isEmpty(hold.resources),
  )
  const refusals = ledger.refusals.filter((refusal) => refusal.frameworkId !== frameworkId)
  if (
    ended === 0 &&
    offers.length === 0 &&
    holds.length === 0 &&
    refusals.length === ledger.refusals.length
  ) {
    return ledger
  }
  const emptied = holds.map(([id, hold]) => [id, { ...hold, resources: [], expiresAt: 0 }] as const)
  return {
    ...withoutOffers(
      ledger,
      offers.map(([id]) => id),
    ),
    holds: { ...ledger.holds, ...Object.fromEntries(emptied) },
    refusals,
    generation: ended > 0 ? nextNumber(ledger.generation, cluster.timeline) : ledger.generation,
  }
}

function tells(
  ledger: Ledger,
  runs: readonly Run[],
  executors: readonly Executor[],
): Decision<unknown>['tell'] {
  const ending = runs.map((run): Run => ({ ...run, wanted: 'end' }))
  const isTold = ending.length + executors.length > 0
  return [
    ...(isTold
      ? tellChanges(ledger, {
          runs: ending,
          endExecutors: executors.map(({ frameworkId, executorId }) => ({ frameworkId, executorId })),
        })
      : []),
    { tell: 'allocator' },
  ]
}
