// The binary encoding, checked against protobufjs's own reading of the definitions.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage, type MessageName } from '../../protocol/codec.ts'
import type { MessageTypes } from '../../protocol/messages.ts'
import { arbitraryMessage } from './arbitrary-message.ts'

const binary = 'application/x-protobuf'
const directory = join(import.meta.dirname, '../../protocol/proto')
const root = new protobuf.Root()
for (const file of readdirSync(directory)) root.loadSync(join(directory, file), { keepCase: true })

function read(typeName: MessageName, bytes: Uint8Array): unknown {
  const decoded = decodeMessage(typeName, binary, bytes)
  return decoded.ok ? decoded.message : decoded.error
}

function foreignBytes(typeName: string, object: Record<string, unknown>): Uint8Array {
  const type = root.lookupType(typeName)
  return type.encode(type.fromObject(object)).finish()
}

const topLevelTypes = [
  'mesos.v1.scheduler.Call',
  'mesos.v1.scheduler.Event',
  'mesos.v1.executor.Call',
  'mesos.v1.executor.Event',
  'mesos.v1.master.Call',
  'mesos.v1.master.Response',
  'mesos.v1.agent.Call',
  'mesos.v1.agent.Response',
] as const

test.each(topLevelTypes)('what is written of %s reads as the same', (typeName) => {
  fc.assert(
    fc.property(arbitraryMessage(typeName, 5), (given) => {
      // The generator follows the descriptor of the type.
      expect(read(typeName, encodeMessage(typeName, binary, given as MessageTypes[typeof typeName]))).toEqual(
        given,
      )
    }),
    { numRuns: 50 },
  )
})

test.each(topLevelTypes)('protobufjs reads what we write of %s, and we what it writes', (typeName) => {
  fc.assert(
    fc.property(arbitraryMessage(typeName, 5), (given) => {
      const type = root.lookupType(typeName)
      const bytes = encodeMessage(typeName, binary, given as MessageTypes[typeof typeName])
      const theirs = type.encode(type.decode(bytes)).finish()
      expect(read(typeName, theirs)).toEqual(given)
    }),
    { numRuns: 50 },
  )
})

describe('reading', () => {
  test('C22 missing required fields are named', () => {
    const bytes = Buffer.from([0x10, 1, 0x1a, 5, 0x0a, 3, 0x0a, 1, 0x75]) // type SUBSCRIBE, framework_info.user "u"
    expect(read('mesos.v1.scheduler.Call', bytes)).toBe(
      'Missing required fields: subscribe.framework_info.name',
    )
  })

  test('C23 unknown fields of every wire type are skipped', () => {
    const known = encodeMessage('mesos.v1.TaskID', binary, { value: 't' })
    const unknown = [
      [0xa0, 0x06, 0x96, 0x01], // 100: varint
      [0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8], // 100: 64 bits
      [0xa2, 0x06, 2, 9, 9], // 100: two bytes
      [0xa3, 0x06, 0xa8, 0x06, 1, 0xa4, 0x06], // 100: group with a varint in it
      [0xa5, 0x06, 1, 2, 3, 4], // 100: 32 bits
      [0x08, 1], // 1 as a varint, though `value` is text
    ]
    for (const field of unknown) {
      expect(read('mesos.v1.TaskID', Buffer.concat([Buffer.from(field), known]))).toEqual({ value: 't' })
    }
  })

  test('C16 an enum number outside the enum leaves the field unset', () => {
    expect(read('mesos.v1.scheduler.Call', Buffer.from([0x10, 99]))).toEqual({})
    expect(read('mesos.v1.scheduler.Call', Buffer.from([0x10, 12]))).toEqual({ type: 'SUPPRESS' })
    const status = Buffer.concat([Buffer.from([0x0a, 3, 0x0a, 1, 0x74]), Buffer.from([0x10, 99])])
    expect(read('mesos.v1.TaskStatus', status)).toBe('Missing required fields: state')
  })

  test('0 is a value of an enum like any other, absence is not', () => {
    const status = { task_id: { value: 't' }, state: 'TASK_STARTING', source: 'SOURCE_MASTER' } as const
    expect(read('mesos.v1.TaskStatus', encodeMessage('mesos.v1.TaskStatus', binary, status))).toEqual(status)
  })

  test('lists are read packed and unpacked', () => {
    const type = 'mesos.v1.HealthCheck.HTTPCheckInfo'
    const unpacked = Buffer.from([0x08, 80, 0x20, 1, 0x20, 2])
    const packed = Buffer.from([0x08, 80, 0x22, 2, 1, 2])
    expect(read(type, unpacked)).toEqual({ port: 80, statuses: [1, 2] })
    expect(read(type, packed)).toEqual({ port: 80, statuses: [1, 2] })
    const capabilities = Buffer.from([0x0a, 4, 0xe8, 0x07, 0xed, 0x07])
    expect(read('mesos.v1.CapabilityInfo', capabilities)).toEqual({ capabilities: ['CHOWN', 'KILL'] })
  })

  test('parts of a message add up, of a oneof the last member stays', () => {
    const user = Buffer.from([0x1a, 5, 0x0a, 3, 0x0a, 1, 0x75])
    const name = Buffer.from([0x1a, 5, 0x0a, 3, 0x12, 1, 0x6e])
    expect(read('mesos.v1.scheduler.Call', Buffer.concat([user, name]))).toEqual({
      subscribe: { framework_info: { user: 'u', name: 'n' } },
    })
    const selector = 'mesos.v1.scheduler.AttributeConstraint.Selector'
    expect(read(selector, Buffer.from([0x12, 1, 0x61, 0x08, 3]))).toEqual({ pseudoattribute_type: 'ZONE' })
  })

  test('map entries may lack key or value', () => {
    const bytes = foreignBytes('mesos.v1.quota.QuotaConfig', { role: 'a' })
    const emptyEntry = Buffer.concat([bytes, Buffer.from([0x12, 0])])
    expect(read('mesos.v1.quota.QuotaConfig', emptyEntry)).toBe(
      "Missing required fields: guarantees[''].value",
    )
  })

  test.each([
    ['cut text', [0x0a, 5, 0x74]],
    ['cut varint', [0x10, 0x80]],
    ['field number 0', [0x00, 1]],
    ['group that ends unopened', [0x0c]],
    ['group that never ends', [0xa3, 0x06]],
    ['inner message beyond the outer', [0x1a, 4, 0x0a, 9, 0x0a, 1, 0x75]],
    ['wire type 7', [0x0f]],
  ])('%s is refused', (_, bytes) => {
    expect(read('mesos.v1.scheduler.Call', Buffer.from(bytes))).toContain(
      'The body is not a protobuf message: ',
    )
  })

  test('A13: depth is bounded, also inside unknown groups', () => {
    let nested: MessageTypes['mesos.v1.ContainerID'] = { value: 'c' }
    for (let i = 0; i < 64; i++) nested = { value: 'c', parent: nested }
    expect(read('mesos.v1.ContainerID', encodeMessage('mesos.v1.ContainerID', binary, nested))).toBe(
      'Messages are nested more than 64 deep',
    )
    const groups = Buffer.alloc(100_000, Buffer.from([0xa3, 0x06]))
    expect(read('mesos.v1.TaskID', groups)).toContain('The body is not a protobuf message: ')
  })

  test('NaN is refused, infinity is not', () => {
    const scalar = (value: number) => foreignBytes('mesos.v1.Value.Scalar', { value })
    expect(read('mesos.v1.Value.Scalar', scalar(Number.NaN))).toBe("Field 'value' is not a number")
    expect(read('mesos.v1.Value.Scalar', scalar(Number.POSITIVE_INFINITY))).toEqual({
      value: Number.POSITIVE_INFINITY,
    })
  })

  test('A11: a key that would set a prototype is refused', () => {
    const bytes = Buffer.from([0x0a, 1, 0x61, 0x12, 11, 0x0a, 9, ...Buffer.from('__proto__')])
    expect(read('mesos.v1.quota.QuotaConfig', bytes)).toBe("Field 'guarantees' has a key that is not allowed")
  })

  test('A13: random bytes are refused or read, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeMessage('mesos.v1.scheduler.Call', binary, bytes)).toHaveProperty('ok')
      }),
      { numRuns: 2000 },
    )
  })
})

test('C18 64-bit integers survive at their bounds', () => {
  for (const nanoseconds of [2n ** 63n - 1n, -(2n ** 63n), 2 ** 53 - 1, -1, 2n ** 53n]) {
    const bytes = encodeMessage('mesos.v1.TimeInfo', binary, { nanoseconds })
    expect(read('mesos.v1.TimeInfo', bytes)).toEqual({ nanoseconds })
  }
  const range = { begin: 2n ** 63n, end: 2n ** 64n - 1n }
  expect(read('mesos.v1.Value.Range', encodeMessage('mesos.v1.Value.Range', binary, range))).toEqual(range)
})

test('writing what lacks a required field, or has no such enum value, is a bug and throws', () => {
  // @ts-expect-error `value` is required
  expect(() => encodeMessage('mesos.v1.TaskID', binary, {})).toThrow(
    "Required field 'value' of mesos.v1.TaskID",
  )
  // @ts-expect-error no such type
  expect(() => encodeMessage('mesos.v1.scheduler.Call', binary, { type: 'NO' })).toThrow(
    "'NO' is no value of",
  )
})
