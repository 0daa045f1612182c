// A handler of beats sleeps longer than its messages stay hidden: another one does its work, then it wakes and writes.
import { expect, test } from 'vitest'
import { puts, type Stage, stage } from './stage.ts'

async function beating(): Promise<Stage> {
  const on = await stage()
  await on.agent.launch(on.framework, ['t'])
  await on.w.run(5_000)
  return on
}

function beatsOf({ w }: Stage) {
  return w.store.get('beats', { shard: 0 })
}

/** The handler that reads what waits now stands still before its write. */
async function asleep(on: Stage) {
  const paused = on.pause(puts('beats'))
  const sleeper = on.w.hear()
  await paused.reached
  return {
    async wake() {
      paused.release()
      await sleeper
    },
  }
}

test('handler-outlives-visibility: what it writes when it wakes was written before, and nothing moves back', async () => {
  const on = await beating()
  await on.agent.beat()
  const handler = await asleep(on)
  await on.w.run(20_000)
  const before = await beatsOf(on)
  expect(before?.agents[on.agent.id]?.stamp).toBeGreaterThan(on.w.clock.now() - 4_000)
  await handler.wake()
  expect(await beatsOf(on)).toEqual(before)
  expect((await on.agent.ledger()).life).toBe('active')
})

test('handler-outlives-visibility: nobody is expired while its messages are hidden', async () => {
  const on = await beating()
  await on.agent.beat()
  const handler = await asleep(on)
  // The group waits behind the hidden messages; then all of it is read, and the agent was heard all the time.
  await on.w.run(5_000)
  expect((await beatsOf(on))?.canary.stamp).toBeLessThan(on.w.clock.now() - 4_000)
  await on.w.run(20_000)
  expect((await on.agent.ledger()).life).toBe('active')
  await handler.wake()
  await on.w.run(20_000)
  expect((await on.agent.ledger()).life).toBe('active')
})

test('handler-outlives-visibility, F22: a call it read long ago keeps no dead agent alive', async () => {
  const on = await beating()
  on.agent.isUp = false
  on.w.clock.move(4_000)
  await on.agent.sync()
  const calledAt = on.w.clock.now()
  const handler = await asleep(on)
  await on.w.run(8_000)
  await handler.wake()
  while ((await on.w.losses()).length === 0) await on.w.run(1_000)
  expect(on.w.clock.now() - calledAt).toBeLessThanOrEqual(9_000 + 3_000)
})
