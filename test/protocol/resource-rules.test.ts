// What makes a resource unsound, the two formats of reservations, and the text people write.

import { describe, expect, test } from 'vitest'
import type { OfferOperation, Resource } from '../../protocol/messages.ts'
import {
  downgrade,
  downgradeAll,
  mapResources,
  reservationRole,
  upgrade,
} from '../../protocol/resource-format.ts'
import { parseResources } from '../../protocol/resource-parsing.ts'
import { formatResource } from '../../protocol/resource-text.ts'
import { resourceError, resourcesError } from '../../protocol/resource-validation.ts'

const cpus = (value: number): Resource => ({ name: 'cpus', type: 'SCALAR', scalar: { value } })
const disk: Resource = { name: 'disk', type: 'SCALAR', scalar: { value: 10 } }
const ports = (...range: { begin: number; end: number }[]): Resource => ({
  name: 'ports',
  type: 'RANGES',
  ranges: { range },
})
const dynamic = [{ type: 'DYNAMIC', role: 'web' }] as const
const refined = [...dynamic, { type: 'DYNAMIC', role: 'web/eu' }] as const
const volume: Resource = {
  ...disk,
  reservations: dynamic,
  disk: { persistence: { id: 'v' }, volume: { container_path: 'data', mode: 'RW' } },
}

describe('soundness', () => {
  const sound: readonly (readonly [string, Resource])[] = [
    ['a scalar', cpus(0.5)],
    ['a literal 0', cpus(0)],
    ['the smallest amount', cpus(0.0005)],
    ['whole gpus', { ...cpus(2), name: 'gpus' }],
    ['ranges that touch', ports({ begin: 4, end: 5 }, { begin: 1, end: 3 })],
    ['no ranges', ports()],
    ['a set', { name: 'zones', type: 'SET', set: { item: ['a', 'b'] } }],
    ['the old format', { ...cpus(1), role: 'web', reservation: { principal: 'p' } }],
    ['the unreserved role', { ...cpus(1), role: '*' }],
    ['both formats that agree', { ...cpus(1), role: 'web', reservation: {}, reservations: dynamic }],
    ['a refinement', { ...cpus(1), reservations: refined }],
    ['a volume', volume],
    ['a shared volume', { ...volume, shared: {} }],
    ['a mounted disk', { ...disk, disk: { source: { type: 'MOUNT', mount: { root: '/m' } } } }],
  ]
  test.each(sound)('%s is sound', (_, resource) => {
    expect(resourceError(resource)).toBeUndefined()
  })

  const unsound: readonly (readonly [string, Resource, string])[] = [
    ['C25 0.0004', cpus(0.0004), 'Invalid scalar resource: value <= 0'],
    ['a negative amount', cpus(-1), 'Invalid scalar resource: value <= 0'],
    ['too much', cpus(1e300), 'Invalid scalar resource: value is too large'],
    ['infinity', cpus(Number.POSITIVE_INFINITY), 'Invalid scalar resource: value is too large'],
    ['half a gpu', { ...cpus(0.5), name: 'gpus' }, "The 'gpus' resource must be an unsigned integer"],
    ['no name', { ...cpus(1), name: '' }, 'Empty resource name'],
    ['no value', { name: 'cpus', type: 'SCALAR' }, 'Invalid scalar resource: no value'],
    [
      'another value',
      { name: 'cpus', type: 'RANGES', scalar: { value: 1 } },
      'Invalid ranges resource: no value',
    ],
    ['two values', { ...cpus(1), set: {} }, 'More than one value beside type SCALAR'],
    ['text', { name: 'x', type: 'TEXT' }, 'A resource can not be of type TEXT'],
    [
      'C26 overlapping ranges',
      ports({ begin: 5, end: 9 }, { begin: 1, end: 5 }),
      'Invalid ranges resource: overlapping ranges',
    ],
    ['a backward range', ports({ begin: 2, end: 1 }), 'Invalid ranges resource: begin > end'],
    [
      'an endless range',
      { name: 'p', type: 'RANGES', ranges: { range: [{ begin: 0, end: 2n ** 64n - 1n }] } },
      'Invalid ranges resource: bound is too large',
    ],
    ['a doubled item', { name: 'z', type: 'SET', set: { item: ['a', 'a'] } }, 'duplicated elements'],
    ['a reservation of nobody', { ...cpus(1), reservation: {} }, "the role '*' cannot be reserved"],
    [
      'a reserved *',
      { ...cpus(1), reservations: [{ type: 'STATIC', role: '*' }] },
      "the role '*' cannot be reserved",
    ],
    [
      'no reservation type',
      { ...cpus(1), reservations: [{ role: 'a' }] },
      "'type' must be STATIC or DYNAMIC",
    ],
    ['no reservation role', { ...cpus(1), reservations: [{ type: 'DYNAMIC' }] }, "'role' is absent"],
    ['a bad role', { ...cpus(1), role: 'a//b' }, "Role 'a//b' cannot contain two adjacent slashes"],
    [
      'a static refinement',
      { ...cpus(1), reservations: [...dynamic, { type: 'STATIC', role: 'web/eu' }] },
      'a refinement must be DYNAMIC',
    ],
    [
      'a refinement elsewhere',
      { ...cpus(1), reservations: [...dynamic, { type: 'DYNAMIC', role: 'webby' }] },
      "role 'webby' is not below role 'web'",
    ],
    [
      'formats that differ',
      { ...cpus(1), role: 'x', reservation: {}, reservations: dynamic },
      "'role' differs",
    ],
    [
      'formats that differ in kind',
      { ...cpus(1), role: 'web', reservations: dynamic },
      "'reservation' differs",
    ],
    [
      'formats that differ in principal',
      { ...cpus(1), role: 'web', reservation: { principal: 'p' }, reservations: dynamic },
      "'reservation' differs",
    ],
    [
      'a role beside refinements',
      { ...cpus(1), role: 'web', reservation: {}, reservations: refined },
      'can not be used with refined reservations',
    ],
    [
      'a bad allocation',
      { ...cpus(1), allocation_info: { role: '' } },
      'Invalid allocation: Role names cannot be',
    ],
    ['disk info on cpus', { ...cpus(1), disk: {} }, 'DiskInfo should not be set for cpus resource'],
    ['empty disk info', { ...disk, disk: {} }, 'DiskInfo is set but empty'],
    [
      'an unknown source',
      { ...disk, disk: { source: { type: 'UNKNOWN' } } },
      "Unsupported 'disk.source.type' UNKNOWN",
    ],
    [
      'a raw mount',
      { ...disk, disk: { source: { type: 'RAW', mount: {} } } },
      "'disk.source.mount' can not be set",
    ],
    [
      'a block path',
      { ...disk, disk: { source: { type: 'BLOCK', path: {} } } },
      "'disk.source.path' can not be set",
    ],
    ['a shared disk', { ...disk, shared: {} }, 'Only persistent volumes can be shared'],
    ['a revocable volume', { ...volume, revocable: {} }, 'cannot be created from revocable resources'],
    ['an unreserved volume', { ...volume, reservations: [] }, 'cannot be created from unreserved resources'],
    ['a volume nowhere', { ...volume, disk: { persistence: { id: 'v' } } }, "Expecting 'volume' to be set"],
    [
      'a volume to read',
      { ...volume, disk: { persistence: { id: 'v' }, volume: { container_path: 'd', mode: 'RO' } } },
      "Expecting 'volume.mode' to be RW",
    ],
    [
      'a volume of the host',
      {
        ...volume,
        disk: { persistence: { id: 'v' }, volume: { container_path: 'd', mode: 'RW', host_path: '/' } },
      },
      "Expecting 'volume.host_path' to be unset",
    ],
    [
      'a volume id that leads elsewhere',
      { ...volume, disk: { persistence: { id: '../x' }, volume: { container_path: 'd', mode: 'RW' } } },
      "Persistence ID of a persistent volume is invalid: '../x' contains invalid characters",
    ],
    [
      'a volume without persistence',
      { ...disk, disk: { volume: { container_path: 'd', mode: 'RW' } } },
      'A volume without persistence is not supported',
    ],
  ]
  test.each(unsound)('%s is refused', (_, resource, sentence) => {
    expect(resourceError(resource)).toContain(sentence)
  })

  test('of a list the first unsound resource is named', () => {
    expect(resourcesError([cpus(1), ports({ begin: 1, end: 3 }, { begin: 2, end: 4 })])).toBe(
      "Resource 'ports:[1-3, 2-4]' is invalid: Invalid ranges resource: overlapping ranges",
    )
    expect(resourcesError([cpus(1), volume])).toBeUndefined()
  })
})

describe('formats', () => {
  const labels = { labels: [{ key: 'k' }] }
  const pairs: readonly (readonly [string, Resource, Resource])[] = [
    ['unreserved', { ...cpus(1), role: '*' }, cpus(1)],
    ['static', { ...cpus(1), role: 'web' }, { ...cpus(1), reservations: [{ type: 'STATIC', role: 'web' }] }],
    [
      'dynamic',
      { ...cpus(1), role: 'web', reservation: { principal: 'p', labels } },
      { ...cpus(1), reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'p', labels }] },
    ],
  ]
  test.each(pairs)('%s is upgraded and downgraded', (_, old, kept) => {
    expect(upgrade(old)).toEqual(kept)
    expect(upgrade(kept)).toEqual(kept)
    expect(downgrade(kept)).toEqual(old)
  })

  test('both formats at once become one', () => {
    expect(upgrade({ ...cpus(1), role: 'web', reservation: {}, reservations: dynamic })).toEqual({
      ...cpus(1),
      reservations: dynamic,
    })
    expect(upgrade(cpus(1))).toEqual(cpus(1))
  })

  test('a refinement can not be downgraded and is left out', () => {
    expect(downgradeAll([cpus(1), { ...cpus(1), reservations: refined }])).toEqual([
      { ...cpus(1), role: '*' },
    ])
    expect(reservationRole({ ...cpus(1), reservations: refined })).toBe('web/eu')
    expect(reservationRole(cpus(1))).toBe('*')
  })

  test('resources are found anywhere in a message', () => {
    const old = { ...cpus(1), role: 'web' }
    const kept = upgrade(old)
    const operations = (resource: Resource): OfferOperation[] => [
      { type: 'RESERVE', reserve: { resources: [resource] } },
      { type: 'GROW_VOLUME', grow_volume: { volume: resource, addition: resource } },
      {
        type: 'LAUNCH',
        launch: {
          task_infos: [
            {
              name: 't',
              task_id: { value: 't' },
              agent_id: { value: 'a' },
              resources: [resource],
              executor: { executor_id: { value: 'e' }, resources: [resource] },
            },
          ],
        },
      },
    ]
    const call = (resource: Resource) => ({ accept: { operations: operations(resource), filters: {} } })
    expect(mapResources('mesos.v1.scheduler.Call', call(old), upgrade)).toEqual(call(kept))
    const untouched = { kill: { task_id: { value: 't' } } }
    expect(mapResources('mesos.v1.scheduler.Call', untouched, upgrade)).toBe(untouched)
  })
})

describe('text', () => {
  test('names, roles and values', () => {
    expect(parseResources(' cpus:4; mem(web) :4096;ports:[3-4, 1-2];zones:{b,a} ;')).toEqual({
      ok: true,
      resources: [
        cpus(4),
        {
          name: 'mem',
          type: 'SCALAR',
          scalar: { value: 4096 },
          reservations: [{ type: 'STATIC', role: 'web' }],
        },
        ports({ begin: 1, end: 4 }),
        { name: 'zones', type: 'SET', set: { item: ['a', 'b'] } },
      ],
    })
    expect(parseResources('')).toEqual({ ok: true, resources: [] })
    expect(parseResources('cpus:1;cpus(*):1;cpus(web):1', 'web')).toEqual({
      ok: true,
      resources: [cpus(1), { ...cpus(2), reservations: [{ type: 'STATIC', role: 'web' }] }],
    })
  })

  test('JSON', () => {
    const text = JSON.stringify([
      { ...cpus(1), role: '*' },
      { ...cpus(2), role: 'web', reservation: {} },
    ])
    expect(parseResources(text)).toEqual({
      ok: true,
      resources: [cpus(1), { ...cpus(2), reservations: dynamic }],
    })
  })

  test.each([
    ['cpus', "missing or extra ':' in 'cpus'"],
    ['cpus:x', "Bad type for resource cpus value 'x'"],
    ['cpus:', "Bad type for resource cpus value ''"],
    ['ports:[1-x]', "Bad type for resource ports value '[1-x]'"],
    ['ports:[5-1]', "Bad type for resource ports value '[5-1]'"],
    ['cpus:-1', 'Invalid scalar resource: value <= 0'],
    ['cpus(a b):1', 'contains backspace or whitespace'],
    ['x:1;x:{a}', "Resources of one name ('x') but different types are not allowed"],
    ['[1', 'Resources are not JSON'],
    ['[1]', 'Resource 1: Expecting a JSON object'],
    ['[{"name":"cpus"}]', 'Resource 1: Missing required fields: type'],
  ])('%j is refused', (text, sentence) => {
    const parsed = parseResources(text)
    expect(parsed.ok ? 'read' : parsed.error).toContain(sentence)
  })

  test.each([
    [cpus(0.5), 'cpus:0.5'],
    [cpus(0.1 + 0.2), 'cpus:0.3'],
    [cpus(0.0004), 'cpus:0.0004'],
    [{ ...cpus(1), role: 'web' }, 'cpus(web):1'],
    [{ ...cpus(1), reservations: refined }, 'cpus(reservations: [(DYNAMIC,web),(DYNAMIC,web/eu)]):1'],
    [{ ...cpus(1), allocation_info: { role: 'web' }, revocable: {} }, 'cpus(allocated: web){REV}:1'],
    [{ ...volume, shared: {} }, 'disk(reservations: [(DYNAMIC,web)])[v:data]<SHARED>:10'],
    [{ ...disk, disk: { source: { type: 'PATH', path: { root: '/d' } } } }, 'disk[PATH:/d]:10'],
  ] as const satisfies readonly (readonly [Resource, string])[])('%j is written %s', (resource, text) => {
    expect(formatResource(resource)).toBe(text)
  })
})
