// ACCEPT: which offers it may name, what becomes of good and of bad tasks (C77–C86).
import { describe, expect, test } from 'vitest'
import type { ExecutorInfo, Offer, OfferOperation, TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { type Answer, commandTask, ENCODINGS, scalar, type TestFramework } from '../framework.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { count, isRescind, moveUntil, statuses, until } from './waiting.ts'

onOneCluster({ agents: 2 })

function offersOf({ events }: TestFramework): readonly Offer[] {
  return events.flatMap((event) => event.offers?.offers ?? [])
}

function accept(
  framework: TestFramework,
  offers: readonly Pick<Offer, 'id'>[],
  operations: readonly OfferOperation[],
): Promise<Answer> {
  return framework.call({
    type: 'ACCEPT',
    accept: { offer_ids: offers.map(({ id }) => id), operations, filters: { refuse_seconds: 0 } },
  })
}

const NO_OFFER = { id: { value: 'no-such-offer' } }

test.each(ENCODINGS)('C77 (%s) every well-formed ACCEPT is 202 with an empty body', async (encoding) => {
  const framework = await subscribe({ encoding })
  const offer = await framework.offer()
  const answers = [
    await accept(framework, [offer], []),
    // The same offer again: it is over.
    await accept(framework, [offer], [{ type: 'LAUNCH', launch: {} }]),
    await accept(framework, [NO_OFFER], []),
    await accept(framework, [], []),
    await accept(framework, [NO_OFFER, NO_OFFER], [{ type: 'LAUNCH', launch: { task_infos: [] } }]),
    await accept(framework, [NO_OFFER], [{ type: 'LAUNCH' }]),
    await framework.call({ type: 'ACCEPT', accept: {} }),
  ]
  for (const { status, text } of answers) expect([status, text]).toEqual([202, ''])
})

describe.each([
  { capabilities: ['PARTITION_AWARE'] as const, state: 'TASK_DROPPED' },
  { capabilities: [] as const, state: 'TASK_LOST' },
])('$state', ({ capabilities, state }) => {
  test.each(ENCODINGS)(`C78 (%s) with an unknown offer each task gets ${state}`, async (encoding) => {
    const framework = await subscribe({ encoding, capabilities })
    const offer = await framework.offer()
    const [first, second] = ['c78-1', 'c78-2'].map((id) => commandTask(offer, id, 'true'))
    if (first === undefined || second === undefined) throw new Error('two tasks')
    await accept(
      framework,
      [offer, NO_OFFER],
      [
        { type: 'LAUNCH', launch: { task_infos: [first] } },
        { type: 'LAUNCH', launch: { task_infos: [second] } },
      ],
    )
    for (const id of ['c78-1', 'c78-2']) {
      const status = await framework.update(id)
      expect(status).toMatchObject({ state, source: 'SOURCE_MASTER', reason: 'REASON_INVALID_OFFERS' })
      expect(status).not.toHaveProperty('uuid')
      expect(status.timestamp).toBeGreaterThan(0)
    }
    // The known offer among them is over, and what it held comes back unfiltered.
    const again = () =>
      offersOf(framework).some(
        ({ id, agent_id }) => id.value !== offer.id.value && agent_id.value === offer.agent_id.value,
      )
    await moveUntil(cluster, again, { atMostMs: 6_000 })
    expect(count(framework, isRescind)).toBe(0)
  })

  test(`C79 offers of two agents in one ACCEPT: ${state}, and all of them return`, async () => {
    const framework = await subscribe({ capabilities })
    await until(() => offersOf(framework).length >= 2)
    const [first, second] = offersOf(framework)
    if (first === undefined || second === undefined) throw new Error('two offers')
    await framework.launch([first, second], [commandTask(first, 'c79', 'true')], 3_600)
    const status = await framework.update('c79')
    expect(status).toMatchObject({ state, source: 'SOURCE_MASTER', reason: 'REASON_INVALID_OFFERS' })
    await moveUntil(cluster, () => offersOf(framework).length >= 4, { atMostMs: 6_000 })
    const again = offersOf(framework).slice(2)
    expect(new Set(again.map(({ agent_id }) => agent_id.value))).toEqual(
      new Set([first.agent_id.value, second.agent_id.value]),
    )
  })

  test(`C79 offers of two roles in one ACCEPT: ${state}, and all of them return`, async () => {
    const framework = await subscribe({
      info: { roles: ['a', 'b'] },
      capabilities: [...capabilities, 'MULTI_ROLE'],
      suppressedRoles: ['b'],
    })
    // The agent is cut in two: a task keeps a part while the rest goes to the other role.
    const whole = await framework.offer()
    const agentId = whole.agent_id.value
    await framework.launch([whole], [commandTask(whole, 'c79-part', 'sleep 1000', { cpus: 1 })], 0)
    await framework.update('c79-part', 'TASK_RUNNING')
    const next = async (role: string) => {
      const event = await framework.next(
        ({ offers }) => offers?.offers?.some((each) => isAt(each, agentId, role)) ?? false,
      )
      const found = event.offers?.offers?.find((each) => isAt(each, agentId, role))
      if (found === undefined) throw new Error('an offer')
      return found
    }
    const ofA = await next('a')
    await framework.call({ type: 'SUPPRESS', suppress: { roles: ['a'] } })
    await framework.call({ type: 'REVIVE', revive: { roles: ['b'] } })
    await framework.call({ type: 'KILL', kill: { task_id: { value: 'c79-part' } } })
    const ofB = await next('b')

    await framework.launch([ofA, ofB], [commandTask(ofA, 'c79-roles', 'true')], 3_600)
    expect(await framework.update('c79-roles')).toMatchObject({ state, reason: 'REASON_INVALID_OFFERS' })
    const returned = await next('b')
    expect(returned.resources?.find(({ name }) => name === 'cpus')?.scalar?.value).toBeCloseTo(4)
  })
})

function isAt(offer: Offer, agentId: string, role: string): boolean {
  return offer.agent_id.value === agentId && offer.allocation_info?.role === role
}

test.each(ENCODINGS)(
  'C80 (%s) of a good and a bad task in one LAUNCH the good one runs',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const offer = await framework.offer()
    const bad = { ...commandTask(offer, 'c80-bad', 'true'), resources: [] }
    await framework.launch([offer], [bad, commandTask(offer, 'c80-good', 'sleep 1000')])
    const status = await framework.update('c80-bad')
    expect(status).toMatchObject({
      state: 'TASK_ERROR',
      source: 'SOURCE_MASTER',
      reason: 'REASON_TASK_INVALID',
      agent_id: offer.agent_id,
    })
    expect(status).not.toHaveProperty('uuid')
    expect(status.message).toBeTruthy()
    await framework.update('c80-good', 'TASK_RUNNING')
    expect(statuses(framework, 'c80-bad')).toHaveLength(1)
  },
)

test('C80 so it is in an ACCEPT too large for one transaction', async () => {
  const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
  const offer = await framework.offer()
  const tasks = Array.from({ length: 120 }, (_, index) => {
    const task = commandTask(offer, `c80-${index}`, 'sleep 1000', { cpus: 0.5 })
    return index % 30 === 7 ? task : { ...task, resources: [] }
  })
  const { status } = await framework.launch([offer], tasks, 0)
  expect(status).toBe(202)
  for (const [index, { name }] of tasks.entries()) {
    if (index % 30 === 7) await framework.update(name, 'TASK_RUNNING')
    else expect(await framework.update(name)).toMatchObject({ state: 'TASK_ERROR' })
  }
  // Said once each; the rest of the agent is offered again.
  for (const { name } of tasks) {
    const errors = statuses(framework, name).filter(({ state }) => state === 'TASK_ERROR')
    expect(errors.length).toBeLessThanOrEqual(1)
  }
  const rest = await framework.next(
    ({ offers }) => offers?.offers?.some((each) => isFurther(each, offer)) ?? false,
  )
  const next = rest.offers?.offers?.find((each) => isFurther(each, offer))
  expect(next?.resources?.find(({ name }) => name === 'cpus')?.scalar?.value).toBeCloseTo(2)
})

/** Launches one task on the next offer and gives what is said of it first. */
async function firstWord(
  framework: TestFramework,
  make: (offer: Offer) => TaskInfo,
): Promise<{ readonly status: TaskStatus; readonly offer: Offer }> {
  const offer = await framework.offerOf(1, 64)
  const task = make(offer)
  const before = framework.events.length
  await framework.launch([offer], [task], 0)
  const { update } = await framework.next(
    (event) =>
      event.update?.status.task_id.value === task.task_id.value && framework.events.indexOf(event) >= before,
  )
  if (update === undefined) throw new Error('an update')
  return { status: update.status, offer }
}

const INVALID = { state: 'TASK_ERROR', source: 'SOURCE_MASTER', reason: 'REASON_TASK_INVALID' }

test('C81 the id of a live task is TASK_ERROR, also twice in one LAUNCH', async () => {
  const framework = await subscribe()
  const offer = await framework.offer()
  const task = commandTask(offer, 'c81', 'sleep 1000')
  await framework.launch([offer], [task, task], 0)
  expect(await framework.update('c81', 'TASK_ERROR')).toMatchObject(INVALID)
  await framework.update('c81', 'TASK_RUNNING')
  expect((await firstWord(framework, (next) => commandTask(next, 'c81', 'true'))).status).toMatchObject(
    INVALID,
  )
  // The one that runs is not touched by it.
  const { json } = await cluster.operator({ type: 'GET_TASKS' })
  const { get_tasks } = json as { get_tasks: { tasks: readonly { task_id: unknown; state: string }[] } }
  expect(get_tasks.tasks.filter(({ task_id }) => JSON.stringify(task_id).includes('c81'))).toMatchObject([
    { state: 'TASK_RUNNING' },
  ])
})

test('C81 so is that of a task that is over but not acknowledged; acknowledged, it is free', async () => {
  const framework = await subscribe({ acknowledge: false })
  const offer = await framework.offer()
  await framework.launch([offer], [commandTask(offer, 'c81-over', 'true')], 0)
  const starting = await framework.update('c81-over', 'TASK_STARTING')
  await until(async () => JSON.stringify((await cluster.get('/tasks')).json).includes('TASK_FINISHED'))
  const { status } = await firstWord(framework, (next) => commandTask(next, 'c81-over', 'true'))
  expect(status).toMatchObject(INVALID)

  await framework.acknowledge(starting)
  await framework.acknowledge(await framework.update('c81-over', 'TASK_RUNNING'))
  await framework.acknowledge(await framework.update('c81-over', 'TASK_FINISHED'))
  const again = await firstWord(framework, (next) => commandTask(next, 'c81-over', 'true'))
  expect(again.status.state).toBe('TASK_STARTING')
})

const executor: ExecutorInfo = {
  executor_id: { value: 'executor' },
  command: { value: 'sleep 1000' },
  resources: [scalar('cpus', 0.1), scalar('mem', 32)],
}

test.each(ENCODINGS)(
  'C82 (%s) a task with neither or both of command and executor is TASK_ERROR',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const neither = await firstWord(framework, (offer) => {
      const { command: _, ...rest } = commandTask(offer, 'c82-neither', '')
      return rest
    })
    expect(neither.status).toMatchObject(INVALID)
    const both = await firstWord(framework, (offer) => ({
      ...commandTask(offer, 'c82-both', 'true'),
      executor,
    }))
    expect(both.status).toMatchObject(INVALID)
  },
)

test('C83 a task without resources, or with more than offered, is TASK_ERROR', async () => {
  const framework = await subscribe()
  const without = await firstWord(framework, (offer) => {
    const { resources: _, ...rest } = commandTask(offer, 'c83-without', 'true')
    return rest
  })
  expect(without.status).toMatchObject(INVALID)
  const more = await firstWord(framework, (offer) => commandTask(offer, 'c83-more', 'true', { cpus: 4.001 }))
  expect(more.status).toMatchObject(INVALID)
  const kind = await firstWord(framework, (offer) => ({
    ...commandTask(offer, 'c83-kind', 'true'),
    resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('tokens', 1)],
  }))
  expect(kind.status).toMatchObject(INVALID)
})

test('C83 what earlier tasks of the LAUNCH took is not there for later ones', async () => {
  const framework = await subscribe()
  const offer = await framework.offerOf(4, 64)
  const tasks = ['c83-1', 'c83-2', 'c83-3'].map((id) => commandTask(offer, id, 'sleep 1000', { cpus: 2 }))
  await framework.launch([offer], tasks, 0)
  await framework.update('c83-1', 'TASK_RUNNING')
  await framework.update('c83-2', 'TASK_RUNNING')
  expect(await framework.update('c83-3')).toMatchObject(INVALID)
})

test.each(ENCODINGS)(
  'C84 (%s) a task id with /, empty, or over 255 bytes is TASK_ERROR',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    for (const id of ['a/b', '', 'x'.repeat(256), '.', '..', 'a\\b', 'a\tb']) {
      const { status } = await firstWord(framework, (offer) => commandTask(offer, id, 'true'))
      expect(status).toMatchObject({ ...INVALID, task_id: { value: id } })
    }
    const longest = 'x'.repeat(255)
    const { status } = await firstWord(framework, (offer) => commandTask(offer, longest, 'true'))
    expect(status.state).toBe('TASK_STARTING')
  },
)

test('C85 a second task for a live executor with a different ExecutorInfo is TASK_ERROR', async () => {
  const framework = await subscribe()
  const offer = await framework.offerOf(1, 128)
  const withExecutor = (id: string, info: ExecutorInfo, on: Offer = offer): TaskInfo => {
    const { command: _, ...rest } = commandTask(on, id, '')
    return { ...rest, executor: info }
  }
  const other = { ...executor, command: { value: 'sleep 2000' } }
  await framework.launch([offer], [withExecutor('c85-1', executor), withExecutor('c85-2', other)], 0)
  expect(await framework.update('c85-2')).toMatchObject(INVALID)

  const event = await framework.next(
    ({ offers }) => offers?.offers?.some((each) => isFurther(each, offer)) ?? false,
  )
  const next = event.offers?.offers?.find((each) => isFurther(each, offer))
  if (next === undefined) throw new Error('an offer')
  await framework.launch([next], [withExecutor('c85-3', other, next)], 0)
  expect(await framework.update('c85-3')).toMatchObject(INVALID)
  expect(statuses(framework, 'c85-1')).toEqual([])
})

/** Another offer of the same agent. */
function isFurther(offer: Offer, of: Offer): boolean {
  return offer.agent_id.value === of.agent_id.value && offer.id.value !== of.id.value
}

const group: ExecutorInfo = {
  executor_id: { value: 'group' },
  type: 'DEFAULT',
  resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('disk', 16)],
}

test.each(ENCODINGS)('C86 (%s) LAUNCH_GROUP with one bad task launches none', async (encoding) => {
  const framework = await subscribe({ encoding })
  const offer = await framework.offer()
  const bad = { ...commandTask(offer, 'c86-bad', 'true'), resources: [] }
  const tasks = [commandTask(offer, 'c86-1', 'sleep 1000'), bad, commandTask(offer, 'c86-2', 'sleep 1000')]
  await accept(
    framework,
    [offer],
    [{ type: 'LAUNCH_GROUP', launch_group: { executor: group, task_group: { tasks } } }],
  )
  for (const { name } of tasks) {
    expect(await framework.update(name)).toMatchObject({
      state: 'TASK_ERROR',
      source: 'SOURCE_MASTER',
      reason: 'REASON_TASK_GROUP_INVALID',
    })
  }
  const { json } = await cluster.operator({ type: 'GET_TASKS' })
  expect(JSON.stringify((json as { get_tasks: { tasks: unknown } }).get_tasks.tasks)).toBe('[]')

  // The same group without the bad task runs as a whole.
  const next = await framework.offerOf(1, 128)
  const good = ['c86-3', 'c86-4'].map((id) => commandTask(next, id, 'sleep 1000'))
  await accept(
    framework,
    [next],
    [{ type: 'LAUNCH_GROUP', launch_group: { executor: group, task_group: { tasks: good } } }],
  )
  await framework.update('c86-3', 'TASK_RUNNING')
  await framework.update('c86-4', 'TASK_RUNNING')
})
