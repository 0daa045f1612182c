// A lost agent is back, and its last beat is long ago: it is judged by what came since its return, not by that beat.
import { expect, test } from 'vitest'
import { type Stage, stage } from './stage.ts'

async function longLost(): Promise<Stage> {
  const on = await stage()
  await on.agent.launch(on.framework, ['t'])
  await on.w.run(5_000)
  on.agent.isUp = false
  await on.w.run(60_000)
  expect((await on.agent.ledger()).life).toBe('unreachable')
  return on
}

test('expired-on-return: it has a whole timeout for its first beat', async () => {
  const on = await longLost()
  await on.agent.register()
  await on.w.run(8_000)
  expect((await on.agent.ledger()).life).toBe('active')
  expect(await on.w.losses()).toEqual([on.agent.id])
  // Silence counts again from there, and only from there.
  await on.w.run(4_000)
  expect((await on.agent.ledger()).life).toBe('unreachable')
  expect(await on.w.losses()).toEqual([on.agent.id, on.agent.id])
})

test('expired-on-return: nor does a backlog of canaries, read after it registered, expire it', async () => {
  const on = await longLost()
  await on.w.run(60_000, { deaf: true })
  await on.agent.register()
  on.agent.isUp = true
  await on.w.hear()
  await on.w.run(30_000)
  expect((await on.agent.ledger()).life).toBe('active')
  expect(await on.w.losses()).toEqual([on.agent.id])
})

test('expired-on-return: beats from before the loss, delivered late, speak for nobody', async () => {
  const on = await longLost()
  const { incarnation } = on.agent
  await on.agent.beat()
  await on.agent.register()
  expect(on.agent.incarnation).toBeGreaterThan(incarnation)
  await on.w.hear()
  const beats = await on.w.store.get('beats', { shard: 0 })
  expect(beats?.agents[on.agent.id]?.incarnation).toBe(incarnation)
  await on.w.run(12_000)
  expect((await on.agent.ledger()).life).toBe('unreachable')
})
