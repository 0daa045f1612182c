// Draining over the table: who waits for what, lives the agent goes through meanwhile, and workers that die anywhere.
import { describe, expect, test } from 'vitest'
import { drainAgent, finishDrain } from '../../../functions/agents/drain.ts'
import { markAgentGone, reactivateAgent } from '../../../functions/agents/lifecycle.ts'
import { contextOf } from '../../../functions/cluster-time.ts'
import { teardown } from '../../../functions/operator/actions.ts'
import { finishHold } from '../../../functions/scheduler/accept-in-pieces.ts'
import { transact } from '../../../functions/transact.ts'
import { acknowledge } from '../../../master/calls/acknowledge.ts'
import type { Framework } from '../../../master/model.ts'
import { dying, persistently } from './dying.ts'
import { type PlayedAgent, type World, world } from './world.ts'

const order = { markGone: false }

async function running(taskIds: readonly string[] = ['t1'], options: Parameters<typeof world>[0] = {}) {
  const w = await world(options)
  const framework = await w.framework()
  const agent = await w.agent()
  if (taskIds.length > 0) await agent.launch(framework, taskIds)
  for (const taskId of taskIds) await agent.update(taskId, 'TASK_RUNNING')
  await w.run(3_000)
  return { w, framework, agent }
}

/** Acknowledges all that is in custody of a task. */
async function acknowledgeAll(w: World, framework: Framework, agent: PlayedAgent, taskId: string) {
  const context = await contextOf(w.env)
  for (;;) {
    const task = await agent.task(framework, taskId)
    const head = task?.custody[0]
    if (head === undefined) return
    const call = { agent_id: { value: agent.id }, task_id: { value: taskId }, uuid: head.uuid }
    await transact(w.env, {
      name: 'acknowledge',
      load: () => agent.task(framework, taskId),
      decide: (loaded) => acknowledge({ framework, task: loaded }, call, context),
    })
  }
}

const stateOf = async (agent: PlayedAgent) => (await agent.ledger()).drain?.state

/** The agent reads its list and ends what it is told to end. */
async function obey(agent: PlayedAgent): Promise<void> {
  const list = await agent.sync()
  if (list.kind !== 'wanted') throw new Error(`no list: ${list.kind}`)
  agent.applied = list.generation
  for (const { taskId, wanted } of list.tasks) if (wanted !== 'run') await agent.update(taskId, 'TASK_KILLED')
}

describe('a drain', () => {
  test('F81 C141: offers stop, the list says stop with the capped grace, DRAINED follows the acknowledgement', async () => {
    const { w, framework, agent } = await running()
    const offerId = await agent.offered(framework, { resources: [] })
    await agent.nudges()
    expect(await drainAgent(w.env, agent.id, { maxGraceMs: 1_000, markGone: false })).toBe('draining')
    expect(await agent.nudges()).toContainEqual({ kind: 'sync' })
    expect(await agent.ledger()).toMatchObject({
      offers: {},
      deactivated: true,
      drain: { state: 'DRAINING' },
    })
    expect(await w.mail(framework.frameworkId)).toContainEqual({
      kind: 'withdrawn',
      offerId,
      epoch: framework.epoch,
    })
    expect(await agent.sync()).toMatchObject({
      kind: 'wanted',
      drain: { maxGraceMs: 1_000, markGone: false },
      tasks: [{ taskId: 't1', wanted: 'stop', kills: 1, killPolicy: { grace_period: {} } }],
    })
    await obey(agent)
    await w.run(3_000)
    // F38: not before every end is acknowledged.
    expect(await stateOf(agent)).toBe('DRAINING')
    expect(await reactivateAgent(w.env, agent.id)).toBe('draining')
    await acknowledgeAll(w, framework, agent, 't1')
    await w.run(1_000)
    expect(await stateOf(agent)).toBe('DRAINED')
    expect(await reactivateAgent(w.env, agent.id)).toBe('done')
    expect(await agent.ledger()).toMatchObject({ deactivated: false, life: 'active' })
    expect((await agent.ledger()).drain).toBeUndefined()
    expect(await agent.sync()).not.toHaveProperty('drain')
    await w.check()
  })

  test('of an idle agent is over at once; a repeat changes nothing', async () => {
    const { w, agent } = await running([])
    await drainAgent(w.env, agent.id, order)
    const ledger = await agent.ledger()
    expect(ledger.drain?.state).toBe('DRAINED')
    expect(await drainAgent(w.env, agent.id, order)).toBe('draining')
    expect(await agent.ledger()).toEqual(ledger)
  })

  test('waits for ends that were there before it began', async () => {
    const { w, framework, agent } = await running()
    await agent.update('t1', 'TASK_FINISHED')
    await drainAgent(w.env, agent.id, order)
    await w.run(2_000)
    expect(await stateOf(agent)).toBe('DRAINING')
    await acknowledgeAll(w, framework, agent, 't1')
    await w.run(1_000)
    expect(await stateOf(agent)).toBe('DRAINED')
  })

  test('does not wait for a framework that was removed meanwhile', async () => {
    const { w, framework, agent } = await running()
    await drainAgent(w.env, agent.id, order)
    await obey(agent)
    await w.run(1_000)
    expect(await stateOf(agent)).toBe('DRAINING')
    await teardown(w.env, framework.frameworkId)
    await w.run(2_000)
    expect(await stateOf(agent)).toBe('DRAINED')
  })

  test('of a framework that never acknowledges looks into one mailbox a tick', async () => {
    let looks = 0
    const { w, framework, agent } = await running(['t1'], {
      store: (store) => ({
        ...store,
        query(partition, ref, options) {
          if (partition === 'mail') looks++
          return store.query(partition, ref, options)
        },
      }),
    })
    for (let index = 0; index < 5; index++) await w.framework({ name: `idle ${index}` })
    await drainAgent(w.env, agent.id, order)
    await obey(agent)
    await w.run(2_000)
    looks = 0
    await w.run(10_000)
    expect(looks).toBe(10)
    expect(await stateOf(agent)).toBe('DRAINING')
    await acknowledgeAll(w, framework, agent, 't1')
    await w.run(1_000)
    expect(await stateOf(agent)).toBe('DRAINED')
  })

  test('F38 with mark_gone waits for custody only, and then the agent is gone for good', async () => {
    const { w, framework, agent } = await running(['t1', 't2'])
    await drainAgent(w.env, agent.id, { maxGraceMs: 1_000, markGone: true })
    await w.run(2_000)
    expect((await agent.ledger()).life).toBe('active')
    await obey(agent)
    await agent.nudges()
    await w.run(1_000)
    expect(await agent.ledger()).toMatchObject({ life: 'gone', digest: '0000000000000000', sums: {} })
    expect(await agent.nudges()).toContainEqual(expect.objectContaining({ kind: 'shutdown' }))
    agent.reboot()
    expect(await agent.register()).toMatchObject({ kind: 'shutdown' })
    // The ends are still there to be acknowledged, and are said as what they are.
    expect((await agent.task(framework, 't1'))?.custody.length).toBe(2)
    await acknowledgeAll(w, framework, agent, 't1')
    expect(await agent.task(framework, 't1')).toMatchObject({
      standing: 'finished',
      mesos: { state: 'TASK_KILLED' },
    })
    expect(await w.losses()).toEqual([agent.id])
    await w.check()
  })

  test('asked for again with mark_gone, a drained agent is gone', async () => {
    const { w, agent } = await running([])
    await drainAgent(w.env, agent.id, order)
    expect(await stateOf(agent)).toBe('DRAINED')
    await drainAgent(w.env, agent.id, { markGone: true })
    expect((await agent.ledger()).life).toBe('gone')
  })

  test('MARK_AGENT_GONE of an agent that drains does not wait', async () => {
    const { w, framework, agent } = await running()
    await drainAgent(w.env, agent.id, order)
    expect(await markAgentGone(w.env, agent.id)).toBe('gone')
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_GONE_BY_OPERATOR')
    expect(await finishDrain(w.env, agent.id)).toBe('over')
    expect(await drainAgent(w.env, agent.id, order)).toBe('unknown agent')
  })
})

describe('an agent that is away', () => {
  test('F38 drains when it is back: its tasks are lost, return, end, and only then is it DRAINED', async () => {
    const { w, framework, agent } = await running(['t1', 't2'])
    agent.isUp = false
    await w.run(14_000)
    expect((await agent.ledger()).life).toBe('unreachable')
    expect(await drainAgent(w.env, agent.id, order)).toBe('draining')
    await w.run(60_000)
    expect(await agent.ledger()).toMatchObject({ life: 'unreachable', drain: { state: 'DRAINING' } })
    agent.reboot()
    await agent.register()
    agent.isUp = true
    await agent.beat()
    await w.run(2_000)
    expect(await agent.ledger()).toMatchObject({ life: 'active', deactivated: true })
    await obey(agent)
    for (const taskId of ['t1', 't2']) await acknowledgeAll(w, framework, agent, taskId)
    await w.run(1_000)
    expect(await stateOf(agent)).toBe('DRAINED')
    await w.check()
  })

  test('F38 one that drains and falls silent goes on when it is back', async () => {
    const { w, framework, agent } = await running()
    await drainAgent(w.env, agent.id, { markGone: true })
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.ledger()).toMatchObject({ life: 'unreachable', drain: { state: 'DRAINING' } })
    agent.reboot()
    await agent.register()
    agent.isUp = true
    await agent.beat()
    await w.run(1_000)
    expect((await agent.ledger()).life).toBe('active')
    await obey(agent)
    await w.run(1_000)
    expect((await agent.ledger()).life).toBe('gone')
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_KILLED')
  })

  test('F38 F72 drained, it stays so while it is away and restarts; REACTIVATE is stored and says that it is away', async () => {
    const { w, agent } = await running([])
    await drainAgent(w.env, agent.id, order)
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.ledger()).toMatchObject({ life: 'unreachable', drain: { state: 'DRAINED' } })
    expect(await reactivateAgent(w.env, agent.id)).toBe('not registered now')
    expect(await agent.ledger()).toMatchObject({ deactivated: false })
    agent.reboot()
    await agent.register()
    expect(await agent.ledger()).toMatchObject({ life: 'active', deactivated: false })
  })
})

test('F81 an ACCEPT in pieces ends with the drain: what was not made is dropped for it', async () => {
  const { w, framework, agent } = await running([])
  const context = await contextOf(w.env)
  const held = {
    frameworkId: framework.frameworkId,
    role: '*',
    resources: [],
    expiresAt: context.now + 30_000,
  }
  const ledger = await agent.ledger()
  const hold = { agentId: agent.id, acceptId: 'a', frameworkId: framework.frameworkId }
  await w.store.commit(
    [
      { do: 'put', kind: 'ledger', item: { ...ledger, holds: { a: held } }, when: { name: 'unchanged' } },
      {
        do: 'put',
        kind: 'hold',
        item: { version: 0, ...hold, tasks: [{ taskId: 'late' }] },
        when: { name: 'absent' },
      },
    ],
    'token',
  )
  await finishHold(w.env, hold)
  expect((await agent.ledger()).holds).toHaveProperty('a')
  await drainAgent(w.env, agent.id, order)
  expect(await agent.ledger()).toMatchObject({ holds: {}, drain: { state: 'DRAINED' } })
  const [word] = await w.mail(framework.frameworkId)
  expect(word).toMatchObject({
    kind: 'word',
    status: { task_id: { value: 'late' }, state: 'TASK_DROPPED', reason: 'REASON_AGENT_DRAINING' },
  })
})

test('a hundred offers are withdrawn in as many writes as it takes', async () => {
  const { w, framework, agent } = await running([])
  for (let index = 0; index < 100; index++) await agent.offered(framework, { resources: [] })
  await drainAgent(w.env, agent.id, order)
  expect(await agent.ledger()).toMatchObject({ offers: {}, drain: { state: 'DRAINED' } })
})

/** Three tasks on an agent that is drained while its control plane dies at the n-th call. */
async function play(n: number, when: 'before' | 'after', markGone: boolean) {
  const faults = dying()
  const { w, framework, agent } = await running(['t1', 't2', 't3'], { store: faults.wrap })
  faults.arm(n, when)
  await persistently(() => drainAgent(w.env, agent.id, { maxGraceMs: 1_000, markGone }))
  await persistently(() => obeyOnce(agent))
  await persistently(() => w.run(3_000))
  for (const taskId of ['t1', 't2', 't3'])
    await persistently(() => acknowledgeAll(w, framework, agent, taskId))
  await persistently(() => w.run(3_000))
  const fired = faults.fired()
  faults.arm(Number.POSITIVE_INFINITY, 'before')
  await w.check()
  const ledger = await agent.ledger()
  const tasks = await Promise.all(['t1', 't2', 't3'].map((taskId) => agent.task(framework, taskId)))
  const seen = {
    life: ledger.life,
    drain: ledger.drain?.state,
    asked: ledger.drain?.asked,
    digest: ledger.digest,
    openWork: ledger.openWork,
    tasks: tasks.map((task) => `${task?.mesos.state} ${task?.standing} ${task?.lastUpdate}`),
    losses: (await w.losses()).length,
    mail: await w.mail(framework.frameworkId),
  }
  return { fired, seen }
}

/** As `obey`; a call that died is made again with the same updates. */
async function obeyOnce(agent: PlayedAgent): Promise<void> {
  const list = await agent.sync()
  if (list.kind === 'shutdown') return
  if (list.kind !== 'wanted') throw new Error(`no list: ${list.kind}`)
  agent.applied = list.generation
  await agent.updates(list.tasks.map(({ taskId }) => agent.report(taskId, 'TASK_KILLED', { number: 2 })))
}

describe.each([false, true])('F38 F62, mark_gone %s', (markGone) => {
  test('a worker that dies at any call leaves nothing that the next one does not finish', async () => {
    const whole = await play(Number.POSITIVE_INFINITY, 'before', markGone)
    expect(whole.seen).toMatchObject(
      markGone ? { life: 'gone', losses: 1, mail: [] } : { life: 'active', drain: 'DRAINED', mail: [] },
    )
    let calls = 0
    for (let n = 0; ; n++) {
      const before = await play(n, 'before', markGone)
      const after = await play(n, 'after', markGone)
      if (!before.fired && !after.fired) break
      expect(before.seen, `died before call ${n}`).toEqual(whole.seen)
      expect(after.seen, `died after call ${n}`).toEqual(whole.seen)
      calls++
    }
    expect(calls).toBeGreaterThan(20)
  }, 60_000)
})
