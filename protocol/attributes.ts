// Attributes of an agent as people write them: `rack:r1;zone:west;ports:[1-10]`.

import type { Attribute } from './messages.ts'
import { formatNumber, formatRanges, parseValue } from './value-text.ts'

export type ParsedAttributes =
  | { readonly ok: true; readonly attributes: readonly Attribute[] }
  | { readonly ok: false; readonly error: string }

/** Reads `name:value` pairs separated by `;`. The first colon ends the name, so values may hold some. */
export function parseAttributes(text: string): ParsedAttributes {
  const attributes: Attribute[] = []
  for (const pair of text.split(/[;\n]/)) {
    if (pair.trim() === '') continue
    const colon = pair.indexOf(':')
    const name = pair.slice(0, Math.max(colon, 0)).trim()
    const value = parseValue(pair.slice(colon + 1).trim())
    if (name === '' || value === undefined) {
      return { ok: false, error: `Invalid attribute '${pair.trim()}': expecting name:value` }
    }
    // Mesos knows no attributes that are sets; their text is kept as it is.
    const isSet = value.type === 'SET'
    const text: Attribute = { name, type: 'TEXT', text: { value: pair.slice(colon + 1).trim() } }
    attributes.push(isSet ? text : { name, ...value })
  }
  return { ok: true, attributes }
}

/** Writes attributes in the form they are read in. */
export function formatAttributes(attributes: readonly Attribute[]): string {
  return attributes.map((attribute) => `${attribute.name}:${formatAttributeValue(attribute)}`).join(';')
}

/** One attribute's value as text, as UIs and placement rules compare it. */
export function formatAttributeValue({ type, scalar, ranges, set, text }: Attribute): string {
  switch (type) {
    case 'SCALAR':
      return formatNumber(scalar?.value ?? 0)
    case 'RANGES':
      return formatRanges(ranges?.range ?? [])
    case 'SET':
      return `{${(set?.item ?? []).join(', ')}}`
    case 'TEXT':
      return text?.value ?? ''
  }
}
