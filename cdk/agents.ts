// The machines that run agents: a group each, made anew from a template, drained before they end.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Duration, type RemovalPolicy, Tags } from 'aws-cdk-lib'
import {
  AutoScalingGroup,
  CfnAutoScalingGroup,
  DefaultResult,
  GroupMetrics,
  HealthChecks,
  LifecycleTransition,
  OnDemandAllocationStrategy,
  SpotAllocationStrategy,
} from 'aws-cdk-lib/aws-autoscaling'
import {
  AmazonLinuxCpuType,
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  InstanceType,
  type IVpc,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MachineImage,
  SecurityGroup,
  SubnetType,
  UserData,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Asset } from 'aws-cdk-lib/aws-s3-assets'
import { StringParameter } from 'aws-cdk-lib/aws-ssm'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { pascal } from './functions.ts'
import type { AgentGroupProps } from './props.ts'
import type { Queues } from './queues.ts'

export interface AgentsProps {
  readonly prefix: string
  readonly bundlesDir: string
  readonly groups: readonly AgentGroupProps[]
  /** Of `agentRole`. */
  readonly role: Role
  readonly vpc: IVpc | undefined
  /** Of the control plane. */
  readonly url: string
  /** What agents may call. */
  readonly agentPathArn: string
  readonly queues: Queues
  readonly logRetention: RetentionDays
  readonly removalPolicy: RemovalPolicy
}

const TYPES = {
  arm64: ['m7g.large', 'm6g.large', 'c7g.large'],
  x64: ['m7i.large', 'm6i.large', 'm5.large'],
} as const
const INSTALL = fileURLToPath(new URL('agent', import.meta.url))

/** The functions name it in the policies of agents' queues, so it is there before them. */
export function agentRole(scope: Construct): Role {
  return new Role(scope, 'AgentRole', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') })
}

/** Nothing without groups: a cluster may have its agents elsewhere. */
export function agentGroups(parent: Construct, props: AgentsProps): void {
  if (props.groups.length === 0) return
  const scope = new Construct(parent, 'Agents')
  const vpc = props.vpc ?? network(scope, props)
  giveAgentRights(props)
  for (const group of props.groups) one(new Construct(scope, pascal(group.name)), group, { ...props, vpc })
}

type InPlace = AgentsProps & { readonly vpc: IVpc }

function one(scope: Construct, group: AgentGroupProps, props: InPlace): void {
  const architecture = group.architecture ?? 'arm64'
  const types = group.instanceTypes ?? TYPES[architecture]
  const made = new AutoScalingGroup(scope, 'Group', {
    autoScalingGroupName: `${props.prefix}-${group.name}`,
    vpc: props.vpc,
    minCapacity: group.minCapacity ?? 0,
    maxCapacity: group.maxCapacity ?? 10,
    ...(group.desiredCapacity === undefined ? {} : { desiredCapacity: group.desiredCapacity }),
    healthChecks: HealthChecks.ec2({ gracePeriod: Duration.minutes(5) }),
    groupMetrics: [GroupMetrics.all()],
    capacityRebalance: true,
    mixedInstancesPolicy: {
      launchTemplate: template(scope, group, props, architecture),
      launchTemplateOverrides: types.map((type) => ({ instanceType: new InstanceType(type) })),
      instancesDistribution: {
        onDemandBaseCapacity: group.onDemandBase ?? 0,
        onDemandPercentageAboveBaseCapacity: 100 - (group.spotPercent ?? 0),
        onDemandAllocationStrategy: OnDemandAllocationStrategy.PRIORITIZED,
        spotAllocationStrategy: SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
      },
    },
  })
  // With the group itself, so that no machine of it ever ends without.
  drained(made)
  Tags.of(made).add('Name', `${props.prefix}-${group.name}`)
  acknowledge(made, 'EC26', 'The volume is encrypted by the template; the rule cannot read templates')
  acknowledge(
    made,
    'AS3',
    'What becomes of machines is seen by the rules for instance events and told as events of agents',
  )
}

/** The control plane ends the hook when the agent is drained; after a quarter of an hour AWS goes on by itself. */
function drained(group: AutoScalingGroup): void {
  if (!(group.node.defaultChild instanceof CfnAutoScalingGroup)) throw new Error('the group has no resource')
  group.node.defaultChild.lifecycleHookSpecificationList = [
    {
      lifecycleHookName: 'drain',
      lifecycleTransition: LifecycleTransition.INSTANCE_TERMINATING,
      heartbeatTimeout: Duration.minutes(15).toSeconds(),
      defaultResult: DefaultResult.CONTINUE,
    },
  ]
}

function template(
  scope: Construct,
  group: AgentGroupProps,
  props: InPlace,
  architecture: 'arm64' | 'x64',
): LaunchTemplate {
  const cpuType = architecture === 'arm64' ? AmazonLinuxCpuType.ARM_64 : AmazonLinuxCpuType.X86_64
  const securityGroup = new SecurityGroup(scope, 'Machines', {
    vpc: props.vpc,
    description: 'Agents of Meseta: nobody calls them, they call AWS',
  })
  const volume = BlockDeviceVolume.ebs(group.diskGiB ?? 30, {
    encrypted: true,
    volumeType: EbsDeviceVolumeType.GP3,
    deleteOnTermination: true,
  })
  return new LaunchTemplate(scope, 'Template', {
    // Found by AWS when it deploys: no look-up of ours.
    machineImage: MachineImage.latestAmazonLinux2023({ cpuType }),
    role: props.role,
    securityGroup,
    requireImdsv2: true,
    httpTokens: LaunchTemplateHttpTokens.REQUIRED,
    httpPutResponseHopLimit: 1,
    detailedMonitoring: false,
    userData: userData(scope, group, props, architecture),
    blockDevices: [{ deviceName: '/dev/xvda', volume }],
  })
}

/** Files come from the deployment's own bucket: the bundle, the scripts, Node itself. */
function userData(
  scope: Construct,
  group: AgentGroupProps,
  props: InPlace,
  architecture: 'arm64' | 'x64',
): UserData {
  const data = UserData.forLinux()
  const release: string[] = []
  const fetched = (id: string, path: string, localFile: string): string => {
    const asset = new Asset(scope, id, { path })
    // Not the library's grant: that reads the whole bucket of all deployments.
    mayRead(props.role, 's3:GetObject', asset.bucket.arnForObjects(asset.s3ObjectKey))
    release.push(asset.s3ObjectUrl)
    return data.addS3DownloadCommand({ bucket: asset.bucket, bucketKey: asset.s3ObjectKey, localFile })
  }
  data.addCommands('set -euo pipefail', 'mkdir -p /opt/meseta/new')
  const bundle = fetched('Bundle', bundleOf(props.bundlesDir), '/opt/meseta/new/bundle.zip')
  const scripts = fetched('Install', INSTALL, '/opt/meseta/new/scripts.zip')
  const node = fetched('Node', nodeOf(architecture), '/opt/meseta/new/node')
  const wanted = release.join(' ')
  data.addCommands(
    'cd /opt/meseta/new',
    `unzip -oq ${bundle} -d bundle && unzip -oq ${scripts} -d scripts && chmod 755 ${node}`,
    `export MESETA_URL='${props.url}'`,
    `export MESETA_REGION='${props.vpc.stack.region}'`,
    `export MESETA_GROUP='${plain(group.name)}' MESETA_ATTRIBUTES='${plain(group.attributes ?? '')}'`,
    `export MESETA_RELEASE='${wanted}'`,
    `export MESETA_RELEASE_PARAMETER='${releaseParameter(scope, group, wanted, props).parameterName}'`,
    `bash scripts/install.sh bundle ${node}`,
    'cd / && rm -rf /opt/meseta/new',
  )
  return data
}

/** What machines that run already are to run: they look, and replace their agent in place (cdk/agent/update.sh). */
function releaseParameter(
  scope: Construct,
  group: AgentGroupProps,
  wanted: string,
  { role }: InPlace,
): StringParameter {
  const parameter = new StringParameter(scope, 'Release', {
    description: `Meseta: where machines of the group ${plain(group.name)} find bundle, scripts and Node of their agent`,
    stringValue: wanted,
  })
  mayRead(role, 'ssm:GetParameter', parameter.parameterArn)
  return parameter
}

function mayRead(role: Role, action: string, resource: string): void {
  role.addToPolicy(new PolicyStatement({ actions: [action], resources: [resource] }))
}

/** Becomes part of a script: what could end the quotes is refused. */
function plain(text: string): string {
  if (/^[\w:;.,/ -]*$/.test(text)) return text
  throw new Error(`names and attributes of agents are letters, digits and :;.,/_-, not ${text}`)
}

function bundleOf(bundlesDir: string): string {
  const folder = join(bundlesDir, 'agent')
  if (existsSync(join(folder, 'main.mjs'))) return folder
  throw new Error(`there is no bundle of the agent in ${folder}; run npm run bundle first`)
}

/** The program of npm's own package: an agent has its Node with it. */
function nodeOf(architecture: 'arm64' | 'x64'): string {
  const name = `node-linux-${architecture}`
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return join(dirname(manifest), 'bin', 'node')
  } catch {
    throw new Error(
      `there is no Node for ${architecture} machines; run npm install --no-save --force --os=linux --cpu=${architecture} ${name}`,
    )
  }
}

/** No right on any agent's queue: those are the queues' own policies to give, each to its instance alone. */
function giveAgentRights({ role, agentPathArn, queues }: AgentsProps): void {
  const may = (action: string, resource: string) =>
    role.addToPolicy(new PolicyStatement({ actions: [action], resources: [resource] }))
  may('execute-api:Invoke', agentPathArn)
  may('sqs:SendMessage', queues.heartbeats.queueArn)
}

/** Two zones, public addresses, nothing that costs while nobody uses it; nobody can call in. */
function network(scope: Construct, { logRetention, removalPolicy }: AgentsProps): IVpc {
  const logGroup = new LogGroup(scope, 'FlowLog', { retention: logRetention, removalPolicy })
  const made = new Vpc(scope, 'Network', {
    maxAzs: 2,
    natGateways: 0,
    subnetConfiguration: [{ name: 'Machines', subnetType: SubnetType.PUBLIC }],
    restrictDefaultSecurityGroup: false,
    gatewayEndpoints: {
      S3: { service: GatewayVpcEndpointAwsService.S3 },
      DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
    },
    flowLogs: { All: { destination: FlowLogDestination.toCloudWatchLogs(logGroup) } },
  })
  // The class misses `undefined` in its own interface.
  return made as IVpc
}
