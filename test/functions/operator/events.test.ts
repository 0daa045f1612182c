// EVENTS over HTTP handlers: sessions, confirmations, ends, copies of polls, pages, refusals.
import { beforeEach, describe, expect, test } from 'vitest'
import type { Environment } from '../../../functions/environment.ts'
import { routed } from '../../../functions/http/routes.ts'
import type { Handler, HttpAnswer } from '../../../functions/http/types.ts'
import { operatorRoutes } from '../../../functions/operator/routes.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import { schedulerRoutes } from '../../../functions/scheduler/routes.ts'
import {
  noticeMail,
  offerMail,
  reconcileAllMail,
  updateMail,
  withdrawnMail,
  wordMail,
} from '../../../master/mail.ts'
import type { Framework, Lease } from '../../../master/model.ts'
import type { SchedulerCall, SchedulerEvent } from '../../../protocol/messages.ts'
import { RecordDecoder } from '../../../protocol/recordio.ts'
import { type Store, StoreUnavailable } from '../../../store/store.ts'
import { agent, cpusMem } from '../../master/allocator/world.ts'
import { type Place, place } from '../allocator/place.ts'
import { type Fate, mortal } from '../mortal.ts'
import { task, textOf } from './asking.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

interface Answered {
  readonly status: number
  readonly text: string
  readonly batches: readonly { readonly ids: readonly string[]; readonly events: readonly SchedulerEvent[] }[]
  readonly settled: readonly string[]
  readonly ended?: string
}

let there: Place
let env: Environment
let handler: Handler
let isAway = false

beforeEach(begin)

function begin(): void {
  isAway = false
  there = place(withOutage)
  env = there.env
  handler = handlerOf(env)
}

function handlerOf(given: Environment): Handler {
  const deadLetters = deadLettersOf(memoryQueues(there.clock))
  return routed(given, [...schedulerRoutes(given), ...operatorRoutes(given, { deadLetters })])
}

function withOutage(store: Store): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      if (isAway) return () => Promise.reject(new StoreUnavailable('the table is away'))
      return Reflect.get(target, name, receiver)
    },
  })
}

async function post(
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return await handler({
    method: 'POST',
    path,
    query: new URLSearchParams(),
    headers: { ...JSON_TYPE, ...headers },
    body: Buffer.from(JSON.stringify(body)),
    params: {},
  })
}

interface Session {
  readonly id: string
  readonly streamId: string
}

async function subscribe(id?: string): Promise<Session> {
  const info = {
    user: 'root',
    name: 'polled',
    failover_timeout: 100,
    ...(id === undefined ? {} : { id: { value: id } }),
  }
  const call: SchedulerCall = {
    type: 'SUBSCRIBE',
    ...(id === undefined ? {} : { framework_id: { value: id } }),
    subscribe: { framework_info: info },
  }
  const answer = await post('/api/v1/scheduler', call, { 'meseta-delivery': 'poll' })
  expect(answer.headers['meseta-delivery']).toBe('poll')
  const [record] = new RecordDecoder().push(Buffer.from(answer.body as Uint8Array))
  const event: SchedulerEvent = JSON.parse(String(record))
  return {
    id: event.subscribed?.framework_id.value ?? '',
    streamId: String(answer.headers['mesos-stream-id']),
  }
}

async function poll({ id, streamId }: Session, more: object = {}): Promise<Answered> {
  const events = { framework_id: { value: id }, stream_id: streamId, wait_ms: 0, ...more }
  const answer = await post('/api/v1/meseta', { type: 'EVENTS', events })
  const text = textOf(answer)
  return { status: answer.status, text, ...(answer.status === 200 ? JSON.parse(text).events : {}) }
}

const types = ({ batches }: Answered) => batches.flatMap(({ events }) => events.map(({ type }) => type))
const ids = ({ batches }: Answered) => batches.flatMap((batch) => batch.ids)

async function framework({ id }: Session): Promise<Framework> {
  const found = await env.store.get('framework', { frameworkId: id })
  if (found === undefined) throw new Error('no framework')
  return found
}

async function lease({ id }: Session): Promise<Lease> {
  const found = await env.store.get('lease', { frameworkId: id })
  if (found === undefined) throw new Error('no lease')
  return found
}

const mailContext = () => ({ now: there.clock.time, newId: () => env.ids.random() })

async function write(...changes: readonly ReturnType<typeof wordMail>[]): Promise<void> {
  await env.store.commit(changes, env.ids.uuid())
}

async function writeOffer(session: Session, id: string): Promise<void> {
  const offer = {
    id: { value: id },
    framework_id: { value: session.id },
    agent_id: { value: 'a' },
    hostname: 'h',
    allocation_info: { role: '*' },
  }
  await write(offerMail(await framework(session), offer, mailContext()))
}

const RUNNING = { task_id: { value: 't' }, state: 'TASK_RUNNING', uuid: 'AAAA' } as const

describe('what is said and what is removed', () => {
  test('S7 an answer that got lost is said again under the same ids, and nothing unconfirmed is removed', async () => {
    const session = await subscribe()
    const now = await framework(session)
    await writeOffer(session, 'o')
    await write(
      updateMail(now, 't', { number: 1, status: RUNNING }, mailContext()),
      wordMail(now, { task_id: { value: 'u' }, state: 'TASK_LOST' }, mailContext()),
      noticeMail(
        now,
        { type: 'MESSAGE', message: { agent_id: { value: 'a' }, executor_id: { value: 'e' }, data: '' } },
        mailContext(),
      ),
    )
    const lost = await poll(session)
    const again = await poll(session)
    expect(types(again)).toEqual(['UPDATE', 'UPDATE', 'MESSAGE', 'OFFERS'])
    expect(again.batches).toEqual(lost.batches)
    expect(await there.mail(session.id)).toHaveLength(4)

    const confirmed = await poll(session, { confirm: ids(again) })
    expect(types(confirmed)).toEqual([])
    expect((await there.mail(session.id)).map(({ key }) => key)).toEqual(['UPDATE#t'])
    expect(confirmed.settled).toHaveLength(3)
    const rest = ids(again).filter((id) => !confirmed.settled.includes(id))
    expect(types(await poll(session, { confirm: rest }))).toEqual([])
  })

  test('S7 a withdrawal is said, also when the offer never was: whoever polls knows what it wrote', async () => {
    const session = await subscribe()
    await write(withdrawnMail(await framework(session), 'o', mailContext()))
    const said = await poll(session)
    expect(types(said)).toEqual(['RESCIND'])
    expect((await poll(session, { confirm: ids(said) })).settled).toEqual(ids(said))
    expect(await there.mail(session.id)).toEqual([])
  })

  test('C114 250 tasks are reconciled page by page, each page until it was confirmed', async () => {
    const session = await subscribe()
    await there.put(agent('cluster-Sa', cpusMem(4, 4096)))
    const changes = Array.from({ length: 250 }, (_, index) => {
      const item = task(`t${String(index).padStart(3, '0')}`, { frameworkId: session.id })
      return { do: 'put', kind: 'task', item, when: { name: 'absent' } } as const
    })
    for (let at = 0; at < 250; at += 50) await env.store.commit(changes.slice(at, at + 50), env.ids.uuid())
    const call = { type: 'RECONCILE', framework_id: { value: session.id }, reconcile: { tasks: [] } }
    const taken = await post('/api/v1/scheduler', call, { 'mesos-stream-id': session.streamId })
    expect(taken.status).toBe(202)
    const heard: string[] = []
    let confirm: readonly string[] = []
    for (let pages = 0; pages < 3; pages++) {
      const lost = await poll(session, { confirm })
      const said = await poll(session, { confirm })
      expect(said.batches).toEqual(lost.batches)
      expect(said.batches).toHaveLength(1)
      for (const { events } of said.batches) {
        heard.push(...events.map(({ update }) => update?.status.task_id.value ?? ''))
      }
      confirm = ids(said)
    }
    expect(types(await poll(session, { confirm }))).toEqual([])
    expect(new Set(heard).size).toBe(250)
    expect(heard).toHaveLength(250)
    expect(await there.mail(session.id)).toEqual([])
  })

  test('a page without tasks is nobody’s to hear', async () => {
    const session = await subscribe()
    const call = { type: 'RECONCILE', framework_id: { value: session.id }, reconcile: { tasks: [] } }
    await post('/api/v1/scheduler', call, { 'mesos-stream-id': session.streamId })
    expect(types(await poll(session))).toEqual([])
    expect(await there.mail(session.id)).toEqual([])
  })

  test('an answer has an end: what does not fit comes with the next poll', async () => {
    const session = await subscribe()
    const now = await framework(session)
    const message = 'x'.repeat(300_000)
    for (let index = 0; index < 6; index++) {
      const status = { task_id: { value: `t${index}` }, state: 'TASK_LOST', message } as const
      await write(wordMail(now, status, mailContext()))
    }
    const first = await poll(session)
    expect(first.batches.length).toBeLessThan(6)
    const second = await poll(session, { confirm: ids(first) })
    expect(first.batches.length + second.batches.length).toBe(6)
  })

  test('H11: copies of one poll at once say the same, and remove each mail once', async () => {
    const session = await subscribe()
    for (const id of ['o', 'p', 'q']) await writeOffer(session, id)
    const said = await Promise.all([poll(session), poll(session), poll(session)])
    expect(new Set(said.map((one) => JSON.stringify(one.batches))).size).toBe(1)
    const confirm = ids(said[0] as Answered)
    const after = await Promise.all([1, 2, 3].map(() => poll(session, { confirm })))
    for (const one of after) {
      expect(one.status).toBe(200)
      expect(types(one)).toEqual([])
    }
    expect(await there.mail(session.id)).toEqual([])
  })
})

describe('F62 H11 a function that dies in the middle of a poll', () => {
  /** Everything there is to be said, and the poll that confirms it; the function has a fate in both. */
  async function told(fate?: Fate): Promise<{ readonly heard: readonly string[]; readonly calls: number }> {
    begin()
    const session = await subscribe()
    const now = await framework(session)
    await there.put(agent('cluster-Sa', cpusMem(4, 4096)))
    await writeOffer(session, 'o')
    const item = task('reconciled', { frameworkId: session.id })
    const lost = { version: 0, number: 1, agentId: 'a', at: there.clock.time }
    await env.store.commit(
      [
        { do: 'put', kind: 'task', item, when: { name: 'absent' } },
        { do: 'put', kind: 'loss', item: lost, when: { name: 'absent' } },
        { do: 'put', kind: 'lossHead', item: { version: 0, last: 1 }, when: { name: 'anything' } },
        updateMail(now, 't', { number: 1, status: RUNNING }, mailContext()),
        wordMail(now, { task_id: { value: 'u' }, state: 'TASK_LOST' }, mailContext()),
        withdrawnMail(now, 'p', mailContext()),
        reconcileAllMail(now, mailContext()),
      ],
      env.ids.uuid(),
    )
    const doomed = mortal(env, fate)
    const whole = handler
    const dying = handlerOf(doomed.env)
    const heard = new Map<string, string | undefined>()
    const held = new Set<string>()
    for (let polls = 0; polls < 6; polls++) {
      handler = polls % 2 === 0 ? dying : whole
      const answer = await poll(session, { confirm: [...held] })
      if (answer.status !== 200) continue
      for (const id of answer.settled) held.delete(id)
      for (const batch of answer.batches) {
        for (const id of batch.ids) held.add(id)
        for (const { type } of batch.events) heard.set(batch.ids.join(), type)
      }
    }
    expect((await there.mail(session.id)).map(({ key }) => key)).toEqual(['UPDATE#t'])
    expect((await lease(session)).lossesTold).toBe(1)
    return { heard: [...heard.values()].map(String).sort(), calls: doomed.calls.length }
  }

  test('at any of its calls: nothing is lost, nothing is left', async () => {
    const undisturbed = await told()
    expect(undisturbed.heard).toEqual(['FAILURE', 'OFFERS', 'RESCIND', 'UPDATE', 'UPDATE', 'UPDATE'])
    expect(undisturbed.calls).toBeGreaterThan(10)
    for (let call = 1; call <= undisturbed.calls; call++) {
      for (const kind of ['dies before', 'dies after'] as const) {
        expect((await told({ kind, call })).heard, `${kind} call ${call}`).toEqual(undisturbed.heard)
      }
    }
  })
})

describe('the lease', () => {
  test('lasts as long as the poll and 15 s more, and is not written by each', async () => {
    const session = await subscribe()
    there.clock.time += 1_000
    await poll(session)
    expect((await lease(session)).expiresAt).toBe(there.clock.time + 15_000)
    const { number } = await lease(session)
    there.clock.time += 4_000
    await poll(session)
    expect((await lease(session)).number).toBe(number)
    there.clock.time += 4_000
    await poll(session)
    expect((await lease(session)).number).toBe(number + 1)
  })

  test('one place in LOSSES: it moves on behind what was confirmed', async () => {
    const session = await subscribe()
    const lost = { version: 0, number: 1, agentId: 'a', at: there.clock.time }
    await env.store.commit(
      [
        { do: 'put', kind: 'loss', item: lost, when: { name: 'absent' } },
        { do: 'put', kind: 'lossHead', item: { version: 0, last: 1 }, when: { name: 'anything' } },
      ],
      env.ids.uuid(),
    )
    const said = await poll(session)
    expect(types(said)).toEqual(['FAILURE'])
    expect((await lease(session)).lossesTold).toBe(0)
    await poll(session, { confirm: ids(said) })
    expect((await lease(session)).lossesTold).toBe(1)
  })
})

describe('how a session ends', () => {
  test('C43 a takeover ends it, and its polls remove nothing any more (old-reader-deletes-after-takeover)', async () => {
    const first = await subscribe()
    await write(
      wordMail(await framework(first), { task_id: { value: 'u' }, state: 'TASK_LOST' }, mailContext()),
    )
    const said = await poll(first)
    const second = await subscribe(first.id)
    expect(await poll(first, { confirm: ids(said) })).toMatchObject({ ended: 'TAKEN_OVER' })
    expect(types(await poll(second))).toEqual(['UPDATE'])
  })

  test('C51 close disconnects at once, and what was confirmed with it is removed', async () => {
    const session = await subscribe()
    await writeOffer(session, 'o')
    const said = await poll(session)
    expect(await poll(session, { confirm: ids(said), close: true })).toMatchObject({ ended: 'DISCONNECTED' })
    expect(await framework(session)).toMatchObject({ state: 'disconnected' })
    expect(await there.mail(session.id)).toEqual([])
    expect(await poll(session)).toMatchObject({ ended: 'DISCONNECTED' })
  })

  test('C51 the close of an older session ends no newer one', async () => {
    const first = await subscribe()
    const second = await subscribe(first.id)
    expect(await poll(first, { close: true })).toMatchObject({ ended: 'TAKEN_OVER' })
    expect(await poll(second)).toMatchObject({ status: 200, batches: [] })
    expect(await framework(second)).toMatchObject({ state: 'connected' })
  })

  test('C49 a removed framework', async () => {
    const session = await subscribe()
    const call = { type: 'TEARDOWN', framework_id: { value: session.id } }
    await post('/api/v1/scheduler', call, { 'mesos-stream-id': session.streamId })
    expect(await poll(session)).toMatchObject({ ended: 'REMOVED' })
  })

  test('C48 a framework this cluster never heard of has to subscribe', async () => {
    expect(await poll({ id: 'nobody', streamId: 's' })).toMatchObject({ ended: 'DISCONNECTED' })
  })

  test('a session that has a stream of its own is not polled', async () => {
    const session = await subscribe()
    await env.store.commit(
      [
        {
          do: 'put',
          kind: 'lease',
          item: { ...(await lease(session)), holder: 'reader' },
          when: { name: 'unchanged' },
        },
      ],
      env.ids.uuid(),
    )
    expect((await poll(session)).status).toBe(409)
  })
})

describe('refusals', () => {
  test.each([
    [{ framework_id: undefined }, 'framework_id'],
    [{ framework_id: { value: '../x' } }, 'framework_id'],
    [{ stream_id: 5 }, 'stream_id'],
    [{ wait_ms: 20_001 }, 'wait_ms'],
    [{ wait_ms: -1 }, 'wait_ms'],
    [{ wait_ms: 'long' }, 'wait_ms'],
    [{ confirm: 'id' }, 'confirm'],
    [{ confirm: [5] }, 'confirm'],
    [{ received: Array.from({ length: 40_001 }, String) }, 'received'],
    [{ close: 'yes' }, 'close'],
    [{ idle_ms: -1 }, 'idle_ms'],
  ])('A11: %o is a 400 that names the field', async (more, field) => {
    const session = await subscribe()
    const answer = await poll(session, more)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain(field)
  })

  test('the events of a framework are for its principal', async () => {
    const session = await subscribe()
    const mine = await framework(session)
    await env.store.commit(
      [{ do: 'put', kind: 'framework', item: { ...mine, principal: 'me' }, when: { name: 'unchanged' } }],
      env.ids.uuid(),
    )
    const body = {
      type: 'EVENTS',
      events: { framework_id: { value: session.id }, stream_id: session.streamId, wait_ms: 0 },
    }
    const deadLetters = deadLettersOf(memoryQueues(there.clock))
    const asked = (principal: string) =>
      routed(
        env,
        operatorRoutes(env, { deadLetters, readwrite: () => ({ principal }) }),
      )({
        method: 'POST',
        path: '/api/v1/meseta',
        query: new URLSearchParams(),
        headers: JSON_TYPE,
        body: Buffer.from(JSON.stringify(body)),
        params: {},
      })
    const bodyOf = async (principal: string) => JSON.parse(String((await asked(principal)).body))
    expect((await bodyOf('other')).events).toEqual({ batches: [], settled: [], ended: 'DISCONNECTED' })
    expect((await bodyOf('me')).events).toEqual({ batches: [], settled: [] })
  })

  test('H18: while the table is away a poll is a 503, and afterwards nothing is missing', async () => {
    const session = await subscribe()
    await writeOffer(session, 'o')
    isAway = true
    expect((await poll(session)).status).toBe(503)
    isAway = false
    expect(types(await poll(session))).toEqual(['OFFERS'])
  })

  test('H20 while a restored table is made right nobody is told from it', async () => {
    const session = await subscribe()
    const tick = {
      version: 0,
      number: 1,
      at: there.clock.time,
      unbrokenSince: there.clock.time,
      removalTokens: 0,
      closed: true,
    } as const
    await env.store.commit(
      [{ do: 'put', kind: 'tick', item: tick, when: { name: 'anything' } }],
      env.ids.uuid(),
    )
    there.clock.time += 5_000
    expect((await poll(session)).status).toBe(503)
  })

  test('a header that names no delivery is a 400', async () => {
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'root', name: 'x' } } }
    expect((await post('/api/v1/scheduler', call, { 'meseta-delivery': 'pigeon' })).status).toBe(400)
  })
})
