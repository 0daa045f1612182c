// One allocation at a time: the lease of the turn, its fence, and the count of those who want another turn.
//
// Nothing is unsafe when two run at once, because every grant is conditional on its ledger; they would only get in
// each other's way. A turn that finds the lease taken raises `wanted` and leaves; the holder gives the lease back only
// if `wanted` is what it was when it began, and looks again otherwise.
import type { Grantee } from '../../master/allocator/allocate.ts'
import { ALLOCATION_LEASE_MS, MAX_RECENT_GRANTS } from '../../master/limits.ts'
import type { Allocation } from '../../master/model.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Environment } from '../environment.ts'

export interface Turn {
  readonly holder: string
  readonly now: number
}

export type Taken =
  | { readonly kind: 'taken'; readonly lease: Allocation }
  /** Somebody else holds it and has been told to look again. */
  | { readonly kind: 'left' }
  /** It changed meanwhile: look again. */
  | { readonly kind: 'contended' }

/** Takes the lease as it was read, or asks its holder for another turn. */
export async function take(env: Environment, read: Allocation | undefined, turn: Turn): Promise<Taken> {
  const before: Allocation = read ?? { version: 0, fence: 0, expiresAt: 0, wanted: 0 }
  const isOthers = before.holder !== undefined && before.holder !== turn.holder && before.expiresAt > turn.now
  const lease: Allocation = isOthers
    ? { ...before, wanted: before.wanted + 1 }
    : {
        ...before,
        fence: nextNumber(before.fence, env.cluster.timeline),
        holder: turn.holder,
        expiresAt: turn.now + ALLOCATION_LEASE_MS,
      }
  const written = await write(env, lease)
  if (written === undefined) return { kind: 'contended' }
  return isOthers ? { kind: 'left' } : { kind: 'taken', lease: written }
}

/** Holds on for another while; undefined if the lease has passed to somebody else. */
export async function renew(
  env: Environment,
  lease: Allocation,
  now: number,
): Promise<Allocation | undefined> {
  return onNewest(env, lease, (newest) => ({ ...newest, expiresAt: now + ALLOCATION_LEASE_MS }))
}

/**
 * Gives the lease back and remembers who was served. False: somebody wants another turn, and the lease is kept.
 * A lease that passed to somebody else meanwhile is that one's business.
 */
export async function giveBack(
  env: Environment,
  lease: Allocation,
  options: { readonly served: readonly Grantee[]; readonly evenIfWanted?: boolean },
): Promise<boolean> {
  const given = (of: Allocation): Allocation => ({
    ...of,
    holder: undefined,
    expiresAt: 0,
    recent: [...(of.recent ?? []), ...options.served].slice(-MAX_RECENT_GRANTS),
  })
  if ((await write(env, given(lease))) !== undefined) return true
  const newest = await env.store.get('allocation', {})
  if (newest === undefined || newest.fence !== lease.fence) return true
  if (newest.wanted !== lease.wanted && options.evenIfWanted !== true) return false
  await onNewest(env, newest, given)
  return true
}

/** Writes over what is there now, as long as it is still of this turn. */
async function onNewest(
  env: Environment,
  lease: Allocation,
  change: (newest: Allocation) => Allocation,
): Promise<Allocation | undefined> {
  let newest: Allocation | undefined = lease
  while (newest?.fence === lease.fence) {
    const written = await write(env, change(newest))
    if (written !== undefined) return written
    newest = await env.store.get('allocation', {})
  }
  return undefined
}

async function write(env: Environment, item: Allocation): Promise<Allocation | undefined> {
  const result = await env.store.commit(
    [{ do: 'put', kind: 'allocation', item, when: { name: 'unchanged' } }],
    env.ids.uuid(),
  )
  return result.kind === 'committed' ? { ...item, version: item.version + 1 } : undefined
}
