// Agents fall silent, are lost, and return: what frameworks hear, what stays, and who may not be lost.
import { describe, expect, test } from 'vitest'
import { markAgentGone } from '../../../functions/agents/lifecycle.ts'
import { finishLosses } from '../../../functions/agents/open-work.ts'
import { contextOf } from '../../../functions/cluster-time.ts'
import { detect } from '../../../functions/detector/handler.ts'
import { transact } from '../../../functions/transact.ts'
import { kill } from '../../../master/calls/kill.ts'
import type { MailBody } from '../../../master/model.ts'
import type { Store } from '../../../store/store.ts'
import { world } from '../agents/world.ts'

function words(mail: readonly MailBody[]) {
  return mail.flatMap((body) => (body.kind === 'word' ? [body.status] : []))
}

async function silenced(options: Parameters<typeof world>[0] = {}, isPartitionAware = true) {
  const w = await world(options)
  const framework = await w.framework({ isPartitionAware })
  const agent = await w.agent()
  await agent.launch(framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  await w.run(5 * w.env.settings.profile.tickMs)
  return { w, framework, agent }
}

describe('silence', () => {
  test('F1 C116 an agent is unreachable not before 75 s and at the latest a sweep later (profile mesos)', async () => {
    const { w, agent } = await silenced({ profile: 'mesos' })
    agent.isUp = false
    const lastBeat = agent.lastBeat
    let at: number | undefined
    for (let step = 0; step < 12 && at === undefined; step++) {
      await w.run(10_000)
      if ((await agent.ledger()).life === 'unreachable') at = w.clock.now()
    }
    expect((at ?? 0) - lastBeat).toBeGreaterThan(75_000)
    expect((at ?? 0) - lastBeat).toBeLessThanOrEqual(75_000 + 3 * 10_000)
  })

  test('C116 F4 F6 R7 the framework hears UNREACHABLE and FAILURE within the timeout and three seconds', async () => {
    const { w, framework, agent } = await silenced()
    const idle = await w.framework({ name: 'without tasks' })
    agent.isUp = false
    const lastBeat = agent.lastBeat
    while ((await w.losses()).length === 0) await w.run(1_000)
    expect(w.clock.now() - lastBeat).toBeLessThanOrEqual(9_000 + 3_000)
    expect(words(await w.mail(framework.frameworkId))).toMatchObject([
      {
        state: 'TASK_UNREACHABLE',
        source: 'SOURCE_MASTER',
        reason: 'REASON_AGENT_REMOVED',
        agent_id: { value: agent.id },
      },
    ])
    const [status] = words(await w.mail(framework.frameworkId))
    expect(status?.uuid).toBeUndefined()
    expect(Number(BigInt(status?.unreachable_time?.nanoseconds ?? 0) / 1_000_000n)).toBeGreaterThan(lastBeat)
    expect(await w.losses()).toEqual([agent.id])
    expect(idle.state).toBe('connected')
    expect(await agent.task(framework, 't1')).toMatchObject({
      standing: 'lost',
      mesos: { state: 'TASK_UNREACHABLE' },
    })
  })

  test('F5 without PARTITION_AWARE it is TASK_LOST, with unreachable_time', async () => {
    const { w, framework, agent } = await silenced({}, false)
    agent.isUp = false
    await w.run(14_000)
    const [status] = words(await w.mail(framework.frameworkId))
    expect(status).toMatchObject({ state: 'TASK_LOST', reason: 'REASON_AGENT_REMOVED' })
    expect(status?.unreachable_time).toBeDefined()
  })

  test('F7 its resources leave the pool and its offers are withdrawn, in the write of the fact', async () => {
    const { w, framework, agent } = await silenced()
    const offerId = await agent.offered(framework, {
      resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }],
    })
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.ledger()).toMatchObject({ life: 'unreachable', sums: {}, offers: {} })
    expect(await w.mail(framework.frameworkId)).toContainEqual({
      kind: 'withdrawn',
      offerId,
      epoch: framework.epoch,
    })
    await w.check()
  })

  test('F2 half-way to the deadline the agent is asked to call, and a call saves it', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    await agent.nudges()
    await w.run(7_000)
    expect(await agent.nudges()).toContainEqual({ kind: 'call' })
    for (let step = 0; step < 4; step++) {
      await agent.sync()
      await w.run(4_000)
    }
    expect((await agent.ledger()).life).toBe('active')
  })

  test('F23 a beat that races the mark has one winner', async () => {
    const { w, agent } = await silenced({
      store: (store): Store => ({
        ...store,
        async commit(changes, token) {
          const marks = changes.some(
            (change) => change.kind === 'ledger' && change.do === 'put' && change.item.life === 'unreachable',
          )
          if (marks && !beaten) {
            beaten = true
            await agent.beat()
            await w.hear()
          }
          return await store.commit(changes, token)
        },
      }),
    })
    let beaten = false
    agent.isUp = false
    await w.run(14_000)
    expect(beaten).toBe(true)
    expect(await w.losses()).toEqual([])
    expect((await agent.ledger()).life).toBe('active')
  })

  test('call-against-beat-write: a call writes no beats itself, it goes behind the beats of its group', async () => {
    const { w, agent } = await silenced()
    const before = await w.store.get('beats', { shard: 0 })
    agent.isUp = false
    w.clock.move(4_000)
    await agent.sync()
    expect(await w.store.get('beats', { shard: 0 })).toEqual(before)
    await w.hear()
    const after = await w.store.get('beats', { shard: 0 })
    expect(after?.agents[agent.id]).toMatchObject({ number: before?.agents[agent.id]?.number })
    expect(after?.agents[agent.id]?.stamp).toBe(w.clock.now())
  })
})

describe('deafness', () => {
  test('F21 a consumer that stands still expires nobody, nor does reading the backlog', async () => {
    const { w, agent } = await silenced()
    await w.run(60_000, { deaf: true })
    expect((await agent.ledger()).life).toBe('active')
    await w.hear()
    await w.run(1_000)
    expect((await agent.ledger()).life).toBe('active')
  })

  test('F21 an agent that died during the backlog is found when the backlog is read', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    await w.run(30_000, { deaf: true })
    expect((await agent.ledger()).life).toBe('active')
    await w.hear()
    await w.run(1_000)
    expect((await agent.ledger()).life).toBe('unreachable')
  })

  test('H17 F67 store-away-five-minutes: a detector that was away itself expires nobody before a whole timeout', async () => {
    const { w, agent } = await silenced()
    w.clock.move(5 * 60_000)
    await w.run(8_000)
    expect((await agent.ledger()).life).toBe('active')
  })

  test('H17 agents that died in the outage are found a timeout after it', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    w.clock.move(5 * 60_000)
    await w.run(8_000)
    expect((await agent.ledger()).life).toBe('active')
    await w.run(6_000)
    expect((await agent.ledger()).life).toBe('unreachable')
  })

  test('clock-five-minutes-ahead: a detector whose clock is ahead breaks the chain of ticks and expires nobody', async () => {
    const { w, agent } = await silenced()
    const unbroken = (await w.store.get('tick', {}))?.unbrokenSince
    await detect(w.env, { at: w.clock.now() + 5 * 60_000 })
    await w.hear()
    await w.run(8_000)
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([])
    expect((await w.store.get('tick', {}))?.unbrokenSince).toBeGreaterThan(unbroken ?? 0)
  })

  test('H15 two detectors at once, and one twice, are one', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    for (let step = 0; step < 16; step++) {
      w.clock.move(1_000)
      await Promise.all([detect(w.env), detect(w.env), detect(w.env)])
      await w.hear()
    }
    expect(await w.losses()).toEqual([agent.id])
  })
})

describe('many at once', () => {
  test('two-of-three-agents-die: both are given up in the same pass', async () => {
    const w = await world()
    const agents = [await w.agent(), await w.agent(), await w.agent()]
    await w.run(5_000)
    for (const agent of agents.slice(1)) agent.isUp = false
    await w.run(14_000)
    expect((await w.losses()).sort()).toEqual(
      agents
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    )
  })

  test('F20 half of ten agents silent: nobody, and an alarm; one timeout later they go', async () => {
    const w = await world()
    const agents = await Promise.all(Array.from({ length: 10 }, () => w.agent()))
    await w.run(5_000)
    for (const agent of agents.slice(5)) agent.isUp = false
    await w.run(14_000)
    expect(await w.losses()).toEqual([])
    expect(w.logged.some((line) => line.startsWith('alarm'))).toBe(true)
    await w.run(20_000)
    expect(await w.losses()).toHaveLength(5)
  })

  test('zone-dies: a third of the cluster, but a zone, goes within the bound of one (F83)', async () => {
    const w = await world()
    const agents = await Promise.all(
      Array.from({ length: 12 }, (_, index) => w.agent({ zone: ['a', 'b', 'c'][index % 3] ?? 'a' })),
    )
    await w.run(5_000)
    for (const [index, agent] of agents.entries()) if (index % 3 === 0) agent.isUp = false
    await w.run(13_000)
    expect(await w.losses()).toHaveLength(4)
  })
})

describe('the way back', () => {
  test('F8 C117 the same id, surviving tasks RUNNING with AGENT_REREGISTERED and no uuid, resources charged again', async () => {
    const { w, framework, agent } = await silenced()
    const before = await agent.ledger()
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.register()).toMatchObject({ kind: 'registered', agentId: agent.id })
    const after = await agent.ledger()
    expect(after).toMatchObject({ life: 'active', sums: before.sums })
    expect(after.openWork).toBeUndefined()
    expect(after.incarnation).toBeGreaterThan(before.incarnation)
    expect(words(await w.mail(framework.frameworkId))).toMatchObject([
      { state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED', source: 'SOURCE_MASTER' },
    ])
    expect(words(await w.mail(framework.frameworkId))[0]?.uuid).toBeUndefined()
    expect(await agent.task(framework, 't1')).toMatchObject({
      standing: 'live',
      mesos: { state: 'TASK_RUNNING' },
    })
    agent.isUp = true
    await w.run(30_000)
    expect((await agent.ledger()).life).toBe('active')
    await w.check()
  })

  test('F9 C117 so it is for frameworks without PARTITION_AWARE: LOST, then RUNNING', async () => {
    const { w, framework, agent } = await silenced({}, false)
    agent.isUp = false
    await w.run(14_000)
    await agent.register()
    expect(words(await w.mail(framework.frameworkId))).toMatchObject([{ state: 'TASK_RUNNING' }])
    expect((await agent.task(framework, 't1'))?.standing).toBe('live')
  })

  test('a beat of an agent that is lost is answered with a nudge to register, each time', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    await w.run(14_000)
    await agent.nudges()
    for (let twice = 0; twice < 2; twice++) {
      await agent.beat()
      await w.hear()
      expect(await agent.nudges()).toContainEqual({ kind: 'register' })
    }
    expect((await agent.ledger()).life).toBe('unreachable')
  })

  test('S8 calls of an unreachable agent are sent to register again', async () => {
    const { w, agent } = await silenced()
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.sync()).toEqual({ kind: 'register-again' })
    expect(await agent.update('t1', 'TASK_FINISHED')).toEqual({ kind: 'register-again' })
  })

  test('resend-after-unreachable: what waits in custody is not said while the task is lost, and again after', async () => {
    const { w, framework, agent } = await silenced()
    const updates = async () => (await w.mail(framework.frameworkId)).filter(({ kind }) => kind === 'update')
    expect(await updates()).toHaveLength(1)
    agent.isUp = false
    await w.run(14_000)
    expect(await updates()).toEqual([])
    expect((await agent.task(framework, 't1'))?.custody).toHaveLength(1)
    await agent.register()
    expect(await updates()).toHaveLength(1)
  })

  test('F46 a lost task whose end is in custody is over, not unreachable', async () => {
    const { w, framework, agent } = await silenced()
    await agent.update('t1', 'TASK_FINISHED')
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.task(framework, 't1')).toMatchObject({
      standing: 'live',
      mesos: { state: 'TASK_FINISHED' },
    })
    expect(words(await w.mail(framework.frameworkId))).toEqual([])
    expect(await w.losses()).toEqual([agent.id])
  })

  test('terminal-while-returning F10: an end during the partition is told by its update after the return', async () => {
    const { w, framework, agent } = await silenced()
    agent.isUp = false
    await w.run(14_000)
    const end = agent.report('t1', 'TASK_FINISHED')
    await agent.register()
    expect(await agent.ledger()).toMatchObject({ life: 'active', sums: {} })
    expect(words(await w.mail(framework.frameworkId))).toMatchObject([{ state: 'TASK_UNREACHABLE' }])
    expect(await agent.updates([end])).toMatchObject({ results: ['taken'] })
    const task = await agent.task(framework, 't1')
    expect(task).toMatchObject({ standing: 'live', mesos: { state: 'TASK_FINISHED' } })
    expect(task?.custody.map(({ status }) => status.state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    expect(await agent.run(framework, 't1')).toBeUndefined()
    await w.check()
  })

  test('F11 F12 a kill while the agent is lost is in its list when it returns', async () => {
    const { w, framework, agent } = await silenced()
    agent.isUp = false
    await w.run(14_000)
    const context = await contextOf(w.env)
    await transact(w.env, {
      name: 'kill',
      load: async () => ({
        framework,
        task: await agent.task(framework, 't1'),
        ledger: await agent.ledger(),
        run: await agent.run(framework, 't1'),
      }),
      decide: (loaded) => kill(loaded, { task_id: { value: 't1' } }, context),
    })
    await agent.register()
    expect(await agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'stop', kills: 1 }] })
    expect((await agent.ledger()).generation).toBeGreaterThan(agent.applied)
  })

  test('a task the agent comes back without is told to be gone, and a launch it never saw to be dropped', async () => {
    const { w, framework, agent } = await silenced()
    await agent.launch(framework, ['t2'], { started: false })
    agent.isUp = false
    await w.run(14_000)
    agent.tasks.clear()
    await agent.register()
    const states = await Promise.all(
      ['t1', 't2'].map(async (id) => (await agent.task(framework, id))?.mesos.state),
    )
    expect(states).toEqual(['TASK_GONE', 'TASK_DROPPED'])
    expect(await agent.ledger()).toMatchObject({ sums: {}, digest: '0000000000000000' })
    await w.check()
  })

  test('loss-worker-wakes-after-return: a worker that was paused in a loss does nothing any more', async () => {
    let paused: { go: () => void } | undefined
    const { w, framework, agent } = await silenced({
      store: (store): Store => ({
        ...store,
        async commit(changes, token) {
          const isPiece = changes.some(
            (change) => change.kind === 'task' && change.do === 'put' && change.item.standing === 'lost',
          )
          if (isPiece && paused === undefined) {
            await new Promise<void>((resolve) => {
              paused = { go: resolve }
            })
          }
          return await store.commit(changes, token)
        },
      }),
    })
    agent.isUp = false
    const sleeper = w.run(14_000)
    while (paused === undefined) await new Promise((resolve) => setImmediate(resolve))
    // Another worker finishes the loss, and the agent returns.
    await finishLosses(w.env, [agent.id])
    await agent.register()
    agent.isUp = true
    paused.go()
    await sleeper
    expect(await agent.task(framework, 't1')).toMatchObject({
      standing: 'live',
      mesos: { state: 'TASK_RUNNING' },
    })
    expect((await agent.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([agent.id])
    await w.check()
  })

  test('F24 an agent that registers while it is being marked is admitted once that is done', async () => {
    const { w, framework, agent } = await silenced()
    agent.isUp = false
    // The fact stands, its worker died.
    const { lose } = await import('../../../functions/agents/lifecycle.ts')
    expect(await lose(w.env, agent.id, 'unreachable')).toBe('lost')
    expect((await agent.ledger()).openWork).toMatchObject({ kind: 'loss' })
    expect(await agent.register()).toMatchObject({ kind: 'registered' })
    expect(await w.losses()).toEqual([agent.id])
    expect((await agent.task(framework, 't1'))?.mesos.state).toBe('TASK_RUNNING')
    await w.check()
  })

  test('F26 a loss of very many tasks is finished by the next tick, wherever its worker died', async () => {
    let left = 7
    let isDying = false
    const { w, framework, agent } = await silenced({
      store: (store): Store => ({
        ...store,
        async commit(changes, token) {
          if (isDying && left-- <= 0) throw new Error('the worker died here')
          return await store.commit(changes, token)
        },
      }),
    })
    const ids = Array.from({ length: 120 }, (_, index) => `many${index}`)
    await agent.launch(framework, ids)
    await w.run(3_000)
    agent.isUp = false
    for (let round = 0; round < 40; round++) {
      left = round % 9
      isDying = round > 9
      await w.run(1_000).catch(() => {})
    }
    isDying = false
    await w.run(3_000)
    expect(await w.losses()).toEqual([agent.id])
    const told = words(await w.mail(framework.frameworkId))
    expect(told).toHaveLength(121)
    expect(new Set(told.map(({ state }) => state))).toEqual(new Set(['TASK_UNREACHABLE']))
    await agent.register()
    expect(words(await w.mail(framework.frameworkId)).map(({ state }) => state)).toEqual(
      told.map(() => 'TASK_RUNNING'),
    )
    await w.check()
  })
})

describe('gone', () => {
  test('C119 from active: GONE_BY_OPERATOR or LOST, FAILURE, and a word to shut down', async () => {
    const w = await world()
    const aware = await w.framework()
    const old = await w.framework({ isPartitionAware: false })
    const agent = await w.agent()
    await agent.launch(aware, ['a'])
    await agent.launch(old, ['b'])
    await agent.nudges()
    await markAgentGone(w.env, agent.id)
    expect(words(await w.mail(aware.frameworkId))).toMatchObject([
      { state: 'TASK_GONE_BY_OPERATOR', reason: 'REASON_AGENT_REMOVED_BY_OPERATOR' },
    ])
    expect(words(await w.mail(old.frameworkId))).toMatchObject([
      { state: 'TASK_LOST', reason: 'REASON_AGENT_REMOVED' },
    ])
    expect(await w.losses()).toEqual([agent.id])
    expect(await agent.nudges()).toContainEqual(expect.objectContaining({ kind: 'shutdown' }))
    expect(await agent.ledger()).toMatchObject({ life: 'gone', sums: {}, digest: '0000000000000000' })
    expect(await agent.run(aware, 'a')).toBeUndefined()
  })

  test('C119 S14 from unreachable: the task updates, and no second FAILURE', async () => {
    const { w, framework, agent } = await silenced()
    agent.isUp = false
    await w.run(14_000)
    await markAgentGone(w.env, agent.id)
    expect(words(await w.mail(framework.frameworkId))).toMatchObject([{ state: 'TASK_GONE_BY_OPERATOR' }])
    expect(await w.losses()).toEqual([agent.id])
    expect(await agent.register()).toMatchObject({ kind: 'shutdown' })
  })
})

describe('lists', () => {
  test('torn-list: a list that is not whole is read again, and never given out', async () => {
    let torn = 0
    const { w, framework, agent } = await silenced({
      store: (store): Store => ({
        ...store,
        async query(partition, ref, options) {
          const page = await store.query(partition, ref, options)
          if (torn <= 0 || partition !== 'agent') return page
          torn--
          return { ...page, found: page.found.filter(({ kind }) => kind !== 'run') }
        },
      }),
    })
    torn = 2
    expect(await agent.sync()).toMatchObject({ kind: 'wanted', tasks: [{ taskId: 't1' }] })
    torn = 99
    expect(await agent.sync()).toMatchObject({ kind: 'not-yet' })
    torn = 0
    expect(framework.state).toBe('connected')
    await w.check()
  })

  test('nudge-two-before-one: whatever got lost shows as a lag of two equal beats, and is fetched', async () => {
    const { w, framework, agent } = await silenced()
    await agent.launch(framework, ['t2'], { started: false })
    await agent.nudges()
    await agent.beat()
    await w.hear()
    await agent.beat()
    await w.hear()
    expect(await agent.nudges()).toContainEqual({ kind: 'sync' })
    const list = await agent.sync()
    expect(list).toMatchObject({ generation: (await agent.ledger()).generation })
    expect(list.kind === 'wanted' && list.tasks.map(({ taskId }) => taskId)).toEqual(['t1', 't2'])
  })
})
