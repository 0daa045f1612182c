// Reads messages from JSON by Mesos's own mapping, which is not the canonical one of proto3.
//
// Unknown fields are ignored at every level and null is absence. Enums are names: a number is refused,
// an unknown name is dropped where the field is optional. Numbers may come as text, a single value may
// stand for a list of one. For each type a reader is built once and kept.

import { isUtf8 } from 'node:buffer'
import {
  enumNumbers,
  type FieldDescriptor,
  fieldsOf,
  isScalarType,
  kindOf,
  type ScalarType,
} from './descriptor.ts'
import type { Int64 } from './messages.ts'
import { type Place, quoted, WireError } from './wire-error.ts'

/** Reads one JSON value; undefined means that nothing is kept of it. */
type Read = (value: unknown, place: Place) => unknown

interface FieldReader {
  readonly name: string
  readonly read: Read
  /** The other members of the same oneof: of several that came, the last declared stays. */
  readonly rivals: readonly string[]
}

type Fields = Record<string, unknown>

/** Parses a JSON body; integers beyond 2^53 come out as bigints, which JSON.parse alone would corrupt. */
export function parseJson(body: Uint8Array): unknown {
  if (!isUtf8(body)) throw new WireError('The body is not valid UTF-8')
  const text = new TextDecoder().decode(body)
  try {
    // Looking at the source of each number is slow; only numbers of 16 digits and more can need it.
    return longNumber.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new WireError(`The body is not JSON: ${error.message}`)
    // The walk over long numbers calls itself for each level, the parser does not.
    if (error instanceof RangeError) throw new WireError('The body is nested too deeply')
    throw error
  }
}

const longNumber = /(?:^|[:,[\s])-?\d{16}/
const integerText = /^-?\d+$/

// TypeScript's JSON.parse does not know the third argument, which has the number as it was written.
function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return integerText.test(source) && source.length <= longestInteger ? BigInt(source) : value
}

/** More digits than any 64-bit integer has; what is longer is read as a double. */
const longestInteger = 32

const readers = new Map<string, Read>()

/** The reader of a message type. */
export function compileJsonReader(typeName: string): Read {
  const known = readers.get(typeName)
  if (known !== undefined) return known
  // Fields are looked up at first use, because types may contain themselves.
  let fields: readonly FieldReader[] | undefined
  const read: Read = (value, place) => {
    fields ??= fieldsOf(typeName).map(fieldReader)
    return readMessage(fields, value, place)
  }
  readers.set(typeName, read)
  return read
}

function readMessage(fields: readonly FieldReader[], value: unknown, place: Place): Fields {
  if (!isObject(value)) return refuseShape(place, 'an object', value)
  place.enterMessage()
  const message: Fields = {}
  for (const field of fields) {
    const given = value[field.name]
    if (given === undefined || given === null) continue
    place.enter(field.name)
    const read = field.read(given, place)
    if (read !== undefined) {
      for (const rival of field.rivals) delete message[rival]
      message[field.name] = read
    }
    place.leave()
  }
  place.leaveMessage()
  return message
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldReader(field: FieldDescriptor, _index: number, all: readonly FieldDescriptor[]): FieldReader {
  const sameOneof = all.filter((other) => other.oneof === field.oneof && other !== field)
  return {
    name: field.name,
    read: ruleReader(field),
    rivals: field.oneof === undefined ? [] : sameOneof.map((other) => other.name),
  }
}

function ruleReader(field: FieldDescriptor): Read {
  const read = valueReader(field)
  switch (field.rule) {
    case 'repeated':
      return (value, place) => readList(read, value, place)
    case 'map':
      return (value, place) => readMap(read, value, place)
    default:
      return (value, place) =>
        Array.isArray(value) ? refuseShape(place, 'a single value', value) : read(value, place)
  }
}

function readList(read: Read, value: unknown, place: Place): unknown[] | undefined {
  if (!Array.isArray(value)) {
    const item = read(value, place)
    return item === undefined ? undefined : [item]
  }
  const list: unknown[] = []
  for (let i = 0; i < value.length; i++) {
    if (value[i] === null) continue
    place.enter(i)
    const item = read(value[i], place)
    if (item !== undefined) list.push(item)
    place.leave()
  }
  return list.length === 0 ? undefined : list
}

/** Of a longer key only the beginning is named in an error. */
const longestKeyNamed = 80

function readMap(read: Read, value: unknown, place: Place): Fields | undefined {
  if (!isObject(value)) return refuseShape(place, 'an object', value)
  const map: Fields = {}
  for (const key of Object.keys(value)) {
    if (value[key] === null) continue
    place.enter(key.slice(0, longestKeyNamed))
    // As a key of a plain object this one would set the prototype instead of an entry.
    if (key === '__proto__') place.refuse('has a key that is not allowed')
    const item = read(value[key], place)
    if (item !== undefined) map[key.toWellFormed()] = item
    place.leave()
  }
  return Object.keys(map).length === 0 ? undefined : map
}

function valueReader(field: FieldDescriptor): Read {
  if (isScalarType(field.type)) return scalarReaders[field.type]
  if (kindOf(field.type) === 'message') return compileJsonReader(field.type)
  const names: ReadonlySet<string> = new Set(Object.keys(enumNumbers(field.type)))
  return (value, place) => {
    if (typeof value !== 'string') return refuseShape(place, 'the name of a value', value)
    if (names.has(value)) return value
    return field.rule === 'required' ? place.refuse(`has an unknown value ${quoted(value)}`) : undefined
  }
}

function refuseShape(place: Place, expected: string, value: unknown): never {
  if (`${place}` === '') throw new WireError(`Expecting a JSON object, not ${shapeOf(value)}`)
  return place.refuse(`must be ${expected}, not ${shapeOf(value)}`)
}

function shapeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'bigint' ? 'a number' : `a ${typeof value}`
}

const scalarReaders: Readonly<Record<ScalarType, Read>> = {
  string: readString,
  bytes: readBytes,
  bool: readBool,
  double: readDouble,
  int32: (value, place) => Number(readInteger(value, place, -(2n ** 31n), 2n ** 31n - 1n)),
  uint32: (value, place) => Number(readInteger(value, place, 0n, 2n ** 32n - 1n)),
  int64: (value, place) => readInteger(value, place, -(2n ** 63n), 2n ** 63n - 1n),
  uint64: (value, place) => readInteger(value, place, 0n, 2n ** 64n - 1n),
}

/** A half of a surrogate pair has no UTF-8 form: it becomes U+FFFD here as it would in protobuf. */
function readString(value: unknown, place: Place): string {
  return typeof value === 'string' ? value.toWellFormed() : refuseShape(place, 'a string', value)
}

const wholeBase64 = /^[A-Za-z0-9+/]*={0,2}$/
const notBase64 = /[^A-Za-z0-9+/=]/

function readBytes(value: unknown, place: Place): string {
  if (typeof value !== 'string') return refuseShape(place, 'base64 text', value)
  if (!wholeBase64.test(value) || value.length % 4 !== 0) {
    const wrong = notBase64.exec(value)
    place.refuse(
      wrong === null
        ? 'is not base64: wrong padding'
        : `is not base64: invalid character ${quoted(wrong[0])}`,
    )
  }
  // Unused bits in the last character have several spellings; decoding and encoding gives the one.
  return value.endsWith('=') ? Buffer.from(value, 'base64').toString('base64') : value
}

function readBool(value: unknown, place: Place): boolean {
  if (typeof value === 'boolean') return value
  if (value === 'true') return true
  return value === 'false' ? false : refuseShape(place, 'a boolean', value)
}

const numberText = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function readDouble(value: unknown, place: Place): number {
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  const number = Number(readNumber(value, place))
  return Number.isFinite(number) ? number : place.refuse('is too large for a number')
}

function readNumber(value: unknown, place: Place): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (typeof value !== 'string') return refuseShape(place, 'a number', value)
  if (!numberText.test(value)) place.refuse(`must be a number, not the text ${quoted(value)}`)
  return integerText.test(value) && value.length <= longestInteger ? BigInt(value) : Number(value)
}

function readInteger(value: unknown, place: Place, least: bigint, most: bigint): Int64 {
  const number = readNumber(value, place)
  if (typeof number === 'number' && !Number.isInteger(number)) place.refuse('must be an integer')
  if (number < least || number > most) place.refuse(`must lie between ${least} and ${most}`)
  // Adding zero turns -0 into 0.
  return number >= Number.MIN_SAFE_INTEGER && number <= Number.MAX_SAFE_INTEGER
    ? Number(number) + 0
    : BigInt(number)
}
