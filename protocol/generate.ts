// Turns proto/*.proto into descriptor.json and messages.ts; run by hand: `node protocol/generate.ts`.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import type { FieldDescriptor } from './descriptor.ts'

const files = [
  'duration',
  'mesos',
  'scheduler',
  'executor',
  'allocator',
  'maintenance',
  'quota',
  'master',
  'agent',
]

/** Reads the definitions and yields the text of both generated files. */
export function generate(directory: string): { descriptor: string; messages: string } {
  const root = new protobuf.Root()
  for (const file of files) {
    const source = readFileSync(join(directory, 'proto', `${file}.proto`), 'utf8')
    protobuf.parse(source, root, { keepCase: true })
  }
  root.resolveAll()
  const { messages, enums } = collect(root)
  refuseDoubleNames([...messages, ...enums].map((type) => typeNameOf(type)))
  return { descriptor: descriptorText(messages, enums), messages: messagesText(messages, enums) }
}

/** The interface name of a type: its dotted name run together, without the package if it repeats it. */
export function interfaceName(dottedName: string): string {
  const words = dottedName.replace(/^(mesos\.v1|google\.protobuf)\./, '').split('.')
  const [first = '', second = ''] = words
  const prefix = first[0]?.toUpperCase() + first.slice(1)
  if (first === prefix) return words.join('')
  return second.startsWith(prefix) ? words.slice(1).join('') : [prefix, ...words.slice(1)].join('')
}

function collect(root: protobuf.Root): { messages: protobuf.Type[]; enums: protobuf.Enum[] } {
  const messages: protobuf.Type[] = []
  const enums: protobuf.Enum[] = []
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Enum) enums.push(nested)
      // A message without fields that holds others (`Value`, `Device`) is only a name for what it holds.
      if (
        nested instanceof protobuf.Type &&
        (nested.fieldsArray.length > 0 || nested.nestedArray.length === 0)
      ) {
        messages.push(nested)
      }
      if (nested instanceof protobuf.Namespace) visit(nested)
    }
  }
  visit(root)
  return { messages, enums }
}

function typeNameOf(type: protobuf.ReflectionObject): string {
  return type.fullName.slice(1)
}

function refuseDoubleNames(typeNames: readonly string[]): void {
  const names = typeNames.map(interfaceName)
  const double = names.filter((name, index) => names.indexOf(name) !== index)
  if (double.length > 0) throw new Error(`Interface names used twice: ${double.join(', ')}`)
}

function describe(field: protobuf.Field): FieldDescriptor {
  field.resolve()
  const options: Record<string, unknown> = field.options ?? {}
  return {
    name: field.name,
    number: field.id,
    rule: field instanceof protobuf.MapField ? 'map' : ruleOf(field),
    type: field.resolvedType === null ? field.type : typeNameOf(field.resolvedType),
    ...('default' in options && { default: String(options.default) }),
    ...(options.deprecated === true && { deprecated: true }),
    ...(field.partOf && { oneof: field.partOf.name }),
  }
}

function ruleOf(field: protobuf.Field): 'required' | 'optional' | 'repeated' {
  if (field.repeated) return 'repeated'
  return field.required ? 'required' : 'optional'
}

function descriptorText(messages: readonly protobuf.Type[], enums: readonly protobuf.Enum[]): string {
  const messageTexts = messages.map((type) => {
    const fields = type.fieldsArray.map((field) => `      ${JSON.stringify(describe(field))}`)
    const list = fields.length === 0 ? '[]' : `[\n${fields.join(',\n')}\n    ]`
    return `    ${JSON.stringify(typeNameOf(type))}: ${list}`
  })
  const enumTexts = enums.map(
    (type) => `    ${JSON.stringify(typeNameOf(type))}: ${JSON.stringify(type.values)}`,
  )
  return `{\n  "messages": {\n${messageTexts.join(',\n')}\n  },\n  "enums": {\n${enumTexts.join(',\n')}\n  }\n}\n`
}

function messagesText(messages: readonly protobuf.Type[], enums: readonly protobuf.Enum[]): string {
  const head = `// The messages of the Mesos v1 API as TypeScript types; generated from proto/*.proto by generate.ts.

/** Bytes as canonical base64 text. */
export type Bytes = string

/** A 64-bit integer: a number while that is exact, a bigint beyond 2^53. */
export type Int64 = number | bigint
`
  const unions = enums.map((type) => {
    const names = Object.keys(type.values).map((name) => `  | '${name}'`)
    return `export type ${interfaceName(typeNameOf(type))} =\n${names.join('\n')}\n`
  })
  const table = messages.map((type) => `  readonly '${typeNameOf(type)}': ${interfaceName(typeNameOf(type))}`)
  return [
    head,
    ...messages.map(interfaceText),
    ...unions,
    `/** Every message by its dotted name. */\nexport interface MessageTypes {\n${table.join('\n')}\n}\n`,
  ].join('\n')
}

function interfaceText(type: protobuf.Type): string {
  const name = interfaceName(typeNameOf(type))
  if (type.fieldsArray.length === 0) return `export type ${name} = Readonly<Record<string, never>>\n`
  const fields = type.fieldsArray.map((field) => memberText(describe(field)))
  return `export interface ${name} {\n${fields.join('\n')}\n}\n`
}

function memberText(field: FieldDescriptor): string {
  const notes = [
    ...(field.deprecated ? ['Deprecated.'] : []),
    ...(field.default === undefined ? [] : [`Default ${field.default}.`]),
    ...(field.oneof === undefined ? [] : [`One of \`${field.oneof}\`.`]),
  ]
  const comment = notes.length === 0 ? '' : `  /** ${notes.join(' ')} */\n`
  const value = scalarTypes[field.type] ?? interfaceName(field.type)
  switch (field.rule) {
    case 'required':
      return `${comment}  readonly ${field.name}: ${value}`
    case 'optional':
      return `${comment}  readonly ${field.name}?: ${value} | undefined`
    case 'repeated':
      return `${comment}  readonly ${field.name}?: readonly ${value}[] | undefined`
    case 'map':
      return `${comment}  readonly ${field.name}?: Readonly<Record<string, ${value}>> | undefined`
  }
}

const scalarTypes: Readonly<Record<string, string>> = {
  double: 'number',
  bool: 'boolean',
  string: 'string',
  bytes: 'Bytes',
  int32: 'number',
  uint32: 'number',
  int64: 'Int64',
  uint64: 'Int64',
}

if (import.meta.main) {
  const { descriptor, messages } = generate(import.meta.dirname)
  writeFileSync(join(import.meta.dirname, 'descriptor.json'), descriptor)
  writeFileSync(join(import.meta.dirname, 'messages.ts'), messages)
}
