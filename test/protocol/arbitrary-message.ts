// Random messages of any type, in the canonical form in which the codec reads them.

import fc from 'fast-check'
import {
  enumNumbers,
  type FieldDescriptor,
  fieldsOf,
  isScalarType,
  kindOf,
} from '../../protocol/descriptor.ts'

const arbitraryInt64 = (least: bigint, most: bigint) =>
  fc.oneof(
    fc.maxSafeNat(),
    fc.bigInt(least, most).map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
  )

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  double: fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constant(Number.POSITIVE_INFINITY)),
  bool: fc.boolean(),
  string: fc.string({ unit: 'binary', maxLength: 8 }),
  bytes: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64: arbitraryInt64(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: arbitraryInt64(0n, 2n ** 64n - 1n),
}

/** A message of the type; below `levels` only required fields are set. */
export function arbitraryMessage(typeName: string, levels: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = oneOfEach(fieldsOf(typeName)).filter((field) => levels > 0 || field.rule === 'required')
  const models = Object.fromEntries(fields.map((field) => [field.name, arbitraryField(field, levels)]))
  const required = fields.filter((field) => field.rule === 'required').map((field) => field.name)
  return fc.record(models, { requiredKeys: required })
}

/** Of a oneof only the first member, so that what is written is what is read. */
function oneOfEach(fields: readonly FieldDescriptor[]): FieldDescriptor[] {
  return fields.filter(
    (field, index) =>
      field.oneof === undefined || fields.findIndex((other) => other.oneof === field.oneof) === index,
  )
}

function arbitraryField(field: FieldDescriptor, levels: number): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field.type, levels)
  if (field.rule === 'repeated') return fc.array(value, { minLength: 1, maxLength: 2 })
  if (field.rule !== 'map') return value
  const key = fc.string({ maxLength: 5 }).filter((text) => text !== '__proto__')
  return fc.dictionary(key, value, { minKeys: 1, maxKeys: 2, noNullPrototype: true })
}

function arbitraryValue(type: string, levels: number): fc.Arbitrary<unknown> {
  if (isScalarType(type)) return scalars[type] ?? fc.constant(undefined)
  if (kindOf(type) === 'enum') return fc.constantFrom(...Object.keys(enumNumbers(type)))
  return arbitraryMessage(type, levels - 1)
}
