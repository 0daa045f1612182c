// The life of a session over real sockets: subscription, takeover, disconnect, removal, and the calls around them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { disconnectIfLapsed, finishOpenWork, removeIfDue } from '../../../functions/scheduler/disconnect.ts'
import type { Framework } from '../../../master/model.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { chunksOf, rawConnection } from '../http/raw.ts'
import { openStream, type Subscription, send, startWorld, type World } from './world.ts'

let world: World
const open: Subscription[] = []

beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await world.close()
  expect(world.logged).toEqual([])
})

async function subscribe(options: Parameters<typeof openStream>[1] = {}): Promise<Subscription> {
  const stream = await openStream(world, options)
  open.push(stream)
  return stream
}

async function connected(options: Parameters<typeof openStream>[1] = {}): Promise<Subscription> {
  const stream = await subscribe(options)
  await stream.next('HEARTBEAT')
  return stream
}

async function stored(frameworkId: string): Promise<Framework> {
  const framework = await world.env.store.get('framework', { frameworkId })
  if (framework === undefined) throw new Error('no such framework')
  return framework
}

function decline(frameworkId: string): SchedulerCall {
  return { type: 'DECLINE', framework_id: { value: frameworkId }, decline: { offer_ids: [] } }
}

const types = (stream: Subscription) => stream.events.map((event) => event.type)

/** The framework's own id, with a failover timeout. */
const again = (stream: Subscription, more: Readonly<Record<string, unknown>> = {}) => ({
  info: { id: { value: stream.frameworkId() }, failover_timeout: 60, ...more },
})

describe('subscription', () => {
  test('C33 C34 C36 200, a stream id, SUBSCRIBED with a new id, HEARTBEAT at once', async () => {
    const stream = await connected()
    expect(stream.status).toBe(200)
    expect(stream.headers.get('transfer-encoding')).toBe('chunked')
    expect(stream.headers.get('content-type')).toBe('application/json')
    expect(stream.streamId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
    const { framework_id, heartbeat_interval_seconds, master_info } = stream.events[0]?.subscribed ?? {}
    expect(framework_id?.value).toMatch(/^m-[A-Za-z0-9]+$/)
    expect(heartbeat_interval_seconds).toBe(15)
    expect(master_info).toMatchObject({
      id: 'm',
      ip: 16777343,
      port: 5050,
      pid: 'master@127.0.0.1:5050',
      hostname: '127.0.0.1',
      address: { hostname: '127.0.0.1', ip: '127.0.0.1', port: 5050 },
      capabilities: [{ type: 'AGENT_UPDATE' }, { type: 'AGENT_DRAINING' }],
    })
  })

  test('C6 C7 C9 C10 the stream speaks what Accept allows, JSON first, whatever the call came in', async () => {
    const cases = [
      [undefined, 'application/json'],
      ['*/*', 'application/json'],
      ['application/*', 'application/json'],
      ['application/x-protobuf, application/json', 'application/json'],
      ['application/x-protobuf', 'application/x-protobuf'],
    ] as const
    for (const type of ['application/json', 'application/x-protobuf'] as const) {
      for (const [accept, expected] of cases) {
        const stream = await connected({ type, ...(accept === undefined ? {} : { accept }) })
        expect(stream.headers.get('content-type')).toBe(expected)
        expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
      }
    }
  })

  test('C11 C12 each event is one record in one chunk, in ASCII, without a newline inside', async () => {
    const connection = await rawConnection(world.port)
    const body = JSON.stringify({
      type: 'SUBSCRIBE',
      framework_id: { value: 'käfer-☂' },
      subscribe: { framework_info: { user: 'root', name: 'n', id: { value: 'käfer-☂' } } },
    })
    connection.send(
      `POST /api/v1/scheduler HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    await connection.until(/HEARTBEAT"\}\r\n/)
    const chunks = chunksOf(connection.received())
    expect(chunks).toHaveLength(2)
    for (const chunk of chunks) {
      const [, length, json = ''] = /^(\d+)\n([\x20-\x7e]*)$/.exec(chunk) ?? []
      expect(json.length).toBe(Number(length))
    }
    const event = JSON.parse(chunks[0]?.split('\n')[1] ?? '')
    expect(event.subscribed.framework_id.value).toBe('käfer-☂')
    connection.end()
  })

  test('C35 F56 HEARTBEAT repeats every 15 s, also while nothing else is said', async () => {
    const stream = await connected()
    await world.clock.advance(61_000)
    expect(types(stream).filter((type) => type === 'HEARTBEAT')).toHaveLength(5)
  })

  test('C39 two SUBSCRIBEs without id make two frameworks', async () => {
    const [one, two] = [await connected(), await connected()]
    expect(one.frameworkId()).not.toBe(two.frameworkId())
  })

  const MULTI_ROLE = { capabilities: [{ type: 'MULTI_ROLE' }] }
  test.each([
    ['C40 role with MULTI_ROLE', { role: 'a', ...MULTI_ROLE }, []],
    ['C41 roles without MULTI_ROLE', { roles: ['a'] }, []],
    ['C41 duplicate roles', { roles: ['a', 'a'], ...MULTI_ROLE }, []],
    ['C41 an invalid role', { role: 'a b' }, []],
    ['C42 a suppressed role that is not subscribed', { role: 'a' }, ['b']],
    ['an id that is none', { id: { value: 'a/b' } }, []],
  ])('%s: 200, one ERROR, the end', async (_, info, suppressed_roles) => {
    const stream = await subscribe({ info, suppressed_roles })
    await stream.ended
    expect([stream.status, types(stream)]).toEqual([200, ['ERROR']])
    expect(stream.streamId).not.toBe('')
    expect(stream.events[0]?.error?.message).toBeTruthy()
  })

  test('C46 another principal is an ERROR', async () => {
    const first = await connected({ info: { principal: 'p', failover_timeout: 60 } })
    const second = await subscribe({ ...again(first, { principal: 'q' }) })
    await second.ended
    expect(types(second)).toEqual(['ERROR'])
    expect(types(first)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })

  test('C47 another user or checkpoint is taken and leaves the old values', async () => {
    const first = await connected({ info: { failover_timeout: 60 } })
    const second = await connected(again(first, { user: 'nobody', checkpoint: true, name: 'new' }))
    const { info } = await stored(second.frameworkId())
    expect([info.user, info.checkpoint ?? false, info.name]).toEqual(['root', false, 'new'])
  })

  test('C48 a well-formed id that nobody knows is adopted', async () => {
    const stream = await connected({ info: { id: { value: 'my-own-id' } } })
    expect(stream.frameworkId()).toBe('my-own-id')
  })
})

describe('takeover', () => {
  test('C43 C44 C56 F51 S19 the newer session wins: old stream ERROR and end, old stream id 400', async () => {
    const old = await connected({ info: { failover_timeout: 60 } })
    const fresh = await connected(again(old))
    await old.ended
    expect(types(old)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'ERROR'])
    expect(old.events[2]?.error?.message).toBe('Framework failed over')
    expect(fresh.frameworkId()).toBe(old.frameworkId())
    expect(fresh.streamId).not.toBe(old.streamId)
    const id = fresh.frameworkId()
    const stale = await send(world, decline(id), { streamId: old.streamId })
    expect([stale.status, stale.text.includes(old.streamId)]).toEqual([400, true])
    expect((await send(world, decline(id), { streamId: fresh.streamId })).status).toBe(202)
    await world.clock.advance(20_000)
    expect((await stored(id)).state).toBe('connected')
    expect(types(fresh)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'HEARTBEAT'])
  })

  test('takeover-of-a-busy-framework: of many at once exactly one session stays', async () => {
    const first = await connected({ info: { failover_timeout: 60 } })
    const many = await Promise.all(Array.from({ length: 8 }, () => subscribe(again(first))))
    await Promise.all(many.map((stream) => stream.next('SUBSCRIBED').catch(() => undefined)))
    await world.clock.advance(3_000)
    const id = first.frameworkId()
    const statuses = await Promise.all(
      many.map(async ({ streamId }) => (await send(world, decline(id), { streamId })).status),
    )
    expect(statuses.filter((status) => status === 202)).toHaveLength(1)
    expect(statuses.filter((status) => status === 400)).toHaveLength(7)
    const current = many[statuses.indexOf(202)]
    for (const stream of many) {
      if (stream === current) continue
      await stream.ended
      expect(stream.events.at(-1)?.error?.message).toBe('Framework failed over')
    }
    expect(current && types(current).slice(0, 2)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })
})

describe('disconnect and removal', () => {
  test('C50 C55 after the stream closed calls are 403, whatever their stream id', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    stream.close()
    await expect.poll(async () => (await stored(id)).state).toBe('disconnected')
    for (const streamId of [stream.streamId, 'wrong', undefined]) {
      const answer = await send(world, decline(id), { streamId })
      expect([answer.status, answer.text]).toEqual([403, 'Framework is not subscribed'])
    }
    const back = await connected(again(stream))
    expect((await send(world, decline(id), { streamId: back.streamId })).status).toBe(202)
  })

  test('C54 without stream id 400, with a wrong one 400', async () => {
    const stream = await connected()
    const id = stream.frameworkId()
    expect((await send(world, decline(id))).status).toBe(400)
    expect((await send(world, decline(id), { streamId: 'wrong' })).status).toBe(400)
    expect((await send(world, decline(id), { streamId: stream.streamId })).status).toBe(202)
  })

  test('C51 C49 without failover timeout a closed stream removes the framework for ever', async () => {
    const stream = await connected()
    const id = stream.frameworkId()
    stream.close()
    await expect.poll(async () => (await stored(id)).state).toBe('removed')
    await expect.poll(async () => (await stored(id)).openWork).toBeUndefined()
    expect((await send(world, decline(id), { streamId: stream.streamId })).text).toBe(
      'Framework cannot be found',
    )
    const back = await subscribe({ info: { id: { value: id } } })
    await back.ended
    expect(back.events.map((event) => event.error?.message)).toEqual(['Framework has been removed'])
  })

  test('C52 F48 S17 the failover timeout runs out, C53 unless the framework came back', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    stream.close()
    await expect.poll(async () => (await stored(id)).state).toBe('disconnected')
    await world.clock.advance(59_000, { stepMs: 20_000 })
    expect(await removeIfDue(world.env, id)).toBe(false)
    const back = await connected(again(stream))
    await world.clock.advance(2_000)
    expect(await removeIfDue(world.env, id)).toBe(false)
    back.close()
    await expect.poll(async () => (await stored(id)).state).toBe('disconnected')
    await world.clock.advance(61_000, { stepMs: 20_000 })
    expect(await removeIfDue(world.env, id)).toBe(true)
    expect((await stored(id)).state).toBe('removed')
  })

  test('C106 TEARDOWN is 202 and ends the stream without another event', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    const teardown: SchedulerCall = { type: 'TEARDOWN', framework_id: { value: id } }
    expect(await send(world, teardown, { streamId: stream.streamId })).toMatchObject({
      status: 202,
      text: '',
    })
    await stream.ended
    expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
    expect((await send(world, teardown, { streamId: stream.streamId })).status).toBe(400)
    expect(await finishOpenWork(world.env, id)).toBe(true)
    expect((await stored(id)).openWork).toBeUndefined()
  })

  test('C151 F53 a stream that we end leaves a framework without failover timeout its grace', async () => {
    const stream = await connected()
    const id = stream.frameworkId()
    await world.close()
    await stream.ended
    const framework = await stored(id)
    expect(framework.state).toBe('disconnected')
    expect((framework.removeAt ?? 0) - (framework.disconnectedAt ?? 0)).toBe(10_000)
    expect(await removeIfDue(world.env, id)).toBe(false)
  })

  test('R10 a lease that lapsed counts after two unbroken ticks, and a renewal voids the verdict', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    const lease = await world.env.store.get('lease', { frameworkId: id })
    const lapsesAt = lease?.expiresAt ?? 0
    const verdict = (at: number, unbrokenSince = 0) =>
      disconnectIfLapsed(world.env, id, { at, unbrokenSince })
    expect(await verdict(lapsesAt + 1_999)).toBe(false)
    expect(await verdict(lapsesAt + 60_000, lapsesAt + 59_000)).toBe(false)
    // The reader is alive: what the detector judged was renewed since, or is not over by the clock of the table.
    expect(await verdict(lapsesAt + 60_000)).toBe(false)
    expect((await stored(id)).state).toBe('connected')
  })

  test('C52 after an outage of ours a framework has its chance to return once more', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    stream.close()
    await expect.poll(async () => (await stored(id)).state).toBe('disconnected')
    await world.clock.advance(61_000, { stepMs: 20_000 })
    const tick = { version: 0, number: 1, removalTokens: 0 }
    const now = world.clock.now()
    const item = { ...tick, at: now, unbrokenSince: now }
    await world.env.store.commit([{ do: 'put', kind: 'tick', item, when: { name: 'absent' } }], 't')
    await world.clock.advance(1_100)
    expect(await removeIfDue(world.env, id)).toBe(false)
    const later = { ...item, version: 1, at: now + 10_000 }
    await world.env.store.commit([{ do: 'put', kind: 'tick', item: later, when: { name: 'anything' } }], 'u')
    await world.clock.advance(10_000)
    expect(await removeIfDue(world.env, id)).toBe(true)
  })

  test('a lease nobody renews ends the session, and its reader finds out', async () => {
    const stream = await connected({ info: { failover_timeout: 60 } })
    const id = stream.frameworkId()
    const lease = await world.env.store.get('lease', { frameworkId: id })
    if (lease === undefined) throw new Error('no lease')
    const now = world.clock.now()
    const lapsed = { ...lease, expiresAt: now - 5_000 }
    const put = { do: 'put', kind: 'lease', item: lapsed, when: { name: 'unchanged' } } as const
    expect(await world.env.store.commit([put], 't')).toEqual({ kind: 'committed' })
    expect(await disconnectIfLapsed(world.env, id, { at: now, unbrokenSince: 0 })).toBe(true)
    await stream.ended
    expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
    expect((await send(world, decline(id), { streamId: stream.streamId })).status).toBe(403)
  })
})

describe('calls that need no agent', () => {
  test('C69 C107 C115 C98 each is 202 with an empty body', async () => {
    const stream = await connected()
    const framework_id = { value: stream.frameworkId() }
    const uuid = Buffer.alloc(16, 1).toString('base64')
    const agent_id = { value: 'a' }
    const calls: SchedulerCall[] = [
      { type: 'REVIVE', framework_id },
      { type: 'SUPPRESS', framework_id, suppress: { roles: ['foreign'] } },
      { type: 'REVIVE', framework_id, revive: { roles: ['foreign'] } },
      { type: 'REQUEST', framework_id, request: { requests: [] } },
      { type: 'ACKNOWLEDGE', framework_id, acknowledge: { agent_id, task_id: { value: 't' }, uuid } },
      { type: 'SHUTDOWN', framework_id, shutdown: { agent_id, executor_id: { value: 'e' } } },
      { type: 'MESSAGE', framework_id, message: { agent_id, executor_id: { value: 'e' }, data: uuid } },
      { type: 'ACCEPT_INVERSE_OFFERS', framework_id, accept_inverse_offers: {} },
      { type: 'DECLINE_INVERSE_OFFERS', framework_id, decline_inverse_offers: {} },
    ]
    for (const call of calls) {
      expect(await send(world, call, { streamId: stream.streamId })).toMatchObject({ status: 202, text: '' })
    }
  })

  test('UNKNOWN is 501 for a framework that is subscribed', async () => {
    const stream = await connected()
    const framework_id = { value: stream.frameworkId() }
    const answer = await send(world, { type: 'UNKNOWN', framework_id }, { streamId: stream.streamId })
    expect(answer.status).toBe(501)
  })

  test('C77 C78 ACCEPT of an unknown offer: 202, then TASK_LOST or TASK_DROPPED by REASON_INVALID_OFFERS', async () => {
    for (const capabilities of [[], [{ type: 'PARTITION_AWARE' }]]) {
      const stream = await connected({ info: { capabilities } })
      const accept: SchedulerCall = {
        type: 'ACCEPT',
        framework_id: { value: stream.frameworkId() },
        accept: {
          offer_ids: [{ value: 'nope' }],
          operations: [
            {
              type: 'LAUNCH',
              launch: { task_infos: [{ name: 't', task_id: { value: 't' }, agent_id: { value: 'a' } }] },
            },
          ],
        },
      }
      expect((await send(world, accept, { streamId: stream.streamId })).status).toBe(202)
      const { update } = await stream.next('UPDATE')
      expect(update?.status).toMatchObject({
        task_id: { value: 't' },
        state: capabilities.length > 0 ? 'TASK_DROPPED' : 'TASK_LOST',
        source: 'SOURCE_MASTER',
        reason: 'REASON_INVALID_OFFERS',
      })
      expect(update?.status.uuid).toBeUndefined()
    }
  })

  test('C102 C110 KILL and RECONCILE of an unknown task are answered by events', async () => {
    const stream = await connected()
    const framework_id = { value: stream.frameworkId() }
    const kill: SchedulerCall = { type: 'KILL', framework_id, kill: { task_id: { value: 'k' } } }
    expect((await send(world, kill, { streamId: stream.streamId })).status).toBe(202)
    const killed = await stream.next('UPDATE')
    expect(killed.update?.status).toMatchObject({ state: 'TASK_LOST', reason: 'REASON_RECONCILIATION' })
    const from = stream.events.length
    const reconcile: SchedulerCall = {
      type: 'RECONCILE',
      framework_id,
      reconcile: { tasks: Array.from({ length: 200 }, (_, i) => ({ task_id: { value: `r${i}` } })) },
    }
    expect((await send(world, reconcile, { streamId: stream.streamId })).status).toBe(202)
    await expect
      .poll(
        () =>
          types(stream)
            .slice(from)
            .filter((type) => type === 'UPDATE').length,
      )
      .toBe(200)
  })

  test('C115 RECONCILE_OPERATIONS is 202 and answered by events without uuid', async () => {
    const stream = await connected()
    const call: SchedulerCall = {
      type: 'RECONCILE_OPERATIONS',
      framework_id: { value: stream.frameworkId() },
      reconcile_operations: { operations: [{ operation_id: { value: 'o' } }] },
    }
    expect(await send(world, call, { streamId: stream.streamId })).toMatchObject({ status: 202, text: '' })
    const { update_operation_status } = await stream.next('UPDATE_OPERATION_STATUS')
    expect(update_operation_status?.status).toMatchObject({
      state: 'OPERATION_UNKNOWN',
      operation_id: { value: 'o' },
    })
  })

  test('C108 UPDATE_FRAMEWORK is 200; another user 400; an omitted suppressed_roles un-suppresses', async () => {
    const stream = await connected({ info: { role: 'a' }, suppressed_roles: ['a'] })
    const id = stream.frameworkId()
    const update = (info: Readonly<Record<string, unknown>>): SchedulerCall => ({
      type: 'UPDATE_FRAMEWORK',
      framework_id: { value: id },
      update_framework: {
        framework_info: { user: 'root', name: 'test', role: 'a', id: { value: id }, ...info },
      },
    })
    const options = { streamId: stream.streamId }
    expect((await stored(id)).suppressedRoles).toEqual(['a'])
    expect(await send(world, update({}), options)).toMatchObject({ status: 200, text: '' })
    expect((await stored(id)).suppressedRoles).toEqual([])
    expect(await send(world, update({}), options)).toMatchObject({ status: 200 })
    expect((await send(world, update({ user: 'other' }), options)).status).toBe(400)
  })

  test('A1 ids of any length and with slashes are no keys: 202 or 400, never a failure', async () => {
    const stream = await connected()
    const framework_id = { value: stream.frameworkId() }
    const long = { value: 'x/'.repeat(3_000) }
    const options = { streamId: stream.streamId }
    const calls: SchedulerCall[] = [
      { type: 'KILL', framework_id, kill: { task_id: long, agent_id: long } },
      { type: 'SHUTDOWN', framework_id, shutdown: { agent_id: long, executor_id: long } },
      { type: 'RECONCILE', framework_id, reconcile: { tasks: [{ task_id: long, agent_id: long }] } },
      { type: 'DECLINE', framework_id, decline: { offer_ids: [long] } },
    ]
    for (const call of calls) expect((await send(world, call, options)).status).toBe(202)
    expect((await send(world, { type: 'REVIVE', framework_id: long }, options)).status).toBe(400)
  })
})
