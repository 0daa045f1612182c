// Queues in memory, for the simulator and for tests: they behave as SQS does and follow a clock that can be moved.
import type { Clock } from '../../protocol/clock.ts'
import {
  type MessageSource,
  nudgeBody,
  type QueueName,
  RETENTION_SECONDS,
  type Received,
  VISIBILITY_SECONDS,
} from './message-source.ts'

interface Stored {
  readonly id: string
  readonly body: string
  readonly sentAt: number
  readonly group: string | undefined
  visibleAt: number
  receiveCount: number
  receipt: string
}

interface Queue {
  readonly isFifo: boolean
  readonly visibilityMs: number
  readonly retentionMs: number
  messages: Stored[]
  /** Deduplication ids of the last five minutes, with when they were seen. */
  readonly seen: Map<string, number>
  readonly waiting: Set<() => void>
}

const DEDUPLICATION_MS = 5 * 60_000

/** Everything SQS promises us and nothing more: order within FIFO groups, visibility times, stamps, deduplication. */
export function memoryQueues(clock: Clock): MessageSource {
  const queues = new Map<string, Queue>()
  let last = 0
  for (const name of [
    'heartbeats',
    'allocate',
    'ticks',
    'instance-events',
    'notify',
    'dead-letters',
  ] as const)
    add(name, name)

  const source: MessageSource = {
    clock,
    beatsQueueUrl: () => 'memory:heartbeats',
    endpoint: () => undefined,
    async ensureAgentQueue(agentId) {
      const name = keyOf({ agentId })
      if (!queues.has(name)) add(name, 'agent')
      return { url: `memory:${name}` }
    },
    async removeAgentQueue(agentId) {
      queues.delete(keyOf({ agentId }))
    },
    send: (queue, body, options) => source.sendTo(queue, body, options),
    sendToAgent: (agentId, body) => source.sendTo({ agentId }, nudgeBody(body)),
    async sendTo(name, body, options = {}) {
      const queue = queues.get(keyOf(name))
      if (queue === undefined) return
      if (queue.isFifo && isRepeat(queue, options.deduplicationId)) return
      const now = clock.now()
      queue.messages.push({
        id: `message-${++last}`,
        body,
        sentAt: now,
        group: queue.isFifo ? (options.group ?? '') : undefined,
        visibleAt: now + (options.delaySeconds ?? 0) * 1_000,
        receiveCount: 0,
        receipt: '',
      })
      wake(queue)
    },
    async receive(name, { max = 10, waitMs, signal }) {
      const queue = queues.get(keyOf(name))
      if (queue === undefined) throw new Error(`there is no queue ${keyOf(name)}`)
      const until = clock.now() + waitMs
      for (;;) {
        const batch = take(queue, max)
        const left = until - clock.now()
        if (batch.length > 0 || left <= 0 || signal?.aborted) return batch
        await waitFor(queue, Math.min(left, nextVisible(queue)), signal)
      }
    },
    async remove(name, messages) {
      const queue = queues.get(keyOf(name))
      if (queue === undefined) return
      const receipts = new Set(messages.map(({ receipt }) => receipt))
      queue.messages = queue.messages.filter((message) => !receipts.has(message.receipt))
      wake(queue)
    },
    async putBack(name, messages, ms) {
      const queue = queues.get(keyOf(name))
      if (queue === undefined) return
      const receipts = new Set(messages.map(({ receipt }) => receipt))
      for (const message of queue.messages) {
        if (receipts.has(message.receipt)) message.visibleAt = clock.now() + Math.ceil(ms / 1_000) * 1_000
      }
      wake(queue)
    },
  }
  return source

  function add(name: string, kind: keyof typeof VISIBILITY_SECONDS): void {
    queues.set(name, {
      isFifo: kind === 'heartbeats',
      visibilityMs: VISIBILITY_SECONDS[kind] * 1_000,
      retentionMs: RETENTION_SECONDS[kind] * 1_000,
      messages: [],
      seen: new Map(),
      waiting: new Set(),
    })
  }

  function isRepeat(queue: Queue, deduplicationId: string | undefined): boolean {
    const now = clock.now()
    // The oldest stand first.
    for (const [id, at] of queue.seen) {
      if (now - at <= DEDUPLICATION_MS) break
      queue.seen.delete(id)
    }
    if (deduplicationId === undefined) return false
    if (queue.seen.has(deduplicationId)) return true
    queue.seen.set(deduplicationId, now)
    return false
  }

  function take(queue: Queue, max: number): Received[] {
    const now = clock.now()
    queue.messages = queue.messages.filter((message) => now - message.sentAt <= queue.retentionMs)
    const blocked = new Set<string>()
    const batch: Received[] = []
    // Which groups are in flight was settled before this batch: one batch may hold several messages of a group.
    for (const { group, visibleAt, receiveCount } of queue.messages) {
      if (group !== undefined && receiveCount > 0 && visibleAt > now) blocked.add(group)
    }
    for (const message of queue.messages) {
      if (batch.length === max) break
      if (message.group !== undefined && blocked.has(message.group)) continue
      if (message.visibleAt > now) {
        if (message.group !== undefined) blocked.add(message.group)
        continue
      }
      message.visibleAt = now + queue.visibilityMs
      message.receiveCount++
      message.receipt = `${message.id}/${message.receiveCount}`
      const { id, body, sentAt, group, receiveCount, receipt } = message
      batch.push({ id, body, sentAt, group, receiveCount, receipt, senderId: 'memory' })
    }
    return batch
  }

  /** Milliseconds until something hidden shows again. */
  function nextVisible(queue: Queue): number {
    const now = clock.now()
    const due = queue.messages.map(({ visibleAt }) => visibleAt - now).filter((ms) => ms > 0)
    return Math.min(...due, 20_000)
  }

  function wake(queue: Queue): void {
    for (const waiter of [...queue.waiting]) waiter()
  }

  function waitFor(queue: Queue, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, done)
      signal?.addEventListener('abort', done, { once: true })
      queue.waiting.add(done)
      function done(): void {
        cancel()
        signal?.removeEventListener('abort', done)
        queue.waiting.delete(done)
        resolve()
      }
    })
  }
}

function keyOf(name: QueueName): string {
  return typeof name === 'string' ? name : `agent-${name.agentId}`
}
