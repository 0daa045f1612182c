// An executor ends by itself while a launch on it is under way: whatever runs is charged, and the task is answered.
import { describe, expect, test } from 'vitest'
import type { ExecutorInfo } from '../../protocol/messages.ts'
import { all } from '../../store/store.ts'
import { type Machine, newMachine } from '../agent/machine.ts'
import { scalar } from '../functions/agents/world.ts'
import { type Stage, stage, taskInfos } from './stage.ts'

/** The decisions of both sides: calls and nudges go between them when the test says so. */
async function both() {
  const on = await stage()
  const { agent, framework, w } = on
  const machine = newMachine()
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  machine.put({
    input: 'registered',
    answer: {
      kind: 'registered',
      agentId: agent.id,
      incarnation: agent.incarnation,
      generation: agent.generation,
      beats: { queueUrl: 'b', group: '0', intervalMs: 1_000 },
      commands: { queueUrl: 'c' },
      silenceMs: 60_000,
    },
  })
  return {
    ...on,
    machine,
    async launch(taskId: string) {
      expect(await on.call(await launching(on, taskId))).toBe(202)
    },
    async nudge() {
      for (const nudge of await agent.nudges()) machine.put({ input: 'nudge', nudge })
    },
    async list() {
      const list = await agent.sync()
      if (list.kind !== 'wanted') return expect.fail('no list')
      machine.put({ input: 'list', list, incarnation: agent.incarnation })
    },
    begin: () => machine.put({ input: 'container-launched', containerId: containerOf(machine), pid: 1 }),
    end: () =>
      machine.put({
        input: 'container-ended',
        containerId: containerOf(machine),
        end: { kind: 'exit', value: 1 },
      }),
    /** @param isAnswered false: the answer is lost, all of it will be said again */
    async report(isAnswered = true) {
      const { exits, tasks } = machine.state
      const updates = [...tasks.values()].flatMap(({ pending }) => pending)
      const answer = await agent.updates(updates, { exits })
      if (!isAnswered || answer.kind !== 'answered') return
      machine.put({
        input: 'handed-in',
        updates: updates.map(({ taskId, frameworkId, number }) => ({
          key: `${frameworkId}/${taskId}`,
          number,
        })),
        results: answer.results,
        exits: exits.map(({ containerId }) => containerId),
        messages: 0,
        generation: answer.generation,
      })
    },
    executors: async () =>
      (await all(w.store, 'agent', { agentId: agent.id })).flatMap((found) =>
        found.kind === 'executor' ? [found.item] : [],
      ),
    failures: async () =>
      (await w.mail(framework.frameworkId)).filter(
        (body) => body.kind === 'notice' && 'event' in body && body.event.type === 'FAILURE',
      ),
  }
}

function containerOf({ state }: Machine): string {
  const [executor] = state.executors.values()
  return executor?.containerId.value ?? expect.fail('no executor is there')
}

function executorOf({ framework }: Stage): ExecutorInfo {
  return {
    type: 'CUSTOM',
    executor_id: { value: 'e' },
    framework_id: { value: framework.frameworkId },
    command: { value: './executor' },
    resources: [scalar('cpus', 0.2), scalar('mem', 64)],
  }
}

async function launching(on: Stage, taskId: string) {
  const resources = [scalar('cpus', 1), scalar('mem', 1_024)]
  const offerId = await on.agent.offered(on.framework, { isSaid: true, resources })
  const task_infos = taskInfos(on.agent, [taskId]).map(({ command: _, ...task }) => ({
    ...task,
    executor: executorOf(on),
  }))
  return {
    type: 'ACCEPT' as const,
    accept: {
      offer_ids: [{ value: offerId }],
      operations: [{ type: 'LAUNCH' as const, launch: { task_infos } }],
    },
  }
}

describe('executor-ends-during-launch', () => {
  test.each(['nudge', 'list'] as const)(
    'F84 S1 its end is told before the launch arrives by %s: the task is dropped, nothing runs uncharged',
    async (how) => {
      const on = await both()
      await on.launch('first')
      await on.nudge()
      on.begin()
      on.end()
      // Nobody knows yet that the executor ended.
      await on.launch('second')
      expect(await on.executors()).toHaveLength(1)
      await on.report()
      expect(await on.executors()).toEqual([])
      await on[how]()
      expect(on.machine.state.executors.size).toBe(0)
      expect(on.machine.updates('second').map(({ status }) => status)).toMatchObject([
        { state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', source: 'SOURCE_AGENT' },
      ])
      await on.report()
      expect(await on.failures()).toHaveLength(1)
      expect((await on.agent.ledger()).sums).toEqual({})
      await on.w.check()
    },
  )

  test('F84 S1 the launch arrives before its end is told: the same', async () => {
    const on = await both()
    await on.launch('first')
    await on.nudge()
    on.begin()
    on.end()
    await on.launch('second')
    await on.nudge()
    expect(on.machine.states('second')).toEqual(['TASK_DROPPED'])
    await on.report()
    expect(await on.executors()).toEqual([])
    expect(await on.failures()).toHaveLength(1)
    expect((await on.agent.ledger()).sums).toEqual({})
  })

  test('F36 S1 its end, said again after the answer was lost, does not uncharge the executor of a later launch', async () => {
    const on = await both()
    await on.launch('first')
    await on.nudge()
    on.begin()
    on.end()
    await on.report(false)
    expect(await on.executors()).toEqual([])
    await on.launch('second')
    await on.report()
    expect(await on.executors()).toHaveLength(1)
    await on.nudge()
    on.begin()
    expect(on.machine.states('second')).toEqual([])
    expect(await on.failures()).toHaveLength(1)
    on.end()
    await on.report()
    expect(await on.executors()).toEqual([])
    expect(await on.failures()).toHaveLength(2)
    expect((await on.agent.ledger()).sums).toEqual({})
    await on.w.check()
  })

  test('F36 a list that names the first launch last starts both under one executor', async () => {
    const on = await both()
    await on.launch('b-first')
    await on.launch('a-second')
    await on.list()
    expect([...on.machine.state.tasks.values()].map(({ taskId }) => taskId)).toEqual(['b-first', 'a-second'])
    expect(on.machine.states('a-second')).toEqual([])
    expect(on.machine.state.executors.size).toBe(1)
  })
})
