// Frameworks that go and come: what is kept for them, until when, and what happens when they do not come back.
import { describe, expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { detect } from '../../functions/detector/handler.ts'
import type { Framework } from '../../master/model.ts'
import { type PlayedAgent, type World, world } from '../functions/agents/world.ts'
import { again, newProcess, type PlayedSession, playedSession, refusedSession } from './played-session.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

interface Cast {
  readonly w: World
  readonly agent: PlayedAgent
  readonly first: PlayedSession
}

/** A framework with one running task, acknowledged. */
async function cast(info: Readonly<Record<string, unknown>> = {}): Promise<Cast> {
  const w = await world()
  const first = await playedSession(w, info)
  const agent = await w.agent()
  await agent.launch(first.framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  const [running] = await first.statuses()
  expect(await first.acknowledge(running ?? expect.fail('not told'))).toBe(202)
  await w.run(3_000)
  return { w, agent, first }
}

async function stored(w: World, { frameworkId }: Framework): Promise<Framework> {
  return (await w.store.get('framework', { frameworkId })) ?? expect.fail('no framework')
}

describe('back in time', () => {
  test('F47: the same id within failover_timeout has all its tasks, and the timer of before is nothing', async () => {
    const { w, agent, first } = await cast()
    await first.end('closed')
    await w.run(590_000)
    const second = await playedSession(w, again(first))
    expect(second.framework.frameworkId).toBe(first.framework.frameworkId)
    await w.run(60_000)
    expect((await stored(w, first.framework)).state).toBe('connected')
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'run' }] })
    expect(
      await second.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't1' } }] } }),
    ).toBe(202)
    expect(await second.statuses()).toMatchObject([{ task_id: { value: 't1' }, state: 'TASK_RUNNING' }])
    await w.check()
  })

  test('F45: an update of meanwhile is told, with its uuid, and again until it is acknowledged', async () => {
    const { w, agent, first } = await cast()
    await first.end('closed')
    await agent.update('t1', 'TASK_FINISHED')
    await w.run(30_000)
    const second = await playedSession(w, again(first))
    const [told] = await second.statuses()
    expect(told).toMatchObject({ state: 'TASK_FINISHED', uuid: expect.any(String) })
    await second.end('closed')
    const third = await playedSession(w, again(first))
    const [repeated] = await third.statuses()
    expect(repeated).toEqual(told)
    expect(await third.acknowledge(repeated ?? expect.fail())).toBe(202)
    const fourth = await playedSession(w, again(first))
    expect(await fourth.statuses()).toEqual([])
  })

  test('F45: so is the loss of an agent: UNREACHABLE and FAILURE', async () => {
    const { w, agent, first } = await cast()
    await first.end('closed')
    agent.isUp = false
    await w.run(14_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    const second = await playedSession(w, again(first))
    const events = await second.look()
    expect(events.flatMap(({ update }) => update?.status.state ?? [])).toEqual(['TASK_UNREACHABLE'])
    expect(events.flatMap(({ failure }) => failure?.agent_id?.value ?? [])).toEqual([agent.id])
    expect(await second.look()).toEqual([])
  })

  test('F44: what was taken is told although machine and framework were gone a second later', async () => {
    const { w, agent, first } = await cast()
    await agent.launch(first.framework, ['t2', 't3'])
    await agent.update('t1', 'TASK_FINISHED')
    await agent.update('t2', 'TASK_RUNNING')
    await agent.update('t2', 'TASK_FAILED')
    agent.isUp = false
    await w.run(1_000)
    await first.end('closed')
    await w.run(60_000)
    const second = await playedSession(w, again(first))
    const states = new Map<string, string[]>()
    for (let look = 0; look < 4; look++) {
      for (const status of await second.statuses()) {
        states.set(status.task_id.value, [...(states.get(status.task_id.value) ?? []), status.state])
        if (status.uuid !== undefined) await second.acknowledge(status)
      }
    }
    expect(states.get('t1')).toEqual(['TASK_FINISHED'])
    expect(states.get('t2')).toEqual(['TASK_RUNNING', 'TASK_FAILED'])
    expect(states.get('t3')).toEqual(['TASK_UNREACHABLE'])
    await w.check()
  })
})

describe('not back in time', () => {
  test('F48, F49: its tasks end and its id is refused, though each process was another at every tick', async () => {
    const { w, agent, first } = await cast({ failover_timeout: 60 })
    await first.end('closed')
    for (let second = 0; second < 64; second++) {
      w.clock.move(1_000)
      await agent.beat()
      await detect(newProcess(w.env))
      await w.hear()
      if (second === 57) expect((await stored(w, first.framework)).state).toBe('disconnected')
    }
    expect(await stored(w, first.framework)).toMatchObject({ state: 'removed' })
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'end' }] })
    expect(await refusedSession(w, again(first))).toBe('Framework has been removed')
  })

  test('F48, F55: on an agent that was lost meanwhile they end when it returns', async () => {
    const { w, agent, first } = await cast({ failover_timeout: 60 })
    agent.isUp = false
    await w.run(20_000)
    await first.end('closed')
    await w.run(120_000)
    expect((await stored(w, first.framework)).state).toBe('removed')
    agent.isUp = true
    await agent.register()
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'end' }] })
    await agent.update('t1', 'TASK_KILLED')
    expect((await agent.ledger()).sums).toEqual({})
    await w.check()
  })

  test('F55: TEARDOWN ends what runs, and on an agent that is lost what runs when it returns', async () => {
    const { w, agent, first } = await cast()
    const lost = await w.agent()
    await lost.launch(first.framework, ['t2'])
    await lost.update('t2', 'TASK_RUNNING')
    await w.run(3_000)
    lost.isUp = false
    await w.run(20_000)
    expect(await first.call({ type: 'TEARDOWN' })).toBe(202)
    await w.run(3_000)
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'end' }] })
    lost.isUp = true
    await lost.register()
    expect(await lost.sync()).toMatchObject({ tasks: [{ taskId: 't2', wanted: 'end' }] })
    expect(await refusedSession(w, again(first))).toBe('Framework has been removed')
  })

  test('F50: an id that was torn down is refused after two weeks too', async () => {
    const { w, agent, first } = await cast()
    expect(await first.call({ type: 'TEARDOWN' })).toBe(202)
    await agent.update('t1', 'TASK_KILLED')
    await w.run(3_000)
    for (let day = 0; day < 14; day++) {
      w.clock.move(DAY_MS)
      await w.run(2_000)
      expect(await refusedSession(w, again(first))).toBe('Framework has been removed')
    }
    expect(await w.mail(first.framework.frameworkId)).toEqual([])
  })

  test('F50: tombstones go after four weeks: the list of frameworks does not grow for ever', async () => {
    const { w, first } = await cast()
    expect(await first.call({ type: 'TEARDOWN' })).toBe(202)
    await w.run(3_000)
    w.clock.move(28 * DAY_MS)
    await w.run(3_000)
    expect((await w.store.query('frameworks', {})).found).toEqual([])
    expect(await w.store.get('gate', { ...first.framework, index: 0 })).toBeUndefined()
    expect(await w.store.get('lease', first.framework)).toBeUndefined()
    // Whoever comes with the id then is a new framework that begins anew.
    const other = await playedSession(w, again(first))
    expect(await other.call({ type: 'REVIVE' })).toBe(202)
    expect(await other.statuses()).toEqual([])
  })

  test('F53: failover_timeout 0 ends tasks when the client went, and ten seconds later when we ended a piece', async () => {
    const gone = await cast({ failover_timeout: 0 })
    await gone.first.end('closed')
    expect((await stored(gone.w, gone.first.framework)).state).toBe('removed')
    expect(await gone.agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'end' }] })

    const rotated = await cast({ failover_timeout: 0 })
    await rotated.first.end('ended-by-us')
    await rotated.w.run(8_000)
    const second = await playedSession(rotated.w, { ...again(rotated.first), failover_timeout: 0 })
    await rotated.w.run(30_000)
    expect((await stored(rotated.w, second.framework)).state).toBe('connected')
    expect(await rotated.agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'run' }] })
    await second.end('ended-by-us')
    await rotated.w.run(13_000)
    expect((await stored(rotated.w, second.framework)).state).toBe('removed')
  })
})

describe('two of them', () => {
  test('F51: the second takes over with what is in custody; calls of the first are refused and do nothing', async () => {
    const { w, agent, first } = await cast()
    await agent.update('t1', 'TASK_FINISHED')
    const [told] = await first.statuses()
    const second = await playedSession(w, again(first))
    expect(await first.acknowledge(told ?? expect.fail())).toBe(400)
    const kill = { type: 'KILL', kill: { task_id: { value: 't1' } } } as const
    expect(await first.call(kill)).toBe(400)
    expect(await first.call({ type: 'TEARDOWN' })).toBe(400)
    expect(await second.statuses()).toEqual([told])
    expect(await second.acknowledge(told ?? expect.fail())).toBe(202)
    // The end of the stream that was replaced ends no session.
    await first.end('closed')
    await w.run(3_000)
    expect((await stored(w, second.framework)).state).toBe('connected')
  })

  test('F52: what was offered to one that left reaches another within one round of allocation', async () => {
    const w = await world()
    const leaves = await playedSession(w, { name: 'leaves' })
    const agent = await w.agent()
    await w.run(2_000)
    await allocate(w.env)
    const [held] = Object.values((await agent.ledger()).offers)
    expect(held).toMatchObject({ frameworkId: leaves.framework.frameworkId })
    const stays = await playedSession(w, { name: 'stays' })
    await allocate(w.env)
    expect(await stays.look()).toEqual([])
    await leaves.end('closed')
    await allocate(w.env)
    expect((await stays.look()).map(({ type }) => type)).toEqual(['OFFERS'])
    const offers = Object.values((await agent.ledger()).offers)
    expect(offers.map(({ frameworkId }) => frameworkId)).toEqual([stays.framework.frameworkId])
    expect(offers[0]?.resources).toEqual(held?.resources)
    await w.check()
  })
})
