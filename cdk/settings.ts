// The settings of a deployed cluster: what was given, and the shards that so many agents need. Wrong ones end here, with
// the sentence the functions would have in their logs.
import type { ProfileTimes } from './alarms.ts'
import type { MesetaProps } from './props.ts'

export type ProfileName = 'fast' | 'default' | 'mesos'

interface Profile extends ProfileTimes {
  /** Beats of so many agents are written in time, and their item stays below 4 KB. */
  readonly agentsPerBeatShard: number
}

/** The times are those of master/settings.ts. */
const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  fast: { timeoutSeconds: 1.5, tickSeconds: 0.5, agentsPerBeatShard: 10 },
  default: { timeoutSeconds: 9, tickSeconds: 1, agentsPerBeatShard: 60 },
  mesos: { timeoutSeconds: 75, tickSeconds: 10, agentsPerBeatShard: 120 },
}

/** Up to so many agents each tick reads the whole list; above, a part of it, so that every part is read in 15 s. */
const ONE_LIST = 200
const ROUND_SECONDS = 15
const MOST_SHARDS = 1_000

/** Throws a sentence that names the setting. */
export function settingsOf(
  { settings = {}, forAgents }: Pick<MesetaProps, 'settings' | 'forAgents'>,
  prefix: string,
): Readonly<Record<string, unknown>> & { readonly profile: ProfileName } {
  const profile = profileOf(settings.profile)
  const shards = forAgents === undefined ? {} : shardsFor(forAgents, profile)
  return { clusterName: prefix, ...shards, ...checked(settings), profile }
}

export function timesOf(profile: ProfileName): ProfileTimes {
  return PROFILES[profile]
}

/** As `npx meseta cost` reckons with. */
export function shardsFor(
  agents: number,
  profile: ProfileName,
): { readonly beatShards: number; readonly agentIndexShards: number } {
  const { agentsPerBeatShard, tickSeconds } = PROFILES[profile]
  const beatShards = Math.ceil(agents / agentsPerBeatShard)
  if (!Number.isInteger(agents) || agents < 1 || beatShards > MOST_SHARDS) {
    const most = MOST_SHARDS * agentsPerBeatShard
    throw new Error(
      `forAgents is a whole number from 1 to ${most} with the profile ${profile}, not ${agents}`,
    )
  }
  return { beatShards, agentIndexShards: agents <= ONE_LIST ? 1 : Math.round(ROUND_SECONDS / tickSeconds) }
}

function profileOf(given: unknown = 'default'): ProfileName {
  const names = Object.keys(PROFILES)
  // One of the keys.
  if (typeof given === 'string' && names.includes(given)) return given as ProfileName
  throw new Error(`the setting profile is one of ${names.join(', ')}, not ${JSON.stringify(given)}`)
}

type Check = { readonly expected: string; readonly holds: (value: unknown) => boolean }

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const ms: Check = {
  expected: 'milliseconds, 0 or more',
  holds: (value) => typeof value === 'number' && value >= 0,
}
const count = (most: number): Check => ({
  expected: `a whole number from 1 to ${most}`,
  holds: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most,
})
const flag: Check = { expected: 'true or false', holds: (value) => typeof value === 'boolean' }
const words: Check = { expected: 'a text', holds: (value) => typeof value === 'string' && value !== '' }
const object: Check = { expected: 'an object', holds: isObject }

/** As functions/lambda/settings.ts has them, where the fields of objects are looked at as well. */
export const CHECKS: Readonly<Record<string, Check>> = {
  profile: words,
  streamGraceMs: ms,
  offerTimeoutMs: ms,
  gatesPerFramework: count(16),
  shardsPerFramework: count(64),
  beatShards: count(MOST_SHARDS),
  agentIndexShards: count(MOST_SHARDS),
  maxExpiredShare: {
    expected: 'a share from 0 to 1',
    holds: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  },
  removalsPerMinute: count(100_000),
  agentRemovalRateLimit: object,
  rateLimits: object,
  acls: object,
  agentIdentity: {
    expected: '"signed" or "claimed"',
    holds: (value) => value === 'signed' || value === 'claimed',
  },
  canaryWaitMs: ms,
  deliveryGraceMs: ms,
  deliverToLoopback: flag,
  readerPauses: object,
  notices: object,
  registryMaxAgentAgeMs: ms,
  registryMaxAgentCount: count(10_000_000),
  publicAddress: object,
  clusterName: words,
  region: words,
}

/** The functions would not start with it, and only their logs would say so. */
function checked(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  for (const [name, value] of Object.entries(settings)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined
    if (check === undefined)
      throw new Error(`there is no setting ${name}; there are ${Object.keys(CHECKS).join(', ')}`)
    if (!check.holds(value))
      throw new Error(`the setting ${name} must be ${check.expected}, not ${JSON.stringify(value)}`)
  }
  return settings
}
