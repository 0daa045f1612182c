// Writes messages in the binary encoding; protobufjs knows the wire, the descriptors name the fields.
//
// Absent fields are not written, defaults neither: the reader knows them. Lists are not packed.

import { Writer } from 'protobufjs/minimal.js'
import {
  enumNumbers,
  type FieldDescriptor,
  fieldsOf,
  isScalarType,
  kindOf,
  type ScalarType,
} from './descriptor.ts'
import type { Int64 } from './messages.ts'

type Fields = Readonly<Record<string, unknown>>
type Write = (writer: Writer, value: unknown) => void

interface ValueWriter {
  readonly wireType: number
  readonly write: Write
}

interface FieldWriter {
  readonly descriptor: FieldDescriptor
  readonly tag: number
  readonly write: Write
}

const varint = 0
const fixed64 = 1
const lengthDelimited = 2

/** Writes a whole message. A missing required field or an unknown enum name is a bug and throws. */
export function writeProtobuf(typeName: string, message: object): Buffer {
  const writer = Writer.create()
  // Messages are typed at the codec's gate; below it fields are looked up by the names of the descriptor.
  writeFields(typeName, writer, message as Fields)
  const bytes = writer.finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function writeFields(typeName: string, writer: Writer, message: Fields): void {
  for (const field of writersOf(typeName)) {
    const value = message[field.descriptor.name]
    if (value !== undefined) writeField(field, writer, value)
    else if (field.descriptor.rule === 'required' && field.descriptor.default === undefined) {
      throw new Error(`Required field '${field.descriptor.name}' of ${typeName} is absent`)
    }
  }
}

function writeField(field: FieldWriter, writer: Writer, value: unknown): void {
  if (field.descriptor.rule === 'repeated') {
    for (const item of value as readonly unknown[]) field.write(writer.uint32(field.tag), item)
  } else if (field.descriptor.rule === 'map') {
    for (const entry of Object.entries(value as Fields)) field.write(writer.uint32(field.tag), entry)
  } else {
    field.write(writer.uint32(field.tag), value)
  }
}

const writersByType = new Map<string, readonly FieldWriter[]>()

function writersOf(typeName: string): readonly FieldWriter[] {
  const known = writersByType.get(typeName)
  if (known !== undefined) return known
  const writers = fieldsOf(typeName).map((field) => {
    const { wireType, write } = field.rule === 'map' ? entryWriter(field.type) : valueWriter(field.type)
    return { descriptor: field, tag: (field.number << 3) | wireType, write }
  })
  writersByType.set(typeName, writers)
  return writers
}

function valueWriter(type: string): ValueWriter {
  if (isScalarType(type)) return scalarWriters[type]
  return kindOf(type) === 'enum' ? enumWriter(type) : messageWriter(type)
}

function enumWriter(type: string): ValueWriter {
  const numbers = enumNumbers(type)
  return {
    wireType: varint,
    write: (writer, value) => {
      const number = numbers[value as string]
      if (number === undefined) throw new Error(`'${value}' is no value of ${type}`)
      writer.int32(number)
    },
  }
}

function messageWriter(type: string): ValueWriter {
  return {
    wireType: lengthDelimited,
    write: (writer, value) => {
      writer.fork()
      writeFields(type, writer, value as Fields)
      writer.ldelim()
    },
  }
}

/** On the wire a map is a list of entries with the key as field 1 and the value as field 2. */
function entryWriter(type: string): ValueWriter {
  const { wireType, write } = valueWriter(type)
  return {
    wireType: lengthDelimited,
    write: (writer, entry) => {
      const [key, value] = entry as readonly [string, unknown]
      writer.fork()
      writer.uint32((1 << 3) | lengthDelimited).string(key)
      write(writer.uint32((2 << 3) | wireType), value)
      writer.ldelim()
    },
  }
}

// The values have these types because messages are typed at the codec's gate.
const scalarWriters: Readonly<Record<ScalarType, ValueWriter>> = {
  double: { wireType: fixed64, write: (writer, value) => writer.double(value as number) },
  bool: { wireType: varint, write: (writer, value) => writer.bool(value as boolean) },
  string: { wireType: lengthDelimited, write: (writer, value) => writer.string(value as string) },
  bytes: {
    wireType: lengthDelimited,
    write: (writer, value) => writer.bytes(Buffer.from(value as string, 'base64')),
  },
  int32: { wireType: varint, write: (writer, value) => writer.int32(value as number) },
  uint32: { wireType: varint, write: (writer, value) => writer.uint32(value as number) },
  int64: { wireType: varint, write: (writer, value) => writer.int64(plain(value as Int64)) },
  uint64: { wireType: varint, write: (writer, value) => writer.uint64(plain(value as Int64)) },
}

/** protobufjs takes big integers as text. */
function plain(value: Int64): number | string {
  return typeof value === 'bigint' ? String(value) : value
}
