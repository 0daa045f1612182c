// The values in the text of resources and attributes: `4`, `[31000-32000, 40000-40001]`, `{a, b}`, other text.

import { fromThousandths, toThousandths } from './fixed-point.ts'
import type { ValueRange, ValueRanges, ValueScalar, ValueSet, ValueText } from './messages.ts'
import { coalesce, pairsOf } from './ranges.ts'

export type ParsedValue =
  | { readonly type: 'SCALAR'; readonly scalar: ValueScalar }
  | { readonly type: 'RANGES'; readonly ranges: ValueRanges }
  | { readonly type: 'SET'; readonly set: ValueSet }
  | { readonly type: 'TEXT'; readonly text: ValueText }

const numberForm = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const rangeForm = /^\s*(\d{1,15})\s*-\s*(\d{1,15})\s*$/

/** Reads a value by the shape it has; undefined if it has none. */
export function parseValue(text: string): ParsedValue | undefined {
  if (text.startsWith('[')) return parseRanges(text)
  if (text.startsWith('{')) return parseSet(text)
  if (numberForm.test(text)) return { type: 'SCALAR', scalar: { value: Number(text) } }
  return text === '' ? undefined : { type: 'TEXT', text: { value: text } }
}

function parseRanges(text: string): ParsedValue | undefined {
  const inner = innerOf(text, ']')
  if (inner === undefined) return undefined
  const pairs: [number, number][] = []
  for (const part of inner.split(',')) {
    const [, begin, end] = rangeForm.exec(part) ?? []
    if (begin === undefined || end === undefined || Number(begin) > Number(end)) return undefined
    pairs.push([Number(begin), Number(end)])
  }
  const range = pairsOf(coalesce(pairs)).map(([begin, end]) => ({ begin, end }))
  return { type: 'RANGES', ranges: { range } }
}

function parseSet(text: string): ParsedValue | undefined {
  const inner = innerOf(text, '}')
  if (inner === undefined) return undefined
  const items = inner.split(',').map((item) => item.trim())
  return items.includes('') ? undefined : { type: 'SET', set: { item: items } }
}

function innerOf(text: string, close: string): string | undefined {
  return text.endsWith(close) ? text.slice(1, -1) : undefined
}

/** A scalar with at most three decimals; what is too large or too small for them as it is. */
export function formatNumber(value: number): string {
  const thousandths = toThousandths(value)
  const isExact = Number.isSafeInteger(thousandths) && (thousandths !== 0 || value === 0)
  return String(isExact ? fromThousandths(thousandths) : value)
}

export function formatRanges(ranges: readonly ValueRange[]): string {
  return `[${ranges.map(({ begin, end }) => `${begin}-${end}`).join(', ')}]`
}
