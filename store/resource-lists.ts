// Resource lists as short text inside bodies: a list of four takes 50 bytes instead of 400.
//
//   cpus:4;mem:4096;ports:[31000-31999,40000-40000]          unreserved
//   cpus:4;mem:4096|{"reservations":[…]}                     what neighbours have in common stands behind the bar
//   cpus:4;mem:4096|web                                      {"allocation_info":{"role":"web"}}, the usual case
//
// Neighbours with something else in common follow on a line of their own. A list that does not fit is left as it is.
import type { Resource, ValueRange, ValueType } from '../protocol/messages.ts'
import { readBody, writeBody } from './body.ts'

type Resources = readonly Resource[]

const PLAIN_WORD = /^[\w./-]+$/
const PLAIN_ROLE = /^[\w./*-]+$/

/** Text that reads back as exactly this list, or the list itself. */
export function packResources(resources: Resources): string | Resources {
  let text = ''
  let common = ''
  for (const resource of resources) {
    const amount = amountOf(resource)
    if (amount === undefined || !PLAIN_WORD.test(resource.name)) return resources
    const rest = restOf(resource)
    if (text === '') text = `${resource.name}:${amount}`
    else if (rest === common) text += `;${resource.name}:${amount}`
    else text += `${common === '' ? '' : `|${common}`}\n${resource.name}:${amount}`
    common = rest
  }
  return common === '' ? text : `${text}|${common}`
}

/** The list that `packResources` was given. */
export function unpackResources(packed: string | Resources): Resources {
  if (typeof packed !== 'string') return packed
  if (packed === '') return []
  const resources: Resource[] = []
  for (const line of packed.split('\n')) {
    const bar = line.indexOf('|')
    const amounts = bar < 0 ? line : line.slice(0, bar)
    for (const amount of amounts.split(';')) {
      // Parsed for each, so that no two resources share an object.
      const resource = readAmount(amount)
      if (bar >= 0) Object.assign(resource, readRest(line.slice(bar + 1)))
      resources.push(resource)
    }
  }
  return resources
}

function amountOf({ type, scalar, ranges, set }: Resource): string | undefined {
  switch (type) {
    case 'SCALAR':
      if (scalar === undefined || ranges !== undefined || set !== undefined) return undefined
      return onlyKey(scalar) && Number.isFinite(scalar.value) ? String(scalar.value) : undefined
    case 'RANGES': {
      if (ranges?.range === undefined || scalar !== undefined || set !== undefined) return undefined
      return onlyKey(ranges) && ranges.range.every(isPlainRange)
        ? `[${ranges.range.map(({ begin, end }) => `${begin}-${end}`).join(',')}]`
        : undefined
    }
    case 'SET': {
      if (set?.item === undefined || scalar !== undefined || ranges !== undefined) return undefined
      return onlyKey(set) && set.item.every((item) => PLAIN_WORD.test(item))
        ? `{${set.item.join(',')}}`
        : undefined
    }
    default:
      return undefined
  }
}

/** Text of the other fields, '' if there are none. */
function restOf(resource: Resource): string {
  let others: Record<string, unknown> | undefined
  // The keys of an interface are strings; which ones, the type does not say at run time.
  for (const key of Object.keys(resource) as (keyof Resource)[]) {
    if (key === 'name' || key === 'type' || key === 'scalar' || key === 'ranges' || key === 'set') continue
    if (resource[key] === undefined) continue
    others ??= {}
    others[key] = resource[key]
  }
  if (others === undefined) return ''
  return isRoleOnly(resource, others) ? (resource.allocation_info?.role ?? '') : writeBody(others)
}

/** Allocated to a role whose name begins no JSON, ends no line, and is nothing more. */
function isRoleOnly({ allocation_info }: Resource, others: object): boolean {
  return (
    allocation_info !== undefined &&
    onlyKey(others) &&
    onlyKey(allocation_info) &&
    allocation_info.role !== undefined &&
    PLAIN_ROLE.test(allocation_info.role)
  )
}

function readRest(text: string): object {
  // What `writeBody` was given was an object.
  return text[0] === '{' ? (readBody(text) as object) : { allocation_info: { role: text } }
}

/** A message with a field we do not know is not shortened: the field would be lost. */
function onlyKey(message: object): boolean {
  return Object.keys(message).length === 1
}

function isPlainRange(range: ValueRange): boolean {
  return (
    Number.isSafeInteger(range.begin) &&
    Number.isSafeInteger(range.end) &&
    Number(range.begin) >= 0 &&
    Number(range.end) >= 0 &&
    Object.keys(range).length === 2
  )
}

function readAmount(text: string): Resource {
  const colon = text.indexOf(':')
  const name = text.slice(0, colon)
  const amount = text.slice(colon + 1)
  const inner = amount.slice(1, -1)
  const type: ValueType = amount[0] === '[' ? 'RANGES' : amount[0] === '{' ? 'SET' : 'SCALAR'
  if (type === 'SCALAR') return { name, type, scalar: { value: Number(amount) } }
  const parts = inner === '' ? [] : inner.split(',')
  if (type === 'SET') return { name, type, set: { item: parts } }
  return { name, type, ranges: { range: parts.map(readRange) } }
}

function readRange(text: string): ValueRange {
  const dash = text.indexOf('-')
  return { begin: Number(text.slice(0, dash)), end: Number(text.slice(dash + 1)) }
}
