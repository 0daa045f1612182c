// Ticks that come late, twice, out of order or never; detectors that sleep in the middle; the removal rate limit.
import { describe, expect, test } from 'vitest'
import { detect } from '../../../functions/detector/handler.ts'
import type { Change } from '../../../master/decision.ts'
import type { Store } from '../../../store/store.ts'
import { type PlayedAgent, type World, world } from '../agents/world.ts'

async function alive(count: number, options: Parameters<typeof world>[0] = {}) {
  const w = await world(options)
  const agents: PlayedAgent[] = []
  for (let index = 0; index < count; index++) agents.push(await w.agent())
  await w.run(5_000)
  return { w, agents }
}

const tickOf = async (w: World) => (await w.store.get('tick', {})) ?? expect.fail('no tick')

describe('ticks', () => {
  test('H15 L2 a tick that comes after a later one moves nothing back and judges nobody by its own time', async () => {
    const { w, agents } = await alive(3)
    const before = await tickOf(w)
    await detect(w.env, { at: before.at - 60_000 })
    await w.hear()
    const after = await tickOf(w)
    expect(after.at).toBe(before.at)
    expect(after.number).toBeGreaterThan(before.number)
    expect(after.unbrokenSince).toBe(before.unbrokenSince)
    await w.run(12_000)
    expect(await w.losses()).toEqual([])
    for (const agent of agents) expect((await agent.ledger()).life).toBe('active')
  })

  test('H15 every tick three times, and one in three not at all: the dead are told in time, nobody else', async () => {
    const { w, agents } = await alive(4)
    const [dead] = agents
    if (dead === undefined) return
    dead.isUp = false
    const died = dead.lastBeat
    let told = 0
    for (let step = 0; step < 30 && told === 0; step++) {
      w.clock.move(1_000)
      for (const agent of agents)
        if (agent.isUp && w.clock.now() - agent.lastBeat >= 3_000) await agent.beat()
      if (step % 3 === 2) continue
      for (let twice = 0; twice < 3; twice++) await detect(w.env)
      await w.hear()
      if ((await w.losses()).length > 0) told = w.clock.now()
    }
    expect(told - died).toBeLessThanOrEqual(9_000 + 3_000)
    expect(await w.losses()).toEqual([dead.id])
  })

  test('H17 no ticks for an hour while agents live and die: nobody is judged by what nobody heard', async () => {
    const { w, agents } = await alive(3)
    const [dead] = agents
    if (dead === undefined) return
    dead.isUp = false
    w.clock.move(3_600_000)
    await w.run(8_000)
    expect(await w.losses()).toEqual([])
    await w.run(6_000)
    expect(await w.losses()).toEqual([dead.id])
  })

  test('paused-writer-commits-late, F23: a detector that sleeps before it marks finds its verdict void', async () => {
    let asleep: { wake(): void } | undefined
    const isMark = (change: Change) =>
      change.do === 'put' && change.kind === 'ledger' && change.item.life === 'unreachable'
    const { w, agents } = await alive(2, {
      store: (store): Store => ({
        ...store,
        async commit(changes, token) {
          if (changes.some(isMark) && asleep === undefined) {
            await new Promise<void>((resolve) => {
              asleep = { wake: resolve }
            })
          }
          return await store.commit(changes, token)
        },
      }),
    })
    const [agent] = agents
    if (agent === undefined) return
    agent.isUp = false
    const sleeper = w.run(14_000)
    while (asleep === undefined) await new Promise((resolve) => setImmediate(resolve))
    // It is heard while the detector sleeps; a minute later the detector goes on.
    await agent.beat()
    await w.hear()
    agent.isUp = true
    w.clock.move(60_000)
    asleep.wake()
    await sleeper
    await w.run(20_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([])
  })
})

describe('a suspect that answers', () => {
  test('F2 R15 whose answer is lost on its way is believed a second later, by its next one', async () => {
    const { w, agents } = await alive(2)
    const [agent] = agents
    if (agent === undefined) return
    agent.isUp = false
    await w.run(6_000)
    const lose = async () => {
      const batch = await w.queues.receive('heartbeats', { waitMs: 0 })
      expect(batch.some(({ body }) => body.includes('"call"'))).toBe(true)
      await w.queues.remove('heartbeats', batch)
    }
    for (let second = 0; second < 2; second++) {
      await agent.sync()
      await lose()
      await w.run(1_000)
    }
    // At once again would be too much: what is under way is not lost.
    await agent.sync()
    await agent.sync()
    const waiting = await w.queues.receive('heartbeats', { waitMs: 0 })
    expect(waiting.filter(({ body }) => body.includes('"call"'))).toHaveLength(1)
    await w.queues.putBack('heartbeats', waiting, 0)
    await w.run(4_000)
    expect((await agent.ledger()).life).toBe('active')
  })
})

describe('the removal rate limit', () => {
  test('F19 one per 20 s: the dead go one by one, and one that beats while it waits stays', async () => {
    const settings = { agentRemovalRateLimit: { removals: 1, intervalMs: 20_000 } }
    const { w, agents } = await alive(20, { settings })
    const dead = agents.slice(0, 4)
    for (const agent of dead) agent.isUp = false
    const lostAt: number[] = []
    let saved: PlayedAgent | undefined
    for (let second = 0; second < 75; second++) {
      await w.run(1_000)
      const lost = await w.losses()
      while (lostAt.length < lost.length) lostAt.push(w.clock.now())
      if (lost.length !== 2 || saved !== undefined) continue
      saved = dead.find(({ id }) => !lost.includes(id))
      if (saved !== undefined) saved.isUp = true
    }
    expect(lostAt).toHaveLength(3)
    for (const [index, at] of lostAt.entries()) {
      if (index > 0) expect(at - (lostAt[index - 1] ?? 0)).toBeGreaterThanOrEqual(20_000)
    }
    const left = [...agents.slice(4), ...(saved === undefined ? [] : [saved])]
    expect(left).toHaveLength(17)
    for (const agent of left) expect((await agent.ledger()).life).toBe('active')
  })
})
