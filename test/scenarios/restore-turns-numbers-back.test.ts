// A table goes back in time, agents and frameworks do not: all that is numbered from then on is newer than all before.
import { expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { contextOf } from '../../functions/cluster-time.ts'
import { detect } from '../../functions/detector/handler.ts'
import { transact } from '../../functions/transact.ts'
import { subscribe } from '../../master/calls/subscribe.ts'
import type { Change } from '../../master/decision.ts'
import { timelineOf } from '../../protocol/numbering.ts'
import { type Stage, stage } from './stage.ts'

/** Everything that is numbered and only grows. */
async function numbersOf({ w, agent, framework }: Stage) {
  const [ledger, session, tick, allocation] = await Promise.all([
    agent.ledger(),
    w.store.get('framework', framework),
    w.store.get('tick', {}),
    w.store.get('allocation', {}),
  ])
  if (session === undefined || tick === undefined || allocation === undefined)
    throw new Error('not all there')
  return { ledger, session, tick, allocation }
}

function plain({ ledger, session, tick, allocation }: Awaited<ReturnType<typeof numbersOf>>) {
  return {
    incarnation: ledger.incarnation,
    generation: ledger.generation,
    epoch: session.epoch,
    filterEpoch: session.filterEpochs['*'] ?? 0,
    tick: tick.number,
    fence: allocation.fence,
  }
}

/** One more of everything: a session, a revival, a tick, a turn, a boot, a launch. */
async function live(on: Stage, taskId: string): Promise<void> {
  const { w, agent, framework } = on
  const context = { ...(await contextOf(w.env)), streamId: 'stream' }
  const info = { ...framework.info, id: { value: framework.frameworkId } }
  await transact(w.env, {
    name: 'subscribe',
    load: async () => ({ framework: await w.store.get('framework', framework) }),
    decide: (loaded) => subscribe(loaded, { framework_info: info }, context),
  })
  expect(await on.call({ type: 'REVIVE' })).toBe(202)
  agent.reboot()
  agent.tasks.clear()
  await agent.register()
  w.clock.move(1_000)
  await detect(w.env)
  await allocate(w.env)
  const session = await w.store.get('framework', framework)
  // What the turn has offered is taken back, so that there is something to launch with.
  const ledger = await agent.ledger()
  const item = { ...ledger, offers: {} }
  await w.store.commit([{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }], `free ${taskId}`)
  await agent.launch(session ?? framework, [taskId])
}

test('restore-turns-numbers-back: a new timeline comes first in every number', async () => {
  const on = await stage()
  await live(on, 't0')
  const older = await numbersOf(on)
  for (const taskId of ['t1', 't2', 't3']) await live(on, taskId)
  const newest = await numbersOf(on)
  const before = plain(newest)

  // Some items of the table are as they were; the cluster's own says that it is another timeline.
  const { version, digest, sums } = newest.ledger
  const restored: Change[] = [
    {
      do: 'put',
      kind: 'ledger',
      // Its list is not turned back, and its ledger goes on to be of it.
      item: { ...older.ledger, version, digest, sums },
      when: { name: 'unchanged' },
    },
    {
      do: 'put',
      kind: 'framework',
      item: { ...older.session, version: newest.session.version },
      when: { name: 'unchanged' },
    },
    {
      do: 'put',
      kind: 'tick',
      item: { ...older.tick, version: newest.tick.version },
      when: { name: 'unchanged' },
    },
    {
      do: 'put',
      kind: 'allocation',
      item: { ...older.allocation, version: newest.allocation.version },
      when: { name: 'unchanged' },
    },
  ]
  await on.w.store.commit(restored, 'restored')
  Object.assign(on.w.env, { cluster: { ...on.w.env.cluster, timeline: 1 } })

  // What the agent says is of a future the table does not know: it is asked to register, under whatever boot.
  expect(await on.agent.sync()).toEqual({ kind: 'register-again' })
  await live(on, 't4')
  const after = plain(await numbersOf(on))
  for (const [name, number] of Object.entries(after)) {
    expect([name, timelineOf(number)]).toEqual([name, 1])
    expect([name, number > before[name as keyof typeof before]]).toEqual([name, true])
  }
})
