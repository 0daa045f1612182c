// The notifier: tells frameworks that read no stream, by webhook or into their own queue; called by nudges and ticks.
//
// Nothing depends on a nudge: the detector nudges for every such framework, every few seconds.
import type { Framework } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'
import { nudgeNotifier } from '../tell.ts'
import { outletsOf } from './outlets.ts'
import { takeTurn } from './turn.ts'

/** After so long no further parcel is sent: the last one may take 7 s, and a function has 20 s. */
const LAST_PARCEL_MS = 10_000
/** After so long no further turn is begun. */
const LAST_TURN_MS = 8_000
/** How often the tick has every mailbox looked at. */
const LOOKED_AT_EACH_MS = 3_000

/**
 * Looks into the mailboxes the nudges name (`{"frameworkId":"…"}`, or `{}` for all) and delivers, each framework apart
 * from the others. No message is ever returned as failed: a nudge that came to nothing is followed by the tick's.
 */
export async function notify(env: Environment, batch: readonly QueueMessage[]): Promise<readonly string[]> {
  const named = new Set<string>()
  for (const message of batch) {
    const frameworkId = readNudge(env, message)
    if (frameworkId === 'all')
      for (const framework of await deliveredFrameworks(env)) named.add(framework.frameworkId)
    else if (frameworkId !== undefined) named.add(frameworkId)
  }
  await Promise.all([...named].map((frameworkId) => tellAll(env, frameworkId)))
  return []
}

/** For the detector's tick: nudges for frameworks without a stream, every few seconds. */
export async function nudgeForTick(
  env: Environment,
  connected: readonly Framework[],
  tick: { readonly number: number },
): Promise<void> {
  const each = Math.max(1, Math.round(LOOKED_AT_EACH_MS / env.settings.profile.tickMs))
  if (tick.number % each !== 0) return
  const delivered = connected.filter(({ delivery }) => delivery !== undefined)
  const sent = await Promise.allSettled(delivered.map(({ frameworkId }) => nudgeNotifier(env, frameworkId)))
  const lost = sent.filter(({ status }) => status === 'rejected').length
  if (lost > 0) env.log.warn('nudge lost', { queue: 'notify', lost })
}

async function tellAll(env: Environment, frameworkId: string): Promise<void> {
  const begunAt = env.clock.now()
  try {
    const turn = () => takeTurn(env, outletsOf(env), frameworkId, begunAt + LAST_PARCEL_MS)
    let end = await turn()
    while (end === 'delivered' && env.clock.now() - begunAt < LAST_TURN_MS) end = await turn()
  } catch (error) {
    // The neighbours' deliveries go on; this one is begun again by the tick.
    env.log.error('delivery broke off', {
      frameworkId,
      error: error instanceof Error ? error.stack : String(error),
    })
  }
}

/** Empty while the table is away: those who are named in the same batch have their turn. */
async function deliveredFrameworks(env: Environment): Promise<readonly Framework[]> {
  try {
    const found = await all(env.store, 'frameworks', {})
    return found
      .map(({ item }) => item)
      .filter(({ state, delivery }) => state === 'connected' && delivery !== undefined)
  } catch (error) {
    env.log.error('frameworks not listed', { error: String(error) })
    return []
  }
}

/** The framework it names, `all`, or undefined for what is no nudge, which is logged and forgotten. */
function readNudge(env: Environment, { id, body }: QueueMessage): string | undefined {
  try {
    // Only the field that is asked for is looked at.
    const { frameworkId } = JSON.parse(body) as { readonly frameworkId?: unknown }
    if (frameworkId === undefined) return 'all'
    if (typeof frameworkId === 'string' && frameworkId !== '') return frameworkId
  } catch {
    // Told below.
  }
  env.log.error('not a nudge', { queue: 'notify', id })
  return undefined
}
