// An agent is lost, and comes back or does not: what is offered of it meanwhile, what was wished for it, who is new.
import { describe, expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { detect } from '../../functions/detector/handler.ts'
import { dying } from '../functions/agents/dying.ts'
import { type PlayedAgent, scalar, type World, world } from '../functions/agents/world.ts'
import { newProcess, type PlayedSession, playedSession } from './played-session.ts'
import { taskInfos } from './stage.ts'

/** Everything that happens by itself, each second by a process that was started just now. */
async function pass(w: World, agents: readonly PlayedAgent[], seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    w.clock.move(1_000)
    for (const agent of agents) await agent.beat()
    await detect(newProcess(w.env))
    await w.hear()
    await allocate(newProcess(w.env))
  }
}

interface Cast {
  readonly w: World
  readonly session: PlayedSession
  readonly agent: PlayedAgent
  readonly other: PlayedAgent
}

async function cast(): Promise<Cast> {
  const w = await world()
  const session = await playedSession(w)
  const [agent, other] = [await w.agent({ hostname: 'broken' }), await w.agent()]
  await agent.launch(session.framework, ['t1', 't2'])
  for (const id of ['t1', 't2']) await agent.update(id, 'TASK_RUNNING')
  for (const status of await session.statuses()) await session.acknowledge(status)
  await pass(w, [agent, other], 3)
  await session.look()
  return { w, session, agent, other }
}

/** Ids of the agents that were offered since the last look. */
async function offered({ session }: Cast): Promise<readonly string[]> {
  const events = await session.look()
  return events.flatMap(({ offers }) => (offers?.offers ?? []).map(({ agent_id }) => agent_id.value))
}

describe('an agent that is lost', () => {
  test('F7: nothing of it is offered while it is, also to who asks for more', async () => {
    const on = await cast()
    await pass(on.w, [on.other], 14)
    expect((await on.agent.ledger()).life).toBe('unreachable')
    const events = await on.session.look()
    expect(events.map(({ type }) => type)).toContain('RESCIND')
    await on.session.call({ type: 'REVIVE' })
    await playedSession(on.w, { name: 'hungry' })
    await pass(on.w, [on.other], 30)
    expect((await on.agent.ledger()).offers).toEqual({})
    expect(await offered(on)).not.toContain(on.agent.id)
  })

  test('F8: back with its id, its tasks live and what is free of it is offered within a second', async () => {
    const on = await cast()
    await pass(on.w, [on.other], 14)
    await on.session.look()
    await on.agent.register()
    await pass(on.w, [on.agent, on.other], 1)
    const events = await on.session.look()
    const back = events.flatMap(({ update }) => (update === undefined ? [] : [update.status]))
    expect(back.map(({ task_id, state }) => `${task_id.value} ${state}`).toSorted()).toEqual([
      't1 TASK_RUNNING',
      't2 TASK_RUNNING',
    ])
    expect(
      back.every(({ reason, uuid }) => reason === 'REASON_AGENT_REREGISTERED' && uuid === undefined),
    ).toBe(true)
    const agents = events.flatMap(({ offers }) =>
      (offers?.offers ?? []).map(({ agent_id }) => agent_id.value),
    )
    expect(agents).toContain(on.agent.id)
    await on.w.check()
  })

  test('F11, F12: a kill of meanwhile is done at the return, whoever has been started anew since', async () => {
    const on = await cast()
    await pass(on.w, [on.other], 14)
    expect(await on.session.call({ type: 'KILL', kill: { task_id: { value: 't1' } } })).toBe(202)
    await pass(on.w, [on.other], 120)
    on.agent.reboot()
    await on.agent.register()
    await pass(on.w, [on.agent, on.other], 2)
    const list = await on.agent.sync()
    expect(
      list.kind === 'wanted' && list.tasks.map(({ taskId, wanted }) => `${taskId} ${wanted}`).sort(),
    ).toEqual(['t1 stop', 't2 run'])
    await on.session.look()
    await on.agent.update('t1', 'TASK_KILLED')
    expect((await on.session.statuses()).map(({ state }) => state)).toEqual(['TASK_KILLED'])
    await on.w.check()
  })

  test('F15: repaired, with an empty disk, the machine is a new agent that is offered; the old one stays lost', async () => {
    const on = await cast()
    await pass(on.w, [on.other], 14)
    await on.session.look()
    const repaired = await on.w.agent({ hostname: 'broken' })
    expect(repaired.id).not.toBe(on.agent.id)
    await pass(on.w, [on.other, repaired], 2)
    expect(await offered(on)).toEqual([repaired.id])
    const [offerId = ''] = Object.keys((await repaired.ledger()).offers)
    const launch = { task_infos: taskInfos(repaired, ['again']) }
    const accept = { offer_ids: [{ value: offerId }], operations: [{ type: 'LAUNCH' as const, launch }] }
    expect(await on.session.call({ type: 'ACCEPT', accept })).toBe(202)
    expect(await repaired.sync()).toMatchObject({ tasks: [{ taskId: 'again', wanted: 'run' }] })
    expect((await on.agent.ledger()).life).toBe('unreachable')
    await on.w.check()
  })
})

describe('F26: five thousand tasks', () => {
  test('are lost and returned completely, though each worker dies after some calls', {
    timeout: 120_000,
  }, async () => {
    const deaths = dying()
    const w = await world({ store: deaths.wrap })
    const session = await playedSession(w)
    const resources = [scalar('cpus', 1_000), scalar('mem', 1_000_000)]
    const large = { agentInfo: { hostname: 'large', resources } }
    const agent = await w.agent({ register: false })
    await agent.register(large)
    const ids = Array.from({ length: 5_000 }, (_, index) => `t${index}`)
    await agent.launch(session.framework, ids)
    await w.run(3_000)
    agent.isUp = false
    let died = 0
    for (let second = 0; second < 60 && (await w.losses()).length === 0; second++) {
      deaths.arm(20 * second, second % 2 === 0 ? 'before' : 'after')
      await w.run(1_000).catch(() => undefined)
      if (deaths.fired()) died++
      deaths.arm(Number.POSITIVE_INFINITY, 'before')
    }
    expect(died).toBeGreaterThan(3)
    expect(await w.losses()).toEqual([agent.id])
    const told = (await session.statuses()).filter(({ state }) => state === 'TASK_UNREACHABLE')
    expect(told).toHaveLength(ids.length)
    expect(new Set(told.map(({ task_id }) => task_id.value)).size).toBe(ids.length)
    expect(await agent.ledger()).toMatchObject({ life: 'unreachable', sums: {} })
    while ((await agent.register(large)).kind !== 'registered') await w.run(1_000)
    agent.isUp = true
    await w.run(10_000)
    const back = (await session.statuses()).filter(({ state }) => state === 'TASK_RUNNING')
    expect(new Set(back.map(({ task_id }) => task_id.value)).size).toBe(ids.length)
    await w.check()
  })
})
