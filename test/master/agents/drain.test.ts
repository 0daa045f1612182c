// Draining as a pure decision: every life an agent can have, what its list then says, and when it is over.
import { describe, expect, test } from 'vitest'
import { deactivate, reactivate } from '../../../master/agents/deactivate.ts'
import { drainAgent, drained, drainFor, isEmptied, underDrain } from '../../../master/agents/drain.ts'
import { checkOffers } from '../../../master/calls/accept-offers.ts'
import type { Drain, Ledger } from '../../../master/model.ts'
import { tellChanges } from '../../../master/nudges.ts'
import { agentMessage } from '../../../master/operator/answers.ts'
import { durationInfo } from '../../../protocol/durations.ts'
import {
  AGENT,
  acceptOf,
  ledgerOf,
  loadedFor,
  NOW,
  newContext,
  newEntry,
  newFramework,
  newLedger,
  newRun,
  newTaskInfo,
  puts,
  withOffer,
} from '../calls/world.ts'

const entry = newEntry({ capabilities: [{ type: 'AGENT_DRAINING' }] })
const frameworks = new Map([[newFramework().frameworkId, newFramework()]])
const order = { maxGraceMs: 2_000, markGone: false }
const draining: Drain = { state: 'DRAINING', ...order, since: NOW - 1_000, asked: 1 }

function drainOf(ledger: Ledger | undefined, given = order) {
  return drainAgent({ ledger, entry, frameworks }, given, newContext())
}

describe('DRAIN_AGENT (C.12)', () => {
  const loss = { kind: 'loss', lossNumber: 1, why: 'gone', at: NOW } as const
  test.each<[string, Partial<Ledger> | undefined, string, boolean]>([
    ['unknown', undefined, 'unknown agent', false],
    ['active', {}, 'draining', true],
    ['returning', { life: 'returning' }, 'draining', true],
    ['unreachable', { life: 'unreachable' }, 'draining', true],
    ['unregistered', { life: 'removed' }, 'unknown agent', false],
    ['gone', { life: 'gone' }, 'unknown agent', false],
    ['being marked gone', { life: 'gone', openWork: loss }, 'being marked gone', false],
    ['deactivated', { deactivated: true }, 'draining', true],
    ['draining alike', { deactivated: true, drain: draining }, 'draining', false],
    ['drained alike', { deactivated: true, drain: { ...draining, state: 'DRAINED' } }, 'draining', false],
    ['draining otherwise', { drain: { ...draining, maxGraceMs: 9_000 } }, 'draining', true],
    ['draining, now to be gone', { drain: { ...draining, markGone: true } }, 'draining', true],
    ['drained otherwise', { drain: { ...draining, state: 'DRAINED', maxGraceMs: 1 } }, 'draining', true],
  ])('an agent that is %s', (_, change, answer, changes) => {
    const decision = drainOf(change && newLedger(change))
    expect(decision.answer).toBe(answer)
    expect(decision.changes.length > 0).toBe(changes)
    if (!changes) return
    expect(ledgerOf(decision)).toMatchObject({
      deactivated: true,
      drain: {
        state: 'DRAINING',
        maxGraceMs: 2_000,
        markGone: false,
        since: NOW,
        asked: (change?.drain?.asked ?? 0) + 1,
      },
      generation: newLedger().generation + 1,
    })
  })

  test('an agent that cannot be drained is refused', () => {
    const decision = drainAgent(
      { ledger: newLedger(), entry: newEntry({ capabilities: [] }), frameworks },
      order,
      newContext(),
    )
    expect(decision).toEqual({ changes: [], tell: [], answer: 'not capable' })
  })

  test('F81 C71 its offers are withdrawn in the same write; frameworks and agent are told', () => {
    const { ledger, offerId } = withOffer(newLedger(), newFramework())
    const decision = drainOf(ledger)
    expect(ledgerOf(decision).offers).toEqual({})
    expect(puts(decision, 'mail').map(({ body }) => body)).toMatchObject([{ kind: 'withdrawn', offerId }])
    expect(decision.tell).toEqual([
      { tell: 'framework', frameworkId: newFramework().frameworkId },
      { tell: 'agent', agentId: AGENT, nudge: { kind: 'sync' } },
    ])
  })

  test('an agent out of reach is told nothing: it reads its list when it is back', () => {
    expect(drainOf(newLedger({ life: 'unreachable' })).tell).toEqual([])
  })

  test('without a limit each task keeps its own grace', () => {
    const ledger = ledgerOf(
      drainAgent({ ledger: newLedger(), entry, frameworks }, { markGone: true }, newContext()),
    )
    expect(ledger.drain).toEqual({ state: 'DRAINING', markGone: true, since: NOW, asked: 1 })
  })
})

describe('what the list says of a task', () => {
  const grace = (ms: number) => ({ grace_period: durationInfo(ms) })
  test.each([
    ['its default grace, capped', newRun('t'), 2_000, grace(2_000)],
    ['its default grace, shorter than the cap', newRun('t'), 5_000, undefined],
    [
      'its own grace, capped',
      newRun('t', { task: newTaskInfo('t', { kill_policy: grace(60_000) }) }),
      5_000,
      grace(5_000),
    ],
    [
      'its own grace, shorter',
      newRun('t', { task: newTaskInfo('t', { kill_policy: grace(500) }) }),
      5_000,
      undefined,
    ],
    ['that of a KILL, capped', newRun('t', { killPolicy: grace(60_000) }), 5_000, grace(5_000)],
    ['that of a KILL, shorter', newRun('t', { killPolicy: grace(100) }), 5_000, grace(100)],
    ['a cap of zero', newRun('t'), 0, grace(0)],
    ['no cap', newRun('t', { task: newTaskInfo('t', { kill_policy: grace(60_000) }) }), undefined, undefined],
  ])('kill grace is the lesser of both: %s', (_, run, maxGraceMs, killPolicy) => {
    const wanted = underDrain(run, { ...draining, maxGraceMs })
    expect(wanted).toMatchObject({ wanted: 'stop', kills: 1 })
    expect(wanted.killPolicy).toEqual(killPolicy)
  })

  test('each drain and each KILL is one more kill, so that either may shorten the grace', () => {
    const run = newRun('t', { wanted: 'stop', kills: 2 })
    expect(underDrain(run, { ...draining, asked: 3 }).kills).toBe(5)
  })

  test('what ends for another reason, or is not drained, stays as it is', () => {
    const run = newRun('t', { wanted: 'end' })
    expect(underDrain(run, draining)).toBe(run)
    expect(underDrain(newRun('t'), undefined)).toEqual(newRun('t'))
  })

  test('a nudge says what the list says', () => {
    const [told] = tellChanges(newLedger({ drain: draining }), { runs: [newRun('t')] })
    expect(told).toMatchObject({
      nudge: { kind: 'changes', tasks: [{ wanted: 'stop', kills: 1, killPolicy: grace(2_000) }] },
    })
  })

  test('the agent is told of the drain itself, also when it is over', () => {
    expect(drainFor(newLedger())).toBeUndefined()
    const over: Drain = { ...draining, state: 'DRAINED' }
    expect(drainFor(newLedger({ drain: over }))).toEqual({ ...order, since: NOW - 1_000 })
  })
})

describe('the end of a drain', () => {
  const emptied = newLedger({ deactivated: true, drain: draining })
  const hold = { frameworkId: 'f', role: 'dev', resources: [], expiresAt: 0 }
  test.each<[string, Partial<Ledger>, boolean]>([
    ['nothing left', {}, true],
    ['something runs', { digest: '0000000000000001' }, false],
    ['an ACCEPT under way', { holds: { a: hold } }, false],
    ['an offer out', { offers: withOffer(newLedger(), newFramework()).ledger.offers }, false],
    ['out of reach', { life: 'unreachable' }, false],
    ['just returning', { life: 'returning' }, false],
    ['open work', { openWork: { kind: 'return', lossNumber: 0, pagesTaken: 0, pages: 1 } }, false],
    ['drained already', { drain: { ...draining, state: 'DRAINED' } }, false],
    ['not drained at all', { drain: undefined }, false],
  ])('%s', (_, change, isOver) => {
    const ledger = newLedger({ ...emptied, ...change })
    expect(isEmptied(ledger)).toBe(isOver)
    expect(drained(ledger, ledger.version).answer).toBe(isOver)
  })

  test('DRAINED is written only over the ledger that was looked at', () => {
    expect(ledgerOf(drained(emptied, emptied.version)).drain).toEqual({ ...draining, state: 'DRAINED' })
    expect(drained(emptied, emptied.version - 1)).toEqual({ changes: [], tell: [], answer: false })
    expect(drained(undefined, 1).answer).toBe(false)
  })
})

describe('DEACTIVATE and REACTIVATE of such agents (C141)', () => {
  const over: Drain = { ...draining, state: 'DRAINED' }
  test.each<[string, Partial<Ledger>, string, boolean]>([
    ['draining', { deactivated: true, drain: draining }, 'draining', false],
    ['drained', { deactivated: true, drain: over }, 'done', true],
    [
      'drained and out of reach',
      { deactivated: true, drain: over, life: 'unreachable' },
      'not registered now',
      true,
    ],
    ['deactivated', { deactivated: true }, 'done', true],
    ['in service', {}, 'not deactivated', false],
    ['gone', { life: 'gone', deactivated: true, drain: over }, 'gone', false],
  ])('REACTIVATE of one that is %s', (_, change, answer, changes) => {
    const before = newLedger(change)
    const decision = reactivate(before, newContext())
    expect(decision.answer).toBe(answer)
    expect(decision.changes.length > 0).toBe(changes)
    if (!changes) return
    const after = ledgerOf(decision)
    expect(after).toMatchObject({ deactivated: false })
    expect(after.drain).toBeUndefined()
    // Its agent is to hear that the drain is over.
    expect(after.generation > before.generation).toBe(change.drain !== undefined)
  })

  test('DEACTIVATE of one that drains changes nothing', () => {
    const decision = deactivate(newLedger({ deactivated: true, drain: draining }), frameworks, newContext())
    expect(decision).toEqual({ changes: [], tell: [], answer: 'done' })
  })
})

test('an offer that outlived the write of the fact is void, and its tasks are dropped for the drain', () => {
  const framework = newFramework()
  const { ledger, offerId } = withOffer(newLedger({ drain: draining }), framework)
  expect(checkOffers(loadedFor(framework, ledger), acceptOf([offerId]), NOW)).toMatchObject({
    kind: 'bad',
    reason: 'REASON_AGENT_DRAINING',
  })
})

test('GET_AGENTS shows the drain, its limits and its begin', () => {
  const ledger = newLedger({ deactivated: true, drain: draining })
  expect(agentMessage({ entry, ledger, used: [], offered: [] })).toMatchObject({
    active: false,
    deactivated: true,
    drain_info: {
      state: 'DRAINING',
      config: { max_grace_period: { nanoseconds: 2_000_000_000 }, mark_gone: false },
    },
    estimated_drain_start_time: { nanoseconds: expect.anything() },
  })
})
