// The arithmetic of resources, by table and by property.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Resource } from '../../protocol/messages.ts'
import { parseResources } from '../../protocol/resource-parsing.ts'
import { formatResources } from '../../protocol/resource-text.ts'
import {
  add,
  allocate,
  canonical,
  contains,
  equal,
  isEmpty,
  quantities,
  type Resources,
  subtract,
  toUnreserved,
  unallocate,
} from '../../protocol/resources.ts'

function resources(text: string): Resources {
  const parsed = parseResources(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.resources
}

const volume = (id: string, size: number, path = 'data'): Resource => ({
  name: 'disk',
  type: 'SCALAR',
  scalar: { value: size },
  reservations: [{ type: 'DYNAMIC', role: 'web' }],
  disk: { persistence: { id }, volume: { container_path: path, mode: 'RW' } },
})

describe('scalars', () => {
  test('C24 0.1 and 0.2 are 0.3, and nothing is left of 0.3', () => {
    const sum = add(resources('cpus:0.1'), resources('cpus:0.2'))
    expect(sum).toEqual(resources('cpus:0.3'))
    expect(isEmpty(subtract(resources('cpus:0.3'), sum))).toBe(true)
    expect(contains(resources('cpus:0.3'), [...resources('cpus:0.1'), ...resources('cpus:0.2')])).toBe(true)
  })

  test('a scalar of 0 is nothing', () => {
    expect(canonical([{ name: 'cpus', type: 'SCALAR', scalar: { value: 0 } }])).toEqual([])
    expect(contains([], [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0 } }])).toBe(true)
  })

  test('nothing becomes negative', () => {
    expect(subtract(resources('cpus:1;mem:5'), resources('cpus:2;gpus:1'))).toEqual(resources('mem:5'))
  })

  test('ten thousand small steps do not drift', () => {
    let sum: Resources = []
    for (let i = 0; i < 10_000; i++) sum = add(sum, resources('cpus:0.001'))
    expect(sum).toEqual(resources('cpus:10'))
  })
})

describe('ranges and sets', () => {
  test.each([
    ['ports:[1-5]', 'ports:[6-10]', 'ports:[1-10]'],
    ['ports:[1-5,20-30]', 'ports:[3-25]', 'ports:[1-30]'],
    ['zones:{a}', 'zones:{b,a}', 'zones:{a,b}'],
  ])('%s and %s are %s', (left, right, sum) => {
    expect(add(resources(left), resources(right))).toEqual(resources(sum))
  })

  test.each([
    ['ports:[1-10]', 'ports:[4-5]', 'ports:[1-3,6-10]'],
    ['ports:[1-10,20-30]', 'ports:[5-25]', 'ports:[1-4,26-30]'],
    ['ports:[1-10]', 'ports:[1-1,3-3,10-10]', 'ports:[2-2,4-9]'],
    ['ports:[1-10]', 'ports:[1-10]', ''],
    ['zones:{a,b,c}', 'zones:{b,d}', 'zones:{a,c}'],
  ])('%s without %s is %s', (left, right, rest) => {
    expect(subtract(resources(left), resources(right))).toEqual(resources(rest))
  })

  test('contains looks at every member', () => {
    expect(contains(resources('ports:[1-10]'), resources('ports:[2-3,9-10]'))).toBe(true)
    expect(contains(resources('ports:[1-10]'), resources('ports:[9-11]'))).toBe(false)
    expect(contains(resources('ports:[1-3,5-8]'), resources('ports:[3-5]'))).toBe(false)
    expect(contains(resources('zones:{a,b}'), resources('zones:{b}'))).toBe(true)
    expect(contains(resources('zones:{a,b}'), resources('zones:{c}'))).toBe(false)
  })
})

describe('kinds', () => {
  test('reservation, allocation, revocability and provider keep resources apart', () => {
    const [plain] = resources('cpus:1')
    if (plain === undefined) throw new Error('no resource')
    const others: Resource[] = [
      { ...plain, reservations: [{ type: 'STATIC', role: 'web' }] },
      { ...plain, reservations: [{ type: 'DYNAMIC', role: 'web' }] },
      { ...plain, reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'p' }] },
      { ...plain, reservations: [{ type: 'DYNAMIC', role: 'web', labels: { labels: [{ key: 'k' }] } }] },
      { ...plain, allocation_info: { role: 'web' } },
      { ...plain, revocable: {} },
      { ...plain, provider_id: { value: 'p' } },
      { ...plain, name: 'gpus' },
    ]
    const sum = add(...others.map((other) => [other]), [plain], ...others.map((other) => [other]))
    expect(sum).toHaveLength(others.length + 1)
    expect(sum.map((resource) => resource.scalar?.value).sort()).toEqual([1, 2, 2, 2, 2, 2, 2, 2, 2])
    for (const other of others) expect(contains([plain], [other])).toBe(false)
  })

  test('labels are the same in any order', () => {
    const reserved = (...keys: string[]): Resource => ({
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 1 },
      reservations: [{ type: 'DYNAMIC', role: 'web', labels: { labels: keys.map((key) => ({ key })) } }],
    })
    expect(add([reserved('a', 'b')], [reserved('b', 'a')])).toHaveLength(1)
  })

  test('both formats are one kind', () => {
    const old: Resource = { name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, role: 'web', reservation: {} }
    const refined: Resource = {
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 1 },
      reservations: [{ type: 'DYNAMIC', role: 'web' }],
    }
    expect(canonical([old])).toEqual([refined])
    expect(equal([old], [refined])).toBe(true)
  })

  test('volumes are whole: they neither merge nor break', () => {
    const both = add([volume('v1', 10)], [volume('v2', 10)], [volume('v1', 20)])
    expect(both).toHaveLength(3)
    expect(contains(both, [volume('v1', 10)])).toBe(true)
    expect(contains(both, [volume('v1', 5)])).toBe(false)
    expect(subtract(both, [volume('v1', 5)])).toEqual(both)
    expect(subtract(both, [volume('v1', 10)])).toHaveLength(2)
    expect(contains([volume('v1', 10)], [volume('v1', 10, 'elsewhere')])).toBe(true)
  })

  test('of a shared volume every use is a copy', () => {
    const shared: Resource = { ...volume('v', 10), shared: {} }
    const twice = add([shared], [shared])
    expect(twice).toHaveLength(2)
    expect(contains(twice, [shared, shared])).toBe(true)
    expect(contains([shared], [shared, shared])).toBe(false)
    expect(subtract(twice, [shared])).toEqual([shared])
  })

  test('mounted and block disks are whole, paths merge', () => {
    const disk = (type: 'MOUNT' | 'PATH' | 'RAW' | 'BLOCK', id?: string): Resource => ({
      name: 'disk',
      type: 'SCALAR',
      scalar: { value: 10 },
      disk: { source: { type, ...(id !== undefined && { id }) } },
    })
    expect(add([disk('PATH')], [disk('PATH')])).toHaveLength(1)
    expect(add([disk('RAW')], [disk('RAW')])).toHaveLength(1)
    expect(add([disk('RAW', 'x')], [disk('RAW', 'x')])).toHaveLength(2)
    expect(add([disk('MOUNT')], [disk('MOUNT')])).toHaveLength(2)
    expect(add([disk('BLOCK')], [disk('BLOCK')])).toHaveLength(2)
  })
})

test('allocating marks, unallocating merges again', () => {
  const given = resources('cpus:2;mem:10')
  const both = add(allocate(given, 'a'), allocate(given, 'b'))
  expect(both).toHaveLength(4)
  expect(unallocate(both)).toEqual(resources('cpus:4;mem:20'))
})

test('quantities sum by name, whatever the reservation', () => {
  expect(quantities(resources('cpus:1.5;cpus(web):2;mem:10;ports:[1-3,5-5];zones:{a,b}'))).toEqual({
    cpus: 3500,
    mem: 10_000,
    ports: 4000,
    zones: 2000,
  })
  expect(quantities([volume('v', 10)])).toEqual({ disk: 10_000 })
  expect(toUnreserved(resources('cpus:1;cpus(web):2'))).toEqual(resources('cpus:3'))
})

describe('properties', () => {
  const role = fc.constantFrom('*', 'web', 'web/eu')
  const scalar = fc
    .record({ name: fc.constantFrom('cpus', 'mem'), amount: fc.integer({ min: 0, max: 5_000 }), role })
    .map(({ name, amount, role }) => `${name}(${role}):${amount / 1000}`)
  const ports = fc
    .record({ begin: fc.integer({ min: 1, max: 60 }), length: fc.integer({ min: 0, max: 9 }), role })
    .map(({ begin, length, role }) => `ports(${role}):[${begin}-${begin + length}]`)
  const set = fc
    .record({ items: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }), role })
    .map(({ items, role }) => `zones(${role}):{${items.join()}}`)
  const bundle = fc
    .array(fc.oneof(scalar, ports, set), { maxLength: 6 })
    .map((texts) => resources(texts.join(';')))
  const scalars = fc.array(scalar, { maxLength: 6 }).map((texts) => resources(texts.join(';')))

  test('the generator makes all kinds of bundles', () => {
    const samples = fc.sample(bundle, { numRuns: 200, seed: 1 }).map((sample) => formatResources(sample))
    for (const part of ['cpus:', 'mem(web):', 'ports(web/eu):', 'zones:']) {
      expect(samples.some((text) => text.includes(part))).toBe(true)
    }
  })

  test('a sum does not depend on order or grouping', () => {
    fc.assert(
      fc.property(bundle, bundle, bundle, (a, b, c) => {
        expect(add(a, b)).toEqual(add(b, a))
        expect(add(add(a, b), c)).toEqual(add(a, add(b, c)))
        expect(add(a, b, c)).toEqual(add(add(a, b), c))
      }),
    )
  })

  test('a sum contains its parts, and what it is without one is contained in the other', () => {
    fc.assert(
      fc.property(bundle, bundle, (a, b) => {
        const sum = add(a, b)
        expect(contains(sum, a) && contains(sum, b)).toBe(true)
        expect(contains(b, subtract(sum, a))).toBe(true)
      }),
    )
  })

  test('scalars: adding and then subtracting changes nothing', () => {
    fc.assert(
      fc.property(scalars, scalars, (a, b) => {
        expect(subtract(add(a, b), b)).toEqual(canonical(a))
      }),
    )
  })

  test('taking out what is contained and putting it back changes nothing', () => {
    fc.assert(
      fc.property(bundle, bundle, (a, b) => {
        const taken = subtract(a, b)
        expect(contains(a, taken)).toBe(true)
        expect(add(subtract(a, taken), taken)).toEqual(canonical(a))
      }),
    )
  })

  test('nothing is negative, and what is canonical stays as it is', () => {
    fc.assert(
      fc.property(bundle, bundle, (a, b) => {
        const rest = subtract(a, b)
        expect(Object.values(quantities(rest)).every((amount) => amount > 0)).toBe(true)
        expect(canonical(rest)).toEqual(rest)
        expect(equal(rest, [...rest].reverse())).toBe(true)
      }),
    )
  })

  test('what is written is read as the same', () => {
    fc.assert(
      fc.property(bundle, (a) => {
        expect(resources(formatResources(a))).toEqual(a)
      }),
    )
  })
})
