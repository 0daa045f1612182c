// Agents register, once, again, from elsewhere, and after everything was forgotten.
import { describe, expect, test } from 'vitest'
import { markAgentGone, unregister } from '../../../functions/agents/lifecycle.ts'
import type { RegisterAnswer } from '../../../protocol/agent-messages.ts'
import { world } from './world.ts'

type Registered = Extract<RegisterAnswer, { kind: 'registered' }>
function registered(answer: RegisterAnswer): Registered {
  return answer.kind === 'registered' ? answer : expect.fail(`answered ${JSON.stringify(answer)}`)
}

describe('the first time', () => {
  test('an agent gets an id, an incarnation, and where to beat and listen', async () => {
    const { agent } = await world()
    const answer = registered(await (await agent({ register: false })).register())
    expect(answer.agentId).toMatch(/^test-S[0-9a-f]{22}$/)
    expect(answer).toMatchObject({ incarnation: 1, generation: 0, beats: { group: '0', intervalMs: 3_000 } })
    expect(answer.commands.queueUrl).toContain(answer.agentId)
  })

  test('register-answer-lost: the same boot again gets the same answer, another one another id', async () => {
    const { agent, store } = await world()
    const one = await agent({ nonce: 'boot', register: false })
    const two = await agent({ nonce: 'boot', register: false })
    const first = registered(await one.register())
    expect(registered(await two.register())).toEqual(first)
    expect(registered(await one.register())).toEqual(first)
    const other = await agent({ nonce: 'another boot' })
    expect(other.id).not.toBe(first.agentId)
    expect((await store.query('agents', { shard: 0 })).found).toHaveLength(2)
  })

  test('F25 two agents starting at the same moment with no id get different ids', async () => {
    const { agent } = await world()
    const [one, two] = await Promise.all([agent(), agent()])
    expect(one.id).not.toBe(two.id)
  })

  test('the same boot twice at once is one agent', async () => {
    const { agent } = await world()
    const one = await agent({ nonce: 'boot', register: false })
    const answers = await Promise.all([one.register(), one.register(), one.register()])
    expect(new Set(answers.map((answer) => registered(answer).incarnation))).toEqual(new Set([1]))
  })
})

describe('again', () => {
  test('F1, F25: the same boot again writes nothing, but that a silent agent was heard', async () => {
    const w = await world()
    const agent = await w.agent()
    await w.run(1_000)
    const before = await agent.ledger()
    await agent.register()
    expect(await agent.ledger()).toEqual(before)
    // As the beats of an incarnation that is over: it never heard of this one.
    agent.isUp = false
    const { timeoutMs } = w.env.settings.profile
    for (let call = 0; call < 12; call++) {
      await w.run(timeoutMs / 3)
      await agent.register()
    }
    expect(await agent.ledger()).toMatchObject({ life: 'active', incarnation: 1, lossNumber: 0 })
    await w.run(3 * timeoutMs)
    expect((await agent.ledger()).life).toBe('unreachable')
  })

  test('a new boot gets a new incarnation under the same id, running tasks go on without a word (F27)', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['t1'])
    await agent.update('t1', 'TASK_RUNNING')
    const before = await agent.ledger()
    agent.reboot()
    expect(registered(await agent.register())).toMatchObject({ agentId: agent.id, incarnation: 2 })
    const after = await agent.ledger()
    expect(after.life).toBe('active')
    expect(after.sums).toEqual(before.sums)
    expect(after.openWork).toBeUndefined()
    expect((await w.mail(framework.frameworkId)).filter(({ kind }) => kind === 'word')).toEqual([])
    await w.check()
  })

  test('S1 a call of the process before, held up until the next one is registered, takes nothing that was given away', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['t1'])
    await agent.update('t1', 'TASK_RUNNING')
    const heldUp = { bootNonce: 'of the process before', tasks: [...agent.tasks.values()] }
    agent.reboot()
    agent.tasks.clear()
    await agent.register()
    expect((await agent.ledger()).sums).toEqual({})
    await agent.offered(framework)
    await agent.register(heldUp)
    await w.check()
    await agent.register()
    expect(await agent.ledger()).toMatchObject({ life: 'active', sums: {} })
    await w.check()
  })

  test('F35 a launch that never reached the agent is TASK_DROPPED with RECONCILIATION, to be acknowledged', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['known', 'never seen'])
    agent.tasks.delete('never seen')
    agent.reboot()
    await agent.register()
    const task = await agent.task(framework, 'never seen')
    expect(task).toMatchObject({ standing: 'live', lastUpdate: 1, mesos: { state: 'TASK_DROPPED' } })
    expect(task?.custody[0]?.status).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_RECONCILIATION',
      source: 'SOURCE_AGENT',
    })
    expect(Buffer.from(task?.custody[0]?.uuid ?? '', 'base64')).toHaveLength(16)
    expect(await agent.run(framework, 'never seen')).toBeUndefined()
    expect(await agent.run(framework, 'known')).toBeDefined()
    expect(await w.mail(framework.frameworkId)).toContainEqual(
      expect.objectContaining({ kind: 'update', number: 1 }),
    )
    await w.check()
  })

  test('F35 for a framework without PARTITION_AWARE it is TASK_LOST; one that had run is TASK_GONE', async () => {
    const w = await world()
    const old = await w.framework({ isPartitionAware: false })
    const aware = await w.framework()
    const agent = await w.agent()
    await agent.launch(old, ['a'])
    await agent.launch(aware, ['b'])
    await agent.update('b', 'TASK_RUNNING')
    agent.tasks.clear()
    agent.reboot()
    await agent.register()
    expect((await agent.task(old, 'a'))?.custody[0]?.status.state).toBe('TASK_LOST')
    expect((await agent.task(aware, 'b'))?.custody.map(({ status }) => status.state)).toEqual([
      'TASK_RUNNING',
      'TASK_GONE',
    ])
    await w.check()
  })

  test('S8 A7 calls of an older incarnation are sent to register again', async () => {
    const w = await world()
    const agent = await w.agent()
    agent.reboot()
    await agent.register()
    agent.incarnation = 1
    expect(await agent.sync()).toEqual({ kind: 'register-again' })
    expect(await agent.updates([])).toEqual({ kind: 'register-again' })
  })

  test('F35 a list in pages: what no page has is settled after the last one, whatever is repeated', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    const ids = Array.from({ length: 30 }, (_, index) => `t${index}`)
    await agent.launch(framework, ids)
    agent.tasks.delete('t7')
    agent.reboot()
    const reports = [...agent.tasks.values()]
    const page = (index: number) =>
      agent.register({ page: index, pages: 2, tasks: reports.slice(index * 15, index * 15 + 15) })
    expect(await page(1)).toMatchObject({ kind: 'not-yet' })
    expect(await page(0)).toEqual({ kind: 'next-page' })
    expect(await page(0)).toEqual({ kind: 'next-page' })
    expect(await agent.updates([])).toMatchObject({ kind: 'register-again' })
    const answer = registered(await page(1))
    expect(registered(await page(1))).toEqual(answer)
    expect((await agent.task(framework, 't7'))?.mesos.state).toBe('TASK_DROPPED')
    expect((await agent.task(framework, 't8'))?.mesos.state).toBe('TASK_STAGING')
    await w.check()
  })
})

describe('from elsewhere', () => {
  test.each([
    ['another address', { address: { ip: '10.0.0.2', port: 5051 } }],
    ['another host name', { agentInfo: { hostname: 'elsewhere', resources: [] } }],
  ])('F16 the same id from %s is told to shut down', async (_, change) => {
    const { agent } = await world()
    const one = await agent()
    one.reboot()
    expect(await one.register(change)).toMatchObject({ kind: 'shutdown' })
  })

  test('F13 C119 a gone agent is told to shut down, whatever boot it comes with; calls say the same', async () => {
    const { agent, env } = await world()
    const one = await agent()
    expect(await markAgentGone(env, one.id)).toBe('gone')
    expect(await one.register()).toMatchObject({ kind: 'shutdown' })
    one.reboot()
    expect(await one.register()).toMatchObject({ kind: 'shutdown' })
    expect(await one.sync()).toMatchObject({ kind: 'shutdown' })
    expect(await markAgentGone(env, one.id)).toBe('gone')
    expect(await markAgentGone(env, 'test-S0')).toBe('unknown agent')
  })

  test('F15 a repaired machine with a fresh work directory registers under a new id', async () => {
    const { agent, env } = await world()
    const one = await agent({ hostname: 'machine' })
    await markAgentGone(env, one.id)
    const two = await agent({ hostname: 'machine' })
    expect(two.id).not.toBe(one.id)
    expect((await two.ledger()).life).toBe('active')
  })
})

describe('forgotten', () => {
  test('F17 an unknown id is admitted with its tasks; its unknown framework is made again, disconnected', async () => {
    const w = await world()
    const agent = await w.agent({ register: false })
    const answer = registered(
      await agent.register({
        agentId: 'test-Sforgotten',
        tasks: [
          {
            frameworkId: 'forgotten',
            taskId: 't1',
            state: 'TASK_RUNNING',
            lastUpdate: 3,
            launchIncarnation: 7,
            launchGeneration: 4,
            role: '*',
            resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 2 } }],
            info: { name: 'one', task_id: { value: 't1' }, agent_id: { value: 'test-Sforgotten' } },
          },
        ],
        frameworks: [{ user: 'u', name: 'f', id: { value: 'forgotten' } }],
      }),
    )
    expect(answer.agentId).toBe('test-Sforgotten')
    const framework = await w.store.get('framework', { frameworkId: 'forgotten' })
    expect(framework).toMatchObject({ state: 'disconnected' })
    expect(framework?.openWork).toBeUndefined()
    expect(framework?.removeAt).toBeGreaterThan(w.clock.now() + 60_000)
    expect(await w.store.get('gate', { frameworkId: 'forgotten', index: 0 })).toMatchObject({
      removed: false,
    })
    const task = await w.store.get('task', { frameworkId: 'forgotten', shard: 0, taskId: 't1' })
    expect(task).toMatchObject({
      standing: 'live',
      lastUpdate: 3,
      mesos: { state: 'TASK_RUNNING', name: 'one' },
    })
    const list = await agent.sync()
    expect(list).toMatchObject({
      kind: 'wanted',
      tasks: [{ taskId: 't1', wanted: 'run', launchIncarnation: 7 }],
    })
    expect(await w.mail('forgotten')).toMatchObject([
      { kind: 'word', status: { state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED' } },
    ])
    await w.check()
  })
})

describe('leaving', () => {
  test('an agent that unregisters: TASK_LOST for everybody, FAILURE for all, and it may come back', async () => {
    const w = await world()
    const aware = await w.framework()
    const agent = await w.agent()
    await agent.launch(aware, ['t1'])
    await agent.update('t1', 'TASK_RUNNING')
    const call = { type: 'UNREGISTER' as const, agentId: agent.id, incarnation: agent.incarnation }
    expect(await unregister(w.env, { ...call, incarnation: 99 })).toEqual({ kind: 'unregistered' })
    expect((await agent.ledger()).life).toBe('active')
    await unregister(w.env, call)
    await unregister(w.env, call)
    expect((await agent.ledger()).life).toBe('removed')
    expect(await w.mail(aware.frameworkId)).toMatchObject([
      { kind: 'word', status: { state: 'TASK_LOST', reason: 'REASON_AGENT_REMOVED' } },
    ])
    expect(await w.losses()).toEqual([agent.id])
    expect(await agent.run(aware, 't1')).toBeUndefined()
    agent.tasks.clear()
    agent.reboot()
    expect(registered(await agent.register()).agentId).toBe(agent.id)
    expect((await agent.ledger()).life).toBe('active')
    await w.check()
  })
})
