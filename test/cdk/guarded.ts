// A function's environment behind its role: every call of the table, of queues and of EC2 is held against its policies.
//
// The calls are those that the adapters would make: store/dynamodb.ts, functions/ports/queues-sqs.ts, ec2-query.ts.
import { pascal } from '../../cdk/functions.ts'
import type { FunctionName } from '../../cdk/props.ts'
import { RIGHTS } from '../../cdk/rights.ts'
import type { Environment } from '../../functions/environment.ts'
import type { MessageSource, QueueName } from '../../functions/ports/message-source.ts'
import type { FunctionQueue, Queues } from '../../functions/ports/queues.ts'
import { queueName } from '../../functions/ports/queues-sqs.ts'
import type { Change } from '../../master/decision.ts'
import type { ItemKind } from '../../master/model.ts'
import { keyOf, PARTITIONS } from '../../store/items.ts'
import type { Store } from '../../store/store.ts'
import { type Asked, isAllowed, type Policies, queueArn } from './iam.ts'

const PREFIX = 'meseta'
const TABLE = 'ClusterTable'

/** Who asks now; undefined where nobody can tell: then nothing is judged. */
export type WhoAsks = () => FunctionName | undefined

export class Guard {
  readonly #policies: Policies
  /** What was refused: `planner: dynamodb:PutItem on MAIL#…`. */
  readonly refused = new Set<string>()
  /** What was done: `planner dynamodb:Query AGENTS` by the first part of the key, `planner sqs:SendMessage ticks`. */
  readonly used = new Set<string>()

  constructor(policies: Policies) {
    this.#policies = policies
  }

  ask(who: FunctionName, asked: Asked): void {
    const statements = this.#policies.get(`ClusterFunctions${pascal(who)}Role`)
    if (statements === undefined) throw new Error(`the stack has no policy of the role of ${who}`)
    const { action, resource, keys } = asked
    const on = keys === undefined ? [shortOf(resource)] : keys.map((key) => key.split('#')[0] ?? '')
    if (!isAllowed(statements, asked))
      this.refused.add(`${who}: ${action} on ${[...new Set(on)].sort().join(', ')}`)
    for (const one of on) this.used.add(`${who} ${action} ${one}`)
  }

  /** The same world, through the eyes of a role. */
  environment(env: Environment, who: WhoAsks): Environment {
    const ask = (asked: Asked): void => {
      const name = who()
      if (name !== undefined) this.ask(name, asked)
    }
    return {
      ...env,
      store: guardedStore(env.store, ask),
      // Where the environment's queues are a source, its consumer reads them.
      queues: guardedQueues(env.queues as MessageSource, ask, who),
      ...(env.ec2 === undefined ? {} : { ec2: guardedEc2(env.ec2, ask) }),
    }
  }
}

/** Queues by their name without the prefix, those of agents as `agents`. */
function shortOf(resource: string): string {
  const name = resource.slice(resource.lastIndexOf(':') + 1)
  if (!name.startsWith(`${PREFIX}-`)) return name
  const queue = name.slice(PREFIX.length + 1).replace('.fifo', '')
  return queue.startsWith('agent-') ? 'agents' : queue
}

type Ask = (asked: Asked) => void

function guardedStore(store: Store, ask: Ask): Store {
  const table = (action: string, keys: readonly string[]) => {
    if (keys.length > 0) ask({ action: `dynamodb:${action}`, resource: TABLE, keys })
  }
  const reads = (keys: readonly string[]) => table(keys.length === 1 ? 'GetItem' : 'BatchGetItem', keys)
  return {
    get(kind, ref) {
      reads([keyOf(kind, ref).pk])
      return store.get(kind, ref)
    },
    getMany(kind, refs) {
      reads(refs.map((ref) => keyOf(kind, ref).pk))
      return store.getMany(kind, refs)
    },
    load(refs) {
      reads(refs.map(({ kind, ref }) => keyOf<ItemKind>(kind, ref).pk))
      return store.load(refs)
    },
    query(partition, ref, options) {
      table('Query', [PARTITIONS[partition].pk(ref)])
      return store.query(partition, ref, options)
    },
    commit(changes, token) {
      for (const change of changes) table(actionOf(change, changes.length), [pkOf(change)])
      // When an answer was lost, what was written is looked for: one of the puts, or all of them.
      const puts = changes.length === 1 ? [] : changes.filter(({ do: what }) => what === 'put').map(pkOf)
      if (puts.length > 0) reads(puts)
      if (puts[0] !== undefined) reads([puts[0]])
      return store.commit(changes, token)
    },
  }
}

function actionOf(change: Change, count: number): string {
  if (change.do === 'put') return 'PutItem'
  if (change.do === 'remove') return 'DeleteItem'
  // Alone it is a read.
  return count === 1 ? 'GetItem' : 'ConditionCheckItem'
}

function pkOf(change: Change): string {
  return keyOf<ItemKind>(change.kind, change.item).pk
}

function guardedQueues(queues: MessageSource, ask: Ask, who: WhoAsks): MessageSource {
  const sqs = (queue: QueueName, ...actions: readonly string[]) => {
    const resource = queueArn(queueName(PREFIX, queue))
    for (const action of ['GetQueueUrl', ...actions]) ask({ action: `sqs:${action}`, resource })
  }
  /** Lambda reads a function's own queue for it. */
  const isOwn = (queue: QueueName) => {
    const name = who()
    return name !== undefined && RIGHTS[name].reads === queue
  }
  return {
    ...queues,
    send(queue: FunctionQueue | 'dead-letters', body: string, options?: Parameters<Queues['send']>[2]) {
      sqs(queue, 'SendMessage')
      return queues.send(queue, body, options)
    },
    sendTo(queue, body, options) {
      sqs(queue, 'SendMessage')
      return queues.sendTo(queue, body, options)
    },
    sendToAgent(agentId, body) {
      sqs({ agentId }, 'SendMessage')
      return queues.sendToAgent(agentId, body)
    },
    ensureAgentQueue(agentId, instanceId) {
      sqs({ agentId }, 'CreateQueue')
      sqs('heartbeats')
      return queues.ensureAgentQueue(agentId, instanceId)
    },
    removeAgentQueue(agentId) {
      sqs({ agentId }, 'DeleteQueue')
      return queues.removeAgentQueue(agentId)
    },
    receive(queue, options) {
      if (!isOwn(queue)) sqs(queue, 'ReceiveMessage')
      return queues.receive(queue, options)
    },
    remove(queue, messages) {
      if (!isOwn(queue)) sqs(queue, 'DeleteMessage')
      return queues.remove(queue, messages)
    },
    putBack(queue, messages, ms) {
      if (!isOwn(queue)) sqs(queue, 'ChangeMessageVisibility')
      return queues.putBack(queue, messages, ms)
    },
  }
}

function guardedEc2(ec2: NonNullable<Environment['ec2']>, ask: Ask): NonNullable<Environment['ec2']> {
  return {
    lookUp(instanceIds, signal) {
      ask({ action: 'ec2:DescribeInstances', resource: '*' })
      return ec2.lookUp(instanceIds, signal)
    },
    complete(hook, instanceId, signal) {
      const resource = `arn:<AWS::Partition>:autoscaling:<AWS::Region>:<AWS::AccountId>:autoScalingGroup:some-uuid:autoScalingGroupName/meseta-agents`
      ask({ action: 'autoscaling:CompleteLifecycleAction', resource })
      return ec2.complete(hook, instanceId, signal)
    },
  }
}
