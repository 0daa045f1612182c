// The functions: one bundle, one role, one log and one alias each.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Duration, type RemovalPolicy } from 'aws-cdk-lib'
import { Alarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  Alias,
  Architecture,
  Code,
  type IFunction,
  type IVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { FUNCTIONS, type FunctionName } from './props.ts'
import type { Queues } from './queues.ts'
import { type Given, giveRights, RIGHTS } from './rights.ts'

export interface MesetaFunction {
  readonly fn: LambdaFunction
  readonly alias: IFunction
  readonly logs: LogGroup
}
export type Functions = Readonly<Record<FunctionName, MesetaFunction>>

interface Shape {
  readonly timeout: Duration
  readonly memoryMb: number
}

/** The time of a stream, which ends itself a minute earlier. */
export const STREAM_TIMEOUT = Duration.minutes(15)

/** Time limits stay at a sixth of the visibility of the queue in front; the gateway gives up after 29 s. */
export const SHAPES: Readonly<Record<FunctionName, Shape>> = {
  scheduler: { timeout: STREAM_TIMEOUT, memoryMb: 1_024 },
  operator: { timeout: STREAM_TIMEOUT, memoryMb: 1_024 },
  agents: { timeout: Duration.seconds(29), memoryMb: 1_024 },
  // It mostly waits for its batches to fill, which is billed by its memory; its process takes 55 MB.
  heartbeats: { timeout: Duration.seconds(5), memoryMb: 128 },
  allocator: { timeout: Duration.seconds(20), memoryMb: 1_024 },
  detector: { timeout: Duration.seconds(20), memoryMb: 1_024 },
  planner: { timeout: Duration.seconds(30), memoryMb: 256 },
  'instance-events': { timeout: Duration.seconds(10), memoryMb: 512 },
  notifier: { timeout: Duration.seconds(20), memoryMb: 512 },
  authorizer: { timeout: Duration.seconds(10), memoryMb: 1_024 },
}

export interface FunctionsProps {
  readonly bundlesDir: string
  readonly variables: Readonly<Record<string, string>>
  readonly given: Given
  readonly removalPolicy: RemovalPolicy
  readonly logRetention: RetentionDays
  readonly reservedConcurrency: Partial<Readonly<Record<FunctionName, number>>>
  readonly rollout: 'canary' | 'allAtOnce'
}

export function functions(parent: Construct, props: FunctionsProps): Functions {
  const scope = new Construct(parent, 'Functions')
  // The names of the list are the keys.
  return Object.fromEntries(
    FUNCTIONS.map((name) => [name, one(new Construct(scope, pascal(name)), name, props)]),
  ) as unknown as Functions
}

/** At once at most: a turn at a time is done, and a second one waits for the lease. */
const MAX_CONCURRENCY: Partial<Readonly<Record<FunctionName, number>>> = { allocator: 2, detector: 2 }

/**
 * Batches from the queues; only failed messages come again. Not by the library's event source: that lets a function
 * hide and show messages, too, which Lambda's poller does by itself.
 */
export function readQueues(functions: Functions, queues: Queues): void {
  for (const name of FUNCTIONS) {
    const { reads } = RIGHTS[name]
    if (reads === undefined) continue
    const maxConcurrency = MAX_CONCURRENCY[name]
    functions[name].alias.addEventSourceMapping('Messages', {
      eventSourceArn: queues[reads].queueArn,
      batchSize: 10,
      reportBatchItemFailures: true,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    })
  }
}

/** `instance-events` is `InstanceEvents`. */
export function pascal(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, _dash: string, letter: string) => letter.toUpperCase())
}

function one(scope: Construct, name: FunctionName, props: FunctionsProps): MesetaFunction {
  const { timeout, memoryMb } = SHAPES[name]
  const logs = new LogGroup(scope, 'Logs', {
    retention: props.logRetention,
    removalPolicy: props.removalPolicy,
  })
  const role = new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logs.grantWrite(role)
  giveRights(scope, role, name, props.given)
  const reserved = props.reservedConcurrency[name]
  const fn = new LambdaFunction(scope, 'Function', {
    description: `Meseta: ${name}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: Code.fromAsset(bundleOf(props.bundlesDir, name)),
    role,
    timeout,
    memorySize: memoryMb,
    logGroup: logs,
    loggingFormat: LoggingFormat.TEXT,
    environment: { ...props.variables, ...secretOf(name, props.given) },
    ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
  })
  // The library's classes miss `undefined` in their own interfaces, which our compiler settings tell apart.
  const version = fn.currentVersion as IVersion
  const alias = new Alias(scope, 'Live', { aliasName: 'live', version })
  if (props.rollout === 'canary') rollOut(scope, alias)
  acknowledgeRole(role, name, props.given)
  return { fn, alias: alias as IFunction, logs }
}

function secretOf(name: FunctionName, { secretArn }: Given): Readonly<Record<string, string>> {
  return name === 'authorizer' ? { MESETA_SECRET_ARN: secretArn } : {}
}

/** Throws the one sentence that helps. */
function bundleOf(bundlesDir: string, name: string): string {
  const folder = join(bundlesDir, 'functions', name)
  if (existsSync(join(folder, 'index.mjs'))) return folder
  throw new Error(`there is no bundle of the function ${name} in ${folder}; run npm run bundle first`)
}

/** A tenth of the calls see the new version for five minutes; errors take it back. */
function rollOut(scope: Construct, alias: Alias): void {
  const alarm = new Alarm(scope, 'RolloutAlarm', {
    alarmDescription: 'Errors of a version that is being rolled out; takes it back',
    metric: alias.metricErrors({ period: Duration.minutes(1) }),
    threshold: 3,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  })
  const group = new LambdaDeploymentGroup(scope, 'Rollout', {
    alias,
    deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
    alarms: [alarm],
  })
  const policy = 'arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited'
  acknowledge(group, `IAM4[Policy::${policy}]`, 'The policy CodeDeploy asks for, in its limited form')
}

function acknowledgeRole(role: Role, name: FunctionName, { queues, groupArns }: Given): void {
  const rights = RIGHTS[name]
  if (rights.sends?.includes('agents')) {
    const reason =
      'Every agent has a queue of its own, made when it registers; the name begins with the prefix of this cluster'
    acknowledge(role, `IAM5[Resource::${queues.agentQueueArn('*')}]`, reason)
  }
  if (rights.looksUpInstances) {
    const reason = 'ec2:DescribeInstances knows no resources; it is limited to the region'
    acknowledge(role, 'IAM5[Resource::*]', reason)
  }
  for (const arn of rights.endsHooks ? groupArns : []) {
    const reason = 'A part of the ARN is chosen by AWS when it makes the group; the name at its end is ours'
    acknowledge(role, `IAM5[Resource::${arn}]`, reason)
  }
}
