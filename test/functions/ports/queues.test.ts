// One contract for every adapter of the queues: what functions and agents may count on.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { consume, handleBatch } from '../../../functions/ports/consume.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import type { MessageSource } from '../../../functions/ports/message-source.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import { queueName, sqsQueues } from '../../../functions/ports/queues-sqs.ts'
import { sdkCalls } from '../../../functions/ports/sqs-client.ts'
import { type SqsEmulator, startSqsEmulator } from '../../../local/emulators/sqs.ts'
import { systemClock } from '../../../protocol/clock.ts'

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const log = { info() {}, warn() {}, error() {} }

interface Opened {
  readonly source: MessageSource
  close(): Promise<void>
}

async function overSqs(bySdk: boolean): Promise<Opened> {
  const emulator: SqsEmulator = await startSqsEmulator({ port: 0 })
  const source = sqsQueues({
    clock: systemClock,
    region: 'us-east-1',
    prefix: 'test',
    endpoint: emulator.endpoint,
    calls: bySdk ? sdkCalls({ region: 'us-east-1', endpoint: emulator.endpoint, credentials }) : undefined,
  })
  await source.ensureFunctionQueues()
  return {
    source,
    async close() {
      source.close()
      await emulator.stop()
    },
  }
}

async function inMemory(): Promise<Opened> {
  return { source: memoryQueues(systemClock), close: async () => {} }
}

describe.each([
  ['in memory', inMemory],
  ['over an emulator of SQS', () => overSqs(false)],
  ['over the same through the SDK', () => overSqs(true)],
] as const)('queues %s', (_, open) => {
  let opened: Opened
  let source: MessageSource
  beforeAll(async () => {
    opened = await open()
    source = opened.source
  })
  afterAll(() => opened.close())

  /** Bodies of the next beats, in order: an emulator may give one message of a group at a time. */
  async function drain(count: number): Promise<string[]> {
    const bodies: string[] = []
    while (bodies.length < count) {
      const batch = await source.receive('heartbeats', { waitMs: 1_000 })
      if (batch.length === 0) break
      bodies.push(...batch.map(({ body }) => body))
      await source.remove('heartbeats', batch)
    }
    return bodies
  }

  test('H13 a message says when it was sent and how often it was delivered, and is gone once removed', async () => {
    const before = Date.now()
    await source.send('allocate', 'hello')
    const [message] = await source.receive('allocate', { waitMs: 1_000 })
    expect(message).toMatchObject({ body: 'hello', receiveCount: 1 })
    expect(message?.sentAt).toBeGreaterThanOrEqual(before - 1_000)
    expect(message?.sentAt).toBeLessThanOrEqual(Date.now() + 1_000)
    await source.putBack('allocate', message === undefined ? [] : [message], 0)
    const [again] = await source.receive('allocate', { waitMs: 1_000 })
    expect(again).toMatchObject({ id: message?.id, receiveCount: 2 })
    await source.remove('allocate', again === undefined ? [] : [again])
    expect(await source.receive('allocate', { waitMs: 0 })).toEqual([])
  })

  test('C116 order is kept within a group, and a group waits for its failed message', async () => {
    for (const body of ['a1', 'a2', 'a3']) await source.send('heartbeats', body, { group: 'a' })
    await source.send('heartbeats', 'b1', { group: 'b' })
    const first = await source.receive('heartbeats', { waitMs: 1_000, max: 1 })
    expect(first.map(({ body, group }) => [body, group])).toEqual([['a1', 'a']])
    const meanwhile = await source.receive('heartbeats', { waitMs: 1_000 })
    expect(meanwhile.map(({ body }) => body)).toEqual(['b1'])
    await source.remove('heartbeats', meanwhile)
    await source.putBack('heartbeats', first, 0)
    expect(await drain(3)).toEqual(['a1', 'a2', 'a3'])
  })

  test('R15 a message with a deduplication id seen before is dropped, without one it never is', async () => {
    await source.send('heartbeats', 'one', { group: 'd', deduplicationId: 'same' })
    await source.send('heartbeats', 'two', { group: 'd', deduplicationId: 'same' })
    await source.send('heartbeats', 'three', { group: 'd' })
    await source.send('heartbeats', 'three', { group: 'd' })
    expect(await drain(3)).toEqual(['one', 'three', 'three'])
    expect(await source.receive('heartbeats', { waitMs: 0 })).toEqual([])
  })

  test('an agent has a queue of its own, and one that is not there is no error', async () => {
    const agentId = 'cluster-S1'
    await source.sendToAgent(agentId, '{"kind":"sync"}')
    const first = await source.ensureAgentQueue(agentId)
    expect(await source.ensureAgentQueue(agentId)).toEqual(first)
    expect(source.beatsQueueUrl()).toContain('heartbeats')
    await source.sendToAgent(agentId, '{"kind":"call"}')
    await source.sendToAgent(agentId, JSON.stringify({ kind: 'changes', tasks: 'x'.repeat(300_000) }))
    const batch = await source.receive({ agentId }, { waitMs: 1_000 })
    expect(batch.map(({ body }) => body).sort()).toEqual(['{"kind":"call"}', '{"kind":"sync"}'])
    await source.remove({ agentId }, batch)
  })

  test('F18 an agent’s queue is removed with what is in it, twice does no harm, and it can be made again', async () => {
    const agentId = 'test-Sremoved'
    await source.ensureAgentQueue(agentId)
    await source.sendToAgent(agentId, '{"kind":"sync"}')
    for (let time = 0; time < 2; time++) await source.removeAgentQueue(agentId)
    await source.sendToAgent(agentId, '{"kind":"call"}')
    await source.ensureAgentQueue(agentId)
    expect(await source.receive({ agentId }, { waitMs: 0 })).toEqual([])
    await source.sendToAgent(agentId, '{"kind":"register"}')
    const received = await source.receive({ agentId }, { waitMs: 1_000 })
    expect(received.map(({ body }) => body)).toEqual(['{"kind":"register"}'])
  })

  test('a long poll wakes at the next message', async () => {
    const batch = source.receive('ticks', { waitMs: 5_000 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    await source.send('ticks', '{}')
    expect(await batch).toHaveLength(1)
    await source.remove('ticks', await batch)
  })

  test('H14 of a batch only the failed messages come back', async () => {
    for (const body of ['good', 'bad']) await source.send('allocate', body)
    const seen: string[] = []
    const stop = new AbortController()
    await consume(
      source,
      'allocate',
      async (messages) => {
        seen.push(...messages.map(({ body }) => body))
        if (seen.filter((body) => body === 'bad').length === 2) stop.abort()
        return messages
          .filter(({ body, receiveCount }) => body === 'bad' && receiveCount < 2)
          .map(({ id }) => id)
      },
      stop.signal,
      { log, retryMs: 0, waitMs: 1_000 },
    )
    expect(seen.sort()).toEqual(['bad', 'bad', 'good'])
    expect(await source.receive('allocate', { waitMs: 0 })).toEqual([])
  })

  test('F68 poison is parked after its tries, shown, and sent again by hand', async () => {
    const letters = deadLettersOf(source)
    await source.send('allocate', 'poison')
    const options = { log, retryMs: 0, maxReceives: 2 }
    const fail = async () => {
      throw new Error('no')
    }
    for (let round = 0; round < 2; round++) {
      const messages = await source.receive('allocate', { waitMs: 1_000 })
      expect(messages.map(({ body }) => body)).toEqual(['poison'])
      await handleBatch(source, 'allocate', messages, fail, options)
    }
    expect(await source.receive('allocate', { waitMs: 0 })).toEqual([])
    const [letter] = await letters.list()
    expect(letter).toMatchObject({ queue: 'allocate', body: 'poison', receiveCount: 2 })
    expect(await letters.list()).toHaveLength(1)
    expect(await letters.show(letter?.id ?? '')).toEqual(letter)
    expect(await letters.redrive('unknown')).toBe(false)
    expect(await letters.redrive(letter?.id ?? '')).toBe(true)
    expect(await letters.list()).toEqual([])
    const again = await source.receive('allocate', { waitMs: 1_000 })
    expect(again.map(({ body }) => body)).toEqual(['poison'])
    await source.remove('allocate', again)
  })
})

test('queue names are valid whatever an agent calls itself', () => {
  const plain = 'bw2tTzcvUXTHDSMNmrDNdv-S0123456789abcdefABCDEF'
  expect(queueName('meseta', { agentId: plain })).toBe(`meseta-agent-${plain}`)
  for (const agentId of ['a.b', 'x'.repeat(255), 'ü/..']) {
    expect(queueName('meseta', { agentId })).toMatch(/^[A-Za-z0-9_-]{1,80}$/)
  }
  expect(queueName('meseta', 'heartbeats')).toBe('meseta-heartbeats.fifo')
})
