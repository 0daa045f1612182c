// Cluster time: the stamp of the last tick, filled in with this function's own clock, but never far from it.
//
// Clocks of functions disagree by minutes at worst. A deadline made by one and judged by another is therefore made
// and judged in cluster time: the own clock clamped to [last tick, last tick + 2 ticks]. While no ticks come
// (an outage of ours), cluster time stands still and no deadline passes.
import type { Context } from '../master/context.ts'
import type { Tick } from '../master/model.ts'
import type { Environment } from './environment.ts'

interface Seen {
  tick: Tick | undefined
  readAt: number
  reading: Promise<void> | undefined
}

const seenBy = new WeakMap<Environment['store'], Seen>()

/** Milliseconds since 1970. Before the first tick of a cluster it is this function's own clock. */
export async function clusterTime(env: Environment): Promise<number> {
  const seen = seenBy.get(env.store) ?? {
    tick: undefined,
    readAt: Number.NEGATIVE_INFINITY,
    reading: undefined,
  }
  seenBy.set(env.store, seen)
  const { tickMs } = env.settings.profile
  const age = env.clock.now() - seen.readAt
  if (age >= tickMs || age < 0) {
    seen.reading ??= readTick(env, seen)
    await seen.reading
  }
  return clamped(env.clock.now(), seen.tick, tickMs)
}

/** What a decision may know besides what was loaded. */
export async function contextOf(env: Environment): Promise<Context> {
  return {
    now: await clusterTime(env),
    newId: () => env.ids.random(),
    settings: env.settings,
    cluster: env.cluster,
  }
}

export function clamped(ownClock: number, tick: Pick<Tick, 'at'> | undefined, tickMs: number): number {
  if (tick === undefined) return ownClock
  return Math.min(Math.max(ownClock, tick.at), tick.at + 2 * tickMs)
}

/** One read for all who ask at once. A table that is away leaves the tick last seen in force. */
async function readTick(env: Environment, seen: Seen): Promise<void> {
  try {
    seen.tick = (await env.store.get('tick', {})) ?? seen.tick
    seen.readAt = env.clock.now()
  } catch (error) {
    if (seen.tick === undefined) throw error
  } finally {
    seen.reading = undefined
  }
}
