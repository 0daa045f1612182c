// What a returning agent did not list: launches of older incarnations and executors end, some at a time.
import { toggled } from '../../protocol/digest.ts'
import { release } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { Executor, Framework, Ledger, Resources, Run } from '../model.ts'
import { isTerminal } from '../task-state.ts'
import { headMail, withUpdate } from './custody.ts'
import { executorFailure } from './executor-exit.ts'
import { putLedger, putTask } from './puts.ts'
import { isListed, isRestored, returnId } from './return-mark.ts'
import { statusOf, statusUuid, withState } from './task-status.ts'
import { framework, Gathered, type Piece, taskOfRun } from './work.ts'

/** One piece of what the list left out. The answer: how many RUN items are done with. */
export function settle(piece: Piece, context: Context): Decision<number> {
  if (!isListed(piece.ledger)) return nothing(piece.runs.length)
  const gathered = new Gathered(1)
  let ledger = piece.ledger
  let done = 0
  for (const run of piece.runs) {
    if (isSettled(run, ledger)) {
      done++
      continue
    }
    const remove: Change = { do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } }
    if (!gathered.add([remove, ...settleTask(run, piece, context)], run.frameworkId)) break
    ledger = release({ ...ledger, digest: toggled(ledger.digest, run) }, run, chargedIn(ledger, run))
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  return { changes: [putLedger(ledger), ...gathered.changes], tell: gathered.tell, answer: done }
}

/** Launches of the present incarnation are the agent's to answer. */
export function isSettled(run: Run, ledger: Ledger): boolean {
  return run.listedIn === returnId(ledger) || run.launchIncarnation >= ledger.incarnation
}

/** A lost agent's sums are what the agent listed; what it did not list is not in them. */
function chargedIn(ledger: Ledger, run: Run): Resources {
  return ledger.life === 'active' ? run.charged : []
}

function settleTask(run: Run, piece: Piece, context: Context): Change[] {
  const task = taskOfRun(run, piece)
  const owner = framework(run, piece)
  if (task === undefined || owner === undefined || task.standing === 'finished') return []
  // A restored table cannot know that a task never ran.
  const ran = task.lastUpdate > 0 || isRestored(piece.ledger)
  const ended = isTerminal(task.mesos.state)
  const state = ended ? task.mesos.state : ran ? 'TASK_GONE' : 'TASK_DROPPED'
  const status = {
    ...statusOf(
      task,
      {
        state,
        source: 'SOURCE_AGENT',
        reason: 'REASON_RECONCILIATION',
        message: ran ? 'The agent came back without the task' : 'The launch never reached the agent',
      },
      context,
    ),
    uuid: statusUuid(context),
  }
  const { lossNumber: _, ttl: __, ...kept } = task
  const settled = withUpdate(
    { ...kept, standing: 'live', mesos: withState(task.mesos, state, status) },
    status,
    owner,
    context,
  )
  return [putTask(settled), ...headMail(settled, owner, context)]
}

/** One piece: executors that neither the agent listed nor a later launch needs. The answer: how many there are still. */
export function settleExecutors(
  loaded: {
    readonly ledger: Ledger
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
    readonly frameworks: ReadonlyMap<string, Framework>
  },
  context: Context,
): Decision<number> {
  const { runs, executors, frameworks } = loaded
  if (!isListed(loaded.ledger)) return nothing(0)
  const left = unlisted(loaded.ledger, runs, executors)
  const gathered = new Gathered(1)
  let ledger = loaded.ledger
  let done = 0
  for (const executor of left) {
    const owner = frameworks.get(executor.frameworkId)
    const remove: Change = { do: 'remove', kind: 'executor', item: executor, when: { name: 'unchanged' } }
    const failure =
      owner === undefined || owner.state === 'removed' ? [] : [executorFailure(executor, owner, -1, context)]
    if (!gathered.add([remove, ...failure], executor.frameworkId)) break
    if (ledger.life === 'active') ledger = release(ledger, executor, executor.charged)
    done++
  }
  if (done === 0) return nothing(0)
  return {
    changes: [putLedger(ledger), ...gathered.changes],
    tell: gathered.tell,
    answer: left.length - done,
  }
}

export function unlisted(
  ledger: Ledger,
  runs: readonly Run[],
  executors: readonly Executor[],
): readonly Executor[] {
  const needed = new Set(runs.map((run) => `${run.frameworkId}/${run.executor?.executor_id.value}`))
  return executors.filter(
    (executor) =>
      executor.listedIn !== returnId(ledger) && !needed.has(`${executor.frameworkId}/${executor.executorId}`),
  )
}
