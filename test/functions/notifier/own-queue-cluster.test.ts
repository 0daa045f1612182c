// A framework that is told into its own SQS FIFO queue runs its tasks: one message an event, in order, told apart.
import { afterEach, expect, test } from 'vitest'
import { type SqsCalls, sqsCalls } from '../../../functions/ports/sqs-calls.ts'
import { type SqsEmulator, startSqsEmulator } from '../../../local/emulators/sqs.ts'
import type { TaskStatus } from '../../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../../cluster.ts'
import { commandTask } from '../../framework.ts'
import { type Delivered, labels, subscribeDelivered } from './hook.ts'

let cluster: TestCluster | undefined
let emulator: SqsEmulator | undefined
let sqs: SqsCalls | undefined

afterEach(async () => {
  await cluster?.stop()
  sqs?.close()
  await emulator?.stop()
})

/** A cluster whose nudges go through memory, and a queue in the emulator of SQS. */
async function started() {
  emulator = await startSqsEmulator({ port: 0 })
  const { endpoint } = emulator
  sqs = sqsCalls({ region: 'us-east-1', endpoint })
  const Attributes = { FifoQueue: 'true', VisibilityTimeout: '60' }
  const { QueueUrl = '' } = await sqs.call('CreateQueue', { QueueName: 'my-framework.fifo', Attributes })
  cluster = await startCluster({
    store: 'memory',
    wrapQueues: (queues) => ({ ...queues, endpoint: () => endpoint }),
  })
  return { cluster, sqs, url: QueueUrl }
}

interface Message {
  readonly group: string | undefined
  readonly delivered: Delivered
}

async function received(calls: SqsCalls, url: string): Promise<readonly Message[]> {
  const { Messages = [] } = await calls.call('ReceiveMessage', {
    QueueUrl: url,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: 1,
    MessageSystemAttributeNames: ['MessageGroupId'],
  })
  if (Messages.length > 0)
    await calls.call('DeleteMessageBatch', {
      QueueUrl: url,
      Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
    })
  // Written by the notifier.
  return Messages.map(({ Body = '', Attributes }) => ({
    group: Attributes?.MessageGroupId,
    delivered: JSON.parse(Body) as Delivered,
  }))
}

test('R19: ten tasks through a queue of the framework: one group, one message an event, in order', async () => {
  const { cluster, sqs, url } = await started()
  const session = await subscribeDelivered(cluster.url, labels('sqs', url))
  expect(session.secret).toBeUndefined()
  const left = Array.from({ length: 10 }, (_, index) => `task-${index}`)
  const states = new Map<string, string[]>()
  const ids = new Set<string>()
  const isOver = () => [...states.values()].filter((seen) => seen.includes('TASK_FINISHED')).length === 10
  const heard = async (status: TaskStatus) => {
    const seen = states.get(status.task_id.value) ?? []
    states.set(status.task_id.value, [...seen, status.state])
    await session.acknowledge(status)
  }
  const deadline = performance.now() + 20_000
  while (!isOver() && performance.now() < deadline) {
    for (const { group, delivered } of await received(sqs, url)) {
      expect(group).toBe(session.id)
      expect(delivered.stream_id).toBe(session.streamId)
      expect(delivered.events).toHaveLength(1)
      const [{ id, event } = { id: '', event: { type: 'HEARTBEAT' } as const }] = delivered.events
      expect(ids.has(id)).toBe(false)
      ids.add(id)
      if ('update' in event && event.update !== undefined) await heard(event.update.status)
      for (const offer of ('offers' in event && event.offers?.offers) || []) {
        const task_infos = left.splice(0, 3).map((taskId) => commandTask(offer, taskId, 'true'))
        const offer_ids = [offer.id]
        await session.call(
          task_infos.length === 0
            ? { type: 'DECLINE', decline: { offer_ids, filters: { refuse_seconds: 3_600 } } }
            : {
                type: 'ACCEPT',
                accept: {
                  offer_ids,
                  operations: [{ type: 'LAUNCH', launch: { task_infos } }],
                  filters: { refuse_seconds: 0 },
                },
              },
        )
      }
    }
  }
  expect(states.size).toBe(10)
  for (const seen of states.values()) expect(seen).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
})

test('a queue that is not there is an endpoint that is away; one that comes is told what waits', async () => {
  const { cluster, sqs, url } = await started()
  const missing = url.replace('my-framework', 'not-yet')
  const { id } = await subscribeDelivered(cluster.url, labels('sqs', missing))
  const failures = async () =>
    (await cluster.store.get('lease', { frameworkId: id }))?.notifying?.failures ?? 0
  for (let second = 0; second < 20 && (await failures()) < 2; second++) await cluster.clock.advance(1_000)
  expect(await failures()).toBeGreaterThan(1)
  const Attributes = { FifoQueue: 'true' }
  await sqs.call('CreateQueue', { QueueName: 'not-yet.fifo', Attributes })
  await cluster.clock.advance(12_000)
  const events = (await received(sqs, missing)).flatMap(({ delivered }) => delivered.events)
  expect(events.map(({ event }) => event.type)).toContain('OFFERS')
  expect(await failures()).toBe(0)
})
