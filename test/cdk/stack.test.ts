// The stack as CloudFormation sees it: streaming, time limits, queues, encryption, rights without wildcards. Each prop is
// tried in stack-props.test.ts, each alarm in stack-alarms.test.ts, each right in rights.test.ts.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Match } from 'aws-cdk-lib/assertions'
import { beforeAll, describe, expect, test } from 'vitest'
import { propsOf } from '../../cdk/context.ts'
import { SHAPES } from '../../cdk/functions.ts'
import { FUNCTIONS } from '../../cdk/props.ts'
import { MesetaStack } from '../../cdk/stack.ts'
import { queueName } from '../../functions/ports/queues-sqs.ts'
import { TABLE, TTL_ATTRIBUTE } from '../../store/table.ts'
import { templateOf } from './stubs.ts'

let template: ReturnType<typeof templateOf>
beforeAll(() => {
  template = templateOf({})
}, 60_000)

/** What the template says of all resources of a type. */
function all(type: string): readonly Record<string, never>[] {
  return Object.values(template.findResources(type)).map(({ Properties }) => Properties)
}

test('the table is that of store/table.ts: on demand, backed up, kept, protected, with its expiry (A22)', () => {
  template.hasResource('AWS::DynamoDB::GlobalTable', {
    DeletionPolicy: 'Retain',
    Properties: {
      KeySchema: TABLE.KeySchema,
      AttributeDefinitions: TABLE.AttributeDefinitions,
      BillingMode: TABLE.BillingMode,
      TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
      Replicas: [
        Match.objectLike({
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      ],
    },
  })
})

describe('queues', () => {
  test('have the names the functions ask for, and are encrypted (A22)', () => {
    const queues = all('AWS::SQS::Queue')
    const names = (
      ['heartbeats', 'allocate', 'ticks', 'instance-events', 'notify', 'dead-letters'] as const
    ).map((queue) => queueName('meseta', queue))
    expect(queues.map(({ QueueName }) => QueueName).sort()).toEqual(names.sort())
    for (const queue of queues) expect(queue.SqsManagedSseEnabled).toBe(true)
  })

  test('every queue refuses what is not encrypted on its way', () => {
    const policies = JSON.stringify(all('AWS::SQS::QueuePolicy'))
    expect(policies.match(/"aws:SecureTransport":"false"/g)).toHaveLength(6)
  })

  test('messages over which a function dies end in the dead letters; beats and ticks never do', () => {
    const redriven = all('AWS::SQS::Queue')
      .filter(({ RedrivePolicy }) => RedrivePolicy !== undefined)
      .map(({ QueueName }) => String(QueueName))
    expect(redriven.sort()).toEqual(['meseta-allocate', 'meseta-instance-events', 'meseta-notify'])
  })

  test('stay hidden for six time limits of their function; beats for little more than one', () => {
    const hidden = new Map(
      all('AWS::SQS::Queue').map(({ QueueName, VisibilityTimeout }) => [
        String(QueueName),
        VisibilityTimeout,
      ]),
    )
    const readers = {
      allocate: 'allocator',
      ticks: 'detector',
      'instance-events': 'instance-events',
      notify: 'notifier',
    } as const
    for (const [queue, name] of Object.entries(readers))
      expect
        .soft(hidden.get(`meseta-${queue}`), queue)
        .toBeGreaterThanOrEqual(6 * SHAPES[name].timeout.toSeconds())
    expect(SHAPES.heartbeats.timeout.toSeconds()).toBe(5)
    expect(hidden.get('meseta-heartbeats.fifo')).toBe(6)
  })

  test('only failed messages of a batch come again (H14)', () => {
    const mappings = all('AWS::Lambda::EventSourceMapping')
    expect(mappings).toHaveLength(5)
    for (const mapping of mappings) {
      expect(mapping.FunctionResponseTypes).toEqual(['ReportBatchItemFailures'])
      expect(mapping.MaximumBatchingWindowInSeconds ?? 0).toBe(0)
    }
  })
})

describe('functions', () => {
  test('run on Node 24 and arm64, behind an alias each, with a log that ends', () => {
    const functions = all('AWS::Lambda::Function')
    expect(functions).toHaveLength(FUNCTIONS.length)
    for (const fn of functions)
      expect
        .soft(fn)
        .toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' })
    template.resourceCountIs('AWS::Lambda::Alias', FUNCTIONS.length)
    for (const log of all('AWS::Logs::LogGroup')) expect(log.RetentionInDays).toBe(30)
  })

  test('new versions see a tenth of the calls first, and go back when they fail', () => {
    const groups = all('AWS::CodeDeploy::DeploymentGroup')
    expect(groups).toHaveLength(FUNCTIONS.length)
    for (const group of groups) {
      expect(group).toMatchObject({
        DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
        AlarmConfiguration: { Enabled: true },
      })
      expect(JSON.stringify(group)).toContain('DEPLOYMENT_STOP_ON_ALARM')
    }
  })
})

describe('the API', () => {
  test('streams to frameworks and operators for as long as it can; agents get whole answers', () => {
    const streaming = all('AWS::ApiGateway::Method').filter((method) =>
      JSON.stringify(method).includes('"ResponseTransferMode":"STREAM"'),
    )
    // scheduler, /api/v1, /api/v1/meseta, and four methods of the old endpoints
    expect(streaming).toHaveLength(7)
    for (const method of streaming) {
      expect(JSON.stringify(method)).toContain('response-streaming-invocations')
      expect(method).toMatchObject({ Integration: { TimeoutInMillis: 900_000 } })
    }
  })

  test('nobody calls without credentials; agents sign (A6, A22)', () => {
    const kinds = all('AWS::ApiGateway::Method').map(({ AuthorizationType }) => String(AuthorizationType))
    expect(kinds.filter((kind) => kind === 'AWS_IAM')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'CUSTOM')).toHaveLength(7)
    expect(kinds).toHaveLength(8)
    template.resourceCountIs('AWS::Lambda::Url', 0)
    template.hasResourceProperties('AWS::ApiGateway::Authorizer', {
      Type: 'REQUEST',
      IdentitySource: 'method.request.header.Authorization',
      AuthorizerResultTtlInSeconds: 300,
    })
    template.hasResourceProperties('AWS::ApiGateway::GatewayResponse', {
      ResponseType: 'UNAUTHORIZED',
      ResponseParameters: { 'gatewayresponse.header.WWW-Authenticate': `'Basic realm="mesos-master"'` },
    })
  })

  test('binary bodies arrive as they were sent', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', {
      BinaryMediaTypes: ['application/x-protobuf'],
      EndpointConfiguration: { Types: ['REGIONAL'] },
    })
  })
})

describe('rights', () => {
  test('no action is a wildcard; one resource is, which EC2 does not know otherwise', () => {
    for (const { Action, Resource, Condition } of statements()) {
      const actions = [Action].flat().map(String)
      expect(actions.filter((action) => action.includes('*'))).toEqual([])
      if (JSON.stringify(Resource) !== '"*"') continue
      expect(actions).toEqual(['ec2:DescribeInstances'])
      expect(JSON.stringify(Condition)).toContain('aws:RequestedRegion')
    }
  })

  test('no function scans, makes or changes the table (A22)', () => {
    const actions = statements().flatMap(({ Action }) => [Action].flat().map(String))
    const known = ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query']
    const used = new Set(actions.filter((action) => action.startsWith('dynamodb:')))
    expect([...used].sort()).toEqual(known.map((action) => `dynamodb:${action}`))
  })

  test("another account's rules cannot write into the queue of instance events (A23)", () => {
    const events = JSON.stringify(all('AWS::SQS::QueuePolicy'))
    const allows = events.match(/"Service":"events.amazonaws.com"/g) ?? []
    expect(allows.length).toBeGreaterThan(0)
    expect(events.match(/"aws:SourceArn"/g)).toHaveLength(allows.length)
  })
})

describe('what is said when something is missing', () => {
  test('no bundles', () => {
    const bundlesDir = mkdtempSync(join(tmpdir(), 'meseta-empty-'))
    expect(() => new MesetaStack(new App(), 'Meseta', { bundlesDir })).toThrow(/run npm run bundle first/)
  })

  test('context values', () => {
    const read = (name: string) => ({ responses: 'sometimes' })[name]
    expect(() => propsOf(read)).toThrow(
      'the context value responses is one of stream, buffered, not sometimes',
    )
  })
})

function statements(): readonly Readonly<Record<string, unknown>>[] {
  return all('AWS::IAM::Policy').flatMap(
    // CloudFormation's own shape.
    ({ PolicyDocument }) =>
      (PolicyDocument as unknown as { Statement: Readonly<Record<string, unknown>>[] }).Statement,
  )
}
