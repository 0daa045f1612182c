// Who may do what: the rights of every function as one table, which its role gets and docs and tests read.
//
// Nothing here is guessed: test/cdk/rights.test.ts runs whole clusters with each function behind its own role, and
// fails for what a role lacks as for what it never needed.
import { Stack } from 'aws-cdk-lib'
import { Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import type { FunctionName } from './props.ts'
import type { Queues } from './queues.ts'

export type FunctionQueue = Exclude<keyof Queues, 'agentQueueArn'>

/**
 * Parts of the one table, by how their partition keys begin; store/items.ts has them. IAM looks at keys only: what
 * stands inside an item of ours, a function may write as it likes.
 */
export const PARTS = {
  /** The cluster's identity, the tick, the allocator's lease. */
  cluster: 'CLUSTER',
  beats: 'BEATS#*',
  /** The list of all agents. */
  agents: 'AGENTS#*',
  /** Ledgers and what runs. */
  agent: 'AGENT#*',
  /** Which agents ran on a machine. */
  instance: 'INSTANCE#*',
  /** The list of all frameworks. */
  frameworks: 'FRAMEWORKS',
  /** Gates, leases, tasks. */
  framework: 'FRAMEWORK#*',
  mail: 'MAIL#*',
  losses: 'LOSSES',
} as const
export type Part = keyof typeof PARTS

export const TABLE_ACTIONS = [
  'GetItem',
  'BatchGetItem',
  'Query',
  'PutItem',
  'DeleteItem',
  'ConditionCheckItem',
] as const
export type TableAction = (typeof TABLE_ACTIONS)[number]

export interface Rights {
  /** Items only: no function makes, changes or scans a table. */
  readonly table?: Readonly<Partial<Record<TableAction, readonly Part[]>>> | undefined
  /** Queues it sends to; `agents` are those of all agents. */
  readonly sends?: readonly (FunctionQueue | 'agents')[] | undefined
  /** The queue whose messages Lambda hands it. */
  readonly reads?: FunctionQueue | undefined
  /** Makes the queues of agents. */
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
const ALL = Object.keys(PARTS) as readonly Part[]
/** Nobody but an event of a machine asks which agents ran on it. */
const KNOWN = ALL.filter((part) => part !== 'instance')
/** Where an agent's loss, its return, its drain and the end of a hold write and remove. */
const LIVES = {
  puts: ['cluster', 'agents', 'agent', 'framework', 'mail', 'losses'],
  removes: ['agent', 'framework', 'mail'],
} as const satisfies Readonly<Record<string, readonly Part[]>>

/** Exactly what the code of each uses. Every one makes the cluster's item at the very first start. */
export const RIGHTS: Readonly<Record<FunctionName, Rights>> = {
  scheduler: {
    table: {
      GetItem: ['cluster', 'agents', 'agent', 'frameworks', 'framework', 'mail', 'losses'],
      BatchGetItem: ['cluster', 'agents', 'agent', 'frameworks', 'framework', 'mail', 'losses'],
      Query: ['agents', 'agent', 'framework', 'mail', 'losses'],
      PutItem: ['cluster', 'agent', 'frameworks', 'framework', 'mail'],
      DeleteItem: LIVES.removes,
      ConditionCheckItem: ['agent', 'frameworks', 'framework'],
    },
    sends: TELLS,
  },
  // RESTORED works on all that there is.
  operator: {
    table: {
      GetItem: KNOWN,
      BatchGetItem: KNOWN,
      Query: ['agents', 'agent', 'frameworks', 'framework', 'mail', 'losses'],
      PutItem: KNOWN,
      DeleteItem: ['agents', ...LIVES.removes],
      ConditionCheckItem: ['agent', 'framework'],
    },
    sends: [...TELLS, 'ticks', 'instance-events', 'dead-letters'],
    readsDeadLetters: true,
  },
  agents: {
    table: {
      GetItem: ALL,
      BatchGetItem: ALL,
      Query: ['agent', 'frameworks', 'mail'],
      PutItem: [...LIVES.puts, 'frameworks', 'instance'],
      DeleteItem: LIVES.removes,
      ConditionCheckItem: ['agent', 'frameworks'],
    },
    sends: [...TELLS, 'heartbeats'],
    makesAgentQueues: true,
  },
  heartbeats: {
    table: {
      GetItem: ['cluster', 'beats', 'agent'],
      BatchGetItem: ['agent'],
      PutItem: ['cluster', 'beats'],
    },
    sends: ['agents'],
    reads: 'heartbeats',
  },
  allocator: {
    table: {
      GetItem: ['cluster', 'agents', 'agent', 'mail'],
      BatchGetItem: ['cluster', 'agents', 'agent', 'mail'],
      Query: ['agents', 'agent', 'frameworks'],
      PutItem: ['cluster', 'agent', 'mail'],
      ConditionCheckItem: ['framework'],
    },
    sends: ['allocate', 'notify', 'dead-letters'],
    reads: 'allocate',
  },
  // It finishes what anybody left, restores among it, and forgets agents and frameworks of long ago.
  detector: {
    table: {
      GetItem: KNOWN,
      BatchGetItem: KNOWN,
      Query: ['agents', 'agent', 'frameworks', 'framework', 'mail', 'losses'],
      PutItem: KNOWN,
      DeleteItem: ['agents', 'instance', 'frameworks', ...LIVES.removes],
      ConditionCheckItem: ['beats', 'agent', 'framework'],
    },
    sends: [...TELLS, 'heartbeats', 'dead-letters'],
    reads: 'ticks',
    makesAgentQueues: true,
    deletesAgentQueues: true,
    looksUpInstances: true,
    endsHooks: true,
  },
  planner: {
    table: { GetItem: ['cluster'], Query: ['agents', 'frameworks'], PutItem: ['cluster'] },
    sends: ['ticks', 'allocate'],
  },
  'instance-events': {
    table: {
      GetItem: KNOWN,
      BatchGetItem: KNOWN,
      Query: ['agent', 'instance', 'frameworks', 'mail'],
      PutItem: LIVES.puts,
      DeleteItem: LIVES.removes,
      ConditionCheckItem: ['agent'],
    },
    sends: [...TELLS, 'instance-events', 'dead-letters'],
    reads: 'instance-events',
    looksUpInstances: true,
    endsHooks: true,
  },
  notifier: {
    table: {
      GetItem: ['cluster', 'agent', 'mail', 'losses'],
      BatchGetItem: ['frameworks', 'framework', 'agent', 'mail', 'losses'],
      Query: ['frameworks', 'framework', 'mail', 'losses'],
      PutItem: ['cluster', 'framework', 'mail'],
      DeleteItem: ['mail'],
      ConditionCheckItem: ['framework'],
    },
    sends: ['notify', 'dead-letters'],
    reads: 'notify',
    deliversToFrameworks: true,
  },
  authorizer: { readsSecret: true },
}

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
  const found: PolicyStatement[] = [...ofTable(rights, given.tableArn)]
  const may = (actions: readonly string[], resources: readonly string[]) => {
    if (resources.length > 0) found.push(allow(actions, resources))
  }
  if (rights.sends !== undefined) may(['sqs:GetQueueUrl', 'sqs:SendMessage'], rights.sends.map(arnOf))
  // What Lambda's own poller asks of the role; it hides and shows messages by itself.
  if (rights.reads !== undefined)
    may(['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], [arnOf(rights.reads)])
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

/**
 * A statement for all actions on the same parts. Every key that a call names must be of them; each step of a
 * transaction counts by itself. Where a function works on all parts there is no condition that would say anything.
 */
function ofTable({ table = {} }: Rights, tableArn: string): PolicyStatement[] {
  const byParts = new Map<string, { readonly actions: string[]; readonly parts: readonly Part[] }>()
  for (const action of TABLE_ACTIONS) {
    const parts = ALL.filter((part) => table[action]?.includes(part))
    if (parts.length === 0) continue
    const known = byParts.get(parts.join()) ?? { actions: [], parts }
    known.actions.push(`dynamodb:${action}`)
    byParts.set(parts.join(), known)
  }
  return [...byParts.values()].map(({ actions, parts }) => {
    const statement = allow(actions, [tableArn])
    if (parts.length < ALL.length) {
      const keys = parts.map((part) => PARTS[part])
      statement.addCondition('ForAllValues:StringLike', { 'dynamodb:LeadingKeys': keys })
    }
    return statement
  })
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
