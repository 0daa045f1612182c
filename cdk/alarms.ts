// The alarms of docs/runbooks/, under their names, and a dashboard that shows what they are set on.
//
//   gauges    lines that the detector writes each minute, from which CloudWatch makes metrics by itself
//   counts    lines of the logs that name trouble, counted by filters: a metric costs only where there is some
//   AWS's own ages and depths of queues, throttles, errors
import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  type ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  ComparisonOperator as Is,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { type Functions, pascal } from './functions.ts'
import { FUNCTIONS, type FunctionName } from './props.ts'
import type { Queues } from './queues.ts'

export interface AlarmsProps {
  /** Keeps the metrics of two clusters apart. */
  readonly prefix: string
  readonly functions: Functions
  readonly queues: Queues
  readonly table: ITableV2
  readonly topic: ITopic
  readonly profile: ProfileTimes
  /** Whether alarms may be set on sums. */
  readonly hasMetricMath: boolean
}

/** Of the profile, seconds. */
export interface ProfileTimes {
  readonly timeoutSeconds: number
  readonly tickSeconds: number
}

interface Ringing {
  readonly id: string
  /** The runbook's page. */
  readonly page: string
  readonly says: string
  readonly metric: IMetric
  readonly threshold: number
  readonly is?: ComparisonOperator
  readonly periods?: number
  readonly missing?: TreatMissingData
}

/** What a function says in its log, and whose log is searched for it. */
type Said = readonly (readonly [event: string, of: readonly FunctionName[]])[]

const MINUTE = Duration.minutes(1)
const DOORS = ['scheduler', 'operator', 'agents'] as const
const TABLE_USERS = FUNCTIONS.filter((name) => name !== 'authorizer')
const WRITERS = TABLE_USERS.filter((name) => name !== 'planner')
const QUEUE_READERS = ['heartbeats', 'allocator', 'detector', 'instance-events', 'notifier'] as const
/** Called all the time; who is throttled among them is so because the account has no concurrency left. */
const BUSY = [...DOORS, 'heartbeats', 'allocator', 'detector', 'notifier'] as const

/** The lines that are counted, by the metric they add to; each event stands in the code of each of its functions. */
export const COUNTED = {
  MassExpiry: [['alarm: mass expiry held back', ['detector']]],
  MachinesNotLookedUp: [['machines not looked up', ['detector', 'instance-events']]],
  Conflicts: [['conflicted', WRITERS]],
  SentAway: [['asked to come back', DOORS]],
  StoreRetried: [['store retried', TABLE_USERS]],
  Unacknowledged: [['updates not acknowledged', ['scheduler', 'operator', 'notifier']]],
  DeliveriesFailed: [['delivery failed', ['notifier']]],
  Away: [
    ['mailbox away', ['scheduler']],
    ['nudge lost', WRITERS],
    ['canaries not sent', ['detector']],
    ['beats not written', ['heartbeats']],
    ['ticks not sent', ['planner']],
  ],
  Failures: [
    ['request failed', DOORS],
    ['not started', DOORS],
    ['batch failed', QUEUE_READERS],
    ['detector failed', ['detector']],
    ['pass failed', ['detector']],
    ['part failed', ['detector', 'agents', 'instance-events', 'operator']],
    ['delivery broke off', ['notifier']],
  ],
} as const satisfies Readonly<Record<string, Said>>

export function alarms(scope: Construct, props: AlarmsProps): readonly Alarm[] {
  const ringing = [...ofDetection(scope, props), ...ofWork(scope, props), ...ofTrouble(scope, props)]
  const made = ringing.map((one) => ring(scope, one, props.topic))
  dashboard(scope, props, ringing)
  return made
}

/** Is anybody heard? */
function ofDetection(scope: Construct, props: AlarmsProps): readonly Ringing[] {
  const { timeoutSeconds, tickSeconds } = props.profile
  return [
    {
      id: 'HearingBroken',
      page: 'hearing-broken',
      says: 'For five minutes hearing began anew before a timeout was over: nobody is declared lost meanwhile',
      metric: gauge(props, 'hearing_secs'),
      threshold: timeoutSeconds,
      is: Is.LESS_THAN_THRESHOLD,
      periods: 5,
    },
    {
      id: 'GuardHoldsRemovals',
      page: 'guard-holds-removals',
      says: 'Too many agents are silent at once: their removal is held back',
      metric: counted(scope, props, 'MassExpiry'),
      threshold: 1,
    },
    {
      id: 'DetectorLate',
      page: 'detector-late',
      says: 'For three minutes no tick was written, or only late ones: no deadline passes, nobody is declared lost',
      metric: gauge(props, 'tick_age_secs'),
      // A queue may take a few seconds, however dense the ticks.
      threshold: Math.max(5, 5 * tickSeconds),
      periods: 3,
      missing: TreatMissingData.BREACHING,
    },
    {
      id: 'BeatsLate',
      page: 'beats-late',
      says: 'Beats wait in their queue for more than half of the timeout',
      metric: gauge(props, 'oldest_canary_age_secs'),
      threshold: Math.max(2, timeoutSeconds / 2),
      periods: 2,
    },
    {
      id: 'MachinesNotLookedUp',
      page: 'machines-not-looked-up',
      says: 'EC2 does not answer questions about instances',
      metric: counted(scope, props, 'MachinesNotLookedUp'),
      threshold: 1,
      periods: 5,
    },
  ]
}

function ofWork(scope: Construct, props: AlarmsProps): readonly Ringing[] {
  return [
    {
      id: 'DeadLetters',
      page: 'dead-letters',
      says: 'A message was put aside because it failed again and again',
      metric: props.queues['dead-letters'].metricApproximateNumberOfMessagesVisible({
        period: MINUTE,
        statistic: 'Maximum',
      }),
      threshold: 1,
    },
    {
      id: 'Unacknowledged',
      page: 'unacknowledged',
      says: 'A framework that is there has not acknowledged an update for ten minutes',
      metric: counted(scope, props, 'Unacknowledged'),
      threshold: 1,
      periods: 3,
    },
    {
      id: 'DeliveriesFailing',
      page: 'deliveries-failing',
      says: 'The webhook or the queue of a framework takes nothing for half a minute',
      metric: counted(scope, props, 'DeliveriesFailed'),
      // Tries are 1, 2, 4, 8, 10 s apart.
      threshold: 4,
    },
    {
      id: 'Conflicts',
      page: 'conflicts',
      says: 'More than twenty conflicts a second',
      metric: counted(scope, props, 'Conflicts'),
      threshold: 20 * 60,
      periods: 3,
    },
    {
      id: 'SentAway',
      page: 'conflicts',
      says: 'Callers are answered 503',
      metric: counted(scope, props, 'SentAway'),
      threshold: 1,
      periods: 2,
    },
  ]
}

function ofTrouble(scope: Construct, props: AlarmsProps): readonly Ringing[] {
  return [
    {
      id: 'Throttles',
      page: 'throttles',
      says: 'More than one call of the table a second needs a second try',
      metric: counted(scope, props, 'StoreRetried'),
      threshold: 60,
      periods: 3,
    },
    {
      id: 'Away',
      page: 'away',
      says: 'The table or queues are away',
      metric: counted(scope, props, 'Away'),
      threshold: 1,
      periods: 3,
    },
    {
      id: 'Failing',
      page: 'failing',
      says: 'Functions fail by an error that nobody expected',
      metric: counted(scope, props, 'Failures'),
      threshold: 3,
    },
    ...(props.hasMetricMath ? [functionsThrottled(props.functions)] : []),
  ]
}

function functionsThrottled(functions: Functions): Ringing {
  return {
    id: 'FunctionsThrottled',
    page: 'throttles',
    says: 'Lambda has no concurrency left for the functions of this cluster',
    metric: sum(
      BUSY.map((name) => functions[name].fn.metricThrottles({ period: MINUTE })),
      'throttled calls',
    ),
    threshold: 1,
    periods: 3,
  }
}

/** Where functions/lambda/gauges.ts puts them. */
function namespaceOf({ prefix }: Pick<AlarmsProps, 'prefix'>): string {
  return `Meseta/${prefix}`
}

/** What the detector says of itself each minute. */
function gauge(props: Pick<AlarmsProps, 'prefix'>, metricName: string): Metric {
  return new Metric({
    namespace: namespaceOf(props),
    metricName,
    dimensionsMap: { cluster: props.prefix },
    period: MINUTE,
    statistic: 'Maximum',
  })
}

/** Lines of the logs as a number per minute: one metric, to which filters of several logs add. */
function counted(scope: Construct, props: AlarmsProps, metricName: keyof typeof COUNTED): Metric {
  const metricNamespace = namespaceOf(props)
  const filters = new Construct(scope, `${metricName}Lines`)
  const lines: Said = COUNTED[metricName]
  for (const [index, [event, names]] of lines.entries()) {
    for (const name of names) {
      new MetricFilter(filters, `${pascal(name)}${index}`, {
        logGroup: props.functions[name].logs,
        filterPattern: FilterPattern.literal(patternOf(event)),
        metricNamespace,
        metricName,
        metricValue: '1',
      })
    }
  }
  return new Metric({ namespace: metricNamespace, metricName, period: MINUTE, statistic: 'Sum' })
}

/** The line of one event: a text between quotes, with its own quotes escaped. Lambda writes time and request before it. */
export function patternOf(event: string): string {
  return JSON.stringify(`"event":"${event}"`)
}

function sum(metrics: readonly Metric[], label: string): MathExpression {
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]))
  return new MathExpression({
    expression: Object.keys(usingMetrics).join(' + '),
    usingMetrics,
    label,
    period: MINUTE,
  })
}

function ring(scope: Construct, one: Ringing, topic: ITopic): Alarm {
  const alarm = new Alarm(scope, `${one.id}Alarm`, {
    alarmDescription: `${one.says}. Runbook: docs/runbooks/${one.page}.md`,
    metric: one.metric,
    threshold: one.threshold,
    comparisonOperator: one.is ?? Is.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: one.periods ?? 1,
    treatMissingData: one.missing ?? TreatMissingData.NOT_BREACHING,
  })
  alarm.addAlarmAction(new SnsAction(topic))
  alarm.addOkAction(new SnsAction(topic))
  return alarm
}

/** First what alarms are set on, then what explains them. */
function dashboard(scope: Construct, props: AlarmsProps, ringing: readonly Ringing[]): void {
  const { functions, table, queues } = props
  const board = new Dashboard(scope, 'Dashboard', { defaultInterval: Duration.hours(3) })
  const alarmed = ringing.map(({ id, metric }) => new GraphWidget({ title: id, left: [metric], width: 6 }))
  const each = (title: string, of: (name: FunctionName) => IMetric) =>
    new GraphWidget({ title, left: FUNCTIONS.map(of), width: 8 })
  board.addWidgets(...alarmed)
  board.addWidgets(
    new GraphWidget({ title: 'guard holds, seconds', left: [gauge(props, 'guard_secs')], width: 8 }),
    new GraphWidget({
      title: 'age of the oldest message, seconds',
      left: (['heartbeats', 'ticks', 'allocate', 'notify', 'instance-events'] as const).map((name) =>
        queues[name].metricApproximateAgeOfOldestMessage({
          period: MINUTE,
          statistic: 'Maximum',
          label: name,
        }),
      ),
      width: 8,
    }),
    each('throttles of functions', (name) =>
      functions[name].fn.metricThrottles({ period: MINUTE, label: name }),
    ),
  )
  board.addWidgets(
    each('calls of functions', (name) =>
      functions[name].fn.metricInvocations({ period: MINUTE, label: name }),
    ),
    each('errors of functions', (name) => functions[name].fn.metricErrors({ period: MINUTE, label: name })),
    each('duration, p99', (name) =>
      functions[name].fn.metricDuration({ period: MINUTE, statistic: 'p99', label: name }),
    ),
  )
  board.addWidgets(
    new GraphWidget({
      title: 'table, units a minute',
      left: [
        table.metricConsumedReadCapacityUnits({ period: MINUTE }),
        table.metricConsumedWriteCapacityUnits({ period: MINUTE }),
      ],
      width: 24,
    }),
  )
}
