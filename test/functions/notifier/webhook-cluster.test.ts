// A framework that is told by webhook runs its tasks on a whole cluster: R19, order per task, resends, the grace.
import { createHmac } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { Offer, SchedulerEvent } from '../../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../../cluster.ts'
import { commandTask, send, TestFramework } from '../../framework.ts'
import { type Hook, labels, recordsOf, type Session, startHook, subscribeDelivered, until } from './hook.ts'

let cluster: TestCluster | undefined
let hook: Hook | undefined

afterEach(async () => {
  await cluster?.stop()
  await hook?.close()
})

async function started(options: Parameters<typeof startCluster>[0] = {}) {
  hook = await startHook()
  cluster = await startCluster({ store: 'memory', ...options })
  return { hook, cluster }
}

/** Launches as many tasks as asked for and acknowledges what it hears, as a webhook's function does. */
function runsTasks(on: Hook, session: () => Session, tasks: readonly string[], command: string): void {
  const left = [...tasks]
  on.onPost = async ({ delivered }) => {
    for (const { event } of delivered.events) {
      const status = event.update?.status
      if (status?.uuid !== undefined) await session().acknowledge(status)
      for (const offer of event.offers?.offers ?? []) await use(offer)
    }
  }
  async function use(offer: Offer): Promise<void> {
    const some = left.splice(0, 4).map((id) => commandTask(offer, id, command))
    await session().call(
      some.length === 0
        ? { type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 3_600 } } }
        : {
            type: 'ACCEPT',
            accept: {
              offer_ids: [offer.id],
              operations: [{ type: 'LAUNCH', launch: { task_infos: some } }],
              filters: { refuse_seconds: 0 },
            },
          },
    )
  }
}

function states(events: Iterable<SchedulerEvent>, taskId: string): string[] {
  return [...events]
    .map(({ update }) => update?.status)
    .filter((status) => status?.task_id.value === taskId)
    .map((status) => status?.state ?? '')
}

const TEN = Array.from({ length: 10 }, (_, index) => `task-${index}`)

test('R19: ten tasks through a webhook: SUBSCRIBED and the end, each told in order, acknowledged once', async () => {
  const { hook, cluster } = await started()
  let session: Session | undefined
  runsTasks(hook, () => session as Session, TEN, 'true')
  session = await subscribeDelivered(cluster.url, labels('webhook', hook.url))
  expect(session.answer.status).toBe(200)
  expect(recordsOf(session.answer.text).map(({ type }) => type)).toEqual(['SUBSCRIBED'])
  const isOver = (id: string) => states(hook.taken.values(), id).includes('TASK_FINISHED')
  await until(() => TEN.every(isOver), 25_000)
  for (const id of TEN)
    expect([...new Set(states(hook.taken.values(), id))]).toEqual([
      'TASK_STARTING',
      'TASK_RUNNING',
      'TASK_FINISHED',
    ])
  const post = hook.posts[0]
  const mac = createHmac('sha256', session.secret ?? '').update(
    `${post?.headers['meseta-timestamp']}.${post?.body}`,
  )
  expect(post?.headers['meseta-signature']).toBe(`v1=${mac.digest('hex')}`)
  expect(post?.headers['meseta-event-id']).toBe(post?.delivered.events[0]?.id)
  expect(post?.delivered).toMatchObject({
    framework_id: { value: session.id },
    stream_id: session.streamId,
  })
  expect(post?.body).not.toContain(session.secret)
})

test('R10: an endpoint that is away beyond its grace ends the session; a new SUBSCRIBE is told everything anew', async () => {
  const { hook, cluster } = await started()
  const info = { ...labels('webhook', hook.url), failover_timeout: 3_600, id: { value: 'away' } }
  let session = await subscribeDelivered(cluster.url, info)
  runsTasks(hook, () => session, ['one'], 'sleep 1000')
  hook.onPost = async ({ delivered }) => {
    const [offer] = delivered.events.flatMap(({ event }) => event.offers?.offers ?? [])
    if (offer === undefined) return
    hook.onPost = undefined
    hook.always = 503
    await session.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: [commandTask(offer, 'one', 'sleep 1000')] } }],
      },
    })
  }
  await until(() => hook.always === 503 && hook.posts.length > 2)
  const state = async () => (await cluster.store.get('framework', { frameworkId: 'away' }))?.state
  await cluster.clock.advance(40_000)
  expect(await state()).toBe('connected')
  const lease = await cluster.store.get('lease', { frameworkId: 'away' })
  expect(lease?.notifying).toMatchObject({ why: 'answered 503', failures: expect.any(Number) })
  await cluster.clock.advance(40_000)
  const listed = async () => {
    const headers = { 'content-type': 'application/json' }
    return await send(`${cluster.url}/api/v1/meseta`, { headers, body: '{"type":"LIST_DELIVERIES"}' })
  }
  expect(JSON.parse((await listed()).text)).toEqual({
    type: 'LIST_DELIVERIES',
    deliveries: [expect.objectContaining({ framework_id: 'away', kind: 'webhook', connected: false })],
  })
  expect(await state()).toBe('disconnected')
  // Retried with growing pauses, not each tick.
  expect(hook.posts.length).toBeLessThan(20)
  hook.always = undefined
  hook.taken.forEach((_, id) => void (hook.taken as Map<string, SchedulerEvent>).delete(id))
  session = await subscribeDelivered(cluster.url, info)
  await until(() => states(hook.taken.values(), 'one').includes('TASK_STARTING'))
  expect(await state()).toBe('connected')
})

test('a framework with a stream is as before beside one whose webhook never answers', async () => {
  const { hook, cluster } = await started()
  hook.always = 'never'
  const framework = await TestFramework.subscribe(cluster.url, { info: { role: 'b' } })
  const offer = await framework.offerOf(0.1, 32)
  await subscribeDelivered(cluster.url, { ...labels('webhook', hook.url), role: 'a' })
  await framework.launch([offer], [commandTask(offer, 'mine', 'true')])
  await framework.update('mine', 'TASK_FINISHED')
  await until(() => hook.posts.length > 0)
  framework.close()
})

test('R11: an update without acknowledgement is delivered again at its due times, under another id', async () => {
  const { hook, cluster } = await started()
  const session = await subscribeDelivered(cluster.url, labels('webhook', hook.url))
  hook.onPost = async ({ delivered }) => {
    const [offer] = delivered.events.flatMap(({ event }) => event.offers?.offers ?? [])
    if (offer === undefined) return
    hook.onPost = undefined
    const task_infos = [commandTask(offer, 'one', 'sleep 1000')]
    const operations = [{ type: 'LAUNCH' as const, launch: { task_infos } }]
    await session.call({ type: 'ACCEPT', accept: { offer_ids: [offer.id], operations } })
  }
  const seen = () => states(hook.taken.values(), 'one').length
  await until(() => seen() === 1)
  await cluster.clock.advance(15_000)
  expect(seen()).toBe(2)
  await cluster.clock.advance(30_000)
  expect(seen()).toBe(3)
  expect(new Set(states(hook.taken.values(), 'one'))).toEqual(new Set(['TASK_STARTING']))
  expect((await cluster.store.get('framework', { frameworkId: session.id }))?.state).toBe('connected')
})

test('S22: what operators read says where events go, and never what they are signed with', async () => {
  const { hook, cluster } = await started({ agents: 0 })
  const { secret = '' } = await subscribeDelivered(cluster.url, labels('webhook', hook.url))
  expect(secret).toHaveLength(44)
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const texts = [
    (await cluster.get('/state')).text,
    (await cluster.get('/frameworks')).text,
    (await cluster.get('/flags')).text,
    (await cluster.operator({ type: 'GET_STATE' })).text,
    (await cluster.operator({ type: 'GET_FRAMEWORKS' })).text,
    (await cluster.operator({ type: 'GET_FLAGS' })).text,
    (await send(`${cluster.url}/api/v1/meseta`, { headers, body: '{"type":"LIST_DELIVERIES"}' })).text,
  ]
  for (const text of texts) expect(text).not.toContain(secret)
  expect(texts[1]).toContain(hook.url)
})
