// What a handler is given of the world: its ports and settings. Made once per process, passed as an argument.
import type { Settings } from '../master/settings.ts'
import type { Clock } from '../protocol/clock.ts'
import type { Store } from '../store/store.ts'
import type { Ec2, LifecycleActions } from './ports/ec2.ts'
import type { Outlets } from './ports/outlets.ts'
import type { Queues } from './ports/queues.ts'

export interface Environment {
  readonly store: Store
  readonly queues: Queues
  /** This function's own clock; deadlines are made with `clusterTime` instead. */
  readonly clock: Clock
  readonly ids: Ids
  /** In [0, 1), for jitter; `Math.random` when absent. */
  readonly random?: (() => number) | undefined
  readonly settings: Settings
  readonly log: Log
  readonly bells: Bells
  /** Absent where machines are no EC2 instances: nothing is looked up, beats alone decide. */
  readonly ec2?: (Ec2 & LifecycleActions) | undefined
  /** Where deliveries of the notifier go out; the standard ones when absent. */
  readonly outlets?: Outlets | undefined
  /** Who this cluster is; read once per process, it never changes. */
  readonly cluster: { readonly id: string; readonly timeline: number }
}

export interface Ids {
  /** Random, path safe, 22 characters of [A-Za-z0-9]. */
  random(): string
  /** A UUID in text form. */
  uuid(): string
}

/** One JSON line each: what happened, with ids. Never a secret, never a token. */
export interface Log {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void
  error(event: string, fields?: Readonly<Record<string, unknown>>): void
  /** How often this process said each event; absent where nobody counts. */
  counts?(): Readonly<Record<string, number>>
}

/**
 * Wakes whoever waits in this same process (a reader of the framework's mailbox, an operator's stream).
 * Nothing depends on a bell: on Lambda it rings for nobody, and readers look again on their own.
 */
export interface Bells {
  ring(name: string): void
  /** Resolves at the next ring of `name`, after `ms`, or when the signal aborts. */
  wait(name: string, ms: number, signal?: AbortSignal): Promise<void>
}
