// The handler of beats: content never fails a batch, only the table does, and then a group comes again as a whole.
import { describe, expect, test } from 'vitest'
import { heartbeats } from '../../../functions/heartbeats/handler.ts'
import { readBeat } from '../../../functions/heartbeats/read-beat.ts'
import type { QueueMessage } from '../../../functions/ports/queues.ts'
import type { Store } from '../../../store/store.ts'
import { world } from '../agents/world.ts'

let last = 0
function message(body: unknown, group = '0', sentAt = 1_760_000_000_000): QueueMessage {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { id: `m${++last}`, body: text, sentAt, group, receiveCount: 1 }
}

describe('batches', () => {
  test('H14 S20 malformed messages are logged and gone, the others of the batch are written', async () => {
    const w = await world()
    const agent = await w.agent()
    const beat = {
      kind: 'beat',
      agentId: agent.id,
      incarnation: 1,
      number: 1,
      applied: 0,
      digest: '0'.repeat(16),
    }
    const bad = [
      '',
      '{',
      'null',
      '[]',
      '{"kind":"beat"}',
      JSON.stringify({ ...beat, number: -1 }),
      'x'.repeat(10_000),
    ]
    const batch = [...bad.map((body) => message(body)), message(beat), message(beat, 'no shard')]
    expect(await heartbeats(w.env, batch)).toEqual([])
    expect((await w.store.get('beats', { shard: 0 }))?.agents[agent.id]?.number).toBe(1)
    expect(w.logged.filter((line) => line.startsWith('no beat'))).toHaveLength(bad.length)
  })

  test('a batch of several groups: the group that fails comes again, the others do not', async () => {
    const w = await world({
      settings: { beatShards: 2 },
      store: (store): Store => ({
        ...store,
        async commit(changes, token) {
          if (changes.some((change) => change.kind === 'beats' && change.item.shard === 1))
            throw new Error('throttled')
          return await store.commit(changes, token)
        },
      }),
    })
    const canaries = [0, 1, 0, 1].map((shard, index) =>
      message({ kind: 'canary', shard, number: index + 1 }, String(shard)),
    )
    expect(await heartbeats(w.env, canaries)).toEqual([canaries[1]?.id, canaries[3]?.id])
    expect((await w.store.get('beats', { shard: 0 }))?.canary.number).toBe(3)
  })

  test('H13 F22 A7 the same batch again, also in another order, leaves the same world', async () => {
    const w = await world()
    const agent = await w.agent()
    const beat = (number: number) =>
      message({ kind: 'beat', agentId: agent.id, incarnation: 1, number, applied: 0, digest: '0'.repeat(16) })
    const batch = [message({ kind: 'canary', shard: 0, number: 1 }), beat(1), beat(2), beat(3)]
    await heartbeats(w.env, batch)
    const once = await w.store.get('beats', { shard: 0 })
    await heartbeats(w.env, batch)
    await heartbeats(w.env, batch.toReversed())
    expect(await w.store.get('beats', { shard: 0 })).toEqual(once)
  })

  test('A6 a sender who may not say it is not heard', async () => {
    const w = await world()
    const agent = await w.agent()
    const body = { kind: 'call', agentId: agent.id, incarnation: 1 }
    await heartbeats(w.env, [message(body)], { isTrusted: (_, { kind }) => kind === 'beat' })
    expect(await w.store.get('beats', { shard: 0 })).toBeUndefined()
  })

  test('an agent nobody knows is asked to register; a gone one to shut down', async () => {
    const w = await world()
    await w.queues.ensureAgentQueue('test-Snobody')
    await heartbeats(w.env, [
      message({
        kind: 'beat',
        agentId: 'test-Snobody',
        incarnation: 1,
        number: 1,
        applied: 0,
        digest: '0'.repeat(16),
      }),
    ])
    const nudges = await w.queues.receive({ agentId: 'test-Snobody' }, { waitMs: 0 })
    expect(nudges.map(({ body }) => JSON.parse(body))).toEqual([{ kind: 'register' }])
    expect(await w.store.get('beats', { shard: 0 })).toBeUndefined()
  })
})

test('A11 whatever comes, reading a beat never throws', () => {
  for (const body of [
    '',
    '0',
    '"a"',
    '{"kind":"canary","shard":1.5,"number":1}',
    '{"kind":"canary","shard":"1"}',
  ]) {
    expect(readBeat(body)).toBeUndefined()
  }
  expect(readBeat('{"kind":"canary","shard":1,"number":2}')).toEqual({ kind: 'canary', shard: 1, number: 2 })
})
