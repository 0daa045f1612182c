// Finds the required fields a message lacks; proto2 has them, and both encodings must name them.

import { type FieldDescriptor, fieldsOf, kindOf } from './descriptor.ts'
import { quoted } from './wire-error.ts'

/** A message or map whose fields are looked up by name. */
type Fields = Readonly<Record<string, unknown>>

interface Checklist {
  readonly required: readonly string[]
  readonly messages: readonly FieldDescriptor[]
}

const checklists = new Map<string, Checklist>()

/** The paths of all required fields that are absent anywhere in the message, in the order of the walk. */
export function missingFields(typeName: string, message: unknown): string[] {
  const missing: string[] = []
  // Only called with what a reader of this type built, so it is an object of named fields.
  walk(typeName, message as Fields, '', missing)
  return missing
}

function walk(typeName: string, message: Fields, prefix: string, missing: string[]): void {
  const { required, messages } = checklistOf(typeName)
  for (const name of required) {
    if (message[name] === undefined) missing.push(prefix + name)
  }
  for (const field of messages) {
    const value = message[field.name]
    if (value !== undefined) walkField(field, value, prefix, missing)
  }
}

function walkField(field: FieldDescriptor, value: unknown, prefix: string, missing: string[]): void {
  if (field.rule === 'repeated') {
    const items = value as readonly Fields[]
    for (let i = 0; i < items.length; i++) {
      walk(field.type, items[i] ?? {}, `${prefix}${field.name}[${i}].`, missing)
    }
  } else if (field.rule === 'map') {
    for (const [key, item] of Object.entries(value as Readonly<Record<string, Fields>>)) {
      walk(field.type, item, `${prefix}${field.name}[${quoted(key)}].`, missing)
    }
  } else {
    walk(field.type, value as Fields, `${prefix}${field.name}.`, missing)
  }
}

function checklistOf(typeName: string): Checklist {
  const known = checklists.get(typeName)
  if (known !== undefined) return known
  const fields = fieldsOf(typeName)
  const checklist = {
    required: fields.filter((field) => field.rule === 'required').map((field) => field.name),
    messages: fields.filter((field) => kindOf(field.type) === 'message'),
  }
  checklists.set(typeName, checklist)
  return checklist
}
