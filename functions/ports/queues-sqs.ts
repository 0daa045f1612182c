// Queues on SQS: the AWS adapter, which also speaks to an emulator of it.
import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../protocol/clock.ts'
import {
  type MessageSource,
  nudgeBody,
  type QueueName,
  RETENTION_SECONDS,
  VISIBILITY_SECONDS,
} from './message-source.ts'
import { type SqsCalls, sqsCalls } from './sqs-calls.ts'

export interface SqsOptions {
  readonly clock: Clock
  readonly region: string
  /** First part of every queue's name: letters, digits, `-` and `_`, at most 30. */
  readonly prefix: string
  /** Of an emulator; absent: AWS itself. */
  readonly endpoint?: string | undefined
  /** ARN of the role of the agents' instances, which has no right on their queues: each queue's own policy gives it. */
  readonly agentRoleArn?: string | undefined
  /** Who carries the calls; absent: what suits the endpoint. */
  readonly calls?: SqsCalls | undefined
}

export interface SqsQueues extends MessageSource {
  /** Makes the functions' queues where nobody else does (one machine; on AWS the stack makes them). */
  ensureFunctionQueues(): Promise<void>
  close(): void
}

/** Opens the queues. URLs are asked for once and remembered; that of `heartbeats` with the first agent's queue. */
export function sqsQueues(options: SqsOptions): SqsQueues {
  if (!/^[A-Za-z0-9_-]{1,30}$/.test(options.prefix)) {
    throw new Error('the prefix of queue names is up to 30 letters, digits, - and _')
  }
  const sqs = options.calls ?? sqsCalls(options)
  const urls = new Map<string, string>()
  const queues: SqsQueues = {
    clock: options.clock,
    endpoint: () => options.endpoint,
    isOwn: (url) => url.slice(url.lastIndexOf('/') + 1).startsWith(`${options.prefix}-`),
    beatsQueueUrl() {
      const url = urls.get(nameOf('heartbeats'))
      if (url === undefined)
        throw new Error('the queue heartbeats is not known yet; ensure the agent’s queue first')
      return url
    },
    async ensureFunctionQueues() {
      for (const name of [
        'heartbeats',
        'allocate',
        'ticks',
        'instance-events',
        'notify',
        'dead-letters',
      ] as const)
        await create(name)
    },
    async ensureAgentQueue(agentId, instanceId) {
      const [url] = await Promise.all([create({ agentId }, instanceId), urlOf('heartbeats')])
      return { url }
    },
    async removeAgentQueue(agentId) {
      const url = await urlOf({ agentId })
      urls.delete(nameOf({ agentId }))
      if (url === undefined) return
      // Somebody else may have removed it since we asked for its URL.
      await sqs.call('DeleteQueue', { QueueUrl: url }).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    },
    send: (queue, body, sending) => queues.sendTo(queue, body, sending),
    sendToAgent: (agentId, body) => queues.sendTo({ agentId }, nudgeBody(body)),
    async sendTo(queue, body, sending = {}) {
      const url = await urlOf(queue)
      if (url === undefined) return missing(queue)
      const fifo =
        queue === 'heartbeats'
          ? {
              MessageGroupId: sending.group ?? '0',
              // Random where none is given: a counter would begin again after a restart, within the five minutes in
              // which SQS drops repeats.
              MessageDeduplicationId: sending.deduplicationId ?? randomUUID(),
            }
          : {}
      const delay = sending.delaySeconds === undefined ? {} : { DelaySeconds: sending.delaySeconds }
      try {
        await sqs.call('SendMessage', { QueueUrl: url, MessageBody: body, ...fifo, ...delay })
      } catch (error) {
        if (!isMissing(error)) throw error
        urls.delete(nameOf(queue))
        missing(queue)
      }
    },
    async receive(queue, { max = 10, waitMs, signal }) {
      const url = await urlOf(queue)
      if (url === undefined) throw new Error(`there is no queue ${nameOf(queue)}`)
      const answer = await sqs.call(
        'ReceiveMessage',
        {
          QueueUrl: url,
          MaxNumberOfMessages: max,
          WaitTimeSeconds: Math.min(20, Math.ceil(waitMs / 1_000)),
          MessageSystemAttributeNames: [
            'SentTimestamp',
            'SenderId',
            'ApproximateReceiveCount',
            ...(queue === 'heartbeats' ? (['MessageGroupId'] as const) : []),
          ],
        },
        signal,
      )
      return (answer.Messages ?? []).map((message) => ({
        id: message.MessageId ?? '',
        body: message.Body ?? '',
        sentAt: Number(message.Attributes?.SentTimestamp ?? 0),
        group: message.Attributes?.MessageGroupId,
        senderId: message.Attributes?.SenderId,
        receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
        receipt: message.ReceiptHandle ?? '',
      }))
    },
    async remove(queue, messages) {
      const url = await urlOf(queue)
      for (const batch of tens(messages)) {
        await sqs.call('DeleteMessageBatch', {
          QueueUrl: url,
          Entries: batch.map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt })),
        })
      }
    },
    async putBack(queue, messages, ms) {
      const url = await urlOf(queue)
      for (const batch of tens(messages)) {
        await sqs.call('ChangeMessageVisibilityBatch', {
          QueueUrl: url,
          Entries: batch.map(({ receipt }, index) => ({
            Id: String(index),
            ReceiptHandle: receipt,
            VisibilityTimeout: Math.ceil(ms / 1_000),
          })),
        })
      }
    },
    close: () => sqs.close(),
  }
  return queues

  function nameOf(queue: QueueName): string {
    return queueName(options.prefix, queue)
  }

  /** From memory, else asked for; undefined when there is no such queue. */
  async function urlOf(queue: QueueName): Promise<string | undefined> {
    const name = nameOf(queue)
    const known = urls.get(name)
    if (known !== undefined) return known
    try {
      const { QueueUrl } = await sqs.call('GetQueueUrl', { QueueName: name })
      if (QueueUrl !== undefined) urls.set(name, QueueUrl)
      return QueueUrl
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async function create(queue: QueueName, instanceId?: string | undefined): Promise<string> {
    const found = await urlOf(queue)
    if (found !== undefined) return found
    const kind = typeof queue === 'string' ? queue : 'agent'
    const { QueueUrl } = await sqs.call('CreateQueue', {
      QueueName: nameOf(queue),
      Attributes: {
        VisibilityTimeout: String(VISIBILITY_SECONDS[kind]),
        MessageRetentionPeriod: String(RETENTION_SECONDS[kind]),
        ...(kind === 'heartbeats' ? { FifoQueue: 'true' } : {}),
        ...policyOf(options, nameOf(queue), instanceId),
      },
    })
    if (QueueUrl === undefined) throw new Error(`SQS gave no URL for the new queue ${nameOf(queue)}`)
    urls.set(nameOf(queue), QueueUrl)
    return QueueUrl
  }

  /** An agent's queue goes with the agent, and nudges may get lost; any other missing queue is a broken install. */
  function missing(queue: QueueName): void {
    if (typeof queue === 'string')
      throw new Error(`there is no queue ${nameOf(queue)}; was the cluster set up?`)
  }
}

/** The name of a queue: at most 80 letters, digits, `-` and `_` (and `.fifo`), whatever the agent's id looks like. */
export function queueName(prefix: string, queue: QueueName): string {
  if (queue === 'heartbeats') return `${prefix}-heartbeats.fifo`
  if (typeof queue === 'string') return `${prefix}-${queue}`
  const plain = `${prefix}-agent-${queue.agentId}`
  if (/^[A-Za-z0-9_-]{1,80}$/.test(plain)) return plain
  return `${prefix}-agent-${createHash('sha256').update(queue.agentId).digest('hex').slice(0, 32)}`
}

/** A session of an instance's role is named after the instance, so that `aws:userid` is `ROLEID:i-…`. */
function policyOf(
  { agentRoleArn, region }: SqsOptions,
  name: string,
  instanceId: string | undefined,
): { readonly Policy?: string } {
  const [, partition, , , account] = agentRoleArn?.split(':') ?? []
  if (agentRoleArn === undefined || instanceId === undefined) return {}
  const statement = {
    Effect: 'Allow',
    Principal: { AWS: agentRoleArn },
    Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
    Resource: `arn:${partition}:sqs:${region}:${account}:${name}`,
    Condition: { StringLike: { 'aws:userid': `*:${instanceId}` } },
  }
  return { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'QueueDoesNotExist'
}

function tens<T>(list: readonly T[]): T[][] {
  const batches: T[][] = []
  for (let start = 0; start < list.length; start += 10) batches.push(list.slice(start, start + 10))
  return batches
}
