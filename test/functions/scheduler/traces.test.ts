// Traces that would break a careless design: calls paused between load and commit, ACCEPTs that die between pieces.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { finishHold } from '../../../functions/scheduler/accept-in-pieces.ts'
import { frameworkBell } from '../../../functions/tell.ts'
import { acceptIdOf } from '../../../master/calls/accept-offers.ts'
import type { Change } from '../../../master/decision.ts'
import { offerMail, updateMail, withdrawnMail, wordMail } from '../../../master/mail.ts'
import type { Framework } from '../../../master/model.ts'
import type { SchedulerCall, TaskStatus } from '../../../protocol/messages.ts'
import { all } from '../../../store/store.ts'
import {
  AGENT,
  newEntry,
  newLedger,
  newTask,
  newTaskInfo,
  scalar,
  withOffer,
} from '../../master/calls/world.ts'
import { openStream, type Subscription, send, startWorld, type World } from './world.ts'

let world: World
const open: Subscription[] = []
const ID = { value: 'f' }
const TASKS = 150

beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await world.close()
})

async function connected(info: Readonly<Record<string, unknown>> = {}): Promise<Subscription> {
  const stream = await openStream(world, { info: { id: ID, failover_timeout: 60, ...info } })
  open.push(stream)
  await stream.next('HEARTBEAT')
  return stream
}

async function framework(): Promise<Framework> {
  const found = await world.env.store.get('framework', { frameworkId: ID.value })
  if (found === undefined) throw new Error('no such framework')
  return found
}

async function commit(changes: readonly Change[]): Promise<void> {
  expect(await world.env.store.commit(changes, world.env.ids.uuid())).toEqual({ kind: 'committed' })
}

const context = () => ({ now: world.clock.now(), newId: () => world.env.ids.random() })
const call = (stream: Subscription, one: SchedulerCall) => send(world, one, { streamId: stream.streamId })
const tasks = async () =>
  (await all(world.env.store, 'tasks', { frameworkId: ID.value, shard: 0 })).map(({ item }) => item)
const ledger = () => world.env.store.get('ledger', { agentId: AGENT })
const putsLedger = (changes: readonly Change[]) =>
  changes.some((one) => one.do === 'put' && one.kind === 'ledger')

/** An agent with one offer; the ACCEPT that launches so many tasks with it. */
async function accepting(count: number): Promise<SchedulerCall> {
  const total = [scalar('cpus', 1_000), scalar('mem', 1_000_000)]
  const expiresAt = world.clock.now() + 300_000
  const made = withOffer(newLedger({ version: 0, total }), await framework(), { expiresAt })
  await commit([
    { do: 'put', kind: 'ledger', item: made.ledger, when: { name: 'absent' } },
    { do: 'put', kind: 'agent', item: newEntry({ version: 0 }), when: { name: 'absent' } },
  ])
  const infos = Array.from({ length: count }, (_, index) => newTaskInfo(`t${index}`))
  return {
    type: 'ACCEPT',
    framework_id: ID,
    accept: {
      offer_ids: [{ value: made.offerId }],
      operations: [{ type: 'LAUNCH', launch: { task_infos: infos } }],
    },
  }
}

function states(stream: Subscription): string[] {
  return stream.events.flatMap(({ update }) => (update === undefined ? [] : [update.status.state]))
}

describe('paused between load and commit', () => {
  test('accept-after-takeover, F70 S8: the call of the replaced session is 400 and launches nothing', async () => {
    const old = await connected()
    const accept = await accepting(1)
    const paused = world.holdCommit(putsLedger)
    const answer = call(old, accept)
    await paused.reached
    const fresh = await connected()
    paused.release()
    expect((await answer).status).toBe(400)
    expect(await tasks()).toEqual([])
    expect((await call(fresh, { type: 'REVIVE', framework_id: ID })).status).toBe(202)
  })

  test('accept-after-teardown, F70: 400, and no task of a removed framework begins', async () => {
    const stream = await connected()
    const accept = await accepting(1)
    const paused = world.holdCommit(putsLedger)
    const answer = call(stream, accept)
    await paused.reached
    expect((await call(stream, { type: 'TEARDOWN', framework_id: ID })).status).toBe(202)
    paused.release()
    expect(await answer).toMatchObject({ status: 400, text: 'Framework cannot be found' })
    expect(await tasks()).toEqual([])
    expect((await ledger())?.sums).toEqual({})
  })

  test('ack-by-replaced-scheduler: the update stays in custody for the new session', async () => {
    const old = await connected()
    const uuid = Buffer.alloc(16, 5).toString('base64')
    const status: TaskStatus = { task_id: { value: 't' }, state: 'TASK_RUNNING', uuid }
    const head = { number: 1, uuid, at: world.clock.now(), status }
    await commit([
      {
        do: 'put',
        kind: 'task',
        item: newTask('t', { version: 0, frameworkId: ID.value, custody: [head] }),
        when: { name: 'absent' },
      },
      updateMail(await framework(), 't', head, context()),
    ])
    const paused = world.holdCommit((changes) =>
      changes.some((one) => one.do === 'put' && one.kind === 'task'),
    )
    const acknowledge = { agent_id: { value: AGENT }, task_id: { value: 't' }, uuid }
    const answer = call(old, { type: 'ACKNOWLEDGE', framework_id: ID, acknowledge })
    await paused.reached
    const fresh = await connected()
    paused.release()
    expect((await answer).status).toBe(400)
    expect((await fresh.next('UPDATE')).update?.status.uuid).toBe(uuid)
    expect((await tasks())[0]?.custody).toHaveLength(1)
  })

  test('paused-writer-commits-late, F70 H11: mail of a writer that slept is found by the next look', async () => {
    const stream = await connected()
    const late = wordMail(await framework(), { task_id: { value: 't' }, state: 'TASK_LOST' }, context())
    await world.clock.advance(30_000, { stepMs: 1_000 })
    await commit([late])
    await world.clock.advance(1_500)
    await stream.next('UPDATE')
  })
})

describe('an ACCEPT in pieces', () => {
  test('takeover-between-pieces: the pieces go on, 202 to the one who asked', async () => {
    const old = await connected()
    const accept = await accepting(TASKS)
    let seen = 0
    const paused = world.holdCommit((changes) => putsLedger(changes) && ++seen === 2)
    const answer = call(old, accept)
    await paused.reached
    const fresh = await connected()
    paused.release()
    expect((await answer).status).toBe(202)
    expect(await tasks()).toHaveLength(TASKS)
    expect(states(fresh)).toEqual([])
    expect((await ledger())?.holds).toEqual({})
  })

  test('reconcile-during-big-accept: a task that is still to be made is STAGING, not unknown', async () => {
    const stream = await connected({ capabilities: [{ type: 'PARTITION_AWARE' }] })
    const accept = await accepting(TASKS)
    let seen = 0
    const paused = world.holdCommit((changes) => putsLedger(changes) && ++seen === 3)
    const answer = call(stream, accept)
    await paused.reached
    const asked = ['t0', 't149'].map((value) => ({ task_id: { value }, agent_id: { value: AGENT } }))
    await call(stream, { type: 'RECONCILE', framework_id: ID, reconcile: { tasks: asked } })
    await expect.poll(() => states(stream)).toEqual(['TASK_STAGING', 'TASK_STAGING'])
    paused.release()
    expect((await answer).status).toBe(202)
    expect(await tasks()).toHaveLength(TASKS)
  })

  // The hold, then the pieces: each dies once, with and without having taken effect.
  test.each([
    [1, 'before'],
    [1, 'after'],
    [2, 'before'],
    [2, 'after'],
    [3, 'before'],
    [3, 'after'],
    [4, 'after'],
  ] as const)(
    'accept-dies-between-pieces at commit %i, %s: the repeat finishes what is open',
    async (number, when) => {
      const stream = await connected()
      // The reader and the note of a call commit too: let them be done.
      await call(stream, { type: 'REVIVE', framework_id: ID })
      await world.clock.advance(200)
      const accept = await accepting(TASKS)
      world.failCommit(number, when)
      expect((await call(stream, accept)).status).toBe(503)
      expect((await call(stream, accept)).status).toBe(202)
      expect(await tasks()).toHaveLength(TASKS)
      const runs = await all(world.env.store, 'agent', { agentId: AGENT }, 'run')
      expect(runs).toHaveLength(TASKS)
      expect((await ledger())?.holds).toEqual({})
      expect(states(stream)).toEqual([])
      expect((await call(stream, accept)).status).toBe(202)
      expect(await tasks()).toHaveLength(TASKS)
      expect(states(stream)).toEqual([])
    },
  )

  test('hold-expires: what was not made is said to be dropped, what was made runs', async () => {
    const stream = await connected({ capabilities: [{ type: 'PARTITION_AWARE' }] })
    await call(stream, { type: 'REVIVE', framework_id: ID })
    await world.clock.advance(200)
    const accept = await accepting(TASKS)
    world.failCommit(3, 'before')
    expect((await call(stream, accept)).status).toBe(503)
    const made = (await tasks()).length
    expect(made).toBeGreaterThan(0)
    await world.clock.advance(31_000, { stepMs: 1_000 })
    await finishHold(world.env, { agentId: AGENT, acceptId: acceptIdOf(accept.accept ?? {}) })
    await expect.poll(() => states(stream).length).toBe(TASKS - made)
    expect(new Set(states(stream))).toEqual(new Set(['TASK_DROPPED']))
    expect((await ledger())?.holds).toEqual({})
    // The client that tries again reads nothing new.
    expect((await call(stream, accept)).status).toBe(202)
    expect(await tasks()).toHaveLength(made)
  })
})

describe('mail that changes while it is said', () => {
  test('withdrawn between what was listed and its removal: OFFERS, then RESCIND', async () => {
    const stream = await connected()
    const own = await framework()
    const offer = { id: { value: 'o1' }, framework_id: ID, agent_id: { value: AGENT }, hostname: 'h' }
    const removes = (changes: readonly Change[]) =>
      changes.some((one) => one.do === 'remove' && one.kind === 'mail')
    const paused = world.holdCommit(removes)
    await commit([offerMail(own, offer, context())])
    world.env.bells.ring(frameworkBell(ID.value))
    await stream.next('OFFERS')
    await paused.reached
    await commit([withdrawnMail(own, 'o1', context())])
    paused.release()
    expect((await stream.next('RESCIND')).rescind?.offer_id.value).toBe('o1')
  })

  test('delete-answer-lost: an offer whose removal is in doubt is not said twice', async () => {
    const stream = await connected()
    const offer = { id: { value: 'o1' }, framework_id: ID, agent_id: { value: AGENT }, hostname: 'h' }
    for (const when of ['before', 'after'] as const) {
      await commit([offerMail(await framework(), { ...offer, id: { value: when } }, context())])
      world.failCommit(1, when)
      world.env.bells.ring(frameworkBell(ID.value))
      await world.clock.advance(3_000)
    }
    const said = stream.events.flatMap(({ offers }) => offers?.offers?.map(({ id }) => id.value) ?? [])
    expect(said).toEqual(['before', 'after'])
    expect(await all(world.env.store, 'mail', { frameworkId: ID.value, shard: 0 })).toEqual([])
  })
})
