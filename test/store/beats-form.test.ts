// The short form of a shard of beats: the way back, what it costs, and what is written as text instead.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BeatRecord, Beats } from '../../master/model.ts'
import { isPackedBeats, packBeats, unpackBeats } from '../../store/beats-form.ts'
import { readItem, writeItem } from '../../store/items.ts'
import { pack, UNBILLED_UNIT_BYTES } from '../../store/packing.ts'
import { sizeOf } from '../../store/rows.ts'

const CLUSTER = 'd0463d50-5e1f-4445-ad98-7a314aa420cc'
const NOW = Date.UTC(2026, 10, 1)

const idChars = fc.stringMatching(/^[A-Za-z0-9]{22}$/)
const digest = fc.oneof(
  fc.constantFrom('', '00000000', '0000000000000000'),
  fc.stringMatching(/^[0-9a-f]{8}$/),
  fc.stringMatching(/^[0-9a-f]{16}$/),
)
const record: fc.Arbitrary<BeatRecord> = fc.record({
  incarnation: fc.oneof(
    fc.nat(300),
    fc.nat(5).map((step) => 10_000_000_000 + step),
  ),
  number: fc.maxSafeNat(),
  stamp: fc.oneof(
    fc.nat(20_000).map((ms) => NOW - ms),
    fc.nat(),
  ),
  applied: fc.oneof(
    fc.nat(300),
    fc.nat(5).map((step) => 20_000_000_000 + step),
  ),
  digest,
})
const shards: fc.Arbitrary<Beats> = fc.record({
  version: fc.nat(),
  shard: fc.nat(200),
  agents: fc
    .uniqueArray(fc.tuple(idChars, record), { selector: ([id]) => id, minLength: 1, maxLength: 130 })
    .map((list) => Object.fromEntries(list.map(([id, each]) => [`${CLUSTER}-S${id}`, each]))),
  canary: fc.record({ number: fc.maxSafeNat(), stamp: fc.nat() }),
  hearingSince: fc.oneof(
    fc.constant(0),
    fc.nat(20_000).map((ms) => NOW - ms),
  ),
})

describe('the short form', () => {
  test('comes back as it was, in its order', () => {
    fc.assert(
      fc.property(shards, (beats) => {
        const packed = packBeats(beats)
        expect(packed).toBeDefined()
        if (packed === undefined) return
        const { version: _, ...rest } = beats
        const back = unpackBeats(packed)
        expect(back).toEqual(rest)
        expect(Object.keys(back.agents)).toEqual(Object.keys(beats.agents))
      }),
      { numRuns: 200 },
    )
  })

  test('R13 an agent with tasks takes 29 bytes, one without 24; a hundred agents are three units', () => {
    const grown = (digestOf: (index: number) => string) =>
      (sizeOf(writeItem('beats', shardOf(120, digestOf), TOKEN)) -
        sizeOf(writeItem('beats', shardOf(60, digestOf), TOKEN))) /
      60
    expect(grown((index) => (0xabcdef01 - index).toString(16))).toBeLessThanOrEqual(29)
    expect(grown(() => '00000000')).toBeLessThanOrEqual(24.6)
    const busy = writeItem(
      'beats',
      shardOf(100, (index) => (0xabcdef01 - index).toString(16)),
      TOKEN,
    )
    expect(sizeOf(busy)).toBeLessThanOrEqual(3 * 1_024)
  })

  test('the golden bytes of two agents', () => {
    const beats = shardOf(2, (index) => (index === 0 ? '9f86d081' : '00000000'))
    expect(packBeats(beats)?.toString('base64')).toMatchInlineSnapshot(
      `"BgMCwMQHgNCfo5k0mMifo5k0gNCfo5k0AdBGPVBeH0RFrZh6MUqkIMzQCCfceTxG3kzNfDVBxVvs3UCCfceTxG3kzNfDVBxVvs0AAKCcAaMBgQIBj9oByQOfhtCB"`,
    )
  })

  test('a packed body is never taken for it, nor it for a packed body', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 200, maxLength: 4_000 }), (text) => {
        const body = pack(text.repeat(3), 100, 1)
        return typeof body === 'string' || !isPackedBeats(body)
      }),
    )
  })

  test('H1 bytes that were cut off are refused, not guessed at', () => {
    const whole = packBeats(shardOf(3, () => '9f86d081'))
    if (whole === undefined) throw new Error('not packed')
    for (let length = 1; length < whole.length; length++)
      expect(() => unpackBeats(whole.subarray(0, length)), `${length} bytes`).toThrow(RangeError)
  })
})

describe('in the table', () => {
  test('a few agents stay text that a person can read', () => {
    expect(
      typeof writeItem(
        'beats',
        shardOf(3, () => '9f86d081'),
        TOKEN,
      ).body,
    ).toBe('string')
  })

  test('many are written short and read back, where that is billed', () => {
    const beats = shardOf(60, () => '9f86d081')
    const row = writeItem('beats', beats, TOKEN)
    expect(typeof row.body !== 'string' && isPackedBeats(row.body)).toBe(true)
    expect(readItem('beats', row)).toEqual({ ...beats, version: beats.version + 1 })
    expect(typeof writeItem('beats', beats, TOKEN, UNBILLED_UNIT_BYTES).body).toBe('string')
  })

  test.each<readonly [string, (beats: Beats) => Beats]>([
    [
      'an id of another cluster',
      (beats) => withAgent(beats, `${CLUSTER.replace('d', 'e')}-S${'a'.repeat(22)}`),
    ],
    ['an id of another shape', (beats) => withAgent(beats, `${CLUSTER}-S1`)],
    [
      'a digest of another length',
      (beats) => withAgent(beats, `${CLUSTER}-S${'a'.repeat(22)}`, { digest: 'abc' }),
    ],
    ['a number that is none', (beats) => withAgent(beats, `${CLUSTER}-S${'a'.repeat(22)}`, { number: -1 })],
    ['a shard number that is none', (beats) => ({ ...beats, shard: 0.5 })],
  ])('%s is written as text, and comes back', (_, to) => {
    const beats = to(shardOf(60, () => '9f86d081'))
    expect(packBeats(beats)).toBeUndefined()
    const row = writeItem('beats', beats, TOKEN)
    expect(readItem('beats', row)).toEqual({ ...beats, version: beats.version + 1 })
  })

  test('F69 what an earlier release wrote is read: text, and text packed, with whole digests', () => {
    const beats = shardOf(60, () => '9f86d081884c7d65')
    const row = writeItem('beats', beats, TOKEN, UNBILLED_UNIT_BYTES)
    if (typeof row.body !== 'string') throw new Error('no text')
    const packed = { ...row, body: pack(row.body, 100, 1_024) }
    expect(typeof packed.body).not.toBe('string')
    for (const each of [row, packed])
      expect(readItem('beats', each)).toEqual({ ...beats, version: beats.version + 1 })
  })
})

const TOKEN = '0'.repeat(36)

function shardOf(agents: number, digestOf: (index: number) => string): Beats {
  const records = Array.from({ length: agents }, (_, index) => {
    const id = `${CLUSTER}-S${`${index}Agn3Hk8Rt5MzXw1QcVb7Nx`.slice(0, 22)}`
    const record: BeatRecord = {
      incarnation: 1 + (index % 3),
      number: 20_000 + ((index * 7_919) % 80_000),
      stamp: NOW - ((index * 257) % 15_000),
      applied: 20 + ((index * 37) % 200),
      digest: digestOf(index),
    }
    return [id, record] as const
  })
  const canary = { number: 123_456, stamp: NOW }
  return { version: 9, shard: 3, agents: Object.fromEntries(records), canary, hearingSince: NOW - 1_000 }
}

function withAgent(beats: Beats, agentId: string, more: Partial<BeatRecord> = {}): Beats {
  const [some] = Object.values(beats.agents)
  if (some === undefined) throw new Error('nobody beats')
  return { ...beats, agents: { ...beats.agents, [agentId]: { ...some, ...more } } }
}
