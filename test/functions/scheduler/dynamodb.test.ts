// A whole session on the emulator of DynamoDB: what the store in memory forgives, the table would not.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finishOpenWork } from '../../../functions/scheduler/disconnect.ts'
import { offerMail, withdrawnMail } from '../../../master/mail.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { all, type Store } from '../../../store/store.ts'
import { AGENT, newEntry, newLedger, newTaskInfo, scalar, withOffer } from '../../master/calls/world.ts'
import { freshStore, startDynamo } from '../../store/emulator.ts'
import { openStream, send, startWorld, type World } from './world.ts'

let world: World
let store: Store
const stops: (() => unknown)[] = []

beforeAll(async () => {
  const dynamo = await startDynamo()
  const fresh = await freshStore(dynamo.endpoint)
  store = fresh.store
  world = await startWorld({ store })
  stops.push(() => world.close(), fresh.stop, dynamo.stop)
})
afterAll(async () => {
  for (const stop of stops) await stop()
})

test('SUBSCRIBE, OFFERS, an ACCEPT in pieces, reconciliation, RESCIND, TEARDOWN', async () => {
  const stream = await openStream(world, { info: { failover_timeout: 60 } })
  await stream.next('HEARTBEAT')
  const frameworkId = stream.frameworkId()
  const framework_id = { value: frameworkId }
  const own = await store.get('framework', { frameworkId })
  if (own === undefined) throw new Error('no such framework')
  const call = async (one: SchedulerCall) => (await send(world, one, { streamId: stream.streamId })).status
  const context = { now: world.clock.now(), newId: () => world.env.ids.random() }

  const total = [scalar('cpus', 100), scalar('mem', 100_000)]
  const { ledger, offerId } = withOffer(newLedger({ version: 0, total }), own, {
    expiresAt: context.now + 60_000,
  })
  const offer = { id: { value: offerId }, framework_id, agent_id: { value: AGENT }, hostname: 'h' }
  const placed = await store.commit(
    [
      { do: 'put', kind: 'ledger', item: ledger, when: { name: 'absent' } },
      { do: 'put', kind: 'agent', item: newEntry({ version: 0 }), when: { name: 'absent' } },
      offerMail(own, offer, context),
      offerMail(own, { ...offer, id: { value: 'other' }, agent_id: { value: 'S' } }, context),
    ],
    'placed',
  )
  expect(placed.kind).toBe('committed')
  const { offers } = await stream.next('OFFERS')
  expect(offers?.offers?.map(({ id }) => id.value).sort()).toEqual([offerId, 'other'].sort())

  const tasks = Array.from({ length: 100 }, (_, index) =>
    newTaskInfo(`t${index}`, { resources: [scalar('cpus', 0.5), scalar('mem', 32)] }),
  )
  const operations = [{ type: 'LAUNCH' as const, launch: { task_infos: tasks } }]
  expect(
    await call({ type: 'ACCEPT', framework_id, accept: { offer_ids: [{ value: offerId }], operations } }),
  ).toBe(202)
  expect(await all(store, 'tasks', { frameworkId, shard: 0 })).toHaveLength(100)
  expect(await call({ type: 'RECONCILE', framework_id, reconcile: {} })).toBe(202)
  const said = () => stream.events.filter(({ type }) => type === 'UPDATE').length
  await expect.poll(said, { timeout: 5_000 }).toBe(100)

  expect((await store.commit([withdrawnMail(own, 'other', context)], 'withdrawn')).kind).toBe('committed')
  expect((await stream.next('RESCIND')).rescind?.offer_id.value).toBe('other')
  expect(await call({ type: 'TEARDOWN', framework_id })).toBe(202)
  await stream.ended
  expect(await finishOpenWork(world.env, frameworkId)).toBe(true)
  expect(await all(store, 'mail', { frameworkId, shard: 0 })).toEqual([])
  expect(world.logged).toEqual([])
})
