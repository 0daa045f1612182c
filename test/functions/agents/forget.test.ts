// Lists of lost agents stay bounded: by age, by count, and the queues of agents that are gone go too (F17, F18).
import { describe, expect, test } from 'vitest'
import { markAgentGone, unregister } from '../../../functions/agents/lifecycle.ts'
import { contextOf } from '../../../functions/cluster-time.ts'
import { loadReconcile } from '../../../functions/scheduler/loads.ts'
import { transact } from '../../../functions/transact.ts'
import { isForgettable, surplusOf } from '../../../master/agents/forget.ts'
import { reconcile } from '../../../master/calls/reconcile.ts'
import { nothing } from '../../../master/decision.ts'
import type { AgentEntry, Framework, Ledger } from '../../../master/model.ts'
import { newEntry, newLedger } from '../../master/calls/world.ts'
import { dying, persistently } from './dying.ts'
import { type PlayedAgent, type World, world } from './world.ts'

const DAY_MS = 24 * 3_600_000

async function isKnown(w: World, agent: PlayedAgent): Promise<boolean> {
  return (await w.store.get('ledger', { agentId: agent.id })) !== undefined
}

/** What an explicit reconciliation of a task on an agent is answered. */
async function asked(w: World, framework: Framework, agent: PlayedAgent, taskId: string) {
  const call = { tasks: [{ task_id: { value: taskId }, agent_id: { value: agent.id } }] }
  const context = await contextOf(w.env)
  await transact(w.env, {
    name: 'reconcile',
    load: () => loadReconcile(w.env, framework.frameworkId, call),
    decide: (loaded) =>
      loaded === undefined ? nothing({ status: 400 as const, text: '' }) : reconcile(loaded, call, context),
  })
  const word = (await w.mail(framework.frameworkId)).find(
    (body) => body.kind === 'word' && body.status.task_id.value === taskId,
  )
  return word?.kind === 'word' ? word.status.state : undefined
}

async function hasQueue(w: World, { id }: PlayedAgent): Promise<boolean> {
  await w.env.queues.sendToAgent(id, '{"kind":"call"}')
  const found = await w.queues.receive({ agentId: id }, { waitMs: 0 }).catch(() => [])
  return found.length > 0
}

describe('by count', () => {
  test('F18 of each list the oldest are forgotten beyond its limit; reconciliation then says UNKNOWN', async () => {
    const w = await world({ settings: { registryMaxAgentCount: 2, maxExpiredShare: 1 } })
    const framework = await w.framework()
    const agents = []
    for (let index = 0; index < 4; index++) agents.push(await w.agent())
    await agents[0]?.launch(framework, ['t0'])
    await w.run(2_000)
    for (const agent of agents.slice(0, 3)) {
      agent.isUp = false
      await w.run(14_000)
    }
    const [first, second, third, fourth] = agents
    if (first === undefined || second === undefined || third === undefined || fourth === undefined)
      throw Error()
    await w.run(2_000)
    expect(await Promise.all(agents.map((agent) => isKnown(w, agent)))).toEqual([false, true, true, true])
    expect(await asked(w, framework, first, 't0')).toBe('TASK_UNKNOWN')
    expect(await asked(w, framework, second, 't1')).toBe('TASK_UNREACHABLE')
    // Lists are apart: one that is gone counts with those that are gone.
    await markAgentGone(w.env, fourth.id)
    await w.run(2_000)
    expect(await isKnown(w, fourth)).toBe(true)
    // F17: who comes back all the same is admitted with its id, and its task lives on.
    expect(await first.register()).toMatchObject({ kind: 'registered', agentId: first.id })
    expect((await first.task(framework, 't0'))?.standing).toBe('live')
  })

  test.each<[string, readonly Partial<AgentEntry>[], string[]]>([
    ['nothing lost', [{ agentId: 'a' }], []],
    [
      'as many as may be',
      [
        { agentId: 'a', life: 'gone' },
        { agentId: 'b', life: 'gone' },
      ],
      [],
    ],
    [
      'one too many',
      [
        { agentId: 'a', life: 'gone', lostAt: 3 },
        { agentId: 'b', life: 'gone', lostAt: 1 },
        { agentId: 'c', life: 'gone', lostAt: 2 },
        { agentId: 'd', life: 'unreachable', lostAt: 0 },
      ],
      ['b'],
    ],
    [
      'whose loss was before there were times of it',
      [
        { agentId: 'a', life: 'removed', lostAt: 3 },
        { agentId: 'b', life: 'removed' },
        { agentId: 'c', life: 'removed', lostAt: 2 },
      ],
      ['b'],
    ],
  ])('chosen are the oldest: %s', (_, entries, surplus) => {
    const settings = { registryMaxAgentAgeMs: DAY_MS, registryMaxAgentCount: 2 }
    expect(surplusOf(entries.map(newEntry), settings)).toEqual(surplus)
  })
})

describe('by age', () => {
  const lost: Partial<Ledger> = { life: 'unreachable', lostAt: 0 }
  test.each<[string, Partial<Ledger>, boolean, boolean]>([
    ['lost long ago', lost, false, true],
    ['lost lately', { ...lost, lostAt: DAY_MS }, false, false],
    ['lost lately, one too many', { ...lost, lostAt: DAY_MS }, true, true],
    ['gone long ago', { ...lost, life: 'gone' }, false, true],
    ['unregistered long ago', { ...lost, life: 'removed' }, false, true],
    ['back again', { ...lost, life: 'active' }, true, false],
    ['just coming back', { ...lost, life: 'returning' }, true, false],
    [
      'not worked off yet',
      { ...lost, openWork: { kind: 'loss', lossNumber: 1, why: 'unreachable', at: 0 } },
      true,
      false,
    ],
    [
      'with an ACCEPT under way',
      { ...lost, holds: { a: { frameworkId: 'f', role: 'r', resources: [], expiresAt: 0 } } },
      true,
      false,
    ],
  ])('an agent %s', (_, change, isSurplus, expected) => {
    const settings = { registryMaxAgentAgeMs: DAY_MS, registryMaxAgentCount: 1 }
    expect(isForgettable(newLedger(change), { now: DAY_MS + 1, settings, isSurplus })).toBe(expected)
  })

  test('F18 gone and unregistered agents are forgotten after the set time, too, with their queues', async () => {
    const w = await world({ settings: { registryMaxAgentAgeMs: DAY_MS } })
    const framework = await w.framework()
    const [gone, left] = [await w.agent(), await w.agent()]
    await gone.launch(framework, ['t1'])
    await markAgentGone(w.env, gone.id)
    await unregister(w.env, { type: 'UNREGISTER', agentId: left.id, incarnation: left.incarnation })
    for (const agent of [gone, left]) agent.isUp = false
    await w.run(2_000)
    expect(await asked(w, framework, gone, 't9')).toBe('TASK_GONE_BY_OPERATOR')
    w.clock.move(DAY_MS)
    await w.run(2_000)
    for (const agent of [gone, left]) {
      expect(await isKnown(w, agent)).toBe(false)
      expect(await hasQueue(w, agent)).toBe(false)
    }
    expect(await asked(w, framework, gone, 't9')).toBe('TASK_UNKNOWN')
    expect((await w.store.query('agents', { shard: 0 })).found).toEqual([])
  })
})

test('F17 an agent that comes back while it is being forgotten keeps its id, its tasks and its queue', async () => {
  let back: (() => Promise<unknown>) | undefined
  const w = await world({ settings: { registryMaxAgentAgeMs: DAY_MS } })
  const { removeAgentQueue } = w.env.queues
  Object.assign(w.env.queues, {
    async removeAgentQueue(agentId: string) {
      await back?.()
      back = undefined
      await removeAgentQueue(agentId)
    },
  })
  const framework = await w.framework()
  const agent = await w.agent()
  await agent.launch(framework, ['t1'])
  agent.isUp = false
  await w.run(14_000)
  w.clock.move(DAY_MS)
  back = () => agent.register()
  await w.run(2_000)
  expect(await agent.ledger()).toMatchObject({ life: 'active' })
  expect(await agent.run(framework, 't1')).toBeDefined()
  expect(await hasQueue(w, agent)).toBe(true)
})

describe('the queue of an agent that is gone', () => {
  test('stays while it may still read in it that it is to end, then goes, and is not made again', async () => {
    const w = await world()
    const agent = await w.agent()
    await markAgentGone(w.env, agent.id)
    agent.isUp = false
    await w.run(60_000)
    expect(await hasQueue(w, agent)).toBe(true)
    w.clock.move(10 * 60_000)
    await w.run(2_000)
    expect(await hasQueue(w, agent)).toBe(false)
    expect((await agent.ledger()).isQueueRemoved).toBe(true)
    const { version } = await agent.ledger()
    await w.run(5_000)
    expect((await agent.ledger()).version).toBe(version)
    agent.reboot()
    expect(await agent.register()).toMatchObject({ kind: 'shutdown' })
    expect(await hasQueue(w, agent)).toBe(false)
  })
})

test('F18 F62 a worker that dies at any call leaves nothing that is not forgotten by the next one', async () => {
  for (let n = 0; ; n++) {
    const fired = []
    for (const when of ['before', 'after'] as const) {
      const faults = dying()
      const w = await world({ store: faults.wrap, settings: { registryMaxAgentAgeMs: DAY_MS } })
      const framework = await w.framework()
      const agent = await w.agent()
      await agent.launch(framework, ['t1', 't2'])
      agent.isUp = false
      await w.run(14_000)
      w.clock.move(DAY_MS)
      faults.arm(n, when)
      await persistently(() => w.run(4_000))
      fired.push(faults.fired())
      faults.arm(Number.POSITIVE_INFINITY, 'before')
      expect((await w.store.query('agent', { agentId: agent.id })).found, `died ${when} call ${n}`).toEqual(
        [],
      )
      expect((await w.store.query('agents', { shard: 0 })).found).toEqual([])
      expect(await hasQueue(w, agent)).toBe(false)
    }
    if (!fired.includes(true)) break
  }
}, 30_000)
