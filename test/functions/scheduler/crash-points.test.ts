// A worker may die at any line: each commit of a session's beginning and end fails once, and the world comes right.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { disconnectIfLapsed, finishOpenWork, removeIfDue } from '../../../functions/scheduler/disconnect.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { openStream, type Subscription, send, startWorld, type World } from './world.ts'

let world: World
const open: Subscription[] = []

beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await world.close()
})

const ID = { value: 'f' }
const INFO = { id: ID, failover_timeout: 60 }
const REVIVE: SchedulerCall = { type: 'REVIVE', framework_id: ID }
const TEARDOWN: SchedulerCall = { type: 'TEARDOWN', framework_id: ID }

async function subscribe(): Promise<Subscription> {
  const stream = await openStream(world, { info: INFO })
  open.push(stream)
  return stream
}

async function connected(): Promise<Subscription> {
  const stream = await subscribe()
  await stream.next('HEARTBEAT')
  return stream
}

async function stored() {
  const framework = await world.env.store.get('framework', { frameworkId: ID.value })
  if (framework === undefined) throw new Error('no such framework')
  return framework
}

/** What the detector does each tick. */
async function detect(): Promise<void> {
  const at = world.clock.now()
  await finishOpenWork(world.env, ID.value)
  await disconnectIfLapsed(world.env, ID.value, { at, unbrokenSince: 0 })
  await removeIfDue(world.env, ID.value)
  await finishOpenWork(world.env, ID.value)
}

/** SUBSCRIBE writes the framework item, the gate, the lease. */
const SUBSCRIBE_COMMITS = [1, 2, 3]

describe.each(['before', 'after'] as const)('the worker dies %s a commit took effect', (when) => {
  test.each(SUBSCRIBE_COMMITS)(
    'SUBSCRIBE at commit %i: the client tries again and has the one session',
    async (number) => {
      world.failCommit(number, when)
      const dead = await subscribe()
      expect([dead.status, dead.headers.get('retry-after')]).toEqual([503, '1'])
      const stream = await connected()
      expect((await send(world, REVIVE, { streamId: stream.streamId })).status).toBe(202)
      expect((await stored()).openWork).toBeUndefined()
    },
  )

  test.each(SUBSCRIBE_COMMITS)(
    'takeover at commit %i: the old session ends, nobody stays connected for ever',
    async (number) => {
      const old = await connected()
      world.failCommit(number, when)
      expect((await subscribe()).status).toBe(503)
      const isBegun = !(number === 1 && when === 'before')
      await detect()
      if (isBegun) {
        await old.ended
        expect((await send(world, REVIVE, { streamId: old.streamId })).status).toBe(400)
        // Nobody reads for the session that was begun: it is over when its lease would be.
        await world.clock.advance(20_000)
        await detect()
        expect((await stored()).state).toBe('disconnected')
      } else {
        expect((await send(world, REVIVE, { streamId: old.streamId })).status).toBe(202)
      }
      const fresh = await connected()
      expect((await send(world, REVIVE, { streamId: fresh.streamId })).status).toBe(202)
    },
  )

  test.each([1, 2, 3])('disconnect at commit %i: the detector finishes it', async (number) => {
    const stream = await connected()
    world.failCommit(number, when)
    stream.close()
    await expect.poll(() => world.commits()).toBeGreaterThanOrEqual(number)
    // A disconnect that was not written is found by its lease.
    await world.clock.advance(20_000)
    await detect()
    expect((await stored()).state).toBe('disconnected')
    expect((await stored()).openWork).toBeUndefined()
    const gate = await world.env.store.get('gate', { frameworkId: ID.value, index: 0 })
    expect(gate?.epoch).toBe((await stored()).epoch)
    const back = await connected()
    expect((await send(world, REVIVE, { streamId: back.streamId })).status).toBe(202)
  })

  test.each([1, 2, 3])('TEARDOWN at commit %i: repeated, or finished by the detector', async (number) => {
    const stream = await connected()
    world.failCommit(number, when)
    const first = await send(world, TEARDOWN, { streamId: stream.streamId })
    expect(first.status).toBe(503)
    const second = await send(world, TEARDOWN, { streamId: stream.streamId })
    const isDone = !(number === 1 && when === 'before')
    expect(second.status).toBe(isDone ? 400 : 202)
    await detect()
    await stream.ended
    expect([(await stored()).state, (await stored()).openWork]).toEqual(['removed', undefined])
    expect(stream.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })
})
