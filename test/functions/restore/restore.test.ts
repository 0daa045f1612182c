// The table goes ten minutes back and the agents do not: after the procedure they agree (F73, H20).
import { describe, expect, test } from 'vitest'
import { restore } from '../../../functions/restore/restore.ts'
import { answerCall } from '../../../functions/scheduler/calls.ts'
import type { Framework } from '../../../master/model.ts'
import { timelineOf } from '../../../protocol/numbering.ts'
import type { PlayedAgent, World } from '../agents/world.ts'
import { comeBack, expectAgreement } from './converging.ts'
import { type RestorableTable, restorableWorld } from './table.ts'

interface Scene {
  readonly w: World
  readonly table: RestorableTable
  readonly framework: Framework
  readonly agents: readonly [PlayedAgent, PlayedAgent]
}

async function scene(): Promise<Scene> {
  const { w, table, framework } = await restorableWorld()
  const agents = [await w.agent(), await w.agent()] as const
  return { w, table, framework, agents }
}

/** What the framework answers to an update. */
async function acknowledge({ w, framework }: Scene, agent: PlayedAgent, taskId: string): Promise<void> {
  const uuid = (await agent.task(framework, taskId))?.custody[0]?.uuid
  if (uuid === undefined) throw new Error(`nothing of ${taskId} waits`)
  const { answer } = await answerCall(
    w.env,
    {
      type: 'ACKNOWLEDGE',
      framework_id: { value: framework.frameworkId },
      acknowledge: { agent_id: { value: agent.id }, task_id: { value: taskId }, uuid },
    },
    { streamId: framework.streamId },
  )
  expect(answer.status).toBe(202)
}

/** Before: t1 and t2 run, t3 is staging. After: t1 is over, t3 runs, t4 was launched, everything acknowledged. */
async function tenMinutes(on: Scene): Promise<number> {
  const { framework, table } = on
  const [one, two] = on.agents
  await one.launch(framework, ['t1', 't3'])
  await two.launch(framework, ['t2'])
  await one.update('t1', 'TASK_RUNNING')
  await two.update('t2', 'TASK_RUNNING')
  await acknowledge(on, one, 't1')
  await on.w.run(5_000)
  const snapshot = table.history.length
  await acknowledge(on, two, 't2')
  await one.update('t1', 'TASK_FINISHED')
  await acknowledge(on, one, 't1')
  one.tasks.delete('t1')
  await one.update('t3', 'TASK_RUNNING')
  await acknowledge(on, one, 't3')
  await two.launch(framework, ['t4'])
  await two.update('t4', 'TASK_RUNNING')
  await acknowledge(on, two, 't4')
  await on.w.run(5_000)
  return snapshot
}

describe('F73 H20', () => {
  test('what runs is adopted again, what is over is closed, nothing runs twice, sums are right', async () => {
    const on = await scene()
    const { w, table, framework, agents } = on
    const snapshot = await tenMinutes(on)
    const before = await Promise.all(agents.map((agent) => agent.ledger()))
    await table.goBack(snapshot)
    w.clock.move(600_000)
    await comeBack(w, agents)
    await expectAgreement(w, framework, agents)
    const [one, two] = agents
    expect((await one.task(framework, 't1'))?.mesos.state).toBe('TASK_GONE')
    expect((await one.task(framework, 't3'))?.mesos.state).toBe('TASK_RUNNING')
    expect((await two.task(framework, 't2'))?.mesos.state).toBe('TASK_RUNNING')
    expect((await two.task(framework, 't4'))?.mesos.state).toBe('TASK_RUNNING')
    // All numbers are newer than any the agents and frameworks have seen.
    for (const [index, agent] of agents.entries()) {
      const { incarnation, generation } = await agent.ledger()
      expect(incarnation).toBeGreaterThan(before[index]?.incarnation ?? 0)
      expect(generation).toBeGreaterThan(before[index]?.generation ?? 0)
      expect(timelineOf(incarnation)).toBeGreaterThan(0)
    }
    const session = await w.store.get('framework', framework)
    expect(session).toMatchObject({ state: 'disconnected' })
    expect(session?.epoch).toBeGreaterThan(framework.epoch)
    // The agent goes on counting where it is; what it hands in next is taken.
    expect(await two.update('t4', 'TASK_FINISHED')).toMatchObject({ results: ['taken'] })
    // Its framework hears what the table had forgotten.
    const words = (await w.mail(framework.frameworkId)).flatMap((body) =>
      body.kind === 'word' ? [[body.status.task_id.value, body.status.state]] : [],
    )
    expect(words.sort()).toEqual([
      ['t3', 'TASK_RUNNING'],
      ['t4', 'TASK_RUNNING'],
    ])
  })

  test('updates that wait on the agent are handed in where the table left off', async () => {
    const on = await scene()
    const { w, table, framework } = on
    const [one, two] = on.agents
    await one.launch(framework, ['t1'])
    const snapshot = table.history.length
    await one.update('t1', 'TASK_STARTING')
    await acknowledge(on, one, 't1')
    // Made and never handed in: RUNNING, FINISHED.
    const waiting = [one.report('t1', 'TASK_RUNNING'), one.report('t1', 'TASK_FINISHED')]
    const known = one.tasks.get('t1')
    if (known !== undefined) one.tasks.set('t1', { ...known, waiting: 2 })
    await table.goBack(snapshot)
    await comeBack(w, [one, two])
    expect(await one.updates(waiting)).toMatchObject({ results: ['taken', 'taken'] })
    const task = await one.task(framework, 't1')
    expect(task?.custody.map(({ status }) => status.state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    await w.check()
  })

  test('an id that was used again since then is the task that lives', async () => {
    const on = await scene()
    const { w, table, framework, agents } = on
    const [one, two] = agents
    await one.launch(framework, ['t1'])
    await one.update('t1', 'TASK_RUNNING')
    await acknowledge(on, one, 't1')
    const snapshot = table.history.length
    await one.update('t1', 'TASK_FINISHED')
    await acknowledge(on, one, 't1')
    one.tasks.delete('t1')
    await two.launch(framework, ['t1'])
    await two.update('t1', 'TASK_RUNNING')
    await table.goBack(snapshot)
    await comeBack(w, agents)
    await expectAgreement(w, framework, agents)
    expect(await two.task(framework, 't1')).toMatchObject({ agentId: two.id, standing: 'live' })
  })

  test('an agent and a framework that the table has forgotten come back with their ids', async () => {
    const on = await scene()
    const { w, table, framework, agents } = on
    const snapshot = table.history.length
    const late = await w.framework({ name: 'late' })
    const three = await w.agent()
    await three.launch(late, ['t9'])
    await three.update('t9', 'TASK_RUNNING')
    await table.goBack(snapshot)
    expect((await restore(w.env)).doors).toBe('open')
    w.clock.move(3_000)
    expect(await three.sync()).toEqual({ kind: 'register-again' })
    const info = { ...late.info, id: { value: late.frameworkId } }
    expect((await three.register({ frameworks: [info] })).kind).toBe('registered')
    three.applied = three.generation
    await comeBackOnly(agents)
    await w.run(5_000)
    await expectAgreement(w, late, [three])
    expect(await w.store.get('framework', late)).toMatchObject({ state: 'disconnected' })
    // Told once more in full, as the agent does when it hears of the new timeline.
    const report = three.tasks.get('t9')
    if (report === undefined) throw new Error('no report')
    const command = { value: 'sleep 1000' }
    const full = { name: 'nine', task_id: { value: 't9' }, agent_id: { value: three.id }, command }
    await three.register({ tasks: [{ ...report, info: { ...full, resources: report.resources } }] })
    expect((await three.run(late, 't9'))?.task).toMatchObject({ name: 'nine', command })
    expect((await three.task(late, 't9'))?.mesos.name).toBe('nine')
    await framework
  })

  test('a framework whose time was over gets a fair time to return; one agent that is dead is given up', async () => {
    const on = await scene()
    const { w, table, framework, agents } = on
    const [one, two] = agents
    await two.launch(framework, ['t1'])
    await two.update('t1', 'TASK_RUNNING')
    await w.run(5_000)
    const snapshot = table.history.length
    await w.run(5_000)
    two.isUp = false
    await table.goBack(snapshot)
    w.clock.move(3_600_000)
    await comeBack(w, [one])
    await w.run(20_000)
    expect((await two.ledger()).life).toBe('unreachable')
    expect((await two.task(framework, 't1'))?.standing).toBe('lost')
    expect((await one.ledger()).life).toBe('active')
    expect(await w.losses()).toEqual([two.id])
    expect(await w.store.get('framework', framework)).toMatchObject({ state: 'disconnected' })
  })
})

async function comeBackOnly(agents: readonly PlayedAgent[]): Promise<void> {
  for (const agent of agents) {
    await agent.register()
    agent.applied = agent.generation
  }
}

describe('the procedure', () => {
  test('F62 F73: it may die before or after any commit; whoever comes next ends it, and so do the ticks', async () => {
    let commits = 0
    for (let at = 1; ; at++) {
      const on = await scene()
      const { w, table, framework, agents } = on
      await table.goBack(await tenMinutes(on))
      let made = 0
      const dying = {
        ...w.env,
        store: {
          ...w.store,
          async commit(...args: Parameters<typeof w.store.commit>) {
            made++
            if (made === at && at % 2 === 0) throw new Error('dead before')
            const result = await w.store.commit(...args)
            if (made === at) throw new Error('dead after')
            return result
          },
        },
      }
      const died = await restore(dying).then(
        () => false,
        () => true,
      )
      if (!died) break
      commits = at
      if (at % 3 === 0) await w.run(2_000)
      await comeBack(w, agents)
      await expectAgreement(w, framework, agents)
    }
    expect(commits).toBeGreaterThan(8)
  }, 60_000)

  test('two at once end in one timeline; asked for by its number it is done once', async () => {
    const { w } = await scene()
    const [one, two] = await Promise.all([restore(w.env), restore(w.env)])
    expect(one).toEqual(two)
    const { timeline } = one
    w.clock.move(3_000)
    expect(await restore(w.env, { timeline })).toEqual({ timeline, doors: 'open' })
    expect((await restore(w.env)).timeline).toBeGreaterThan(timeline)
    expect((await restore(w.env, { timeline: 700 })).timeline).toBe(700)
  })

  test('the timeline follows the clock: a second restore of the same backup is newer than the first', async () => {
    const { w, table } = await scene()
    const snapshot = table.history.length
    const first = (await restore(w.env)).timeline
    await table.goBack(snapshot)
    w.clock.move(3_600_000)
    expect((await restore(w.env)).timeline).toBeGreaterThan(first)
  })
})
