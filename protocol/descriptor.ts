// What the codec knows of every message and enum: fields, numbers, rules and declared defaults.

import descriptor from './descriptor.json' with { type: 'json' }

export interface FieldDescriptor {
  readonly name: string
  readonly number: number
  readonly rule: 'required' | 'optional' | 'repeated' | 'map'
  /** A scalar's name, or the dotted name of an enum or message; of a map, the type of its values. */
  readonly type: string
  /** The declared default as text; enums by name. */
  readonly default?: string
  readonly deprecated?: true
  readonly oneof?: string
}

export type ScalarType = 'double' | 'bool' | 'string' | 'bytes' | 'int32' | 'uint32' | 'int64' | 'uint64'

const scalarTypes: ReadonlySet<string> = new Set<ScalarType>([
  'double',
  'bool',
  'string',
  'bytes',
  'int32',
  'uint32',
  'int64',
  'uint64',
])

// The file is generated with these shapes; the compiler infers literal types of its present content only.
const messages = descriptor.messages as unknown as Readonly<Record<string, readonly FieldDescriptor[]>>
const enums = descriptor.enums as Readonly<Record<string, Readonly<Record<string, number>>>>

/** The fields of a message in their declared order. */
export function fieldsOf(typeName: string): readonly FieldDescriptor[] {
  const fields = messages[typeName]
  if (fields === undefined) throw new Error(`Unknown message type '${typeName}'`)
  return fields
}

/** The numbers of an enum by name, in declared order. */
export function enumNumbers(typeName: string): Readonly<Record<string, number>> {
  const numbers = enums[typeName]
  if (numbers === undefined) throw new Error(`Unknown enum type '${typeName}'`)
  return numbers
}

export type FieldKind = 'scalar' | 'enum' | 'message'

export function kindOf(typeName: string): FieldKind {
  if (isScalarType(typeName)) return 'scalar'
  return typeName in enums ? 'enum' : 'message'
}

export function isScalarType(typeName: string): typeName is ScalarType {
  return scalarTypes.has(typeName)
}
