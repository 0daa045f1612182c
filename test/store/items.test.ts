// Keys read like sentences and never collide; what is written is read back exactly, and usual items are small.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ItemKind, Items } from '../../master/model.ts'
import type { Resource } from '../../protocol/messages.ts'
import { readBody, writeBody } from '../../store/body.ts'
import { cursorAfter, KINDS, keyOf, readCursor, readItem, writeItem } from '../../store/items.ts'
import { packResources, unpackResources } from '../../store/resource-lists.ts'
import { type Row, sizeOf } from '../../store/rows.ts'
import { arbitraryMessage } from '../protocol/arbitrary-message.ts'
import { AGENT_ID, allocated, CLUSTER_ID, FRAMEWORK_ID, resources, samples } from './sample-items.ts'

const kinds = Object.keys(KINDS) as ItemKind[]

function written<K extends ItemKind>(kind: K, item: Items[K]): Row {
  // Every item holds the fields of its ref.
  return writeItem<ItemKind>(kind, item as never, 'token')
}

describe('keys', () => {
  test('stand as the head of master/model.ts draws them', () => {
    const of = (kind: ItemKind) => Object.values(keyOf<ItemKind>(kind, samples[kind])).join('  ')
    const short = (text: string) =>
      text.replaceAll(AGENT_ID, '<agent>').replaceAll(FRAMEWORK_ID, '<framework>')
    expect(Object.fromEntries(kinds.map((kind) => [kind, short(of(kind))]))).toEqual({
      ledger: 'AGENT#<agent>  LEDGER',
      run: 'AGENT#<agent>  RUN#<framework>/web.1',
      executor: 'AGENT#<agent>  EXECUTOR#<framework>/default',
      hold: 'AGENT#<agent>  HOLD#Xq2LmZs8RtYwB1nKd4hV0c',
      agent: 'AGENTS#3  <agent>',
      instance: 'INSTANCE#i-0123456789abcdef0  <agent>',
      beats: 'BEATS#0  BEATS',
      framework: 'FRAMEWORKS  <framework>',
      gate: 'FRAMEWORK#<framework>  GATE#0',
      lease: 'FRAMEWORK#<framework>  LEASE',
      called: 'FRAMEWORK#<framework>  CALLED',
      accepting: 'FRAMEWORK#<framework>  ACCEPT#Xq2LmZs8RtYwB1nKd4hV0c',
      task: 'FRAMEWORK#<framework>#0  TASK#web.1',
      mail: 'MAIL#<framework>#0  OFFER#<framework>-O1',
      lossHead: 'LOSSES  HEAD',
      loss: 'LOSSES  00000010000000002',
      cluster: 'CLUSTER  CLUSTER',
      tick: 'CLUSTER  TICK',
      allowance: 'CLUSTER  ALLOWANCE#marathon',
      allocation: 'CLUSTER  ALLOCATION',
    })
  })

  test('of different refs differ, whatever ids frameworks choose', () => {
    const id = fc.string({
      unit: fc.constantFrom('a', '#', '/', '%', '2', 'F', '0'),
      minLength: 1,
      maxLength: 6,
    })
    const ref = fc.record({
      agentId: id,
      frameworkId: id,
      taskId: id,
      executorId: id,
      acceptId: id,
      shard: fc.nat(12),
      index: fc.nat(12),
    })
    const composed = ['run', 'executor', 'hold', 'ledger', 'gate', 'lease', 'called', 'task'] as const
    const fields: Record<(typeof composed)[number], readonly string[]> = {
      run: ['agentId', 'frameworkId', 'taskId'],
      executor: ['agentId', 'frameworkId', 'executorId'],
      hold: ['agentId', 'acceptId'],
      ledger: ['agentId'],
      gate: ['frameworkId', 'index'],
      lease: ['frameworkId'],
      called: ['frameworkId'],
      task: ['frameworkId', 'shard', 'taskId'],
    }
    const one = fc.tuple(fc.constantFrom(...composed), ref)
    const said = ([kind, of]: [(typeof composed)[number], object]) =>
      JSON.stringify([
        kind,
        fields[kind].map((field) => Object.entries(of).find(([name]) => name === field)?.[1]),
      ])
    const standing = ([kind, of]: [(typeof composed)[number], object]) =>
      JSON.stringify(keyOf<ItemKind>(kind, of as never))
    fc.assert(
      fc.property(one, one, (a, b) => (said(a) === said(b)) === (standing(a) === standing(b))),
      { numRuns: 2_000 },
    )
  })

  test('an id that looks like the written form of another is another', () => {
    const sk = (taskId: string) => keyOf('task', { frameworkId: 'f', shard: 0, taskId }).sk
    expect(sk('a/b')).toBe('TASK#a%2Fb')
    expect(sk('a%2Fb')).toBe('TASK#a%252Fb')
  })

  test('of losses sort like their numbers', () => {
    const safe = fc.maxSafeNat()
    const sk = (number: number) => keyOf('loss', { number }).sk
    fc.assert(fc.property(safe, safe, (a, b) => a < b === sk(a) < sk(b)))
  })

  test('that DynamoDB would refuse or change are refused with a sentence', () => {
    expect(() => keyOf('framework', { frameworkId: '' })).toThrow(/cannot be a key/)
    expect(() => keyOf('framework', { frameworkId: '\ud800' })).toThrow(/cannot be a key/)
    expect(() => keyOf('framework', { frameworkId: 'ü'.repeat(513) })).toThrow(/cannot be a key/)
    expect(() => keyOf('loss', { number: 0.5 })).toThrow(/cannot be part of a key/)
  })

  test('a cursor is a place of its partition, and nothing else is a cursor', () => {
    expect(readCursor(cursorAfter('loss', { number: 7 }))).toBe('00000000000000007')
    for (const bad of ['', '%%%', 'YQ==', 'a']) expect(() => readCursor(bad)).toThrow(/not a place/)
  })
})

describe('round trips', () => {
  test.each(kinds)('%s', (kind) => {
    const row = written(kind, samples[kind])
    expect(row).toMatchObject({ version: 1, schema: 1, attempt: 'token' })
    expect(readItem(kind, row)).toEqual({ ...samples[kind], version: 1 })
  })

  test('nothing read is shared with what was written or read before', () => {
    const row = written('ledger', samples.ledger)
    expect(readItem('ledger', row).total[0]).not.toBe(readItem('ledger', row).total[0])
  })

  test('keep int64, Infinity and NaN, and text that looks like our marks', () => {
    const strange = fc.oneof(
      fc.bigInt(),
      fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN),
      fc.constantFrom('\u0000', '\u0000i5', '\u0000s\u0000n1', '\\u0000i5', ':null,', 'null'),
      fc.string({ unit: 'binary' }),
      fc.constant(null),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        strange,
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    }))
    fc.assert(
      fc.property(value, (field) => {
        expect(readBody(writeBody({ field }))).toEqual({ field })
      }),
      { numRuns: 1_000 },
    )
  })

  test('of tasks with any TaskInfo, Task, status and executor', () => {
    const message = (name: string) => arbitraryMessage(`mesos.v1.${name}`, 3).map(positiveZero)
    fc.assert(
      fc.property(
        message('TaskInfo'),
        message('Task'),
        message('TaskStatus'),
        message('ExecutorInfo'),
        (info, task, status, executor) => {
          // Messages of those types, in the codec's canonical form.
          const run = { ...samples.run, task: info, executor } as unknown as Items['run']
          const custody = [{ ...samples.task.custody[0], status }]
          const known = { ...samples.task, mesos: task, custody } as unknown as Items['task']
          expect(readItem('run', written('run', run))).toEqual({ ...run, version: 1 })
          expect(readItem('task', written('task', known))).toEqual({ ...known, version: 1 })
        },
      ),
      { numRuns: 150 },
    )
  })

  test('with ids of this cluster written short, of another as they are, and tabs of people kept', () => {
    const uuid = fc.constantFrom(CLUSTER_ID, 'aaaaaaaa-2d4e-4c59-9a37-51d2c8f0e7ab', '\t', '\\t', 'x')
    const text = fc
      .array(fc.oneof(uuid, fc.constantFrom('-', '\t', 'a')), { maxLength: 4 })
      .map((some) => some.join(''))
    fc.assert(
      fc.property(text, text, text, (bootNonce, digest, key) => {
        const sums = { [key]: { '*': resources(1) } }
        const ledger = { ...samples.ledger, bootNonce, digest, sums }
        expect(readItem('ledger', written('ledger', ledger))).toEqual({ ...ledger, version: 1 })
        const framework = { ...samples.framework, streamId: digest, frameworkId: `f${bootNonce}` }
        expect(readItem('framework', written('framework', framework))).toEqual({ ...framework, version: 1 })
      }),
    )
    expect(written('ledger', samples.ledger).body).not.toContain(CLUSTER_ID)
    expect(written('framework', samples.framework).body).not.toContain(CLUSTER_ID)
  })

  test('with people’s words as keys of maps', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('__proto__', 'constructor'),
    )
    const amounts = fc.constantFrom(resources(1), allocated(2, 'a|b;c:d\n'), [])
    const sums = fc.dictionary(word, fc.dictionary(word, amounts, { noNullPrototype: true }), {
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(sums, (sums) => {
        const ledger = { ...samples.ledger, sums }
        expect(readItem('ledger', written('ledger', ledger))).toEqual({ ...ledger, version: 1 })
      }),
    )
  })
})

describe('resource lists', () => {
  test('are short text when they are plain', () => {
    expect(packResources(resources(4))).toBe('cpus:4;mem:4096;disk:10240;ports:[31000-31999]')
    expect(packResources([])).toBe('')
    expect(packResources(allocated(0.5, 'web'))).toBe('cpus:0.5;mem:512;disk:10240;ports:[31000-31999]|web')
    const reserved = { reservations: [{ type: 'STATIC', role: 'db' }] } as const
    const gpus: Resource = { name: 'gpus', type: 'SET', set: { item: ['GPU-1', 'GPU-2'] }, ...reserved }
    expect(packResources([...resources(1).slice(0, 2), gpus])).toBe(
      'cpus:1;mem:1024\ngpus:{GPU-1,GPU-2}|{"reservations":[{"type":"STATIC","role":"db"}]}',
    )
  })

  test('read back exactly, whatever they hold', () => {
    const usual = fc.constantFrom(...resources(4), ...allocated(1, 'web'), ...allocated(0.001, '|;\n{['))
    const empty = fc.constantFrom<Resource>(
      { name: 'ports', type: 'RANGES', ranges: { range: [] } },
      { name: 'ports', type: 'RANGES', ranges: {} },
      { name: 'ports', type: 'RANGES' },
      { name: 'gpus', type: 'SET', set: { item: [] } },
      { name: 'gpus', type: 'SET', set: { item: ['a b'] } },
      // A field of a later release, and one that JSON cannot carry.
      { name: 'ports', type: 'RANGES', ranges: { range: [], later: 1 } as object },
      {
        name: 'cpus',
        type: 'SCALAR',
        scalar: { value: 1 },
        ...{ later: [Number.POSITIVE_INFINITY, 5n, '\u0000'] },
      },
      { name: 'a:b', type: 'SCALAR', scalar: { value: 1 } },
      { name: 'cpus', type: 'SCALAR', scalar: { value: Number.POSITIVE_INFINITY } },
      { name: 'cpus', type: 'SCALAR', scalar: { value: 1e300 } },
      { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 1n, end: 2n ** 60n }] } },
    )
    const any = arbitraryMessage('mesos.v1.Resource', 3).map(
      (one) => positiveZero(one) as unknown as Resource,
    )
    const list = fc.array(fc.oneof({ weight: 6, arbitrary: usual }, empty, any), { maxLength: 6 })
    let short = 0
    fc.assert(
      fc.property(list, (list) => {
        const packed = packResources(list)
        if (typeof packed === 'string') short++
        expect(unpackResources(packed)).toEqual(list)
        expect(unpackResources(readBody(writeBody({ packed })) as never)).toBeDefined()
      }),
      { numRuns: 1_000 },
    )
    // Both ways were walked.
    expect(short).toBeGreaterThan(100)
    expect(short).toBeLessThan(990)
  })
})

describe('sizes', () => {
  test('usual items take one write unit, a run and a task with words two at most', () => {
    const size = (kind: ItemKind) => sizeOf(written(kind, samples[kind]))
    expect(size('ledger')).toBeLessThan(850)
    for (const kind of [
      'gate',
      'lease',
      'called',
      'mail',
      'beats',
      'tick',
      'allocation',
      'allowance',
      'loss',
    ] as const)
      expect(size(kind)).toBeLessThan(1_000)
    expect(size('run')).toBeLessThan(1_024)
    expect(size('task')).toBeLessThan(1_100)
  })
})

describe('H19 F69: neighbouring releases', () => {
  const golden: Readonly<Record<string, Row>> = JSON.parse(
    readFileSync(new URL('golden-rows.json', import.meta.url), 'utf8'),
  )

  // A change of the written form fails here. Add rows of the new form to the file; the old ones stay and are read.
  test.each(kinds)('a stored %s is read, and written as before', (kind) => {
    const row = golden[kind]
    if (row === undefined) throw new Error(`no golden row of kind ${kind}`)
    expect(readItem(kind, row)).toEqual({ ...samples[kind], version: 1 })
    expect(written(kind, samples[kind])).toEqual(row)
  })

  const row = written('gate', samples.gate)

  test('fields of the next release are kept when the item is written back', () => {
    const newer = { ...row, schema: 2, body: '{"frameworkId":"f","index":0,"later":[1]}' }
    const item = readItem('gate', newer)
    expect(readItem('gate', written('gate', { ...item, epoch: 5 }))).toMatchObject({ later: [1] })
  })

  test('what two releases later wrote is not read', () => {
    expect(() => readItem('gate', { ...row, schema: 3 })).toThrow(/later release/)
  })
})

/** JSON does not know minus zero, and nobody here does. */
function positiveZero<T>(value: T): T {
  if (Object.is(value, -0)) return 0 as T
  if (Array.isArray(value)) return value.map(positiveZero) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, positiveZero(field)])) as T
}
