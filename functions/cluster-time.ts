// Cluster time: the stamp of the last tick, filled in with this function's own clock, but never far from it.
//
// Clocks of functions disagree by minutes at worst. A deadline made by one and judged by another is therefore made
// and judged in cluster time: the own clock clamped to [last tick, last tick + 2 ticks]. While no ticks come
// (an outage of ours), cluster time stands still and no deadline passes. When the table is back, the first to ask
// wait a moment for the first tick: a deadline made in the time of before would be over as soon as that comes.
import type { Context } from '../master/context.ts'
import type { Tick } from '../master/model.ts'
import { sleep } from '../protocol/clock.ts'
import { timelineOf } from '../protocol/numbering.ts'
import type { Environment } from './environment.ts'

/** What is needed to tell the time. */
export type Timed = Pick<Environment, 'store' | 'clock' | 'settings'>

/** A tick is read anew after this at the latest: a process that lives through a restore hears of it by then. */
export const TICK_READ_MS = 2_000
/** Closed doors are looked at more often: somebody waits for them. */
const CLOSED_MS = 250
/** A table that is away is asked for the tick this often. */
const AWAY_MS = 1_000
/** How long, and how often in it, the first tick after an outage is waited for. */
const FIRST_TICK_MS = 2_000
const FIRST_TICK_LOOKS = 20

interface Seen {
  tick: Tick | undefined
  /** This function's clock, at the last reading that came through, and at the last that did not. */
  readAt: number
  failedAt: number
  /** True while the newest tick known may be one of before an outage. */
  isOld: boolean
  reading: Promise<void> | undefined
  waiting: Promise<void> | undefined
}

const seenBy = new WeakMap<Environment['store'], Seen>()

/** Milliseconds since 1970. Before the first tick of a cluster it is this function's own clock. */
export async function clusterTime(env: Timed): Promise<number> {
  const tick = await lastTick(env)
  return clamped(env.clock.now(), tick, env.settings.profile.tickMs)
}

/** The last tick, as this process knows it: at most `TICK_READ_MS` old while the table answers. */
export async function lastTick(env: Timed): Promise<Tick | undefined> {
  const seen = seenOf(env)
  if (isDue(env, seen)) await read(env, seen)
  if (seen.isOld && seen.readAt > seen.failedAt) {
    seen.waiting ??= firstTick(env, seen).finally(() => {
      seen.waiting = undefined
    })
    await seen.waiting
  }
  return seen.tick
}

/** What a decision may know besides what was loaded. */
export async function contextOf(env: Environment): Promise<Context> {
  const now = await clusterTime(env)
  return {
    now,
    newId: () => env.ids.random(),
    settings: env.settings,
    cluster: { id: env.cluster.id, timeline: timelineNow(env) },
  }
}

export function clamped(ownClock: number, tick: Pick<Tick, 'at'> | undefined, tickMs: number): number {
  if (tick === undefined) return ownClock
  return Math.min(Math.max(ownClock, tick.at), tick.at + 2 * tickMs)
}

/** Ticks are numbered in the newest timeline: so a process hears of a restore that came after its start. */
function timelineNow(env: Environment): number {
  return Math.max(env.cluster.timeline, timelineOf(seenOf(env).tick?.number ?? 0))
}

function seenOf(env: Timed): Seen {
  const known = seenBy.get(env.store)
  if (known !== undefined) return known
  const never = Number.NEGATIVE_INFINITY
  const made: Seen = {
    tick: undefined,
    readAt: never,
    failedAt: never,
    isOld: false,
    reading: undefined,
    waiting: undefined,
  }
  seenBy.set(env.store, made)
  return made
}

function isDue({ clock, settings }: Timed, { readAt, failedAt, tick }: Seen): boolean {
  const age = clock.now() - readAt
  const isYoung =
    age >= 0 && age < (tick?.closed ? CLOSED_MS : Math.min(settings.profile.tickMs, TICK_READ_MS))
  const sinceFailed = clock.now() - failedAt
  // With nothing known at all, there is nothing to go on with.
  const isAway = tick !== undefined && sinceFailed >= 0 && sinceFailed < AWAY_MS
  return !isYoung && !isAway
}

/** One read for all who ask at once. A table that is away leaves the tick last seen in force. */
function read(env: Timed, seen: Seen): Promise<void> {
  seen.reading ??= readTick(env, seen).finally(() => {
    seen.reading = undefined
  })
  return seen.reading
}

async function readTick(env: Timed, seen: Seen): Promise<void> {
  try {
    const tick = await env.store.get('tick', {})
    if (tick?.number !== seen.tick?.number) seen.isOld = false
    seen.tick = tick ?? seen.tick
    seen.readAt = env.clock.now()
  } catch (error) {
    if (seen.tick === undefined) throw error
    seen.isOld = true
    seen.failedAt = env.clock.now()
  }
}

/** Waits for the first tick after an outage, once: where no tick comes at all, nobody is held up by it for ever. */
async function firstTick(env: Timed, seen: Seen): Promise<void> {
  const waitMs = Math.min(2 * env.settings.profile.tickMs, FIRST_TICK_MS)
  for (let look = 0; look < FIRST_TICK_LOOKS && seen.isOld && seen.tick?.closed !== true; look++) {
    await sleep(env.clock, waitMs / FIRST_TICK_LOOKS)
    await read(env, seen)
    if (seen.failedAt >= seen.readAt) return
  }
  seen.isOld = false
}
