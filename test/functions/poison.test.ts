// Poison and outages in the functions' queues: what can never be handled is put aside, everything else goes on.
import { describe, expect, test } from 'vitest'
import { allocateBatch } from '../../functions/allocator/handler.ts'
import type { Environment } from '../../functions/environment.ts'
import { heartbeats } from '../../functions/heartbeats/handler.ts'
import { instanceEvents } from '../../functions/instance-events/handler.ts'
import { mesetaHandler } from '../../functions/operator/meseta.ts'
import {
  type BatchHandler,
  type ConsumeOptions,
  handleBatch,
  OUTAGE_MS,
} from '../../functions/ports/consume.ts'
import { deadLettersOf } from '../../functions/ports/dead-letters.ts'
import type { FunctionQueue } from '../../functions/ports/queues.ts'
import { StoreUnavailable } from '../../store/store.ts'
import { type World, world } from './agents/world.ts'

/** Reads a queue as its function does, for so long. */
async function work(
  w: World,
  queue: FunctionQueue,
  handler: BatchHandler,
  forMs: number,
  options: Partial<ConsumeOptions> = {},
): Promise<void> {
  for (let passed = 0; passed < forMs; passed += 1_000) {
    const batch = await w.queues.receive(queue, { waitMs: 0 })
    if (batch.length > 0) await handleBatch(w.queues, queue, batch, handler, { log: w.env.log, ...options })
    w.clock.move(1_000)
  }
}

/** A call of `POST /api/v1/meseta`. */
async function meseta(w: World, call: object): Promise<{ readonly status: number; readonly json: unknown }> {
  const handler = mesetaHandler({ env: w.env, deadLetters: deadLettersOf(w.queues) })
  const answer = await handler({
    method: 'POST',
    path: '/api/v1/meseta',
    query: new URLSearchParams(),
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(JSON.stringify(call)),
    params: {},
  })
  return { status: answer.status, json: JSON.parse(String(answer.body)) }
}

const rebalance = (instanceId: string) =>
  JSON.stringify({
    source: 'aws.ec2',
    'detail-type': 'EC2 Instance Rebalance Recommendation',
    detail: { 'instance-id': instanceId },
  })

describe('F68 H13 H14', () => {
  test('instance-events: poison is parked after its tries with an alarm, its neighbours are handled at once', async () => {
    const w = await world()
    const handled: string[] = []
    const handler: BatchHandler = async (batch) => {
      const failed = await instanceEvents(w.env, batch)
      handled.push(...batch.filter(({ id }) => !failed.includes(id)).map(({ body }) => body))
      return failed
    }
    for (const body of [rebalance('i-0123456789abcdef0'), 'poison', rebalance('i-0123456789abcdef1')]) {
      await w.queues.send('instance-events', body)
    }
    await work(w, 'instance-events', handler, 2_000, { patienceMs: OUTAGE_MS })
    expect(handled).toHaveLength(2)
    await work(w, 'instance-events', handler, OUTAGE_MS + 120_000, { patienceMs: OUTAGE_MS })
    expect(handled).toHaveLength(2)
    expect(w.logged.filter((line) => line.startsWith('message parked'))).toHaveLength(1)

    const { json } = await meseta(w, { type: 'LIST_DEAD_LETTERS' })
    const [letter] = (json as { dead_letters: { id: string; queue: string; receives: number }[] })
      .dead_letters
    expect(letter).toMatchObject({ queue: 'instance-events' })
    expect(letter?.receives).toBeGreaterThanOrEqual(5)
    const shown = await meseta(w, { type: 'SHOW_DEAD_LETTER', show_dead_letter: { id: letter?.id } })
    expect(shown.json).toMatchObject({ dead_letter: { body: 'poison' } })
    // Sent again by hand, to code that can read it now.
    w.clock.move(10_000)
    expect(await meseta(w, { type: 'REDRIVE_DEAD_LETTERS' })).toMatchObject({
      status: 200,
      json: { redriven: 1 },
    })
    const again: string[] = []
    const repaired: BatchHandler = async (batch) => {
      again.push(...batch.map(({ body }) => body))
      return []
    }
    await work(w, 'instance-events', repaired, 2_000)
    expect(again).toEqual(['poison'])
    w.clock.move(10_000)
    expect((await meseta(w, { type: 'LIST_DEAD_LETTERS' })).json).toMatchObject({ dead_letters: [] })
  })

  test('heartbeats: what is no beat is logged and gone, the others of its group are written at once', async () => {
    const w = await world()
    const agent = await w.agent()
    const { beatShard } = await agent.ledger()
    const group = { group: String(beatShard) }
    await w.queues.send('heartbeats', 'poison', group)
    await agent.beat()
    await w.queues.send('heartbeats', '{"kind":"beat","agentId":7}', group)
    const options = { maxReceives: Number.POSITIVE_INFINITY }
    await work(w, 'heartbeats', (batch) => heartbeats(w.env, batch), 1_000, options)
    expect((await w.store.get('beats', { shard: beatShard }))?.agents[agent.id]?.number).toBe(1)
    expect(w.logged.filter((line) => line.startsWith('no beat'))).toHaveLength(2)
    expect(await deadLettersOf(w.queues).list()).toEqual([])
  })

  test('heartbeats: a group whose shard cannot be written waits, and holds no other group up', async () => {
    const w = await world({ settings: { beatShards: 2 } })
    const agents = [await w.agent(), await w.agent(), await w.agent(), await w.agent()]
    const shards = await Promise.all(agents.map(async (agent) => (await agent.ledger()).beatShard))
    const bad = 0
    let isBad = true
    const env: Environment = {
      ...w.env,
      store: {
        ...w.store,
        async commit(changes, token) {
          const isMeant = changes.some(
            ({ kind, item }) => kind === 'beats' && 'shard' in item && item.shard === bad,
          )
          if (isMeant && isBad) throw new StoreUnavailable('throttled')
          return await w.store.commit(changes, token)
        },
      },
    }
    for (const agent of agents) await agent.beat()
    const options = { maxReceives: Number.POSITIVE_INFINITY }
    await work(w, 'heartbeats', (batch) => heartbeats(env, batch), 3_000, options)
    const written = async () => {
      const found = await w.store.getMany('beats', [{ shard: 0 }, { shard: 1 }])
      return agents.map(({ id }, index) => found[shards[index] ?? 0]?.agents[id] !== undefined)
    }
    expect(await written()).toEqual(shards.map((shard) => shard !== bad))
    isBad = false
    await work(w, 'heartbeats', (batch) => heartbeats(env, batch), 20_000, options)
    expect(await written()).toEqual(shards.map(() => true))
  })

  test('allocate: whatever a nudge says, it is a nudge', async () => {
    const w = await world()
    for (const body of ['poison', '{}', '\u0000']) await w.queues.send('allocate', body)
    await work(w, 'allocate', (batch) => allocateBatch(w.env, batch), 2_000)
    expect(await w.queues.receive('allocate', { waitMs: 0 })).toEqual([])
    expect(await deadLettersOf(w.queues).list()).toEqual([])
  })
})

test('F67: five minutes without the table park nothing; then everything is handled, and tries are ever rarer', async () => {
  const w = await world()
  let isAway = true
  let tries = 0
  const handled: string[] = []
  const handler: BatchHandler = async (batch) => {
    tries++
    if (isAway) throw new StoreUnavailable('the table is away')
    handled.push(...batch.map(({ body }) => body))
    return []
  }
  for (const body of ['a', 'b', 'c']) await w.queues.send('instance-events', body)
  const options = { patienceMs: OUTAGE_MS }
  await work(w, 'instance-events', handler, 5 * 60_000, options)
  isAway = false
  expect(tries).toBeLessThan(20)
  await work(w, 'instance-events', handler, 90_000, options)
  expect(handled.sort()).toEqual(['a', 'b', 'c'])
  expect(await deadLettersOf(w.queues).list()).toEqual([])
})
