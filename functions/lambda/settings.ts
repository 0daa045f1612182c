// The settings of a deployed cluster, from MESETA_SETTINGS: a profile by its name, and what differs from it.

import { readAcls } from '../../master/authorization/acls.ts'
import { parseRateLimits } from '../../master/authorization/rate-limits.ts'
import { localSettings, PROFILES, type ProfileName, type Settings } from '../../master/settings.ts'

/** Said at the start of a function: whoever deploys reads it in the log. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}

type Key = Exclude<keyof Settings, 'profile' | 'profileName' | 'acls'>
type Check = { readonly expected: string; readonly holds: (value: unknown) => boolean }

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumber = (value: unknown, least: number) => typeof value === 'number' && value >= least

const ms: Check = { expected: 'milliseconds, 0 or more', holds: (value) => isNumber(value, 0) }
const flag: Check = { expected: 'true or false', holds: (value) => typeof value === 'boolean' }
const words: Check = { expected: 'a text', holds: (value) => typeof value === 'string' && value !== '' }
const count = (most: number): Check => ({
  expected: `a whole number from 1 to ${most}`,
  holds: (value) => Number.isInteger(value) && isNumber(value, 1) && Number(value) <= most,
})
const fields = (checks: Readonly<Record<string, Check>>): Check => ({
  expected: `an object with ${Object.entries(checks)
    .map(([name, { expected }]) => `${name} (${expected})`)
    .join(', ')}`,
  holds: (value) =>
    isObject(value) &&
    Object.keys(value).every((name) => name in checks) &&
    Object.entries(checks).every(([name, check]) => check.holds(value[name])),
})

/** Each setting with what it must be; a new one does not compile until it stands here. */
const CHECKS: { readonly [K in Key]-?: Check } = {
  streamGraceMs: ms,
  offerTimeoutMs: ms,
  gatesPerFramework: count(16),
  shardsPerFramework: count(64),
  beatShards: count(1_000),
  agentIndexShards: count(1_000),
  maxExpiredShare: {
    expected: 'a share from 0 to 1',
    holds: (value) => isNumber(value, 0) && Number(value) <= 1,
  },
  removalsPerMinute: count(100_000),
  agentRemovalRateLimit: fields({ removals: count(100_000), intervalMs: ms }),
  rateLimits: { expected: 'an object as docs/running.md has it', holds: isObject },
  agentIdentity: {
    expected: '"signed" or "claimed"',
    holds: (value) => value === 'signed' || value === 'claimed',
  },
  canaryWaitMs: ms,
  deliveryGraceMs: ms,
  deliverToLoopback: flag,
  readerPauses: fields({ firstMs: ms, longestMs: ms, busyForMs: ms, idleMs: ms }),
  notices: fields({ spotGraceMs: ms, drainsOnRebalance: flag, drainGraceMs: ms, hookMs: ms }),
  registryMaxAgentAgeMs: ms,
  registryMaxAgentCount: count(10_000_000),
  publicAddress: fields({ hostname: words, ip: words, port: count(65_535) }),
  clusterName: words,
  region: words,
}

/** Where a cluster differs from one on a single machine: more frameworks and agents, and a queue that is farther away. */
const DEPLOYED: Partial<Settings> = {
  gatesPerFramework: 4,
  canaryWaitMs: 400,
  clusterName: 'meseta',
}

/**
 * The settings of the variables. Throws `BadSettings` with a sentence that names the setting.
 * @param options.isEmulated identities are claimed there, because no emulator says who signed (R16)
 */
export function settingsOf(
  json: string | undefined,
  { region, isEmulated }: { readonly region: string; readonly isEmulated: boolean },
): Settings {
  const { profile = 'default', acls, ...given } = parsed(json)
  if (!isProfile(profile)) {
    const names = Object.keys(PROFILES).join(', ')
    throw new BadSettings(`MESETA_SETTINGS: profile must be one of ${names}, not ${JSON.stringify(profile)}`)
  }
  for (const [name, value] of Object.entries(given)) check(name, value)
  const agentIdentity = isEmulated ? 'claimed' : 'signed'
  return localSettings(profile, { ...DEPLOYED, agentIdentity, region, ...given, ...lists(acls) })
}

function parsed(json: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json ?? '{}')
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  throw new BadSettings('MESETA_SETTINGS must be a JSON object such as {"profile":"default"}')
}

/** Read once: a function whose lists are wrong does not start, rather than leave a door open. */
function lists(value: unknown): Pick<Settings, 'acls'> {
  if (value === undefined) return {}
  const read = readAcls(value)
  if (!read.ok) throw new BadSettings(`MESETA_SETTINGS: acls: ${read.error}`)
  return { acls: read.acls }
}

function isProfile(value: unknown): value is ProfileName {
  return typeof value === 'string' && Object.hasOwn(PROFILES, value)
}

function check(name: string, value: unknown): void {
  const known: Readonly<Record<string, Check>> = CHECKS
  const found = Object.hasOwn(known, name) ? known[name] : undefined
  if (found === undefined) {
    throw new BadSettings(
      `MESETA_SETTINGS: there is no setting ${name}; there are profile, acls, ${Object.keys(CHECKS).join(', ')}`,
    )
  }
  if (!found.holds(value)) {
    throw new BadSettings(`MESETA_SETTINGS: ${name} must be ${found.expected}, not ${JSON.stringify(value)}`)
  }
  const limits = name === 'rateLimits' ? parseRateLimits(JSON.stringify(value)) : undefined
  if (limits?.ok === false) throw new BadSettings(`MESETA_SETTINGS: ${limits.error}`)
}
