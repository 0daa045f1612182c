// An ACCEPT whose offers are invalid: what it does own goes back, and every task is said not to have started (C78, C79).
import type {
  OfferOperation,
  OperationStatus,
  SchedulerCallAccept,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../../protocol/messages.ts'
import { withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import type { Change, Decision } from '../decision.ts'
import { gateChecks } from '../frameworks/gates.ts'
import { MAX_WORDS_PER_STEP } from '../limits.ts'
import { noticeMail, wordMail } from '../mail.ts'
import type { Framework } from '../model.ts'
import { spell } from '../task-state.ts'
import { type AcceptLoaded, agentsOf, type CheckedOffers, offerIdsOf, tasksOf } from './accept-offers.ts'

/** Done, or to be called again with `from`: what is said is more than one transaction holds. */
export type Refused = { readonly kind: 'refused' } | { readonly kind: 'more'; readonly from: number }

/**
 * Takes back the caller's own offers among those named, unfiltered, and says of each task that it was dropped, of each
 * other operation with an id that it failed. Twice does no harm.
 * @param from where an earlier step ended
 */
export function refuseAccept(
  loaded: AcceptLoaded,
  call: SchedulerCallAccept,
  bad: Extract<CheckedOffers, { kind: 'bad' }>,
  context: Context,
  from = 0,
): Decision<Refused> {
  const { framework } = loaded
  const pieces = [
    ...agentsOf(call).map((agentId) => () => returnOffers(loaded, call, agentId)),
    ...words(call, framework, bad, context).map((status) => () => [wordMail(framework, status, context)]),
    ...operationErrors(call, bad).map((status) => () => [operationMail(framework, status, context)]),
  ]
  const until = from + MAX_WORDS_PER_STEP
  const changes = pieces.slice(from, until).flatMap((piece) => piece())
  const answer: Refused = until < pieces.length ? { kind: 'more', from: until } : { kind: 'refused' }
  if (changes.length === 0) return { changes, tell: [], answer }
  const agentIds = agentsOf(call).slice(from, until)
  return {
    changes: [...gateChecks(framework, agentIds.length > 0 ? agentIds : [framework.frameworkId]), ...changes],
    tell: [
      { tell: 'framework', frameworkId: framework.frameworkId },
      ...(changes.some(({ kind }) => kind === 'ledger') ? [{ tell: 'allocator' } as const] : []),
    ],
    answer,
  }
}

function returnOffers(
  { framework, ledgers }: AcceptLoaded,
  call: SchedulerCallAccept,
  agentId: string,
): Change[] {
  const ledger = ledgers.find((each) => each.agentId === agentId)
  if (ledger === undefined) return []
  const own = offerIdsOf(call).filter((id) => ledger.offers[id]?.frameworkId === framework.frameworkId)
  if (own.length === 0) return []
  return [{ do: 'put', kind: 'ledger', item: withoutOffers(ledger, own), when: { name: 'unchanged' } }]
}

/** One word per task id: the last one said would be all the framework reads anyway. */
function words(
  call: SchedulerCallAccept,
  framework: Framework,
  { reason, message }: { readonly reason: TaskStatusReason; readonly message: string },
  context: Context,
): readonly TaskStatus[] {
  const byId = new Map<string, TaskStatus>()
  for (const { task_id, agent_id } of tasksOf(call)) {
    byId.set(task_id.value, {
      task_id,
      state: spell('TASK_DROPPED', framework),
      source: 'SOURCE_MASTER',
      reason,
      message: `Task launched with invalid offers: ${message}`,
      agent_id,
      timestamp: context.now / 1000,
    })
  }
  return [...byId.values()]
}

function operationErrors(
  { operations = [] }: SchedulerCallAccept,
  { reason, message }: { readonly reason: TaskStatusReason; readonly message: string },
): readonly OperationStatus[] {
  // When the agent is gone Mesos says nothing of other operations.
  if (reason !== 'REASON_INVALID_OFFERS') return []
  return operations
    .filter(isOtherWithId)
    .map((operation) => operationError(operation, `Operation attempted with invalid offers: ${message}`))
}

/** True for an operation that starts no task and whose end the framework wants to hear of. */
export function isOtherWithId({ type, id }: OfferOperation): boolean {
  return (
    id !== undefined &&
    type !== 'LAUNCH' &&
    type !== 'LAUNCH_GROUP' &&
    type !== 'UNKNOWN' &&
    type !== undefined
  )
}

/** The end of an operation that failed at the master: neither uuid nor agent (C89). */
export function operationError({ id }: OfferOperation, message: string): OperationStatus {
  return { operation_id: id, state: 'OPERATION_ERROR', message }
}

export function operationMail(framework: Framework, status: OperationStatus, context: Context): Change {
  return noticeMail(
    framework,
    { type: 'UPDATE_OPERATION_STATUS', update_operation_status: { status } },
    context,
  )
}

/** A word about a task of an ACCEPT that did not start for a reason of its own. */
export function errorStatus(
  task: { readonly task_id: TaskStatus['task_id']; readonly agent_id?: TaskStatus['agent_id'] },
  {
    state,
    reason,
    message,
  }: { readonly state: TaskState; readonly reason: TaskStatusReason; readonly message: string },
  context: Pick<Context, 'now'>,
): TaskStatus {
  return {
    task_id: task.task_id,
    state,
    source: 'SOURCE_MASTER',
    reason,
    message,
    agent_id: task.agent_id,
    timestamp: context.now / 1000,
  }
}
