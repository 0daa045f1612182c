// `meseta cost`: the monthly cost of a control plane as a table, or as JSON.
import { styleText } from 'node:util'
import { CommandError, EXIT } from '../exit-codes.ts'
import { table } from '../printing.ts'
import { type Bill, billOf } from './bill.ts'
import { CAUSES, type Scenario } from './model.ts'

export const MOST_AGENTS = 100_000
/** Beyond what one account would be given by its quotas, or one table by its partitions. */
const MOST_FRAMEWORKS = 1_000
const MOST_TASKS_PER_SECOND = 1_000
/** Of a gp3 volume. */
const MOST_DISK_GB = 16_384

/** @throws CommandError with a sentence that names the flag */
export function cost(scenario: Scenario, json: boolean): void {
  check(scenario)
  const bill = billed(scenario)
  console.log(json ? JSON.stringify(bill, null, 2) : printed(bill))
}

function check(scenario: Scenario): void {
  const { agents, beatSeconds, frameworks, tasksPerSecond, masterDiskGb } = scenario
  const wrong = (sentence: string) => new CommandError(sentence, EXIT.usage)
  if (agents > MOST_AGENTS) throw wrong(`--agents is at most ${MOST_AGENTS}: nobody has counted beyond that`)
  if (beatSeconds < 0.5 || beatSeconds > 60) throw wrong('--beats is from 0.5 to 60 seconds')
  if (frameworks > MOST_FRAMEWORKS) throw wrong(`--frameworks is at most ${MOST_FRAMEWORKS}`)
  if (tasksPerSecond > MOST_TASKS_PER_SECOND)
    throw wrong(`--tasks-per-second is at most ${MOST_TASKS_PER_SECOND}`)
  if (masterDiskGb > MOST_DISK_GB)
    throw wrong(`--masters-disk is at most ${MOST_DISK_GB} GB, the largest volume there is`)
  if (tasksPerSecond > 0 && (agents === 0 || frameworks === 0))
    throw wrong('tasks need at least one of --agents and one of --frameworks')
}

function billed(scenario: Scenario): Bill {
  try {
    return billOf(scenario)
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`--masters: ${error.message}`, EXIT.usage)
    throw error
  }
}

export function printed(bill: Bill): string {
  const { scenario, settings, masters } = bill
  const { agents, beatSeconds, tasksPerSecond, frameworks, delivery } = scenario
  const lines = bill.services.map((line) => [
    line.service,
    ...CAUSES.map((cause) => usd(line[cause])),
    usd(line.total),
  ])
  const sums = CAUSES.map((cause) => usd(bill.services.reduce((sum, line) => sum + line[cause], 0)))
  const heard = frameworks === 0 ? '' : ` (${delivery})`
  return [
    `Control plane a month, USD: ${agents} ${agents === 1 ? 'agent' : 'agents'}, a beat each ${beatSeconds} s, ${tasksPerSecond} tasks/s, ${frameworks} ${frameworks === 1 ? 'framework' : 'frameworks'}${heard}`,
    styleText(
      'dim',
      `${bill.region}, list prices of ${bill.pricesAsOf}, free tiers left out; machines of agents, data transfer and tax not counted`,
    ),
    '',
    table(
      ['SERVICE', ...[...CAUSES, 'total'].map((head) => head.toUpperCase().padStart(WIDTH))],
      [...lines, ['total', ...sums, styleText('bold', usd(bill.total))]],
    ),
    '',
    table(
      ['AND', 'USD'.padStart(WIDTH)],
      [
        ...(bill.perAgentMonth === null || bill.perAgentMonthOfBeats === null
          ? []
          : [
              ['an agent-month: its beats and polls', usd(bill.perAgentMonthOfBeats)],
              ['an agent-month: its share of all that agents cause', usd(bill.perAgentMonth)],
            ]),
        [
          `a million short tasks${tasksPerSecond === 0 ? ', at one a second' : ''}`,
          usd(bill.perMillionTasks),
        ],
        ['a stream open for a month', usd(bill.perStreamMonth)],
        ['a month with nothing registered', usd(bill.nothingRegistered)],
        [
          `three always-on masters, ${masters.type} with ${scenario.masterDiskGb} GB, ZooKeeper on them`,
          usd(masters.total),
        ],
      ],
    ),
    '',
    styleText(
      'dim',
      `Deployed with settings ${JSON.stringify(settings)}. The dashboard is ${bill.dashboard.toFixed(2)} more where the account has three already.`,
    ),
  ].join('\n')
}

/** Of a column of money. */
const WIDTH = 10

function usd(amount: number): string {
  return amount.toFixed(2).padStart(WIDTH)
}
