// An agent is lost and comes back with its tasks while a turn of the allocator that saw it before is under way.
import { expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { add, equal, subtract } from '../../protocol/resources.ts'
import { scalar } from '../functions/agents/world.ts'
import { puts, type Stage, stage } from './stage.ts'

const USED = [scalar('cpus', 0.1), scalar('mem', 32)]
const makesOffers = puts('ledger', ({ offers }) => Object.keys(offers).length > 0)

/** What the agent has besides the task is offered, once, and nothing else. */
async function expectRestOffered({ agent, w }: Stage): Promise<void> {
  const ledger = await agent.ledger()
  expect(ledger.life).toBe('active')
  const offered = add(...Object.values(ledger.offers).map(({ resources }) => resources))
  expect(equal(offered, subtract(ledger.total, USED))).toBe(true)
  await w.check()
}

async function lose({ agent, w }: Stage): Promise<void> {
  agent.isUp = false
  await w.run(14_000)
  expect((await agent.ledger()).life).toBe('unreachable')
}

test('return-while-allocating: the turn saw the agent empty; it comes back with a task', async () => {
  const on = await stage()
  const { agent, framework, w } = on
  await w.run(5_000)
  const paused = on.pause(makesOffers)
  const turn = allocate(w.env)
  await paused.reached
  await agent.launch(framework, ['t'])
  await lose(on)
  await agent.register()
  paused.release()
  await turn
  await expectRestOffered(on)
})

test('return-while-allocating: the turn saw it before the loss and commits while its list is being taken', async () => {
  const on = await stage()
  const { agent, framework, w } = on
  await agent.launch(framework, ['t'])
  await w.run(5_000)
  const beforeOffers = on.pause(makesOffers)
  const turn = allocate(w.env)
  await beforeOffers.reached
  await lose(on)
  const beforeEnd = on.pause(
    puts('ledger', ({ life, openWork }) => life === 'active' && openWork === undefined),
  )
  const registered = agent.register()
  await beforeEnd.reached
  const sums = { [framework.frameworkId]: { '*': USED } }
  expect(await agent.ledger()).toMatchObject({ life: 'returning', openWork: { kind: 'return' }, sums })
  beforeOffers.release()
  await turn
  // All of its list is charged from the first write on, and nothing of it is offered until the list is whole.
  expect((await agent.ledger()).offers).toEqual({})
  await allocate(w.env)
  expect((await agent.ledger()).offers).toEqual({})
  beforeEnd.release()
  await registered
  await allocate(w.env)
  await expectRestOffered(on)
})
