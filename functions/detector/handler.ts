// One tick: cluster time goes on, canaries are sent, and whatever is due is done. Safe to run twice, late or at once.
import type { Tick } from '../../master/model.ts'
import { finishDrains } from '../agents/drain.ts'
import { forgetLost } from '../agents/forget.ts'
import { finishHooks } from '../agents/hooks.ts'
import type { Environment } from '../environment.ts'
import { goOn } from '../restore/restore.ts'
import { type FrameworksSeen, lookAfterFrameworks } from './frameworks.ts'
import { expireOffers, finishOpenWorkOfAgents, stopUnansweredLaunches } from './leftovers.ts'
import { look, type Sight } from './sight.ts'
import { expireSilent } from './silent-agents.ts'
import { sendCanaries, takeTick } from './tick.ts'

export interface DetectOptions {
  /** When the tick was sent; where a queue brings ticks, its stamp. The own clock when absent. */
  readonly at?: number | undefined
  /** Told at the end of a tick what it saw anyhow. */
  readonly onSeen?: ((seen: Seen) => void) | undefined
}

/** What a tick saw; what is missing belongs to a pass that failed. */
export interface Seen {
  /** The tick before this one. */
  readonly before: Tick | undefined
  readonly tick: Tick
  readonly sight: Sight | undefined
  readonly frameworks: FrameworksSeen | undefined
}

/**
 * Does one tick. What fails in one pass is logged and left to the next tick; the other passes go on. Throws only when
 * the tick itself cannot be written: then nothing is judged at all.
 */
export async function detect(env: Environment, options: DetectOptions = {}): Promise<void> {
  const before = await env.store.get('tick', {})
  // While a restored table is made right no time passes: whoever began it may have died.
  if (before?.closed === true) return void (await goOn(env))
  const tick = await takeTick(env, options.at ?? env.clock.now())
  if (tick === undefined) return
  // First of all: a canary that is late makes everybody look silent for less long, never for longer.
  await sendCanaries(env, tick)
  const elapsedMs = before === undefined ? 0 : tick.at - before.at
  const sight = await pass(env, 'agents', () => agents(env, tick, elapsedMs))
  const frameworks = await pass(env, 'frameworks', () => lookAfterFrameworks(env, tick))
  options.onSeen?.({ before, tick, sight, frameworks })
}

async function agents(env: Environment, tick: Tick, elapsedMs: number): Promise<Sight> {
  const sight = await look(env, tick)
  await pass(env, 'silent agents', () => expireSilent(env, tick, sight, elapsedMs))
  await pass(env, 'expired offers', () => expireOffers(env, tick, sight))
  await pass(env, 'open work', () => finishOpenWorkOfAgents(env, tick, sight))
  await pass(env, 'drains', () => finishDrains(env, sight.ledgers))
  await pass(env, 'termination hooks', () => finishHooks(env, sight.ledgers))
  await pass(env, 'forgotten agents', async () =>
    forgetLost(env, {
      now: tick.at,
      ledgers: sight.ledgers,
      entries: sight.isCensus ? await sight.entries() : [],
    }),
  )
  await pass(env, 'unanswered launches', () => stopUnansweredLaunches(env, tick, sight))
  return sight
}

/** What the work came to; undefined when it failed. */
async function pass<T>(env: Environment, name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    env.log.error('pass failed', { pass: name, error: error instanceof Error ? error.stack : String(error) })
    return undefined
  }
}
