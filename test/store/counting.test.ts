// Units as DynamoDB bills them, by operation or by a name given around it.
import { describe, expect, test } from 'vitest'
import type { Change } from '../../master/decision.ts'
import { counted } from '../../store/counting.ts'
import { memoryStore } from '../../store/memory.ts'
import { dense } from './dense.ts'
import { FRAMEWORK_ID, samples } from './sample-items.ts'

const unchanged = { name: 'unchanged' } as const
const offerOf = (bytes: number) => ({ kind: 'withdrawn', offerId: dense(bytes), epoch: 1 }) as const
const putMail = (bytes: number, version = 0): Change => ({
  do: 'put',
  kind: 'mail',
  item: { ...samples.mail, version, body: offerOf(bytes) },
  when: unchanged,
})
const mailRef = { frameworkId: FRAMEWORK_ID, shard: 0, key: samples.mail.key }
const putTick: Change = { do: 'put', kind: 'tick', item: samples.tick, when: unchanged }

describe('counted', () => {
  test('a write costs a unit per KB, double in a transaction with its checks, old size or new', async () => {
    const { store, counts, reset } = counted(memoryStore())
    await store.commit([putTick], 'a')
    expect(counts()).toEqual({ 'commit put tick': { calls: 1, readUnits: 0, writeUnits: 1 } })
    reset()
    const check: Change = {
      do: 'check',
      kind: 'gate',
      item: { frameworkId: 'f', index: 0 },
      when: { name: 'absent' },
    }
    await store.commit([putMail(2_500), check], 'b')
    expect(counts()).toEqual({
      'commit put mail, check gate': { calls: 1, readUnits: 0, writeUnits: 2 * (3 + 1) },
    })
    reset()
    await store.commit([putMail(10, 1)], 'c')
    expect(counts()).toEqual({ 'commit put mail': { calls: 1, readUnits: 0, writeUnits: 3 } })
    reset()
    await store.commit([{ do: 'remove', kind: 'mail', item: mailRef, when: { name: 'anything' } }], 'd')
    expect(counts()).toEqual({ 'commit remove mail': { calls: 1, readUnits: 0, writeUnits: 1 } })
  })

  test('a consistent read costs a unit per 4 KB, each item of a batch by itself, a query as a whole', async () => {
    const { store, counts, total } = counted(memoryStore())
    const three = [0, 1, 2].map(
      (index): Change => ({
        do: 'put',
        kind: 'mail',
        item: { ...samples.mail, key: `NOTICE#${index}`, body: offerOf(3_700) },
        when: unchanged,
      }),
    )
    await store.commit(three, 'a')
    await store.get('mail', { ...mailRef, key: 'NOTICE#0' })
    await store.getMany(
      'mail',
      [0, 1, 9].map((index) => ({ ...mailRef, key: `NOTICE#${index}` })),
    )
    await store.load([
      { kind: 'mail', ref: { ...mailRef, key: 'NOTICE#1' } },
      { kind: 'tick', ref: {} },
      { kind: 'mail', ref: { ...mailRef, key: 'NOTICE#2' } },
    ])
    await store.query('mail', { frameworkId: FRAMEWORK_ID, shard: 0 })
    await store.query('frameworks', {})
    expect(counts()).toEqual({
      'commit put mail ×3': { calls: 1, readUnits: 0, writeUnits: 2 * 3 * 4 },
      'get mail': { calls: 1, readUnits: 1, writeUnits: 0 },
      'get many mail': { calls: 1, readUnits: 3, writeUnits: 0 },
      'load mail ×2, tick': { calls: 1, readUnits: 3, writeUnits: 0 },
      'query frameworks': { calls: 1, readUnits: 1, writeUnits: 0 },
      'query mail': { calls: 1, readUnits: 3, writeUnits: 0 },
    })
    expect(total()).toEqual({ calls: 6, readUnits: 11, writeUnits: 24 })
  })

  test('work can be given a name, also when it runs beside other work', async () => {
    const { store, named, counts } = counted(memoryStore())
    await Promise.all([
      named('accept', async () => {
        await store.get('tick', {})
        await store.commit([putTick], 'a')
      }),
      named('decline', () => store.get('gate', { frameworkId: 'f', index: 0 })),
    ])
    expect(counts()).toEqual({
      accept: { calls: 2, readUnits: 1, writeUnits: 1 },
      decline: { calls: 1, readUnits: 1, writeUnits: 0 },
    })
  })

  test('what failed is billed and counted as well', async () => {
    const { store, total } = counted(memoryStore())
    await store.commit([putTick], 'a')
    expect(await store.commit([putTick], 'b')).toMatchObject({ kind: 'conflicted' })
    expect(total()).toEqual({ calls: 2, readUnits: 0, writeUnits: 2 })
  })
})
