// One turn of allocation, rule by rule.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AgentView,
  allocate,
  type ClosedAgents,
  type Grant,
  type Snapshot,
} from '../../../master/allocator/allocate.ts'
import { freeOf } from '../../../master/allocator/void-offers.ts'
import type { Ledger, Refusal } from '../../../master/model.ts'
import { add, contains, equal, quantities } from '../../../protocol/resources.ts'
import { agent, cpusMem, framework, ports, reserved, scalar } from './world.ts'

const NOW = 1_000_000

function turn(snapshot: Snapshot): readonly Grant[] {
  return allocate(snapshot, { now: NOW })
}

/** `agent framework role` per grant. */
function lines(grants: readonly Grant[]): readonly string[] {
  return grants.map(({ agentId, frameworkId, role }) => `${agentId} ${frameworkId} ${role}`)
}

function refusal(frameworkId: string, more: Partial<Refusal> = {}): Refusal {
  return { frameworkId, role: '*', resources: cpusMem(4, 4096), until: NOW + 5_000, filterEpoch: 0, ...more }
}

describe('who is offered', () => {
  test('C59: everything free of an idle agent, whole', () => {
    const total = [...cpusMem(4, 4096), ports(31000, 31999)]
    const grants = turn({ agents: [agent('a', total)], frameworks: [framework('f')] })
    expect(lines(grants)).toEqual(['a f *'])
    expect(equal(grants[0]?.resources ?? [], total)).toBe(true)
  })

  test('C60: an agent goes whole to one framework and role', () => {
    const grants = turn({
      agents: [agent('a', cpusMem(4, 4096))],
      frameworks: [framework('f', { roles: ['x', 'y'] }), framework('g', { roles: ['x', 'y'] })],
    })
    expect(grants).toHaveLength(1)
  })

  test('the order follows each grant: two agents, two frameworks, one each', () => {
    const grants = turn({
      agents: [agent('a', cpusMem(4, 4096)), agent('b', cpusMem(4, 4096))],
      frameworks: [framework('f'), framework('g')],
    })
    expect(lines(grants)).toEqual(['a f *', 'b g *'])
  })

  test('a tie goes to who was served less often lately', () => {
    const grants = turn({
      agents: [agent('a', cpusMem(4, 4096))],
      frameworks: [framework('f'), framework('g')],
      recent: [{ frameworkId: 'f', role: '*' }],
    })
    expect(lines(grants)).toEqual(['a g *'])
  })

  test('only candidates are granted, and all agents count', () => {
    const grants = turn({
      agents: [
        agent('a', cpusMem(4, 4096)),
        agent('b', cpusMem(4, 4096), { ledger: { sums: { f: { '*': cpusMem(1, 100) } } } }),
      ],
      frameworks: [framework('f'), framework('g')],
      candidates: new Set(['a']),
    })
    expect(lines(grants)).toEqual(['a g *'])
  })

  test.each<[string, Partial<Ledger>]>([
    ['returning', { life: 'returning' }],
    ['unreachable', { life: 'unreachable' }],
    ['removed', { life: 'removed' }],
    ['gone', { life: 'gone' }],
    ['C71: deactivated', { deactivated: true }],
    ['F81: draining', { drain: { state: 'DRAINING', markGone: false, since: 0, asked: 1 } }],
  ])('never an agent that is %s', (_, ledger) => {
    expect(
      turn({ agents: [agent('a', cpusMem(4, 4096), { ledger })], frameworks: [framework('f')] }),
    ).toEqual([])
  })

  test.each([
    ['disconnected', framework('f', { state: 'disconnected' })],
    ['removed', framework('f', { state: 'removed' })],
    ['F76: suppressed', framework('f', { suppressedRoles: ['*'] })],
  ])('never a framework that is %s', (_, away) => {
    expect(turn({ agents: [agent('a', cpusMem(4, 4096))], frameworks: [away] })).toEqual([])
  })

  test('C68, C69: suppressing one role leaves the other', () => {
    const grants = turn({
      agents: [agent('a', cpusMem(4, 4096))],
      frameworks: [framework('f', { roles: ['x', 'y'], suppressedRoles: ['x', 'foreign'] })],
    })
    expect(lines(grants)).toEqual(['a f y'])
  })

  test('a framework without MULTI_ROLE has its one role', () => {
    const old = framework('f', { info: { capabilities: [], roles: [], role: 'x' } })
    expect(lines(turn({ agents: [agent('a', cpusMem(4, 4096))], frameworks: [old] }))).toEqual(['a f x'])
  })
})

describe('what is free', () => {
  const frameworks = [framework('f')]

  test('C74: offers, holds and sums are taken off', () => {
    const view = agent('a', cpusMem(8, 8192), {
      ledger: {
        offers: { o: offer(cpusMem(1, 1024)) },
        holds: { h: { frameworkId: 'f', role: '*', resources: cpusMem(2, 1024), expiresAt: NOW } },
        sums: { f: { '*': cpusMem(1, 1024) }, g: { '*': cpusMem(1, 1024) } },
      },
    })
    const [grant] = turn({ agents: [view], frameworks })
    expect(quantities(grant?.resources ?? [])).toEqual({ cpus: 3_000, mem: 4_096_000 })
  })

  test('resources that say to which role they are allocated are the same resources', () => {
    const allocated = cpusMem(8, 8192).map((resource) => ({ ...resource, allocation_info: { role: '*' } }))
    expect(
      turn({
        agents: [agent('a', cpusMem(8, 8192), { ledger: { sums: { f: { '*': allocated } } } })],
        frameworks,
      }),
    ).toEqual([])
  })

  test.each([
    ['F74: expired', offer(cpusMem(4, 4096), { expiresAt: NOW }), 1],
    ['of an older session', offer(cpusMem(4, 4096), { epoch: 0 }), 1],
    ['of a removed framework', offer(cpusMem(4, 4096), { frameworkId: 'removed' }), 1],
    ['standing', offer(cpusMem(4, 4096)), 0],
    ['of a session newer than what was read', offer(cpusMem(4, 4096), { epoch: 2 }), 0],
    ['in a role it left', offer(cpusMem(4, 4096), { role: 'left' }), 1],
    ['of a framework that was not read yet', offer(cpusMem(4, 4096), { frameworkId: 'new' }), 0],
  ])('an offer %s', (_, standing, grants) => {
    const view = agent('a', cpusMem(4, 4096), { ledger: { offers: { o: standing } } })
    expect(
      turn({ agents: [view], frameworks: [...frameworks, framework('removed', { state: 'removed' })] }),
    ).toHaveLength(grants)
  })

  test('less than 0.01 cpus and less than 32 MB is no offer; either is enough', () => {
    const amounts = [cpusMem(0.009, 31), cpusMem(0.01, 0), cpusMem(0, 32), [scalar('disk', 1000)]]
    expect(amounts.map((total) => turn({ agents: [agent('a', total)], frameworks }).length)).toEqual([
      0, 1, 1, 0,
    ])
  })

  test('a framework sets its own least amount per role; an empty list takes anything', () => {
    const own = (quantities: Record<string, number>[]) =>
      framework('f', {
        roles: ['x'],
        info: {
          offer_filters: {
            x: {
              min_allocatable_resources: {
                quantities: quantities.map((each) => ({
                  quantities: Object.fromEntries(
                    Object.entries(each).map(([name, value]) => [name, { value }]),
                  ),
                })),
              },
            },
          },
        },
      })
    const offered = (quantities: Record<string, number>[]) =>
      turn({ agents: [agent('a', cpusMem(1, 16))], frameworks: [own(quantities)] }).length
    expect(offered([{ cpus: 2 }])).toBe(0)
    expect(offered([{ cpus: 1, mem: 32 }])).toBe(0)
    expect(offered([{ cpus: 1, mem: 32 }, { mem: 16 }])).toBe(1)
    expect(turn({ agents: [agent('a', [scalar('disk', 1)])], frameworks: [own([])] })).toHaveLength(1)
  })
})

describe('filters', () => {
  const offered = (refusals: readonly Refusal[], of = framework('f')) =>
    lines(
      turn({
        agents: [agent('a', cpusMem(4, 4096), { ledger: { refusals } })],
        frameworks: [of, framework('z', { suppressedRoles: ['*'] })],
      }),
    )

  test('F75, C64: equal or smaller is kept away until the end, and then offered again', () => {
    expect(offered([refusal('f')])).toEqual([])
    expect(offered([refusal('f', { resources: cpusMem(5, 5000) })])).toEqual([])
    expect(offered([refusal('f', { until: NOW })])).toEqual(['a f *'])
  })

  test('F75: more of anything passes', () => {
    expect(offered([refusal('f', { resources: cpusMem(3.999, 9999) })])).toEqual(['a f *'])
  })

  test('F75: it is offered to others', () => {
    const grants = turn({
      agents: [agent('a', cpusMem(4, 4096), { ledger: { refusals: [refusal('f')] } })],
      frameworks: [framework('f'), framework('g')],
    })
    expect(lines(grants)).toEqual(['a g *'])
  })

  test('a filter is of one role', () => {
    expect(offered([refusal('f', { role: 'x' })], framework('f', { roles: ['x', 'y'] }))).toEqual(['a f y'])
  })

  test('F76, C67: a later REVIVE of the role voids it, one of another role does not', () => {
    expect(offered([refusal('f')], framework('f', { filterEpochs: { '*': 1 } }))).toEqual(['a f *'])
    expect(offered([refusal('f', { filterEpoch: 1 })], framework('f', { filterEpochs: { '*': 1 } }))).toEqual(
      [],
    )
    expect(offered([refusal('f')], framework('f', { filterEpochs: { other: 1 } }))).toEqual([])
  })

  test('refused resources may say to which role they were allocated', () => {
    const resources = cpusMem(4, 4096).map((resource) => ({ ...resource, allocation_info: { role: '*' } }))
    expect(offered([refusal('f', { resources })])).toEqual([])
  })
})

describe('C73: kinds of resources and agents', () => {
  test('agents with gpus only to GPU_RESOURCES', () => {
    const agents = [agent('a', [...cpusMem(4, 4096), scalar('gpus', 1)])]
    expect(turn({ agents, frameworks: [framework('f')] })).toEqual([])
    expect(turn({ agents, frameworks: [framework('f', { can: ['GPU_RESOURCES'] })] })).toHaveLength(1)
  })

  test('reserved resources to exactly their role and those below', () => {
    const total = [...reserved(cpusMem(2, 2048), 'eng'), ...cpusMem(1, 1024)]
    const offeredTo = (role: string) =>
      turn({ agents: [agent('a', total)], frameworks: [framework('f', { roles: [role] })] }).map(
        ({ resources }) => quantities(resources).cpus,
      )
    expect(offeredTo('eng')).toEqual([3_000])
    expect(offeredTo('eng/web')).toEqual([3_000])
    expect(offeredTo('engine')).toEqual([1_000])
    expect(offeredTo('*')).toEqual([1_000])
  })

  test('what the first may not have goes to the next', () => {
    const total = [...reserved(cpusMem(2, 2048), 'eng'), ...cpusMem(1, 1024)]
    const grants = turn({
      agents: [agent('a', total)],
      frameworks: [framework('f', { roles: ['a'] }), framework('g', { roles: ['eng'] })],
    })
    expect(lines(grants)).toEqual(['a f a', 'a g eng'])
    expect(equal(add(...grants.map(({ resources }) => resources)), total)).toBe(true)
  })

  test.each([
    ['REVOCABLE_RESOURCES', [scalar('cpus', 2, { revocable: {} })]],
    ['RESERVATION_REFINEMENT', reserved([scalar('cpus', 2)], 'eng', 'eng/web')],
    [
      'SHARED_RESOURCES',
      reserved(
        [
          scalar('disk', 2, {
            shared: {},
            disk: { persistence: { id: 'v' }, volume: { container_path: 'v', mode: 'RW' } },
          }),
        ],
        'eng',
      ),
    ],
  ] as const)('%s', (capability, special) => {
    const agents = [agent('a', [...cpusMem(1, 1024), ...special])]
    const plain = turn({ agents, frameworks: [framework('f', { roles: ['eng/web'] })] })
    const able = turn({ agents, frameworks: [framework('f', { roles: ['eng/web'], can: [capability] })] })
    expect(equal(plain[0]?.resources ?? [], cpusMem(1, 1024))).toBe(true)
    expect(equal(able[0]?.resources ?? [], [...cpusMem(1, 1024), ...special])).toBe(true)
  })

  test('another region only to REGION_AWARE; no domain is near', () => {
    const domain = { fault_domain: { region: { name: 'west' }, zone: { name: 'west-a' } } }
    const far = agent('a', cpusMem(4, 4096), { entry: { info: { hostname: 'a', domain } } })
    const offered = (region: string | undefined, view: AgentView, able = false) =>
      turn({
        agents: [view],
        frameworks: [framework('f', { can: able ? ['REGION_AWARE'] : [] })],
        region,
      }).length
    expect(offered('east', far)).toBe(0)
    expect(offered('east', far, true)).toBe(1)
    expect(offered('west', far)).toBe(1)
    expect(offered(undefined, far)).toBe(1)
    expect(offered('east', agent('a', cpusMem(4, 4096)))).toBe(1)
  })

  test('agents that know no hierarchical roles get none', () => {
    const simple = agent('a', cpusMem(4, 4096), { entry: { capabilities: [{ type: 'MULTI_ROLE' }] } })
    expect(turn({ agents: [simple], frameworks: [framework('f', { roles: ['a/b'] })] })).toEqual([])
    expect(turn({ agents: [simple], frameworks: [framework('f', { roles: ['a'] })] })).toHaveLength(1)
  })

  test('ephemeral ports stay with the agent', () => {
    const [grant] = turn({
      agents: [agent('a', [...cpusMem(1, 1024), { ...ports(1, 9), name: 'ephemeral_ports' }])],
      frameworks: [framework('f')],
    })
    expect(grant?.resources.map(({ name }) => name)).toEqual(['cpus', 'mem'])
  })
})

describe('F77 S12: fairness over many turns', () => {
  test.each([
    ['equal frameworks', {}, 1],
    ['weights 2:1', { x: 2 }, 2],
  ])('%s', (_, weights, ratio) => {
    const agents = Array.from({ length: 60 }, (_, index) => agent(`a${index}`, cpusMem(1, 1024)))
    const grants = turn({
      agents,
      frameworks: [framework('f', { roles: ['x'] }), framework('g', { roles: ['y'] })],
      weights,
    })
    const count = (id: string) => grants.filter(({ frameworkId }) => frameworkId === id).length
    expect(grants).toHaveLength(60)
    expect(count('f') / count('g')).toBeCloseTo(ratio, 5)
  })

  test('who holds much waits until the others have caught up', () => {
    const full = agent('full', cpusMem(10, 1024), { ledger: { sums: { f: { '*': cpusMem(10, 1024) } } } })
    const agents = [full, ...Array.from({ length: 10 }, (_, index) => agent(`a${index}`, cpusMem(1, 100)))]
    const grants = turn({ agents, frameworks: [framework('f'), framework('g')] })
    expect(new Set(grants.map(({ frameworkId }) => frameworkId))).toEqual(new Set(['g']))
  })
})

describe('properties', () => {
  const amount = fc.record({ cpus: fc.integer({ min: 0, max: 8 }), mem: fc.integer({ min: 0, max: 64 }) })
  const view = fc
    .record({
      offered: fc.array(
        fc.record({ amount, framework: fc.integer({ min: 0, max: 3 }), fresh: fc.boolean() }),
        { maxLength: 3 },
      ),
      used: fc.array(fc.record({ amount, framework: fc.integer({ min: 0, max: 3 }) }), { maxLength: 3 }),
      spare: amount,
      reserved: fc.boolean(),
      refusedBy: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    })
    .map(({ offered, used, spare, reserved: isReserved, refusedBy }) => (agentId: string): AgentView => {
      const offers = Object.fromEntries(
        offered.map(({ amount: { cpus, mem }, framework, fresh }, index) => [
          `o${index}`,
          offer(cpusMem(cpus, mem), { frameworkId: `f${framework}`, expiresAt: fresh ? NOW + 1 : NOW }),
        ]),
      )
      const sums: Record<string, Record<string, Ledger['total']>> = {}
      for (const {
        amount: { cpus, mem },
        framework,
      } of used) {
        const before = sums[`f${framework}`]?.x ?? []
        sums[`f${framework}`] = { x: add(before, cpusMem(cpus, mem)) }
      }
      const total = add(
        ...Object.values(offers).map(({ resources }) => resources),
        ...Object.values(sums).map((roles) => roles.x ?? []),
        isReserved ? reserved(cpusMem(spare.cpus, spare.mem), 'x') : cpusMem(spare.cpus, spare.mem),
      )
      const refusals = refusedBy.map((framework) => refusal(`f${framework}`, { role: 'x', resources: total }))
      return agent(agentId, total, { ledger: { offers, sums, refusals } })
    })
  const world = fc.array(view, { maxLength: 5 }).map((views) => ({
    agents: views.map((make, index) => make(`a${index}`)),
    frameworks: [0, 1, 2, 3].map((index) =>
      framework(`f${index}`, { roles: index === 3 ? ['y'] : ['x', 'x/y'] }),
    ),
  }))

  test('S1: nothing is offered twice, and never more than is free', () => {
    fc.assert(
      fc.property(world, (snapshot) => {
        const grants = turn(snapshot)
        const frameworks = new Map(snapshot.frameworks.map((each) => [each.frameworkId, each]))
        for (const { ledger } of snapshot.agents) {
          const given = grants.filter(({ agentId }) => agentId === ledger.agentId)
          const free = freeOf(ledger, frameworks, NOW)
          expect(contains(free, add(...given.map(({ resources }) => resources)))).toBe(true)
        }
        const seats = lines(grants)
        expect(new Set(seats).size).toBe(seats.length)
      }),
      { numRuns: 200 },
    )
  })

  test('S13: no refusing framework is offered less than it refused', () => {
    fc.assert(
      fc.property(world, (snapshot) => {
        for (const { agentId, frameworkId, role } of turn(snapshot)) {
          const refusals =
            snapshot.agents.find(({ ledger }) => ledger.agentId === agentId)?.ledger.refusals ?? []
          // Every refusal made here covers the whole agent.
          expect(refusals.some((each) => each.frameworkId === frameworkId && each.role === role)).toBe(false)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('S21: the same world yields the same grants', () => {
    fc.assert(
      fc.property(world, (snapshot) => {
        expect(turn(structuredClone(snapshot))).toEqual(turn(snapshot))
      }),
      { numRuns: 50 },
    )
  })

  test('what is remembered of agents closed to all changes no turn', () => {
    const changes = fc.array(
      fc.record({
        passedMs: fc.constantFrom(0, 1, 4_999, 5_000, 5_001, 10_000),
        agent: fc.integer({ min: 0, max: 4 }),
        framework: fc.integer({ min: 0, max: 3 }),
        change: fc.constantFrom('nothing', 'refusals go', 'offers go', 'suppressed', 'deactivated'),
      }),
      { maxLength: 6 },
    )
    const changed = (snapshot: Snapshot, { agent: index, framework, change }: Step): Snapshot => ({
      agents: snapshot.agents.map((view, own) => {
        if (own !== index) return view
        const version = view.ledger.version + 1
        if (change === 'refusals go') return { ...view, ledger: { ...view.ledger, version, refusals: [] } }
        if (change === 'offers go') return { ...view, ledger: { ...view.ledger, version, offers: {} } }
        return change === 'deactivated'
          ? { ...view, ledger: { ...view.ledger, version, deactivated: true } }
          : view
      }),
      frameworks: snapshot.frameworks.map((each, own) =>
        own === framework && change === 'suppressed'
          ? { ...each, version: each.version + 1, suppressedRoles: ['x'] }
          : each,
      ),
    })
    interface Step {
      readonly agent: number
      readonly framework: number
      readonly change: string
    }
    fc.assert(
      fc.property(world, changes, (first, steps) => {
        const closed: ClosedAgents = new Map()
        let snapshot: Snapshot = first
        let now = NOW
        for (const step of steps) {
          snapshot = changed(snapshot, step)
          now += step.passedMs
          expect(allocate({ ...snapshot, closed }, { now })).toEqual(allocate(snapshot, { now }))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('an agent closed to all is not looked at again before something is different', () => {
    const refused = agent('a', cpusMem(4, 4096), { ledger: { refusals: [refusal('f')] } })
    const closed: ClosedAgents = new Map()
    let asked = 0
    const frameworks = [framework('f')].map((each) => ({
      ...each,
      get info() {
        asked += 1
        return framework('f').info
      },
    }))
    allocate({ agents: [refused], frameworks, closed }, { now: NOW })
    const first = asked
    allocate({ agents: [refused], frameworks, closed }, { now: NOW + 1 })
    // Only which roles it wants to be offered in.
    expect(asked - first).toBe(1)
    expect(allocate({ agents: [refused], frameworks, closed }, { now: NOW + 5_000 })).toHaveLength(1)
  })

  test('the generator makes free, refused and expired things', () => {
    const seen = { grants: 0, refused: 0, expired: 0 }
    for (const snapshot of fc.sample(world, 100)) {
      seen.grants += turn(snapshot).length
      for (const { ledger } of snapshot.agents) {
        seen.refused += ledger.refusals.length
        seen.expired += Object.values(ledger.offers).filter(({ expiresAt }) => expiresAt === NOW).length
      }
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20)
  })
})

function offer(
  resources: Ledger['total'],
  more: Partial<Ledger['offers'][string]> = {},
): Ledger['offers'][string] {
  return { frameworkId: 'f', role: '*', epoch: 1, resources, expiresAt: NOW + 1_000, ...more }
}
