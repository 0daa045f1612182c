// A framework is torn down while the list of an agent that comes back is being taken over: nothing of it lives on.
import { describe, expect, test } from 'vitest'
import type { Framework, ItemKind } from '../../master/model.ts'
import type { ExecutorReport, RegisterCall } from '../../protocol/agent-messages.ts'
import { all } from '../../store/store.ts'
import { scalar } from '../functions/agents/world.ts'
import { puts, type Stage, stage } from './stage.ts'

const EXECUTOR = [scalar('cpus', 0.2), scalar('mem', 64)]

/** The lost agent comes back with a task and with an executor that has no task. */
async function lost(): Promise<{ readonly on: Stage; readonly list: Partial<RegisterCall> }> {
  const on = await stage()
  const { agent, framework, w } = on
  await agent.launch(framework, ['t'])
  await agent.update('t', 'TASK_RUNNING')
  await w.run(5_000)
  agent.isUp = false
  await w.run(14_000)
  const executor: ExecutorReport = {
    frameworkId: framework.frameworkId,
    role: '*',
    resources: EXECUTOR,
    info: {
      executor_id: { value: 'e' },
      framework_id: { value: framework.frameworkId },
      command: { value: './executor' },
      resources: EXECUTOR,
    },
  }
  const sums = { [framework.frameworkId]: { '*': [scalar('cpus', 0.3), scalar('mem', 96)] } }
  return { on, list: { executors: [executor], sums } }
}

function taskRef({ frameworkId }: Framework) {
  return { frameworkId, shard: 0, taskId: 't' }
}

async function expectNothingLives({ agent, framework, w }: Stage): Promise<void> {
  expect(await w.store.get('framework', framework)).toMatchObject({ state: 'removed' })
  expect((await w.store.get('framework', framework))?.openWork).toBeUndefined()
  const found = await all(w.store, 'agent', { agentId: agent.id })
  const wanted = found.flatMap(({ kind, item }) =>
    kind === 'run' || kind === 'executor' ? [[kind, item.wanted]] : [],
  )
  expect(wanted).toEqual([
    ['executor', 'end'],
    ['run', 'end'],
  ])
  expect(await agent.task(framework, 't')).toMatchObject({
    standing: 'finished',
    mesos: { state: 'TASK_KILLED' },
  })
  expect(await w.mail(framework.frameworkId)).toEqual([])
  const list = await agent.sync()
  expect(list).toMatchObject({
    tasks: [{ taskId: 't', wanted: 'end' }],
    endExecutors: [{ executorId: 'e' }],
  })
  await w.check()
}

describe('teardown-against-reregistration', () => {
  test.each([
    ['the ledger says that it returns', 'agent'],
    ['its tasks live again', 'run'],
    ['its executors are known again', 'executor'],
  ] as const)('teardown-against-reregistration: just before %s', async (_, kind: ItemKind) => {
    const { on, list } = await lost()
    const paused = on.pause(puts(kind))
    const registered = on.agent.register(list)
    await paused.reached
    // All of the removal happens in between; its workers find nothing more to do.
    expect(await on.call({ type: 'TEARDOWN' })).toBe(202)
    paused.release()
    expect(await registered).toMatchObject({ kind: 'registered' })
    await expectNothingLives(on)
  })

  test.each([
    ['a task', 'run'],
    ['an executor', 'executor'],
  ] as const)(
    'teardown-against-reregistration: just before %s lives that only its agent knows',
    async (_, kind) => {
      const { on, list } = await lost()
      const { agent, framework, w } = on
      // The removal does not find it, and so writes nothing on this agent that would be in anybody's way.
      const [known] = agent.tasks.values()
      agent.tasks.clear()
      const unknown = known === undefined ? [] : [{ ...known, taskId: 'unknown' }]
      const call = kind === 'run' ? { tasks: unknown } : { ...list, tasks: [] }
      await w.store.commit(
        [{ do: 'remove', kind: 'task', item: taskRef(framework), when: { name: 'anything' } }],
        'forgotten',
      )
      const paused = on.pause(puts(kind))
      const registered = agent.register(call)
      await paused.reached
      expect(await on.call({ type: 'TEARDOWN' })).toBe(202)
      paused.release()
      expect(await registered).toMatchObject({ kind: 'registered' })
      const found = await all(w.store, 'agent', { agentId: agent.id }, kind)
      expect(found.map(({ item }) => item)).toMatchObject([{ wanted: 'end' }])
      expect(await w.store.get('task', { ...taskRef(framework), taskId: 'unknown' })).toBeUndefined()
      await w.check()
    },
  )

  test('teardown-against-reregistration: the removal, decided before, finds what has come back meanwhile', async () => {
    const { on, list } = await lost()
    const paused = on.pause(puts('framework', ({ state }) => state === 'removed'))
    const down = on.call({ type: 'TEARDOWN' })
    await paused.reached
    expect(await on.agent.register(list)).toMatchObject({ kind: 'registered' })
    paused.release()
    expect(await down).toBe(202)
    await expectNothingLives(on)
  })
})
