// A framework's mailbox as its reader finds it: what stands in it, what was lost, and the bell that says to look again.
//
// Streams (reader.ts), polls (operator/events/) and deliveries (notifier/) read it by this, and decide by the one plan
// of reader-state.ts.
import { STREAM_HEARTBEAT_MS } from '../../master/limits.ts'
import type { Loss, LossHead, Mail } from '../../master/model.ts'
import { sleep } from '../../protocol/clock.ts'
import { all } from '../../store/store.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { frameworkBell } from '../tell.ts'

/** Single gets up to this many losses; more are listed. */
const LOSSES_AT_ONCE = 100

/** All mail of the framework, a query per shard; nearly always there is none. */
export async function listMail(
  env: Environment,
  { frameworkId, shards }: { readonly frameworkId: string; readonly shards: number },
): Promise<readonly Mail[]> {
  const perShard = await Promise.all(
    Array.from({ length: shards }, (_, shard) => all(env.store, 'mail', { frameworkId, shard })),
  )
  const mails = perShard.flat().map(({ item }) => item)
  await sayWhoWaits(env, frameworkId, mails)
  return mails
}

/** An update that nobody acknowledges for so long is worth a line; and another one after a minute. */
const UNACKNOWLEDGED_MS = 10 * 60_000
const SAID_AGAIN_MS = 60_000

/** When this process said it last, by framework. */
const saidAt = new WeakMap<Environment['store'], Map<string, number>>()

/** For whoever watches the log: the framework is told again and again, and does not acknowledge. */
async function sayWhoWaits(env: Environment, frameworkId: string, mails: readonly Mail[]): Promise<void> {
  const updates = mails.filter(({ body }) => body.kind === 'update')
  if (updates.length === 0) return
  const ageMs = (await clusterTime(env)) - Math.min(...updates.map(({ at }) => at))
  if (ageMs < UNACKNOWLEDGED_MS) return
  const known = saidAt.get(env.store) ?? new Map<string, number>()
  saidAt.set(env.store, known)
  const now = env.clock.now()
  if (now - (known.get(frameworkId) ?? Number.NEGATIVE_INFINITY) < SAID_AGAIN_MS) return
  known.set(frameworkId, now)
  env.log.warn('updates not acknowledged', {
    frameworkId,
    updates: updates.length,
    oldestSecs: Math.round(ageMs / 1_000),
  })
}

/** The losses behind number `told`, in order; nothing is read when there are none. */
export async function listLosses(
  env: Environment,
  head: LossHead | undefined,
  told: number,
): Promise<readonly Loss[]> {
  const last = head?.last ?? told
  if (last <= told) return []
  if (last - told <= LOSSES_AT_ONCE) {
    const refs = Array.from({ length: last - told }, (_, index) => ({ number: told + 1 + index }))
    return (await env.store.getMany('loss', refs)).filter((loss) => loss !== undefined)
  }
  const found = await all(env.store, 'losses', {})
  return found.map(({ item }) => item).filter(({ number }) => number > told && number <= last)
}

export interface Bell {
  /** Until the next ring since the bell was hung, `ms`, or the end of the reading. */
  wait(ms: number): Promise<void>
  hasRung(): boolean
  takeDown(): void
}

/** With a reason of ours: an error with its stack would be made for each look. */
const TAKEN_DOWN = 'taken down'

/** Hung up before a look, so that a ring during it is not missed; it comes down by itself when `closed` aborts. */
export function hangBell(env: Environment, frameworkId: string, closed?: AbortSignal): Bell {
  const stop = new AbortController()
  let isDown = false
  let hasRung = false
  const rung = env.bells.wait(frameworkBell(frameworkId), STREAM_HEARTBEAT_MS, stop.signal).then(() => {
    hasRung = !isDown
  })
  const takeDown = () => {
    isDown = true
    stop.abort(TAKEN_DOWN)
    closed?.removeEventListener('abort', takeDown)
  }
  closed?.addEventListener('abort', takeDown)
  if (closed?.aborted) takeDown()
  return {
    async wait(ms) {
      await Promise.race([rung, sleep(env.clock, ms, stop.signal)])
      takeDown()
    },
    hasRung: () => hasRung,
    takeDown,
  }
}
