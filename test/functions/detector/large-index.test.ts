// Clusters whose index is read a fifteenth at a time: nobody is looked at later for it, and the guard still counts all.
import { expect, test } from 'vitest'
import type { Store } from '../../../store/store.ts'
import { type PlayedAgent, world } from '../agents/world.ts'

const AGENTS = 225

async function large() {
  const reads = { index: 0 }
  const w = await world({
    settings: { agentIndexShards: 15, beatShards: 5 },
    store: (store): Store => ({
      ...store,
      async query(partition, ref, options) {
        if (partition === 'agents') reads.index++
        return await store.query(partition, ref, options)
      },
    }),
  })
  const agents: PlayedAgent[] = []
  for (let index = 0; index < AGENTS; index++) agents.push(await w.agent())
  await w.run(5_000)
  return { w, agents, reads }
}

test('F1 R7 one index shard per tick while all is well, and the dead are told as soon as ever', {
  timeout: 60_000,
}, async () => {
  const { w, agents, reads } = await large()
  reads.index = 0
  await w.run(5_000)
  expect(reads.index).toBe(5)
  const [dead] = agents
  if (dead === undefined) return
  dead.isUp = false
  const died = dead.lastBeat
  while ((await w.losses()).length === 0) await w.run(1_000)
  expect(w.clock.now() - died).toBeLessThanOrEqual(9_000 + 3_000)
  expect(await w.losses()).toEqual([dead.id])
  // It is lost: nobody reads the whole index for its silence any more.
  reads.index = 0
  await w.run(3_000)
  expect(reads.index).toBeLessThanOrEqual(3 + 15)
})

test('F20 R8 the guard counts all agents of all shards', { timeout: 60_000 }, async () => {
  const { w, agents } = await large()
  for (const agent of agents.slice(0, 40)) agent.isUp = false
  await w.run(14_000)
  expect(await w.losses()).toHaveLength(40)
  // Now 185 are left, of which 37 may go at once; 60 are a mistake of ours.
  for (const agent of agents.slice(40, 100)) agent.isUp = false
  await w.run(13_000)
  expect(await w.losses()).toHaveLength(40)
  expect(w.logged.some((line) => line.startsWith('alarm') && line.includes('"of":185'))).toBe(true)
})

test('F74 every agent has its turn within a quarter of a minute, also one in a shard of an older setting', {
  timeout: 60_000,
}, async () => {
  const { w, agents } = await large()
  const framework = await w.framework()
  // As if it had registered when there was one shard.
  const ledgers = await Promise.all(agents.map((agent) => agent.ledger()))
  const index = ledgers.findIndex(({ indexShard }) => indexShard !== 0)
  const [first, before] = [agents[index], ledgers[index]]
  if (first === undefined || before === undefined) return
  const others = agents.filter((agent) => agent !== first)
  const entry = await w.store.get('agent', { agentId: first.id, shard: before.indexShard })
  if (entry === undefined) return
  await w.store.commit(
    [
      { do: 'remove', kind: 'agent', item: entry, when: { name: 'anything' } },
      { do: 'put', kind: 'agent', item: { ...entry, version: 0, shard: 0 }, when: { name: 'anything' } },
      { do: 'put', kind: 'ledger', item: { ...before, indexShard: 0 }, when: { name: 'unchanged' } },
    ],
    'moved',
  )
  const offered = [first, ...others.slice(0, 20)]
  for (const agent of offered) {
    await agent.offered(framework, { isSaid: true })
    const ledger = await agent.ledger()
    const offers = Object.fromEntries(
      Object.entries(ledger.offers).map(([id, offer]) => [id, { ...offer, expiresAt: w.clock.now() + 500 }]),
    )
    const item = { ...ledger, offers }
    await w.store.commit(
      [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }],
      `expiry of ${agent.id}`,
    )
  }
  await w.run(15_000)
  for (const agent of offered) expect((await agent.ledger()).offers).toEqual({})
})

test('F1 F2 an agent whose first beats are lost is asked before it is given up, and given up if it does not answer', {
  timeout: 60_000,
}, async () => {
  const { w } = await large()
  const answering = await w.agent()
  const dead = await w.agent()
  answering.isUp = dead.isUp = false
  let asked = 0
  for (let second = 0; second < 45; second++) {
    await w.run(1_000)
    if (!(await answering.nudges()).some(({ kind }) => kind === 'call')) continue
    asked++
    await answering.sync()
  }
  expect(asked).toBeGreaterThan(0)
  expect((await answering.ledger()).life).toBe('active')
  expect(await w.losses()).toEqual([dead.id])
})
