// The ledger's arithmetic, and under random interleavings: total = offers + holds + sums + free, nothing given twice.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  charge,
  chargedTo,
  free,
  release,
  unsound,
  used,
  withoutHold,
  withoutOffers,
} from '../../master/accounting.ts'
import { accept } from '../../master/calls/accept.ts'
import { hold, piece } from '../../master/calls/accept-hold.ts'
import { decline } from '../../master/calls/decline.ts'
import { endTasks } from '../../master/frameworks/end-tasks.ts'
import type { Framework, Ledger, Run } from '../../master/model.ts'
import { agentOf, newOfferId, stands } from '../../master/offers.ts'
import { add, allocate, equal, quantities } from '../../protocol/resources.ts'
import {
  AGENT,
  acceptOf,
  CLUSTER,
  cpusMem,
  EPOCH,
  expectCommittable,
  launch,
  loadedFor,
  NOW,
  newContext,
  newEntry,
  newFramework,
  newLedger,
  newTaskInfo,
  puts,
  scalar,
  withOffer,
  wordsOf,
} from './calls/world.ts'

const payer = { frameworkId: 'f', role: 'dev' }

describe('a ledger', () => {
  test('S18: what is charged is released to the last part, and leaves no trace', () => {
    const charged = charge(newLedger(), payer, allocate(cpusMem(1, 10), 'dev'))
    expect(quantities(chargedTo(charged, payer))).toEqual({ cpus: 1000, mem: 10_000 })
    expect(release(charged, payer, cpusMem(1, 10)).sums).toEqual({})
    expect(release(charged, payer, cpusMem(0.4, 10)).sums).toEqual({ f: { dev: [scalar('cpus', 0.6)] } })
  })

  test('only a bug can charge what is not free, or release what is not charged', () => {
    expect(() => charge(newLedger(), payer, cpusMem(5, 1))).toThrow(/more is charged/)
    expect(() => release(newLedger(), payer, cpusMem(1, 1))).toThrow(/more is released/)
    const charged = charge(newLedger(), payer, cpusMem(1, 1))
    expect(() => release(charged, { ...payer, role: 'ops' }, cpusMem(1, 1))).toThrow()
  })

  test('offers, also void ones, count until they are dropped', () => {
    const { ledger, offerId } = withOffer(newLedger(), newFramework(), {
      resources: allocate(cpusMem(3, 4096), 'dev'),
    })
    expect(quantities(free(ledger)).cpus).toBe(1000)
    expect(quantities(free(ledger, () => true)).cpus).toBe(4000)
    expect(quantities(free(withoutOffers(ledger, [offerId]))).cpus).toBe(4000)
    expect(
      withoutHold({ ...ledger, holds: { a: { ...payer, resources: [], expiresAt: 0 } } }, 'a').holds,
    ).toEqual({})
  })

  test('a checker sees when more is used than there is', () => {
    const { ledger } = withOffer(newLedger(), newFramework(), { resources: cpusMem(9, 1) })
    expect(unsound(ledger)).toMatch(/more is used/)
    expect(unsound(newLedger())).toBeUndefined()
  })
})

describe('offer ids (R14)', () => {
  test('carry their agent', () => {
    const id = newOfferId(`${CLUSTER}-Sabc`, { newId: () => 'xyz' })
    expect(id).toBe(`${CLUSTER}-Oabc.xyz`)
    expect(agentOf(id)).toBe(`${CLUSTER}-Sabc`)
    expect(agentOf(newOfferId('6f1b-O2-Sabc', { newId: () => 'x' }))).toBe('6f1b-O2-Sabc')
  })

  test.each([
    '',
    'nope',
    `${CLUSTER}-S1`,
    `${CLUSTER}-O1`,
    `${CLUSTER}-O1.`,
    'a/b-O1.x',
    `${'x'.repeat(500)}-O1.x`,
    'c-O1.x\n',
  ])('A2: %j is none', (id) => expect(agentOf(id)).toBeUndefined())

  test('an agent id that was not made here is a bug', () => {
    expect(() => newOfferId('agent', { newId: () => 'x' })).toThrow()
  })

  test('an offer stands in its session, role and time only', () => {
    const framework = newFramework()
    const offer = {
      frameworkId: framework.frameworkId,
      role: 'dev',
      epoch: EPOCH,
      resources: [],
      expiresAt: NOW + 1,
    }
    expect(stands(offer, framework, NOW)).toBe(true)
    for (const other of [{ expiresAt: NOW }, { epoch: EPOCH - 1 }, { frameworkId: 'x' }, { role: 'left' }]) {
      expect(stands({ ...offer, ...other }, framework, NOW)).toBe(false)
    }
  })
})

// One agent, two frameworks, and everything that may happen to its ledger in any order.
type Act =
  | { readonly act: 'offer'; readonly who: number; readonly cpus: number }
  | { readonly act: 'accept'; readonly who: number; readonly pick: number; readonly cpus: readonly number[] }
  | { readonly act: 'large'; readonly who: number; readonly pick: number; readonly pieces: number }
  | { readonly act: 'decline'; readonly who: number; readonly pick: number }
  | { readonly act: 'end'; readonly pick: number }
  | { readonly act: 'expire' }
  | { readonly act: 'takeover'; readonly who: number }
  | { readonly act: 'remove'; readonly who: number }

const who = fc.constantFrom(0, 1)
const pick = fc.nat(20)
const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ act: fc.constant('offer' as const), who, cpus: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('accept' as const),
      who,
      pick,
      cpus: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('large' as const), who, pick, pieces: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('decline' as const), who, pick }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('end' as const), pick }) },
  { weight: 1, arbitrary: fc.constant({ act: 'expire' as const }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('takeover' as const), who }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('remove' as const), who }) },
)

class Agent {
  ledger: Ledger = newLedger({ total: cpusMem(8, 8192) })
  frameworks: Framework[] = [0, 1].map((i) => newFramework({ frameworkId: `${CLUSTER}-F${i}` }))
  readonly runs = new Map<string, Run>()
  readonly offered: string[] = []
  readonly usedOffers = new Set<string>()
  now = NOW
  count = 0

  framework(index: number): Framework {
    const found = this.frameworks[index]
    if (found === undefined) throw new Error('no framework')
    return found
  }

  commit(decision: { readonly changes: readonly unknown[] } & Parameters<typeof puts>[0]): void {
    expectCommittable(decision)
    for (const run of puts(decision, 'run')) this.runs.set(`${run.frameworkId}/${run.taskId}`, run)
    const [ledger] = puts(decision, 'ledger')
    if (ledger !== undefined) this.ledger = { ...ledger, version: ledger.version + 1 }
  }

  run(act: Act): void {
    const context = { ...newContext(this.now), newId: () => `x${this.count++}` }
    const offerId = 'pick' in act ? this.offered[act.pick % Math.max(1, this.offered.length)] : undefined
    switch (act.act) {
      case 'offer': {
        const resources = cpusMem(act.cpus, act.cpus)
        if ((quantities(free(this.ledger)).cpus ?? 0) < act.cpus * 1000) return
        const made = withOffer(this.ledger, this.framework(act.who), {
          id: newOfferId(AGENT, context),
          resources,
          expiresAt: this.now + 10,
        })
        this.ledger = made.ledger
        this.offered.push(made.offerId)
        return
      }
      case 'accept': {
        const tasks = act.cpus.map((cpus) => newTaskInfo(`t${this.count++}`, { resources: cpusMem(cpus, 1) }))
        const decision = accept(
          loadedFor(this.framework(act.who), this.ledger),
          acceptOf([offerId ?? 'none'], launch(...tasks)),
          context,
        )
        this.onUse(offerId, puts(decision, 'run').length)
        expect(puts(decision, 'run').length + wordsOf(decision).length).toBe(tasks.length)
        this.commit(decision)
        return
      }
      case 'large':
        this.large(act, offerId, context)
        return
      case 'decline':
        this.commit(
          decline(
            { framework: this.framework(act.who), ledgers: [this.ledger] },
            { offer_ids: [{ value: offerId ?? '' }] },
            context,
          ),
        )
        return
      case 'end': {
        const [key, run] = [...this.runs][act.pick % Math.max(1, this.runs.size)] ?? []
        if (key === undefined || run === undefined) return
        this.ledger = release(this.ledger, run, run.charged)
        this.runs.delete(key)
        return
      }
      case 'expire':
        this.now += 11
        this.ledger = withoutOffers(
          this.ledger,
          Object.entries(this.ledger.offers).flatMap(([id, offer]) =>
            offer.expiresAt <= this.now ? [id] : [],
          ),
        )
        return
      case 'takeover':
        this.frameworks[act.who] = { ...this.framework(act.who), epoch: this.framework(act.who).epoch + 1 }
        return
      case 'remove': {
        const framework: Framework = { ...this.framework(act.who), state: 'removed' }
        this.commit(endTasks({ framework, ledger: this.ledger, tasks: [], runs: [], executors: [] }, context))
      }
    }
  }

  /** Hold and as many pieces as come before the worker dies. */
  large(
    act: Extract<Act, { act: 'large' }>,
    offerId: string | undefined,
    context: ReturnType<typeof newContext>,
  ): void {
    const framework = this.framework(act.who)
    const tasks = Array.from({ length: 100 }, () =>
      newTaskInfo(`l${this.count++}`, { resources: cpusMem(0.01, 0.01) }),
    )
    const call = acceptOf([offerId ?? 'none'], launch(...tasks))
    const held = hold(loadedFor(framework, this.ledger), call, context)
    this.commit(held)
    if (held.answer.kind !== 'held') return
    this.onUse(offerId, 1)
    const item = puts(held, 'hold')[0]
    for (let index = 0; index < act.pieces; index++) {
      const loaded = {
        framework,
        ledger: this.ledger,
        hold: item,
        agents: [newEntry()],
        tasks: [],
        executors: [],
      }
      this.commit(piece(loaded, call, index, context))
    }
  }

  /** S2: an offer that launched something never launches anything again. */
  onUse(offerId: string | undefined, launched: number): void {
    if (offerId === undefined || launched === 0) return
    expect(this.usedOffers.has(offerId)).toBe(false)
    this.usedOffers.add(offerId)
  }
}

test('S1, S2, F65: whatever happens in whatever order, the ledger balances and no offer is used twice', () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 40 }), (history) => {
      const agent = new Agent()
      for (const act of history) {
        agent.run(act)
        expect(unsound(agent.ledger)).toBeUndefined()
        expect(equal(add(used(agent.ledger), free(agent.ledger)), agent.ledger.total)).toBe(true)
        const charged = Object.values(agent.ledger.sums).flatMap((roles) => Object.values(roles))
        expect(equal(add(...charged), add(...[...agent.runs.values()].map((run) => run.charged)))).toBe(true)
      }
    }),
    { numRuns: 150 },
  )
})

test('the generator does reach launches, holds and repeated uses (checked apart from the property)', () => {
  const seen = { launched: 0, held: 0, refused: 0 }
  for (const history of fc.sample(fc.array(acts, { minLength: 20, maxLength: 40 }), {
    numRuns: 60,
    seed: 1,
  })) {
    const agent = new Agent()
    for (const act of history) agent.run(act)
    seen.launched += agent.usedOffers.size
    seen.held += Object.keys(agent.ledger.holds).length
    seen.refused += agent.ledger.refusals.length
  }
  expect(Math.min(seen.launched, seen.held, seen.refused)).toBeGreaterThan(5)
})
