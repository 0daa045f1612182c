// What every store must do, walked over the one in memory and the one on DynamoDB: with and without request tokens,
// through the SDK and without it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Change, Condition } from '../../master/decision.ts'
import type { ItemKind, Items, Mail } from '../../master/model.ts'
import type { Clock } from '../../protocol/clock.ts'
import { dynamoClient, sdkCalls } from '../../store/dynamodb-client.ts'
import { cursorAfter, KINDS } from '../../store/items.ts'
import { memoryStore } from '../../store/memory.ts'
import { plainCalls } from '../../store/plain-calls.ts'
import { all, type Store } from '../../store/store.ts'
import { dense } from './dense.ts'
import { freshStore, startDynamo } from './emulator.ts'
import { AGENT_ID, FRAMEWORK_ID, samples } from './sample-items.ts'

const START = 1_790_000_000_000
let now = START
const clock: Clock = { now: () => now, after: () => () => {} }
let tokens = 0
const token = () => `token-${++tokens}`

let dynamo: Awaited<ReturnType<typeof startDynamo>>
const stops: (() => void)[] = []
beforeAll(async () => {
  dynamo = await startDynamo()
})
afterAll(async () => {
  for (const stop of stops) stop()
  await dynamo.stop()
})

async function onDynamo(useTransactionTokens: boolean, carried: 'plainly' | 'by the SDK'): Promise<Store> {
  const { endpoint } = dynamo
  const calls = carried === 'plainly' ? plainCalls({ endpoint }) : sdkCalls(dynamoClient({ endpoint }))
  const fresh = await freshStore(endpoint, { clock, useTransactionTokens, calls })
  stops.push(fresh.stop)
  return fresh.store
}

const KEEPING = 'memory that keeps items as they are'
const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ['memory', async () => memoryStore({ clock })],
  [KEEPING, async () => memoryStore({ clock, remembers: true })],
  ['dynamodb', () => onDynamo(false, 'by the SDK')],
  ['dynamodb with request tokens', () => onDynamo(true, 'by the SDK')],
  ['dynamodb, called plainly', () => onDynamo(false, 'plainly')],
]

const unchanged: Condition = { name: 'unchanged' }
const anything: Condition = { name: 'anything' }
const committed = { kind: 'committed' }

const put = <K extends ItemKind>(kind: K, item: Items[K], when: Condition = unchanged) =>
  // The kind and its item belong together; the compiler loses it over a type parameter.
  ({ do: 'put', kind, item, when }) as unknown as Change
const mail = (key: string, more: Partial<Mail> = {}): Mail => ({
  ...samples.mail,
  key,
  tag: `tag of ${key}`,
  ...more,
})
const mailRef = (key: string) => ({ frameworkId: FRAMEWORK_ID, shard: 0, key })
const gateRef = { frameworkId: FRAMEWORK_ID, index: 0 }
const taskRef = { frameworkId: FRAMEWORK_ID, shard: 0, taskId: 'web.1' }

describe.each(stores)('%s', (name, make) => {
  /** It writes out one item in many, and does not know how large the others are. */
  const knowsSizes = name !== KEEPING
  let store: Store
  beforeEach(async () => {
    now = START
    store = await make()
  })

  async function given(...changes: readonly Change[]): Promise<void> {
    expect(await store.commit(changes, token())).toEqual(committed)
  }

  describe('items', () => {
    test.each(Object.keys(KINDS) as ItemKind[])(
      'a %s is read as it was written, one version on',
      async (kind) => {
        await given(put(kind, samples[kind]))
        const ref = samples[kind] as never
        const item = { ...samples[kind], version: 1 }
        expect(await store.get(kind, ref)).toEqual(item)
        expect(await store.load([{ kind, ref }])).toEqual([item])
        expect(await store.commit([put(kind, item as never)], token())).toEqual(committed)
        expect((await store.get(kind, ref))?.version).toBe(2)
      },
    )

    test('that are not there are undefined', async () => {
      expect(await store.get('ledger', { agentId: 'nobody' })).toBeUndefined()
      expect(await store.getMany('ledger', [])).toEqual([])
      expect(await store.getMany('ledger', [{ agentId: 'nobody' }])).toEqual([undefined])
    })

    test('of many refs come in the order asked, also twice and over a hundred', async () => {
      const some = Array.from({ length: 130 }, (_, index) => mail(`NOTICE#${index}`))
      for (let at = 0; at < some.length; at += 100)
        await given(...some.slice(at, at + 100).map((item) => put('mail', item)))
      const asked = ['NOTICE#7', 'NOTICE#none', 'NOTICE#129', 'NOTICE#7', ...some.map(({ key }) => key)]
      const found = await store.getMany('mail', asked.map(mailRef))
      expect(found.map((item) => item?.key)).toEqual(
        asked.map((key) => (key === 'NOTICE#none' ? undefined : key)),
      )
    })

    test('of several kinds come in one load', async () => {
      await given(put('gate', samples.gate), put('ledger', samples.ledger))
      const [gate, framework, ledger] = await store.load([
        { kind: 'gate', ref: gateRef },
        { kind: 'framework', ref: { frameworkId: FRAMEWORK_ID } },
        { kind: 'ledger', ref: { agentId: AGENT_ID } },
      ])
      expect([gate?.epoch, framework, ledger?.generation]).toEqual([
        samples.gate.epoch,
        undefined,
        samples.ledger.generation,
      ])
    })
  })

  describe('conditions', () => {
    /** Gate, mail, lease and allocation as in the samples, all at version 1. */
    beforeEach(() =>
      given(
        put('gate', samples.gate),
        put('mail', samples.mail),
        put('lease', samples.lease),
        put('allocation', samples.allocation),
      ),
    )

    const { gate, lease, allocation } = samples
    const epoch = gate.epoch
    const at = <K extends ItemKind>(kind: K, more: Partial<Items[K]> = {}) => ({
      ...samples[kind],
      version: 1,
      ...more,
    })
    const absentGate = { ...gate, index: 9 }
    const cases: readonly (readonly [string, Change, boolean])[] = [
      ['unchanged: the version that was loaded', put('gate', at('gate')), true],
      ['unchanged: an older version', put('gate', at('gate', { version: 0 })), false],
      ['unchanged: a newer version', put('gate', at('gate', { version: 2 })), false],
      ['unchanged: there is none, and was none', put('gate', absentGate), true],
      ['unchanged: there is none, but was one', put('gate', { ...absentGate, version: 1 }), false],
      ['anything: there is one', put('gate', at('gate', { version: 7 }), anything), true],
      ['anything: there is none', put('gate', absentGate, anything), true],
      ['absent: there is one', put('gate', at('gate'), { name: 'absent' }), false],
      ['absent: there is none', put('gate', absentGate, { name: 'absent' }), true],
      ['epoch: the gate’s', put('gate', at('gate'), { name: 'epoch', epoch }), true],
      ['epoch: an older one', put('gate', at('gate'), { name: 'epoch', epoch: epoch - 1 }), false],
      ['epoch: a newer one', put('gate', at('gate'), { name: 'epoch', epoch: epoch + 1 }), false],
      ['epoch: no gate', put('gate', absentGate, { name: 'epoch', epoch }), false],
      ['raises: above', put('gate', at('gate'), { name: 'raises', epoch: epoch + 1 }), true],
      ['raises: equal', put('gate', at('gate'), { name: 'raises', epoch }), false],
      ['raises: below', put('gate', at('gate'), { name: 'raises', epoch: epoch - 1 }), false],
      ['raises: no gate yet', put('gate', absentGate, { name: 'raises', epoch }), true],
      ['tag: the one said', put('mail', at('mail'), { name: 'tag', tag: samples.mail.tag }), true],
      ['tag: another', put('mail', at('mail'), { name: 'tag', tag: 'other' }), false],
      ['tag: no mail', put('mail', mail('NOTICE#0'), { name: 'tag', tag: samples.mail.tag }), false],
      ['held: by us', put('lease', at('lease'), { name: 'held', holder: lease.holder, epoch }), true],
      ['held: by another', put('lease', at('lease'), { name: 'held', holder: 'other', epoch }), false],
      [
        'held: by us in an older epoch',
        put('lease', at('lease'), { name: 'held', holder: lease.holder, epoch: epoch + 1 }),
        false,
      ],
      [
        'held: no lease',
        put('lease', { ...lease, frameworkId: 'f' }, { name: 'held', holder: lease.holder, epoch }),
        false,
      ],
      ['fence: ours', put('allocation', at('allocation'), { name: 'fence', fence: allocation.fence }), true],
      ['fence: older', put('allocation', at('allocation'), { name: 'fence', fence: 1 }), false],
    ]
    const ways: readonly (readonly [string, (change: Change) => readonly Change[]])[] = [
      ['put alone', (change) => [change]],
      ['put in a transaction', (change) => [change, put('tick', samples.tick)]],
      ['check alone', (change) => [{ ...change, do: 'check' } as Change]],
      [
        'check in a transaction',
        (change) => [{ ...change, do: 'check' } as Change, put('tick', samples.tick)],
      ],
      ['remove alone', (change) => [{ ...change, do: 'remove' } as Change]],
      [
        'remove in a transaction',
        (change) => [{ ...change, do: 'remove' } as Change, put('tick', samples.tick)],
      ],
    ]

    test.each(cases)('%s', async (_sentence, change, holds) => {
      const before = await store.load([{ kind: change.kind, ref: change.item as never }])
      for (const [way, changesOf] of ways) {
        const changes = changesOf(change)
        const result = await store.commit(changes, token())
        expect(result, way).toEqual(holds ? committed : { kind: 'conflicted', failed: [changes[0]] })
        const after = await store.load([{ kind: change.kind, ref: change.item as never }])
        if (!holds || changes[0]?.do === 'check') expect(after, way).toEqual(before)
        else if (changes[0]?.do === 'remove') expect(after, way).toEqual([undefined])
        else
          expect(after[0]?.version, way).toBe(change.item.version === undefined ? 0 : change.item.version + 1)
        expect((await store.get('tick', {})) !== undefined, way).toBe(holds && changes.length > 1)
        // As it was before the first way.
        await given({ do: 'remove', kind: 'tick', item: {}, when: anything })
        const [item] = before
        if (item === undefined)
          await given({ do: 'remove', kind: change.kind, item: change.item, when: anything } as Change)
        else await given(put(change.kind, { ...item, version: item.version - 1 } as never, anything))
      }
    })

    test('epoch: a removed framework’s gate is shut', async () => {
      await given(put('gate', at('gate', { removed: true })))
      const check: Change = { do: 'check', kind: 'gate', item: gateRef, when: { name: 'epoch', epoch } }
      expect(await store.commit([check], token())).toEqual({ kind: 'conflicted', failed: [check] })
      expect(await store.commit([check, put('tick', samples.tick)], token())).toEqual({
        kind: 'conflicted',
        failed: [check],
      })
    })

    test('that a kind cannot have are a bug', async () => {
      const change: Change = {
        do: 'check',
        kind: 'ledger',
        item: { agentId: 'a' },
        when: { name: 'fence', fence: 1 },
      }
      await expect(store.commit([change], token())).rejects.toThrow(/`fence` is not for items of kind ledger/)
      const versionless: Change = { do: 'check', kind: 'ledger', item: { agentId: 'a' }, when: unchanged }
      await expect(store.commit([versionless], token())).rejects.toThrow(/needs the version/)
    })
  })

  describe('commits', () => {
    test('of nothing are committed', async () => {
      expect(await store.commit([], token())).toEqual(committed)
    })

    test('are all or nothing, and say which changes failed', async () => {
      await given(put('gate', samples.gate), put('mail', mail('WORD#a')))
      const changes: readonly Change[] = [
        put('ledger', samples.ledger),
        put('gate', samples.gate),
        { do: 'remove', kind: 'mail', item: mailRef('WORD#a'), when: { name: 'tag', tag: 'other' } },
        { do: 'check', kind: 'cluster', item: {}, when: { name: 'absent' } },
        put('tick', samples.tick),
      ]
      expect(await store.commit(changes, token())).toEqual({
        kind: 'conflicted',
        failed: [changes[1], changes[2]],
      })
      expect(await store.get('ledger', { agentId: AGENT_ID })).toBeUndefined()
      expect(await store.get('tick', {})).toBeUndefined()
      expect(await store.get('mail', mailRef('WORD#a'))).toBeDefined()
    })

    test('put, remove and check together', async () => {
      await given(put('mail', mail('WORD#a')), put('gate', samples.gate))
      await given(
        put('mail', mail('WORD#b')),
        { do: 'remove', kind: 'mail', item: mailRef('WORD#a'), when: { name: 'tag', tag: 'tag of WORD#a' } },
        { do: 'check', kind: 'gate', item: gateRef, when: { name: 'epoch', epoch: samples.gate.epoch } },
      )
      const found = await all(store, 'mail', { frameworkId: FRAMEWORK_ID, shard: 0 })
      expect(found.map(({ item }) => item.key)).toEqual(['WORD#b'])
    })

    test('of only checks write nothing', async () => {
      await given(put('gate', samples.gate))
      const checks: readonly Change[] = [
        { do: 'check', kind: 'gate', item: { ...gateRef, version: 1 }, when: unchanged },
        { do: 'check', kind: 'tick', item: {}, when: { name: 'absent' } },
      ]
      expect(await store.commit(checks, token())).toEqual(committed)
      expect((await store.get('gate', gateRef))?.version).toBe(1)
    })

    test('take a hundred items, refuse one more (H3)', async () => {
      const some = Array.from({ length: 101 }, (_, index) => put('mail', mail(`NOTICE#${index}`)))
      await expect(store.commit(some, token())).rejects.toThrow(/transaction of 101 items/)
      await given(...some.slice(0, 100))
      expect(await all(store, 'mail', { frameworkId: FRAMEWORK_ID, shard: 0 })).toHaveLength(100)
      const again = await store.commit(some.slice(0, 100), token())
      expect(again).toEqual({ kind: 'conflicted', failed: some.slice(0, 100) })
    })

    test('refuse an item twice (H3)', async () => {
      const twice = [
        put('gate', samples.gate),
        { do: 'check', kind: 'gate', item: gateRef, when: anything } as Change,
      ]
      await expect(store.commit(twice, token())).rejects.toThrow(/comes twice .* gate FRAMEWORK#/)
    })

    if (knowsSizes)
      test('H9: refuse an item above 400 KB and a transaction above 4 MB, and take what is just below', async () => {
        const large = (key: string, bytes: number) =>
          mail(key, { body: { kind: 'withdrawn', offerId: dense(bytes), epoch: 1 } })
        const tooLarge = put('mail', large('NOTICE#a', 500 * 1024))
        await expect(store.commit([tooLarge], token())).rejects.toThrow(/item of \d+ bytes.*mail MAIL#/)
        const eleven = Array.from({ length: 11 }, (_, index) =>
          put('mail', large(`NOTICE#${index}`, 470 * 1024)),
        )
        await expect(store.commit(eleven, token())).rejects.toThrow(/transaction of \d+ bytes/)
        await given(...eleven.slice(0, 10))
      })

    test('of one token twice happen once', async () => {
      const changes = [put('ledger', samples.ledger), put('gate', samples.gate)]
      const same = token()
      expect(await store.commit(changes, same)).toEqual(committed)
      expect(await store.commit(changes, same)).toEqual(committed)
      expect((await store.get('gate', gateRef))?.version).toBe(1)
      expect(await store.commit(changes, token())).toMatchObject({ kind: 'conflicted' })
      const single = put('tick', samples.tick)
      expect(await store.commit([single], same)).toEqual(committed)
      expect(await store.commit([single], same)).toEqual(committed)
      expect((await store.get('tick', {}))?.version).toBe(1)
    })

    test('of 64 at once on one item have one winner each round', async () => {
      await given(put('allocation', samples.allocation))
      for (let round = 1; round <= 3; round++) {
        const item = await store.get('allocation', {})
        if (item === undefined) throw new Error('the allocation is gone')
        const results = await Promise.all(
          Array.from({ length: 64 }, (_, index) => {
            const change = put('allocation', { ...item, wanted: index })
            // Half of them as transactions: plain writes and transactions meet (H4).
            const changes =
              index % 2 === 0 ? [change] : [change, put('mail', mail(`NOTICE#${round}/${index}`))]
            return store.commit(changes, token())
          }),
        )
        expect(results.filter(({ kind }) => kind === 'committed')).toHaveLength(1)
        expect((await store.get('allocation', {}))?.version).toBe(round + 1)
      }
    })

    test('that read, add one and write lose no update', async () => {
      await given(put('allocation', samples.allocation))
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let done = false; !done; ) {
            const item = await store.get('allocation', {})
            if (item === undefined) throw new Error('the allocation is gone')
            const result = await store.commit(
              [put('allocation', { ...item, wanted: item.wanted + 1 })],
              token(),
            )
            done = result.kind === 'committed'
          }
        }),
      )
      expect((await store.get('allocation', {}))?.wanted).toBe(samples.allocation.wanted + 8)
    })
  })

  describe('queries', () => {
    test('yield each kind of an agent, or one of them', async () => {
      await given(
        put('ledger', samples.ledger),
        put('run', samples.run),
        put('run', { ...samples.run, taskId: 'web.2' }),
        put('executor', samples.executor),
        put('hold', samples.hold),
        put('ledger', { ...samples.ledger, agentId: `${AGENT_ID}0` }),
      )
      const agent = { agentId: AGENT_ID }
      const kindsOf = (found: readonly { readonly kind: string }[]) => found.map(({ kind }) => kind)
      expect(kindsOf(await all(store, 'agent', agent))).toEqual(['executor', 'hold', 'ledger', 'run', 'run'])
      const runs = await all(store, 'agent', agent, 'run')
      expect(runs).toEqual([
        { kind: 'run', item: { ...samples.run, version: 1 } },
        { kind: 'run', item: { ...samples.run, taskId: 'web.2', version: 1 } },
      ])
      expect(kindsOf(await all(store, 'agent', agent, 'ledger'))).toEqual(['ledger'])
      expect(await all(store, 'agent', { agentId: 'nobody' })).toEqual([])
    })

    test('of each other partition yield its items', async () => {
      await given(put('agent', samples.agent), put('framework', samples.framework), put('task', samples.task))
      await given(put('gate', samples.gate), put('lease', samples.lease), put('mail', samples.mail))
      expect(await all(store, 'agents', { shard: 3 })).toHaveLength(1)
      expect(await all(store, 'agents', { shard: 2 })).toEqual([])
      expect(await all(store, 'frameworks', {})).toHaveLength(1)
      expect(await all(store, 'tasks', { frameworkId: FRAMEWORK_ID, shard: 0 })).toHaveLength(1)
      expect(await all(store, 'tasks', { frameworkId: FRAMEWORK_ID, shard: 1 })).toEqual([])
      expect(await all(store, 'mail', { frameworkId: FRAMEWORK_ID, shard: 0 })).toHaveLength(1)
    })

    test('follow losses from a place on, without their head', async () => {
      const losses = [9, 10, 11, 10_000_000_001, 900_000 * 10_000_000_000].map((number) =>
        put('loss', { ...samples.loss, number }),
      )
      await given(put('lossHead', samples.lossHead), ...losses)
      const numbers = async (after?: string) =>
        (await store.query('losses', {}, { after })).found.map(({ item }) => item.number)
      expect(await numbers()).toEqual([9, 10, 11, 10_000_000_001, 9_000_000_000_000_000])
      expect(await numbers(cursorAfter('loss', { number: 10 }))).toEqual([
        11, 10_000_000_001, 9_000_000_000_000_000,
      ])
      // The place need not be there.
      expect(await numbers(cursorAfter('loss', { number: 12 }))).toEqual([
        10_000_000_001, 9_000_000_000_000_000,
      ])
      expect(await numbers(cursorAfter('loss', { number: Number.MAX_SAFE_INTEGER }))).toEqual([])
    })

    test('come in pages of the limit, in the byte order of keys', async () => {
      const keys = ['UPDATE#a', 'UPDATE#b', 'WORD#\uff61', 'WORD#\u{10000}', 'NOTICE#1', 'OFFER#x']
      await given(...keys.map((key) => put('mail', mail(key))))
      const seen: string[] = []
      let after: string | undefined
      let pages = 0
      do {
        const page = await store.query('mail', { frameworkId: FRAMEWORK_ID, shard: 0 }, { after, limit: 2 })
        expect(page.found.length).toBeLessThanOrEqual(2)
        expect(page.next ?? '').toMatch(/^[\w-]*$/)
        seen.push(...page.found.map(({ item }) => item.key))
        after = page.next
        pages++
      } while (after !== undefined)
      expect(seen).toEqual(['NOTICE#1', 'OFFER#x', 'UPDATE#a', 'UPDATE#b', 'WORD#\uff61', 'WORD#\u{10000}'])
      expect(pages).toBeGreaterThanOrEqual(3)
    })

    if (knowsSizes)
      test('H9: end a page at 1 MB and go on behind it', async () => {
        const body = { kind: 'withdrawn', offerId: dense(260 * 1024), epoch: 1 } as const
        const keys = Array.from({ length: 12 }, (_, index) => `NOTICE#${10 + index}`)
        await given(...keys.map((key) => put('mail', mail(key, { body }))))
        const first = await store.query('mail', { frameworkId: FRAMEWORK_ID, shard: 0 })
        expect(first.found.length).toBeGreaterThan(3)
        expect(first.found.length).toBeLessThan(7)
        expect(first.next).toBeDefined()
        const found = await all(store, 'mail', { frameworkId: FRAMEWORK_ID, shard: 0 })
        expect(found.map(({ item }) => item.key)).toEqual(keys)
        expect(found.every(({ item }) => JSON.stringify(item.body) === JSON.stringify(body))).toBe(true)
      })

    test('see what came and went since the last one', async () => {
      const keys = async () =>
        (await all(store, 'mail', { frameworkId: FRAMEWORK_ID, shard: 0 })).map(({ item }) => item.key)
      await given(put('mail', mail('WORD#b')))
      expect(await keys()).toEqual(['WORD#b'])
      await given(put('mail', mail('WORD#a')), put('mail', mail('WORD#b'), anything))
      expect(await keys()).toEqual(['WORD#a', 'WORD#b'])
      await given({ do: 'remove', kind: 'mail', item: mailRef('WORD#b'), when: anything })
      expect(await keys()).toEqual(['WORD#a'])
    })

    test('of one kind go on from any place of the partition', async () => {
      await given(put('executor', samples.executor), put('hold', samples.hold), put('run', samples.run))
      const agent = { agentId: AGENT_ID }
      const first = await store.query('agent', agent, { limit: 1 })
      const found = async (only: 'executor' | 'hold' | 'run') =>
        (await store.query('agent', agent, { after: first.next, only })).found.length
      expect([await found('executor'), await found('hold'), await found('run')]).toEqual([0, 1, 1])
      const last = cursorAfter('run', samples.run)
      expect((await store.query('agent', agent, { after: last, only: 'hold' })).found).toEqual([])
    })

    test('refuse what is no place of a list', async () => {
      await expect(store.query('frameworks', {}, { after: '!' })).rejects.toThrow(/not a place in a list/)
      await expect(store.query('frameworks', {}, { limit: 0 })).rejects.toThrow(/page of at most 0/)
    })
  })

  describe('H10: items past their ttl', () => {
    const ttl = START / 1000 + 3_600
    const finished = { ...samples.task, ttl }

    test('are there until then, and not seen afterwards though the table has them', async () => {
      await given(put('task', finished))
      now = ttl * 1000 + 999
      expect(await store.get('task', taskRef)).toEqual({ ...finished, version: 1 })
      now += 1
      expect(await store.get('task', taskRef)).toBeUndefined()
      expect(await store.getMany('task', [taskRef])).toEqual([undefined])
      expect(await store.load([{ kind: 'task', ref: taskRef }])).toEqual([undefined])
      expect(await all(store, 'tasks', { frameworkId: FRAMEWORK_ID, shard: 0 })).toEqual([])
    })

    test('do not stand in the way of a new one', async () => {
      for (const when of [unchanged, { name: 'absent' }] as const) {
        await given(put('task', finished, anything))
        expect(await store.commit([put('task', samples.task, when)], token())).toMatchObject({
          kind: 'conflicted',
        })
        now = ttl * 1000 + 1_000
        await given({ do: 'check', kind: 'task', item: { ...taskRef, version: 0 }, when })
        await given(put('task', samples.task, when))
        expect(await store.get('task', taskRef)).toEqual({ ...samples.task, version: 1 })
        now = START
      }
    })

    test('hold whatever was loaded before they ended', async () => {
      await given(put('task', finished))
      now = ttl * 1000 + 1_000
      await given(put('task', { ...finished, version: 1, ttl: ttl + 7_200 }))
      expect((await store.get('task', taskRef))?.version).toBe(2)
    })

    test('a put without ttl takes it away', async () => {
      await given(put('task', finished))
      await given(put('task', { ...samples.task, version: 1 }))
      now = ttl * 1000 + 1_000
      expect(await store.get('task', taskRef)).toEqual({ ...samples.task, version: 2 })
    })

    test('have whole seconds, or it is a bug', async () => {
      await expect(store.commit([put('task', { ...finished, ttl: 0.5 })], token())).rejects.toThrow(
        /whole seconds/,
      )
    })
  })
})
