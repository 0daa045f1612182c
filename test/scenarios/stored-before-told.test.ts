// Nothing is told that does not stand in the table: the loss of an agent before any word of it.
import { expect, test } from 'vitest'
import type { Change } from '../../master/decision.ts'
import type { Store } from '../../store/store.ts'
import { world } from '../functions/agents/world.ts'
import { playedSession } from './played-session.ts'

/** True of what a framework is told of a loss: the words of its tasks, and the list all readers follow. */
function tells(change: Change): boolean {
  if (change.do !== 'put') return false
  if (change.kind === 'loss') return true
  return (
    change.kind === 'mail' &&
    change.item.body.kind === 'word' &&
    change.item.body.status.state === 'TASK_UNREACHABLE'
  )
}

/** Sees each commit that tells of a loss, and what the ledger said before it and in it. */
function watching(seen: (string | undefined)[], agentId: () => string): (store: Store) => Store {
  return (store) => ({
    ...store,
    async commit(changes, token) {
      if (changes.some(tells)) {
        const inside = changes.flatMap((change) =>
          change.do === 'put' && change.kind === 'ledger' ? [change.item.life] : [],
        )
        seen.push(inside[0] ?? (await store.get('ledger', { agentId: agentId() }))?.life)
      }
      return await store.commit(changes, token)
    },
  })
}

test('F3: that an agent is unreachable stands in the table before any framework is told of it', async () => {
  const seen: (string | undefined)[] = []
  let agentId = ''
  const w = await world({ store: watching(seen, () => agentId) })
  const session = await playedSession(w)
  await playedSession(w, { name: 'without tasks' })
  const agent = await w.agent()
  agentId = agent.id
  const ids = Array.from({ length: 60 }, (_, index) => `t${index}`)
  await agent.launch(session.framework, ids)
  await w.run(3_000)
  agent.isUp = false
  await w.run(15_000)
  expect(new Set(seen)).toEqual(new Set(['unreachable']))
  // More than one transaction, so that some are told after the fact and not with it.
  expect(seen.length).toBeGreaterThan(2)
  const told = (await session.look()).flatMap(({ update }) => update?.status.task_id.value ?? [])
  expect(told.toSorted()).toEqual(ids.toSorted())
})

test('F3: a worker that dies right behind the fact leaves the telling to the next one', async () => {
  let deaths = 0
  const w = await world({
    store: (store): Store => ({
      ...store,
      async commit(changes, token) {
        const result = await store.commit(changes, token)
        const isFact = changes.some(
          (change) => change.do === 'put' && change.kind === 'ledger' && change.item.life === 'unreachable',
        )
        if (isFact && deaths++ === 0) throw new Error('the worker died here')
        return result
      },
    }),
  })
  const session = await playedSession(w)
  const agent = await w.agent()
  await agent.launch(session.framework, ['t1'])
  await w.run(3_000)
  agent.isUp = false
  await w.run(20_000)
  expect(deaths).toBeGreaterThan(0)
  expect((await agent.ledger()).life).toBe('unreachable')
  const events = await session.look()
  expect(events.flatMap(({ update }) => update?.status.state ?? [])).toEqual(['TASK_UNREACHABLE'])
  expect(events.flatMap(({ failure }) => failure?.agent_id?.value ?? [])).toEqual([agent.id])
})
