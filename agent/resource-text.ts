// Resources and attributes as flags write them: `cpus:4;mem:4096;ports:[31000-32000]`, `rack:a;ssd:true`.

import { statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import type { Attribute, Resource } from '../protocol/messages.ts'

const MB = 1024 * 1024
const GB_IN_MB = 1024

/** Reads the text form, or Mesos's JSON; throws a sentence that names the part that is wrong. */
export function parseResources(text: string): Resource[] {
  if (text.trim().startsWith('[')) return parseJsonResources(text)
  return parts(text).map(({ name, role, value }) => {
    const reserved =
      role === undefined || role === '*' ? {} : { reservations: [{ type: 'STATIC' as const, role }] }
    const parsed = parseValue(value)
    if (parsed.type === 'TEXT') {
      throw new Error(
        `The resource ${name}:${value} is neither a number, nor ranges like [1-2], nor a set like {a,b}`,
      )
    }
    const { text: _, ...rest } = parsed
    return { name, ...rest, ...reserved }
  })
}

export function parseAttributes(text: string): Attribute[] {
  return parts(text).map(({ name, value }) => ({ name, ...parseValue(value) }))
}

/** What the machine has, less what it needs itself, by Mesos's rules; for the names that are not given. */
export function withDetected(given: readonly Resource[], workDir: string): Resource[] {
  const has = (name: string) => given.some((resource) => resource.name === name)
  const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } })
  return [
    ...given,
    ...(has('cpus') ? [] : [scalar('cpus', availableParallelism())]),
    ...(has('mem') ? [] : [scalar('mem', lessOwnNeed(Math.floor(totalmem() / MB), GB_IN_MB))]),
    ...(has('disk') ? [] : [scalar('disk', lessOwnNeed(diskMb(workDir), 5 * GB_IN_MB))]),
    ...(has('ports')
      ? []
      : [{ name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: 31_000, end: 32_000 }] } }]),
  ]
}

interface Part {
  readonly name: string
  readonly role: string | undefined
  readonly value: string
}

function parts(text: string): Part[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^([^:()]+?)\s*(?:\(([^)]*)\))?\s*:\s*(.+)$/s.exec(part)
      if (match === null) throw new Error(`"${part}" is not of the form name:value`)
      const [, name = '', role, value = ''] = match
      return { name, role, value: value.trim() }
    })
}

type Value = Pick<Attribute, 'type' | 'scalar' | 'ranges' | 'set' | 'text'>

function parseValue(value: string): Value {
  if (value.startsWith('[')) return { type: 'RANGES', ranges: { range: parseRanges(value) } }
  if (value.startsWith('{')) {
    const item = inside(value, '{', '}')
    return { type: 'SET', set: { item } }
  }
  if (/^-?\d+(\.\d+)?$/.test(value)) return { type: 'SCALAR', scalar: { value: Number(value) } }
  return { type: 'TEXT', text: { value } }
}

function parseRanges(value: string): { begin: number; end: number }[] {
  return inside(value, '[', ']').map((range) => {
    const match = /^(\d+)\s*-\s*(\d+)$/.exec(range)
    if (match === null) throw new Error(`"${range}" in ${value} is not a range like 31000-32000`)
    return { begin: Number(match[1]), end: Number(match[2]) }
  })
}

function inside(value: string, open: string, close: string): string[] {
  if (!value.endsWith(close)) throw new Error(`${value} begins with ${open} and does not end with ${close}`)
  return value
    .slice(1, -1)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function parseJsonResources(text: string): Resource[] {
  const resources: unknown = JSON.parse(text)
  if (!Array.isArray(resources)) throw new Error('Resources as JSON are an array')
  // The control plane validates what the agent registers with.
  return resources as Resource[]
}

/** Mesos: what is left of it is at least half. */
function lessOwnNeed(totalMb: number, needMb: number): number {
  return totalMb >= 2 * needMb ? totalMb - needMb : Math.floor(totalMb / 2)
}

function diskMb(path: string): number {
  const { bsize, blocks } = statfsSync(path)
  return Math.floor((bsize * blocks) / MB)
}
