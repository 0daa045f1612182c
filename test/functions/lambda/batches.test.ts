// Batches of a queue: which messages come again, which are parked, and what beats wait for.
import { describe, expect, test } from 'vitest'
import { SHAPES } from '../../../cdk/functions.ts'
import { batchFunction, messageOf } from '../../../functions/lambda/batches.ts'
import { hasSuspect, patientHeartbeats, waitMs } from '../../../functions/lambda/patient-heartbeats.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import type { QueueMessage } from '../../../functions/ports/queues.ts'
import { noBeats } from '../../../master/detection/beats.ts'
import { PROFILES } from '../../../master/settings.ts'
import { type World, world } from '../agents/world.ts'
import { sqsRecord } from './events.ts'

type Handle = (messages: readonly QueueMessage[]) => Promise<readonly string[]>

async function fn(
  handle: Handle,
  given: { queue?: 'heartbeats' | 'instance-events'; maxReceives?: number } = {},
) {
  const w = await world()
  const { queue = 'instance-events', maxReceives } = given
  const host = {
    ...w.env,
    // Only what a batch needs of a function.
    queues: w.queues as never,
    environment: async () => w.env,
    finished: async () => {},
    sqs: undefined as never,
    prefix: 'test',
    responses: 'stream' as const,
  }
  const handler = batchFunction(host, { queue, handle: (_, messages) => handle(messages), maxReceives })
  const again = async (...records: ReturnType<typeof sqsRecord>[]) =>
    (await handler({ Records: records })).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
  return { w, again, letters: deadLettersOf(w.queues) }
}

test('R16 a message is what SQS says of it', () => {
  const record = sqsRecord('m1', '{}', { MessageGroupId: '3', ApproximateReceiveCount: '2' })
  expect(messageOf(record)).toEqual({
    id: 'm1',
    body: '{}',
    sentAt: 1_760_000_000_000,
    group: '3',
    senderId: 'AROAEXAMPLEEXAMPLE123:i-0123456789abcdef0',
    receiveCount: 2,
    receipt: 'receipt-m1',
  })
})

describe('H14 what comes again', () => {
  const ids = ['a', 'b', 'c', 'd'] as const
  const subsets = Array.from({ length: 2 ** ids.length }, (_, bits) =>
    ids.filter((_, index) => bits & (1 << index)),
  )

  test('of a standard queue: exactly what failed, for each subset', async () => {
    for (const failed of subsets) {
      const { again } = await fn(async () => failed)
      expect(await again(...ids.map((id) => sqsRecord(id, id)))).toEqual(failed)
    }
  })

  test('of a FIFO queue: what failed and what stands behind it in its group, for each subset', async () => {
    const groups = { a: '0', b: '1', c: '0', d: '1' } as const
    for (const failed of subsets) {
      const { again } = await fn(async () => failed, {
        queue: 'heartbeats',
        maxReceives: Number.POSITIVE_INFINITY,
      })
      const expected = ids.filter((id, index) =>
        failed.some((one) => groups[one] === groups[id] && ids.indexOf(one) <= index),
      )
      expect(await again(...ids.map((id) => sqsRecord(id, id, { MessageGroupId: groups[id] })))).toEqual(
        expected,
      )
    }
  })

  test('a handler that throws: all of them, and nothing is thrown', async () => {
    const { again, w } = await fn(async () => {
      throw new Error('the table is away')
    })
    expect(await again(sqsRecord('a', '1'), sqsRecord('b', '2'))).toEqual(['a', 'b'])
    expect(w.logged.join()).toContain('the table is away')
  })

  test('an id that is not in the batch is not answered: SQS would show the whole batch again', async () => {
    const { again } = await fn(async () => ['x'])
    expect(await again(sqsRecord('a', '1'))).toEqual([])
  })
})

describe('F68 poison', () => {
  test('after five deliveries is parked with its text and does not come again', async () => {
    const { again, letters } = await fn(async (messages) => messages.map(({ id }) => id))
    expect(await again(sqsRecord('a', 'poison', { ApproximateReceiveCount: '4' }))).toEqual(['a'])
    expect(await letters.list()).toEqual([])
    expect(await again(sqsRecord('a', 'poison', { ApproximateReceiveCount: '5' }))).toEqual([])
    expect(await letters.list()).toMatchObject([{ id: 'a', body: 'poison', queue: 'instance-events' }])
  })

  test('what the redrive policy of a queue put there is shown as it came, whatever it is', async () => {
    const { w, letters } = await fn(async () => [])
    for (const body of ['{}', 'null', '"text"', 'no json']) await w.queues.sendTo('dead-letters', body)
    const shown = await letters.list()
    expect(shown.map(({ body }) => body).sort()).toEqual(['"text"', 'no json', 'null', '{}'])
    expect(new Set(shown.map(({ id }) => id)).size).toBe(4)
  })

  test('beats are never parked', async () => {
    const { again, letters } = await fn(async () => ['a'], {
      queue: 'heartbeats',
      maxReceives: Number.POSITIVE_INFINITY,
    })
    const record = sqsRecord('a', '{}', { MessageGroupId: '0', ApproximateReceiveCount: '50' })
    expect(await again(record)).toEqual(['a'])
    expect(await letters.list()).toEqual([])
  })
})

describe('R13 beats are written at once and answered a little later', () => {
  async function answeredAfter(options: {
    messages: number
    silenceMs?: number
    agents?: number
    /** Of the write. */
    slowMs?: number
  }): Promise<number> {
    let slowMs = 0
    const w: World = await world({
      profile: 'mesos',
      store: (store) => ({
        ...store,
        async commit(changes, token) {
          w.clock.move(slowMs)
          return await store.commit(changes, token)
        },
      }),
    })
    const { agents = 8 } = options
    const [agent] = await Promise.all(Array.from({ length: agents }, () => w.agent()))
    if (agent === undefined) throw new Error('no agent')
    await w.run(30_000)
    if (options.silenceMs !== undefined) {
      agent.isUp = false
      await w.run(options.silenceMs)
    }
    slowMs = options.slowMs ?? 0
    const waits: number[] = []
    const clock = {
      now: () => w.clock.now(),
      after(ms: number, action: () => void) {
        waits.push(ms)
        return w.env.clock.after(ms, action)
      },
    }
    const batch = Array.from({ length: options.messages }, (_, index) => ({
      id: String(index),
      body: JSON.stringify({ kind: 'canary', shard: 0, number: 1_000_000 + index }),
      sentAt: w.clock.now(),
      group: '0',
      receiveCount: 1,
    }))
    expect(await patientHeartbeats({ ...w.env, clock }, batch)).toEqual([])
    expect((await w.store.get('beats', { shard: 0 }))?.canary.number).toBe(1_000_000 + options.messages - 1)
    return Math.max(0, ...waits)
  }

  test('a batch that was not full waits', async () => {
    expect(await answeredAfter({ messages: 3 })).toBe(2_500)
  })

  test('of few agents with rare beats it does not: nothing would come', async () => {
    expect(await answeredAfter({ messages: 3, agents: 7 })).toBe(0)
  })

  test('a full one does not: more is waiting already', async () => {
    expect(await answeredAfter({ messages: 10 })).toBe(0)
  })

  test('with a suspect it does not', async () => {
    expect(await answeredAfter({ messages: 1, silenceMs: 50_000 })).toBe(0)
  })

  test('how long, by the profile', () => {
    expect(Object.values(PROFILES).map(waitMs)).toEqual([0, 700, 2_500])
    // The canary of a tick is written before the next one asks for it, and no wait is more than half the function's time.
    for (const profile of Object.values(PROFILES)) {
      expect(waitMs(profile)).toBeLessThan(profile.tickMs)
      expect(waitMs(profile)).toBeLessThanOrEqual(SHAPES.heartbeats.timeout.toMilliseconds() / 2)
    }
  })

  test('what the write took is part of it: a slow table brings no function nearer to its timeout', async () => {
    expect(await answeredAfter({ messages: 3, slowMs: 1_000 })).toBe(1_500)
    expect(await answeredAfter({ messages: 3, slowMs: 3_000 })).toBe(0)
  })

  test('who was given up long ago hurries nobody', () => {
    const record = { incarnation: 1, number: 1, applied: 0, digest: '' }
    const beats = (stamp: number) => ({
      ...noBeats(0),
      canary: { number: 9, stamp: 100_000 },
      hearingSince: 1,
      agents: { a: { ...record, stamp } },
    })
    const seen = [99_000, 95_000, 88_000, 50_000].map((stamp) => hasSuspect(beats(stamp), 9_000))
    expect(seen).toEqual([false, true, true, false])
  })
})
