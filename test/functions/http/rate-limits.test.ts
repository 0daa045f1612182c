// Rate limits at the doors: who is refused and who is not, what it costs, and what instances share.
import { describe, expect, test } from 'vitest'
import type { Environment } from '../../../functions/environment.ts'
import { basicAuthentication, SCHEDULER_REALM } from '../../../functions/http/authentication.ts'
import { ownBuckets, sharedBuckets, type TakeToken } from '../../../functions/http/buckets.ts'
import { limited } from '../../../functions/http/rate-limits.ts'
import { type Route, routed } from '../../../functions/http/routes.ts'
import { empty, type Handler, type HttpAnswer } from '../../../functions/http/types.ts'
import { operatorRoutes } from '../../../functions/operator/routes.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import { schedulerRoutes } from '../../../functions/scheduler/routes.ts'
import type { Flow, RateLimits } from '../../../master/authorization/rate-limits.ts'
import { encodeMessage } from '../../../protocol/codec.ts'
import { type Counted, counted } from '../../../store/counting.ts'
import { eventOf } from '../../attacks/ground.ts'
import { startCluster } from '../../cluster.ts'
import { world } from '../agents/world.ts'
import { Died, mortal } from '../mortal.ts'

const SECRETS = new Map([
  ['alice', 'a-secret'],
  ['mallory', 'm-secret'],
  ['ops', 'o-secret'],
])
const LIMITS: RateLimits = {
  limits: [{ principal: 'mallory', qps: 10, capacity: 20 }, { principal: 'ops' }],
}

interface Door {
  readonly env: Environment
  readonly clock: { now(): number; move(ms: number): void }
  readonly counting: Counted
  readonly logged: readonly string[]
  ask(principal: string, call: object, more?: Asked): Promise<HttpAnswer>
}

interface Asked {
  readonly path?: string
  readonly streamId?: string
  readonly binary?: boolean
}

/** Scheduler and operator API with credentials, behind these limits. */
async function door(
  rateLimits: RateLimits | undefined,
  bucketsOf: (env: Environment) => TakeToken = ownBuckets,
): Promise<Door> {
  let counting: Counted | undefined
  const w = await world({
    settings: { rateLimits },
    store(store) {
      counting = counted(store)
      return counting.store
    },
  })
  if (counting === undefined) throw new Error('the store was not wrapped')
  const authenticate = basicAuthentication(SECRETS, SCHEDULER_REALM)
  const guards = { readonly: authenticate, readwrite: authenticate }
  const routes = [
    ...schedulerRoutes(w.env, { authenticate }),
    ...operatorRoutes(w.env, { deadLetters: deadLettersOf(w.queues), ...guards }),
  ]
  const front: Handler = routed(w.env, limited(w.env, routes, bucketsOf(w.env)))
  return {
    env: w.env,
    clock: w.clock,
    counting,
    logged: w.logged,
    async ask(principal, call, { path = '/api/v1/scheduler', streamId, binary = false } = {}) {
      const pair = Buffer.from(`${principal}:${SECRETS.get(principal) ?? 'wrong'}`).toString('base64')
      const type = binary ? 'application/x-protobuf' : 'application/json'
      return await front({
        method: path.startsWith('/api') ? 'POST' : 'GET',
        path,
        query: new URLSearchParams(),
        headers: {
          'content-type': type,
          authorization: `Basic ${pair}`,
          'meseta-delivery': 'poll',
          ...(streamId === undefined ? {} : { 'mesos-stream-id': streamId }),
        },
        body: binary
          ? encodeMessage('mesos.v1.scheduler.Call', type, call)
          : Buffer.from(JSON.stringify(call)),
        params: {},
      })
    },
  }
}

async function subscribed({ ask }: Door, principal: string) {
  const framework_info = { user: 'u', name: principal, failover_timeout: 3_600 }
  const answer = await ask(principal, { type: 'SUBSCRIBE', subscribe: { framework_info } })
  const id = eventOf(Buffer.from(answer.body as Uint8Array).toString())?.subscribed?.framework_id.value ?? ''
  const streamId = answer.headers['mesos-stream-id'] ?? ''
  return (call: object, more: Asked = {}) =>
    ask(principal, { ...call, framework_id: { value: id } }, { streamId, ...more })
}

const DECLINE = { type: 'DECLINE', decline: { offer_ids: [{ value: 'no-such-offer' }] } }
const ACKNOWLEDGE = {
  type: 'ACKNOWLEDGE',
  acknowledge: { agent_id: { value: 'a' }, task_id: { value: 't' }, uuid: 'AAAAAAAAAAAAAAAAAAAAAA==' },
}

describe('A30: a storm of one principal', () => {
  test('is refused beyond its limit, and no call of another one is', async () => {
    const on = await door(LIMITS)
    const alice = await subscribed(on, 'alice')
    const mallory = await subscribed(on, 'mallory')
    let passed = 0
    for (let second = 0; second < 10; second++) {
      for (let call = 0; call < 200; call++) if ((await mallory(DECLINE)).status === 202) passed++
      for (let call = 0; call < 20; call++) expect((await alice(DECLINE)).status).toBe(202)
      on.clock.move(1_000)
    }
    // One token was for SUBSCRIBE.
    expect(passed).toBe(19 + 9 * 10)
  })

  test('costs the table nothing beyond its limit', async () => {
    const on = await door(LIMITS)
    const mallory = await subscribed(on, 'mallory')
    while ((await mallory(DECLINE)).status === 202) {}
    on.counting.reset()
    for (let call = 0; call < 1_000; call++) expect((await mallory(DECLINE)).status).toBe(429)
    // What every POST asks: whether the doors are closed.
    expect(Object.keys(on.counting.counts()).filter((name) => name !== 'get tick')).toEqual([])
  })

  test('is said in the log once in ten seconds, with how many there were', async () => {
    const on = await door(LIMITS)
    const mallory = await subscribed(on, 'mallory')
    for (let call = 0; call < 500; call++) await mallory(DECLINE)
    on.clock.move(10_000)
    for (let call = 0; call < 500; call++) await mallory(DECLINE)
    const lines = on.logged.filter((line) => line.startsWith('calls over the limit'))
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('"principal":"mallory"')
  })
})

describe('who is refused', () => {
  test('hears 429, a sentence, and when to come back', async () => {
    const on = await door({ limits: [{ principal: 'mallory', qps: 0.2 }] })
    const mallory = await subscribed(on, 'mallory')
    const refused = await mallory(DECLINE)
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '5', 'content-type': 'text/plain; charset=utf-8' },
      body: "This cluster takes 0.2 calls a second of 'mallory'; send this one again in 5 s",
    })
    on.clock.move(5_000)
    expect((await mallory(DECLINE)).status).toBe(202)
  })

  test('has said who he is: wrong secrets take nobody’s tokens', async () => {
    const on = await door({ limits: [{ principal: 'mallory', qps: 1 }] })
    SECRETS.delete('mallory')
    for (let call = 0; call < 50; call++) expect((await on.ask('mallory', DECLINE)).status).toBe(401)
    SECRETS.set('mallory', 'm-secret')
    expect((await on.ask('mallory', {})).status).toBe(400)
  })

  test('shares the default with all who have no limit of their own; an operator with a name in the list does not', async () => {
    const on = await door({ ...LIMITS, aggregate_default_qps: 2 })
    const state = { path: '/state' }
    expect((await on.ask('alice', {}, state)).status).toBe(200)
    expect((await on.ask('alice', {}, state)).status).toBe(200)
    expect((await on.ask('alice', {}, state)).body).toContain('who have no limit of their own')
    for (let call = 0; call < 50; call++) expect((await on.ask('ops', {}, state)).status).toBe(200)
    for (const path of ['/health', '/version', '/metrics/snapshot']) {
      for (let call = 0; call < 10; call++) expect((await on.ask('nobody', {}, { path })).status).toBe(200)
    }
  })

  test.each([false, true])('may still acknowledge, as often again (binary: %s)', async (binary) => {
    const on = await door(LIMITS)
    const mallory = await subscribed(on, 'mallory')
    while ((await mallory(DECLINE)).status === 202) {}
    let passed = 0
    for (let call = 0; call < 100; call++)
      if ((await mallory(ACKNOWLEDGE, { binary })).status === 202) passed++
    expect(passed).toBe(20)
    expect((await mallory(DECLINE)).status).toBe(429)
  })

  test('may still fetch events by poll', async () => {
    const on = await door(LIMITS)
    const mallory = await subscribed(on, 'mallory')
    while ((await mallory(DECLINE)).status === 202) {}
    const polled = await on.ask('mallory', { type: 'EVENTS', events: {} }, { path: '/api/v1/meseta' })
    expect(polled.status).not.toBe(429)
    const other = await on.ask('mallory', { type: 'LIST_DEAD_LETTERS' }, { path: '/api/v1/meseta' })
    expect(other.status).toBe(429)
  })
})

test('a whole cluster: agents are not limited, whoever calls without a name shares the default', async () => {
  const rateLimits = { aggregate_default_qps: 0.5, aggregate_default_capacity: 2 }
  const cluster = await startCluster({ agents: 1, store: 'memory', settings: { rateLimits } })
  try {
    const statuses = []
    for (let call = 0; call < 3; call++) statuses.push((await cluster.get('/state')).status)
    expect(statuses).toEqual([200, 200, 429])
    const refused = await cluster.operator({ type: 'GET_AGENTS' })
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '2'])
    expect((await cluster.get('/health')).status).toBe(200)
    await cluster.addAgent()
    await cluster.clock.advance(4_000)
    const { json } = await cluster.operator({ type: 'GET_AGENTS' })
    expect(json).toMatchObject({ get_agents: { agents: [{ active: true }, { active: true }] } })
    const flags = await cluster.get('/flags')
    expect(flags.text).toContain('rate_limits')
  } finally {
    await cluster.stop()
  }
})

describe('no limits', () => {
  test('the routes are the very same ones: nothing is asked, read or written', async () => {
    const { env } = await door(undefined)
    const routes: readonly Route[] = [{ path: '/x', methods: { GET: () => empty(200) } }]
    expect(limited(env, routes, () => Promise.reject(new Error('asked')))).toBe(routes)
  })

  test('who has none is not looked up either, where others have one', async () => {
    const on = await door(LIMITS, sharedBuckets)
    const alice = await subscribed(on, 'alice')
    for (let call = 0; call < 20; call++) await alice(DECLINE)
    expect(Object.keys(on.counting.counts()).filter((name) => name.includes('allowance'))).toEqual([])
  })
})

describe('instances that share a bucket', () => {
  const FLOW: Flow = { principal: 'jobs', qps: 100, capacity: 100 }
  const CALL = { isAnswer: false }

  async function shared(instances: number) {
    const w = await world()
    const counting = counted(w.store)
    const env = { ...w.env, store: counting.store }
    const takers = Array.from({ length: instances }, () => sharedBuckets(env))
    const writes = () => counting.counts()['commit put allowance']?.calls ?? 0
    return { ...w, env, takers, writes, counting }
  }

  test('get no more together than one would, and no less than nine tenths of it', async () => {
    const { clock, takers } = await shared(7)
    let passed = 0
    for (let ms = 0; ms < 20_000; ms += 10) {
      for (const take of takers) if ((await take(FLOW, CALL)) === 0) passed++
      clock.move(10)
    }
    expect(passed).toBeLessThanOrEqual(100 + 2_000)
    expect(passed).toBeGreaterThanOrEqual(0.9 * 2_100)
  })

  test('get all there is when they call rarely', async () => {
    const { clock, takers } = await shared(20)
    for (let second = 0; second < 10; second++) {
      for (const take of takers) expect(await take(FLOW, CALL)).toBe(0)
      clock.move(300)
    }
  })

  test('at once, over one item: conflicts are tried again, nothing is given twice', async () => {
    const { takers } = await shared(10)
    const asked = takers.flatMap((take) => Array.from({ length: 20 }, () => take(FLOW, CALL)))
    const passed = (await Promise.all(asked)).filter((waitMs) => waitMs === 0).length
    expect(passed).toBeLessThanOrEqual(100)
    expect(passed).toBeGreaterThan(50)
  })

  test('write little: chunks grow with the calls', async () => {
    const { clock, takers, writes } = await shared(1)
    for (let call = 0; call < 1_000; call++) {
      await Promise.all(takers.map((take) => take(FLOW, CALL)))
      clock.move(10)
    }
    expect(writes()).toBeLessThanOrEqual(110)
  })

  test('that find it empty ask at most ten times a second, and write nothing', async () => {
    const { takers, clock, counting, env } = await shared(1)
    const [take = ownBuckets(env)] = takers
    const slow: Flow = { principal: 'slow', qps: 0.01, capacity: 1 }
    await take(slow, CALL)
    counting.reset()
    for (let ms = 0; ms < 10_000; ms++) {
      expect(await take(slow, CALL)).toBeGreaterThan(0)
      clock.move(1)
    }
    const { 'get allowance': reads, ...others } = counting.counts()
    expect(reads?.calls).toBeLessThanOrEqual(1)
    expect(Object.keys(others).filter((name) => name !== 'get tick')).toEqual([])
  })

  test('do not give tokens that were left from long ago', async () => {
    const { takers, clock } = await shared(2)
    const [one, other] = takers
    if (one === undefined || other === undefined) throw new Error('two were started')
    for (let call = 0; call < 40; call++) await one(FLOW, CALL)
    clock.move(10_000)
    // The bucket is full again, and what the first one had left does not come on top of it.
    let passed = 0
    for (let call = 0; call < 300; call++) if ((await other(FLOW, CALL)) === 0) passed++
    for (let call = 0; call < 300; call++) if ((await one(FLOW, CALL)) === 0) passed++
    expect(passed).toBe(100)
  })

  test.each(['dies before', 'dies after'] as const)(
    'H11: one that %s any of its calls takes at most a chunk with it, and the others go on',
    async (kind) => {
      for (let call = 1; call <= 6; call++) {
        const { env, takers, store } = await shared(1)
        const [other] = takers
        const dying = sharedBuckets(mortal(env, { kind, call }).env)
        for (let tries = 0; tries < 4; tries++) {
          await dying(FLOW, CALL).catch((error: unknown) => {
            if (!(error instanceof Died)) throw error
          })
        }
        expect(await other?.(FLOW, CALL)).toBe(0)
        const left = (await store.get('allowance', { principal: 'jobs' }))?.tokens
        expect(left).toBeGreaterThanOrEqual(100 - 4 - 10 - 1)
      }
    },
  )

  test('H15: go on when no ticks come, by their own clocks', async () => {
    const { takers, clock, run } = await shared(1)
    const [take] = takers
    await run(2_000)
    for (let second = 0; second < 60; second++) {
      for (let call = 0; call < 200; call++) await take?.(FLOW, CALL)
      clock.move(1_000)
    }
    expect(await take?.(FLOW, CALL)).toBe(0)
  })

  test('H16: a clock five minutes ahead does not fill it, nor does it keep the others from it', async () => {
    const { env, takers, clock, run } = await shared(1)
    const [right] = takers
    await run(2_000)
    const fast = { ...env.clock, now: () => clock.now() + 300_000 }
    const ahead = sharedBuckets({ ...env, clock: fast, store: counted(env.store).store })
    while ((await right?.(FLOW, CALL)) === 0) {}
    let passed = 0
    for (let second = 0; second < 10; second++) {
      await run(1_000)
      for (let call = 0; call < 200; call++) {
        if ((await ahead(FLOW, CALL)) === 0) passed++
        if ((await right?.(FLOW, CALL)) === 0) passed++
      }
    }
    // What cluster time lets a clock run ahead of the ticks: two of them.
    expect(passed).toBeLessThanOrEqual(1_000 + 200)
    expect(passed).toBeGreaterThan(800)
  })
})
