// SUBSCRIBE, taking over, coming back, and calls of a session (C33, C34, C36–C50, C54, C55, C57, C58).
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Offer, SchedulerCall, TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import {
  commandTask,
  ENCODINGS,
  JSON_TYPE,
  PROTOBUF_TYPE,
  type SubscribeOptions,
  send,
  TestFramework,
} from '../framework.ts'
import { encoded, post, subscribeRaw } from './bytes.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { aMoment, count, isOffer, isRescind, runTask, until } from './waiting.ts'

onOneCluster()

/** SUBSCRIBE with the id of a framework that has one already. */
function again(
  { id, encoding }: TestFramework,
  { info, ...options }: SubscribeOptions = {},
): Promise<TestFramework> {
  return subscribe({ encoding, ...options, info: { id: { value: id }, failover_timeout: 60, ...info } })
}

interface Shown {
  readonly framework_info: Readonly<Record<string, unknown>> & { readonly id: { readonly value: string } }
  readonly connected: boolean
}

async function shown(): Promise<{ readonly live: readonly Shown[]; readonly completed: readonly Shown[] }> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { frameworks: live, completed_frameworks: completed } = (
    json as { get_frameworks: { frameworks: readonly Shown[]; completed_frameworks: readonly Shown[] } }
  ).get_frameworks
  return { live, completed }
}

async function shownOf({ id }: Pick<TestFramework, 'id'>): Promise<Shown | undefined> {
  return (await shown()).live.find(({ framework_info }) => framework_info.id.value === id)
}

/** Calls that change nothing when they are taken. */
const CALLS: readonly Omit<SchedulerCall, 'framework_id'>[] = [
  { type: 'REVIVE' },
  { type: 'DECLINE', decline: { offer_ids: [{ value: 'none' }] } },
  { type: 'ACCEPT', accept: { offer_ids: [{ value: 'none' }] } },
  { type: 'KILL', kill: { task_id: { value: 'none' } } },
  { type: 'RECONCILE', reconcile: {} },
  {
    type: 'ACKNOWLEDGE',
    acknowledge: {
      agent_id: { value: 'none' },
      task_id: { value: 'none' },
      uuid: Buffer.alloc(16).toString('base64'),
    },
  },
  { type: 'REQUEST', request: {} },
]

describe('the beginning of a session', () => {
  test.each(ENCODINGS)(
    'C33 (%s) 200, chunked, a stream id of at most 128 bytes, SUBSCRIBED with a new id',
    async (encoding) => {
      const ids = (await shown()).live.map(({ framework_info }) => framework_info.id.value)
      const [first, second] = [await subscribe({ encoding }), await subscribe({ encoding })]
      for (const framework of [first, second]) {
        expect(framework.status).toBe(200)
        expect(framework.headers['transfer-encoding']).toBe('chunked')
        expect(framework.headers['content-type']).toBe(encoding)
        expect(framework.streamId.length).toBeGreaterThan(0)
        expect(Buffer.byteLength(framework.streamId)).toBeLessThanOrEqual(128)
        expect(framework.events[0]).toMatchObject({
          type: 'SUBSCRIBED',
          subscribed: { framework_id: { value: framework.id } },
        })
        expect(framework.id).not.toBe('')
        expect(ids).not.toContain(framework.id)
        expect(await shownOf(framework)).toMatchObject({ connected: true })
      }
      expect(first.id).not.toBe(second.id)
      expect(first.streamId).not.toBe(second.streamId)
    },
  )

  test.each(ENCODINGS)('C34 (%s) the second event is HEARTBEAT, without delay', async (encoding) => {
    const framework = await subscribe({ encoding })
    const began = performance.now()
    await framework.next(({ type }) => type === 'HEARTBEAT', 2_000)
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(framework.events.slice(0, 2).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })

  test.each(ENCODINGS)(
    'C36 (%s) SUBSCRIBED names the interval of heartbeats and the master',
    async (encoding) => {
      const { events } = await subscribe({ encoding })
      expect(events[0]?.subscribed?.heartbeat_interval_seconds).toBe(15)
      const { port } = new URL(cluster.url)
      expect(events[0]?.subscribed?.master_info).toMatchObject({
        id: expect.stringMatching(/./),
        // 127.0.0.1 in network order, read as little endian.
        ip: 0x0100007f,
        port: Number(port),
        pid: `master@127.0.0.1:${port}`,
        hostname: '127.0.0.1',
        address: { ip: '127.0.0.1', port: Number(port) },
      })
    },
  )

  test.each(ENCODINGS)('C37 (%s) SUBSCRIBE carrying Mesos-Stream-Id is 400', async (encoding) => {
    const living = await subscribe({ encoding })
    const call = {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: { user: 'root', name: 'c37' } },
    } as const
    for (const streamId of ['anything', living.streamId, '']) {
      const head = { 'content-type': encoding, 'mesos-stream-id': streamId }
      expect((await post(cluster, encoded(call, encoding), head)).status).toBe(400)
    }
    expect((await shown()).live.filter(({ framework_info }) => framework_info.name === 'c37')).toEqual([])
  })

  test.each(ENCODINGS)('C38 (%s) framework_id differing from framework_info.id is 400', async (encoding) => {
    const info = { user: 'root', name: 'c38' }
    const [a, b] = [{ value: 'c38-a' }, { value: 'c38-b' }]
    const calls: readonly SchedulerCall[] = [
      { type: 'SUBSCRIBE', framework_id: a, subscribe: { framework_info: { ...info, id: b } } },
      { type: 'SUBSCRIBE', framework_id: a, subscribe: { framework_info: info } },
      { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, id: b } } },
    ]
    for (const call of calls) {
      const answer = await post(cluster, encoded(call, encoding), { 'content-type': encoding })
      expect(answer.status).toBe(400)
    }
    expect((await shown()).live.filter(({ framework_info }) => framework_info.name === 'c38')).toEqual([])
  })

  test('C38 one absent and the other empty is no difference: a new framework', async () => {
    const info = { user: 'root', name: 'c38', id: { value: '' } }
    const body = encoded({ type: 'SUBSCRIBE', subscribe: { framework_info: info } }, JSON_TYPE)
    const stream = await subscribeRaw(cluster, body, [`content-type: ${JSON_TYPE}`])
    await stream.until(/"SUBSCRIBED".*"framework_id":\{"value":"[^"]+"\}/)
    stream.end()
  })

  test('C39 two SUBSCRIBEs without id, even with the same name, make two frameworks', async () => {
    const info = { name: 'c39' }
    const both = await Promise.all([subscribe({ info }), subscribe({ info, encoding: PROTOBUF_TYPE })])
    const found = (await shown()).live.filter(({ framework_info }) => framework_info.name === 'c39')
    expect(new Set(found.map(({ framework_info }) => framework_info.id.value))).toEqual(
      new Set(both.map(({ id }) => id)),
    )
    expect(found).toHaveLength(2)
    // Neither took the other's place.
    for (const framework of both) expect((await framework.call({ type: 'REVIVE' })).status).toBe(202)
  })
})

const MULTI_ROLE = { capabilities: ['MULTI_ROLE'] } as const

describe.each(ENCODINGS)('%s', (encoding) => {
  test.each<[string, string, SubscribeOptions]>([
    ['C40', 'role and MULTI_ROLE', { info: { role: 'a' }, ...MULTI_ROLE }],
    ['C40', 'role, roles and MULTI_ROLE', { info: { role: 'a', roles: ['a'] }, ...MULTI_ROLE }],
    ['C41', 'roles without MULTI_ROLE', { info: { roles: ['a'] } }],
    ['C41', 'a role twice', { info: { roles: ['a', 'b', 'a'] }, ...MULTI_ROLE }],
    ['C41', 'a role with a space', { info: { roles: ['a b'] }, ...MULTI_ROLE }],
    ['C41', 'a role that begins with a dash', { info: { role: '-a' } }],
    ['C41', 'a role that begins with a slash', { info: { role: '/a' } }],
    ['C41', 'a role that ends with a slash', { info: { role: 'a/' } }],
    ['C41', 'an empty part', { info: { role: 'a//b' } }],
    ['C41', 'a dot for a part', { info: { role: 'a/..' } }],
    ['C41', 'a star for a part', { info: { role: 'a/*' } }],
    ['C41', 'no name', { info: { role: '' } }],
    ['C42', 'a suppressed role that is not its own', { info: { role: 'a' }, suppressedRoles: ['b'] }],
    ['C42', 'one of several', { info: { roles: ['a'] }, suppressedRoles: ['a', 'b'], ...MULTI_ROLE }],
  ])('%s %s is 200 with one ERROR, then the end', async (number, _, options) => {
    const before = await shown()
    const framework = await TestFramework.open(cluster.url, { ...options, encoding })
    expect([number, framework.status]).toEqual([number, 200])
    expect(framework.streamId).not.toBe('')
    await framework.untilEnd()
    expect(framework.events).toMatchObject([
      { type: 'ERROR', error: { message: expect.stringMatching(/./) } },
    ])
    const after = await shown()
    expect([after.live.length, after.completed.length]).toEqual([before.live.length, before.completed.length])
  })
})

test('C41 what is valid is taken: roles below roles, MULTI_ROLE without any', async () => {
  await subscribe({ info: { role: 'a/b/c' } })
  await subscribe({ info: { roles: ['a', 'a/b'] }, ...MULTI_ROLE, suppressedRoles: ['a'] })
  await subscribe(MULTI_ROLE)
})

describe('taking over', () => {
  test.each([
    [JSON_TYPE, JSON_TYPE],
    [JSON_TYPE, PROTOBUF_TYPE],
    [PROTOBUF_TYPE, JSON_TYPE],
    [PROTOBUF_TYPE, PROTOBUF_TYPE],
  ] as const)('C43 C44 F51 from %s to %s: the old stream ends, its calls are 400', async (from, to) => {
    const old = await subscribe({ encoding: from })
    await runTask(old, 'c43')
    const fresh = await again(old, { encoding: to, info: { failover_timeout: 0 } })
    await old.untilEnd()
    expect(old.events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } })
    expect(count(old, ({ type }) => type === 'ERROR')).toBe(1)
    expect(fresh.events[0]).toMatchObject({
      type: 'SUBSCRIBED',
      subscribed: { framework_id: { value: old.id } },
    })
    expect(fresh.streamId).not.toBe(old.streamId)

    for (const call of CALLS) expect([call.type, (await old.call(call)).status]).toEqual([call.type, 400])
    // Not even those whose effect would be seen.
    expect((await old.call({ type: 'KILL', kill: { task_id: { value: 'c43' } } })).status).toBe(400)
    expect((await old.call({ type: 'TEARDOWN' })).status).toBe(400)
    for (const call of CALLS) expect([call.type, (await fresh.call(call)).status]).toEqual([call.type, 202])
    await fresh.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'c43' } }] } })
    expect(await fresh.update('c43')).toMatchObject({ state: 'TASK_RUNNING' })
  })

  test.each([
    { capabilities: [] as const, state: 'TASK_LOST' },
    { capabilities: ['PARTITION_AWARE'] as const, state: 'TASK_DROPPED' },
  ])(
    'C45 offers of the old stream are unusable ($state), without a RESCIND',
    async ({ capabilities, state }) => {
      const old = await subscribe({ capabilities, info: { failover_timeout: 60 } })
      const offer = await old.offer()
      const fresh = await again(old, { capabilities })
      // The resources come again, as another offer.
      const next = await fresh.offer()
      expect(next.id).not.toEqual(offer.id)
      expect(next.resources).toEqual(offer.resources)

      await fresh.launch([offer], [commandTask(offer, 'c45', 'true')])
      const status = await fresh.update('c45')
      expect(status).toMatchObject({ state, source: 'SOURCE_MASTER', reason: 'REASON_INVALID_OFFERS' })
      await fresh.launch([next], [commandTask(next, 'c45-next', 'sleep 1000')], 3_600)
      await fresh.update('c45-next', 'TASK_RUNNING')
      await cluster.clock.advance(3_000)
      expect(count(fresh, isRescind)).toBe(0)
      expect(count(old, isRescind)).toBe(0)
    },
  )

  test.each(ENCODINGS)(
    'C46 F54 (%s) another principal is an ERROR, and the session goes on',
    async (encoding) => {
      const first = await subscribe({ encoding, info: { principal: 'alice', failover_timeout: 60 } })
      for (const principal of [{ principal: 'mallory' }, {}]) {
        const info = { id: { value: first.id }, failover_timeout: 60, ...principal }
        const other = await TestFramework.open(cluster.url, { encoding, info })
        await other.untilEnd()
        expect(other.status).toBe(200)
        expect(other.events).toMatchObject([{ type: 'ERROR' }])
      }
      expect((await first.call({ type: 'REVIVE' })).status).toBe(202)
      expect(first.ended).toBe(false)
      expect((await shownOf(first))?.framework_info.principal).toBe('alice')
    },
  )

  test.each(ENCODINGS)(
    'C47 F54 (%s) another user or checkpoint succeeds and leaves the old values',
    async (encoding) => {
      const first = await subscribe({ encoding, info: { user: 'root', checkpoint: true, name: 'before' } })
      const second = await again(first, { info: { user: 'nobody', checkpoint: false, name: 'after' } })
      expect((await second.call({ type: 'REVIVE' })).status).toBe(202)
      expect((await shownOf(first))?.framework_info).toMatchObject({
        user: 'root',
        checkpoint: true,
        name: 'after',
      })
      second.close()
      const third = await again(first, { info: { user: 'daemon', name: 'after' } })
      expect((await shownOf(third))?.framework_info).toMatchObject({ user: 'root', checkpoint: true })
    },
  )
})

test.each(ENCODINGS)('C48 (%s) a well-formed id unknown to the master is taken', async (encoding) => {
  const id = { value: `of-its-own-${encoding.length}` }
  const framework = await subscribe({ encoding, info: { id } })
  expect(framework.id).toBe(id.value)
  await runTask(framework, 'c48')
  expect(await shownOf(framework)).toMatchObject({ connected: true })
})

test('C48 one that is not well-formed is an ERROR', async () => {
  for (const value of ['a/b', '.', '..', 'x'.repeat(256), 'a\\b', 'a\u0007']) {
    const framework = await TestFramework.open(cluster.url, { info: { id: { value } } })
    await framework.untilEnd()
    expect(framework.status).toBe(200)
    expect(framework.events).toMatchObject([{ type: 'ERROR' }])
  }
})

test.each(ENCODINGS)(
  'C49 F50 (%s) the id of a torn-down framework is an ERROR, for ever',
  async (encoding) => {
    const first = await subscribe({ encoding })
    expect((await first.call({ type: 'TEARDOWN' })).status).toBe(202)
    await first.untilEnd()
    for (let round = 0; round < 2; round++) {
      const info = { id: { value: first.id } }
      const second = await TestFramework.open(cluster.url, { encoding, info })
      await second.untilEnd()
      expect(second.status).toBe(200)
      expect(second.events).toEqual([{ type: 'ERROR', error: { message: 'Framework has been removed' } }])
      await cluster.clock.advance(60_000, { stepMs: 1_000 })
    }
    // For every call it is one that nobody knows.
    for (const call of CALLS) expect((await first.call(call)).status).toBe(400)
  },
)

describe('calls of a session', () => {
  test.each(ENCODINGS)('C50 (%s) a closed stream makes calls 403 until resubscription', async (encoding) => {
    const first = await subscribe({ encoding, info: { failover_timeout: 60 } })
    await runTask(first, 'c50')
    first.close()
    await until(async () => (await first.call({ type: 'REVIVE' })).status === 403)
    for (const call of CALLS) expect([call.type, (await first.call(call)).status]).toEqual([call.type, 403])
    expect((await first.call({ type: 'KILL', kill: { task_id: { value: 'c50' } } })).status).toBe(403)
    expect((await first.call({ type: 'TEARDOWN' })).status).toBe(403)
    expect(await shownOf(first)).toMatchObject({ connected: false })

    const second = await again(first)
    for (const call of CALLS) expect([call.type, (await second.call(call)).status]).toEqual([call.type, 202])
    expect((await first.call({ type: 'REVIVE' })).status).toBe(400)
    // Nothing of what was refused was done.
    await second.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'c50' } }] } })
    expect(await second.update('c50')).toMatchObject({ state: 'TASK_RUNNING' })
  })

  test.each(ENCODINGS)(
    'C54 (%s) no stream id is 400, a wrong one 400, an unknown framework 400',
    async (encoding) => {
      const framework = await subscribe({ encoding })
      const other = await subscribe({ encoding })
      for (const call of CALLS) {
        const asked = { ...call, framework_id: { value: framework.id } }
        const unknown = { ...call, framework_id: { value: 'nobody' } }
        const head = { 'content-type': encoding }
        const answers = await Promise.all([
          post(cluster, encoded(asked, encoding), head),
          post(cluster, encoded(asked, encoding), { ...head, 'mesos-stream-id': 'wrong' }),
          post(cluster, encoded(asked, encoding), { ...head, 'mesos-stream-id': other.streamId }),
          post(cluster, encoded(unknown, encoding), head),
          post(cluster, encoded(unknown, encoding), { ...head, 'mesos-stream-id': framework.streamId }),
        ])
        expect([call.type, ...answers.map(({ status }) => status)]).toEqual([
          call.type,
          400,
          400,
          400,
          400,
          400,
        ])
      }
      expect((await framework.call({ type: 'REVIVE' })).status).toBe(202)
    },
  )

  test.each(ENCODINGS)('C55 (%s) disconnected it is 403, even with a wrong stream id', async (encoding) => {
    const framework = await subscribe({ encoding, info: { failover_timeout: 60 } })
    framework.close()
    await until(async () => (await framework.call({ type: 'REVIVE' })).status === 403)
    for (const call of CALLS) {
      const body = encoded({ ...call, framework_id: { value: framework.id } }, encoding)
      const head = { 'content-type': encoding }
      const none = await post(cluster, body, head)
      const wrong = await post(cluster, body, { ...head, 'mesos-stream-id': 'wrong' })
      expect([call.type, none.status, wrong.status]).toEqual([call.type, 403, 403])
    }
    await again(framework)
  })
})

describe('coming back', () => {
  /** Runs a task whose updates so far are all acknowledged: those would be said again. */
  async function runAcknowledged(
    framework: TestFramework,
    makeTask: (offer: Offer) => TaskInfo,
  ): Promise<void> {
    const offer = await framework.offer()
    const task = makeTask(offer)
    await framework.launch([offer], [task], 0)
    let status: TaskStatus
    do {
      status = await framework.update(task.task_id.value)
      expect((await framework.acknowledge(status)).status).toBe(202)
    } while (status.state !== 'TASK_RUNNING')
  }

  test.each(ENCODINGS)('C57 (%s) events of a disconnected time are not replayed', async (encoding) => {
    const first = await subscribe({ encoding, acknowledge: false, info: { failover_timeout: 60 } })
    await runAcknowledged(first, (offer) => commandTask(offer, 'c57', 'sleep 1000'))
    const held = await first.offer()
    first.close()
    await until(async () => (await shownOf(first))?.connected === false)
    // Meanwhile another takes the agent and gives it back, several times.
    const other = await subscribe()
    for (let round = 0; round < 3; round++) await other.decline([await other.offer()], 0)
    await other.call({ type: 'TEARDOWN' })
    await other.untilEnd()
    await cluster.clock.advance(20_000)

    const second = await again(first)
    const offer = await second.offer()
    expect(offer.id).not.toEqual(held.id)
    await second.decline([offer], 3_600)
    await cluster.clock.advance(2_000)
    await aMoment()
    expect(second.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS'])
  })

  test.each(ENCODINGS)('C57 (%s) nor are messages of executors', async (encoding) => {
    const executor = {
      executor_id: { value: 'c57' },
      command: { value: `exec ${process.execPath} ${join(import.meta.dirname, 'echo-executor.ts')}` },
    }
    const first = await subscribe({ encoding, acknowledge: false, info: { failover_timeout: 60 } })
    await runAcknowledged(first, (offer) => {
      const { command: _, ...task } = commandTask(offer, 'c57-message', '')
      return { ...task, executor }
    })
    /** In the executor's name. */
    const say = (data: string) =>
      send(`${cluster.agents[0]?.url}/api/v1/executor`, {
        headers: { 'content-type': JSON_TYPE },
        body: JSON.stringify({
          type: 'MESSAGE',
          framework_id: { value: first.id },
          executor_id: { value: 'c57' },
          message: { data: Buffer.from(data).toString('base64') },
        }),
      })
    first.close()
    await until(async () => (await shownOf(first))?.connected === false)
    expect((await say('while away')).status).toBe(202)
    await aMoment(150)
    const second = await again(first)
    await aMoment(150)
    expect((await say('when back')).status).toBe(202)
    await second.next(({ type }) => type === 'MESSAGE')
    const said = second.events.flatMap(({ message }) => (message === undefined ? [] : [message.data]))
    expect(said.map((data) => Buffer.from(data, 'base64').toString())).toEqual(['when back'])
  })

  test.each(ENCODINGS)('C58 (%s) decline filters are gone after a disconnect', async (encoding) => {
    const first = await subscribe({ encoding, info: { failover_timeout: 60 } })
    await first.decline([await first.offer()], 3_600)
    await cluster.clock.advance(3_000)
    expect(count(first, isOffer)).toBe(1)
    first.close()
    await until(async () => (await shownOf(first))?.connected === false)
    const second = await again(first)
    await second.offer()
  })

  test('C58 a takeover of a live stream keeps them', async () => {
    const first = await subscribe({ info: { failover_timeout: 60 } })
    await first.decline([await first.offer()], 3_600)
    const second = await again(first)
    await cluster.clock.advance(3_000)
    await aMoment()
    expect(count(second, isOffer)).toBe(0)
  })
})
