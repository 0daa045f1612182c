// An ACCEPT larger than one transaction: its offers become a hold, which pieces use up, and whose end settles the rest.
//
//   hold    the commit: checked against the gate; from here on the tasks will be made or said to be dropped
//   piece   the next step of tasks out of the hold; needs only the hold and a framework that is not removed
//   endHold what an expired hold still has goes back, and the tasks that were not made are said to be dropped
//
// Every part may be done by anyone, from any point, twice: the HOLD item and the tasks themselves are the evidence.

import { idError } from '../../protocol/ids.ts'
import type { SchedulerCallAccept, TaskStatus } from '../../protocol/messages.ts'
import { isEmpty } from '../../protocol/resources.ts'
import { withoutHold, withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { refuseMs } from '../filters.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { HOLD_MS, MAX_WORDS_PER_STEP } from '../limits.ts'
import { wordMail } from '../mail.ts'
import type { Framework, HeldTask, Hold, Ledger, LedgerHold, Run, Task } from '../model.ts'
import { spell } from '../task-state.ts'
import { changesOf, groundOf, tellsOf, withAccept, withLaunched, withLeftover } from './accept.ts'
import { type AcceptLoaded, acceptIdOf, checkOffers, isRepeat, offerIdsOf, tasksOf } from './accept-offers.ts'
import { errorStatus, refuseAccept } from './accept-refuse.ts'
import { type Outcome, runUnits } from './accept-run.ts'
import { stepsOf, tasksOfUnit } from './accept-units.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** What comes after `hold`. */
export type Held =
  /** Do piece after piece, from 0 to `pieces - 1`. */
  | { readonly kind: 'held'; readonly agentId: string; readonly acceptId: string; readonly pieces: number }
  /** Call `hold` again with `from`: the offers are invalid, and more is to be said than one transaction holds. */
  | { readonly kind: 'more'; readonly from: number }
  | { readonly kind: 'answered'; readonly answer: CallAnswer }

const answered: Held = { kind: 'answered', answer: ACCEPTED }

/**
 * Takes the offers of a large ACCEPT into a hold, or joins the hold that an earlier try of it made.
 * @param loaded tasks: those of the first piece are enough
 * @param from of the answer before, 0 at first
 */
export function hold(
  loaded: AcceptLoaded,
  call: SchedulerCallAccept,
  context: Context,
  from = 0,
): Decision<Held> {
  const acceptId = acceptIdOf(call)
  const pieces = stepsOf(call).length
  const joined = loaded.ledgers.find(({ holds }) => holds[acceptId] !== undefined)
  if (joined !== undefined) return nothing({ kind: 'held', agentId: joined.agentId, acceptId, pieces })
  if (from === 0 && isRepeat(loaded, acceptId)) return nothing(answered)
  const offers = checkOffers(loaded, call, context.now)
  if (offers.kind === 'bad') {
    const refused = refuseAccept(loaded, call, offers, context, from)
    return { ...refused, answer: refused.answer.kind === 'more' ? refused.answer : answered }
  }
  const { framework } = loaded
  const { ledger, role, resources } = offers
  const held: LedgerHold = {
    frameworkId: framework.frameworkId,
    role,
    resources,
    expiresAt: context.now + HOLD_MS,
  }
  const ended = withoutOffers(ledger, offerIdsOf(call))
  const item: Ledger = { ...ended, holds: { ...ended.holds, [acceptId]: held } }
  return {
    changes: [
      gateCheck(framework, ledger.agentId),
      { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } },
      {
        do: 'put',
        kind: 'hold',
        item: holdItem(framework, ledger, acceptId, call),
        when: { name: 'absent' },
      },
      {
        do: 'put',
        kind: 'accepting',
        item: { version: 0, frameworkId: framework.frameworkId, acceptId, agentId: ledger.agentId },
        when: { name: 'anything' },
      },
    ],
    tell: [],
    answer: { kind: 'held', agentId: ledger.agentId, acceptId, pieces },
  }
}

function holdItem(
  { frameworkId }: Framework,
  { agentId }: Ledger,
  acceptId: string,
  call: SchedulerCallAccept,
): Hold {
  // What is no id gets its TASK_ERROR from the pieces; it is nothing anybody could wait for.
  const executors = executorIdsOf(call)
  const ids = new Set(tasksOf(call).map(({ task_id }) => task_id.value))
  const tasks = [...ids]
    .filter((taskId) => idError(taskId) === undefined)
    .map((taskId): HeldTask => {
      const executorId = executors.get(taskId)
      return { taskId, ...(executorId === undefined ? {} : { executorId }) }
    })
  return { version: 0, agentId, acceptId, frameworkId, tasks }
}

/** Task ids may fill most of a HOLD item; executors named at such length are not found by a SHUTDOWN. */
const MAX_EXECUTOR_IDS_LENGTH = 64 * 1024

/** By task id; the tasks of a group run under the group's executor. */
function executorIdsOf({ operations = [] }: SchedulerCallAccept): ReadonlyMap<string, string> {
  const found = new Map(
    operations.flatMap(({ launch, launch_group }) => [
      ...(launch?.task_infos ?? []).flatMap(({ task_id, executor }): [string, string][] =>
        executor === undefined ? [] : [[task_id.value, executor.executor_id.value]],
      ),
      ...(launch_group?.task_group.tasks ?? []).map(({ task_id }): [string, string] => [
        task_id.value,
        launch_group?.executor.executor_id.value ?? '',
      ]),
    ]),
  )
  const length = [...found.values()].reduce((sum, executorId) => sum + executorId.length, 0)
  return length <= MAX_EXECUTOR_IDS_LENGTH ? found : new Map()
}

export interface PieceLoaded extends Omit<AcceptLoaded, 'ledgers' | 'tasks'> {
  readonly ledger: Ledger
  /** The HOLD item, whose version the last piece removes. */
  readonly hold: Hold | undefined
  /** Existing tasks by the ids of `taskIdsOfPiece(call, index)`. */
  readonly tasks: readonly (Task | undefined)[]
}

/** The task ids of one piece: what to load for it. Ids that are none are left out. */
export function taskIdsOfPiece(call: SchedulerCallAccept, index: number): readonly string[] {
  const ids = (stepsOf(call)[index] ?? []).flatMap(tasksOfUnit).map(({ task_id }) => task_id.value)
  return [...new Set(ids)].filter((id) => idError(id) === undefined)
}

export type Pieced =
  /** Go on with the next piece. */
  | { readonly kind: 'done' }
  /** The hold is over before its pieces were: call `endHold` until it is done, then answer 202. */
  | { readonly kind: 'over' }
  | { readonly kind: 'answered'; readonly answer: CallAnswer }

/**
 * Launches the tasks of one piece out of the hold; the last one gives back what is left. Needs neither session nor
 * offers any more: a takeover between the pieces leaves no ACCEPT half done (takeover-between-pieces).
 */
export function piece(
  loaded: PieceLoaded,
  call: SchedulerCallAccept,
  index: number,
  context: Context,
): Decision<Pieced> {
  const acceptId = acceptIdOf(call)
  const { framework, ledger, hold: item } = loaded
  const held = ledger.holds[acceptId]
  if (held === undefined)
    return nothing(item === undefined ? { kind: 'answered', answer: ACCEPTED } : { kind: 'over' })
  if (isOver(held, ledger, framework, context.now)) return nothing({ kind: 'over' })

  const steps = stepsOf(call)
  const ground = groundOf(
    { ...loaded, ledgers: [ledger] },
    { ledger, role: held.role, resources: held.resources },
    acceptId,
    context,
  )
  const outcome = withKills(runUnits(steps[index] ?? [], ground, context), item)
  const isLast = index >= steps.length - 1
  const rest: LedgerHold = { ...held, resources: outcome.available, expiresAt: context.now + HOLD_MS }
  const used = { ...ledger, holds: { ...ledger.holds, [acceptId]: rest } }
  const charged = withLaunched(used, ground, outcome)
  const after = isLast
    ? withAccept(withLeftover(withoutHold(charged, acceptId), ground, outcome, call, context), acceptId)
    : charged
  return {
    changes: [
      notRemoved(framework),
      { do: 'put', kind: 'ledger', item: after, when: { name: 'unchanged' } },
      ...changesOf(outcome, framework, context),
      ...(isLast && item !== undefined ? removeHold(item) : [holdUnchanged(ledger, acceptId, item)]),
    ],
    tell: tellsOf(outcome, after, framework, isLast && refuseMs(call.filters) === 0),
    answer: isLast ? { kind: 'answered', answer: ACCEPTED } : { kind: 'done' },
  }
}

/** What was asked to be killed while the ACCEPT was under way is wanted to stop from its first moment. */
function withKills(outcome: Outcome, hold: Hold | undefined): Outcome {
  const killed = new Map(hold?.tasks.map((task) => [task.taskId, task]))
  const runs = outcome.runs.map((run): Run => {
    const { kills, killPolicy } = killed.get(run.taskId) ?? {}
    if (kills === undefined) return run
    return { ...run, wanted: 'stop', kills, ...(killPolicy === undefined ? {} : { killPolicy }) }
  })
  return { ...outcome, runs }
}

/** A kill in between is seen by the piece, or sees the task that the piece made. */
function holdUnchanged({ agentId }: Ledger, acceptId: string, item: Hold | undefined): Change {
  const checked = { agentId, acceptId, version: item?.version ?? 0 }
  return { do: 'check', kind: 'hold', item: checked, when: { name: 'unchanged' } }
}

export interface EndHoldLoaded {
  readonly framework: Framework | undefined
  readonly ledger: Ledger | undefined
  readonly hold: Hold
  /** Existing tasks by the ids of `hold.tasks`, from `from` on, at most `MAX_WORDS_PER_STEP`. */
  readonly tasks: readonly (Task | undefined)[]
}

/** Done, or to be called again with `from`. */
export type HoldEnded = { readonly kind: 'ended' } | { readonly kind: 'more'; readonly from: number }

/**
 * Ends a hold that expired or whose framework was removed, step by step: first what it holds goes back, then words for
 * the tasks that were not made, last the HOLD item, so that whoever finds it can go on (hold-expires).
 * A hold that is not over is left alone and said to be ended.
 */
export function endHold(loaded: EndHoldLoaded, context: Context, from = 0): Decision<HoldEnded> {
  const { framework, ledger, hold: item } = loaded
  const held = ledger?.holds[item.acceptId]
  if (ledger !== undefined && held !== undefined && !isOver(held, ledger, framework, context.now)) {
    return nothing({ kind: 'ended' })
  }
  const until = from + MAX_WORDS_PER_STEP
  const isLast = until >= item.tasks.length
  const says = framework !== undefined && framework.state !== 'removed'
  const words = says ? droppedWords(loaded, framework, { from, until }, context) : []
  const returned = held === undefined || ledger === undefined ? [] : returnHold(ledger, held, item, isLast)
  return {
    changes: [...returned, ...words, ...(isLast ? removeHold(item) : [])],
    tell: [
      ...(words.length > 0 ? [{ tell: 'framework', frameworkId: item.frameworkId } as const] : []),
      ...(held !== undefined && !isEmpty(held.resources) ? [{ tell: 'allocator' } as const] : []),
    ],
    answer: isLast ? { kind: 'ended' } : { kind: 'more', from: until },
  }
}

/** The hold stays on the ledger, empty and expired, until the last word is written: then it is known as done. */
function returnHold(ledger: Ledger, held: LedgerHold, { acceptId }: Hold, isLast: boolean): Change[] {
  const empty: LedgerHold = { ...held, resources: [], expiresAt: 0 }
  const item = isLast
    ? withAccept(withoutHold(ledger, acceptId), acceptId)
    : { ...ledger, holds: { ...ledger.holds, [acceptId]: empty } }
  return [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }]
}

function droppedWords(
  { ledger, hold: item, tasks }: EndHoldLoaded,
  framework: Framework,
  { from, until }: { readonly from: number; readonly until: number },
  context: Context,
): Change[] {
  const made = new Set(tasks.filter((task) => task?.acceptId === item.acceptId).map((task) => task?.taskId))
  const why = whyDropped(ledger)
  return item.tasks
    .slice(from, until)
    .filter(({ taskId }) => !made.has(taskId))
    .map(
      ({ taskId }): TaskStatus =>
        errorStatus(
          { task_id: { value: taskId }, agent_id: { value: item.agentId } },
          { state: spell('TASK_DROPPED', framework), ...why },
          context,
        ),
    )
    .map((status) => wordMail(framework, status, context))
}

function whyDropped(
  ledger: Ledger | undefined,
): Pick<Parameters<typeof errorStatus>[1], 'reason' | 'message'> {
  if (ledger?.drain !== undefined) {
    return {
      reason: 'REASON_AGENT_DRAINING',
      message: 'The agent is drained meanwhile; the task was not launched',
    }
  }
  return {
    reason: ledger?.life === 'active' ? 'REASON_INVALID_OFFERS' : 'REASON_AGENT_REMOVED',
    message: 'The ACCEPT was not finished in time; the task was not launched',
  }
}

/** Nothing more comes out of a hold that expired, whose agent is away or drained, or whose framework was removed. */
function isOver(held: LedgerHold, ledger: Ledger, framework: Framework | undefined, now: number): boolean {
  if (framework === undefined || framework.state === 'removed' || ledger.drain !== undefined) return true
  return held.expiresAt <= now || ledger.life !== 'active'
}

/** A piece looks at the framework itself: any session may follow, only removal ends it (accept-after-teardown). */
function notRemoved({ frameworkId, version }: Framework): Change {
  return { do: 'check', kind: 'framework', item: { frameworkId, version }, when: { name: 'unchanged' } }
}

function removeHold({ agentId, acceptId, frameworkId, version }: Hold): Change[] {
  return [
    { do: 'remove', kind: 'hold', item: { agentId, acceptId, version }, when: { name: 'unchanged' } },
    { do: 'remove', kind: 'accepting', item: { frameworkId, acceptId }, when: { name: 'anything' } },
  ]
}
