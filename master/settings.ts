// The settings of a cluster and the timer profiles they start from (R6).

import type { Acls } from './authorization/acls.ts'
import type { RateLimits } from './authorization/rate-limits.ts'
import { REGISTRY_MAX_AGENT_AGE_MS, REGISTRY_MAX_AGENT_COUNT } from './limits.ts'

export type ProfileName = 'fast' | 'default' | 'mesos'

export interface Profile {
  /** Agents beat this often, ms. */
  readonly beatMs: number
  /** Silence after which an agent is unreachable, ms. */
  readonly timeoutMs: number
  /** The detector looks this often, ms. */
  readonly tickMs: number
  /** A longer gap between canaries breaks the chain of hearing, ms. */
  readonly hearingGapMs: number
}

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  fast: { beatMs: 500, timeoutMs: 1_500, tickMs: 500, hearingGapMs: 750 },
  default: { beatMs: 3_000, timeoutMs: 9_000, tickMs: 1_000, hearingGapMs: 3_500 },
  mesos: { beatMs: 15_000, timeoutMs: 75_000, tickMs: 10_000, hearingGapMs: 30_000 },
}

export interface Settings {
  readonly profile: Profile
  readonly profileName: ProfileName
  /** Before a framework's failover_timeout starts after we ended its stream ourselves, ms (R10). */
  readonly streamGraceMs: number
  readonly offerTimeoutMs: number
  /** Copies of each framework's gate, and shards of its tasks and mail. */
  readonly gatesPerFramework: number
  readonly shardsPerFramework: number
  readonly beatShards: number
  readonly agentIndexShards: number
  /** Share of reachable agents one pass may expire (S15), and per minute after the guard has held. */
  readonly maxExpiredShare: number
  readonly removalsPerMinute: number
  /** Mesos: agent_removal_rate_limit, none by default. Agents that EC2 proves dead do not wait for it. */
  readonly agentRemovalRateLimit?: RemovalRateLimit | undefined
  /** Mesos: rate_limits, none by default. Calls above them are answered with 429. */
  readonly rateLimits?: RateLimits | undefined
  /** Who an agent is: the signer of its call, or on emulators the call itself (R16). */
  readonly agentIdentity: 'signed' | 'claimed'
  /** How long a tick waits for its own canary when that decides whether somebody is silent, ms; not when absent. */
  readonly canaryWaitMs?: number | undefined
  /** How often readers look into mailboxes; `READER_PAUSES` when absent. */
  readonly readerPauses?: ReaderPauses | undefined
  /**
   * A framework whose webhook or queue takes nothing for so long is disconnected, ms, as if its stream had ended;
   * `DELIVERY_GRACE_MS` when absent.
   */
  readonly deliveryGraceMs?: number | undefined
  /** Webhooks on this very machine are allowed, also over plain http: for one machine and for tests, never on AWS. */
  readonly deliverToLoopback?: boolean | undefined
  /** What the cloud's notices of a machine's end are answered with. */
  readonly notices: NoticeSettings
  /** Lost agents are remembered so long, ms, and so many of each list: unreachable, unregistered, gone (F18). */
  readonly registryMaxAgentAgeMs: number
  readonly registryMaxAgentCount: number
  /** Where frameworks and agents reach the control plane. */
  readonly publicAddress: { readonly hostname: string; readonly ip: string; readonly port: number }
  readonly clusterName: string
  /** Who may do what, as Mesos's `--acls` says it; absent: everybody everything. */
  readonly acls?: Acls | undefined
  /** Region of the control plane; agents of another one are offered to REGION_AWARE frameworks only (C73). */
  readonly region?: string | undefined
}

/** Between two looks of a reader that no bell woke, ms. */
export interface ReaderPauses {
  /** While there is traffic: after something was said, growing up to the longest. */
  readonly firstMs: number
  readonly longestMs: number
  /** After so long without anything to say, looks become rare. */
  readonly busyForMs: number
  readonly idleMs: number
}

export const READER_PAUSES: ReaderPauses = {
  firstMs: 100,
  longestMs: 1_000,
  busyForMs: 60_000,
  idleMs: 3_000,
}

/** At most so many removals per interval, evenly apart. */
export interface RemovalRateLimit {
  readonly removals: number
  readonly intervalMs: number
}

export interface NoticeSettings {
  /** Of the two minutes that a Spot notice gives, what its tasks have to end, ms. */
  readonly spotGraceMs: number
  /** A rebalance recommendation comes long before the notice, and often without one. */
  readonly drainsOnRebalance: boolean
  /** Longest grace of a task when a rebalance recommendation or Auto Scaling drains its agent, ms. */
  readonly drainGraceMs: number
  /** A termination hook waits for the drain at most so long, ms; shorter than the hook's own time. */
  readonly hookMs: number
}

export const NOTICES: NoticeSettings = {
  spotGraceMs: 90_000,
  drainsOnRebalance: false,
  drainGraceMs: 10 * 60_000,
  hookMs: 15 * 60_000,
}

/** Settings for one machine; everything but the profile can be overridden. */
export function localSettings(profileName: ProfileName, overrides: Partial<Settings> = {}): Settings {
  return {
    profile: PROFILES[profileName],
    profileName,
    streamGraceMs: 10_000,
    offerTimeoutMs: 5 * 60_000,
    gatesPerFramework: 1,
    shardsPerFramework: 1,
    beatShards: 1,
    agentIndexShards: 1,
    maxExpiredShare: 0.2,
    removalsPerMinute: 60,
    agentIdentity: 'claimed',
    notices: NOTICES,
    registryMaxAgentAgeMs: REGISTRY_MAX_AGENT_AGE_MS,
    registryMaxAgentCount: REGISTRY_MAX_AGENT_COUNT,
    publicAddress: { hostname: '127.0.0.1', ip: '127.0.0.1', port: 5050 },
    clusterName: 'local',
    ...overrides,
  }
}
