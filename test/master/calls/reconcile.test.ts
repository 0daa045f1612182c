// RECONCILE: the decision table of reconciliation, walked row by row, and the pages of an implicit one.
import { describe, expect, test } from 'vitest'
import { reconcile, reconcilePage, reconcileParts } from '../../../master/calls/reconcile.ts'
import type { Ledger, Task } from '../../../master/model.ts'
import {
  AGENT,
  bodiesOf,
  expectCommittable,
  NOW,
  newContext,
  newFramework,
  newLedger,
  newTask,
  puts,
  wordsOf,
} from './world.ts'

const aware = newFramework()
const plain = newFramework({ can: ['MULTI_ROLE'] })
const t1 = { task_id: { value: 't1' } }
const onAgent = { ...t1, agent_id: { value: AGENT } }
const said = (framework: typeof aware, asked: typeof t1, tasks: (Task | undefined)[], ledgers: Ledger[]) =>
  wordsOf(reconcile({ framework, tasks, ledgers }, { tasks: [asked] }, newContext()))[0]

describe('F57: explicit, of an unknown task', () => {
  test.each([
    ['active', onAgent, 'TASK_GONE'],
    ['returning', onAgent, 'TASK_UNREACHABLE'],
    ['unreachable', onAgent, 'TASK_UNREACHABLE'],
    ['gone', onAgent, 'TASK_GONE_BY_OPERATOR'],
    ['removed', onAgent, 'TASK_UNKNOWN'],
    [undefined, onAgent, 'TASK_UNKNOWN'],
    [undefined, t1, 'TASK_UNKNOWN'],
  ] as const)('C110–C112, F58: agent %s', (life, asked, state) => {
    const ledgers = life === undefined ? [] : [newLedger({ life, unreachableSince: NOW - 5000 })]
    const status = said(aware, asked, [undefined], ledgers)
    expect(status).toMatchObject({ state, source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' })
    expect(status).not.toHaveProperty('uuid')
    expect('agent_id' in (status ?? {})).toBe('agent_id' in asked)
    expect(status?.unreachable_time).toEqual(
      state === 'TASK_UNREACHABLE' ? { nanoseconds: BigInt(NOW - 5000) * 1_000_000n } : undefined,
    )
    expect(said(plain, asked, [undefined], ledgers)?.state).toBe('TASK_LOST')
    expect(said(plain, asked, [undefined], ledgers)?.unreachable_time).toEqual(status?.unreachable_time)
  })

  test('one that is over and acknowledged is unknown again (C99)', () => {
    expect(said(aware, onAgent, [newTask('t1', { standing: 'finished' })], [newLedger()])?.state).toBe(
      'TASK_GONE',
    )
  })
})

describe('C109, explicit, of a known task', () => {
  const status = {
    task_id: { value: 't1' },
    state: 'TASK_STARTING',
    timestamp: 12.5,
    healthy: true,
    data: 'AA==',
    uuid: 'u',
  } as const
  const running = newTask('t1', {
    mesos: { ...newTask('t1').mesos, statuses: [status], status_update_state: 'TASK_STARTING' },
  })

  test('the state last forwarded, with the last status’s health, without data and uuid', () => {
    const answer = said(aware, t1, [running], [newLedger()])
    expect(answer).toMatchObject({
      state: 'TASK_STARTING',
      timestamp: 12.5,
      healthy: true,
      agent_id: { value: AGENT },
    })
    expect(answer).not.toHaveProperty('uuid')
    expect(answer).not.toHaveProperty('data')
  })

  test('C114: an end that waits behind an older update is not said before it', () => {
    const over = newTask('t1', { mesos: { ...running.mesos, state: 'TASK_FINISHED' } })
    expect(said(aware, t1, [over], [newLedger()])?.state).toBe('TASK_STARTING')
  })

  test('while its agent is away, what waits in custody is not said', () => {
    const custody = [
      { number: 1, uuid: 'u', status: { task_id: { value: 't1' }, state: 'TASK_RUNNING' as const }, at: NOW },
    ]
    const mesos = { ...running.mesos, state: 'TASK_UNREACHABLE' as const }
    const lost = newTask('t1', { standing: 'lost', custody, mesos })
    expect(said(aware, t1, [lost], [newLedger({ life: 'unreachable' })])?.state).toBe('TASK_UNREACHABLE')
    expect(said(aware, t1, [newTask('t1', { custody })], [newLedger()])?.state).toBe('TASK_RUNNING')
  })

  test('C117: after a return the word that said so is the last one forwarded', () => {
    const statuses = [status, { task_id: { value: 't1' }, state: 'TASK_RUNNING' as const }]
    const back = newTask('t1', { mesos: { ...running.mesos, statuses } })
    expect(said(aware, t1, [back], [newLedger()])?.state).toBe('TASK_RUNNING')
  })

  test('without any update it is the stored state', () => {
    const staging = newTask('t1', { mesos: { ...newTask('t1').mesos, state: 'TASK_STAGING' } })
    expect(said(aware, t1, [staging], [newLedger()])?.state).toBe('TASK_STAGING')
  })

  test.each([
    ['unreachable', 'TASK_UNREACHABLE'],
    ['gone', 'TASK_GONE_BY_OPERATOR'],
    ['removed', 'TASK_LOST'],
  ] as const)('C112: its agent, %s, beats its own RUNNING', (life, state) => {
    expect(said(aware, t1, [running], [newLedger({ life })])?.state).toBe(state)
    expect(said(plain, t1, [running], [newLedger({ life })])?.state).toBe('TASK_LOST')
  })

  test('reconcile-during-big-accept: a task of a hold is staging', () => {
    const hold = {
      version: 1,
      agentId: AGENT,
      acceptId: 'a',
      frameworkId: aware.frameworkId,
      tasks: [{ taskId: 't1' }],
    }
    const loaded = { framework: aware, tasks: [undefined], ledgers: [newLedger()], holds: [hold] }
    expect(wordsOf(reconcile(loaded, { tasks: [onAgent] }, newContext()))[0]?.state).toBe('TASK_STAGING')
    const foreign = { ...loaded, holds: [{ ...hold, frameworkId: 'other' }] }
    expect(wordsOf(reconcile(foreign, { tasks: [onAgent] }, newContext()))[0]?.state).toBe('TASK_GONE')
  })
})

describe('parts', () => {
  test('L4: each id is answered once, 32 a transaction, with room for a hold each', () => {
    const tasks = Array.from({ length: 170 }, (_, i) => ({ task_id: { value: `t${i % 165}` } }))
    const parts = reconcileParts({ tasks })
    expect(parts.map((part) => part.tasks?.length)).toEqual([32, 32, 32, 32, 32, 5])
    const holds = tasks.map(({ task_id }) => {
      const held = [{ taskId: task_id.value }]
      return {
        version: 1,
        agentId: AGENT,
        acceptId: task_id.value,
        frameworkId: aware.frameworkId,
        tasks: held,
      }
    })
    for (const part of parts)
      expectCommittable(reconcile({ framework: aware, tasks: [], ledgers: [], holds }, part, newContext()))
  })

  test('reconcile-overtaken-by-finish: each answer holds only while its task is as it was read', () => {
    const tasks = [newTask('t1', { version: 7 })]
    const asked = [onAgent, { task_id: { value: 'unknown' } }]
    const { changes } = reconcile(
      { framework: aware, tasks, ledgers: [newLedger()] },
      { tasks: asked },
      newContext(),
    )
    const checks = changes.filter((one) => one.do === 'check' && one.kind === 'task')
    expect(checks).toMatchObject([
      { item: { taskId: 't1', version: 7 }, when: { name: 'unchanged' } },
      { item: { taskId: 'unknown', version: 0 }, when: { name: 'unchanged' } },
    ])
  })

  test('A1, C84: an id that is no id is answered and makes no key', () => {
    const decision = reconcile(
      { framework: aware, tasks: [], ledgers: [] },
      { tasks: [{ task_id: { value: '' } }] },
      newContext(),
    )
    expect(puts(decision, 'mail')[0]?.key).toMatch(/^NOTICE#/)
  })
})

describe('implicit', () => {
  test('is one notice of the session, which a newer one overwrites', () => {
    const decision = reconcile({ framework: aware, tasks: [], ledgers: [] }, {}, newContext())
    expect(reconcileParts({})).toEqual([{}])
    expect(bodiesOf(decision)).toEqual([{ kind: 'reconcile-all', epoch: aware.epoch }])
    expect(puts(decision, 'mail')[0]?.key).toBe('NOTICE#reconcile-all')
  })

  test('C114, F59: a page says live and terminal unacknowledged tasks, not those out of reach or over', () => {
    const terminal = { ...newTask('t').mesos, state: 'TASK_FINISHED' } as const
    const tasks = [
      newTask('live'),
      newTask('ended', { mesos: { ...terminal, task_id: { value: 'ended' } } }),
      newTask('history', { standing: 'finished' }),
      newTask('away', { agentId: 'lost' }),
      newTask('lost', { standing: 'lost' }),
    ]
    const ledgers = new Map([
      [AGENT, newLedger()],
      ['lost', newLedger({ agentId: 'lost', life: 'unreachable' })],
    ])
    const page = reconcilePage(tasks, ledgers, aware, newContext())
    expect(page.map(({ task_id, state }) => [task_id.value, state])).toEqual([
      ['live', 'TASK_RUNNING'],
      ['ended', 'TASK_FINISHED'],
    ])
  })
})
