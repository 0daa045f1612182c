// What a tick finishes for others: offers, leases, failover timeouts, launches nobody answered.
import { describe, expect, test } from 'vitest'
import { isOver } from '../../../functions/detector/frameworks.ts'
import { disconnect } from '../../../functions/scheduler/disconnect.ts'
import { LAUNCH_ANSWER_MS } from '../../../master/limits.ts'
import type { Framework } from '../../../master/model.ts'
import { type World, world } from '../agents/world.ts'

const one = [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1 } }]

async function stored(w: World, { frameworkId }: Framework): Promise<Framework> {
  return (await w.store.get('framework', { frameworkId })) ?? expect.fail('no framework')
}

describe('offers', () => {
  test('F74 an offer older than the offer timeout is rescinded and its resources are free', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    const offerId = await agent.offered(framework, { resources: one })
    await w.run(299_000)
    expect(Object.keys((await agent.ledger()).offers)).toEqual([offerId])
    await w.run(2_000)
    expect((await agent.ledger()).offers).toEqual({})
    expect(await w.mail(framework.frameworkId)).toEqual([
      { kind: 'withdrawn', offerId, epoch: framework.epoch },
    ])
    const nudges = await w.queues.receive('allocate', { waitMs: 0 })
    expect(nudges.length).toBeGreaterThan(0)
  })
})

describe('sessions', () => {
  async function withoutReader(w: World, framework: Framework) {
    const lease = await w.store.get('lease', framework)
    if (lease === undefined) throw new Error('no lease')
    const item = { ...lease, expiresAt: w.clock.now() + 5_000 }
    await w.store.commit([{ do: 'put', kind: 'lease', item, when: { name: 'unchanged' } }], 'token')
  }

  test('C52 R10 a lapsed lease counts after two unbroken ticks, and then the failover timeout runs', async () => {
    const w = await world()
    const framework = await w.framework()
    await w.run(2_000)
    await withoutReader(w, framework)
    await w.run(6_000)
    expect((await stored(w, framework)).state).toBe('connected')
    await w.run(3_000)
    expect((await stored(w, framework)).state).toBe('disconnected')
    await w.run(605_000)
    expect((await stored(w, framework)).state).toBe('disconnected')
    await w.run(10_000)
    expect((await stored(w, framework)).state).toBe('removed')
  })

  test('R10 an outage of ours ends no session', async () => {
    const w = await world()
    const framework = await w.framework()
    await w.run(2_000)
    await withoutReader(w, framework)
    w.clock.move(3_600_000)
    await w.run(1_000)
    expect((await stored(w, framework)).state).toBe('connected')
  })

  test('F48 F49 a failover timeout runs over unbroken ticks: after an outage a framework has it again', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['t1'])
    await w.run(2_000)
    await disconnect(w.env, { ...framework, why: 'closed' })
    w.clock.move(3_600_000)
    await w.run(500_000)
    expect((await stored(w, framework)).state).toBe('disconnected')
    await w.run(120_000)
    expect(await stored(w, framework)).toMatchObject({ state: 'removed' })
    expect((await stored(w, framework)).openWork).toBeUndefined()
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'end' }] })
  })

  test.each([
    ['not disconnected', { state: 'connected', removeAt: 1 }, { at: 10, unbrokenSince: 0 }, false],
    [
      'time left',
      { state: 'disconnected', disconnectedAt: 1, removeAt: 11 },
      { at: 10, unbrokenSince: 0 },
      false,
    ],
    ['over', { state: 'disconnected', disconnectedAt: 1, removeAt: 9 }, { at: 10, unbrokenSince: 0 }, true],
    [
      'ticks broken',
      { state: 'disconnected', disconnectedAt: 1, removeAt: 9 },
      { at: 10, unbrokenSince: 5 },
      false,
    ],
    [
      'and whole again',
      { state: 'disconnected', disconnectedAt: 1, removeAt: 9 },
      { at: 13, unbrokenSince: 5 },
      true,
    ],
    [
      'a week, one gap',
      { state: 'disconnected', disconnectedAt: 1, removeAt: 6e8 },
      { at: 7e8, unbrokenSince: 6.9e8 },
      true,
    ],
  ] as const)('a removal is due: %s', async (_, framework, tick, due) => {
    const w = await world()
    expect(isOver({ ...(await w.framework()), ...framework }, tick)).toBe(due)
  })
})

describe('launches', () => {
  test('a committed launch nobody answered becomes a kill, not a verdict', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['silent', 'answered'], { started: true })
    await agent.update('answered', 'TASK_RUNNING')
    w.clock.move(LAUNCH_ANSWER_MS)
    await agent.beat()
    await w.run(62_000)
    expect(await agent.run(framework, 'silent')).toMatchObject({ wanted: 'stop', kills: 1 })
    expect(await agent.run(framework, 'answered')).toMatchObject({ wanted: 'run' })
    expect((await agent.task(framework, 'silent'))?.mesos.state).toBe('TASK_STAGING')
    await w.check()
  })
})
