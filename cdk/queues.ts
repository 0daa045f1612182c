// The queues of the functions, named as functions/ports/queues-sqs.ts asks for them; agents' queues are made at registration.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'

export interface Queues {
  readonly heartbeats: Queue
  readonly allocate: Queue
  readonly ticks: Queue
  readonly 'instance-events': Queue
  readonly notify: Queue
  readonly 'dead-letters': Queue
  /** ARN of the queue of an agent; `*` for the queues of all agents. */
  agentQueueArn(agent: string): string
}

interface Shape {
  readonly visibilitySeconds: number
  readonly retention: Duration
  /** Deliveries after which a message of a function that dies over it is put aside. */
  readonly maxReceives?: number
  /** Why there is no redrive. */
  readonly noRedrive?: string
}

/** Visibility is six time limits of the function, except of beats, which nothing may hold up longer than that. */
const SHAPES = {
  allocate: { visibilitySeconds: 120, retention: Duration.minutes(15), maxReceives: 5 },
  ticks: {
    visibilitySeconds: 120,
    retention: Duration.minutes(2),
    noRedrive: 'A tick is of no use after two minutes: by then there are newer ones',
  },
  'instance-events': { visibilitySeconds: 60, retention: Duration.hours(1), maxReceives: 10 },
  notify: { visibilitySeconds: 120, retention: Duration.minutes(15), maxReceives: 5 },
} satisfies Readonly<Record<string, Shape>>

export function queues(parent: Construct, prefix: string): Queues {
  const scope = new Construct(parent, 'Queues')
  const deadLetters = queue(scope, 'DeadLetters', `${prefix}-dead-letters`, {
    visibilitySeconds: 5,
    retention: Duration.days(14),
  })
  const standard = (id: string, name: keyof typeof SHAPES) =>
    queue(scope, id, `${prefix}-${name}`, SHAPES[name], deadLetters)
  return {
    'dead-letters': deadLetters,
    heartbeats: heartbeats(scope, prefix),
    allocate: standard('Allocate', 'allocate'),
    ticks: standard('Ticks', 'ticks'),
    'instance-events': standard('InstanceEvents', 'instance-events'),
    notify: standard('Notify', 'notify'),
    agentQueueArn: (agent) =>
      Stack.of(scope).formatArn({ service: 'sqs', resource: `${prefix}-agent-${agent}` }),
  }
}

/** One group per shard of beats. Content never fails a batch, so that only the table can hold a group up. */
function heartbeats(scope: Construct, prefix: string): Queue {
  const made = new Queue(scope, 'Heartbeats', {
    queueName: `${prefix}-heartbeats.fifo`,
    fifo: true,
    deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
    fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
    visibilityTimeout: Duration.seconds(6),
    retentionPeriod: Duration.minutes(15),
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.DESTROY,
  })
  acknowledgeNoRedrive(
    made,
    'A group waits for its first beat; a beat of a quarter of an hour ago helps nobody',
  )
  return made
}

function queue(scope: Construct, id: string, queueName: string, shape: Shape, deadLetters?: Queue): Queue {
  const { visibilitySeconds, retention, maxReceives, noRedrive } = shape
  const made = new Queue(scope, id, {
    queueName,
    visibilityTimeout: Duration.seconds(visibilitySeconds),
    retentionPeriod: retention,
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.DESTROY,
    ...(maxReceives === undefined || deadLetters === undefined
      ? {}
      : { deadLetterQueue: { queue: deadLetters, maxReceiveCount: maxReceives } }),
  })
  if (noRedrive !== undefined) acknowledgeNoRedrive(made, noRedrive)
  return made
}

function acknowledgeNoRedrive(made: Queue, reason: string): void {
  acknowledge(made, 'SQS3', reason)
}
