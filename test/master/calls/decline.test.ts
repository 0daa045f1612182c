// DECLINE, REVIVE, SUPPRESS and the filters they set and lift.
import { describe, expect, test } from 'vitest'
import { decline } from '../../../master/calls/decline.ts'
import { revive } from '../../../master/calls/revive.ts'
import { suppress } from '../../../master/calls/suppress.ts'
import { refuse, refuseMs } from '../../../master/filters.ts'
import { MAX_REFUSALS } from '../../../master/limits.ts'
import { firstOf } from '../../../protocol/numbering.ts'
import {
  CLUSTER,
  cpusMem,
  ledgerOf,
  NOW,
  newContext,
  newFramework,
  newLedger,
  puts,
  touched,
  withOffer,
} from './world.ts'

const framework = newFramework()
const declineOf = (id: string, refuse_seconds?: number) => ({
  offer_ids: [{ value: id }],
  ...(refuse_seconds === undefined ? {} : { filters: { refuse_seconds } }),
})

describe('refuse_seconds', () => {
  test.each([
    [undefined, 5_000],
    [60, 60_000],
    [0, 0],
    [0.2, 1_000],
    [-1, 5_000],
    [1e300, 5_000],
    [Number.NaN, 5_000],
    [400 * 24 * 3600, 365 * 24 * 3_600_000],
  ])('C65, C66: %s counts as %s ms', (refuse_seconds, ms) => expect(refuseMs({ refuse_seconds })).toBe(ms))
})

describe('DECLINE', () => {
  const { ledger, offerId } = withOffer(newLedger(), framework)

  test('C64: ends the offer and refuses what it held, in one write', () => {
    const decision = decline({ framework, ledgers: [ledger] }, declineOf(offerId, 60), newContext())
    expect(touched(decision)).toEqual(['put ledger'])
    expect(ledgerOf(decision)).toMatchObject({ offers: {}, refusals: [{ role: 'dev', until: NOW + 60_000 }] })
    // Another framework may want it at once.
    expect(decision.tell).toEqual([{ tell: 'allocator' }])
  })

  test('C65: with 0 nothing is refused and the allocator is told', () => {
    const decision = decline({ framework, ledgers: [ledger] }, declineOf(offerId, 0), newContext())
    expect(ledgerOf(decision).refusals).toEqual([])
    expect(decision.tell).toEqual([{ tell: 'allocator' }])
  })

  test.each(['unknown', `${CLUSTER}-O1.nope`])('an id that is no offer (%s) is passed over', (id) => {
    expect(decline({ framework, ledgers: [ledger] }, declineOf(id), newContext()).changes).toEqual([])
  })

  test('C70, A2: an offer of another framework is not touched', () => {
    const other = newFramework({ frameworkId: `${CLUSTER}-F2` })
    const decision = decline({ framework: other, ledgers: [ledger] }, declineOf(offerId), newContext())
    expect(decision.changes).toEqual([])
  })

  test('a void offer goes without a filter', () => {
    const newer = newFramework({ epoch: framework.epoch + 1 })
    const decision = decline({ framework: newer, ledgers: [ledger] }, declineOf(offerId), newContext())
    expect(ledgerOf(decision)).toMatchObject({ offers: {}, refusals: [] })
  })

  test('revive-one-role: the refusal carries the filter epoch that was read', () => {
    const revived = newFramework({ filterEpochs: { dev: 42 } })
    const offered = withOffer(newLedger(), revived)
    const decision = decline(
      { framework: revived, ledgers: [offered.ledger] },
      declineOf(offered.offerId),
      newContext(),
    )
    expect(ledgerOf(decision).refusals[0]?.filterEpoch).toBe(42)
  })
})

describe('refusals on a ledger', () => {
  const at = (now: number, ms: number) => ({ ms, now })
  const amount = (cpus: number) => ({ framework, role: 'dev', resources: cpusMem(cpus, 1) })

  test('a longer one of more takes the place of a shorter one of less', () => {
    const one = refuse(newLedger(), amount(1), at(NOW, 5000))
    expect(refuse(one, amount(2), at(NOW, 6000)).refusals).toHaveLength(1)
    expect(refuse(one, amount(2), at(NOW, 4000)).refusals).toHaveLength(2)
  })

  test('those that ended give way, and above 64 the one that ends first (R1)', () => {
    let ledger = newLedger()
    for (let i = 0; i < MAX_REFUSALS + 5; i++) {
      const other = newFramework({ frameworkId: `${CLUSTER}-F${i}` })
      ledger = refuse(ledger, { framework: other, role: 'dev', resources: cpusMem(1, 1) }, at(NOW, 5000 + i))
    }
    expect(ledger.refusals).toHaveLength(MAX_REFUSALS)
    expect(ledger.refusals[0]?.until).toBe(NOW + 5005)
    expect(refuse(ledger, amount(1), at(NOW + 3_600_000, 5000)).refusals).toHaveLength(1)
  })
})

describe('REVIVE and SUPPRESS', () => {
  test('C67: REVIVE raises the filter epochs of its roles and un-suppresses them', () => {
    const before = newFramework({ suppressedRoles: ['dev', 'ops'], filterEpochs: { ops: firstOf(1) + 9 } })
    const decision = revive({ framework: before }, { roles: ['dev'] }, newContext())
    expect(puts(decision, 'framework')[0]).toMatchObject({
      suppressedRoles: ['ops'],
      filterEpochs: { dev: firstOf(1) + 1, ops: firstOf(1) + 9 },
      epoch: before.epoch,
    })
    expect(decision.tell).toEqual([{ tell: 'allocator' }])
    expect(decision.changes[0]).toMatchObject({ do: 'put', when: { name: 'unchanged' } })
  })

  test('without roles it means all of them', () => {
    const before = newFramework({ suppressedRoles: ['dev', 'ops'] })
    expect(puts(revive({ framework: before }, {}, newContext()), 'framework')[0]?.suppressedRoles).toEqual([])
    expect(puts(suppress({ framework }, {}), 'framework')[0]?.suppressedRoles).toEqual(['dev', 'ops'])
  })

  test('C69: one foreign or invalid role makes the whole call silent', () => {
    for (const roles of [['dev', 'zz'], ['/']]) {
      expect(revive({ framework }, { roles }, newContext())).toEqual({
        changes: [],
        tell: [],
        answer: { status: 202 },
      })
      expect(suppress({ framework }, { roles })).toEqual({ changes: [], tell: [], answer: { status: 202 } })
    }
  })

  test('C68: SUPPRESS writes the framework only; twice it writes nothing', () => {
    const decision = suppress({ framework }, { roles: ['dev', 'dev'] })
    expect(touched(decision)).toEqual(['put framework'])
    const [after] = puts(decision, 'framework')
    expect(after?.suppressedRoles).toEqual(['dev'])
    expect(suppress({ framework: after ?? framework }, { roles: ['dev'] }).changes).toEqual([])
  })
})
