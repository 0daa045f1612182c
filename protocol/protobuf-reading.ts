// Reads messages from the binary encoding; protobufjs knows the wire, the descriptors name the fields.
//
// Unknown fields are skipped, an enum number outside the enum leaves the field unset, repeated scalars
// are read packed or not. For each type a table by field number is built once and kept.

import { Reader } from 'protobufjs/minimal.js'
import {
  enumNumbers,
  type FieldDescriptor,
  fieldsOf,
  isScalarType,
  kindOf,
  type ScalarType,
} from './descriptor.ts'
import type { Int64 } from './messages.ts'
import { type Place, WireError } from './wire-error.ts'

type Fields = Record<string, unknown>

/** Reads one value; `former` is what the field held already, because parts of a message add up. */
type Read = (reader: Reader, place: Place, former: unknown) => unknown

interface FieldReader {
  readonly descriptor: FieldDescriptor
  readonly wireType: number
  readonly read: Read
  readonly rivals: readonly string[]
}

type FieldTable = readonly (FieldReader | undefined)[]

const varint = 0
const fixed64 = 1
const lengthDelimited = 2

/** Reads a whole message; what it lacks is for `required-fields.ts` to say. */
export function readProtobuf(typeName: string, body: Uint8Array, place: Place): Fields {
  // Over a Buffer protobufjs reads text with Node's own decoder, which is much faster.
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const reader = Reader.create(buffer)
  try {
    return readMessage(typeName, reader, place, {})
  } catch (error) {
    if (error instanceof WireError) throw error
    throw new WireError(
      `The body is not a protobuf message: ${error instanceof Error ? error.message : error}`,
    )
  }
}

function readMessage(typeName: string, reader: Reader, place: Place, message: Fields): Fields {
  place.enterMessage()
  const table = tableOf(typeName)
  while (reader.pos < reader.len) {
    const tag = reader.tag()
    const field = table[tag >>> 3]
    const wireType = tag & 7
    if (field === undefined || !readField(field, wireType, reader, place, message)) {
      reader.skipType(wireType, 0, tag >>> 3)
    }
  }
  place.leaveMessage()
  return message
}

/** False if the wire type is not the field's own: such a field counts as unknown. */
function readField(
  field: FieldReader,
  wireType: number,
  reader: Reader,
  place: Place,
  message: Fields,
): boolean {
  const { name, rule } = field.descriptor
  const isPacked = rule === 'repeated' && wireType === lengthDelimited && field.wireType !== lengthDelimited
  if (wireType !== field.wireType && !isPacked) return false
  place.enter(name)
  if (isPacked) within(reader, () => readPacked(field, reader, place, message))
  else if (rule === 'repeated') append(message, name, field.read(reader, place, undefined))
  else setField(field, message, field.read(reader, place, message[name]))
  place.leave()
  return true
}

function readPacked(field: FieldReader, reader: Reader, place: Place, message: Fields): void {
  while (reader.pos < reader.len) append(message, field.descriptor.name, field.read(reader, place, undefined))
}

function append(message: Fields, name: string, value: unknown): void {
  if (value === undefined) return
  const list = message[name]
  if (Array.isArray(list)) list.push(value)
  else message[name] = [value]
}

function setField(field: FieldReader, message: Fields, value: unknown): void {
  if (value === undefined) return
  for (const rival of field.rivals) delete message[rival]
  message[field.descriptor.name] = value
}

/** Narrows the reader to the next length-delimited value, so that nothing inside reads past its end. */
function within<T>(reader: Reader, read: () => T): T {
  const length = reader.uint32()
  const end = reader.pos + length
  const outer = reader.len
  if (end > outer) throw new RangeError(`a value of ${length} bytes reaches beyond the end`)
  reader.len = end
  const value = read()
  reader.len = outer
  return value
}

const tables = new Map<string, FieldTable>()

function tableOf(typeName: string): FieldTable {
  const known = tables.get(typeName)
  if (known !== undefined) return known
  const table: (FieldReader | undefined)[] = []
  const fields = fieldsOf(typeName)
  for (const field of fields) {
    const rivals =
      field.oneof === undefined
        ? []
        : fields.filter((other) => other.oneof === field.oneof && other !== field)
    table[field.number] = {
      descriptor: field,
      wireType: field.rule === 'map' ? lengthDelimited : wireTypeOf(field.type),
      read: field.rule === 'map' ? mapReader(field) : valueReader(field.type),
      rivals: rivals.map((other) => other.name),
    }
  }
  tables.set(typeName, table)
  return table
}

function wireTypeOf(type: string): number {
  if (isScalarType(type)) return scalarReaders[type].wireType
  return kindOf(type) === 'enum' ? varint : lengthDelimited
}

function valueReader(type: string): Read {
  if (isScalarType(type)) return scalarReaders[type].read
  if (kindOf(type) === 'message') {
    // Only this reader sets the fields it finds again, and it sets objects.
    return (reader, place, former) =>
      within(reader, () => readMessage(type, reader, place, (former ?? {}) as Fields))
  }
  const names = new Map(Object.entries(enumNumbers(type)).map(([name, number]) => [number, name]))
  return (reader) => names.get(reader.int32())
}

/** On the wire a map is a list of entries with the key as field 1 and the value as field 2. */
function mapReader(field: FieldDescriptor): Read {
  const wireType = wireTypeOf(field.type)
  const readValue = valueReader(field.type)
  const readEntry = (reader: Reader, place: Place): readonly [string, unknown] => {
    let key = ''
    let value: unknown
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      if (tag === ((1 << 3) | lengthDelimited)) key = reader.string().toWellFormed()
      else if (tag === ((2 << 3) | wireType)) value = readValue(reader, place, value)
      else reader.skipType(tag & 7, 0, tag >>> 3)
    }
    if (key === '__proto__') place.refuse('has a key that is not allowed')
    return [key, value ?? (field.type === 'string' ? '' : {})]
  }
  return (reader, place, former) => {
    const [key, value] = within(reader, () => readEntry(reader, place))
    const map = (former ?? {}) as Fields
    map[key] = value
    return map
  }
}

const scalarReaders: Readonly<Record<ScalarType, { readonly wireType: number; readonly read: Read }>> = {
  double: { wireType: fixed64, read: readDouble },
  bool: { wireType: varint, read: (reader) => reader.bool() },
  string: { wireType: lengthDelimited, read: (reader) => reader.string().toWellFormed() },
  bytes: { wireType: lengthDelimited, read: (reader) => Buffer.from(reader.bytes()).toString('base64') },
  int32: { wireType: varint, read: (reader) => reader.int32() },
  uint32: { wireType: varint, read: (reader) => reader.uint32() },
  int64: { wireType: varint, read: (reader) => exact(reader.int64(), true) },
  uint64: { wireType: varint, read: (reader) => exact(reader.uint64(), false) },
}

/** JSON has no word for it, and as an amount of something it would poison every sum. */
function readDouble(reader: Reader, place: Place): number {
  const value = reader.double()
  return Number.isNaN(value) ? place.refuse('is not a number') : value
}

function exact(halves: { readonly high: number; readonly low: number }, signed: boolean): Int64 {
  const high = signed ? halves.high | 0 : halves.high >>> 0
  const low = halves.low >>> 0
  const value = high * 2 ** 32 + low
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low)
}
