// S1, S2, S18: 64 frameworks' hands at once, three allocators, and a table that answers in any order.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocate } from '../../../functions/allocator/handler.ts'
import { lookOf, scopeOf } from '../../../functions/allocator/scope.ts'
import type { Environment } from '../../../functions/environment.ts'
import { transact } from '../../../functions/transact.ts'
import { charge, release, unsound, used, withoutOffers } from '../../../master/accounting.ts'
import { type Decision, nothing } from '../../../master/decision.ts'
import type { Ledger, Resources } from '../../../master/model.ts'
import { add, contains, equal, isEmpty, quantities } from '../../../protocol/resources.ts'
import { agent, cpusMem, framework, ports } from '../../master/allocator/world.ts'
import { place } from './place.ts'
import { numbers, shaken, turnOfLoop } from './shaking.ts'

const TOTAL: Resources = [...cpusMem(4, 4096), ports(31000, 31063)]
const AGENTS = ['cluster-Sa', 'cluster-Sb', 'cluster-Sc']
const FRAMEWORKS = ['f', 'g', 'h']

describe('S1 F65: nothing is given twice', () => {
  test('under 64 concurrent accepts, declines and ends, with three allocators', {
    timeout: 60_000,
  }, async () => {
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const next = numbers(seed)
        const seen: Ledger[] = []
        const there = place((store) => shaken(store, next, seen))
        await there.put(...AGENTS.map((id) => agent(id, TOTAL)), ...FRAMEWORKS.map((id) => framework(id)))

        const done: (Change & { readonly agentId: string; readonly frameworkId: string })[] = []
        const hands = Array.from({ length: 64 }, async (_, hand) => {
          for (let step = 0; step < 25; step++) {
            for (let left = next(12); left > 0; left--) await turnOfLoop()
            const agentId = AGENTS[next(AGENTS.length)] ?? ''
            const frameworkId = FRAMEWORKS[hand % FRAMEWORKS.length] ?? ''
            const doWhat = [accept, decline, finish][next(3)] ?? accept
            const change = await onLedger(there.env, agentId, (ledger) =>
              doWhat(ledger, { frameworkId, size: 1 + next(3), now: there.clock.now() }),
            )
            if (change !== undefined) done.push({ agentId, frameworkId, ...change })
          }
        })
        const allocators = Array.from({ length: 3 }, async () => {
          const own = { ...there.env }
          for (let step = 0; step < 20; step++) {
            await allocate(own, scopeOf([{ body: anyScope(next) }]))
            there.clock.time += 300
          }
        })
        await Promise.all([...hands, ...allocators])

        for (const ledger of [...seen, ...(await Promise.all(AGENTS.map((id) => there.ledger(id))))]) {
          expect(unsound(ledger)).toBeUndefined()
          // No part of one offer is in another: their sum, ports included, is in the total.
          const offered = add(...Object.values(ledger.offers).map(({ resources }) => resources))
          expect(contains(TOTAL, add(offered, used({ ...ledger, offers: {} })))).toBe(true)
        }
        // Outside the table it was noted what each hand did: no offer was used twice (S2), no charge was lost (S18).
        const usedOffers = done.flatMap(({ offerId }) => offerId ?? [])
        expect(new Set(usedOffers).size).toBe(usedOffers.length)
        for (const agentId of AGENTS) {
          const { sums } = await there.ledger(agentId)
          for (const frameworkId of FRAMEWORKS) {
            const own = done.filter((each) => each.agentId === agentId && each.frameworkId === frameworkId)
            const charged = sum(own.map((each) => thousandths(each.charged ?? [])))
            const released = sum(own.map((each) => thousandths(each.released ?? [])))
            expect(charged - released).toBe(thousandths(sums[frameworkId]?.['*'] ?? []))
          }
        }
        accepted += done.filter(({ charged }) => charged !== undefined).length

        // When all is over and everything is given back, all of it is there to be offered again (S18).
        for (const agentId of AGENTS) {
          await onLedger(there.env, agentId, (ledger) => ({
            ledger: { ...ledger, sums: {}, refusals: [] },
          }))
        }
        there.clock.time += there.env.settings.offerTimeoutMs
        await allocate(there.env)
        for (const agentId of AGENTS) expect(equal(used(await there.ledger(agentId)), TOTAL)).toBe(true)
      }),
      { numRuns: 8 },
    )
    // The hands do get at offers.
    expect(accepted).toBeGreaterThan(8 * 5)
  })
})

/** Everything, an agent by its name, or a part of them. */
function anyScope(next: (below: number) => number): string {
  const bodies = ['{}', JSON.stringify({ agents: [AGENTS[next(AGENTS.length)]] }), lookOf(next(3), 3)]
  return bodies[next(bodies.length)] ?? '{}'
}

interface Hand {
  readonly frameworkId: string
  readonly size: number
  readonly now: number
}

/** What a hand did to a ledger. */
interface Change {
  readonly offerId?: string
  readonly charged?: Resources
  readonly released?: Resources
}

type Changed = Change & { readonly ledger: Ledger }

/** Uses up the first own offer: some of it is charged, the rest comes back. */
function accept(ledger: Ledger, { frameworkId, size }: Hand): Changed | undefined {
  const offer = Object.entries(ledger.offers).find(([, each]) => each.frameworkId === frameworkId)
  if (offer === undefined) return undefined
  const [offerId, { resources, role }] = offer
  const wanted = [...cpusMem(size * 0.1, size * 100), ...portsOf(resources, size)]
  const charged = contains(resources, wanted) ? wanted : resources
  return {
    offerId,
    charged,
    ledger: charge(withoutOffers(ledger, [offerId]), { frameworkId, role }, charged),
  }
}

function decline(ledger: Ledger, { frameworkId, size, now }: Hand): Changed | undefined {
  const offer = Object.entries(ledger.offers).find(([, each]) => each.frameworkId === frameworkId)
  if (offer === undefined) return undefined
  const [offerId, { resources, role }] = offer
  const refusal = { frameworkId, role, resources, until: now + size * 500, filterEpoch: 0 }
  const refusals = [...ledger.refusals, refusal]
  return { offerId, ledger: { ...withoutOffers(ledger, [offerId]), refusals } }
}

/** A task ends: all that the framework is charged comes back. */
function finish(ledger: Ledger, { frameworkId }: Hand): Changed | undefined {
  const released = ledger.sums[frameworkId]?.['*'] ?? []
  if (isEmpty(released)) return undefined
  return { released, ledger: release(ledger, { frameworkId, role: '*' }, released) }
}

/** One number for amounts that only differ in how much there is. */
function thousandths(resources: Resources): number {
  return sum(Object.values(quantities(resources)))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function portsOf(resources: Resources, count: number): Resources {
  const first = resources.find(({ name }) => name === 'ports')?.ranges?.range?.[0]
  return first === undefined
    ? []
    : [ports(Number(first.begin), Math.min(Number(first.begin) + count - 1, Number(first.end)))]
}

function onLedger(
  env: Environment,
  agentId: string,
  change: (ledger: Ledger) => Changed | undefined,
): Promise<Change | undefined> {
  return transact(env, {
    name: 'hand',
    load: () => env.store.get('ledger', { agentId }),
    decide(loaded): Decision<Change | undefined> {
      const changed = loaded === undefined ? undefined : change(loaded)
      if (changed === undefined) return nothing(undefined)
      const { ledger: item, ...answer } = changed
      return { changes: [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }], tell: [], answer }
    },
  })
}
