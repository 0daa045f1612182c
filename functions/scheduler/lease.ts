// The lease of the one reader that delivers to a framework: taken at SUBSCRIBE, renewed while the stream is open.
//
// Whoever declares the reader dead conditions on the lease's number, so a renewal in between voids the verdict
// (lease-renewed-before-disconnect).
import { type Decision, nothing } from '../../master/decision.ts'
import { workDone } from '../../master/frameworks/lifecycle.ts'
import type { Framework, Lease } from '../../master/model.ts'
import type { Settings } from '../../master/settings.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'

/** Shorter than a minute, and never so short that a slow table ends a living stream. */
export function leaseMs(settings: Settings): number {
  return Math.max(10_000, 4 * settings.profile.tickMs)
}

/**
 * A reader that could not renew for so long ends its stream. If the table is away for everybody, nobody's session is over
 * by then and its client has nothing to gain elsewhere; a reader that alone is cut off must not beat for a session that
 * others have declared over. No stream of a function lasts much longer anyway.
 */
export const UNRENEWED_MS = 10 * 60_000

/** Once per tick is enough; a quarter of the lease costs less where ticks are dense. */
export function renewalMs(settings: Settings): number {
  return Math.max(settings.profile.tickMs, leaseMs(settings) / 4)
}

/** Who holds the lease of a session whose events are polled: any copy of the poll may, for none remembers anything. */
export function pollHolder(streamId: string): string {
  return `poll/${streamId}`
}

/**
 * Takes the lease for a session whose gates are raised, and notes in the same write that they are. The losses its
 * framework was told of are remembered from session to session; a new framework begins with the next one.
 * Undefined: a newer session was faster.
 */
export async function takeLease(
  env: Environment,
  session: Pick<Framework, 'frameworkId' | 'epoch'>,
  holder: string,
): Promise<Lease | undefined> {
  const { frameworkId, epoch } = session
  const now = await clusterTime(env)
  return await transact(env, {
    name: 'take lease',
    load: () =>
      env.store.load([
        { kind: 'framework', ref: { frameworkId } },
        { kind: 'lease', ref: { frameworkId } },
        { kind: 'lossHead', ref: {} },
      ]),
    decide: ([framework, lease, lossHead]): Decision<Lease | undefined> => {
      if (framework?.epoch !== epoch) return nothing(undefined)
      const item: Lease = {
        ...lease,
        version: lease?.version ?? 0,
        frameworkId,
        epoch,
        holder,
        number: (lease?.number ?? 0) + 1,
        renewedAt: now,
        expiresAt: now + leaseMs(env.settings),
        lossesTold: lease?.lossesTold ?? lossHead?.last ?? 0,
      }
      return {
        changes: [{ do: 'put', kind: 'lease', item, when: { name: 'unchanged' } }, workDone(framework)],
        tell: [],
        answer: { ...item, version: item.version + 1 },
      }
    },
  })
}

/** Who holds the lease of an open stream. */
export interface LeaseKeeper {
  readonly holder: string
  isHeld(): boolean
  /** It could not be renewed for `UNRENEWED_MS`: whether it is still held, nobody knows. */
  isInDoubt(): boolean
  /** Renews at once, because the place in LOSSES moved on; false when the lease is another's. */
  renew(): Promise<boolean>
  stop(): void
}

/**
 * Keeps renewing until stopped or lost, apart from what the reader does: a client that reads slowly, or a mailbox that
 * is long, must not end the session. While the table is away it tries again each tick.
 */
export function keepLease(
  env: Environment,
  taken: Lease,
  options: { readonly lossesTold: () => number; readonly onLost: () => void },
): LeaseKeeper {
  let lease: Lease | undefined = taken
  let isStopped = false
  let renewedAt = env.clock.now()
  let renewing: Promise<boolean> = Promise.resolve(true)
  let cancel = env.clock.after(renewalMs(env.settings), inTime)

  return {
    holder: taken.holder,
    isHeld: () => lease !== undefined,
    isInDoubt: () => env.clock.now() - renewedAt > UNRENEWED_MS,
    renew: once,
    stop() {
      isStopped = true
      cancel()
    },
  }

  function inTime(): void {
    once().then(
      () => again(renewalMs(env.settings)),
      (error: unknown) => {
        env.log.warn('lease not renewed', { frameworkId: taken.frameworkId, error: String(error) })
        again(env.settings.profile.tickMs)
      },
    )
  }

  function again(ms: number): void {
    if (!isStopped && lease !== undefined) cancel = env.clock.after(ms, inTime)
  }

  /** One renewal after the other: each writes the whole item. */
  function once(): Promise<boolean> {
    renewing = renewing.then(renewal, renewal)
    return renewing
  }

  async function renewal(): Promise<boolean> {
    if (lease === undefined || isStopped) return lease !== undefined
    const begun = env.clock.now()
    lease = await renewed(env, lease, options.lossesTold())
    renewedAt = begun
    if (lease === undefined) options.onLost()
    return lease !== undefined
  }
}

/** Undefined when the lease is not this holder's any more. */
async function renewed(env: Environment, lease: Lease, lossesTold: number): Promise<Lease | undefined> {
  const { holder, epoch } = lease
  const now = await clusterTime(env)
  const item: Lease = {
    ...lease,
    number: lease.number + 1,
    renewedAt: now,
    expiresAt: now + leaseMs(env.settings),
    lossesTold,
  }
  const when = { name: 'held', holder, epoch } as const
  const result = await env.store.commit([{ do: 'put', kind: 'lease', item, when }], env.ids.uuid())
  return result.kind === 'committed' ? { ...item, version: item.version + 1 } : undefined
}
