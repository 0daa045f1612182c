// KILL, SHUTDOWN, ACKNOWLEDGE, MESSAGE: the calls about one task or executor.
import { describe, expect, test } from 'vitest'
import { acknowledge } from '../../../master/calls/acknowledge.ts'
import { kill } from '../../../master/calls/kill.ts'
import { message } from '../../../master/calls/message.ts'
import {
  acknowledgeOperationStatus,
  reconcileOperations,
  reconcileOperationsParts,
} from '../../../master/calls/operations.ts'
import { shutdown } from '../../../master/calls/shutdown.ts'
import { acceptInverseOffers, declineInverseOffers, request } from '../../../master/calls/taken.ts'
import { FINISHED_TASK_KEPT_MS } from '../../../master/limits.ts'
import type { CustodyUpdate, Executor, Mail, Task } from '../../../master/model.ts'
import type { TaskState } from '../../../protocol/messages.ts'
import {
  AGENT,
  bodiesOf,
  CLUSTER,
  expectCommittable,
  ledgerOf,
  NOW,
  newContext,
  newExecutorInfo,
  newFramework,
  newLedger,
  newRun,
  newTask,
  puts,
  touched,
  wordsOf,
} from './world.ts'

const framework = newFramework()
const silent = { changes: [], tell: [], answer: { status: 202 } }

describe('KILL', () => {
  const task = newTask('t1')
  const call = { task_id: { value: 't1' } }
  const loaded = { framework, task, ledger: newLedger(), run: newRun('t1') }

  test('of a known task: its wanted state becomes stop, under a new generation, and its agent hears it', () => {
    const decision = kill(loaded, call, newContext())
    expect(touched(decision)).toEqual(['check gate', 'put ledger', 'put run'])
    expect(puts(decision, 'run')[0]).toMatchObject({ wanted: 'stop', kills: 1 })
    expect(ledgerOf(decision).generation).toBe(loaded.ledger.generation + 1)
    expect(decision.tell).toMatchObject([
      { agentId: AGENT, nudge: { tasks: [{ wanted: 'stop', kills: 1 }] } },
    ])
  })

  test('a repeat is delivered again and may change the grace', () => {
    const kill_policy = { grace_period: { nanoseconds: 5 } }
    const run = newRun('t1', { wanted: 'stop', kills: 1, killPolicy: { grace_period: { nanoseconds: 9 } } })
    expect(puts(kill({ ...loaded, run }, { ...call, kill_policy }, newContext()), 'run')[0]).toMatchObject({
      kills: 2,
      killPolicy: kill_policy,
    })
    expect(puts(kill({ ...loaded, run }, call, newContext()), 'run')[0]).toMatchObject({
      kills: 2,
      killPolicy: run.killPolicy,
    })
  })

  test('C103: with a wrong agent_id nothing happens', () => {
    expect(kill(loaded, { ...call, agent_id: { value: `${CLUSTER}-S9` } }, newContext())).toEqual(silent)
  })

  test.each([
    ['active', 'TASK_GONE', 'TASK_LOST'],
    ['unreachable', 'TASK_UNREACHABLE', 'TASK_LOST'],
    ['gone', 'TASK_GONE_BY_OPERATOR', 'TASK_LOST'],
    [undefined, 'TASK_UNKNOWN', 'TASK_LOST'],
  ] as const)(
    'C102, F60: of an unknown task on an agent that is %s: its state is said',
    (life, aware, other) => {
      const ledger = life === undefined ? undefined : newLedger({ life })
      for (const [can, state] of [
        [['PARTITION_AWARE'], aware],
        [[], other],
      ] as const) {
        const unknown = { framework: newFramework({ can }), task: undefined, run: undefined, ledger }
        const decision = kill(unknown, { ...call, agent_id: { value: AGENT } }, newContext())
        expect(wordsOf(decision)).toMatchObject([
          { state, reason: 'REASON_RECONCILIATION', source: 'SOURCE_MASTER' },
        ])
        expect(touched(decision)).toEqual(['check gate', 'check task', 'put mail'])
      }
    },
  )

  test('F12: on an unreachable agent the intent is kept, nobody is nudged, the framework reads why', () => {
    const decision = kill(
      { ...loaded, ledger: newLedger({ life: 'unreachable', unreachableSince: NOW }) },
      call,
      newContext(),
    )
    expect(puts(decision, 'run')[0]).toMatchObject({ wanted: 'stop', kills: 1 })
    expect(wordsOf(decision)).toMatchObject([{ state: 'TASK_UNREACHABLE' }])
    expect(decision.tell.filter(({ tell }) => tell === 'agent')).toEqual([])
    expectCommittable(decision)
  })

  test('of a task whose end is in custody: nothing is left to stop', () => {
    const over = newTask('t1', { mesos: { ...task.mesos, state: 'TASK_FINISHED' } })
    expect(kill({ ...loaded, task: over, run: undefined }, call, newContext())).toEqual(silent)
  })

  test('of a task that a removal ends anyway: nothing', () => {
    expect(kill({ ...loaded, run: newRun('t1', { wanted: 'end' }) }, call, newContext())).toEqual(silent)
  })

  test('kill-during-big-accept: a task that is still to be made is killed by way of the hold', () => {
    const hold = {
      version: 4,
      agentId: AGENT,
      acceptId: 'a',
      frameworkId: framework.frameworkId,
      tasks: [{ taskId: 't0' }, { taskId: 't1' }],
    }
    const held = { framework, task: undefined, run: undefined, ledger: newLedger(), holds: [hold] }
    const policy = { grace_period: { nanoseconds: 5n } }
    const decision = kill(held, { ...call, agent_id: { value: AGENT }, kill_policy: policy }, newContext())
    expect(touched(decision)).toEqual(['check gate', 'check task', 'put hold'])
    expect(puts(decision, 'hold')).toEqual([
      { ...hold, tasks: [{ taskId: 't0' }, { taskId: 't1', kills: 1, killPolicy: policy }] },
    ])
    const foreign = { ...held, holds: [{ ...hold, frameworkId: 'other' }] }
    expect(wordsOf(kill(foreign, { ...call, agent_id: { value: AGENT } }, newContext()))).toMatchObject([
      { state: 'TASK_GONE' },
    ])
  })
})

describe('SHUTDOWN', () => {
  const executor: Executor = {
    version: 1,
    agentId: AGENT,
    frameworkId: framework.frameworkId,
    executorId: 'e1',
    info: newExecutorInfo('e1'),
    role: 'dev',
    charged: [],
    wanted: 'run',
  }
  const call = { executor_id: { value: 'e1' }, agent_id: { value: AGENT } }

  test('C104: the executor is wanted to end, its agent hears it', () => {
    const decision = shutdown({ framework, ledger: newLedger(), executor }, call, newContext())
    expect(puts(decision, 'executor')[0]?.wanted).toBe('end')
    expect(decision.tell).toMatchObject([{ nudge: { endExecutors: [{ executorId: 'e1' }] } }])
  })

  test.each([
    ['an unknown agent', { ledger: undefined, executor: undefined }],
    ['an unknown executor (A1: or one of another framework)', { ledger: newLedger(), executor: undefined }],
    ['one that ends already', { ledger: newLedger(), executor: { ...executor, wanted: 'end' as const } }],
  ])('of %s is silent', (_, loaded) =>
    expect(shutdown({ framework, ...loaded }, call, newContext())).toEqual(silent),
  )

  test("of a command task's executor ends the task", () => {
    const decision = shutdown(
      { framework, ledger: newLedger(), executor: undefined, run: newRun('e1') },
      call,
      newContext(),
    )
    expect(puts(decision, 'run')[0]?.wanted).toBe('stop')
  })
})

describe('ACKNOWLEDGE', () => {
  const update = (number: number, state: TaskState): CustodyUpdate => ({
    number,
    uuid: `uuid-${number}`,
    status: { task_id: { value: 't1' }, state, uuid: `uuid-${number}` },
    at: NOW - 60_000,
  })
  const waiting = newTask('t1', {
    custody: [update(1, 'TASK_STARTING'), update(2, 'TASK_RUNNING'), update(3, 'TASK_FINISHED')],
  })
  const ack = (task: Task | undefined, uuid: string, agentId = AGENT) =>
    acknowledge(
      { framework, task },
      { agent_id: { value: agentId }, task_id: { value: 't1' }, uuid },
      newContext(),
    )

  test('C97: the head is over, the next update becomes the mail, its resends counted from now', () => {
    const decision = ack(waiting, 'uuid-1')
    expect(touched(decision)).toEqual(['check gate', 'put mail', 'put task'])
    const [task] = puts(decision, 'task')
    expect(task).toMatchObject({
      standing: 'live',
      mesos: { status_update_state: 'TASK_RUNNING', status_update_uuid: 'uuid-2' },
    })
    expect(task?.custody.map(({ number, at }) => [number, at])).toEqual([
      [2, NOW],
      [3, NOW - 60_000],
    ])
    expect(puts(decision, 'mail')[0]).toMatchObject({
      key: 'UPDATE#t1',
      at: NOW,
      body: { kind: 'update', number: 2 },
    })
    expect(decision.tell).toEqual([{ tell: 'framework', frameworkId: framework.frameworkId }])
  })

  test('C99, F43: after the end the task is history for an hour, its letter gone', () => {
    const over = newTask('t1', { custody: [update(3, 'TASK_FINISHED')] })
    const decision = ack(over, 'uuid-3')
    expect(touched(decision)).toEqual(['check gate', 'put task', 'remove mail'])
    expect(puts(decision, 'task')[0]).toMatchObject({
      standing: 'finished',
      custody: [],
      ttl: (NOW + FINISHED_TASK_KEPT_MS) / 1000,
    })
  })

  test('C99: a word of before goes with the end, exactly the one that was read; one that is no end leaves it', () => {
    const over = newTask('t1', { custody: [update(3, 'TASK_FINISHED')] })
    const status = { task_id: { value: 't1' }, state: 'TASK_RUNNING' } as const
    const word: Mail = {
      version: 1,
      frameworkId: framework.frameworkId,
      shard: 0,
      key: 'WORD#t1',
      tag: 'read',
      body: { kind: 'word', status },
      at: NOW,
    }
    const named = { agent_id: { value: AGENT }, task_id: { value: 't1' } }
    const ended = acknowledge({ framework, task: over, word }, { ...named, uuid: 'uuid-3' }, newContext())
    expect(touched(ended)).toEqual(['check gate', 'put task', 'remove mail', 'remove mail'])
    expect(ended.changes.at(-1)).toMatchObject({
      item: { key: 'WORD#t1' },
      when: { name: 'tag', tag: 'read' },
    })
    const goesOn = acknowledge({ framework, task: waiting, word }, { ...named, uuid: 'uuid-1' }, newContext())
    expect(touched(goesOn)).toEqual(['check gate', 'put mail', 'put task'])
  })

  test('an update that is no end leaves the task live', () => {
    const running = newTask('t1', { custody: [update(2, 'TASK_RUNNING')] })
    expect(puts(ack(running, 'uuid-2'), 'task')[0]).toMatchObject({ standing: 'live', custody: [] })
  })

  test('resend-after-unreachable: of a lost task the next update is not said before its return', () => {
    const decision = ack({ ...waiting, standing: 'lost' }, 'uuid-1')
    expect(touched(decision)).toEqual(['check gate', 'put task', 'remove mail'])
    expect(puts(decision, 'task')[0]?.custody.map(({ number }) => number)).toEqual([2, 3])
    expect(decision.tell).toEqual([])
  })

  test.each([
    ['a stale uuid', waiting, 'uuid-0', AGENT],
    ['the uuid of an update behind the head', waiting, 'uuid-2', AGENT],
    ['a repeat', newTask('t1'), 'uuid-1', AGENT],
    ['an unknown task (A1: or one of another framework)', undefined, 'uuid-1', AGENT],
    ['the wrong agent', waiting, 'uuid-1', `${CLUSTER}-S9`],
  ])('C98, F42: %s changes nothing', (_, task, uuid, agentId) =>
    expect(ack(task, uuid, agentId)).toEqual(silent),
  )
})

describe('MESSAGE and the calls that change nothing', () => {
  const call = { agent_id: { value: AGENT }, executor_id: { value: 'e1' }, data: 'AAE=' }

  test('C105: bytes go to the agent as they are; nothing is stored', () => {
    expect(message({ framework, ledger: newLedger() }, call)).toEqual({
      changes: [],
      tell: [
        {
          tell: 'agent',
          agentId: AGENT,
          nudge: { kind: 'message', frameworkId: framework.frameworkId, executorId: 'e1', data: 'AAE=' },
        },
      ],
      answer: { status: 202 },
    })
  })

  test('to an agent that is not there it is dropped', () => {
    expect(message({ framework, ledger: undefined }, call)).toEqual(silent)
    expect(message({ framework, ledger: newLedger({ life: 'unreachable' }) }, call)).toEqual(silent)
  })

  test('C107: REQUEST, the inverse offer calls, acknowledgements of operations are 202 and silence', () => {
    const ack = { uuid: 'x', operation_id: { value: 'o' } }
    for (const decision of [
      request(),
      acceptInverseOffers(),
      declineInverseOffers(),
      acknowledgeOperationStatus({ framework }, ack, newContext()),
    ]) {
      expect(decision).toEqual(silent)
    }
  })

  test('C115: RECONCILE_OPERATIONS says OPERATION_UNKNOWN of each, without uuid; of all it says nothing', () => {
    const operations = Array.from({ length: 81 }, (_, i) => ({ operation_id: { value: `o${i}` } }))
    const parts = reconcileOperationsParts({ operations })
    expect(parts.map((part) => part.operations?.length)).toEqual([80, 1])
    const decision = reconcileOperations({ framework }, parts[1] ?? {}, newContext())
    expect(bodiesOf(decision)).toMatchObject([
      {
        event: {
          update_operation_status: { status: { operation_id: { value: 'o80' }, state: 'OPERATION_UNKNOWN' } },
        },
      },
    ])
    expect(reconcileOperations({ framework }, {}, newContext())).toEqual(silent)
  })
})
