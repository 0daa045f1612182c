// The table of calls: a row per Call, naming what it loads and which decision judges it.
//
// Walk: before it functions/scheduler/handler.ts, after it master/calls/accept.ts and functions/transact.ts.
import assert from 'node:assert'
import { accept } from '../../master/calls/accept.ts'
import { agentsOf } from '../../master/calls/accept-offers.ts'
import { isLarge } from '../../master/calls/accept-units.ts'
import { acknowledge } from '../../master/calls/acknowledge.ts'
import type { Caller } from '../../master/calls/admit.ts'
import { ACCEPTED, type CallAnswer } from '../../master/calls/answer.ts'
import { decline } from '../../master/calls/decline.ts'
import { kill } from '../../master/calls/kill.ts'
import { message } from '../../master/calls/message.ts'
import {
  acknowledgeOperationStatus,
  reconcileOperations,
  reconcileOperationsParts,
} from '../../master/calls/operations.ts'
import { reconcile, reconcileParts } from '../../master/calls/reconcile.ts'
import { revive } from '../../master/calls/revive.ts'
import { shutdown } from '../../master/calls/shutdown.ts'
import { suppress } from '../../master/calls/suppress.ts'
import { acceptInverseOffers, declineInverseOffers, request } from '../../master/calls/taken.ts'
import { teardown } from '../../master/calls/teardown.ts'
import type { Context } from '../../master/context.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { Framework } from '../../master/model.ts'
import { idError } from '../../protocol/ids.ts'
import type {
  SchedulerCall,
  SchedulerCallAccept,
  SchedulerCallDecline,
  SchedulerCallType,
} from '../../protocol/messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { ledgerLane } from '../lanes.ts'
import { transact } from '../transact.ts'
import { acceptInPieces } from './accept-in-pieces.ts'
import { type Admitted, judged } from './admitted.ts'
import { afterRemoval } from './disconnect.ts'
import { loadAccept } from './load-accept.ts'
import {
  loadAcknowledge,
  loadDecline,
  loadFramework,
  loadKill,
  loadMessage,
  loadReconcile,
  loadShutdown,
} from './loads.ts'
import { updateFramework } from './update-framework.ts'

/** What a row is given: who calls what. `frameworkId` may be any text. */
export interface Calling {
  readonly env: Environment
  readonly call: SchedulerCall
  readonly frameworkId: string
  readonly caller: Caller
}

type Row = (calling: Calling) => Promise<Admitted>

const NOT_A_CALL: CallAnswer = {
  status: 501,
  text: 'UNKNOWN is no call: set the type of the call that is meant',
}

/** SUBSCRIBE is answered by a stream and has its own file; a new Call does not compile until it has a row. */
const CALLS: Readonly<Record<Exclude<SchedulerCallType, 'SUBSCRIBE'>, Row>> = {
  ACCEPT: acceptAny,
  DECLINE: declineAll,
  REVIVE: (calling) => one(calling, calling.call.revive ?? {}, loadFramework, revive),
  SUPPRESS: (calling) => one(calling, calling.call.suppress ?? {}, loadFramework, suppress),
  KILL: (calling) => one(calling, calling.call.kill, loadKill, kill),
  SHUTDOWN: (calling) => one(calling, calling.call.shutdown, loadShutdown, shutdown),
  ACKNOWLEDGE: (calling) => one(calling, calling.call.acknowledge, loadAcknowledge, acknowledge),
  RECONCILE: (calling) =>
    each(calling, parts(calling.call.reconcile, reconcileParts), loadReconcile, reconcile),
  MESSAGE: (calling) => one(calling, calling.call.message, loadMessage, message),
  REQUEST: (calling) => one(calling, calling.call.request, loadFramework, request),
  TEARDOWN: tornDown,
  UPDATE_FRAMEWORK: updateFramework,
  ACCEPT_INVERSE_OFFERS: (calling) =>
    one(calling, calling.call.accept_inverse_offers, loadFramework, acceptInverseOffers),
  DECLINE_INVERSE_OFFERS: (calling) =>
    one(calling, calling.call.decline_inverse_offers, loadFramework, declineInverseOffers),
  ACKNOWLEDGE_OPERATION_STATUS: (calling) =>
    one(calling, calling.call.acknowledge_operation_status, loadFramework, acknowledgeOperationStatus),
  RECONCILE_OPERATIONS: (calling) =>
    each(
      calling,
      parts(calling.call.reconcile_operations, reconcileOperationsParts),
      loadFramework,
      reconcileOperations,
    ),
  UNKNOWN: (calling) => one(calling, {}, loadFramework, () => nothing<CallAnswer>(NOT_A_CALL)),
}

/** Answers any call but SUBSCRIBE; its effects are committed before the answer (C154). */
export async function answerCall(env: Environment, call: SchedulerCall, caller: Caller): Promise<Admitted> {
  const { type } = call
  assert(type !== undefined && type !== 'SUBSCRIBE', 'call-level validation asks for a type')
  return await CALLS[type]({ env, call, frameworkId: call.framework_id?.value ?? '', caller })
}

type Load<Body, Loaded> = (env: Environment, frameworkId: string, body: Body) => Promise<Loaded | undefined>
type Decide<Body, Loaded> = (loaded: Loaded, body: Body, context: Context) => Decision<CallAnswer>

/** Load, admit, decide, commit, tell: one transaction. */
async function one<Body, Loaded extends { readonly framework: Framework }>(
  { env, frameworkId, caller, call }: Calling,
  body: Body | undefined,
  load: Load<Body, Loaded>,
  decide: Decide<Body, Loaded>,
): Promise<Admitted> {
  assert(body !== undefined, 'call-level validation asks for the body of a call')
  const context = await contextOf(env)
  return await transact(env, {
    name: call.type ?? '',
    lane: laneOf(call),
    load: async () => (idError(frameworkId) === undefined ? await load(env, frameworkId, body) : undefined),
    decide: judged(caller, (loaded: Loaded) => decide(loaded, body, context)),
  })
}

/** Calls that use offers write the ledger of their agent; others meet nobody often enough to wait for. */
function laneOf({ accept: accepted, decline: declined }: SchedulerCall): string | undefined {
  const [agentId] = agentsOf(accepted ?? declined ?? {})
  return agentId === undefined ? undefined : ledgerLane(agentId)
}

/** Part after part, each a transaction of its own; the first that is not taken ends the call. */
async function each<Body, Loaded extends { readonly framework: Framework }>(
  calling: Calling,
  bodies: readonly Body[],
  load: Load<Body, Loaded>,
  decide: Decide<Body, Loaded>,
): Promise<Admitted> {
  let answered: Admitted = { answer: ACCEPTED }
  for (const body of bodies) {
    answered = await one(calling, body, load, decide)
    if (answered.answer.status !== ACCEPTED.status) break
  }
  return answered
}

function parts<Body>(body: Body | undefined, cut: (body: Body) => readonly Body[]): readonly Body[] {
  assert(body !== undefined, 'call-level validation asks for the body of a call')
  return cut(body)
}

async function acceptAny(calling: Calling): Promise<Admitted> {
  const { env, frameworkId, caller, call } = calling
  const body: SchedulerCallAccept | undefined = call.accept
  return body !== undefined && isLarge(body) && idError(frameworkId) === undefined
    ? await acceptInPieces(env, frameworkId, body, caller)
    : await one(calling, body, loadAccept, accept)
}

/** Ledgers in one transaction: with more, one that others write holds up all. */
const DECLINED_AT_ONCE = 20

async function declineAll(calling: Calling): Promise<Admitted> {
  const body: SchedulerCallDecline | undefined = calling.call.decline
  assert(body !== undefined, 'call-level validation asks for the body of a call')
  const agentIds = agentsOf(body)
  const some = [agentIds.slice(0, DECLINED_AT_ONCE)]
  for (let from = DECLINED_AT_ONCE; from < agentIds.length; from += DECLINED_AT_ONCE) {
    some.push(agentIds.slice(from, from + DECLINED_AT_ONCE))
  }
  return await each(calling, some, loadDecline, (loaded, _, context) => decline(loaded, body, context))
}

/** 202 follows the last gate, so that no call of the session can commit behind it; tasks end after it. */
async function tornDown(calling: Calling): Promise<Admitted> {
  const answered = await one(calling, {}, loadFramework, (loaded, _, context) => teardown(loaded, context))
  if (answered.epoch !== undefined) await afterRemoval(calling.env, calling.frameworkId)
  return answered
}
