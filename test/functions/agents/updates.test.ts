// Updates go into custody: in order, once, and what frees resources counts at once.
import { describe, expect, test } from 'vitest'
import { contextOf } from '../../../functions/cluster-time.ts'
import { finishRemoval } from '../../../functions/scheduler/removal.ts'
import { transact } from '../../../functions/transact.ts'
import { acknowledge } from '../../../master/calls/acknowledge.ts'
import { remove } from '../../../master/frameworks/lifecycle.ts'
import type { Framework } from '../../../master/model.ts'
import type { TaskState } from '../../../protocol/messages.ts'
import { isEmpty } from '../../../protocol/resources.ts'
import { type PlayedAgent, type World, world } from './world.ts'

async function started(options: { isPartitionAware?: boolean } = {}) {
  const w = await world()
  const framework = await w.framework(options)
  const agent = await w.agent()
  await agent.launch(framework, ['t1'])
  return { w, framework, agent }
}

async function acknowledgeHead(w: World, framework: Framework, agent: PlayedAgent, taskId = 't1') {
  const head = (await agent.task(framework, taskId))?.custody[0]
  const call = { agent_id: { value: agent.id }, task_id: { value: taskId }, uuid: head?.uuid ?? '' }
  const context = await contextOf(w.env)
  await transact(w.env, {
    name: 'acknowledge',
    load: () => agent.task(framework, taskId),
    decide: (task) => acknowledge({ framework, task }, call, context),
  })
}

async function heads(w: World, framework: Framework) {
  return (await w.mail(framework.frameworkId)).flatMap((body) =>
    body.kind === 'update' ? [body.status.state] : [],
  )
}

describe('in order', () => {
  test('F39 F41 updates stand in line, only the head of it is said', async () => {
    const { w, framework, agent } = await started()
    expect(await agent.update('t1', 'TASK_STARTING')).toMatchObject({ results: ['taken'] })
    expect(await agent.update('t1', 'TASK_RUNNING')).toMatchObject({ results: ['taken'] })
    expect(await heads(w, framework)).toEqual(['TASK_STARTING'])
    const task = await agent.task(framework, 't1')
    expect(task).toMatchObject({
      lastUpdate: 2,
      mesos: { state: 'TASK_RUNNING', status_update_state: 'TASK_STARTING' },
    })
    await acknowledgeHead(w, framework, agent)
    expect(await heads(w, framework)).toEqual(['TASK_RUNNING'])
  })

  test('F39 a repeat is known, a number with a gap before it waits', async () => {
    const { framework, agent } = await started()
    const first = agent.report('t1', 'TASK_STARTING')
    const third = agent.report('t1', 'TASK_RUNNING', { number: 3 })
    expect(await agent.updates([first])).toMatchObject({ results: ['taken'] })
    expect(await agent.updates([first, third])).toMatchObject({ results: ['known', 'not-yet'] })
    expect((await agent.task(framework, 't1'))?.custody).toHaveLength(1)
  })

  test('late-copy-after-ack: a copy that comes after the acknowledgement changes nothing', async () => {
    const { w, framework, agent } = await started()
    const end = agent.report('t1', 'TASK_FINISHED')
    await agent.updates([end])
    await acknowledgeHead(w, framework, agent)
    const over = await agent.task(framework, 't1')
    expect(over?.standing).toBe('finished')
    expect(await agent.updates([end])).toMatchObject({ results: ['known'] })
    expect(await agent.task(framework, 't1')).toEqual(over)
    // Nor does it end a later task of the same name.
    await agent.launch(framework, ['t1'])
    expect(await agent.updates([end])).toMatchObject({ results: ['known'] })
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_STAGING')
  })

  test('F32 S2 an end under a number that was used: the machine lost the end of its logs, the framework hears it', async () => {
    const { w, framework, agent } = await started()
    await agent.update('t1', 'TASK_STARTING')
    await agent.update('t1', 'TASK_RUNNING')
    // What was not an end is a repeat, whatever it says.
    const again = agent.report('t1', 'TASK_RUNNING', { number: 1 })
    expect(await agent.updates([again])).toMatchObject({ results: ['known'] })
    const end = agent.report('t1', 'TASK_FAILED', { number: 2 })
    expect(await agent.updates([end])).toMatchObject({ results: ['taken'] })
    expect(await agent.updates([end])).toMatchObject({ results: ['known'] })
    for (const state of ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED']) {
      expect(await heads(w, framework)).toEqual([state])
      await acknowledgeHead(w, framework, agent)
    }
    expect((await agent.task(framework, 't1'))?.standing).toBe('finished')
  })

  test('F42 an acknowledgement with a wrong uuid changes nothing', async () => {
    const { w, framework, agent } = await started()
    await agent.update('t1', 'TASK_RUNNING')
    const before = await agent.task(framework, 't1')
    const call = { agent_id: { value: agent.id }, task_id: { value: 't1' }, uuid: 'AAAAAAAAAAAAAAAAAAAAAA==' }
    const context = await contextOf(w.env)
    const decision = acknowledge({ framework, task: before }, call, context)
    expect(decision.changes).toEqual([])
  })

  test('several updates of a task in one call', async () => {
    const { w, framework, agent } = await started()
    const states: TaskState[] = ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']
    const answer = await agent.updates(states.map((state) => agent.report('t1', state)))
    expect(answer).toMatchObject({ results: ['taken', 'taken', 'taken'] })
    expect((await agent.task(framework, 't1'))?.custody.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(await agent.run(framework, 't1')).toBeUndefined()
    await w.check()
  })

  test('thirty updates of thirty tasks are one transaction', async () => {
    const { w, framework, agent } = await started()
    const ids = Array.from({ length: 30 }, (_, index) => `many${index}`)
    await agent.launch(framework, ids)
    const answer = await agent.updates(ids.map((id) => agent.report(id, 'TASK_FINISHED')))
    expect(answer).toMatchObject({ results: ids.map(() => 'taken') })
    expect(await heads(w, framework)).toHaveLength(30)
    await w.check()
  })
})

describe('resources', () => {
  test('C100 F43 resources of a finished task are free before it is acknowledged, and only once', async () => {
    const { w, framework, agent } = await started()
    await agent.update('t1', 'TASK_RUNNING')
    await agent.update('t1', 'TASK_FINISHED')
    expect((await agent.ledger()).sums).toEqual({})
    expect(await agent.run(framework, 't1')).toBeUndefined()
    expect((await agent.task(framework, 't1'))?.standing).toBe('live')
    await w.check()
    const allocates = await w.queues.receive('allocate', { waitMs: 0 })
    expect(allocates.length).toBeGreaterThan(0)
  })

  test('F43 the newest state frees them even while an earlier update is missing', async () => {
    const { w, framework, agent } = await started()
    const answer = await agent.update('t1', 'TASK_FINISHED', { number: 3 })
    expect(answer).toMatchObject({ results: ['not-yet'] })
    expect((await agent.ledger()).sums).toEqual({})
    const run = await agent.run(framework, 't1')
    expect(isEmpty(run?.charged ?? [])).toBe(true)
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_FINISHED')
    for (const number of [1, 2]) await agent.update('t1', 'TASK_RUNNING', { number })
    await agent.update('t1', 'TASK_FINISHED', { number: 3 })
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_FINISHED')
    expect(await agent.run(framework, 't1')).toBeUndefined()
    await w.check()
  })

  test('R12 custody is bounded, and the newest state counts all the same', async () => {
    const { w, framework, agent } = await started()
    const results: unknown[] = []
    for (let number = 1; number <= 18; number++) {
      const answer = await agent.update('t1', number === 18 ? 'TASK_FAILED' : 'TASK_RUNNING', { number })
      if (answer.kind === 'answered') results.push(...answer.results)
    }
    expect(results.filter((result) => result === 'taken')).toHaveLength(16)
    const task = await agent.task(framework, 't1')
    expect(task).toMatchObject({ lastUpdate: 16, mesos: { state: 'TASK_FAILED' } })
    expect((await agent.ledger()).sums).toEqual({})
    await acknowledgeHead(w, framework, agent)
    expect(await agent.update('t1', 'TASK_RUNNING', { number: 17 })).toMatchObject({ results: ['taken'] })
    await w.check()
  })
})

describe('words', () => {
  test('F46 an end never changes', async () => {
    const { framework, agent } = await started()
    await agent.update('t1', 'TASK_FAILED')
    await agent.update('t1', 'TASK_RUNNING')
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_FAILED')
  })

  test.each([
    ['TASK_DROPPED', 'TASK_LOST'],
    ['TASK_GONE', 'TASK_LOST'],
    ['TASK_FAILED', 'TASK_FAILED'],
  ] as const)('%s reads %s without PARTITION_AWARE', async (exact, read) => {
    const { w, framework, agent } = await started({ isPartitionAware: false })
    await agent.update('t1', exact)
    expect(await heads(w, framework)).toEqual([read])
  })

  test('an update without uuid can never be acknowledged and is dropped', async () => {
    const { w, framework, agent } = await started()
    const report = agent.report('t1', 'TASK_RUNNING')
    const { uuid: _, ...status } = report.status
    expect(await agent.updates([{ ...report, status }])).toMatchObject({ results: ['known'] })
    expect(await heads(w, framework)).toEqual([])
  })
})

describe('removed frameworks', () => {
  test('F55 their tasks end quietly: known, released, nobody is told', async () => {
    const { w, framework, agent } = await started()
    const context = await contextOf(w.env)
    await transact(w.env, {
      name: 'remove',
      load: async () => (await w.store.get('framework', framework)) ?? expect.fail(),
      decide: (stored) => remove(stored, context),
    })
    await finishRemoval(w.env, framework.frameworkId)
    expect(await agent.sync()).toMatchObject({ kind: 'wanted', tasks: [{ taskId: 't1', wanted: 'end' }] })
    expect((await agent.ledger()).sums).not.toEqual({})
    expect(await agent.update('t1', 'TASK_RUNNING')).toMatchObject({ results: ['known'] })
    expect(await agent.run(framework, 't1')).toBeDefined()
    expect(await agent.update('t1', 'TASK_KILLED')).toMatchObject({ results: ['known'] })
    expect(await agent.run(framework, 't1')).toBeUndefined()
    expect((await agent.ledger()).sums).toEqual({})
    expect(await w.mail(framework.frameworkId)).toEqual([])
    await w.check()
  })
})

describe('executors', () => {
  test('F84 C104 an exit is FAILURE once, and what the executor was charged is free', async () => {
    const { w, framework, agent } = await started()
    const executor = {
      version: 0,
      agentId: agent.id,
      frameworkId: framework.frameworkId,
      executorId: 'e1',
      info: { executor_id: { value: 'e1' } },
      role: '*',
      charged: [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1 } }],
      wanted: 'run' as const,
    }
    const before = await agent.ledger()
    const sums = { ...before.sums, [framework.frameworkId]: { ...before.sums[framework.frameworkId] } }
    const both = [
      { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1.1 } },
      { name: 'mem', type: 'SCALAR' as const, scalar: { value: 32 } },
    ]
    const charged = { ...sums[framework.frameworkId], '*': both }
    await w.store.commit(
      [
        { do: 'put', kind: 'executor', item: executor, when: { name: 'absent' } },
        {
          do: 'put',
          kind: 'ledger',
          item: { ...before, sums: { ...sums, [framework.frameworkId]: charged } },
          when: { name: 'unchanged' },
        },
      ],
      'token',
    )
    const exit = { frameworkId: framework.frameworkId, executorId: 'e1', containerId: 'c1', status: 256 }
    for (let twice = 0; twice < 2; twice++) {
      expect(await agent.updates([], { exits: [exit] })).toMatchObject({ kind: 'answered', results: [] })
    }
    const failures = (await w.mail(framework.frameworkId)).filter(({ kind }) => kind === 'notice')
    expect(failures).toMatchObject([
      {
        event: {
          type: 'FAILURE',
          failure: { agent_id: { value: agent.id }, executor_id: { value: 'e1' }, status: 256 },
        },
      },
    ])
    expect((await agent.ledger()).sums).toEqual(before.sums)
    await w.check()
  })

  test('C105 messages reach the present session only', async () => {
    const { w, framework, agent } = await started()
    const message = { frameworkId: framework.frameworkId, executorId: 'e1', data: 'aGVsbG8=' }
    await agent.updates([], { messages: [message] })
    expect(await w.mail(framework.frameworkId)).toMatchObject([
      { kind: 'notice', epoch: framework.epoch, event: { type: 'MESSAGE', message: { data: 'aGVsbG8=' } } },
    ])
  })
})

describe('lists', () => {
  test('the whole list in pages that fit together, and anew when it has changed between them', async () => {
    const { framework, agent } = await started()
    for (const id of ['b1', 'b2', 'b3', 'b4', 'b5', 'b6']) await agent.launch(framework, [id])
    const first = await agent.sync()
    if (first.kind !== 'wanted') throw new Error(first.kind)
    expect(first.tasks).toHaveLength(7)
    expect(first.next).toBeUndefined()
    expect(first.frameworks.map(({ id }) => id?.value)).toEqual([framework.frameworkId])
    const stale = await agent.sync(`${first.generation - 1}:3`)
    expect(stale).toMatchObject({ generation: first.generation, tasks: first.tasks })
    const rest = await agent.sync(`${first.generation}:3`)
    expect(rest).toMatchObject({ tasks: first.tasks.slice(3) })
  })
})
