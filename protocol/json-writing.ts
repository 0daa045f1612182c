// Writes messages as compact JSON by Mesos's own mapping.
//
// Absent fields are omitted, but one with a declared default that is not deprecated is always written,
// and an integral double keeps its `.0`. For each type a writer is built once and kept.

import { type FieldDescriptor, fieldsOf, isScalarType, kindOf, type ScalarType } from './descriptor.ts'

type Write = (value: unknown, emptyLists: boolean) => string

interface FieldWriter {
  readonly name: string
  /** The field's name, quoted, with its colon. */
  readonly label: string
  readonly write: Write
  /** What stands for the absent field: its default, or nothing. */
  readonly absent: string
  readonly required: boolean
  readonly isList: boolean
  readonly isMap: boolean
}

const writers = new Map<string, Write>()

/** The writer of a message type. Its text may hold characters beyond ASCII. */
export function compileJsonWriter(typeName: string): Write {
  const known = writers.get(typeName)
  if (known !== undefined) return known
  let fields: readonly FieldWriter[] | undefined
  const write: Write = (value, emptyLists) => {
    fields ??= fieldsOf(typeName).map(fieldWriter)
    // Messages are typed at the codec's gate; below it fields are looked up by the names of the descriptor.
    return writeMessage(typeName, fields, value as Readonly<Record<string, unknown>>, emptyLists)
  }
  writers.set(typeName, write)
  return write
}

function writeMessage(
  typeName: string,
  fields: readonly FieldWriter[],
  message: Readonly<Record<string, unknown>>,
  emptyLists: boolean,
): string {
  let text = ''
  for (const field of fields) {
    const value = message[field.name]
    const written = value === undefined ? field.absent : writePresent(field, value, emptyLists)
    if (written !== '') text += `${text === '' ? '{' : ','}${written}`
    else if (field.required) throw new Error(`Required field '${field.name}' of ${typeName} is absent`)
  }
  return text === '' ? '{}' : `${text}}`
}

function writePresent(field: FieldWriter, value: unknown, emptyLists: boolean): string {
  if (field.isList && !emptyLists && (value as readonly unknown[]).length === 0) return ''
  if (field.isMap && Object.keys(value as object).length === 0) return ''
  return field.label + field.write(value, emptyLists)
}

function fieldWriter(field: FieldDescriptor): FieldWriter {
  const label = `${JSON.stringify(field.name)}:`
  const writesDefault = field.default !== undefined && field.deprecated !== true
  return {
    name: field.name,
    label,
    write: ruleWriter(field),
    absent: writesDefault ? label + defaultText(field.type, field.default ?? '') : '',
    required: field.rule === 'required',
    isList: field.rule === 'repeated',
    isMap: field.rule === 'map',
  }
}

function defaultText(type: string, text: string): string {
  if (type === 'double') return writeDouble(Number(text))
  return type === 'string' || kindOf(type) === 'enum' ? JSON.stringify(text) : text
}

function ruleWriter(field: FieldDescriptor): Write {
  const write = valueWriter(field.type)
  if (field.rule === 'repeated') {
    return (value, emptyLists) => writeList(write, value as readonly unknown[], emptyLists)
  }
  if (field.rule === 'map') {
    return (value, emptyLists) => writeMap(write, value as Readonly<Record<string, unknown>>, emptyLists)
  }
  return write
}

function writeList(write: Write, items: readonly unknown[], emptyLists: boolean): string {
  let text = '['
  for (let i = 0; i < items.length; i++) text += (i === 0 ? '' : ',') + write(items[i], emptyLists)
  return `${text}]`
}

function writeMap(write: Write, map: Readonly<Record<string, unknown>>, emptyLists: boolean): string {
  const entries = Object.entries(map).map(
    ([key, value]) => `${JSON.stringify(key)}:${write(value, emptyLists)}`,
  )
  return `{${entries.join(',')}}`
}

function valueWriter(type: string): Write {
  if (isScalarType(type)) return scalarWriters[type]
  return kindOf(type) === 'enum' ? scalarWriters.string : compileJsonWriter(type)
}

const scalarWriters: Readonly<Record<ScalarType, Write>> = {
  string: (value) => JSON.stringify(value),
  bytes: (value) => JSON.stringify(value),
  bool: String,
  double: (value) => writeDouble(value as number),
  int32: String,
  uint32: String,
  int64: String,
  uint64: String,
}

function writeDouble(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(String(value))
  const text = Object.is(value, -0) ? '-0' : String(value)
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text
}
