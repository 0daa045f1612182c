// A whole cluster as one construct: the table of contents of the stack.
import { fileURLToPath } from 'node:url'
import { CfnOutput, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib'
import type { RestApi } from 'aws-cdk-lib/aws-apigateway'
import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { PermissionsBoundary, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { agentGroups, agentRole } from './agents.ts'
import { alarms } from './alarms.ts'
import { api } from './api.ts'
import { instanceEventRules } from './events.ts'
import { type Functions, functions, readQueues } from './functions.ts'
import type { MesetaProps } from './props.ts'
import { type Queues, queues } from './queues.ts'
import { eachMinute } from './schedules.ts'
import { settingsOf, timesOf } from './settings.ts'
import { table, tableNamed } from './table.ts'

/** What `npm run bundle` makes, beside the sources and in the package alike. */
const BUNDLES = fileURLToPath(new URL('../dist', import.meta.url))

/** `new Meseta(this, 'Cluster', {})` in any stack. Nothing is looked up, nothing is read from the environment. */
export class Meseta extends Construct {
  readonly table: ITableV2
  readonly queues: Queues
  readonly functions: Functions
  readonly api: RestApi
  readonly secret: ISecret
  readonly alarmTopic: ITopic

  constructor(scope: Construct, id: string, props: MesetaProps = {}) {
    super(scope, id)
    const prefix = checkedPrefix(props.prefix ?? 'meseta')
    const { emulator = {}, removalPolicy = RemovalPolicy.RETAIN } = props
    const settings = settingsOf(props, prefix)
    const responses = props.schedulerResponses ?? 'stream'
    const logRetention = props.logRetention ?? RetentionDays.ONE_MONTH
    const bundlesDir = props.bundlesDir ?? BUNDLES
    if (props.permissionsBoundary !== undefined) PermissionsBoundary.of(this).apply(props.permissionsBoundary)

    this.table = props.table === undefined ? table(this, removalPolicy) : tableNamed(this, props.table)
    this.queues = queues(this, prefix)
    this.secret = props.secret ?? principals(this, removalPolicy)
    const groupNames = (props.agents ?? []).map(({ name }) => `${prefix}-${name}`)
    const role = agentRole(this)
    this.functions = functions(this, {
      bundlesDir,
      removalPolicy,
      logRetention,
      reservedConcurrency: props.reservedConcurrency ?? {},
      rollout: emulator.noRollout === true ? 'allAtOnce' : (props.rollout ?? 'canary'),
      variables: {
        MESETA_TABLE: this.table.tableName,
        MESETA_QUEUE_PREFIX: prefix,
        MESETA_SETTINGS: JSON.stringify(settings),
        MESETA_RESPONSES: responses,
        MESETA_AGENT_ROLE_ARN: role.roleArn,
        ...(emulator.endpoint === undefined ? {} : { AWS_ENDPOINT_URL: emulator.endpoint }),
      },
      given: {
        tableArn: this.table.tableArn,
        queues: this.queues,
        secretArn: this.secret.secretArn,
        frameworkQueueArns: props.frameworkQueueArns ?? [],
        groupArns: groupNames.map((name) => groupArn(this, name)),
      },
    })
    readQueues(this.functions, this.queues)
    this.api = api(this, {
      functions: this.functions,
      responses,
      removalPolicy,
      logRetention,
      throttling: props.throttling ?? { ratePerSecond: 1_000, burst: 2_000 },
      domain: props.domain,
      webAclArn: props.webAclArn,
      emulator,
    })
    eachMinute(this, this.functions.planner.alias, scheduler(this))
    instanceEventRules(this, this.queues['instance-events'], groupNames)
    this.alarmTopic = props.alarmTopic ?? topic(this)
    alarms(this, {
      prefix,
      functions: this.functions,
      queues: this.queues,
      table: this.table,
      topic: this.alarmTopic,
      profile: timesOf(settings.profile),
      hasMetricMath: emulator.noMetricMath !== true,
    })
    agentGroups(this, {
      prefix,
      bundlesDir,
      groups: props.agents ?? [],
      role,
      vpc: props.vpc,
      url: props.domain === undefined ? this.api.url : `https://${props.domain.name}/`,
      agentPathArn: this.api.arnForExecuteApi('POST', '/api/v1/agent', 'prod'),
      queues: this.queues,
      logRetention,
      removalPolicy,
    })
    this.outputs(prefix, props)
  }

  /** What commands and people need to know of a deployed cluster. */
  private outputs(prefix: string, props: MesetaProps): void {
    const outputs: Readonly<Record<string, string>> = {
      Url: props.domain === undefined ? this.api.url : `https://${props.domain.name}/`,
      ApiId: this.api.restApiId,
      TableName: this.table.tableName,
      QueuePrefix: prefix,
      SecretArn: this.secret.secretArn,
      AlarmTopicArn: this.alarmTopic.topicArn,
    }
    for (const [name, value] of Object.entries(outputs)) {
      const output = new CfnOutput(this, name, { value })
      output.overrideLogicalId(this.node.id === 'Cluster' ? name : `${this.node.id}${name}`)
    }
  }
}

function checkedPrefix(prefix: string): string {
  if (/^[A-Za-z0-9_-]{1,30}$/.test(prefix)) return prefix
  throw new Error(`the prefix is up to 30 letters, digits, - and _, not ${prefix}`)
}

/** Empty at first, so that nobody may call before somebody was let in; later deployments leave it alone. */
function principals(scope: Construct, removalPolicy: RemovalPolicy): ISecret {
  const secret = new Secret(scope, 'Principals', {
    description: 'Meseta: who may call, {"principals":[{"principal","salt","hash"}]}',
    // No secret is in it: an empty list.
    secretStringValue: SecretValue.unsafePlainText('{"principals":[]}'),
    removalPolicy,
  })
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'It holds salted hashes; secrets of frameworks are changed by their owners, and both count meanwhile',
  })
  // The class misses `undefined` in its own interface.
  return secret as ISecret
}

function scheduler(scope: Construct): Role {
  const account = Stack.of(scope).account
  const role = new Role(scope, 'SchedulerRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    }),
  })
  return role
}

function topic(scope: Construct): Topic {
  return new Topic(scope, 'Alarms', { displayName: 'Meseta alarms', enforceSSL: true })
}

/** The part of the ARN that AWS chooses stands between; the name is ours. */
function groupArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({
    service: 'autoscaling',
    resource: `autoScalingGroup:*:autoScalingGroupName/${name}`,
  })
}
