// SUBSCRIBE and UPDATE_FRAMEWORK: what is refused, what is replaced, what stays.
import { describe, expect, test } from 'vitest'
import { admit } from '../../../master/calls/admit.ts'
import { type SubscribeContext, subscribe } from '../../../master/calls/subscribe.ts'
import { teardown } from '../../../master/calls/teardown.ts'
import { updateFramework, withdrawOffers } from '../../../master/calls/update-framework.ts'
import type { Framework } from '../../../master/model.ts'
import type { FrameworkInfo, SchedulerCallSubscribe } from '../../../protocol/messages.ts'
import { firstOf } from '../../../protocol/numbering.ts'
import {
  bodiesOf,
  CLUSTER,
  cpusMem,
  ledgerOf,
  NOW,
  newContext,
  newFramework,
  newLedger,
  puts,
  withOffer,
} from './world.ts'

const context = (principal?: string): SubscribeContext => ({
  ...newContext(),
  streamId: 'stream-2',
  principal,
})
const info: FrameworkInfo = {
  user: 'root',
  name: 'n',
  roles: ['a', 'b'],
  capabilities: [{ type: 'MULTI_ROLE' }],
}
const roleless: FrameworkInfo = { user: 'root', name: 'n' }
const decide = (call: SchedulerCallSubscribe, framework?: Framework, principal?: string) =>
  subscribe({ framework }, call, context(principal))
const frameworkOf = (...args: Parameters<typeof decide>): Framework => {
  const { answer } = decide(...args)
  if (answer.kind === 'error') throw new Error(answer.message)
  return answer.framework
}

describe('SUBSCRIBE is refused with one ERROR and no change', () => {
  const constraint = (role: string, predicate: object) => ({
    role_constraints: {
      [role]: { groups: [{ attribute_constraints: [{ selector: { attribute_name: 'x' }, predicate }] }] },
    },
  })
  test.each<[string, SchedulerCallSubscribe]>([
    ['C40: role with MULTI_ROLE', { framework_info: { ...info, role: 'a' } }],
    ['C41: roles without MULTI_ROLE', { framework_info: { ...roleless, roles: ['a'] } }],
    ['C41: duplicate roles', { framework_info: { ...info, roles: ['a', 'a'] } }],
    ['C41: invalid role', { framework_info: { ...info, roles: ['a b'] } }],
    ['C41: invalid single role', { framework_info: { ...roleless, role: '-x' } }],
    ['C41: empty role', { framework_info: { ...roleless, role: '' } }],
    ['invalid id', { framework_info: { ...info, id: { value: 'a/b' } } }],
    [
      'empty quantities',
      {
        framework_info: {
          ...info,
          offer_filters: { a: { min_allocatable_resources: { quantities: [{}] } } },
        },
      },
    ],
    ...[-1, Number.NaN, Number.POSITIVE_INFINITY, 1e-310].map((value): [string, SchedulerCallSubscribe] => [
      `quantity ${value}`,
      {
        framework_info: {
          ...info,
          offer_filters: {
            a: { min_allocatable_resources: { quantities: [{ quantities: { cpus: { value } } }] } },
          },
        },
      },
    ]),
    ['failover_timeout 1e300', { framework_info: { ...info, failover_timeout: 1e300 } }],
    ['C42: suppressed role outside the roles', { framework_info: info, suppressed_roles: ['zz'] }],
    [
      'constraints for a role outside the roles',
      { framework_info: info, offer_constraints: constraint('zz', { exists: {} }) },
    ],
    ['constraints without predicate', { framework_info: info, offer_constraints: constraint('a', {}) }],
    [
      'regular expressions',
      { framework_info: info, offer_constraints: constraint('a', { text_matches: { regex: '(' } }) },
    ],
    [
      'constraints without a group',
      { framework_info: info, offer_constraints: { role_constraints: { a: {} } } },
    ],
  ])('%s', (_, call) => {
    const decision = decide(call)
    expect(decision.answer).toMatchObject({ kind: 'error', message: expect.any(String) })
    expect(decision.changes).toEqual([])
  })

  test('C49: the id of a removed framework, in the words clients compare', () => {
    const removed = newFramework({ state: 'removed' })
    expect(
      decide({ framework_info: { ...info, id: { value: removed.frameworkId } } }, removed).answer,
    ).toEqual({
      kind: 'error',
      message: 'Framework has been removed',
    })
  })

  test('C46, A3: another principal', () => {
    const owned = newFramework({ principal: 'alice', info: { principal: 'alice' } })
    const call = { framework_info: { ...info, id: { value: owned.frameworkId } } }
    expect(decide(call, owned, 'bob').answer.kind).toBe('error')
    expect(decide(call, owned).answer.kind).toBe('error')
    expect(decide(call, owned, 'alice').answer.kind).toBe('subscribed')
  })

  test('the order of checks: a removed id is said before a bad suppressed role', () => {
    const removed = newFramework({ state: 'removed' })
    const call = { framework_info: { ...info, id: { value: removed.frameworkId } }, suppressed_roles: ['zz'] }
    expect(decide(call, removed).answer).toMatchObject({ message: 'Framework has been removed' })
  })
})

describe('SUBSCRIBE of a new framework', () => {
  test('C33: gets an id, an epoch, gates to raise', () => {
    const decision = decide({ framework_info: { ...info, id: { value: '' } }, suppressed_roles: ['b', 'b'] })
    expect(puts(decision, 'framework')[0]).toMatchObject({
      version: 0,
      frameworkId: `${CLUSTER}-id0`,
      info: { id: { value: `${CLUSTER}-id0` } },
      epoch: firstOf(1) + 1,
      streamId: 'stream-2',
      state: 'connected',
      openWork: 'gates',
      suppressedRoles: ['b'],
      registeredAt: NOW,
    })
    expect(decision.answer).toMatchObject({ kind: 'subscribed', tookOver: false })
  })

  test('C48: a well-formed id nobody knows is adopted', () => {
    expect(frameworkOf({ framework_info: { ...info, id: { value: 'my-own' } } }).frameworkId).toBe('my-own')
  })

  test('MULTI_ROLE without roles, a negative failover_timeout, unknown capabilities are fine', () => {
    const odd = {
      ...info,
      roles: [],
      failover_timeout: -1,
      capabilities: [{ type: 'MULTI_ROLE' as const }, {}],
    }
    expect(frameworkOf({ framework_info: odd }).suppressedRoles).toEqual([])
  })

  test('an absent principal is filled with the authenticated one', () => {
    expect(frameworkOf({ framework_info: info }, undefined, 'alice')).toMatchObject({
      principal: 'alice',
      info: { principal: 'alice' },
    })
  })
})

describe('SUBSCRIBE of a known framework', () => {
  const existing = newFramework({
    info: { user: 'first', checkpoint: true, roles: ['a', 'c'] },
    suppressedRoles: ['a'],
    filterEpochs: { a: firstOf(1) + 4, c: firstOf(1) + 4 },
    disconnectedAt: NOW - 1,
    removeAt: NOW + 1,
    registeredAt: 7,
  })
  const call = {
    framework_info: { ...info, id: { value: existing.frameworkId }, name: 'renamed', failover_timeout: 9 },
  }
  const after = frameworkOf(call, existing)

  test('C47, F54: user and checkpoint stay, all else is new', () => {
    expect(after.info).toMatchObject({
      user: 'first',
      checkpoint: true,
      name: 'renamed',
      failover_timeout: 9,
      roles: ['a', 'b'],
    })
    expect(after).toMatchObject({ registeredAt: 7, reregisteredAt: NOW, version: existing.version })
  })

  test('C43, C45: a higher epoch, another stream id; the old session is told to have been taken over', () => {
    expect(after.epoch).toBe(existing.epoch + 1)
    expect(after.streamId).toBe('stream-2')
    expect(decide(call, existing).answer).toMatchObject({ tookOver: true })
    expect(decide(call, { ...existing, state: 'disconnected' }).answer).toMatchObject({ tookOver: false })
  })

  test('C53: the timer of an earlier disconnect is gone', () => {
    expect(after.removeAt).toBeUndefined()
    expect(after.disconnectedAt).toBeUndefined()
  })

  test('a takeover keeps filters, but those of roles un-suppressed or joined are lifted', () => {
    expect(after.filterEpochs).toEqual({ a: firstOf(1) + 5, b: firstOf(1) + 1, c: firstOf(1) + 4 })
    expect(after.suppressedRoles).toEqual([])
  })

  test('restore-turns-numbers-back: in a later timeline the epoch begins above everything before', () => {
    const later = { ...context(), cluster: { id: CLUSTER, timeline: 2 } }
    const { answer } = subscribe({ framework: existing }, call, later)
    expect(answer.kind === 'subscribed' && answer.framework.epoch).toBe(firstOf(2) + 1)
  })
})

describe('UPDATE_FRAMEWORK', () => {
  const framework = newFramework({ suppressedRoles: ['dev'], info: { checkpoint: true } })
  const update = (change: Partial<FrameworkInfo>, more = {}, principal?: string) =>
    updateFramework(
      { framework },
      { framework_info: { ...framework.info, ...change }, suppressed_roles: ['dev'], ...more },
      { ...newContext(), principal },
    )

  test('C108: applied is 200; the epoch stays, so offers and session do', () => {
    const decision = update({ name: 'new' })
    expect(decision.answer).toEqual({ status: 200, droppedRoles: [] })
    expect(puts(decision, 'framework')[0]).toMatchObject({
      info: { name: 'new' },
      epoch: framework.epoch,
      streamId: framework.streamId,
    })
  })

  test('nothing different is 200 and no write', () => {
    expect(update({})).toEqual({ changes: [], tell: [], answer: { status: 200, droppedRoles: [] } })
  })

  test.each<[string, Partial<FrameworkInfo>, object?]>([
    ['C108: another user', { user: 'other' }],
    ['another checkpoint', { checkpoint: undefined }],
    ['another principal', { principal: 'bob' }],
    ['duplicate roles', { roles: ['dev', 'dev'] }],
    ['a suppressed role outside', {}, { suppressed_roles: ['zz'] }],
    ['bad constraints', {}, { offer_constraints: { role_constraints: { zz: {} } } }],
  ])('%s is 400 and changes nothing', (_, change, more = {}) => {
    const decision = update(change, more)
    expect(decision.answer).toMatchObject({ status: 400, text: expect.any(String) })
    expect(decision.changes).toEqual([])
  })

  test('C108: an omitted suppressed_roles un-suppresses and lifts the filters of those roles', () => {
    const [after] = puts(update({}, { suppressed_roles: undefined }), 'framework')
    expect(after).toMatchObject({ suppressedRoles: [], filterEpochs: { dev: firstOf(1) + 1 } })
  })

  test('offers of a dropped role are withdrawn, ledger by ledger, with RESCIND', () => {
    const dropped = update({ roles: ['dev'] })
    expect(dropped.answer.droppedRoles).toEqual(['ops'])
    const kept = withOffer(newLedger(), framework, { resources: cpusMem(1, 1) })
    const both = withOffer(kept.ledger, framework, { role: 'ops', resources: cpusMem(1, 1) })
    const decision = withdrawOffers({ framework, ledger: both.ledger }, ['ops'], newContext())
    expect(Object.keys(ledgerOf(decision).offers)).toEqual([kept.offerId])
    expect(bodiesOf(decision)).toEqual([{ kind: 'withdrawn', offerId: both.offerId, epoch: framework.epoch }])
    expect(withdrawOffers({ framework, ledger: kept.ledger }, ['ops'], newContext()).changes).toEqual([])
  })
})

describe('admission', () => {
  const connected = newFramework({ principal: 'alice' })
  const away = newFramework({ state: 'disconnected' })
  test.each([
    ['C54: unknown, with no stream id', undefined, {}, 400, 'Framework cannot be found'],
    [
      'removed',
      newFramework({ state: 'removed' }),
      { streamId: 'stream-1' },
      400,
      'Framework cannot be found',
    ],
    [
      'A1, A25: of another principal',
      connected,
      { principal: 'bob', streamId: 'stream-1' },
      400,
      'Framework cannot be found',
    ],
    [
      'C55: disconnected, with a wrong stream id',
      away,
      { streamId: 'wrong' },
      403,
      'Framework is not subscribed',
    ],
    ['C50: disconnected, with none', away, {}, 403, 'Framework is not subscribed'],
    ['C54: without stream id', connected, { principal: 'alice' }, 400, undefined],
    ['C44: with an old stream id', connected, { principal: 'alice', streamId: 'old' }, 400, undefined],
  ] as const)('%s', (_, framework, caller, status, text) => {
    expect(admit(framework, caller)).toMatchObject({ status, text: text ?? expect.any(String) })
  })

  test('the present session is admitted', () => {
    expect(admit(connected, { principal: 'alice', streamId: 'stream-1' })).toBe('admitted')
    expect(admit(connected, { streamId: 'stream-1' })).toBe('admitted')
  })
})

test('C106: TEARDOWN is the fact of removal, once; a repeat is 202 too', () => {
  const decision = teardown({ framework: newFramework() }, newContext())
  expect(decision.answer).toEqual({ status: 202 })
  const [removed] = puts(decision, 'framework')
  expect(removed).toMatchObject({ state: 'removed', openWork: 'removal', removedAt: NOW })
  expect(teardown({ framework: removed ?? newFramework() }, newContext())).toMatchObject({
    changes: [],
    answer: { status: 202 },
  })
})
