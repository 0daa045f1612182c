// An ACCEPT larger than one transaction: the hold is the commit, pieces follow, 202 follows the last of them.
//
// Any other worker may do the same at the same time, or go on where this one died: a repeat of the call joins the
// hold, and the detector ends what expired.
import {
  endHold,
  type Held,
  hold,
  type Pieced,
  piece,
  taskIdsOfPiece,
} from '../../master/calls/accept-hold.ts'
import type { Caller } from '../../master/calls/admit.ts'
import { ACCEPTED, type CallAnswer } from '../../master/calls/answer.ts'
import { nothing } from '../../master/decision.ts'
import type { Hold } from '../../master/model.ts'
import type { SchedulerCallAccept } from '../../protocol/messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { type Admitted, judged } from './admitted.ts'
import { loadAccept, loadHoldEnd, loadPiece } from './load-accept.ts'

export async function acceptInPieces(
  env: Environment,
  frameworkId: string,
  call: SchedulerCallAccept,
  caller: Caller,
): Promise<Admitted> {
  for (let from = 0; ; ) {
    const { answer, epoch } = await taken(env, frameworkId, call, caller, from)
    if (!('kind' in answer)) return { answer, epoch }
    if (answer.kind === 'answered') return { answer: answer.answer, epoch }
    if (answer.kind === 'held') return { answer: await pieces(env, frameworkId, call, answer), epoch }
    from = answer.from
  }
}

async function taken(
  env: Environment,
  frameworkId: string,
  call: SchedulerCallAccept,
  caller: Caller,
  from: number,
): Promise<Admitted<Held | CallAnswer>> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'hold offers',
    load: () => loadAccept(env, frameworkId, call, taskIdsOfPiece(call, 0)),
    decide: judged<Parameters<typeof hold>[0], Held>(caller, (loaded) => hold(loaded, call, context, from)),
  })
}

async function pieces(
  env: Environment,
  frameworkId: string,
  call: SchedulerCallAccept,
  held: Extract<Held, { kind: 'held' }>,
): Promise<CallAnswer> {
  for (let index = 0; index < held.pieces; index++) {
    const done = await onePiece(env, frameworkId, call, held, index)
    if (done.kind === 'answered') return done.answer
    if (done.kind === 'over') {
      await finishHold(env, held)
      return ACCEPTED
    }
  }
  return ACCEPTED
}

async function onePiece(
  env: Environment,
  frameworkId: string,
  call: SchedulerCallAccept,
  held: Extract<Held, { kind: 'held' }>,
  index: number,
): Promise<Pieced> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'piece of an accept',
    load: () => loadPiece(env, { framework: { frameworkId }, ...held }, call, index),
    decide: (loaded) =>
      loaded === undefined ? nothing<Pieced>({ kind: 'over' }) : piece(loaded, call, index, context),
  })
}

/** Ends a hold that is over, as far as it is: also for the detector, which finds the holds of workers that died. */
export async function finishHold(
  env: Environment,
  { agentId, acceptId }: Pick<Hold, 'agentId' | 'acceptId'>,
): Promise<void> {
  for (let from: number | undefined = 0; from !== undefined; ) {
    const context = await contextOf(env)
    const start: number = from
    const ended = await transact(env, {
      name: 'end of a hold',
      load: () => loadHoldEnd(env, { agentId, acceptId }, start),
      decide: (loaded) =>
        loaded === undefined ? nothing({ kind: 'ended' } as const) : endHold(loaded, context, start),
    })
    from = ended.kind === 'more' ? ended.from : undefined
  }
}
