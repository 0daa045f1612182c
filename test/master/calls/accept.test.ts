// ACCEPT in one transaction: offers, launches, errors, leftovers.
import { describe, expect, test } from 'vitest'
import { chargedTo, free } from '../../../master/accounting.ts'
import { accept } from '../../../master/calls/accept.ts'
import { acceptIdOf } from '../../../master/calls/accept-offers.ts'
import type { OfferOperation } from '../../../protocol/messages.ts'
import { quantities } from '../../../protocol/resources.ts'
import {
  AGENT,
  acceptOf,
  bodiesOf,
  CLUSTER,
  cpusMem,
  EPOCH,
  expectCommittable,
  launch,
  launchGroup,
  ledgerOf,
  loadedFor,
  NOW,
  newContext,
  newExecutorInfo,
  newFramework,
  newLedger,
  newTask,
  newTaskInfo,
  puts,
  scalar,
  touched,
  withOffer,
  wordsOf,
} from './world.ts'

const framework = newFramework()
const payer = { frameworkId: framework.frameworkId, role: 'dev' }

describe('a good ACCEPT', () => {
  const { ledger, offerId } = withOffer(newLedger(), framework)
  const call = acceptOf([offerId], launch(newTaskInfo('t1')))
  const decision = accept(loadedFor(framework, ledger), call, newContext())

  test('C77: is 202 without a text', () => expect(decision.answer).toEqual({ status: 202 }))

  test('is one transaction: gate, ledger, RUN and TASK; C94: and no mail', () => {
    expect(touched(decision)).toEqual(['check gate', 'put ledger', 'put run', 'put task'])
    expectCommittable(decision)
  })

  test('S1, S18: charges exactly the task and ends the offer', () => {
    const after = ledgerOf(decision)
    expect(after.offers).toEqual({})
    expect(quantities(chargedTo(after, payer))).toEqual({ cpus: 1000, mem: 128_000 })
    expect(quantities(free(after))).toEqual({ cpus: 3000, mem: 3_968_000, disk: 1_000_000 })
    expect(after.generation).toBe(ledger.generation + 1)
    expect(after.digest).not.toBe(ledger.digest)
  })

  test('the task is STAGING under the new generation, with allocation_info filled in', () => {
    const [task] = puts(decision, 'task')
    expect(task).toMatchObject({ taskId: 't1', standing: 'live', launchGeneration: ledger.generation + 1 })
    expect(task?.mesos).toMatchObject({ state: 'TASK_STAGING', user: 'nobody' })
    expect(task?.mesos.resources?.every(({ allocation_info }) => allocation_info?.role === 'dev')).toBe(true)
    expect(puts(decision, 'run')[0]).toMatchObject({ wanted: 'run', kills: 0, acceptId: acceptIdOf(call) })
  })

  test('the agent is told the launch with its generation', () => {
    expect(decision.tell).toMatchObject([
      {
        tell: 'agent',
        agentId: AGENT,
        nudge: {
          kind: 'changes',
          generation: ledger.generation + 1,
          tasks: [{ taskId: 't1', wanted: 'run' }],
        },
      },
    ])
  })

  test('C93: what is left is refused for 5 s by default', () => {
    const [refusal] = ledgerOf(decision).refusals
    expect(refusal).toMatchObject({ frameworkId: framework.frameworkId, role: 'dev', until: NOW + 5000 })
    expect(quantities(refusal?.resources ?? [])).toEqual({ cpus: 3000, mem: 3_968_000, disk: 1_000_000 })
  })

  test('refuse_seconds 0: no filter, and the allocator is told', () => {
    const unfiltered = accept(
      loadedFor(framework, ledger),
      { ...call, filters: { refuse_seconds: 0 } },
      newContext(),
    )
    expect(ledgerOf(unfiltered).refusals).toEqual([])
    expect(unfiltered.tell).toContainEqual({ tell: 'allocator' })
  })

  test('C156, F63: repeated after its commit it changes nothing and says nothing', () => {
    const context = newContext()
    const byLedger = accept(loadedFor(framework, ledgerOf(decision)), call, context)
    expect(byLedger).toEqual({ changes: [], tell: [], answer: { status: 202 } })
    const tasks = puts(decision, 'task')
    const forgotten = { ...ledgerOf(decision), accepts: [] }
    expect(accept(loadedFor(framework, forgotten, { tasks }), call, context).changes).toEqual([])
  })

  test('C75, F64, A2: the offer accepted again for another task drops that task', () => {
    const second = acceptOf([offerId], launch(newTaskInfo('t2')))
    const decided = accept(loadedFor(framework, ledgerOf(decision)), second, newContext())
    expect(wordsOf(decided)).toMatchObject([
      { task_id: { value: 't2' }, state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS' },
    ])
    expect(touched(decided)).toEqual(['check gate', 'put mail'])
  })
})

describe('invalid offers', () => {
  const other = newFramework({ frameworkId: `${CLUSTER}-F2` })
  const base = withOffer(newLedger(), framework)
  const call = (...ids: string[]) => acceptOf(ids, launch(newTaskInfo('t1')))

  test.each([
    ['none', [], base.ledger],
    ['unknown', [`${AGENT.replace('-S', '-O')}.nope`], base.ledger],
    ['malformed', ['nope'], base.ledger],
    ['duplicate', [base.offerId, base.offerId], base.ledger],
    ['foreign (A2)', ['foreign'], withOffer(newLedger(), other, { id: `${CLUSTER}-O1.f` }).ledger],
    ['expired (F74)', [base.offerId], withOffer(newLedger(), framework, { expiresAt: NOW }).ledger],
    [
      'of an older epoch (C45)',
      [base.offerId],
      withOffer(newLedger(), framework, { epoch: EPOCH - 1 }).ledger,
    ],
    ['of a dropped role', [base.offerId], withOffer(newLedger(), framework, { role: 'left' }).ledger],
  ])('C78: %s: TASK_DROPPED from the master, REASON_INVALID_OFFERS, no uuid', (name, ids, ledger) => {
    const named = name.startsWith('foreign') ? [`${CLUSTER}-O1.f`] : ids
    const decision = accept(loadedFor(framework, ledger), call(...named), newContext())
    expect(decision.answer).toEqual({ status: 202 })
    expect(wordsOf(decision)).toMatchObject([
      {
        state: 'TASK_DROPPED',
        source: 'SOURCE_MASTER',
        reason: 'REASON_INVALID_OFFERS',
        agent_id: { value: AGENT },
      },
    ])
    expect(wordsOf(decision)[0]).not.toHaveProperty('uuid')
    expect(puts(decision, 'task')).toEqual([])
    expectCommittable(decision)
  })

  test('C78: without PARTITION_AWARE it is TASK_LOST', () => {
    const plain = newFramework({ can: ['MULTI_ROLE'] })
    expect(wordsOf(accept(loadedFor(plain, newLedger()), call('nope'), newContext()))[0]?.state).toBe(
      'TASK_LOST',
    )
  })

  test('C70, A2: an offer of another framework stays where it is', () => {
    const { ledger } = withOffer(newLedger(), other, { id: `${CLUSTER}-O1.f` })
    const decision = accept(loadedFor(framework, ledger), call(`${CLUSTER}-O1.f`), newContext())
    expect(puts(decision, 'ledger')).toEqual([])
  })

  test('C79: offers of two agents go back, unfiltered, in one transaction', () => {
    const second = withOffer(newLedger({ agentId: `${CLUSTER}-S2` }), framework)
    const loaded = loadedFor(framework, base.ledger, { ledgers: [base.ledger, second.ledger] })
    const decision = accept(loaded, call(base.offerId, second.offerId), newContext())
    expect(puts(decision, 'ledger').map(({ offers, refusals }) => ({ offers, refusals }))).toEqual([
      { offers: {}, refusals: [] },
      { offers: {}, refusals: [] },
    ])
    expect(decision.tell).toContainEqual({ tell: 'allocator' })
    expectCommittable(decision)
  })

  test('C79: offers of two roles go back too', () => {
    const one = withOffer(newLedger(), framework, { resources: cpusMem(1, 1) })
    const two = withOffer(one.ledger, framework, { role: 'ops', resources: cpusMem(1, 1) })
    const decision = accept(loadedFor(framework, two.ledger), call(one.offerId, two.offerId), newContext())
    expect(ledgerOf(decision).offers).toEqual({})
    expect(wordsOf(decision)[0]?.reason).toBe('REASON_INVALID_OFFERS')
  })

  test.each([
    ['unreachable', 'REASON_AGENT_REMOVED'],
    ['gone', 'REASON_AGENT_REMOVED'],
    ['returning', 'REASON_AGENT_DISCONNECTED'],
  ] as const)('on an agent that is %s: %s', (life, reason) => {
    const decision = accept(loadedFor(framework, { ...base.ledger, life }), call(base.offerId), newContext())
    expect(wordsOf(decision)).toMatchObject([{ state: 'TASK_DROPPED', reason }])
    expect(ledgerOf(decision).offers).toEqual({})
  })

  test('C89: other operations fail with an id, and are silent without', () => {
    const operations = [{ type: 'RESERVE', id: { value: 'o1' } }, { type: 'CREATE' }] as const
    const decision = accept(
      loadedFor(framework, newLedger()),
      acceptOf(['nope'], ...operations),
      newContext(),
    )
    const events = bodiesOf(decision).map(
      (body) => body.kind === 'notice' && body.event.update_operation_status?.status,
    )
    expect(events).toMatchObject([{ operation_id: { value: 'o1' }, state: 'OPERATION_ERROR' }])
    expect(events[0]).not.toHaveProperty('uuid')
  })
})

describe('operations, one after the other', () => {
  const { ledger, offerId } = withOffer(newLedger(), framework)
  const decide = (...operations: OfferOperation[]) =>
    accept(loadedFor(framework, ledger), acceptOf([offerId], ...operations), newContext())

  test('C80: a bad task beside a good one', () => {
    const decision = decide(launch(newTaskInfo('bad', { resources: [] }), newTaskInfo('good')))
    expect(puts(decision, 'task').map(({ taskId }) => taskId)).toEqual(['good'])
    expect(wordsOf(decision)).toMatchObject([
      {
        task_id: { value: 'bad' },
        state: 'TASK_ERROR',
        source: 'SOURCE_MASTER',
        reason: 'REASON_TASK_INVALID',
      },
    ])
    expectCommittable(decision)
  })

  test('C83: tasks are judged by what the earlier ones left', () => {
    const big = cpusMem(3, 128)
    const decision = decide(
      launch(newTaskInfo('a', { resources: big })),
      launch(newTaskInfo('b', { resources: big }), newTaskInfo('c')),
    )
    expect(puts(decision, 'task').map(({ taskId }) => taskId)).toEqual(['a', 'c'])
    expect(wordsOf(decision).map(({ task_id }) => task_id.value)).toEqual(['b'])
  })

  test('C24: 0.1 and 0.2 cpus out of 0.3 leave nothing', () => {
    const small = withOffer(newLedger({ total: cpusMem(0.3, 64) }), framework)
    const tasks = [0.1, 0.2].map((cpus) => newTaskInfo(`t${cpus}`, { resources: cpusMem(cpus, 32) }))
    const decision = accept(
      loadedFor(framework, small.ledger),
      acceptOf([small.offerId], launch(...tasks)),
      newContext(),
    )
    expect(wordsOf(decision)).toEqual([])
    expect(free(ledgerOf(decision))).toEqual([])
  })

  test('C81: an id twice in one call: the second is TASK_ERROR', () => {
    const decision = decide(launch(newTaskInfo('t1'), newTaskInfo('t1')))
    expect(puts(decision, 'task')).toHaveLength(1)
    expect(wordsOf(decision)).toMatchObject([{ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' }])
    expectCommittable(decision)
  })

  test.each([
    ['a live one', newTask('t1'), false],
    [
      'a terminal one, not acknowledged',
      newTask('t1', { mesos: { ...newTask('t1').mesos, state: 'TASK_FINISHED' } }),
      false,
    ],
    ['an unreachable one', newTask('t1', { standing: 'lost' }), false],
    [
      'one that was lost for good on another agent',
      newTask('t1', {
        standing: 'lost',
        agentId: `${CLUSTER}-S9`,
        mesos: { ...newTask('t1').mesos, state: 'TASK_GONE_BY_OPERATOR' },
      }),
      true,
    ],
    ['one that is over and acknowledged', newTask('t1', { standing: 'finished', version: 9 }), true],
  ])('C81: the id of %s', (_, existing, isFree) => {
    const decision = accept(
      loadedFor(framework, ledger, { tasks: [existing] }),
      acceptOf([offerId], launch(newTaskInfo('t1'))),
      newContext(),
    )
    expect(puts(decision, 'task').map(({ version }) => version)).toEqual(isFree ? [existing.version] : [])
    expect(wordsOf(decision).map(({ state }) => state)).toEqual(isFree ? [] : ['TASK_ERROR'])
  })

  test('C91: an id on LAUNCH makes its tasks TASK_ERROR', () => {
    const decision = decide({ ...launch(newTaskInfo('a'), newTaskInfo('b')), id: { value: 'o' } })
    expect(wordsOf(decision).map(({ state }) => state)).toEqual(['TASK_ERROR', 'TASK_ERROR'])
    expect(puts(decision, 'run')).toEqual([])
  })

  test('C88, C89, R5: an operation that is not built fails alone', () => {
    const decision = decide(
      { type: 'RESERVE', id: { value: 'o1' } },
      { type: 'CREATE' },
      launch(newTaskInfo('a')),
    )
    expect(puts(decision, 'task')).toHaveLength(1)
    expect(bodiesOf(decision)).toMatchObject([
      { kind: 'notice', event: { type: 'UPDATE_OPERATION_STATUS' }, epoch: framework.epoch },
    ])
  })

  test('without operations it is a DECLINE', () => {
    const decision = decide()
    expect(touched(decision)).toEqual(['check gate', 'put ledger'])
    expect(ledgerOf(decision).refusals).toHaveLength(1)
  })

  test('C18, H13: what a queue can not carry exactly or at all is left to the agent’s sync', () => {
    const sync = [{ tell: 'agent', agentId: AGENT, nudge: { kind: 'sync' } }]
    expect(
      decide(launch(newTaskInfo('a', { max_completion_time: { nanoseconds: 2n ** 60n } }))).tell,
    ).toEqual(sync)
    expect(decide(launch(newTaskInfo('a', { data: 'x'.repeat(210_000) }))).tell).toEqual(sync)
  })

  test('C84, H9: ids that are no ids never become keys', () => {
    const decision = decide(launch(newTaskInfo(''), newTaskInfo('a/b'), newTaskInfo('x'.repeat(5000))))
    expect(wordsOf(decision)).toHaveLength(3)
    for (const { key } of puts(decision, 'mail')) expect(key).toMatch(/^NOTICE#id\d+$/)
  })
})

describe('executors', () => {
  const { ledger, offerId } = withOffer(newLedger(), framework)
  const custom = newExecutorInfo('e1')
  const task = (id: string, more = {}) => newTaskInfo(id, { command: undefined, executor: custom, ...more })

  test('a new one is charged once, for all tasks that share it', () => {
    const decision = accept(
      loadedFor(framework, ledger),
      acceptOf([offerId], launch(task('a'), task('b'))),
      newContext(),
    )
    expect(puts(decision, 'executor')).toMatchObject([{ executorId: 'e1', wanted: 'run', role: 'dev' }])
    expect(puts(decision, 'executor')[0]?.info.framework_id?.value).toBe(framework.frameworkId)
    expect(quantities(chargedTo(ledgerOf(decision), payer))).toEqual({ cpus: 2100, mem: 288_000, disk: 1000 })
    expectCommittable(decision)
  })

  test('a live one is not charged again; C85: and must be the same', () => {
    const first = accept(loadedFor(framework, ledger), acceptOf([offerId], launch(task('a'))), newContext())
    const next = withOffer(ledgerOf(first), framework)
    const loaded = loadedFor(framework, next.ledger, { executors: puts(first, 'executor') })
    const changed = { ...custom, command: { value: './another' } }
    const call = acceptOf([next.offerId], launch(task('b'), task('c', { executor: changed })))
    const decision = accept(loaded, call, newContext())
    expect(puts(decision, 'executor')).toEqual([])
    expect(wordsOf(decision)).toMatchObject([{ task_id: { value: 'c' }, state: 'TASK_ERROR' }])
    expect(quantities(chargedTo(ledgerOf(decision), payer)).cpus).toBe(2100)
  })

  test('a group starts whole, under one group id, with its executor charged', () => {
    const executor = newExecutorInfo('default', { type: 'DEFAULT', command: undefined })
    const call = acceptOf([offerId], launchGroup(executor, newTaskInfo('a'), newTaskInfo('b')))
    const decision = accept(loadedFor(framework, ledger), call, newContext())
    const runs = puts(decision, 'run')
    expect(runs.map(({ group }) => group?.size)).toEqual([2, 2])
    expect(new Set(runs.map(({ group }) => group?.id)).size).toBe(1)
    expect(runs[0]?.executor?.executor_id.value).toBe('default')
    expect(puts(decision, 'task')[0]?.mesos.executor_id?.value).toBe('default')
    expectCommittable(decision)
  })

  test('C86: one bad member, and none starts; all are TASK_ERROR, REASON_TASK_GROUP_INVALID', () => {
    const executor = newExecutorInfo('default', { type: 'DEFAULT', command: undefined })
    const call = acceptOf(
      [offerId],
      launchGroup(executor, newTaskInfo('a'), newTaskInfo('b', { resources: [] })),
    )
    const decision = accept(loadedFor(framework, ledger), call, newContext())
    expect(puts(decision, 'run')).toEqual([])
    expect(puts(decision, 'executor')).toEqual([])
    expect(wordsOf(decision).map(({ state, reason }) => [state, reason])).toEqual([
      ['TASK_ERROR', 'REASON_TASK_GROUP_INVALID'],
      ['TASK_ERROR', 'REASON_TASK_GROUP_INVALID'],
    ])
  })

  test('C62: resources written in the old format, role *, are read as unreserved', () => {
    const plain = newFramework({ can: [] })
    const offered = withOffer(newLedger(), plain)
    const resources = [scalar('cpus', 1, { role: '*' }), scalar('mem', 32, { role: '*' })]
    const call = acceptOf([offered.offerId], launch(newTaskInfo('a', { resources })))
    const decision = accept(loadedFor(plain, offered.ledger), call, newContext())
    expect(wordsOf(decision)).toEqual([])
    expect(puts(decision, 'task')[0]?.mesos.resources?.[0]).not.toHaveProperty('role')
  })
})
