// The arithmetic of resources: sums, differences and comparisons over plain lists of `Resource`.
//
// Results are canonical: reservations in the one kept format, equal kinds merged, empty ones gone, sorted.
// Two resources are of one kind when all but their amount agrees. Some things are whole and never merge:
// a persistent volume, a mounted or block disk, a shared resource. Of these a list may hold several copies,
// and subtracting takes one away.

import { fromThousandths, toThousandths } from './fixed-point.ts'
import type { Label, Resource, ResourceDiskInfo } from './messages.ts'
import {
  addRanges,
  coalesce,
  containsRanges,
  countRanges,
  pairsOf,
  type Ranges,
  subtractRanges,
} from './ranges.ts'
import { upgrade } from './resource-format.ts'

export type Resources = readonly Resource[]

/** Amounts by resource name, in thousandths; ranges and sets count their members. */
export type Quantities = Readonly<Record<string, number>>

/** Thousandths of a scalar, ranges, the items of a set; of a whole thing how many copies. */
type Amount =
  | { readonly kind: 'scalar'; readonly thousandths: number }
  | { readonly kind: 'ranges'; readonly ranges: Ranges }
  | { readonly kind: 'set'; readonly items: ReadonlySet<string> }
  | { readonly kind: 'copies'; readonly count: number }

interface Entry {
  /** Any resource of the kind: all but its amount counts. */
  readonly sample: Resource
  readonly amount: Amount
}

type Entries = Map<string, Entry>

/** The canonical form of a list in either format. */
export function canonical(resources: Resources): Resources {
  return listOf(collect(resources))
}

/**
 * The same result for the same argument, kept as long as the argument is, where that is frozen and so cannot change.
 * Stores that give out one object again and again (in memory, for simulations) freeze it, all the way down.
 */
export function oncePerFrozen<Argument extends object, Result>(
  make: (argument: Argument) => Result,
): (argument: Argument) => Result {
  const made = new WeakMap<Argument, Result>()
  return (argument) => {
    if (!Object.isFrozen(argument)) return make(argument)
    const known = made.get(argument)
    if (known !== undefined) return known
    const result = make(argument)
    made.set(argument, result)
    return result
  }
}

/** The sum. */
export function add(...lists: readonly Resources[]): Resources {
  const entries: Entries = new Map()
  for (const list of lists) {
    if (!Object.isFrozen(list)) addInto(entries, list)
    else for (const [key, entry] of collect(list)) put(entries, key, entry)
  }
  return listOf(entries)
}

/** What of `left` is not in `right`; what `right` has beyond that is ignored, nothing becomes negative. */
export function subtract(left: Resources, right: Resources): Resources {
  const entries = new Map(collect(left))
  for (const [key, { amount }] of collect(right)) {
    const entry = entries.get(key)
    if (entry !== undefined)
      entries.set(key, { sample: entry.sample, amount: difference(entry.amount, amount) })
  }
  return listOf(entries)
}

/** True if `right` can be taken from `left` as a whole. */
export function contains(left: Resources, right: Resources): boolean {
  const entries = collect(left)
  for (const [key, { amount }] of collect(right)) {
    if (isNothing(amount)) continue
    const entry = entries.get(key)
    if (entry === undefined || !covers(entry.amount, amount)) return false
  }
  return true
}

export function equal(left: Resources, right: Resources): boolean {
  return contains(left, right) && contains(right, left)
}

/** True if there is nothing: a scalar of 0 is nothing too. */
export function isEmpty(resources: Resources): boolean {
  return resources.every((resource) => isNothing(amountOf(resource)))
}

/** The same resources, allocated to a role. */
export function allocate(resources: Resources, role: string): Resources {
  return canonical(resources.map((resource) => ({ ...resource, allocation_info: { role } })))
}

/** The same resources, allocated to nobody. */
export function unallocate(resources: Resources): Resources {
  return unallocated(resources)
}

/** The same resources without their reservations. */
export function toUnreserved(resources: Resources): Resources {
  return canonical(
    resources.map((resource) => {
      const { reservations: _, ...rest } = upgrade(resource)
      return rest
    }),
  )
}

/** How much there is of each name, whatever it is reserved to or allocated to. */
export function quantities(resources: Resources): Quantities {
  const sums: Record<string, number> = {}
  for (const resource of resources) {
    const count = size(plainAmountOf(resource))
    if (count > 0) sums[resource.name] = (sums[resource.name] ?? 0) + count
  }
  return sums
}

export function isPersistentVolume(resource: Resource): boolean {
  return resource.disk?.persistence !== undefined
}

/** True for what is taken whole or not at all. */
export function isWhole(resource: Resource): boolean {
  if (resource.shared !== undefined || isPersistentVolume(resource)) return true
  const source = resource.disk?.source
  if (source === undefined) return false
  if (source.type === 'MOUNT' || source.type === 'BLOCK') return true
  return source.type === 'RAW' && source.id !== undefined
}

/** A text that is the same for exactly the resources that can be added to each other. */
export function kindKey(resource: Resource): string {
  const { name, type, reservations, disk, revocable, shared, provider_id, allocation_info } = resource
  const isPlain = !reservations && !disk && !revocable && !shared && !provider_id && !allocation_info
  if (isPlain) return `${name} ${type}`
  const isOnlyAllocated = !reservations && !disk && !revocable && !shared && !provider_id
  // The text that follows for it, made faster.
  if (isOnlyAllocated)
    return `${name} ${type} [${JSON.stringify(allocation_info?.role ?? null)},[],null,false,false,null,null]`
  return `${name} ${type} ${JSON.stringify([
    allocation_info?.role ?? null,
    (reservations ?? []).map(({ role, type, principal, labels }) => [
      role,
      type,
      principal,
      labelsKey(labels?.labels),
    ]),
    disk === undefined ? null : diskKey(disk),
    revocable !== undefined,
    shared !== undefined,
    provider_id?.value ?? null,
    isWhole(resource) ? valueKey(plainAmountOf(resource)) : null,
  ])}`
}

/** How a volume is mounted and who made it says nothing about which volume it is. */
function diskKey(disk: ResourceDiskInfo): unknown {
  const { source } = disk
  return [
    disk.persistence?.id,
    source && [source.type, source.path?.root, source.mount?.root, source.id, source.profile, source.vendor],
    labelsKey(source?.metadata?.labels),
  ]
}

function labelsKey(labels: readonly Label[] | undefined): unknown {
  if (labels === undefined || labels.length === 0) return null
  return labels.map(({ key, value }) => JSON.stringify([key, value])).sort()
}

function valueKey(amount: Amount): string {
  if (amount.kind === 'scalar') return String(amount.thousandths)
  if (amount.kind === 'ranges') return amount.ranges.join()
  return amount.kind === 'set' ? JSON.stringify([...amount.items].sort()) : ''
}

/** The same list, frozen all the way down, as whatever is frozen is here: what is made of it is kept too. */
export function frozen(resources: Resources): Resources {
  freeze(resources)
  return resources
}

function freeze(value: object): void {
  if (Object.isFrozen(value)) return
  for (const field of Object.values(value)) if (typeof field === 'object' && field !== null) freeze(field)
  Object.freeze(value)
}

const unallocated = oncePerFrozen((resources: Resources): Resources => {
  const list = resources.map((resource) => {
    if (resource.allocation_info === undefined) return resource
    const { allocation_info: _, ...rest } = resource
    return rest
  })
  return Object.isFrozen(resources) ? frozen(canonical(list)) : canonical(list)
})

const collect = oncePerFrozen((resources: Resources): ReadonlyMap<string, Entry> => {
  const entries: Entries = new Map()
  addInto(entries, resources)
  return entries
})

function addInto(entries: Entries, resources: Resources): void {
  for (const given of resources) {
    const sample = upgrade(given)
    put(entries, kindKey(sample), { sample, amount: amountOf(sample) })
  }
}

function put(entries: Entries, key: string, added: Entry): void {
  const before = entries.get(key)
  const whole = before === undefined ? added : { ...added, amount: sum(before.amount, added.amount) }
  entries.set(key, whole)
}

function listOf(entries: ReadonlyMap<string, Entry>): Resources {
  const keys = [...entries.keys()]
  if (keys.length > 1) keys.sort()
  const list: Resource[] = []
  for (const key of keys) {
    const entry = entries.get(key)
    if (entry !== undefined && !isNothing(entry.amount)) list.push(...resourcesOf(entry))
  }
  return list
}

function resourcesOf({ sample, amount }: Entry): Resource[] {
  switch (amount.kind) {
    case 'scalar':
      return [{ ...sample, scalar: { value: fromThousandths(amount.thousandths) } }]
    case 'ranges':
      return [
        { ...sample, ranges: { range: pairsOf(amount.ranges).map(([begin, end]) => ({ begin, end })) } },
      ]
    case 'set':
      return [{ ...sample, set: { item: [...amount.items].sort() } }]
    case 'copies':
      return new Array<Resource>(amount.count).fill(sample)
  }
}

function amountOf(resource: Resource): Amount {
  const value = plainAmountOf(resource)
  if (!isWhole(resource)) return value
  return { kind: 'copies', count: isNothing(value) ? 0 : 1 }
}

function plainAmountOf(resource: Resource): Amount {
  switch (resource.type) {
    case 'RANGES':
      return {
        kind: 'ranges',
        ranges: coalesce(
          (resource.ranges?.range ?? []).map(({ begin, end }) => [Number(begin), Number(end)]),
        ),
      }
    case 'SET':
      return { kind: 'set', items: new Set(resource.set?.item) }
    default:
      return { kind: 'scalar', thousandths: toThousandths(resource.scalar?.value ?? 0) }
  }
}

function isNothing(amount: Amount): boolean {
  return size(amount) <= 0
}

function size(amount: Amount): number {
  switch (amount.kind) {
    case 'scalar':
      return amount.thousandths
    case 'ranges':
      return countRanges(amount.ranges) * 1000
    case 'set':
      return amount.items.size * 1000
    case 'copies':
      return amount.count * 1000
  }
}

// Amounts of one kind key are of one kind; the key has the type in it.

function sum(left: Amount, right: Amount): Amount {
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    return { kind: 'scalar', thousandths: left.thousandths + right.thousandths }
  }
  if (left.kind === 'ranges' && right.kind === 'ranges') {
    return { kind: 'ranges', ranges: addRanges(left.ranges, right.ranges) }
  }
  if (left.kind === 'set' && right.kind === 'set')
    return { kind: 'set', items: left.items.union(right.items) }
  if (left.kind === 'copies' && right.kind === 'copies')
    return { kind: 'copies', count: left.count + right.count }
  return left
}

function difference(left: Amount, right: Amount): Amount {
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    return { kind: 'scalar', thousandths: Math.max(0, left.thousandths - right.thousandths) }
  }
  if (left.kind === 'ranges' && right.kind === 'ranges') {
    return { kind: 'ranges', ranges: subtractRanges(left.ranges, right.ranges) }
  }
  if (left.kind === 'set' && right.kind === 'set')
    return { kind: 'set', items: left.items.difference(right.items) }
  if (left.kind === 'copies' && right.kind === 'copies') {
    return { kind: 'copies', count: Math.max(0, left.count - right.count) }
  }
  return left
}

function covers(left: Amount, right: Amount): boolean {
  if (left.kind === 'scalar' && right.kind === 'scalar') return left.thousandths >= right.thousandths
  if (left.kind === 'ranges' && right.kind === 'ranges') return containsRanges(left.ranges, right.ranges)
  if (left.kind === 'set' && right.kind === 'set') return left.items.isSupersetOf(right.items)
  return left.kind === 'copies' && right.kind === 'copies' && left.count >= right.count
}
