// What `npm start -- …` takes, checked before anything is started.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseRateLimits, type RateLimits } from '../master/authorization/rate-limits.ts'
import { REGISTRY_MAX_AGENT_AGE_MS, REGISTRY_MAX_AGENT_COUNT } from '../master/limits.ts'
import type { ProfileName, RemovalRateLimit } from '../master/settings.ts'
import { parseAttributes } from '../protocol/attributes.ts'
import { parseResources } from '../protocol/resource-parsing.ts'
import { type DoorOptions, doorsError } from './doors.ts'

export interface StartOptions {
  readonly port: number
  readonly agents: number
  readonly data?: string | undefined
  /** The table in `data` was put back from a backup. */
  readonly restored: boolean
  readonly agentResources?: string | undefined
  readonly agentAttributes?: string | undefined
  readonly profile: ProfileName
  readonly streamGraceMs: number
  readonly logFormat: 'text' | 'json'
  readonly dynamodbEndpoint?: string | undefined
  readonly ec2Endpoint?: string | undefined
  readonly agentRemovalRateLimit?: RemovalRateLimit | undefined
  readonly rateLimits?: RateLimits | undefined
  readonly registryMaxAgentAgeMs: number
  readonly registryMaxAgentCount: number
  readonly doors: DoorOptions
}

/** Reads the command line; commander prints what is wrong and ends the process with 2. */
export function readOptions(argv: readonly string[]): StartOptions {
  const command = new Command('npm start --')
    .description('A whole Meseta cluster on this machine: control plane, emulators of AWS, agents.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .option('--port <port>', 'HTTP front on 127.0.0.1', port, 5050)
    .option('--agents <n>', 'agents to run, each a process; 0 for none', count, 3)
    .option('--data <dir>', 'keep everything here and go on from it at the next start')
    .option(
      '--restored',
      'the table in --data was put back from a backup: make it right before anybody is let in',
    )
    .option('--agent-resources <text>', 'resources of each agent, such as "cpus:4;mem:4096"', resources)
    .option('--agent-attributes <text>', 'attributes of each agent, such as "rack:a;ssd:true"', attributes)
    .addOption(
      new Option('--profile <name>', 'timers').choices(['fast', 'default', 'mesos']).default('default'),
    )
    .option('--stream-grace <duration>', 'grace after a stream we ended, such as 10secs', duration, 10_000)
    .addOption(
      new Option('--log-format <format>', 'what is printed when not on a terminal')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--dynamodb-endpoint <url>', 'use this DynamoDB instead of the packaged emulator', endpoint)
    .option(
      '--ec2-endpoint <url>',
      'look agents with an --instance-id up at this EC2 (an emulator)',
      endpoint,
    )
    .option(
      '--agent-removal-rate-limit <rate>',
      'unreachable agents are given up at most so, such as 1/10mins',
      rate,
    )
    .option(
      '--rate-limits <json>',
      'calls a second by principal: JSON as Mesos takes it, or a file',
      rateLimits,
    )
    .option(
      '--registry-max-agent-age <duration>',
      'lost agents are remembered so long, such as 2weeks',
      duration,
      REGISTRY_MAX_AGENT_AGE_MS,
    )
    .option(
      '--registry-max-agent-count <n>',
      'and so many of each list of them',
      whole,
      REGISTRY_MAX_AGENT_COUNT,
    )
    .option(
      '--credentials <file>',
      'principals and their secrets, as Mesos has them: frameworks and operators are asked',
    )
    .option('--authenticate-http-readonly', 'ask for them also where the cluster is only looked at')
    .option('--acls <json>', 'who may do what: JSON as Mesos takes it, or a file')
    .parse([...argv], { from: 'user' })
  if (command.args.length > 0)
    command.error(`error: nothing is called ${command.args.join(' ')} here; options begin with --`)
  const given = command.opts<Record<string, unknown> & { profile: ProfileName; logFormat: 'text' | 'json' }>()
  const last = (given.port as number) + (given.agents as number)
  if (last > 65_535)
    command.error(`error: the agents' ports would end at ${last}, and there are 65535; give a lower --port`)
  const doors: DoorOptions = {
    credentials: given.credentials as string | undefined,
    authenticateReadonly: given.authenticateHttpReadonly === true,
    acls: given.acls as string | undefined,
  }
  const closed = doorsError(doors)
  if (closed !== undefined) command.error(`error: ${closed}`)
  return {
    doors,
    port: given.port as number,
    agents: given.agents as number,
    data: given.data as string | undefined,
    restored: given.restored === true,
    agentResources: given.agentResources as string | undefined,
    agentAttributes: given.agentAttributes as string | undefined,
    profile: given.profile,
    streamGraceMs: given.streamGrace as number,
    logFormat: given.logFormat,
    dynamodbEndpoint: given.dynamodbEndpoint as string | undefined,
    ec2Endpoint: given.ec2Endpoint as string | undefined,
    agentRemovalRateLimit: given.agentRemovalRateLimit as RemovalRateLimit | undefined,
    rateLimits: given.rateLimits as RateLimits | undefined,
    registryMaxAgentAgeMs: given.registryMaxAgentAge as number,
    registryMaxAgentCount: given.registryMaxAgentCount as number,
  }
}

function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65535) {
    throw new InvalidArgumentError('a port is a whole number from 0 (any free one) to 65535')
  }
  return value
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 100) {
    throw new InvalidArgumentError('the number of agents is a whole number from 0 to 100')
  }
  return value
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('it is a whole number, such as 1000')
  return Number(text)
}

function resources(text: string): string {
  const parsed = parseResources(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error)
  return text
}

function attributes(text: string): string {
  const parsed = parseAttributes(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error)
  return text
}

function endpoint(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('an endpoint is a URL such as http://127.0.0.1:8000')
  }
  return text
}

/** As Mesos writes its rate limits: so many per duration. */
function rate(text: string): RemovalRateLimit {
  const [, removals = '', interval = ''] = /^([1-9]\d*)\/(.+)$/.exec(text) ?? []
  if (removals === '') throw new InvalidArgumentError('a rate is a number and a duration, such as 1/10mins')
  const intervalMs = duration(interval)
  if (intervalMs <= 0) throw new InvalidArgumentError('the duration of a rate is longer than nothing')
  return { removals: Number(removals), intervalMs }
}

/** As with Mesos's flag: the JSON itself, a path, or `file://` and a path. */
function rateLimits(text: string): RateLimits {
  const parsed = parseRateLimits(/^\s*\{/.test(text) ? text : contentOf(text.replace(/^file:\/\//, '')))
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error)
  return parsed.limits
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new InvalidArgumentError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  secs: 1_000,
  s: 1_000,
  mins: 60_000,
  hrs: 3_600_000,
  days: 24 * 3_600_000,
  weeks: 7 * 24 * 3_600_000,
}

function duration(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|secs|s|mins|hrs|days|weeks)$/.exec(text) ?? []
  const factor = UNIT_MS[unit]
  if (number === undefined || factor === undefined) {
    throw new InvalidArgumentError(
      'a duration is a number and ms, secs, mins, hrs, days or weeks, such as 10secs',
    )
  }
  return Number(number) * factor
}
