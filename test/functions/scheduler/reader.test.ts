// The mailbox and its reader over a real stream: what is put is said, once or again, and leaves when it may.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { finishOpenWork } from '../../../functions/scheduler/disconnect.ts'
import { frameworkBell } from '../../../functions/tell.ts'
import { acceptIdOf } from '../../../master/calls/accept-offers.ts'
import type { Change } from '../../../master/decision.ts'
import {
  noticeMail,
  offerMail,
  reconcileAllMail,
  updateMail,
  withdrawnMail,
  wordMail,
} from '../../../master/mail.ts'
import type { Framework, Mail } from '../../../master/model.ts'
import type {
  Offer,
  SchedulerCall,
  SchedulerEvent,
  TaskState,
  TaskStatus,
} from '../../../protocol/messages.ts'
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

beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await world.close()
})

async function connected(options: Parameters<typeof openStream>[1] = {}): Promise<Subscription> {
  const stream = await openStream(world, { ...options, info: { failover_timeout: 60, ...options.info } })
  open.push(stream)
  await stream.next('HEARTBEAT')
  return stream
}

async function framework(stream: Subscription): Promise<Framework> {
  const found = await world.env.store.get('framework', { frameworkId: stream.frameworkId() })
  if (found === undefined) throw new Error('no such framework')
  return found
}

/** Commits, and rings unless told not to: nothing may depend on the bell. */
async function commit(stream: Subscription, changes: readonly Change[], rings = true): Promise<void> {
  expect(await world.env.store.commit(changes, world.env.ids.uuid())).toEqual({ kind: 'committed' })
  if (rings) world.env.bells.ring(frameworkBell(stream.frameworkId()))
}

async function mailOf(stream: Subscription): Promise<Mail[]> {
  const found = await all(world.env.store, 'mail', { frameworkId: stream.frameworkId(), shard: 0 })
  return found.map(({ item }) => item)
}

const context = () => ({ now: world.clock.now(), newId: () => world.env.ids.random() })

function offer(id: string, more: Partial<Offer> = {}): Offer {
  const allocation_info = { role: 'r' }
  return {
    id: { value: id },
    framework_id: { value: 'f' },
    agent_id: { value: AGENT },
    hostname: 'host',
    allocation_info,
    resources: [
      scalar('cpus', 1, { allocation_info }),
      scalar('mem', 64, { allocation_info, reservations: [{ type: 'STATIC', role: 'r' }] }),
    ],
    ...more,
  }
}

function status(taskId: string, state: TaskState): TaskStatus {
  return { task_id: { value: taskId }, state }
}

/** Task states said so far, in order. */
function updates(stream: Subscription): string[] {
  return stream.events.flatMap(({ update }) =>
    update === undefined ? [] : [`${update.status.task_id.value} ${update.status.state}`],
  )
}

const types = (stream: Subscription) => stream.events.map(({ type }) => type)

describe('offers', () => {
  test('C61 C62 an offer is written in the framework’s own format, then leaves the mailbox', async () => {
    const can = (...names: string[]) => ({ capabilities: names.map((type) => ({ type })) })
    const plain = await connected({ info: { role: 'r' } })
    const modern = await connected({ info: { roles: ['r'], ...can('MULTI_ROLE', 'RESERVATION_REFINEMENT') } })
    for (const stream of [plain, modern]) {
      await commit(stream, [offerMail(await framework(stream), offer('o1'), context())])
      await stream.next('OFFERS')
      await expect.poll(() => mailOf(stream)).toEqual([])
    }
    const [old] = (await plain.next('OFFERS')).offers?.offers ?? []
    expect(old?.allocation_info).toBeUndefined()
    expect(old?.resources).toEqual([scalar('cpus', 1, { role: '*' }), scalar('mem', 64, { role: 'r' })])
    const [kept] = (await modern.next('OFFERS')).offers?.offers ?? []
    expect(kept?.allocation_info).toEqual({ role: 'r' })
    expect(kept?.resources).toEqual(offer('o1').resources)
  })

  test('mail is found without a bell', async () => {
    const stream = await connected()
    await commit(stream, [offerMail(await framework(stream), offer('o1'), context())], false)
    await world.clock.advance(1_500)
    await stream.next('OFFERS')
  })

  test('RESCIND follows an offer that was said, and no other', async () => {
    const stream = await connected()
    const own = await framework(stream)
    await commit(stream, [offerMail(own, offer('o1'), context()), withdrawnMail(own, 'o2', context())])
    await stream.next('OFFERS')
    await commit(stream, [withdrawnMail(own, 'o1', context())])
    const { rescind } = await stream.next('RESCIND')
    expect(rescind?.offer_id.value).toBe('o1')
    await expect.poll(() => mailOf(stream)).toEqual([])
    expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS', 'RESCIND'])
  })

  test('C57 C45 offers, withdrawals and messages of an older session are never said', async () => {
    const first = await connected()
    const old = await framework(first)
    first.close()
    await expect.poll(async () => (await framework(first)).state).toBe('disconnected')
    const message: SchedulerEvent = {
      type: 'MESSAGE',
      message: { agent_id: { value: 'a' }, executor_id: { value: 'e' }, data: 'AAAA' },
    }
    await commit(first, [
      offerMail(old, offer('o1'), context()),
      withdrawnMail(old, 'o2', context()),
      noticeMail(old, message, context()),
      wordMail(old, status('t', 'TASK_LOST'), context()),
    ])
    const second = await connected({ info: { id: { value: first.frameworkId() } } })
    await second.next('UPDATE')
    await world.clock.advance(3_000)
    // The word about a loss waits for the framework; all else was for a session that is over.
    expect(types(second)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'UPDATE'])
    expect((await mailOf(second)).map(({ key }) => key)).toEqual(['WORD#t'])
  })
})

describe('updates and words', () => {
  test('what is nearly due while cluster time stands still is not looked at without pause', async () => {
    const stream = await connected()
    const own = await framework(stream)
    // An hour ahead of this host's clock: time moves with the ticks only.
    const ticked = async (at: number, number: number) => {
      const item = { version: 0, number, at, unbrokenSince: 0, removalTokens: 0 }
      await commit(stream, [{ do: 'put', kind: 'tick', item, when: { name: 'anything' } }])
      await world.clock.advance(5_000, { stepMs: 500 })
    }
    const ahead = world.clock.now() + 3_600_000
    await ticked(ahead, 1)
    const uuid = Buffer.alloc(16, 9).toString('base64')
    const head = { number: 1, uuid, at: ahead, status: { ...status('t', 'TASK_RUNNING'), uuid } }
    await commit(stream, [updateMail(own, 't', head, { ...context(), now: ahead })])
    await stream.next('UPDATE')
    await ticked(ahead + 9_995, 2)
    const before = world.queries()
    await world.clock.advance(2_000, { stepMs: 10, settleMs: 1 })
    const looks = world.queries() - before
    expect(looks).toBeGreaterThan(0)
    expect(looks).toBeLessThanOrEqual(40)
    expect(updates(stream)).toHaveLength(1)
    await ticked(ahead + 10_001, 3)
    expect(updates(stream)).toHaveLength(2)
  })

  test('C96 an update is said again after 10, 30 and 70 s, and not after its acknowledgement', async () => {
    const stream = await connected()
    const own = await framework(stream)
    const uuid = Buffer.alloc(16, 9).toString('base64')
    const head = { number: 1, uuid, at: world.clock.now(), status: { ...status('t', 'TASK_RUNNING'), uuid } }
    const task = newTask('t', { version: 0, frameworkId: own.frameworkId, custody: [head], lastUpdate: 1 })
    await commit(stream, [
      { do: 'put', kind: 'task', item: task, when: { name: 'absent' } },
      updateMail(own, 't', head, context()),
    ])
    await stream.next('UPDATE')
    const counts: number[] = []
    for (const seconds of [8, 4, 16, 4, 36, 4]) {
      await world.clock.advance(seconds * 1_000, { stepMs: 500 })
      counts.push(updates(stream).length)
    }
    expect(counts).toEqual([1, 2, 2, 3, 3, 4])
    const acknowledge: SchedulerCall = {
      type: 'ACKNOWLEDGE',
      framework_id: { value: own.frameworkId },
      acknowledge: { agent_id: { value: AGENT }, task_id: { value: 't' }, uuid },
    }
    for (const _ of [1, 2]) {
      expect((await send(world, acknowledge, { streamId: stream.streamId })).status).toBe(202)
    }
    expect(await mailOf(stream)).toEqual([])
    await world.clock.advance(90_000, { stepMs: 1_000 })
    expect(updates(stream)).toHaveLength(4)
  })

  test('R3 a word leaves the mailbox only after a later call of the session', async () => {
    const stream = await connected()
    const own = await framework(stream)
    await commit(stream, [wordMail(own, status('t', 'TASK_LOST'), context())])
    await stream.next('UPDATE')
    await world.clock.advance(8_000)
    expect(await mailOf(stream)).toHaveLength(1)
    const revive: SchedulerCall = { type: 'REVIVE', framework_id: { value: own.frameworkId } }
    await send(world, revive, { streamId: stream.streamId })
    await world.clock.advance(4_000)
    await expect.poll(() => mailOf(stream)).toEqual([])
    expect(updates(stream)).toEqual(['t TASK_LOST'])
  })

  test('a dead client’s words wait for its successor', async () => {
    const first = await connected()
    const own = await framework(first)
    await commit(first, [wordMail(own, status('t', 'TASK_LOST'), context())])
    await first.next('UPDATE')
    first.close()
    await expect.poll(async () => (await framework(first)).state).toBe('disconnected')
    const second = await connected({ info: { id: { value: own.frameworkId } } })
    await second.next('UPDATE')
    expect(updates(second)).toEqual(['t TASK_LOST'])
  })
})

describe('losses and reconciliation', () => {
  async function lose(numbers: readonly number[]): Promise<void> {
    const head = await world.env.store.get('lossHead', {})
    const last = numbers.at(-1) ?? 0
    const result = await world.env.store.commit(
      [
        ...numbers.map((number): Change => {
          const item = { version: 0, number, agentId: `S${number}`, at: world.clock.now() }
          return { do: 'put', kind: 'loss', item, when: { name: 'absent' } }
        }),
        {
          do: 'put',
          kind: 'lossHead',
          item: { version: head?.version ?? 0, last },
          when: { name: 'unchanged' },
        },
      ],
      world.env.ids.uuid(),
    )
    expect(result.kind).toBe('committed')
  }

  const failures = (stream: Subscription) =>
    stream.events.flatMap(({ failure }) => (failure === undefined ? [] : [failure.agent_id?.value]))

  test('C116 every framework reads FAILURE of a lost agent, once, also one that was away', async () => {
    await lose([1])
    const [one, two] = [await connected(), await connected()]
    await lose([2, 3])
    await world.clock.advance(2_000)
    expect([failures(one), failures(two)]).toEqual([
      ['S2', 'S3'],
      ['S2', 'S3'],
    ])
    one.close()
    await expect.poll(async () => (await framework(one)).state).toBe('disconnected')
    await lose([4])
    const back = await connected({ info: { id: { value: one.frameworkId() } } })
    await back.next('FAILURE')
    await world.clock.advance(2_000)
    expect([failures(back), failures(two)]).toEqual([['S4'], ['S2', 'S3', 'S4']])
  })

  test('C114 an implicit reconciliation says every task, over many pages', async () => {
    const stream = await connected()
    const { frameworkId } = await framework(stream)
    await commit(stream, [
      { do: 'put', kind: 'ledger', item: newLedger({ version: 0 }), when: { name: 'absent' } },
    ])
    for (let page = 0; page < 3; page++) {
      const puts = Array.from({ length: 90 }, (_, index): Change => {
        const item = newTask(`t${page}-${index}`, { version: 0, frameworkId })
        return { do: 'put', kind: 'task', item, when: { name: 'absent' } }
      })
      await commit(stream, puts, false)
    }
    const call: SchedulerCall = { type: 'RECONCILE', framework_id: { value: frameworkId }, reconcile: {} }
    expect((await send(world, call, { streamId: stream.streamId })).status).toBe(202)
    await expect.poll(() => updates(stream).length, { timeout: 5_000 }).toBe(270)
    expect(new Set(updates(stream)).size).toBe(270)
    for (const { update } of stream.events) {
      if (update === undefined) continue
      expect(update.status).toMatchObject({ source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' })
      expect(update.status.uuid).toBeUndefined()
    }
    await expect.poll(() => mailOf(stream)).toEqual([])
  })
})

describe('faults', () => {
  test('store-away-five-minutes: heartbeats go on, the session stays, mail comes after', async () => {
    const stream = await connected()
    const own = await framework(stream)
    await commit(stream, [offerMail(own, offer('o1'), context())], false)
    world.setAway(true)
    await world.clock.advance(300_000, { stepMs: 2_500 })
    expect(types(stream).filter((type) => type === 'HEARTBEAT')).toHaveLength(21)
    world.setAway(false)
    await world.clock.advance(3_000)
    await stream.next('OFFERS')
    expect((await framework(stream)).state).toBe('connected')
  })

  test('S2 an offer is said once also when the page of a reconciliation behind it cannot be written', async () => {
    const stream = await connected()
    const own = await framework(stream)
    world.failCommit(2, 'before')
    await commit(stream, [offerMail(own, offer('o1'), context()), reconcileAllMail(own, context())])
    await expect.poll(() => world.commits()).toBeGreaterThanOrEqual(2)
    await world.clock.advance(5_000)
    await expect.poll(() => mailOf(stream)).toEqual([])
    expect(types(stream).filter((type) => type === 'OFFERS')).toHaveLength(1)
  })

  test('while the table is away calls are 503 with Retry-After', async () => {
    const stream = await connected()
    world.setAway(true)
    const revive: SchedulerCall = { type: 'REVIVE', framework_id: { value: stream.frameworkId() } }
    const answer = await send(world, revive, { streamId: stream.streamId })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    world.setAway(false)
  })

  test('old-reader-deletes-after-takeover: a replaced reader removes and says nothing', async () => {
    const old = await connected()
    const before = await framework(old)
    // The new session stands, its lease too, but nobody rang for the old reader.
    const epoch = before.epoch + 1
    const lease = await world.env.store.get('lease', { frameworkId: before.frameworkId })
    if (lease === undefined) throw new Error('no lease')
    await commit(
      old,
      [
        {
          do: 'put',
          kind: 'framework',
          item: { ...before, epoch, streamId: 'new' },
          when: { name: 'unchanged' },
        },
        {
          do: 'put',
          kind: 'gate',
          item: { version: 0, frameworkId: before.frameworkId, index: 0, epoch, removed: false },
          when: { name: 'raises', epoch },
        },
        { do: 'put', kind: 'lease', item: { ...lease, epoch, holder: 'other' }, when: { name: 'anything' } },
        offerMail({ ...before, epoch }, offer('o1'), context()),
        wordMail(before, status('t', 'TASK_LOST'), context()),
      ],
      false,
    )
    await world.clock.advance(1_500)
    await old.ended
    expect(types(old)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'ERROR'])
    expect(await mailOf(old)).toHaveLength(2)
  })

  test('the lease is renewed while the stream is open, its number grows', async () => {
    const stream = await connected()
    const lease = async () => await world.env.store.get('lease', { frameworkId: stream.frameworkId() })
    const first = await lease()
    await world.clock.advance(30_000, { stepMs: 500 })
    const later = await lease()
    expect(later?.number).toBeGreaterThan((first?.number ?? 0) + 5)
    expect(later?.expiresAt).toBeGreaterThan(world.clock.now())
    expect(later?.holder).toBe(first?.holder)
  })
})

describe('accepting', () => {
  /** An agent with one offer to the framework. */
  async function offered(stream: Subscription): Promise<string> {
    const own = await framework(stream)
    const total = [scalar('cpus', 1_000), scalar('mem', 1_000_000), scalar('disk', 1_000_000)]
    const expiresAt = world.clock.now() + 300_000
    const { ledger, offerId } = withOffer(newLedger({ version: 0, total }), own, { expiresAt })
    await commit(stream, [
      { do: 'put', kind: 'ledger', item: ledger, when: { name: 'absent' } },
      { do: 'put', kind: 'agent', item: newEntry({ version: 0 }), when: { name: 'absent' } },
    ])
    await world.env.queues.ensureAgentQueue(AGENT)
    return offerId
  }

  function acceptCall(stream: Subscription, offerId: string, count: number): SchedulerCall {
    const tasks = Array.from({ length: count }, (_, index) => newTaskInfo(`t${index}`))
    return {
      type: 'ACCEPT',
      framework_id: { value: stream.frameworkId() },
      accept: {
        offer_ids: [{ value: offerId }],
        operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
      },
    }
  }

  async function tasksOf(stream: Subscription) {
    const found = await all(world.env.store, 'tasks', { frameworkId: stream.frameworkId(), shard: 0 })
    return found.map(({ item }) => item)
  }

  test('C77 C94 a launch is 202, in the table before the answer, and silent', async () => {
    const stream = await connected()
    const call = acceptCall(stream, await offered(stream), 1)
    expect(await send(world, call, { streamId: stream.streamId })).toMatchObject({ status: 202, text: '' })
    expect((await tasksOf(stream)).map(({ mesos }) => mesos.state)).toEqual(['TASK_STAGING'])
    const runs = await all(world.env.store, 'agent', { agentId: AGENT }, 'run')
    expect(runs).toHaveLength(1)
    // accept-repeated-after-timeout: the same call again has no effect and says nothing.
    expect((await send(world, call, { streamId: stream.streamId })).status).toBe(202)
    await world.clock.advance(2_000)
    expect(types(stream)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })

  test('an ACCEPT of 150 tasks goes in pieces; 202 follows the last, and the hold is gone', async () => {
    const stream = await connected()
    const call = acceptCall(stream, await offered(stream), 150)
    expect((await send(world, call, { streamId: stream.streamId })).status).toBe(202)
    expect(await tasksOf(stream)).toHaveLength(150)
    const ledger = await world.env.store.get('ledger', { agentId: AGENT })
    expect(ledger?.holds).toEqual({})
    const acceptId = acceptIdOf(call.accept ?? {})
    expect(await world.env.store.get('hold', { agentId: AGENT, acceptId })).toBeUndefined()
    expect((await send(world, call, { streamId: stream.streamId })).status).toBe(202)
    expect(await tasksOf(stream)).toHaveLength(150)
    expect(updates(stream)).toEqual([])
  })

  test('C106 C51 TEARDOWN ends all tasks in the records, says no update, and leaves no mail', async () => {
    const stream = await connected()
    const call = acceptCall(stream, await offered(stream), 150)
    await send(world, call, { streamId: stream.streamId })
    const { frameworkId } = await framework(stream)
    const teardown: SchedulerCall = { type: 'TEARDOWN', framework_id: { value: frameworkId } }
    expect((await send(world, teardown, { streamId: stream.streamId })).status).toBe(202)
    await stream.ended
    while (!(await finishOpenWork(world.env, frameworkId, 2))) world.clock.now()
    expect(
      new Set((await tasksOf(stream)).map(({ mesos, standing }) => `${mesos.state} ${standing}`)),
    ).toEqual(new Set(['TASK_KILLED finished']))
    const runs = await all(world.env.store, 'agent', { agentId: AGENT }, 'run')
    expect(new Set(runs.map(({ kind, item }) => (kind === 'run' ? item.wanted : kind)))).toEqual(
      new Set(['end']),
    )
    expect(updates(stream)).toEqual([])
    expect(await mailOf(stream)).toEqual([])
  })

  test('C65 DECLINE gives the offer back', async () => {
    const stream = await connected()
    const offerId = await offered(stream)
    const call: SchedulerCall = {
      type: 'DECLINE',
      framework_id: { value: stream.frameworkId() },
      decline: { offer_ids: [{ value: offerId }, { value: 'unknown' }], filters: { refuse_seconds: 60 } },
    }
    expect((await send(world, call, { streamId: stream.streamId })).status).toBe(202)
    const ledger = await world.env.store.get('ledger', { agentId: AGENT })
    expect(ledger?.offers).toEqual({})
    expect(ledger?.refusals).toHaveLength(1)
  })

  test('C108 roles that UPDATE_FRAMEWORK leaves out lose their offers, with a RESCIND', async () => {
    const capabilities = [{ type: 'MULTI_ROLE' as const }]
    const stream = await connected({ info: { roles: ['dev', 'ops'], capabilities } })
    const offerId = await offered(stream)
    const own = await framework(stream)
    await commit(stream, [offerMail(own, offer(offerId), context())])
    await stream.next('OFFERS')
    const update: SchedulerCall = {
      type: 'UPDATE_FRAMEWORK',
      framework_id: { value: own.frameworkId },
      update_framework: { framework_info: { ...own.info, roles: ['ops'] } },
    }
    expect((await send(world, update, { streamId: stream.streamId })).status).toBe(200)
    const { rescind } = await stream.next('RESCIND')
    expect(rescind?.offer_id.value).toBe(offerId)
    expect((await world.env.store.get('ledger', { agentId: AGENT }))?.offers).toEqual({})
  })
})
