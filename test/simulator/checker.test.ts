// The checkers themselves: each broken history is seen for what it is, and a sound one is left alone.
import { describe, expect, test } from 'vitest'
import { memoryQueues } from '../../functions/ports/queues-memory.ts'
import { AGENT, cpusMem, newFramework, newLedger, newRun, newTask } from '../master/calls/world.ts'
import { observedQueues } from './check-queues.ts'
import {
  digestedLedger,
  FRAMEWORK,
  firstOffer,
  type History,
  history,
  NOW,
  status,
  update,
} from './checker-world.ts'
import { SECRET } from './workloads.ts'

const MINUTE = 60_000

interface Broken {
  readonly name: string
  readonly breaks: string
  readonly how: (world: History) => void | Promise<void>
}

const BROKEN: readonly Broken[] = [
  {
    name: 'S1 more is charged than there is',
    breaks: 'S1',
    how: ({ put }) => put('ledger', newLedger({ sums: { f: { dev: cpusMem(5, 1) } } })),
  },
  {
    name: 'S2 an offer is back after it was used',
    breaks: 'S2',
    how: ({ put }) => {
      const { ledger } = firstOffer()
      put('ledger', ledger)
      put('ledger', newLedger())
      put('ledger', ledger)
    },
  },
  {
    name: 'S2 an offer is said twice',
    breaks: 'S2',
    how: ({ hears }) => {
      const { event } = firstOffer()
      hears(event)
      hears(event)
    },
  },
  {
    name: 'S3 a task is started twice',
    breaks: 'S3',
    how: ({ checker, machine }) => {
      checker.started(machine, 'f/t1')
      checker.started(machine, 'f/t1')
    },
  },
  {
    name: 'S3 a live task is not on the list of its agent',
    breaks: 'S3',
    how: ({ put, checker }) => {
      put('framework', newFramework())
      put('ledger', newLedger())
      put('task', newTask('t1'))
      checker.often(undefined)
    },
  },
  {
    name: 'S4 an end is followed by life',
    breaks: 'S4',
    how: ({ put }) => {
      put('task', withState('TASK_FINISHED'))
      put('task', withState('TASK_RUNNING'))
    },
  },
  {
    name: 'S4 a task moves back',
    breaks: 'S4',
    how: ({ put }) => {
      put('task', withState('TASK_RUNNING'))
      put('task', withState('TASK_STARTING'))
    },
  },
  {
    name: 'S5 a number is left out',
    breaks: 'S5',
    how: ({ put }) => {
      put('task', newTask('t1', { custody: [update(1)], lastUpdate: 1 }))
      put('task', newTask('t1', { custody: [update(1), update(3)], lastUpdate: 3 }))
    },
  },
  {
    name: 'S5 an update leaves custody without an acknowledgement',
    breaks: 'S5',
    how: ({ put }) => {
      put('framework', newFramework())
      put('task', newTask('t1', { custody: [update(1)], lastUpdate: 1 }))
      put('task', newTask('t1', { custody: [], lastUpdate: 1 }))
    },
  },
  {
    name: 'S5 an update is said before an older one is acknowledged',
    breaks: 'S5',
    how: ({ put, hears }) => {
      put('task', newTask('t1', { custody: [update(1)], lastUpdate: 1 }))
      put('task', newTask('t1', { custody: [update(1), update(2)], lastUpdate: 2 }))
      hears({ type: 'UPDATE', update: { status: update(2).status } })
    },
  },
  {
    name: 'S5 an agent reports another update under a number',
    breaks: 'S5',
    how: ({ reports }) => {
      reports(1, 'one')
      reports(1, 'two')
    },
  },
  {
    name: 'S7 life is said behind an end',
    breaks: 'S7',
    how: ({ put, hears }) => {
      const end = update(1, 'TASK_FINISHED')
      put('task', newTask('t1', { custody: [end], lastUpdate: 1 }))
      hears({ type: 'UPDATE', update: { status: end.status } })
      hears({ type: 'UPDATE', update: { status: status('TASK_RUNNING') } })
    },
  },
  {
    name: 'S7 a word leaves the mailbox unsaid',
    breaks: 'S7',
    how: ({ put, remove }) => {
      put('framework', newFramework())
      const where = { frameworkId: FRAMEWORK, shard: 0, key: 'WORD#t1' }
      const body = { kind: 'word', status: status('TASK_UNREACHABLE') } as const
      put('mail', { version: 0, ...where, tag: 'a', at: NOW, body })
      remove('mail', where)
    },
  },
  {
    name: 'S7 a loss is not told',
    breaks: 'S7',
    how: async ({ put, checker, beats, subscribes, pass }) => {
      subscribes()
      put('ledger', newLedger())
      beats()
      await pass(5 * MINUTE)
      put('ledger', newLedger({ life: 'unreachable', lossNumber: 1 }))
      await pass(5 * MINUTE)
      checker.often(undefined)
    },
  },
  {
    name: 'S8 an epoch falls',
    breaks: 'S8',
    how: ({ put }) => {
      const gate = { version: 1, frameworkId: FRAMEWORK, index: 0, removed: false }
      put('gate', { ...gate, epoch: 3 })
      put('gate', { ...gate, epoch: 2 })
    },
  },
  {
    name: 'S8 an incarnation falls',
    breaks: 'S8',
    how: ({ put }) => {
      put('ledger', newLedger({ incarnation: 2 }))
      put('ledger', newLedger({ incarnation: 1 }))
    },
  },
  {
    name: 'S8 what was heard of an agent moves back (F22)',
    breaks: 'S8',
    how: ({ put }) => {
      const record = { incarnation: 1, number: 1, applied: 0, digest: '' }
      const beats = { version: 1, shard: 0, canary: { number: 1, stamp: NOW }, hearingSince: NOW }
      put('beats', { ...beats, agents: { [AGENT]: { ...record, stamp: NOW } } })
      put('beats', { ...beats, agents: { [AGENT]: { ...record, stamp: NOW - 1 } } })
    },
  },
  {
    name: 'S9 a task is stopped and nobody asked',
    breaks: 'S9',
    how: ({ put }) => {
      put('framework', newFramework())
      put('run', newRun('t1', { answerBy: NOW + 10 * MINUTE }))
      put('run', newRun('t1', { answerBy: NOW + 10 * MINUTE, wanted: 'stop', kills: 1 }))
    },
  },
  {
    name: 'S10 an agent has other resources under the same incarnation',
    breaks: 'S10',
    how: ({ put }) => {
      put('ledger', newLedger())
      put('ledger', newLedger({ total: cpusMem(8, 4096) }))
    },
  },
  {
    name: 'S13 a refused amount is offered again',
    breaks: 'S13',
    how: ({ put }) => {
      put('framework', newFramework())
      const { ledger } = firstOffer()
      const resources = ledger.total
      const refusal = {
        frameworkId: FRAMEWORK,
        role: 'dev',
        resources,
        until: NOW + 10 * MINUTE,
        filterEpoch: 0,
      }
      put('ledger', newLedger({ refusals: [refusal] }))
      put('ledger', ledger)
    },
  },
  {
    name: 'S14 an agent is back from the dead',
    breaks: 'S14',
    how: ({ put }) => {
      put('ledger', newLedger({ life: 'gone' }))
      put('ledger', newLedger({ life: 'returning' }))
    },
  },
  {
    name: 'S15 an agent is marked before its timeout (F1)',
    breaks: 'S15',
    how: async ({ put, beats, pass }) => {
      put('ledger', newLedger())
      beats()
      await pass(MINUTE)
      put('ledger', newLedger({ life: 'unreachable', lossNumber: 1 }))
    },
  },
  {
    name: 'S15 an agent is marked for an outage of ours (F21)',
    breaks: 'S15',
    how: async ({ put, beats, pass, weather }) => {
      put('ledger', newLedger())
      beats()
      weather.takeAway('queues', 4 * MINUTE)
      await pass(4 * MINUTE)
      put('ledger', newLedger({ life: 'unreachable', lossNumber: 1 }))
    },
  },
  {
    name: 'S15 everybody is marked at once (F20)',
    breaks: 'S15',
    how: async ({ put, beats, pass }) => {
      const agents = Array.from({ length: 6 }, (_, index) => `${AGENT}${index}`)
      for (const agentId of agents) {
        put('ledger', newLedger({ agentId }))
        beats(agentId)
      }
      await pass(80_000)
      for (const agentId of agents) put('ledger', newLedger({ agentId, life: 'unreachable', lossNumber: 1 }))
    },
  },
  {
    name: 'S17 a framework is removed before its time',
    breaks: 'S17',
    how: async ({ put, subscribes, pass }) => {
      const info = { failover_timeout: 600 }
      put('framework', newFramework({ info }))
      subscribes()
      await pass(MINUTE)
      put('framework', newFramework({ info, state: 'removed', version: 4 }))
    },
  },
  {
    name: 'S17 a removed framework begins a task',
    breaks: 'S17',
    how: ({ put, checker }) => {
      checker.torndown(FRAMEWORK)
      put('framework', newFramework({ state: 'removed' }))
      put('gate', { version: 1, frameworkId: FRAMEWORK, index: 0, removed: true, epoch: 9 })
      put('task', newTask('t1'))
    },
  },
  {
    name: 'S18 less is charged than the tasks have',
    breaks: 'S18',
    how: ({ put }) => {
      put('run', newRun('t1'))
      put('ledger', newLedger())
    },
  },
  {
    name: 'S18 a digest is of another list',
    breaks: 'S18',
    how: ({ put, checker }) => {
      put('ledger', newLedger({ digest: '0000000000000001' }))
      checker.often(undefined)
    },
  },
  {
    name: 'S19 an old session hears updates long after a newer one began',
    breaks: 'S19',
    how: async ({ hears, subscribes, pass }) => {
      const old = subscribes()
      subscribes()
      await pass(3 * MINUTE)
      hears({ type: 'UPDATE', update: { status: status('TASK_RUNNING') } }, old)
    },
  },
  {
    name: 'S19 an offer of an older session is accepted',
    breaks: 'S19',
    how: ({ put, commit }) => {
      const { ledger } = firstOffer()
      put('ledger', ledger)
      put('gate', {
        version: 1,
        frameworkId: FRAMEWORK,
        index: 0,
        removed: false,
        epoch: Number.MAX_SAFE_INTEGER,
      })
      commit([
        { do: 'put', kind: 'ledger', item: newLedger(), when: { name: 'unchanged' } },
        { do: 'put', kind: 'run', item: newRun('t1', { charged: [] }), when: { name: 'absent' } },
      ])
    },
  },
  {
    name: 'S20 a call of a sound agent is refused',
    breaks: 'S20',
    how: ({ checker, machine, updates }) =>
      checker.refused(machine, updates([]), { status: 400, headers: {}, body: 'why' }),
  },
  {
    name: 'S22 a secret is logged',
    breaks: 'S22',
    how: ({ checker }) => checker.logged(`front 1: change {"value":"${SECRET}"}`),
  },
  {
    name: 'L1 a launch is not confirmed',
    breaks: 'L1',
    how: async ({ put, checker, pass }) => {
      const task = newTask('t1', { createdAt: NOW, mesos: withState('TASK_STAGING').mesos })
      const run = newRun('t1')
      put('framework', newFramework())
      put('run', run)
      put('ledger', digestedLedger([run]))
      put('task', task)
      await pass(6 * MINUTE)
      checker.often(NOW)
    },
  },
  {
    name: 'L3 a KILL ends nothing',
    breaks: 'L3',
    how: async ({ put, checker, pass, kills }) => {
      const run = newRun('t1')
      put('framework', newFramework())
      put('run', run)
      put('ledger', digestedLedger([run]))
      put('task', newTask('t1', { lastUpdate: 1 }))
      kills('t1')
      await pass(6 * MINUTE)
      checker.often(NOW)
    },
  },
  {
    name: 'L4 a reconciliation is not answered',
    breaks: 'L4',
    how: async ({ checker, framework, subscribes, pass }) => {
      const session = subscribes()
      await pass(2 * MINUTE)
      checker.reconciling(framework, session, ['t1'])
      await pass(2 * MINUTE)
      checker.often(NOW)
    },
  },
  {
    name: 'L5 a queue is not worked off',
    breaks: 'L5',
    how: async ({ checker, pass, clock }) => {
      const queues = observedQueues(memoryQueues(clock), checker)
      checker.often(NOW)
      await pass(3 * MINUTE)
      await queues.send('allocate', 'old')
      await pass(2 * MINUTE)
      await queues.receive('allocate', { waitMs: 0 })
    },
  },
  {
    name: 'F7 a lost agent is offered',
    breaks: 'F7',
    how: ({ put }) => {
      const { ledger } = firstOffer()
      put('ledger', newLedger({ life: 'unreachable' }))
      put('ledger', { ...ledger, life: 'unreachable' })
    },
  },
  {
    name: 'F27 an agent that starts again kills what is wanted',
    breaks: 'F27',
    how: ({ put, checker, machine }) => {
      put('framework', newFramework())
      put('run', newRun('t1', { agentId: machine.agentId ?? '' }))
      checker.orphaned(machine, `${FRAMEWORK}/t1`)
    },
  },
  {
    name: 'F74 an offer stands for ever',
    breaks: 'F74',
    how: async ({ put, checker, pass }) => {
      put('ledger', firstOffer().ledger)
      await pass(20 * MINUTE)
      checker.often(undefined)
    },
  },
  {
    name: 'F81 a deactivated agent is offered',
    breaks: 'F81',
    how: ({ put }) => {
      put('ledger', newLedger({ deactivated: true }))
      put('ledger', { ...firstOffer().ledger, deactivated: true })
    },
  },
]

function withState(state: 'TASK_STAGING' | 'TASK_STARTING' | 'TASK_RUNNING' | 'TASK_FINISHED') {
  const task = newTask('t1')
  return { ...task, mesos: { ...task.mesos, state } }
}

describe('checkers see what is broken', () => {
  test.for(BROKEN)('$name', async ({ breaks, how }) => {
    const world = history()
    await how(world)
    expect(world.checker.first?.invariant).toBe(breaks)
  })

  test('a sound history is left alone', async () => {
    const { put, checker, hears, subscribes, beats, pass, commit, kills } = history()
    const run = newRun('t1')
    put('framework', newFramework())
    const session = subscribes()
    put('ledger', newLedger())
    put('ledger', firstOffer().ledger)
    hears(firstOffer().event)
    const anything = { name: 'anything' } as const
    commit([
      { do: 'put', kind: 'run', item: run, when: anything },
      { do: 'put', kind: 'ledger', item: digestedLedger([run]), when: anything },
    ])
    put('task', newTask('t1', { mesos: withState('TASK_STAGING').mesos }))
    beats()
    put('task', newTask('t1', { custody: [update(1)], lastUpdate: 1 }))
    hears({ type: 'UPDATE', update: { status: update(1).status } })
    checker.acknowledging(FRAMEWORK, 't1', update(1).uuid)
    put('task', newTask('t1', { lastUpdate: 1 }))
    kills('t1')
    put('run', { ...run, wanted: 'stop', kills: 1 })
    commit([
      { do: 'remove', kind: 'run', item: run, when: anything },
      { do: 'put', kind: 'ledger', item: newLedger(), when: anything },
    ])
    put('task', { ...withState('TASK_FINISHED'), lastUpdate: 1, standing: 'finished' })
    await pass(3 * MINUTE)
    checker.often(NOW)
    expect(session.isOpen).toBe(true)
    expect(checker.first).toBeUndefined()
  })
})
