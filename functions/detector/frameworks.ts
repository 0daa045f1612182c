// Frameworks whose time is over: leases that lapsed, failover timeouts, work that follows them.
//
// All of it runs over unbroken ticks only: an outage of ours ends no session and removes no framework (R10).
import type { Change } from '../../master/decision.ts'
import { FRAMEWORK_TOMBSTONE_MS } from '../../master/limits.ts'
import type { Framework, Lease, Tick } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import { inParallel } from '../agents/in-parallel.ts'
import { present } from '../agents/load.ts'
import type { Environment } from '../environment.ts'
import { nudgeForTick } from '../notifier/handler.ts'
import { disconnectIfLapsed, finishOpenWork, isLapsed, removeIfDue } from '../scheduler/disconnect.ts'

/** After an outage of ours a framework has its failover timeout again to return, but at most this long. */
const MOST_RETURN_MS = 10 * 60_000

/** Frameworks as a tick found them. */
export interface FrameworksSeen {
  readonly frameworks: readonly Framework[]
  /** Of those that are connected. */
  readonly leases: readonly Lease[]
}

export async function lookAfterFrameworks(env: Environment, tick: Tick): Promise<FrameworksSeen> {
  const frameworks = (await all(env.store, 'frameworks', {})).map(({ item }) => item)
  const connected = frameworks.filter(({ state }) => state === 'connected')
  const leases = await env.store.getMany(
    'lease',
    connected.map(({ frameworkId }) => ({ frameworkId })),
  )
  await nudgeForTick(env, connected, tick)
  const lapsed = connected.filter((framework, index) =>
    isLapsed(framework, leases[index], tick, env.settings),
  )
  await inParallel(lapsed, env.log, 'lapsed lease', ({ frameworkId }) =>
    disconnectIfLapsed(env, frameworkId, tick),
  )
  const due = frameworks.filter((framework) => isOver(framework, tick))
  await inParallel(due, env.log, 'removal', ({ frameworkId }) => removeIfDue(env, frameworkId))
  const open = frameworks.filter(({ openWork }) => openWork !== undefined)
  await inParallel(open, env.log, 'open work', ({ frameworkId }) => finishOpenWork(env, frameworkId))
  const old = frameworks.filter((framework) => isForgotten(framework, tick)).slice(0, FORGOTTEN_AT_ONCE)
  await inParallel(old, env.log, 'forgetting', (framework) => forget(env, framework))
  return { frameworks, leases: present(leases) }
}

/** A first tick after years must not be one of ten thousand removals. */
const FORGOTTEN_AT_ONCE = 64

/** Every tick reads this list, so it must not grow with every framework that ever was. */
function isForgotten({ state, removedAt, openWork }: Framework, { at }: Tick): boolean {
  return state === 'removed' && openWork === undefined && at - (removedAt ?? at) > FRAMEWORK_TOMBSTONE_MS
}

/** Its tasks and mail are gone for long; what is left is its tombstone, and what stands beside it. */
async function forget(env: Environment, { frameworkId, version, gates }: Framework): Promise<void> {
  const when = { name: 'anything' } as const
  const beside = Array.from({ length: gates }, (_, index): Change => {
    return { do: 'remove', kind: 'gate', item: { frameworkId, index }, when }
  })
  await env.store.commit(
    [
      { do: 'remove', kind: 'framework', item: { frameworkId, version }, when: { name: 'unchanged' } },
      { do: 'remove', kind: 'lease', item: { frameworkId }, when },
      { do: 'remove', kind: 'called', item: { frameworkId }, when },
      ...beside,
    ],
    env.ids.uuid(),
  )
}

/** True if a disconnected framework had its time, ticks being unbroken (C52, F48, F49). */
export function isOver(framework: Framework, tick: Pick<Tick, 'at' | 'unbrokenSince'>): boolean {
  const { state, removeAt, disconnectedAt = 0 } = framework
  if (state !== 'disconnected' || removeAt === undefined || removeAt > tick.at) return false
  if (tick.unbrokenSince <= disconnectedAt) return true
  return tick.at - tick.unbrokenSince >= Math.min(removeAt - disconnectedAt, MOST_RETURN_MS)
}
