// The end of a session, however it is noticed: a closed socket, a piece of ours that ended, a lease that ran out.

import type { Context } from '../../master/context.ts'
import { nothing } from '../../master/decision.ts'
import {
  type DisconnectReason,
  disconnect as decide,
  isDue,
  remove,
} from '../../master/frameworks/lifecycle.ts'
import type { Framework, Lease, Tick } from '../../master/model.ts'
import type { Settings } from '../../master/settings.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { finishGates } from './gates.ts'
import { leaseMs, renewalMs } from './lease.ts'
import { finishRemoval } from './removal.ts'

/** Pieces of a removal that are done at once; the detector does the rest. */
const PIECES_AT_ONCE = 16

/** A living reader has this long after an outage of ours, also where ticks are dense. */
const MIN_CHANCE_MS = 2_000

/**
 * Ends the session of this epoch, if it is still the framework's; a framework without failover timeout is removed at
 * once when its client went away (C51).
 */
export async function disconnect(
  env: Environment,
  session: { readonly frameworkId: string; readonly epoch: number; readonly why: DisconnectReason },
): Promise<'disconnected' | 'not connected'> {
  const { frameworkId, epoch, why } = session
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'disconnect',
    load: () =>
      env.store.load([
        { kind: 'framework', ref: { frameworkId } },
        { kind: 'lease', ref: { frameworkId } },
      ]),
    decide: ([framework, lease]) => {
      if (framework === undefined) return nothing('not connected' as const)
      if (why === 'lease-lapsed' && lease !== undefined && context.now < lease.expiresAt) {
        return nothing('not connected' as const)
      }
      return decide({ framework, lease, epoch }, why, context)
    },
  })
  if (answer === 'disconnected') {
    await finishGates(env, frameworkId)
    await removeIfDue(env, frameworkId)
  }
  return answer
}

/**
 * True when nobody reads for a connected framework: its lease, or the one it should have taken at SUBSCRIBE, is over
 * for two ticks of an unbroken chain, so that an outage of ours ends no session (R10).
 */
export function isLapsed(
  framework: Framework,
  lease: Lease | undefined,
  tick: Pick<Tick, 'at' | 'unbrokenSince'>,
  settings: Settings,
): boolean {
  if (framework.state !== 'connected') return false
  const subscribedAt = framework.reregisteredAt ?? framework.registeredAt
  const until = lease?.epoch === framework.epoch ? lease.expiresAt : subscribedAt + leaseMs(settings)
  const chanceMs = Math.max(2 * settings.profile.tickMs, MIN_CHANCE_MS)
  // A reader that renewed just before the first tick after an outage did so in the time of the last tick before it;
  // its next renewal says what the time is (store-away-five-minutes).
  return tick.at >= Math.max(until, tick.unbrokenSince + renewalMs(settings)) + chanceMs
}

/** For the detector: ends the session if nobody reads for it. */
export async function disconnectIfLapsed(
  env: Environment,
  frameworkId: string,
  tick: Pick<Tick, 'at' | 'unbrokenSince'>,
): Promise<boolean> {
  const [framework, lease] = await env.store.load([
    { kind: 'framework', ref: { frameworkId } },
    { kind: 'lease', ref: { frameworkId } },
  ])
  if (framework === undefined || !isLapsed(framework, lease, tick, env.settings)) return false
  const { epoch } = framework
  return (await disconnect(env, { frameworkId, epoch, why: 'lease-lapsed' })) === 'disconnected'
}

/** For the detector: removes a framework whose time to return is over (C52). A subscription in between wins (C53). */
export async function removeIfDue(env: Environment, frameworkId: string): Promise<boolean> {
  const context = await contextOf(env)
  const removed = await transact(env, {
    name: 'remove framework',
    load: () =>
      env.store.load([
        { kind: 'framework', ref: { frameworkId } },
        { kind: 'tick', ref: {} },
      ]),
    decide: ([framework, tick]) =>
      framework === undefined || !isDue(framework, context.now) || !hadItsChance(framework, tick, context)
        ? nothing('not due' as const)
        : remove(framework, context),
  })
  if (removed === 'removed') await afterRemoval(env, frameworkId)
  return removed === 'removed'
}

/**
 * While nobody could have heard it, a framework could not return: after an outage of ours it has the grace of a stream,
 * or its whole time if that is shorter, once more.
 */
function hadItsChance(
  { disconnectedAt = 0, removeAt = 0 }: Framework,
  tick: Pick<Tick, 'unbrokenSince'> | undefined,
  { now, settings }: Context,
): boolean {
  const heardSince = Math.max(disconnectedAt, tick?.unbrokenSince ?? 0)
  return now - heardSince >= Math.min(removeAt - disconnectedAt, settings.streamGraceMs)
}

/** What follows the removal of a framework: its gates at once, a good part of its tasks, the rest with the ticks. */
export async function afterRemoval(env: Environment, frameworkId: string): Promise<void> {
  await finishRemoval(env, frameworkId, PIECES_AT_ONCE)
}

/** For the detector: goes on with whatever another worker left open. True if nothing is open any more. */
export async function finishOpenWork(
  env: Environment,
  frameworkId: string,
  maxPieces = PIECES_AT_ONCE,
): Promise<boolean> {
  const framework = await env.store.get('framework', { frameworkId })
  if (framework?.openWork === undefined) return true
  if (framework.openWork === 'removal') return (await finishRemoval(env, frameworkId, maxPieces)) === 'done'
  await finishGates(env, frameworkId)
  return true
}
