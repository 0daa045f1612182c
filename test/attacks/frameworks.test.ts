// One framework against another, at the scheduler API with credentials: its tasks, its offers, its name, its mail.
import { describe, expect, test } from 'vitest'
import type { SchedulerCall } from '../../protocol/messages.ts'
import { type PlayedAgent, scalar } from '../functions/agents/world.ts'
import { taskInfos } from '../scenarios/stage.ts'
import { basic, eventOf, type Ground, ground, type Session } from './ground.ts'

const UUID = 'AAAAAAAAAAAAAAAAAAAAAA=='

interface Battle extends Ground {
  readonly alice: Session
  readonly mallory: Session
  readonly agent: PlayedAgent
  /** Of alice and the agent: what no attack of mallory may change. */
  hers(): Promise<unknown>
}

/** Alice's task `hers` runs, with an update that waits for her acknowledgement. */
async function battle(): Promise<Battle> {
  const on = await ground()
  const alice = await on.subscribed('alice')
  const mallory = await on.subscribed('mallory')
  const agent = await on.w.agent()
  await agent.launch(await alice.framework(), ['hers'])
  await agent.update('hers', 'TASK_RUNNING')
  await agent.nudges()
  const hers = () => on.picture({ frameworks: [alice.id], agents: [agent.id] })
  return { ...on, alice, mallory, agent, hers }
}

type Call = Omit<SchedulerCall, 'framework_id'>

/** Each call that names a task or an executor, about this one. */
function about({ id }: PlayedAgent, taskId: string): readonly Call[] {
  const agent_id = { value: id }
  const task = { task_id: { value: taskId }, agent_id }
  const executor_id = { value: taskId }
  return [
    { type: 'KILL', kill: task },
    { type: 'KILL', kill: { task_id: task.task_id } },
    { type: 'ACKNOWLEDGE', acknowledge: { ...task, uuid: UUID } },
    { type: 'RECONCILE', reconcile: { tasks: [task] } },
    { type: 'RECONCILE', reconcile: { tasks: [] } },
    { type: 'MESSAGE', message: { agent_id, executor_id, data: 'AAAA' } },
    { type: 'SHUTDOWN', shutdown: { agent_id, executor_id } },
  ]
}

function all(agent: PlayedAgent, frameworkId: string): readonly Call[] {
  const framework_info = { user: 'u', name: 'mine now', id: { value: frameworkId } }
  return [
    ...about(agent, 'hers'),
    { type: 'TEARDOWN' },
    { type: 'REVIVE' },
    { type: 'SUPPRESS' },
    { type: 'DECLINE', decline: { offer_ids: [] } },
    { type: 'REQUEST', request: { requests: [] } },
    { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info } },
  ]
}

describe('A1: what belongs to another framework', () => {
  test('cannot be called for: neither with one’s own stream nor with a stolen one', async () => {
    const { alice, mallory, agent, hers } = await battle()
    const before = await hers()
    for (const call of all(agent, alice.id)) {
      for (const streamId of [mallory.streamId, alice.streamId, '']) {
        const { status } = await mallory.call(call, { frameworkId: alice.id, streamId })
        expect([call.type, streamId, status]).toEqual([call.type, streamId, 400])
      }
    }
    expect(await hers()).toEqual(before)
    expect(await agent.nudges()).toEqual([])
  })

  test('cannot be named in calls of one’s own: 202, and nothing of it changes', async () => {
    const { alice, mallory, agent, hers } = await battle()
    const before = await hers()
    for (const call of about(agent, 'hers')) expect((await mallory.call(call)).status).toBe(202)
    expect(await hers()).toEqual(before)
    // The agent hears at most what concerns mallory’s own.
    expect(JSON.stringify(await agent.nudges())).not.toContain(alice.id)
  })

  test('without its secret nobody is a principal, whatever the headers say', async () => {
    const on = await battle()
    const before = await on.hers()
    const headers = [
      {},
      { authorization: 'Basic' },
      { authorization: `Basic ${Buffer.from('alice:').toString('base64')}` },
      { authorization: `Basic ${Buffer.from('alice').toString('base64')}` },
      { authorization: `Basic ${Buffer.from('alice:m-secret').toString('base64')}` },
      { authorization: `Basic ${Buffer.from('__proto__:undefined').toString('base64')}` },
      { authorization: `Bearer ${Buffer.from('alice:a-secret').toString('base64')}` },
      { principal: 'alice', 'x-principal': 'alice' },
    ]
    for (const each of headers) {
      const call = { type: 'TEARDOWN', framework_id: { value: on.alice.id } }
      const said = { ...each, 'mesos-stream-id': on.alice.streamId } as Record<string, string>
      expect((await on.ask('/api/v1/scheduler', call, said)).status).toBe(401)
    }
    expect(await on.hers()).toEqual(before)
  })
})

describe('A2: offers', () => {
  async function offered() {
    const on = await battle()
    const resources = [scalar('cpus', 60), scalar('mem', 60_000)]
    const offerId = await on.agent.offered(await on.alice.framework(), { resources })
    return { ...on, offerId }
  }

  const accept = (agent: PlayedAgent, offerIds: readonly string[], taskId: string): Call => ({
    type: 'ACCEPT',
    accept: {
      offer_ids: offerIds.map((value) => ({ value })),
      operations: [{ type: 'LAUNCH', launch: { task_infos: taskInfos(agent, [taskId]) } }],
    },
  })

  /** What is said of a task that was never launched. */
  async function said({ w }: Ground, session: Session, taskId: string) {
    const mail = await w.mail(session.id)
    return mail.flatMap((body) =>
      body.kind === 'word' && body.status.task_id.value === taskId ? [body.status] : [],
    )
  }

  const INVALID = { state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS' }

  test('of another framework are neither used nor declined', async () => {
    const on = await offered()
    const before = await on.hers()
    expect((await on.mallory.call(accept(on.agent, [on.offerId], 'mine'))).status).toBe(202)
    const decline: Call = {
      type: 'DECLINE',
      decline: { offer_ids: [{ value: on.offerId }], filters: { refuse_seconds: 1e9 } },
    }
    expect((await on.mallory.call(decline)).status).toBe(202)
    expect(await on.hers()).toEqual(before)
    expect(await said(on, on.mallory, 'mine')).toMatchObject([INVALID])
  })

  test('are used once, however often they are accepted', async () => {
    const on = await offered()
    expect((await on.alice.call(accept(on.agent, [on.offerId], 'one'))).status).toBe(202)
    const before = await on.agent.ledger()
    for (const taskId of ['two', 'three']) {
      await on.alice.call(accept(on.agent, [on.offerId], taskId))
      expect(await said(on, on.alice, taskId)).toMatchObject([INVALID])
    }
    // The same words again are a repeat, and nobody is told that a running task was dropped.
    await on.alice.call(accept(on.agent, [on.offerId], 'one'))
    expect(await said(on, on.alice, 'one')).toEqual([])
    expect((await on.agent.ledger()).sums).toEqual(before.sums)
    await on.w.check()
  })

  test('that ran out, were declined or are of a session before launch nothing', async () => {
    const on = await offered()
    on.w.clock.move(on.w.env.settings.offerTimeoutMs + 1)
    await on.alice.call(accept(on.agent, [on.offerId], 'late'))
    expect(await said(on, on.alice, 'late')).toMatchObject([INVALID])

    const declined = await on.agent.offered(await on.alice.framework())
    await on.alice.call({ type: 'DECLINE', decline: { offer_ids: [{ value: declined }] } })
    await on.alice.call(accept(on.agent, [declined], 'after-all'))
    expect(await said(on, on.alice, 'after-all')).toMatchObject([INVALID])

    const old = await on.agent.offered(await on.alice.framework())
    const again = await on.subscribed('alice', { id: { value: on.alice.id } })
    await again.call(accept(on.agent, [old], 'next-session'))
    expect(await said(on, on.alice, 'next-session')).toMatchObject([INVALID])
    for (const taskId of ['late', 'after-all', 'next-session'])
      expect(await on.agent.run(await on.alice.framework(), taskId)).toBeUndefined()
    await on.w.check()
  })

  test('of two agents, made up, or doubled launch nothing', async () => {
    const on = await offered()
    const other = await on.w.agent()
    const elsewhere = await other.offered(await on.alice.framework())
    const madeUp = on.offerId.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const cases = [
      [[on.offerId, elsewhere], 'both'],
      [[madeUp], 'made-up'],
      [['../x', '__proto__', 'x'.repeat(10_000)], 'nonsense'],
    ] as const
    for (const [offerIds, taskId] of cases) {
      expect((await on.alice.call(accept(on.agent, offerIds, taskId))).status).toBe(202)
      expect(await said(on, on.alice, taskId)).toMatchObject([INVALID])
      expect(await on.agent.run(await on.alice.framework(), taskId)).toBeUndefined()
    }
    await on.w.check()
  })

  test('hold what they hold: a task larger than its offer is an error, also by many small ones', async () => {
    const on = await offered()
    const [small] = taskInfos(on.agent, ['small'])
    if (small === undefined) return expect.fail('no task')
    const infos = Array.from({ length: 40 }, (_, index) => ({
      ...small,
      task_id: { value: `part-${index}` },
      resources: [scalar('cpus', 8), scalar('mem', 32)],
    }))
    await on.alice.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [{ value: on.offerId }],
        operations: [{ type: 'LAUNCH', launch: { task_infos: infos } }],
      },
    })
    await on.w.check()
    const framework = await on.alice.framework()
    const runs = await Promise.all(infos.map(({ task_id }) => on.agent.run(framework, task_id.value)))
    expect(runs.filter((run) => run !== undefined).length).toBe(7)
  })
})

describe('A3: a framework’s name', () => {
  test('is not taken over by another principal, whatever it calls itself', async () => {
    const on = await battle()
    const before = await on.alice.framework()
    const id = { value: on.alice.id }
    const subscribe = (info: object, isNamed = true) => ({
      type: 'SUBSCRIBE',
      ...(isNamed ? { framework_id: id } : {}),
      subscribe: { framework_info: { user: 'u', name: 'alice', ...info }, force: true },
    })
    for (const delivery of ['stream', 'poll']) {
      const headers = { ...basic('mallory'), 'meseta-delivery': delivery }
      const taken = await on.ask('/api/v1/scheduler', subscribe({ id }), headers)
      expect(eventOf(taken.text)?.type).toBe('ERROR')
      const posing = await on.ask('/api/v1/scheduler', subscribe({ id, principal: 'alice' }), headers)
      expect(posing.status).toBe(400)
      const torn = await on.ask('/api/v1/scheduler', subscribe({ id }, false), headers)
      expect(torn.status).toBe(400)
    }
    expect(await on.alice.framework()).toEqual(before)
    expect((await on.alice.call({ type: 'REVIVE' })).status).toBe(202)
  })

  test('cannot be posed as by a new framework: its principal is who asked', async () => {
    const on = await battle()
    await expect(on.subscribed('mallory', { principal: 'alice' })).rejects.toThrow('400')
    const another = await on.subscribed('mallory', { name: 'alice' })
    expect((await another.framework()).principal).toBe('mallory')
  })

  test('after a failover only the newest session is heard (S19)', async () => {
    const on = await battle()
    const again = await on.subscribed('alice', { id: { value: on.alice.id } })
    expect((await on.alice.call({ type: 'REVIVE' })).status).toBe(400)
    expect((await again.call({ type: 'REVIVE' })).status).toBe(202)
  })
})

describe('A24: events that are polled for', () => {
  const poll = (on: Ground, by: Session, of: Session, more: object = {}) =>
    on.ask(
      '/api/v1/meseta',
      {
        type: 'EVENTS',
        events: { framework_id: { value: of.id }, stream_id: of.streamId, wait_ms: 0, ...more },
      },
      basic(by.principal),
    )

  test('are nobody else’s, also for who knows framework and stream', async () => {
    const on = await battle()
    const before = await on.hers()
    const { status, text } = await poll(on, on.mallory, on.alice)
    // A25: word for word what is said of one that is not there.
    const nobody = await on.ask(
      '/api/v1/meseta',
      { type: 'EVENTS', events: { framework_id: { value: 'nobody' }, stream_id: 'none', wait_ms: 0 } },
      basic(on.mallory.principal),
    )
    expect({ status, text }).toEqual({ status: nobody.status, text: nobody.text })
    expect(text).not.toContain('hers')
    await poll(on, on.mallory, on.alice, { close: true })
    expect(await on.hers()).toEqual(before)
    expect((await on.alice.framework()).state).toBe('connected')
  })

  test('with ids of another’s mail confirm nothing of it', async () => {
    const on = await battle()
    const { events } = JSON.parse((await poll(on, on.alice, on.alice)).text)
    const confirm = events.batches.flatMap(({ ids }: { ids: readonly string[] }) => ids)
    expect(confirm.length).toBeGreaterThan(0)
    const before = await on.hers()
    const mine = await poll(on, on.mallory, on.mallory, { confirm })
    expect(mine.text).not.toContain('hers')
    expect(await on.hers()).toEqual(before)
  })
})

test('A25: what is another’s is answered as what is not there, word for word', async () => {
  const on = await battle()
  for (const call of all(on.agent, on.alice.id)) {
    const ask = async (frameworkId: string) => {
      const renamed = JSON.parse(JSON.stringify(call).replaceAll(on.alice.id, frameworkId))
      const { status, text } = await on.mallory.call(renamed, { frameworkId })
      return { status, text: text.replaceAll(frameworkId, 'ID') }
    }
    const unknown = on.alice.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    expect([call.type, await ask(on.alice.id)]).toEqual([call.type, await ask(unknown)])
  }
})
