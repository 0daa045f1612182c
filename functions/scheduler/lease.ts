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

/** Once per tick is enough; a quarter of the lease costs less where ticks are dense. */
export function renewalMs(settings: Settings): number {
  return Math.max(settings.profile.tickMs, leaseMs(settings) / 4)
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

/** Renews; undefined when the lease is not this holder's any more. */
export async function renewLease(
  env: Environment,
  lease: Lease,
  lossesTold: number,
  now: number,
): Promise<Lease | undefined> {
  const { holder, epoch } = lease
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
