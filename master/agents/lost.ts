// An agent is lost: unreachable, unregistered or gone. The fact first, on its ledger; then its tasks, piece by piece.
//
//   fact    life, sums to zero, offers taken back, open work with the loss's number          one write
//   pieces  tasks say UNREACHABLE, LOST or GONE_BY_OPERATOR, their RUN items are uncharged   24 at a time
//   close   the agent is appended to LOSSES, which every reader follows                      last
//
// Every piece checks the ledger as it was loaded, so a worker that wakes after the agent has returned does nothing.
import { toggled } from '../../protocol/digest.ts'
import type { TaskState, TaskStatusReason } from '../../protocol/messages.ts'
import { isEmpty } from '../../protocol/resources.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { isCapable } from '../frameworks/roles.ts'
import { LOSS_TOLD_MS } from '../limits.ts'
import { removeUpdateMail, wordMail } from '../mail.ts'
import type {
  AgentEntry,
  Beats,
  Executor,
  Framework,
  Ledger,
  LossHead,
  OpenWork,
  Run,
  Task,
} from '../model.ts'
import { isTerminal } from '../task-state.ts'
import { LOST_AGENT_KEPT_MS } from './forget.ts'
import { withdraw } from './offers.ts'
import { spelled, statusOf, type Word, withState } from './task-status.ts'
import { framework, Gathered, ledgerUnchanged, type Piece, taskOfRun, withoutOpenWork } from './work.ts'

export type LossReason = Extract<OpenWork, { kind: 'loss' }>['why']

export interface LossLoaded {
  readonly ledger: Ledger | undefined
  readonly entry: AgentEntry | undefined
  /** Frameworks the agent's offers are with. */
  readonly frameworks: ReadonlyMap<string, Framework>
  /** The beats the verdict was made from: a beat written meanwhile makes it void (F23). */
  readonly judged?: Beats | undefined
  /** A sentence for the tasks' last word, where more is known than `why`. */
  readonly says?: string | undefined
}

/**
 * The fact of a loss. `lost`: it stands now, and its open work is to be finished. `void`: there is nothing to lose
 * (any more); the life of the ledger says why.
 */
export function loseAgent(
  { ledger, entry, frameworks, judged, says }: LossLoaded,
  why: LossReason,
  context: Context,
): Decision<'lost' | 'void'> {
  if (ledger === undefined || !canBeLost(ledger.life, why)) return nothing('void')
  const lossNumber = ledger.lossNumber + 1
  const life = why === 'unreachable' ? 'unreachable' : why
  const { ledger: emptied, mail, tell } = withdraw(ledger, frameworks, context)
  const changes: Change[] = [
    {
      do: 'put',
      kind: 'ledger',
      item: {
        ...emptied,
        life,
        lossNumber,
        sums: {},
        lostAt: context.now,
        ...(why === 'unreachable' ? { unreachableSince: context.now } : {}),
        openWork: {
          kind: 'loss',
          lossNumber,
          why,
          at: context.now,
          ...(isSaid(ledger) ? { quiet: true } : {}),
          ...(says === undefined ? {} : { says }),
        },
      },
      when: { name: 'unchanged' },
    },
    ...mail,
  ]
  if (entry !== undefined) {
    changes.push({
      do: 'put',
      kind: 'agent',
      item: { ...entry, life, lostAt: context.now },
      when: { name: 'unchanged' },
    })
  }
  if (judged !== undefined) {
    changes.push({ do: 'check', kind: 'beats', item: judged, when: { name: 'unchanged' } })
  }
  return { changes, tell, answer: 'lost' }
}

function canBeLost(life: Ledger['life'], why: LossReason): boolean {
  switch (life) {
    case 'active':
    case 'returning':
      return true
    case 'unreachable':
      return why !== 'unreachable'
    case 'removed':
      return why === 'gone'
    case 'gone':
      return false
  }
}

/** FAILURE is said once: who was unreachable or removed before was announced then (MESOS-9739). */
function isSaid({ life }: Ledger): boolean {
  return life === 'unreachable' || life === 'removed'
}

/** One piece of a loss: tasks of these RUN items, as many as fit. The answer: how many RUN items are done with. */
export function loseTasks(piece: Piece, context: Context): Decision<number> {
  const { ledger } = piece
  const work = ledger.openWork
  if (work?.kind !== 'loss') return nothing(piece.runs.length)
  const gathered = new Gathered(1)
  let digest = ledger.digest
  let done = 0
  for (const run of piece.runs) {
    const changes = [...changesOfRun(run, work), ...changesOfTask(run, piece, work, context)]
    if (!gathered.add(changes, run.frameworkId)) break
    if (work.why !== 'unreachable') digest = toggled(digest, run)
    done++
  }
  if (gathered.changes.length === 0) return nothing(done)
  const about: Change =
    digest === ledger.digest
      ? ledgerUnchanged(ledger)
      : { do: 'put', kind: 'ledger', item: { ...ledger, digest }, when: { name: 'unchanged' } }
  return { changes: [about, ...gathered.changes], tell: gathered.tell, answer: done }
}

/** Wanted state of an unreachable agent is kept, uncharged: kills wait there for its return (F11, F12). */
function changesOfRun(run: Run, work: { readonly why: LossReason }): Change[] {
  if (work.why !== 'unreachable')
    return [{ do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } }]
  if (isEmpty(run.charged)) return []
  return [{ do: 'put', kind: 'run', item: { ...run, charged: [] }, when: { name: 'unchanged' } }]
}

function changesOfTask(
  run: Run,
  piece: Piece,
  work: Extract<OpenWork, { kind: 'loss' }>,
  context: Context,
): Change[] {
  const task = taskOfRun(run, piece)
  const owner = framework(run, piece)
  if (task === undefined || owner === undefined || !isToBeTold(task, work.why)) return []
  const word = wordOf(task, owner, piece.ledger, work)
  const status = statusOf(task, word, context)
  const lost: Task = {
    ...task,
    standing: 'lost',
    lossNumber: work.lossNumber,
    ttl: Math.ceil((context.now + LOST_AGENT_KEPT_MS) / 1_000),
    // An end never changes, even if only the state and not yet the update that says it has arrived (F46).
    mesos: withState(task.mesos, word.state, status),
    // What is in custody stays there and is said again after a return; for ever gone, the last word replaces it.
    custody: work.why === 'gone' ? [] : task.custody,
  }
  return [
    { do: 'put', kind: 'task', item: lost, when: { name: 'unchanged' } },
    wordMail(owner, spelled(status, owner), context),
    // An unreachable task is not said to be running any more, not even by a repetition (resend-after-unreachable).
    ...(task.custody.length > 0 ? [removeUpdateMail(owner, task.taskId)] : []),
  ]
}

/** Each task is told once per loss; a worker that begins anew passes over what is done. */
function isToBeTold(task: Task, why: LossReason): boolean {
  if (task.standing === 'finished') return false
  if (task.custody.some(({ status }) => isTerminal(status.state))) return false
  return task.standing === 'live' || (why !== 'unreachable' && task.mesos.state === 'TASK_UNREACHABLE')
}

const exactState: Readonly<Record<LossReason, TaskState>> = {
  unreachable: 'TASK_UNREACHABLE',
  removed: 'TASK_LOST',
  gone: 'TASK_GONE_BY_OPERATOR',
}

function wordOf(
  task: Task,
  owner: Framework,
  ledger: Ledger,
  work: Extract<OpenWork, { kind: 'loss' }>,
): Word {
  const isOver = isTerminal(task.mesos.state)
  const byOperator = work.why === 'gone' && isCapable(owner.info, 'PARTITION_AWARE')
  const reason: TaskStatusReason = byOperator ? 'REASON_AGENT_REMOVED_BY_OPERATOR' : 'REASON_AGENT_REMOVED'
  return {
    state: isOver ? task.mesos.state : exactState[work.why],
    reason,
    message: work.says ?? messages[work.why],
    ...(work.why === 'unreachable' ? { unreachableSince: ledger.unreachableSince ?? work.at } : {}),
  }
}

const messages: Readonly<Record<LossReason, string>> = {
  unreachable: 'The agent has not been heard of for too long',
  removed: 'The agent has unregistered',
  gone: 'The agent was marked gone and will not come back',
}

/** One piece of a loss: offers that did not fit the write of the fact. The answer: whether there were any. */
export function loseOffers(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  context: Context,
): Decision<boolean> {
  if (ledger.openWork?.kind !== 'loss' || Object.keys(ledger.offers).length === 0) return nothing(false)
  const { ledger: item, mail, tell } = withdraw(ledger, frameworks, context)
  return {
    changes: [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }, ...mail],
    tell,
    answer: true,
  }
}

/** One piece of a loss: executors, which are never heard of again. */
export function loseExecutors(ledger: Ledger, executors: readonly Executor[]): Decision<number> {
  if (ledger.openWork?.kind !== 'loss') return nothing(executors.length)
  const gathered = new Gathered(1)
  let done = 0
  for (const executor of executors) {
    const remove: Change = { do: 'remove', kind: 'executor', item: executor, when: { name: 'unchanged' } }
    if (!gathered.add([remove])) break
    done++
  }
  if (done === 0) return nothing(0)
  return { changes: [ledgerUnchanged(ledger), ...gathered.changes], tell: [], answer: done }
}

/** Losses closed by one transaction: a ledger and an entry each, and the head they all share. */
export const LOSSES_PER_TRANSACTION = 40

/**
 * The last piece of losses whose tasks are all done: the agents are appended to LOSSES together, so that a whole
 * zone does not queue at the head one by one (zone-of-3300). Ledgers without an open loss are passed over.
 */
export function closeLosses(
  ledgers: readonly Ledger[],
  head: LossHead | undefined,
  context: Context,
): Decision<readonly string[]> {
  const changes: Change[] = []
  const closed: string[] = []
  const ttl = Math.ceil((context.now + 2 * LOSS_TOLD_MS) / 1000)
  let last = head?.last ?? 0
  for (const ledger of ledgers.slice(0, LOSSES_PER_TRANSACTION)) {
    const work = ledger.openWork
    if (work?.kind !== 'loss' || Object.keys(ledger.offers).length > 0) continue
    const item = withoutOpenWork(ledger)
    changes.push({ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } })
    closed.push(ledger.agentId)
    if (work.quiet === true) continue
    last++
    changes.push({
      do: 'put',
      kind: 'loss',
      item: { version: 0, number: last, agentId: ledger.agentId, at: context.now, ttl },
      when: { name: 'absent' },
    })
  }
  if (closed.length === 0) return nothing([])
  if (last !== (head?.last ?? 0)) {
    const item: LossHead = { ...head, version: head?.version ?? 0, last }
    changes.push({ do: 'put', kind: 'lossHead', item, when: { name: 'unchanged' } })
  }
  return { changes, tell: [{ tell: 'allocator' }], answer: closed }
}
