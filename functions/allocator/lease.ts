// One allocation at a time: the lease of the turn, its fence, and the count of those who want another turn.
//
// Nothing is unsafe when two run at once, because every grant is conditional on its ledger; they would only get in
// each other's way. A turn that finds the lease taken raises `wanted` and leaves; the holder gives the lease back only
// if `wanted` is what it was when it began, and looks again otherwise.
import type { Grantee } from '../../master/allocator/allocate.ts'
import type { Change } from '../../master/decision.ts'
import { ALLOCATION_LEASE_MS, MAX_RECENT_ROLES } from '../../master/limits.ts'
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

const NEVER_TAKEN: Allocation = { version: 0, fence: 0, expiresAt: 0, wanted: 0 }

/** True if nobody else is in the middle of a turn. */
export function isFree(read: Allocation | undefined, { holder, now }: Turn): boolean {
  return read?.holder === undefined || read.holder === holder || read.expiresAt <= now
}

/**
 * A whole turn in one write: the change of the lease that goes into the one transaction of a turn over one agent. It
 * holds only if no other turn came between the reading and the commit.
 */
export function turnAtOnce(
  env: Environment,
  read: Allocation | undefined,
  served: readonly Grantee[],
): Change {
  const before = read ?? NEVER_TAKEN
  const item: Allocation = {
    ...before,
    fence: nextNumber(before.fence, env.cluster.timeline),
    holder: undefined,
    expiresAt: 0,
    recent: remembered(before, served),
  }
  return { do: 'put', kind: 'allocation', item, when: { name: 'unchanged' } }
}

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
    recent: remembered(of, options.served),
  })
  if ((await write(env, given(lease))) !== undefined) return true
  const newest = await env.store.get('allocation', {})
  if (newest === undefined || newest.fence !== lease.fence) return true
  if (newest.wanted !== lease.wanted && options.evenIfWanted !== true) return false
  await onNewest(env, newest, given)
  return true
}

function remembered({ recent = [] }: Allocation, served: readonly Grantee[]): readonly Grantee[] {
  const last = new Map<string, Grantee>()
  for (const { frameworkId, role } of [...recent, ...served]) {
    last.delete(role)
    last.set(role, { frameworkId, role })
  }
  return [...last.values()].slice(-MAX_RECENT_ROLES)
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
