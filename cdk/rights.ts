// Who may do what: the rights of every function as one table, which its role gets and docs and tests read.
import { Stack } from 'aws-cdk-lib'
import { Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import type { FunctionName } from './props.ts'
import type { Queues } from './queues.ts'

type FunctionQueue = Exclude<keyof Queues, 'agentQueueArn'>

export interface Rights {
  readonly table?: 'whole' | undefined
  /** Queues it sends to; `agents` are those of all agents. */
  readonly sends?: readonly (FunctionQueue | 'agents')[] | undefined
  /** Makes and deletes the queues of agents. */
  readonly makesAgentQueues?: true | undefined
  readonly deletesAgentQueues?: true | undefined
  /** Lists, takes out and puts back dead letters. */
  readonly readsDeadLetters?: true | undefined
  /** Looks instances up. */
  readonly looksUpInstances?: true | undefined
  /** Ends the hooks of the cluster's own Auto Scaling groups. */
  readonly endsHooks?: true | undefined
  readonly readsSecret?: true | undefined
  readonly deliversToFrameworks?: true | undefined
}

const TELLS = ['agents', 'allocate', 'notify'] as const

/** Exactly what the code of each uses. */
export const RIGHTS: Readonly<Record<FunctionName, Rights>> = {
  scheduler: { table: 'whole', sends: TELLS },
  operator: {
    table: 'whole',
    sends: [...TELLS, 'ticks', 'instance-events', 'dead-letters'],
    readsDeadLetters: true,
  },
  agents: {
    table: 'whole',
    sends: [...TELLS, 'heartbeats'],
    makesAgentQueues: true,
    deletesAgentQueues: true,
    looksUpInstances: true,
    endsHooks: true,
  },
  heartbeats: { table: 'whole', sends: TELLS },
  allocator: { table: 'whole', sends: [...TELLS, 'dead-letters'] },
  detector: {
    table: 'whole',
    sends: [...TELLS, 'heartbeats', 'dead-letters'],
    makesAgentQueues: true,
    deletesAgentQueues: true,
    looksUpInstances: true,
    endsHooks: true,
  },
  planner: { table: 'whole', sends: ['ticks', 'allocate'] },
  'instance-events': {
    table: 'whole',
    sends: [...TELLS, 'instance-events', 'dead-letters'],
    makesAgentQueues: true,
    deletesAgentQueues: true,
    looksUpInstances: true,
    endsHooks: true,
  },
  notifier: { table: 'whole', sends: [...TELLS, 'dead-letters'], deliversToFrameworks: true },
  authorizer: { readsSecret: true },
}

/** Items only: no function makes, changes or scans a table. */
const TABLE_ACTIONS = [
  'dynamodb:BatchGetItem',
  'dynamodb:ConditionCheckItem',
  'dynamodb:DeleteItem',
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:Query',
]

export interface Given {
  readonly tableArn: string
  readonly queues: Queues
  readonly secretArn: string
  readonly frameworkQueueArns: readonly string[]
  /** ARNs of the cluster's own Auto Scaling groups; none where it has none. */
  readonly groupArns: readonly string[]
}

/** Puts the rights of one function into its role. */
export function giveRights(scope: Construct, role: IRole, name: FunctionName, given: Given): void {
  for (const statement of statements(scope, RIGHTS[name], given)) role.addToPrincipalPolicy(statement)
}

function statements(scope: Construct, rights: Rights, given: Given): PolicyStatement[] {
  const { queues } = given
  const arnOf = (queue: FunctionQueue | 'agents') =>
    queue === 'agents' ? queues.agentQueueArn('*') : queues[queue].queueArn
  const agentQueues = [queues.agentQueueArn('*')]
  const found: PolicyStatement[] = []
  const may = (actions: readonly string[], resources: readonly string[]) => {
    if (resources.length > 0) found.push(allow(actions, resources))
  }
  if (rights.table !== undefined) may(TABLE_ACTIONS, [given.tableArn])
  if (rights.sends !== undefined) may(['sqs:GetQueueUrl', 'sqs:SendMessage'], rights.sends.map(arnOf))
  if (rights.makesAgentQueues) may(['sqs:CreateQueue'], agentQueues)
  if (rights.deletesAgentQueues) may(['sqs:DeleteQueue'], agentQueues)
  if (rights.readsDeadLetters) {
    may(
      ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
      [queues['dead-letters'].queueArn],
    )
  }
  if (rights.looksUpInstances) found.push(lookUp(scope))
  if (rights.endsHooks) may(['autoscaling:CompleteLifecycleAction'], given.groupArns)
  if (rights.readsSecret) may(['secretsmanager:GetSecretValue'], [given.secretArn])
  if (rights.deliversToFrameworks) may(['sqs:SendMessage'], given.frameworkQueueArns)
  return found
}

function allow(actions: readonly string[], resources: readonly string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...resources] })
}

/** EC2 knows no resources for this action; the region is what can be said. */
function lookUp(scope: Construct): PolicyStatement {
  return new PolicyStatement({
    actions: ['ec2:DescribeInstances'],
    resources: ['*'],
    conditions: { StringEquals: { 'aws:RequestedRegion': Stack.of(scope).region } },
  })
}
