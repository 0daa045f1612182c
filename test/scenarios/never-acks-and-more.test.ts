// A framework that never acknowledges meets everything else: its agent dies or is gone, it is taken over, it is removed.
import { describe, expect, test } from 'vitest'
import { markAgentGone } from '../../functions/agents/lifecycle.ts'
import type { SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import { type PlayedAgent, type World, world } from '../functions/agents/world.ts'
import { again, type PlayedSession, playedSession } from './played-session.ts'

interface Cast {
  readonly w: World
  readonly mute: PlayedSession
  readonly agent: PlayedAgent
}

/** Two updates of a task in custody, the first of them said. */
async function cast(): Promise<Cast> {
  const w = await world()
  const mute = await playedSession(w)
  const agent = await w.agent()
  await agent.launch(mute.framework, ['t1'])
  await agent.update('t1', 'TASK_STARTING')
  await agent.update('t1', 'TASK_RUNNING')
  expect((await mute.statuses()).map(({ state }) => state)).toEqual(['TASK_STARTING'])
  await w.run(3_000)
  return { w, mute, agent }
}

const statesOf = (events: readonly SchedulerEvent[]) =>
  events.flatMap(({ update }) => (update === undefined ? [] : [update.status.state]))

/** Reads and acknowledges until nothing more comes: what it was told, in order. */
async function catchUp(session: PlayedSession): Promise<readonly TaskStatus[]> {
  const told: TaskStatus[] = []
  for (;;) {
    const some = await session.statuses()
    if (some.length === 0) return told
    told.push(...some)
    for (const status of some) if (status.uuid !== undefined) await session.acknowledge(status)
  }
}

describe('F40, F44: a framework that never acknowledges', () => {
  test('its agent is lost: told so, and after the return the old update again, before the newer one', async () => {
    const { w, mute, agent } = await cast()
    agent.isUp = false
    await w.run(14_000)
    expect(statesOf(await mute.look())).toEqual(['TASK_UNREACHABLE'])
    await agent.register()
    agent.isUp = true
    await w.run(2_000)
    const told = await catchUp(mute)
    expect(told.map(({ state }) => state).at(-1)).toBe('TASK_RUNNING')
    expect(told.filter(({ uuid }) => uuid !== undefined).map(({ state }) => state)).toEqual([
      'TASK_STARTING',
      'TASK_RUNNING',
    ])
    expect((await agent.task(mute.framework, 't1'))?.custody).toEqual([])
    await w.check()
  })

  test('its agent is gone: the end is told, and nothing of the task stays for ever once it does acknowledge', async () => {
    const { w, mute, agent } = await cast()
    await markAgentGone(w.env, agent.id)
    agent.isUp = false
    await w.run(3_000)
    expect(statesOf(await mute.look())).toContain('TASK_GONE_BY_OPERATOR')
    await w.run(120_000)
    const told = await catchUp(mute)
    expect(told.map(({ state }) => state)).not.toContain('TASK_UNREACHABLE')
    await w.run(3_000)
    const task = await agent.task(mute.framework, 't1')
    expect(task?.mesos.state).toBe('TASK_GONE_BY_OPERATOR')
    expect(await w.mail(mute.framework.frameworkId)).toEqual([])
    expect((await agent.ledger()).sums).toEqual({})
    await mute.call({ type: 'RECONCILE', reconcile: {} })
    expect(await mute.statuses()).toEqual([])
  })

  test('it is taken over: the successor gets what was never acknowledged, in order, each once', async () => {
    const { w, mute, agent } = await cast()
    await agent.update('t1', 'TASK_FINISHED')
    await w.run(300_000)
    const successor = await playedSession(w, again(mute))
    expect((await catchUp(successor)).map(({ state }) => state)).toEqual([
      'TASK_STARTING',
      'TASK_RUNNING',
      'TASK_FINISHED',
    ])
    expect(await agent.task(mute.framework, 't1')).toMatchObject({ standing: 'finished', custody: [] })
    await w.run(3_000)
    expect(await w.mail(mute.framework.frameworkId)).toEqual([])
  })

  test('it is torn down: its custody goes with it, and the agent keeps nothing', async () => {
    const { w, mute, agent } = await cast()
    await agent.update('t1', 'TASK_FINISHED')
    expect(await mute.call({ type: 'TEARDOWN' })).toBe(202)
    await w.run(3_000)
    expect(await w.mail(mute.framework.frameworkId)).toEqual([])
    expect(await agent.task(mute.framework, 't1')).toMatchObject({ standing: 'finished', custody: [] })
    expect((await agent.ledger()).sums).toEqual({})
    await w.check()
  })

  test('others do not wait for it: resources of its ended tasks are free, its agent can be used', async () => {
    const { w, mute, agent } = await cast()
    await agent.update('t1', 'TASK_FINISHED')
    expect((await agent.ledger()).sums).toEqual({})
    const other = await playedSession(w, { name: 'other' })
    await agent.launch(other.framework, ['o1'])
    await agent.update('o1', 'TASK_RUNNING')
    expect((await other.statuses()).map(({ state }) => state)).toEqual(['TASK_RUNNING'])
    expect(await mute.statuses()).toEqual([])
  })
})
