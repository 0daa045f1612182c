// The alarms of docs/runbooks/, under their names, and a dashboard that shows what they are set on.
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
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
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
  readonly table: TableV2
  readonly topic: ITopic
  /** Of the profile, seconds. */
  readonly timeoutSeconds: number
  /** Whether alarms may be set on sums. */
  readonly hasMetricMath: boolean
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

const MINUTE = Duration.minutes(1)
const TABLE_USERS = FUNCTIONS.filter((name) => name !== 'authorizer')

export function alarms(scope: Construct, props: AlarmsProps): readonly Alarm[] {
  const ringing = [...ofDetection(scope, props), ...ofWork(scope, props)]
  const made = ringing.map((one) => ring(scope, one, props.topic))
  dashboard(scope, props, ringing)
  return made
}

/** Is anybody heard? The gauges of the same names come from GET_METRICS; these need nobody who asks. */
function ofDetection(scope: Construct, props: AlarmsProps): readonly Ringing[] {
  const { functions, queues, timeoutSeconds } = props
  return [
    {
      id: 'HearingBroken',
      page: 'hearing-broken',
      says: 'Canaries are not sent or beats not written for five minutes: nobody is declared lost meanwhile',
      metric: counted(scope, props, 'HearingBroken', [
        ['canaries not sent', ['detector']],
        ['beats not written', ['heartbeats']],
      ]),
      threshold: 1,
      periods: 5,
    },
    {
      id: 'GuardHoldsRemovals',
      page: 'guard-holds-removals',
      says: 'Too many agents are silent at once: their removal is held back',
      metric: counted(scope, props, 'MassExpiry', [['alarm: mass expiry held back', ['detector']]]),
      threshold: 1,
    },
    {
      id: 'DetectorLate',
      page: 'detector-late',
      says: 'No tick for three minutes: no deadline passes, nobody is declared lost',
      metric: functions.detector.fn.metricInvocations({ period: MINUTE, statistic: 'Sum' }),
      threshold: 1,
      is: Is.LESS_THAN_THRESHOLD,
      periods: 3,
      missing: TreatMissingData.BREACHING,
    },
    {
      id: 'BeatsLate',
      page: 'beats-late',
      says: 'Beats wait in their queue for more than half of the timeout',
      metric: queues.heartbeats.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' }),
      threshold: Math.max(2, timeoutSeconds / 2),
      periods: 2,
    },
    {
      id: 'MachinesNotLookedUp',
      page: 'machines-not-looked-up',
      says: 'EC2 does not answer questions about instances',
      metric: counted(scope, props, 'MachinesNotLookedUp', [
        ['machines not looked up', ['detector', 'instance-events', 'agents']],
      ]),
      threshold: 1,
      periods: 5,
    },
  ]
}

function ofWork(scope: Construct, props: AlarmsProps): readonly Ringing[] {
  const { queues, functions } = props
  return [
    {
      id: 'DeadLetters',
      page: 'dead-letters',
      says: 'A message was put aside because it failed again and again',
      metric: queues['dead-letters'].metricApproximateNumberOfMessagesVisible({
        period: MINUTE,
        statistic: 'Maximum',
      }),
      threshold: 1,
    },
    {
      id: 'Conflicts',
      page: 'conflicts',
      says: 'More than twenty conflicts a second',
      metric: counted(scope, props, 'Conflicts', [['"event":"conflicted"', TABLE_USERS]]),
      threshold: 20 * 60,
      periods: 3,
    },
    {
      id: 'SentAway',
      page: 'conflicts',
      says: 'Callers are answered 503',
      metric: counted(scope, props, 'SentAway', [
        ['asked to come back', ['scheduler', 'operator', 'agents']],
      ]),
      threshold: 1,
      periods: 2,
    },
    {
      id: 'Throttles',
      page: 'throttles',
      says: 'More than one call of the table a second needs a second try',
      metric: counted(scope, props, 'StoreRetried', [['store retried', TABLE_USERS]]),
      threshold: 60,
      periods: 3,
    },
    {
      id: 'Away',
      page: 'away',
      says: 'The table or queues are away',
      metric: counted(scope, props, 'Away', [
        ['mailbox away', ['scheduler']],
        ['queue away', TABLE_USERS],
        ['nudge lost', TABLE_USERS],
      ]),
      threshold: 1,
      periods: 3,
    },
    ...(props.hasMetricMath ? [functionsThrottled(functions)] : []),
  ]
}

function functionsThrottled(functions: Functions): Ringing {
  return {
    id: 'FunctionsThrottled',
    page: 'throttles',
    says: 'Lambda has no concurrency left for the functions of this cluster',
    metric: sum(
      FUNCTIONS.map((name) => functions[name].fn.metricThrottles({ period: MINUTE })),
      'throttled calls',
    ),
    threshold: 1,
    periods: 3,
  }
}

/** Lines of the logs as a number per minute: one metric, to which filters of several logs add. */
function counted(
  scope: Construct,
  { prefix, functions }: AlarmsProps,
  metricName: string,
  lines: readonly (readonly [phrase: string, of: readonly FunctionName[]])[],
): Metric {
  const metricNamespace = `Meseta/${prefix}`
  const filters = new Construct(scope, `${metricName}Lines`)
  for (const [index, [phrase, names]] of lines.entries()) {
    for (const name of names) {
      new MetricFilter(filters, `${pascal(name)}${index}`, {
        logGroup: functions[name].logs,
        // A phrase between quotes; its own quotes are escaped.
        filterPattern: FilterPattern.literal(JSON.stringify(phrase)),
        metricNamespace,
        metricName,
        metricValue: '1',
      })
    }
  }
  return new Metric({ namespace: metricNamespace, metricName, period: MINUTE, statistic: 'Sum' })
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

function dashboard(scope: Construct, { functions, table }: AlarmsProps, ringing: readonly Ringing[]): void {
  const board = new Dashboard(scope, 'Dashboard', { defaultInterval: Duration.hours(3) })
  const alarmed = ringing.map(({ id, metric }) => new GraphWidget({ title: id, left: [metric], width: 6 }))
  const each = (title: string, of: (name: FunctionName) => IMetric) =>
    new GraphWidget({ title, left: FUNCTIONS.map(of), width: 8 })
  board.addWidgets(...alarmed)
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
