// The table refuses the writes of one beat shard for minutes: its agents are not heard, and not given up for that.
import { expect, test } from 'vitest'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { type PlayedAgent, type World, world } from '../functions/agents/world.ts'
import { puts } from './stage.ts'

async function inTwoShards() {
  const throttle = { isOn: false }
  const w = await world({
    settings: { beatShards: 2 },
    store: (store): Store => ({
      ...store,
      async commit(changes, token) {
        const isRefused = throttle.isOn && puts('beats', ({ shard }) => shard === 1)(changes)
        if (isRefused) throw new StoreUnavailable('ProvisionedThroughputExceededException')
        return await store.commit(changes, token)
      },
    }),
  })
  const shards: PlayedAgent[][] = [[], []]
  while (shards.some((agents) => agents.length < 2)) {
    const agent = await w.agent()
    shards[(await agent.ledger()).beatShard]?.push(agent)
  }
  await w.run(5_000)
  return { w, throttle, written: shards[0] ?? [], refused: shards[1] ?? [] }
}

async function lives(agents: readonly PlayedAgent[]) {
  return await Promise.all(agents.map(async (agent) => (await agent.ledger()).life))
}

async function lostAt(w: World, agent: PlayedAgent, withinMs: number): Promise<number> {
  const from = w.clock.now()
  while (!(await w.losses()).includes(agent.id)) {
    expect(w.clock.now() - from).toBeLessThan(withinMs)
    await w.run(1_000)
  }
  return w.clock.now()
}

test('shard-of-beats-throttled: its agents stay, and those of other shards are judged in time', async () => {
  const { w, throttle, written, refused } = await inTwoShards()
  const [dead] = written
  if (dead === undefined) throw new Error('no agent')
  throttle.isOn = true
  dead.isUp = false
  const { lastBeat } = dead
  expect((await lostAt(w, dead, 20_000)) - lastBeat).toBeLessThanOrEqual(9_000 + 3_000)
  await w.run(5 * 60_000)
  expect(await w.losses()).toEqual([dead.id])
  expect(new Set(await lives(refused))).toEqual(new Set(['active']))
  throttle.isOn = false
  await w.run(30_000)
  expect(await w.losses()).toEqual([dead.id])
  expect((await w.store.get('beats', { shard: 1 }))?.canary.stamp).toBeGreaterThan(w.clock.now() - 2_000)
})

test('shard-of-beats-throttled: who died meanwhile is found as soon as the shard is written again', async () => {
  const { w, throttle, refused } = await inTwoShards()
  const [dead] = refused
  if (dead === undefined) throw new Error('no agent')
  throttle.isOn = true
  dead.isUp = false
  await w.run(60_000)
  expect(await w.losses()).toEqual([])
  throttle.isOn = false
  const from = w.clock.now()
  expect((await lostAt(w, dead, 5_000)) - from).toBeLessThanOrEqual(3_000)
  expect(await w.losses()).toEqual([dead.id])
})
