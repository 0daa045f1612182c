// What DynamoDB can do to a commit or a read (H1–H6, H9), through the SDK's own client and the store's own retries.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Change } from '../../master/decision.ts'
import type { Mail } from '../../master/model.ts'
import { dynamoStore } from '../../store/dynamodb.ts'
import { dynamoClient, sdkCalls } from '../../store/dynamodb-client.ts'
import { type Call, type Fault, faulty, firstly } from '../../store/faulty.ts'
import { cursorAfter } from '../../store/items.ts'
import { plainCalls } from '../../store/plain-calls.ts'
import { outlookOf, StoreUnavailable } from '../../store/retrying.ts'
import type { Store } from '../../store/store.ts'
import { createTable } from '../../store/table.ts'
import { startDynamo } from './emulator.ts'
import { FRAMEWORK_ID, samples } from './sample-items.ts'

let dynamo: Awaited<ReturnType<typeof startDynamo>>
let tables = 0
beforeAll(async () => {
  dynamo = await startDynamo()
})
afterAll(() => dynamo.stop())

let client: DynamoDBClient
let store: Store
/** Same table, without faults: what others do and see. */
let others: Store
let othersClient: DynamoDBClient
let calls: string[]
let bodies: string[]

beforeEach(async () => {
  await freshStores({ useTransactionTokens: false })
})
afterEach(() => {
  client.destroy()
  othersClient.destroy()
})

async function freshStores({ useTransactionTokens }: { useTransactionTokens: boolean }): Promise<void> {
  const tableName = `faults-${++tables}`
  client?.destroy()
  othersClient?.destroy()
  client = dynamoClient({ endpoint: dynamo.endpoint })
  othersClient = dynamoClient({ endpoint: dynamo.endpoint })
  await createTable(sdkCalls(othersClient), tableName)
  const patience = { random: () => 0 }
  store = dynamoStore({ calls: sdkCalls(client), tableName, useTransactionTokens, patience })
  others = dynamoStore({ calls: sdkCalls(othersClient), tableName, useTransactionTokens: false })
  calls = []
  bodies = []
  client.middlewareStack.add(
    (next) => (args) => {
      // The HTTP request as it leaves: its body is the JSON text in bytes.
      bodies.push(Buffer.from((args.request as { body: Uint8Array }).body).toString())
      return next(args)
    },
    { step: 'build', priority: 'low', name: 'bodies' },
  )
}

function faults(plan: (call: Call) => Fault | undefined): void {
  faulty(client, (call) => {
    calls.push(call.operation)
    return plan(call)
  })
}

let tokens = 0
const token = () => `token-${++tokens}`
const mail = (key: string, more: Partial<Mail> = {}): Mail => ({ ...samples.mail, key, ...more })
const mailRef = (key: string) => ({ frameworkId: FRAMEWORK_ID, shard: 0, key })
const unchanged = { name: 'unchanged' } as const
const anything = { name: 'anything' } as const
const putTick: Change = { do: 'put', kind: 'tick', item: samples.tick, when: unchanged }
const putGate: Change = { do: 'put', kind: 'gate', item: samples.gate, when: unchanged }
const putCluster: Change = { do: 'put', kind: 'cluster', item: samples.cluster, when: unchanged }
const committed = { kind: 'committed' }
const lost: Fault = { fault: 'answer-lost' }

describe('H1: a lost answer', () => {
  test('of a single put: it finds its own work', async () => {
    faults(firstly('PutItem', lost))
    expect(await store.commit([putTick], token())).toEqual(committed)
    expect(calls).toEqual(['PutItem', 'PutItem'])
    expect((await others.get('tick', {}))?.version).toBe(1)
  })

  test('of a transaction: it finds its own work', async () => {
    faults(firstly('TransactWriteItems', lost, lost))
    expect(await store.commit([putTick, putGate], token())).toEqual(committed)
    expect((await others.get('tick', {}))?.version).toBe(1)
  })

  test('of a request that never arrived: it is written now', async () => {
    faults(firstly('TransactWriteItems', { fault: 'request-lost' }, { fault: 'internal' }))
    expect(await store.commit([putTick, putGate], token())).toEqual(committed)
    expect((await others.get('tick', {}))?.version).toBe(1)
  })

  test('is no excuse for a conflict: without own work it stays one', async () => {
    await others.commit([putTick], token())
    faults(firstly('TransactWriteItems', { fault: 'request-lost' }))
    expect(await store.commit([putTick, putGate], token())).toEqual({ kind: 'conflicted', failed: [putTick] })
    expect(await others.get('gate', { frameworkId: FRAMEWORK_ID, index: 0 })).toBeUndefined()
  })

  test('of a transaction whose only failing step is a removal: a put that overwrites anything is the evidence', async () => {
    await others.commit([{ do: 'put', kind: 'mail', item: mail('WORD#a'), when: unchanged }], token())
    faults(firstly('TransactWriteItems', lost))
    const changes: readonly Change[] = [
      { do: 'remove', kind: 'mail', item: mailRef('WORD#a'), when: { name: 'tag', tag: samples.mail.tag } },
      { do: 'put', kind: 'mail', item: mail('WORD#b'), when: anything },
    ]
    expect(await store.commit(changes, token())).toEqual(committed)
    expect(calls).toEqual(['TransactWriteItems', 'TransactWriteItems', 'GetItem'])
  })

  test('delete-answer-lost: a removal leaves no evidence, so it is a conflict and the caller looks again', async () => {
    await others.commit([{ do: 'put', kind: 'mail', item: mail('WORD#a'), when: unchanged }], token())
    faults(firstly('DeleteItem', lost))
    const remove: Change = {
      do: 'remove',
      kind: 'mail',
      item: mailRef('WORD#a'),
      when: { name: 'tag', tag: samples.mail.tag },
    }
    expect(await store.commit([remove], token())).toEqual({ kind: 'conflicted', failed: [remove] })
    expect(await others.get('mail', mailRef('WORD#a'))).toBeUndefined()
  })

  test('delete-answer-lost, then new mail under the key: the new mail stays', async () => {
    await others.commit([{ do: 'put', kind: 'mail', item: mail('WORD#a'), when: unchanged }], token())
    const newer = mail('WORD#a', { tag: 'newer' })
    faults((call) => (call.operation === 'DeleteItem' && call.number === 1 ? lost : undefined))
    await between(1, () => others.commit([{ do: 'put', kind: 'mail', item: newer, when: anything }], token()))
    const remove: Change = {
      do: 'remove',
      kind: 'mail',
      item: mailRef('WORD#a'),
      when: { name: 'tag', tag: samples.mail.tag },
    }
    expect(await store.commit([remove], token())).toEqual({ kind: 'conflicted', failed: [remove] })
    expect((await others.get('mail', mailRef('WORD#a')))?.tag).toBe('newer')
  })

  test('own-write-overwritten: it took effect, another wrote over it: conflicted, the caller judges by evidence', async () => {
    faults(firstly('PutItem', lost))
    await between(1, () =>
      others.commit([{ ...putTick, item: { ...samples.tick, version: 1, number: 99 } } as Change], token()),
    )
    expect(await store.commit([putTick], token())).toEqual({ kind: 'conflicted', failed: [putTick] })
    expect(await others.get('tick', {})).toMatchObject({ version: 2, number: 99 })
  })

  test('own-write-overwritten in a transaction: the part that still stands is evidence for all of it', async () => {
    faults(firstly('TransactWriteItems', lost))
    await between(1, () =>
      others.commit([{ ...putTick, item: { ...samples.tick, version: 1, number: 99 } } as Change], token()),
    )
    expect(await store.commit([putTick, putGate], token())).toEqual(committed)
    expect(await others.get('tick', {})).toMatchObject({ version: 2, number: 99 })
  })

  test('own-write-overwritten in every part: conflicted', async () => {
    faults(firstly('TransactWriteItems', lost))
    await between(1, () =>
      others.commit(
        [
          { ...putTick, item: { ...samples.tick, version: 1 } } as Change,
          { ...putGate, item: { ...samples.gate, version: 1 } } as Change,
        ],
        token(),
      ),
    )
    expect(await store.commit([putTick, putGate], token())).toEqual({
      kind: 'conflicted',
      failed: [putTick, putGate],
    })
  })

  test('paused-writer-commits-late: what arrives after the retry changes nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    faults(firstly('TransactWriteItems', { fault: 'late', until: promise }))
    expect(await store.commit([putTick, putGate], token())).toEqual(committed)
    await others.commit(
      [{ ...putTick, item: { ...samples.tick, version: 1, number: 99 } } as Change],
      token(),
    )
    resolve()
    await othersSeeNothingNew()
    expect(await others.get('tick', {})).toMatchObject({ version: 2, number: 99 })
  })

  /** Runs `work` after the `after`-th call of the client and before its next one. */
  async function between(after: number, work: () => Promise<unknown>): Promise<void> {
    let seen = 0
    client.middlewareStack.add(
      (next) => async (args) => {
        if (seen++ === after) await work()
        return next(args)
      },
      { step: 'initialize', priority: 'high', name: 'between' },
    )
  }

  async function othersSeeNothingNew(): Promise<void> {
    for (let looks = 0; looks < 20; looks++) await others.get('tick', {})
  }
})

describe('H2: request tokens', () => {
  test('are on the wire as the commit’s, and every try is the same to the byte', async () => {
    await freshStores({ useTransactionTokens: true })
    faults(firstly('TransactWriteItems', { fault: 'throttled' }, lost, { fault: 'in-progress' }))
    // The body is looked at in faults that let the request out; the throttled and the waiting try never left.
    expect(await store.commit([putTick, putGate], 'c0ffee')).toEqual(committed)
    expect(bodies).toHaveLength(2)
    expect(new Set(bodies).size).toBe(1)
    expect(JSON.parse(bodies[0] ?? '').ClientRequestToken).toBe('c0ffee')
  })

  test('with other parameters are a bug', async () => {
    await freshStores({ useTransactionTokens: true })
    expect(await store.commit([putTick, putGate], 'decaf')).toEqual(committed)
    await expect(store.commit([putCluster, putGate], 'decaf')).rejects.toMatchObject({
      name: 'IdempotentParameterMismatchException',
    })
  })

  test('longer than DynamoDB takes are shortened', async () => {
    await freshStores({ useTransactionTokens: true })
    expect(await store.commit([putTick, putGate], 'x'.repeat(100))).toEqual(committed)
    expect(JSON.parse(bodies[0] ?? '').ClientRequestToken).toHaveLength(36)
    expect(await store.commit([putTick, putGate], 'x'.repeat(100))).toEqual(committed)
  })

  test('are really absent where they are not used, and a retry after their window is judged by the rows', async () => {
    faults(firstly('TransactWriteItems', lost))
    expect(await store.commit([putTick, putGate], 'c0ffee')).toEqual(committed)
    expect(bodies).toHaveLength(2)
    expect(new Set(bodies).size).toBe(1)
    for (const body of bodies) {
      expect(body).not.toContain('ClientRequestToken')
      expect(Object.keys(JSON.parse(body))).toEqual(['TransactItems'])
    }
  })
})

describe('H3: cancelled transactions', () => {
  const changes: readonly Change[] = [putTick, putGate, putCluster]
  const passing = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']

  test.each(passing.flatMap((code) => [0, 1, 2].map((at) => [code, at] as const)))(
    '%s at step %i is tried again',
    async (code, at) => {
      const codes = [0, 1, 2].map((index) => (index === at ? code : 'None'))
      faults(firstly('TransactWriteItems', { fault: 'cancelled', codes }, { fault: 'cancelled', codes }))
      expect(await store.commit(changes, token())).toEqual(committed)
      expect(calls).toHaveLength(3)
    },
  )

  test.each([0, 1, 2])(
    'ConditionalCheckFailed at step %i decides, whatever else was in the way',
    async (at) => {
      for (const other of ['None', ...passing]) {
        const codes = [0, 1, 2].map((index) => (index === at ? 'ConditionalCheckFailed' : other))
        calls = []
        faults(firstly('TransactWriteItems', { fault: 'cancelled', codes }))
        expect(await store.commit(changes, token())).toEqual({ kind: 'conflicted', failed: [changes[at]] })
        expect(calls).toEqual(['TransactWriteItems'])
      }
    },
  )

  test.each([0, 1, 2])('ValidationError at step %i is thrown and not repeated', async (at) => {
    const codes = [0, 1, 2].map((index) => (index === at ? 'ValidationError' : 'None'))
    faults(firstly('TransactWriteItems', { fault: 'cancelled', codes }))
    await expect(store.commit(changes, token())).rejects.toThrow(/refuses a step/)
    expect(calls).toEqual(['TransactWriteItems'])
  })

  test('for no reason we know are thrown', async () => {
    for (const codes of [[], ['None', 'None', 'None'], ['ItemCollectionSizeLimitExceeded', 'None', 'None']]) {
      faults(firstly('TransactWriteItems', { fault: 'cancelled', codes }))
      await expect(store.commit(changes, token())).rejects.toMatchObject({
        name: 'TransactionCanceledException',
      })
    }
  })
})

describe('H4, H6: busy', () => {
  test.each(['PutItem', 'DeleteItem', 'GetItem', 'Query', 'BatchGetItem', 'TransactWriteItems'])(
    '%s is tried again',
    async (operation) => {
      const work: Readonly<Record<string, () => Promise<unknown>>> = {
        PutItem: () => store.commit([putTick], token()),
        DeleteItem: () => store.commit([{ do: 'remove', kind: 'tick', item: {}, when: anything }], token()),
        GetItem: () => store.get('tick', {}),
        Query: () => store.query('frameworks', {}),
        BatchGetItem: () =>
          store.load([
            { kind: 'tick', ref: {} },
            { kind: 'cluster', ref: {} },
          ]),
        TransactWriteItems: () => store.commit([putTick, putGate], token()),
      }
      const conflict: Fault = { fault: 'conflict' }
      faults(
        firstly(
          operation,
          { fault: 'throttled' },
          { fault: 'internal' },
          { fault: 'request-lost' },
          conflict,
        ),
      )
      await work[operation]?.()
      expect(calls).toEqual(Array(5).fill(operation))
    },
  )

  test('beyond the tries is thrown, with whether something may have been written', async () => {
    const operation = 'TransactWriteItems'
    faults(() => ({ fault: 'conflict' }))
    await expect(store.commit([putTick, putGate], token())).rejects.toMatchObject({
      name: 'StoreUnavailable',
      message: expect.stringMatching(/^TransactWriteItems: the table did not answer within 8 tries/),
      operation,
      tries: 8,
      mayHaveTakenEffect: false,
    })
    expect(calls).toHaveLength(8)
    faults((call) => (call.number === 2 ? lost : { fault: 'throttled' }))
    await expect(store.commit([putTick, putGate], token())).rejects.toMatchObject({
      mayHaveTakenEffect: true,
    })
    expect((await others.get('tick', {}))?.version).toBe(1)
  })

  test('beyond the budget is thrown', async () => {
    let now = 0
    const clock = {
      now: () => now,
      after: (ms: number, action: () => void) => {
        now += ms
        queueMicrotask(action)
        return () => {}
      },
    }
    const patience = { clock, random: () => 0.999, tries: 100 }
    const busy = dynamoStore({
      calls: sdkCalls(client),
      tableName: `faults-${tables}`,
      useTransactionTokens: false,
      patience,
    })
    faults(() => ({ fault: 'throttled' }))
    await expect(busy.get('tick', {})).rejects.toBeInstanceOf(StoreUnavailable)
    expect(now).toBeGreaterThan(3_000)
    expect(now).toBeLessThanOrEqual(5_000)
  })

  test('conflicts of a third of all writes lose nothing (64 increments)', async () => {
    let seed = 1
    const random = () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    faults(() => (random() < 0.3 ? { fault: random() < 0.5 ? 'conflict' : 'answer-lost' } : undefined))
    await others.commit(
      [{ do: 'put', kind: 'allocation', item: samples.allocation, when: unchanged }],
      token(),
    )
    for (let times = 0; times < 64; times++) {
      const item = await store.get('allocation', {})
      if (item === undefined) throw new Error('the allocation is gone')
      const changes: Change[] = [
        { do: 'put', kind: 'allocation', item: { ...item, wanted: item.wanted + 1 }, when: unchanged },
      ]
      if (times % 2 === 0)
        changes.push({ do: 'put', kind: 'mail', item: mail(`NOTICE#${times}`), when: unchanged })
      expect(await store.commit(changes, token())).toEqual(committed)
    }
    expect(await others.get('allocation', {})).toMatchObject({
      version: 65,
      wanted: samples.allocation.wanted + 64,
    })
  })
})

describe('H5: part of a batch unprocessed', () => {
  const keys = Array.from({ length: 5 }, (_, index) => `NOTICE#${index}`)
  beforeEach(async () => {
    const changes = keys.map((key): Change => ({ do: 'put', kind: 'mail', item: mail(key), when: unchanged }))
    await others.commit(changes, token())
  })

  test.each([0, 1, 2, 3, 4, 5])('%i of five answered: the rest is asked for again', async (processed) => {
    faults(firstly('BatchGetItem', { fault: 'unprocessed', processed }))
    const found = await store.getMany('mail', keys.map(mailRef))
    expect(found.map((item) => item?.key)).toEqual(keys)
    expect(calls).toHaveLength(processed === 5 ? 1 : 2)
  })

  test('one key a time: patience starts anew with each', async () => {
    faults(() => ({ fault: 'unprocessed', processed: 1 }))
    const found = await store.getMany('mail', keys.map(mailRef))
    expect(found.map((item) => item?.key)).toEqual(keys)
  })

  test('nothing ever: thrown, never half an answer', async () => {
    faults(() => ({ fault: 'unprocessed', processed: 0 }))
    await expect(store.getMany('mail', keys.map(mailRef))).rejects.toBeInstanceOf(StoreUnavailable)
  })
})

describe('the network', () => {
  const patience = { random: () => 0, tries: 3 }

  test('without a server: thrown in a sentence', async () => {
    const endpoint = 'http://127.0.0.1:9'
    for (const calls of [sdkCalls(dynamoClient({ endpoint })), plainCalls({ endpoint })]) {
      const nobody = dynamoStore({ calls, tableName: 'nothing', useTransactionTokens: false, patience })
      await expect(nobody.get('tick', {})).rejects.toThrow(
        /GetItem: the table did not answer within 3 tries .*ECONNREFUSED/,
      )
      calls.close()
    }
  })

  test('with a server that never answers, or hangs up, or is cut off: thrown, and something may be written', async () => {
    const manners: readonly ((socket: import('node:net').Socket) => void)[] = [
      () => {},
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"It'),
      (socket) => socket.destroy(),
      (socket) =>
        socket.end(
          'HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 99\r\n\r\n{"It',
        ),
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n\r\n{"It'),
    ]
    for (const manner of manners) {
      const server = createServer()
      server.on('request', (request) => request.on('data', () => {}).on('end', () => manner(request.socket)))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const slow = { endpoint: `http://127.0.0.1:${port}`, requestTimeoutMs: 100 }
      for (const calls of [sdkCalls(dynamoClient(slow)), plainCalls(slow)]) {
        const deaf = dynamoStore({ calls, tableName: 'nothing', useTransactionTokens: false, patience })
        await expect(deaf.commit([putTick], token())).rejects.toMatchObject({
          name: 'StoreUnavailable',
          mayHaveTakenEffect: true,
          tries: 3,
        })
        calls.close()
      }
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('a client that repeats by itself is refused: it would hide its own writes', async () => {
    const { endpoint } = dynamo
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
    const repeating = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
    expect(() => sdkCalls(repeating)).toThrow(/make it with dynamoClient/)
    repeating.destroy()
  })
})

describe('H7: reads', () => {
  test('are consistent, each of them', async () => {
    const inputs: Call['input'][] = []
    faulty(client, ({ input }) => {
      inputs.push(input)
      return undefined
    })
    await store.get('tick', {})
    await store.query('frameworks', {})
    await store.getMany('mail', ['a', 'b'].map(mailRef))
    await store.commit([{ do: 'check', kind: 'tick', item: {}, when: { name: 'absent' } }], token())
    expect(inputs).toHaveLength(4)
    for (const input of inputs)
      expect(input.ConsistentRead ?? JSON.stringify(input).includes('"ConsistentRead":true')).toBe(true)
  })

  test('of the evidence that fail leave it open whether something was written', async () => {
    await others.commit([{ do: 'put', kind: 'mail', item: mail('WORD#a'), when: unchanged }], token())
    faults((call) =>
      call.operation === 'GetItem' ? { fault: 'throttled' } : call.number === 1 ? lost : undefined,
    )
    const changes: readonly Change[] = [
      { do: 'remove', kind: 'mail', item: mailRef('WORD#a'), when: { name: 'tag', tag: samples.mail.tag } },
      { do: 'put', kind: 'mail', item: mail('WORD#b'), when: anything },
    ]
    await expect(store.commit(changes, token())).rejects.toMatchObject({
      name: 'StoreUnavailable',
      operation: 'TransactWriteItems',
      mayHaveTakenEffect: true,
    })
  })
})

describe('queries of one kind', () => {
  test('never start outside of it, which DynamoDB refuses and the emulator does not', async () => {
    const inputs: Call['input'][] = []
    faulty(client, ({ input }) => {
      inputs.push(input)
      return undefined
    })
    const agent = { agentId: 'a' }
    const ledger = cursorAfter('ledger', agent)
    expect(await store.query('agent', agent, { after: ledger, only: 'hold' })).toEqual({ found: [] })
    expect(inputs).toEqual([])
    await store.query('agent', agent, { after: ledger, only: 'run' })
    expect(inputs[0]).not.toHaveProperty('ExclusiveStartKey')
    await store.query('agent', agent, { after: ledger })
    expect(inputs[1]).toMatchObject({ ExclusiveStartKey: { pk: { S: 'AGENT#a' }, sk: { S: 'LEDGER' } } })
  })
})

describe('what passes and what does not', () => {
  test('errors of a caller or of the set-up are thrown at once', async () => {
    const named = (name: string) =>
      Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: 400 } })
    for (const name of [
      'ValidationException',
      'ResourceNotFoundException',
      'AccessDeniedException',
      'TypeError',
    ])
      expect(outlookOf(named(name))).toBe('fatal')
    expect(outlookOf('no error at all')).toBe('fatal')
    expect(outlookOf(Object.assign(new Error('bad gateway'), { $metadata: { httpStatusCode: 502 } }))).toBe(
      'unsure',
    )
    const gone = dynamoStore({
      calls: sdkCalls(client),
      tableName: 'no-such-table',
      useTransactionTokens: false,
    })
    await expect(gone.get('tick', {})).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})
