// Rights at the door of frameworks: roles at SUBSCRIBE and UPDATE_FRAMEWORK, and what a right that is taken away does to a
// session that is open.
import { afterEach, describe, expect, test } from 'vitest'
import { basicAuthentication, SCHEDULER_REALM } from '../../../functions/http/authentication.ts'
import { RECHECK_MS } from '../../../functions/http/recheck.ts'
import { pollEvents } from '../../../functions/operator/events/poll.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { aclsOf } from '../operator/asking.ts'
import { openStream, type Subscription, send, startWorld, type World } from './world.ts'

const SECRETS = { alice: 'a-secret', mallory: 'm-secret' }
const headersOf = (who: keyof typeof SECRETS) => ({
  authorization: `Basic ${Buffer.from(`${who}:${SECRETS[who]}`).toString('base64')}`,
})

/** Alice may use `dev`, nobody anything else. */
const DEV = {
  permissive: false,
  register_frameworks: [{ principals: { values: ['alice'] }, roles: { values: ['dev'] } }],
  run_tasks: [{ principals: { type: 'ANY' }, users: { type: 'ANY' } }],
}

let world: World
afterEach(() => world.close())

/** With lists and secrets that a test may change while streams are open. */
async function started() {
  const acls = { ...aclsOf(DEV) }
  const secrets = new Map<string, string>(Object.entries(SECRETS))
  world = await startWorld({
    authenticate: basicAuthentication(secrets, SCHEDULER_REALM),
    settings: { acls },
  })
  return { acls, secrets }
}

const subscribe = (who: keyof typeof SECRETS, role: string, more: object = {}) =>
  openStream(world, { headers: headersOf(who), info: { role, failover_timeout: 3_600, ...more } })

const revive = (stream: Subscription, who: keyof typeof SECRETS = 'alice') =>
  send(
    world,
    { type: 'REVIVE', framework_id: { value: stream.frameworkId() } },
    { streamId: stream.streamId, headers: headersOf(who) },
  )

const stateOf = async (stream: Subscription) =>
  (await world.env.store.get('framework', { frameworkId: stream.frameworkId() }))?.state

describe('A4: register_frameworks', () => {
  test('a role of one’s own is SUBSCRIBED, another one is an ERROR on a 200, and nothing is written', async () => {
    await started()
    const good = await subscribe('alice', 'dev')
    await good.next('SUBSCRIBED')
    for (const [who, role] of [
      ['alice', 'ops'],
      ['mallory', 'dev'],
    ] as const) {
      const bad = await subscribe(who, role, { id: { value: `${who}-${role}` } })
      expect(bad.status).toBe(200)
      expect((await bad.next('ERROR')).error?.message).toBe(`Not authorized to use role '${role}'`)
      await bad.ended
      expect(await world.env.store.get('framework', { frameworkId: `${who}-${role}` })).toBeUndefined()
    }
    good.close()
  })

  test('UPDATE_FRAMEWORK into another role is 403, and nothing changes', async () => {
    await started()
    const good = await subscribe('alice', 'dev')
    await good.next('SUBSCRIBED')
    const id = { value: good.frameworkId() }
    const call: SchedulerCall = {
      type: 'UPDATE_FRAMEWORK',
      framework_id: id,
      update_framework: {
        framework_info: { user: 'root', name: 'test', id, role: 'ops', failover_timeout: 3_600 },
      },
    }
    const before = await world.env.store.get('framework', { frameworkId: id.value })
    const { status, text } = await send(world, call, { streamId: good.streamId, headers: headersOf('alice') })
    expect([status, text]).toEqual([403, "Not authorized to use role 'ops'"])
    expect(await world.env.store.get('framework', { frameworkId: id.value })).toEqual(before)
    good.close()
  })

  test('A1: a refused call leaves a line in the log, with the principal and without a secret', async () => {
    await started()
    const good = await subscribe('alice', 'dev')
    await good.next('SUBSCRIBED')
    expect((await revive(good, 'mallory')).status).toBe(400)
    expect(world.logged).toContainEqual({
      event: 'call refused',
      fields: { call: 'REVIVE', principal: 'mallory', frameworkId: good.frameworkId(), status: 400 },
    })
    expect(JSON.stringify(world.logged)).not.toMatch(/secret/)
    good.close()
  })
})

describe('A26: what was taken away while a stream is open', () => {
  test('a role: the next call is 403, the stream ends with an ERROR, the framework has its time to come back', async () => {
    const { acls } = await started()
    const stream = await subscribe('alice', 'dev')
    await stream.next('SUBSCRIBED')
    expect((await revive(stream)).status).toBe(202)
    Object.assign(acls, aclsOf({ permissive: false }))
    expect((await revive(stream)).status).toBe(403)
    await world.clock.advance(5_000, { stepMs: 250, settleMs: 5 })
    expect((await stream.next('ERROR')).error?.message).toContain('Not authorized any more')
    await stream.ended
    expect(await stateOf(stream)).toBe('disconnected')
    const again = await subscribe('alice', 'dev', { id: { value: stream.frameworkId() } })
    await again.next('ERROR')
    Object.assign(acls, aclsOf(DEV))
    const back = await subscribe('alice', 'dev', { id: { value: stream.frameworkId() } })
    await back.next('SUBSCRIBED')
    back.close()
  })

  test('a credential: the next call is 401, and the stream ends within ten seconds', async () => {
    const { secrets } = await started()
    const stream = await subscribe('alice', 'dev')
    await stream.next('SUBSCRIBED')
    await world.clock.advance(2 * RECHECK_MS, { stepMs: 500, settleMs: 5 })
    expect(await stateOf(stream)).toBe('connected')
    secrets.delete('alice')
    expect((await revive(stream)).status).toBe(401)
    await world.clock.advance(RECHECK_MS + 500, { stepMs: 500, settleMs: 5 })
    await stream.ended
    await expect.poll(() => stateOf(stream)).toBe('disconnected')
    expect(world.logged.map(({ event }) => event)).toContain(
      'stream ended: its credential is not good any more',
    )
  })

  test('a secret that was changed ends the streams of the old one', async () => {
    const { secrets } = await started()
    const stream = await subscribe('alice', 'dev')
    await stream.next('SUBSCRIBED')
    secrets.set('alice', 'another')
    await world.clock.advance(RECHECK_MS + 500, { stepMs: 500, settleMs: 5 })
    await stream.ended
    expect(stream.events.map(({ type }) => type)).not.toContain('ERROR')
  })

  test('a framework that is polled for: the next poll is 403', async () => {
    const { acls } = await started()
    const headers = { ...headersOf('alice'), 'meseta-delivery': 'poll' }
    const session = await openStream(world, { headers, info: { role: 'dev', failover_timeout: 3_600 } })
    await session.ended
    const poll = { framework_id: { value: session.frameworkId() }, stream_id: session.streamId, wait_ms: 0 }
    expect((await pollEvents(world.env, poll, { principal: 'alice' })).status).toBe(200)
    Object.assign(acls, aclsOf({ permissive: false }))
    expect((await pollEvents(world.env, poll, { principal: 'alice' })).status).toBe(403)
  })

  test('a stream that its client closed is no credential’s end', async () => {
    await started()
    const stream = await subscribe('alice', 'dev')
    await stream.next('SUBSCRIBED')
    stream.close()
    await expect.poll(() => stateOf(stream)).toBe('disconnected')
    expect(world.logged.map(({ event }) => event)).not.toContain(
      'stream ended: its credential is not good any more',
    )
  })
})
