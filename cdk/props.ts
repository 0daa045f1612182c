// What a cluster in an account can be given; everything has a default that suits a small cluster.
import type { RemovalPolicy } from 'aws-cdk-lib'
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager'
import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import type { IManagedPolicy } from 'aws-cdk-lib/aws-iam'
import type { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { ITopic } from 'aws-cdk-lib/aws-sns'

/** Every function of the cluster; each has a bundle of its name. */
export const FUNCTIONS = [
  'scheduler',
  'operator',
  'agents',
  'heartbeats',
  'allocator',
  'detector',
  'planner',
  'instance-events',
  'notifier',
  'authorizer',
] as const
export type FunctionName = (typeof FUNCTIONS)[number]

export interface MesetaProps {
  /** First part of the names of queues: letters, digits, `-`, `_`, at most 30. Two clusters of an account differ in it. */
  readonly prefix?: string | undefined
  /** The setting `profile` and what differs from it; functions/lambda/settings.ts has all names and checks values. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  /**
   * As many agents as there shall ever be; chooses the shards of beats and of the list of agents, see
   * docs/operating.md. Default: 60. It may grow, never shrink: agents stay in their shard.
   */
  readonly forAgents?: number | undefined
  /**
   * Name of a table instead of one of its own: one that was restored (docs/operating.md). From then on every deployment
   * must name it, for without it the cluster would begin anew in an empty one.
   */
  readonly table?: string | undefined
  /** Folder with `functions/<name>/index.mjs` and `agent/main.mjs`; `npm run bundle` makes `dist`. */
  readonly bundlesDir?: string | undefined
  /** `buffered` where the API cannot stream: SUBSCRIBE is a short stream then. */
  readonly schedulerResponses?: 'stream' | 'buffered' | undefined
  /** `canary`: a tenth of the calls for five minutes, back when an alarm rings. Needs CodeDeploy. */
  readonly rollout?: 'canary' | 'allAtOnce' | undefined
  /** Of table, secret and logs. Default: RETAIN; the table is then protected against deletion as well. */
  readonly removalPolicy?: RemovalPolicy | undefined
  readonly logRetention?: RetentionDays | undefined
  /** Concurrency that is set aside for a function; nothing by default. */
  readonly reservedConcurrency?: Partial<Readonly<Record<FunctionName, number>>> | undefined
  /** Calls of the API, for everybody together. */
  readonly throttling?: { readonly ratePerSecond: number; readonly burst: number } | undefined
  /** Principals as functions/lambda/credentials.ts reads them; without one an empty secret is made: nobody may call. */
  readonly secret?: ISecret | undefined
  /** Own host name with an empty base path, which old clients need: they call `/api/v1/scheduler`. */
  readonly domain?: { readonly name: string; readonly certificate: ICertificate } | undefined
  /** ARN of a regional web ACL of WAF. */
  readonly webAclArn?: string | undefined
  /** FIFO queues of frameworks the notifier may deliver into, by ARN. */
  readonly frameworkQueueArns?: readonly string[] | undefined
  /** Where alarms are told; without one a topic is made. */
  readonly alarmTopic?: ITopic | undefined
  /** Every role of the cluster gets it. */
  readonly permissionsBoundary?: IManagedPolicy | undefined
  /** Groups of machines that run agents; none by default. */
  readonly agents?: readonly AgentGroupProps[] | undefined
  /** Where agents run; without one a small network is made as soon as there are groups. */
  readonly vpc?: IVpc | undefined
  /** What an emulator lacks is left out. */
  readonly emulator?: EmulatorGaps | undefined
}

/** Each is true where the place of the deployment does not know the thing. */
export interface EmulatorGaps {
  /** No CodeDeploy: `rollout` is all at once. */
  readonly noRollout?: boolean | undefined
  /** No account-wide role of API Gateway for its logs, hence no access log. */
  readonly noAccessLog?: boolean | undefined
  /** No alarms on sums of metrics. */
  readonly noMetricMath?: boolean | undefined
  /** No WAF. */
  readonly noWaf?: boolean | undefined
  /** Nobody checks signatures: agents call without. */
  readonly noSignatures?: boolean | undefined
  /** No request authorizers: everybody may call. Only for an emulator on loopback. */
  readonly noAuthorizer?: boolean | undefined
  /** Address of the emulator as functions reach it. */
  readonly endpoint?: string | undefined
}

export interface AgentGroupProps {
  /** Names the group; becomes the attribute `group` of its agents. */
  readonly name: string
  readonly architecture?: 'arm64' | 'x64' | undefined
  /** From cheap to dear; the first one is the template's. Must be of the architecture. */
  readonly instanceTypes?: readonly string[] | undefined
  readonly minCapacity?: number | undefined
  readonly maxCapacity?: number | undefined
  readonly desiredCapacity?: number | undefined
  /** Of the machines above `onDemandBase`, percent that are Spot. */
  readonly spotPercent?: number | undefined
  readonly onDemandBase?: number | undefined
  readonly diskGiB?: number | undefined
  /** Further attributes, `ssd:true;rack:a`. */
  readonly attributes?: string | undefined
}
