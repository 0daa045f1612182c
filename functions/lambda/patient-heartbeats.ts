// Beats, written at once and answered a little later, so that the group fills meanwhile (R13).
//
// While a handler holds messages of a group SQS gives that group to nobody else. A handler that returns at once would
// be called for every few beats, and each call is a write; one that waits writes for all that came meanwhile.
import type { Beats } from '../../master/model.ts'
import type { Profile } from '../../master/settings.ts'
import { sleep } from '../../protocol/clock.ts'
import type { Environment } from '../environment.ts'
import { heartbeats } from '../heartbeats/handler.ts'
import type { QueueMessage } from '../ports/queues.ts'

/** SQS: messages of one batch of a FIFO queue. */
const FULL_BATCH = 10

/** Writes the batch, then waits unless more is waiting already, hardly anything comes, something failed, or an agent is suspect. */
export async function patientHeartbeats(
  env: Environment,
  batch: readonly QueueMessage[],
): Promise<readonly string[]> {
  const begunAt = env.clock.now()
  const shards: Beats[] = []
  const failed = await heartbeats(env, batch, { onWritten: (beats) => shards.push(beats) })
  const { profile } = env.settings
  const isHurried = shards.some((beats) => hasSuspect(beats, profile.timeoutMs))
  const isWorthIt = shards.some((beats) => isBusy(beats, profile))
  const isPatient = batch.length < FULL_BATCH && failed.length === 0 && !isHurried && isWorthIt
  const leftMs = waitMs(profile) - (env.clock.now() - begunAt)
  // A table that is slow has let the group fill already; the function is not to run into its timeout for it.
  if (isPatient && leftMs > 0) await sleep(env.clock, Math.min(leftMs, waitMs(profile)))
  return failed
}

/**
 * For how long a group is held, its write included, by how often agents beat, ms: a canary is to be written before the
 * next tick asks for it, and all of it is half the function's time at most. Beats of half a second must not wait at all.
 */
export function waitMs({ beatMs }: Pick<Profile, 'beatMs'>): number {
  if (beatMs >= 15_000) return 2_500
  return beatMs >= 3_000 ? 700 : 0
}

/** A second of waiting costs as much as this part of a batch: where less than that comes in it, each message goes alone. */
const WORTH_A_SECOND = 0.6

/** Whether enough comes meanwhile: beats of the shard's agents, and a canary each tick. */
export function isBusy({ agents }: Pick<Beats, 'agents'>, { beatMs, tickMs }: Profile): boolean {
  return (Object.keys(agents).length / beatMs + 1 / tickMs) * 1_000 >= WORTH_A_SECOND
}

/**
 * Whether an agent of the shard has been silent for half the timeout, by its beats. One that is silent for twice the
 * timeout was given up before, or is held back by the guard: it hurries nobody any more.
 */
export function hasSuspect({ agents, canary, hearingSince }: Beats, timeoutMs: number): boolean {
  return Object.values(agents).some(({ stamp }) => {
    const silence = canary.stamp - Math.max(stamp, hearingSince)
    return silence > timeoutMs / 2 && silence <= 2 * timeoutMs
  })
}
