// An estimate in money: by service and cause, per agent, per million tasks, per open stream, beside three masters.
import {
  CAUSES,
  type Cause,
  type Estimate,
  estimate,
  HOURS,
  type PriceKey,
  type Scenario,
  SECONDS,
} from './model.ts'
import prices from './prices.json' with { type: 'json' }

export interface Bill {
  readonly pricesAsOf: string
  readonly region: string
  readonly scenario: Scenario
  /** What a cluster of this size should be deployed with. */
  readonly settings: Estimate['settings']
  readonly services: readonly Line[]
  readonly total: number
  /** What agents add to nothing registered, the allocator's looks and all ticks included, divided by them; null without agents. */
  readonly perAgentMonth: number | null
  /** Of that, its beats and its polls for commands. */
  readonly perAgentMonthOfBeats: number | null
  /** At this rate of tasks, or at one a second when there are none. */
  readonly perMillionTasks: number
  readonly perStreamMonth: number
  /** With no agents and no frameworks. */
  readonly nothingRegistered: number
  readonly masters: Masters
  /** Beyond the total where the account has three dashboards already. */
  readonly dashboard: number
}

export type Line = { readonly service: string; readonly total: number } & Readonly<Record<Cause, number>>

export interface Masters {
  readonly count: number
  readonly type: string
  readonly machines: number
  readonly disks: number
  readonly total: number
}

/** A quorum of ZooKeeper and of Mesos's own log. */
const MASTERS = 3

/** Throws a sentence when the scenario names what has no price. */
export function billOf(scenario: Scenario): Bill {
  const made = estimate(scenario)
  const total = sumOf(made)
  const quiet = { ...scenario, tasksPerSecond: 0 }
  const { agents, tasksPerSecond } = scenario
  const busy = { ...scenario, tasksPerSecond: tasksPerSecond === 0 ? 1 : tasksPerSecond }
  const quietTotal = totalOf(quiet)
  const perTask = (totalOf(busy) - quietTotal) / (busy.tasksPerSecond * SECONDS)
  const nobody = { ...quiet, agents: 0 }
  const nothingRegistered = totalOf({ ...nobody, frameworks: 0 })
  const stream = estimate({ ...nobody, frameworks: 1, delivery: 'stream' })
  return {
    pricesAsOf: prices.asOf,
    region: prices.region,
    scenario,
    settings: made.settings,
    services: linesOf(made),
    total,
    perAgentMonth: agents === 0 ? null : (quietTotal - nothingRegistered - frameworksPart(quiet)) / agents,
    perAgentMonthOfBeats: agents === 0 ? null : usdOf(made.usage.beats) / agents,
    perMillionTasks: perTask * 1_000_000,
    perStreamMonth: usdOf(stream.usage.frameworks),
    nothingRegistered,
    masters: mastersOf(scenario),
    dashboard: prices.prices['cloudwatch.dashboard'].usd,
  }
}

/** What the frameworks would cost without any agent. */
function frameworksPart(scenario: Scenario): number {
  return usdOf(estimate({ ...scenario, agents: 0 }).usage.frameworks)
}

export function totalOf(scenario: Scenario): number {
  return sumOf(estimate(scenario))
}

function sumOf({ usage }: Estimate): number {
  return CAUSES.reduce((sum, cause) => sum + usdOf(usage[cause]), 0)
}

function linesOf({ usage }: Estimate): readonly Line[] {
  const services = [...new Set(Object.values(prices.prices).map(({ service }) => service))]
  return services
    .map((service): Line => {
      const of = (cause: Cause) => usdOf(usage[cause], service)
      const causes = Object.fromEntries(CAUSES.map((cause) => [cause, of(cause)])) as Record<Cause, number>
      return { service, ...causes, total: CAUSES.reduce((sum, cause) => sum + causes[cause], 0) }
    })
    .filter(({ total }) => total > 0)
    .sort((a, b) => b.total - a.total)
}

/** Of one service, or of all. */
function usdOf(usage: Estimate['usage'][Cause], service?: string): number {
  let sum = 0
  for (const [key, quantity] of Object.entries(usage)) {
    // The keys of a usage are keys of the price list.
    const price = prices.prices[key as PriceKey]
    if (service === undefined || price.service === service) sum += (quantity * price.usd) / price.per
  }
  return sum
}

function mastersOf({ masterType, masterDiskGb }: Scenario): Masters {
  const perHour: Readonly<Record<string, number>> = prices.instances.perHour
  const machines = MASTERS * HOURS * (perHour[masterType] ?? 0)
  const disks = MASTERS * masterDiskGb * prices.prices['ebs.gp3'].usd
  return { count: MASTERS, type: masterType, machines, disks, total: machines + disks }
}
