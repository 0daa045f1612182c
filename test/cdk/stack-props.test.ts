// The stack with each of its props: what it changes, what is refused with a sentence, and that cdk-nag finds nothing.
import { App, RemovalPolicy, Stack, Tags, Validations } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { Vpc } from 'aws-cdk-lib/aws-ec2'
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { Queue } from 'aws-cdk-lib/aws-sqs'
import { AwsSolutionsChecks } from 'cdk-nag'
import { beforeAll, describe, expect, test } from 'vitest'
import { propsOf } from '../../cdk/context.ts'
import { Meseta } from '../../cdk/meseta.ts'
import { FUNCTIONS, type MesetaProps } from '../../cdk/props.ts'
import { CHECKS, shardsFor } from '../../cdk/settings.ts'
import { agentsPerShard } from '../../cli/cost/model.ts'
import { settingsOf } from '../../functions/lambda/settings.ts'
import { stubBundles, templateOf, WITH_AGENTS } from './stubs.ts'

const SYNTHESIS = 60_000
const GROUP = WITH_AGENTS.agents

/** What the template says of all resources of a type. */
function all(template: Template, type: string): readonly Record<string, never>[] {
  return Object.values(template.findResources(type)).map(({ Properties }) => Properties)
}

/** A cluster in a stack that has other things, which its props name. */
function beside(propsIn: (stack: Stack) => MesetaProps): Template {
  const stack = new Stack(new App(), 'Mine')
  new Meseta(stack, 'Cluster', { bundlesDir: stubBundles(), ...propsIn(stack) })
  return Template.fromStack(stack)
}

/** What every function is told. */
function settingsIn(template: Template): readonly string[] {
  return all(template, 'AWS::Lambda::Function').map(
    // CloudFormation's own shape.
    ({ Environment }) =>
      (Environment as unknown as { Variables: Record<string, string> }).Variables.MESETA_SETTINGS ?? '',
  )
}

describe('props', () => {
  test(
    'domain: a host name of its own, with an empty base path, told to agents',
    () => {
      const template = beside((stack) => ({
        agents: GROUP,
        domain: {
          name: 'mesos.example.com',
          certificate: Certificate.fromCertificateArn(stack, 'C', 'arn:aws:acm:us-east-1:1:certificate/c'),
        },
      }))
      template.hasResourceProperties('AWS::ApiGateway::DomainName', {
        DomainName: 'mesos.example.com',
        SecurityPolicy: 'TLS_1_2',
      })
      const [mapping] = all(template, 'AWS::ApiGateway::BasePathMapping')
      expect(mapping?.BasePath).toBeUndefined()
      expect(template.findOutputs('Url').Url?.Value).toBe('https://mesos.example.com/')
      expect(JSON.stringify(all(template, 'AWS::EC2::LaunchTemplate'))).toContain(
        'https://mesos.example.com/',
      )
    },
    SYNTHESIS,
  )

  test(
    'webAclArn: the web ACL stands before the stage',
    () => {
      const webAclArn = 'arn:aws:wafv2:us-east-1:1:regional/webacl/mine/1'
      templateOf({ webAclArn }).hasResourceProperties('AWS::WAFv2::WebACLAssociation', {
        WebACLArn: webAclArn,
      })
    },
    SYNTHESIS,
  )

  test(
    'vpc: agents are where it says, and no network is made',
    () => {
      const template = beside((stack) => ({
        agents: GROUP,
        vpc: Vpc.fromVpcAttributes(stack, 'V', {
          vpcId: 'vpc-1',
          availabilityZones: ['us-east-1a'],
          privateSubnetIds: ['subnet-1'],
          privateSubnetRouteTableIds: ['rtb-1'],
        }),
      }))
      template.resourceCountIs('AWS::EC2::VPC', 0)
      template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
        VPCZoneIdentifier: ['subnet-1'],
      })
    },
    SYNTHESIS,
  )

  test(
    'permissionsBoundary: every role of the cluster has it (A22)',
    () => {
      const template = beside((stack) => ({
        agents: GROUP,
        permissionsBoundary: ManagedPolicy.fromManagedPolicyName(stack, 'B', 'boundary'),
      }))
      const roles = all(template, 'AWS::IAM::Role')
      expect(roles.length).toBeGreaterThan(FUNCTIONS.length)
      for (const role of roles) expect(JSON.stringify(role.PermissionsBoundary)).toContain('policy/boundary')
    },
    SYNTHESIS,
  )

  test(
    'tags: those of the stack are on everything that can carry them',
    () => {
      const stack = new Stack(new App(), 'Mine')
      new Meseta(stack, 'Cluster', { bundlesDir: stubBundles() })
      Tags.of(stack).add('team', 'mine')
      const template = Template.fromStack(stack)
      for (const type of [
        'AWS::SQS::Queue',
        'AWS::Lambda::Function',
        'AWS::IAM::Role',
        'AWS::Logs::LogGroup',
      ])
        for (const made of all(template, type))
          expect.soft(made.Tags, type).toContainEqual({ Key: 'team', Value: 'mine' })
      expect(JSON.stringify(all(template, 'AWS::DynamoDB::GlobalTable'))).toContain('"Value":"mine"')
    },
    SYNTHESIS,
  )

  test(
    'rollout: allAtOnce needs no CodeDeploy',
    () => {
      const template = templateOf({ rollout: 'allAtOnce' })
      template.resourceCountIs('AWS::CodeDeploy::DeploymentGroup', 0)
      template.resourceCountIs('AWS::Lambda::Alias', FUNCTIONS.length)
    },
    SYNTHESIS,
  )

  test(
    'schedulerResponses: buffered is told to the functions, and no method streams',
    () => {
      const template = templateOf({ schedulerResponses: 'buffered' })
      expect(JSON.stringify(all(template, 'AWS::ApiGateway::Method'))).not.toContain('STREAM')
      for (const { Environment } of all(template, 'AWS::Lambda::Function'))
        expect(JSON.stringify(Environment)).toContain('"MESETA_RESPONSES":"buffered"')
    },
    SYNTHESIS,
  )

  test(
    'removalPolicy: a cluster to throw away keeps nothing, and nothing protects it',
    () => {
      const template = templateOf({ removalPolicy: RemovalPolicy.DESTROY, agents: GROUP })
      const kept = Object.entries(template.toJSON().Resources as Record<string, { DeletionPolicy?: string }>)
        .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
        .map(([id]) => id)
      // API Gateway's role for logs is the account's.
      expect(kept.filter((id) => !/^ClusterApi(CloudWatchRole|Account)/.test(id))).toEqual([])
      expect(JSON.stringify(all(template, 'AWS::DynamoDB::GlobalTable'))).toContain(
        '"DeletionProtectionEnabled":false',
      )
    },
    SYNTHESIS,
  )

  test(
    'logRetention: logs end when it says',
    () => {
      for (const { RetentionInDays } of all(
        templateOf({ logRetention: RetentionDays.THREE_DAYS }),
        'AWS::Logs::LogGroup',
      ))
        expect(RetentionInDays).toBe(3)
    },
    SYNTHESIS,
  )

  test(
    'throttling: the stage takes so many calls',
    () => {
      const template = templateOf({ throttling: { ratePerSecond: 7, burst: 9 } })
      const [stage] = all(template, 'AWS::ApiGateway::Stage')
      expect(JSON.stringify(stage)).toContain('"ThrottlingBurstLimit":9,"ThrottlingRateLimit":7')
    },
    SYNTHESIS,
  )

  test(
    'reservedConcurrency: set aside for the functions that are named',
    () => {
      const template = templateOf({ reservedConcurrency: { heartbeats: 50 } })
      const reserved = all(template, 'AWS::Lambda::Function').flatMap(
        ({ ReservedConcurrentExecutions }) => ReservedConcurrentExecutions ?? [],
      )
      expect(reserved).toEqual([50])
    },
    SYNTHESIS,
  )

  test(
    'frameworkQueueArns: the notifier may send there, and nobody else (A22)',
    () => {
      const arn = 'arn:aws:sqs:us-east-1:1:mine.fifo'
      const policies = Object.entries(
        templateOf({ frameworkQueueArns: [arn] }).findResources('AWS::IAM::Policy'),
      )
      const named = policies.filter(([, policy]) => JSON.stringify(policy).includes(arn)).map(([id]) => id)
      expect(named).toHaveLength(1)
      expect(named[0]).toContain('Notifier')
    },
    SYNTHESIS,
  )

  test(
    'secret and alarmTopic: given ones are used, and none are made',
    () => {
      const template = beside((stack) => ({
        secret: Secret.fromSecretNameV2(stack, 'S', 'mine'),
        alarmTopic: Topic.fromTopicArn(stack, 'T', 'arn:aws:sns:us-east-1:1:mine'),
      }))
      template.resourceCountIs('AWS::SecretsManager::Secret', 0)
      template.resourceCountIs('AWS::SNS::Topic', 0)
      for (const { AlarmActions } of all(template, 'AWS::CloudWatch::Alarm'))
        if (AlarmActions !== undefined) expect(AlarmActions).toEqual(['arn:aws:sns:us-east-1:1:mine'])
    },
    SYNTHESIS,
  )

  test(
    'table: one that was restored is used, and every role may do there what it did in its own',
    () => {
      const template = templateOf({ table: 'Meseta-restored-1' })
      template.resourceCountIs('AWS::DynamoDB::GlobalTable', 0)
      for (const { Environment } of all(template, 'AWS::Lambda::Function'))
        expect(JSON.stringify(Environment)).toContain('"MESETA_TABLE":"Meseta-restored-1"')
      expect(JSON.stringify(all(template, 'AWS::IAM::Policy'))).toContain(':table/Meseta-restored-1')
      expect(template.findOutputs('TableName').TableName?.Value).toBe('Meseta-restored-1')
    },
    SYNTHESIS,
  )

  test(
    'prefix: two clusters of an account share no queue',
    () => {
      const names = (prefix: string) =>
        all(templateOf({ prefix }), 'AWS::SQS::Queue').map(({ QueueName }) => String(QueueName))
      const [one, other] = [names('one'), names('other')]
      expect(one.filter((name) => other.includes(name))).toEqual([])
      expect(() => templateOf({ prefix: 'with spaces' })).toThrow('the prefix is up to 30 letters')
    },
    SYNTHESIS,
  )

  test(
    'no browser of another site may call: nothing answers CORS',
    () => {
      const template = JSON.stringify(templateOf({}).toJSON())
      expect(template).not.toContain('Access-Control-Allow')
      expect(template).not.toContain('"HttpMethod":"OPTIONS"')
    },
    SYNTHESIS,
  )
})

describe('settings', () => {
  test(
    'what is given reaches every function, which takes it',
    () => {
      const settings = { profile: 'mesos', offerTimeoutMs: 60_000, shardsPerFramework: 4 }
      for (const text of settingsIn(templateOf({ settings, prefix: 'mine' }))) {
        const read = settingsOf(text, { region: 'r', isEmulated: false })
        expect(read).toMatchObject({
          profileName: 'mesos',
          offerTimeoutMs: 60_000,
          shardsPerFramework: 4,
          clusterName: 'mine',
          beatShards: 1,
        })
      }
    },
    SYNTHESIS,
  )

  const WRONG: readonly (readonly [settings: Readonly<Record<string, unknown>>, sentence: string])[] = [
    [{ profile: 'quick' }, 'the setting profile is one of fast, default, mesos, not "quick"'],
    [{ ofertimeout: 1 }, 'there is no setting ofertimeout; there are profile,'],
    [{ offerTimeoutMs: '60s' }, 'the setting offerTimeoutMs must be milliseconds, 0 or more, not "60s"'],
    [{ gatesPerFramework: 17 }, 'the setting gatesPerFramework must be a whole number from 1 to 16, not 17'],
    [{ beatShards: 0 }, 'the setting beatShards must be a whole number from 1 to 1000, not 0'],
    [{ maxExpiredShare: 2 }, 'the setting maxExpiredShare must be a share from 0 to 1, not 2'],
    [{ notices: [] }, 'the setting notices must be an object, not []'],
  ]
  for (const [settings, sentence] of WRONG)
    test(`refused at synthesis, not in the logs of functions that do not start: ${sentence}`, () => {
      expect(() => templateOf({ settings })).toThrow(sentence)
      const place = { region: 'r', isEmulated: false }
      expect(() => settingsOf(JSON.stringify(settings), place)).toThrow('MESETA_SETTINGS')
    })

  test('cdk/settings.ts knows the settings that functions know', () => {
    const named = /there are (.*)$/.exec(sentenceOf({ nonsense: 1 }))?.[1]?.split(', ') ?? []
    expect(Object.keys(CHECKS).sort()).toEqual(named.sort())
  })

  test('context values that are no numbers, and settings that are no JSON', () => {
    const props = (values: Readonly<Record<string, unknown>>) => propsOf((name) => values[name])
    expect(() => props({ settings: '{' })).toThrow('the context value settings is a JSON object')
    expect(props({ forAgents: '500' })).toMatchObject({ forAgents: 500 })
    expect(() => templateOf(props({ forAgents: 'many' }))).toThrow(
      'forAgents is a whole number from 1 to 60000',
    )
  })
})

describe('forAgents', () => {
  test(
    'the shards that so many agents need, as functions read them',
    () => {
      const [text = ''] = settingsIn(templateOf({ forAgents: 10_000 }))
      const read = settingsOf(text, { region: 'r', isEmulated: false })
      expect(read).toMatchObject({ beatShards: 167, agentIndexShards: 15 })
    },
    SYNTHESIS,
  )

  test('few agents have one shard; above 200 the list is cut so that every tick reads a whole part (R7)', () => {
    expect(shardsFor(60, 'default')).toEqual({ beatShards: 1, agentIndexShards: 1 })
    expect(shardsFor(61, 'default')).toEqual({ beatShards: 2, agentIndexShards: 1 })
    expect(shardsFor(201, 'default')).toEqual({ beatShards: 4, agentIndexShards: 15 })
    expect(shardsFor(201, 'mesos')).toEqual({ beatShards: 2, agentIndexShards: 2 })
    expect(shardsFor(201, 'fast')).toEqual({ beatShards: 21, agentIndexShards: 30 })
  })

  test('what a cluster is deployed with is what its cost is reckoned with', () => {
    const beats = { fast: 0.5, default: 3, mesos: 15 } as const
    for (const [profile, seconds] of Object.entries(beats) as [keyof typeof beats, number][]) {
      const most = agentsPerShard(seconds)
      expect.soft(shardsFor(most, profile).beatShards, profile).toBe(1)
      expect.soft(shardsFor(most + 1, profile).beatShards, profile).toBe(2)
    }
  })

  test(
    'a setting that is given goes before it',
    () => {
      const [text = ''] = settingsIn(templateOf({ forAgents: 10_000, settings: { beatShards: 200 } }))
      expect(JSON.parse(text)).toMatchObject({ beatShards: 200, agentIndexShards: 15 })
    },
    SYNTHESIS,
  )
})

describe('A23: only our own rules and account reach what is ours', () => {
  let template: Template
  beforeAll(() => {
    template = templateOf(WITH_AGENTS)
  }, SYNTHESIS)

  test('every statement for EventBridge in the policy of a queue names one rule of ours', () => {
    const rules = Object.keys(template.findResources('AWS::Events::Rule'))
    const named = all(template, 'AWS::SQS::QueuePolicy')
      .flatMap(({ PolicyDocument }) => (PolicyDocument as unknown as Document).Statement)
      .filter(({ Principal }) => JSON.stringify(Principal).includes('events.amazonaws.com'))
      .map(({ Condition }) => JSON.stringify(Condition))
    expect(rules).toHaveLength(4)
    expect(named.sort()).toEqual(
      rules.map((rule) => `{"ArnEquals":{"aws:SourceArn":{"Fn::GetAtt":["${rule}","Arn"]}}}`).sort(),
    )
  })

  test('every other statement of those policies refuses', () => {
    for (const { Effect, Principal } of all(template, 'AWS::SQS::QueuePolicy').flatMap(
      ({ PolicyDocument }) => (PolicyDocument as unknown as Document).Statement,
    ))
      expect(Effect === 'Deny' || JSON.stringify(Principal).includes('events.amazonaws.com')).toBe(true)
  })

  test('the schedule takes its role in our account only', () => {
    const [role] = all(template, 'AWS::IAM::Role').filter((one) =>
      JSON.stringify(one).includes('scheduler.amazonaws.com'),
    )
    expect(JSON.stringify(role)).toContain(
      '"Condition":{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}',
    )
  })

  test('API Gateway calls each function as this API only', () => {
    const permissions = all(template, 'AWS::Lambda::Permission').filter(
      ({ Principal }) => String(Principal) === 'apigateway.amazonaws.com',
    )
    expect(permissions.length).toBeGreaterThanOrEqual(4)
    for (const { SourceArn } of permissions) expect(JSON.stringify(SourceArn)).toContain('"ClusterApi')
  })

  test('nothing of ours is open to everybody (A22)', () => {
    template.resourceCountIs('AWS::Lambda::Url', 0)
    template.resourceCountIs('AWS::S3::Bucket', 0)
    for (const statement of Object.values(template.findResources('AWS::SNS::TopicPolicy')).flatMap(
      ({ Properties }) => (Properties.PolicyDocument as Document).Statement,
    ))
      expect(statement.Effect).toBe('Deny')
  })
})

describe('cdk-nag finds nothing', () => {
  const VARIANTS: Readonly<Record<string, MesetaProps>> = {
    'with machines': WITH_AGENTS,
    'buffered, all at once': { schedulerResponses: 'buffered', rollout: 'allAtOnce' },
    'with a web ACL and queues of frameworks': {
      webAclArn: 'arn:aws:wafv2:us-east-1:1:regional/webacl/mine/1',
      frameworkQueueArns: ['arn:aws:sqs:us-east-1:1:mine.fifo'],
    },
    'to throw away, for ten thousand agents': { removalPolicy: RemovalPolicy.DESTROY, forAgents: 10_000 },
  }
  test('and would find what is wrong', () => {
    const app = new App()
    new Queue(new Stack(app, 'Meseta'), 'Open')
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
    expect(() => app.synth()).toThrow()
  })

  for (const [name, props] of Object.entries(VARIANTS))
    test(
      name,
      () => {
        const app = new App()
        new Meseta(new Stack(app, 'Meseta'), 'Cluster', { bundlesDir: stubBundles(), ...props })
        Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
        expect(() => app.synth()).not.toThrow()
      },
      SYNTHESIS,
    )
})

interface Document {
  readonly Statement: readonly {
    readonly Effect: string
    readonly Principal: unknown
    readonly Condition?: unknown
  }[]
}

function sentenceOf(settings: Readonly<Record<string, unknown>>): string {
  try {
    settingsOf(JSON.stringify(settings), { region: 'r', isEmulated: false })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'nothing was wrong'
}
