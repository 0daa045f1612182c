// Gates, disconnect, removal, and the end of a removed framework's tasks.
import { describe, expect, test } from 'vitest'
import { endTasks } from '../../../master/frameworks/end-tasks.ts'
import { gateCheck, gateChecks, raiseGates } from '../../../master/frameworks/gates.ts'
import { disconnect, isDue, remove, workDone } from '../../../master/frameworks/lifecycle.ts'
import type { Executor, Framework, Gate, Lease } from '../../../master/model.ts'
import { firstOf } from '../../../protocol/numbering.ts'
import {
  AGENT,
  EPOCH,
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
  withOffer,
} from '../calls/world.ts'

const framework = newFramework({ gates: 4 })
const gate = (index: number, epoch: number): Gate => ({
  version: 1,
  frameworkId: framework.frameworkId,
  index,
  epoch,
  removed: false,
})

describe('gates', () => {
  test('C152: a call checks the gate of its agent, at the epoch it was admitted to', () => {
    expect(gateCheck(framework, AGENT)).toMatchObject({
      do: 'check',
      kind: 'gate',
      when: { name: 'epoch', epoch: EPOCH },
    })
    expect(gateCheck(framework, AGENT)).toEqual(gateCheck(framework, AGENT))
  })

  test('agents are spread over them, each gate stands once in a transaction', () => {
    const abouts = Array.from({ length: 50 }, (_, index) => `c-S${index}`)
    const indexes = gateChecks(framework, abouts).map((change) => 'index' in change.item && change.item.index)
    expect(indexes.toSorted()).toEqual([0, 1, 2, 3])
  })

  test('are raised each by itself, only forwards; those there already are left out', () => {
    const commits = raiseGates(framework, [undefined, gate(1, EPOCH - 1), gate(2, EPOCH), gate(3, EPOCH + 1)])
    expect(commits).toMatchObject([
      [
        {
          do: 'put',
          item: { index: 0, version: 0, epoch: EPOCH, removed: false },
          when: { name: 'raises', epoch: EPOCH },
        },
      ],
      [{ do: 'put', item: { index: 1, version: 1, epoch: EPOCH } }],
    ])
  })

  test('accept-after-teardown: a removal closes them for good', () => {
    const removed: Framework = { ...framework, state: 'removed', epoch: EPOCH + 1 }
    expect(raiseGates(removed, [gate(0, EPOCH)])[0]).toMatchObject([
      { item: { removed: true, epoch: EPOCH + 1 } },
    ])
  })
})

describe('disconnect', () => {
  const live = newFramework({ filterEpochs: { dev: firstOf(1) + 3 }, info: { failover_timeout: 60 } })
  const lease: Lease = {
    version: 8,
    frameworkId: live.frameworkId,
    epoch: EPOCH,
    holder: 'h',
    number: 4,
    renewedAt: 0,
    expiresAt: 0,
    lossesTold: 0,
  }

  test('C58, F52: raises epoch and filter epochs of every role', () => {
    const [after] = puts(disconnect({ framework: live }, 'closed', newContext()), 'framework')
    expect(after).toMatchObject({
      state: 'disconnected',
      epoch: EPOCH + 1,
      openWork: 'gates',
      filterEpochs: { dev: firstOf(1) + 4, ops: firstOf(1) + 1 },
    })
  })

  test.each([
    ['C51: closed by the client, timeout 0', 0, 'closed', 0],
    ['C52: closed by the client, timeout 60', 60, 'closed', 60_000],
    ['C151, F53: ended by us, timeout 0', 0, 'ended-by-us', 10_000],
    ['R10: a lease that lapsed', 60, 'lease-lapsed', 70_000],
    ['negative is none', -5, 'closed', 0],
    ['292 years do not overflow', 9.2e9, 'closed', 9.2e12],
  ] as const)('%s: removed after %s s', (_, failover_timeout, reason, ms) => {
    const one = newFramework({ info: { failover_timeout } })
    const [after] = puts(disconnect({ framework: one }, reason, newContext()), 'framework')
    expect(after?.removeAt).toBe(NOW + ms)
    expect(after !== undefined && isDue(after, NOW + ms)).toBe(true)
    expect(after !== undefined && isDue(after, NOW + ms - 1)).toBe(false)
  })

  test('lease-renewed-before-disconnect: a lapsed lease is checked to be the one judged', () => {
    expect(disconnect({ framework: live, lease }, 'lease-lapsed', newContext()).changes[1]).toMatchObject({
      do: 'check',
      kind: 'lease',
      item: { version: 8 },
      when: { name: 'unchanged' },
    })
    expect(touched(disconnect({ framework: live, lease }, 'closed', newContext()))).toEqual(['put framework'])
  })

  test('C53: a session that was followed by another is not ended', () => {
    expect(disconnect({ framework: live, epoch: EPOCH - 1 }, 'closed', newContext()).changes).toEqual([])
    const away = newFramework({ state: 'disconnected' })
    expect(disconnect({ framework: away }, 'closed', newContext()).answer).toBe('not connected')
  })
})

describe('removal', () => {
  test('raises the epoch, once, and leaves its work open', () => {
    const decision = remove(framework, newContext())
    const [removed] = puts(decision, 'framework')
    expect(removed).toMatchObject({ state: 'removed', epoch: EPOCH + 1, openWork: 'removal' })
    expect(remove(removed ?? framework, newContext()).answer).toBe('removed before')
    expect(workDone(removed ?? framework)).toMatchObject({
      item: { openWork: undefined },
      when: { name: 'unchanged' },
    })
  })

  const removed = newFramework({ state: 'removed' })
  const executor: Executor = {
    version: 1,
    agentId: AGENT,
    frameworkId: removed.frameworkId,
    executorId: 'e1',
    info: newExecutorInfo('e1'),
    role: 'dev',
    charged: [],
    wanted: 'run',
  }
  const custody = [
    { number: 1, uuid: 'u', status: { task_id: { value: 't2' }, state: 'TASK_RUNNING' as const }, at: NOW },
  ]
  const { ledger } = withOffer(newLedger({ sums: { [removed.frameworkId]: { dev: [] } } }), removed)
  const loaded = {
    framework: removed,
    ledger,
    tasks: [
      newTask('t1'),
      newTask('t2', { custody }),
      newTask('t3', { mesos: { ...newTask('t3').mesos, state: 'TASK_FAILED' } }),
    ],
    runs: [newRun('t1'), newRun('t2', { wanted: 'stop' })],
    executors: [executor],
  }

  test('C106: tasks are TASK_KILLED in the records, no update says so', () => {
    const decision = endTasks(loaded, newContext())
    expect(puts(decision, 'task').map(({ mesos, standing }) => [mesos.state, standing])).toEqual([
      ['TASK_KILLED', 'finished'],
      ['TASK_KILLED', 'finished'],
      ['TASK_FAILED', 'finished'],
    ])
    expect(puts(decision, 'task')[0]?.mesos.statuses?.at(-1)?.reason).toBe('REASON_FRAMEWORK_REMOVED')
    expect(puts(decision, 'mail')).toEqual([])
    expect(touched(decision).filter((each) => each === 'remove mail')).toHaveLength(1)
    expect(decision.answer).toBe('done')
    expectCommittable(decision)
  })

  test('the agent is told once to end all of them; offers go, charges stay until it reports', () => {
    const decision = endTasks(loaded, newContext())
    const after = ledgerOf(decision)
    expect(after.offers).toEqual({})
    expect(after.sums).toEqual(ledger.sums)
    expect(after.generation).toBe(ledger.generation + 1)
    expect(decision.tell[0]).toMatchObject({
      nudge: {
        tasks: [
          { taskId: 't1', wanted: 'end' },
          { taskId: 't2', wanted: 'end' },
        ],
        endExecutors: [{ executorId: 'e1' }],
      },
    })
  })

  test('twice does no harm', () => {
    const first = endTasks(loaded, newContext())
    const again = {
      framework: removed,
      ledger: ledgerOf(first),
      tasks: puts(first, 'task'),
      runs: puts(first, 'run'),
      executors: puts(first, 'executor'),
    }
    expect(endTasks(again, newContext())).toEqual({ changes: [], tell: [], answer: 'done' })
  })

  test('F55: on an agent that is away the wish is kept, and nobody is nudged', () => {
    const decision = endTasks({ ...loaded, ledger: { ...ledger, life: 'unreachable' } }, newContext())
    expect(puts(decision, 'run').map(({ wanted }) => wanted)).toEqual(['end', 'end'])
    expect(decision.tell.filter(({ tell }) => tell === 'agent')).toEqual([])
  })

  test('many tasks take several bounded pieces', () => {
    const ids = Array.from({ length: 100 }, (_, index) => `m${index}`)
    let state = { ...loaded, tasks: ids.map((id) => newTask(id)), runs: ids.map((id) => newRun(id)) }
    let pieces = 0
    for (let answer = 'more'; answer === 'more'; pieces++) {
      const decision = endTasks(state, newContext())
      expectCommittable(decision)
      answer = decision.answer
      const tasks = new Map(puts(decision, 'task').map((task) => [task.taskId, task]))
      const runs = new Map(puts(decision, 'run').map((run) => [run.taskId, run]))
      state = {
        ...state,
        ledger: puts(decision, 'ledger')[0] ?? state.ledger,
        tasks: state.tasks.map((task) => tasks.get(task.taskId) ?? task),
        runs: state.runs.map((run) => runs.get(run.taskId) ?? run),
        executors: [],
      }
    }
    expect(pieces).toBe(4)
    expect(state.tasks.every(({ standing }) => standing === 'finished')).toBe(true)
    expect(state.runs.every(({ wanted }) => wanted === 'end')).toBe(true)
  })
})
