// Draining agents as operators and frameworks see it (C141, F38, F81).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeMessage } from '../../protocol/codec.ts'
import { durationInfo } from '../../protocol/durations.ts'
import type { MasterCall, Offer, TaskStatus } from '../../protocol/messages.ts'
import { startCluster, type TestAgent, type TestCluster } from '../cluster.ts'
import { commandTask, ENCODINGS, type SubscribeOptions, send, TestFramework } from '../framework.ts'
import { aMoment, count, isOffer, moveUntil, statuses, teardown, until } from './waiting.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({ agents: 1 })
})
afterAll(() => cluster.stop())

const stubborn = "trap '' TERM; while :; do sleep 0.05; done"
const aware = ['PARTITION_AWARE', 'TASK_KILLING_STATE'] as const

interface Listed {
  readonly active: boolean
  readonly deactivated: boolean
  readonly drain_info?: { readonly state: string; readonly config: unknown }
  readonly estimated_drain_start_time?: unknown
}

async function listed(agentId: string): Promise<Listed | undefined> {
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  const { get_agents } = json as {
    get_agents: { agents: readonly (Listed & { agent_info: { id: { value: string } } })[] }
  }
  return get_agents.agents.find(({ agent_info }) => agent_info.id.value === agentId)
}

async function isIn(agentId: string, state: string): Promise<boolean> {
  return (await listed(agentId))?.drain_info?.state === state
}

function agentAt(index: number): TestAgent {
  const agent = cluster.agents[index]
  if (agent === undefined) throw new Error(`there is no agent ${index}`)
  return agent
}

function drainCall(agent: TestAgent, more: object = {}): object {
  return { type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: agent.id }, ...more } }
}

function reactivateCall(agent: TestAgent): object {
  return { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: { value: agent.id } } }
}

/** Runs commands on one offer and waits until they do. */
async function running(
  framework: TestFramework,
  commands: Readonly<Record<string, string>>,
): Promise<readonly TaskStatus[]> {
  const offer = await framework.offerOf(1, 256)
  const tasks = Object.entries(commands).map(([id, command]) => commandTask(offer, id, command))
  await framework.launch([offer], tasks, 0)
  return await Promise.all(tasks.map(({ name }) => framework.update(name, 'TASK_RUNNING')))
}

/** A framework that acknowledges everything but ends. */
async function reluctant(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, {
    capabilities: aware,
    acknowledge: false,
    ...options,
  })
  framework.onEvent = ({ update }) => {
    const isEnd = /KILLED|GONE/.test(update?.status.state ?? '')
    if (update?.status.uuid !== undefined && !isEnd) framework.acknowledge(update.status).catch(() => {})
  }
  return framework
}

describe.each(ENCODINGS)('%s', (encoding) => {
  test(`C141 (${encoding}) F81 DRAIN_AGENT kills tasks, ends in DRAINED, and REACTIVATE_AGENT restores offers; while DRAINING it is 400`, async () => {
    const agent = agentAt(0)
    const framework = await reluctant({ encoding })
    const plain = await TestFramework.subscribe(cluster.url, { encoding })
    await running(framework, { mild: 'sleep 1000' })
    await running(plain, { other: 'sleep 1000' })
    const offer = await framework.offer()

    const call: MasterCall = {
      type: 'DRAIN_AGENT',
      drain_agent: { agent_id: { value: agent.id }, max_grace_period: { seconds: 2 } },
    }
    const drained = await send(`${cluster.url}/api/v1`, {
      headers: { 'content-type': encoding, accept: encoding },
      body: encodeMessage('mesos.v1.master.Call', encoding, call),
    })
    expect(drained).toMatchObject({ status: 200, text: '' })
    await framework.next(({ rescind }) => rescind?.offer_id.value === offer.id.value)
    expect(await plain.update('other', 'TASK_KILLED')).toMatchObject({ reason: 'REASON_AGENT_DRAINING' })
    await framework.update('mild', 'TASK_KILLING')
    const killed = await framework.update('mild', 'TASK_KILLED')
    expect(killed).toMatchObject({ source: 'SOURCE_EXECUTOR', reason: 'REASON_AGENT_DRAINING' })
    expect(killed.uuid).toBeDefined()

    // F38: the end is in custody, and not acknowledged.
    await cluster.clock.advance(3_000)
    expect(await listed(agent.id)).toMatchObject({
      active: false,
      deactivated: true,
      drain_info: { state: 'DRAINING', config: { max_grace_period: durationInfo(2_000), mark_gone: false } },
      estimated_drain_start_time: { nanoseconds: expect.anything() },
    })
    expect((await cluster.operator(reactivateCall(agent))).status).toBe(400)
    await framework.acknowledge(killed)
    await cluster.clock.advance(2_000)
    await until(() => isIn(agent.id, 'DRAINED'))
    const { json } = await cluster.get('/slaves')
    expect((json as { slaves: readonly object[] }).slaves).toContainEqual(
      expect.objectContaining({
        deactivated: true,
        drain_info: { state: 'DRAINED', config: { max_grace_period: durationInfo(2_000), mark_gone: false } },
        estimated_drain_start_time_seconds: expect.any(Number),
      }),
    )

    await plain.call({ type: 'SUPPRESS' })

    // Nothing is offered while it is drained.
    const offers = count(framework, isOffer)
    await framework.call({ type: 'REVIVE' })
    await cluster.clock.advance(3_000)
    await aMoment()
    expect(count(framework, isOffer)).toBe(offers)
    expect((await cluster.operator(reactivateCall(agent))).status).toBe(200)
    await running(framework, { again: 'sleep 1000' })
    expect(await listed(agent.id)).not.toHaveProperty('drain_info')
    expect((await cluster.operator(reactivateCall(agent))).status).toBe(400)
    await teardown(cluster, [framework, plain])
  })
})

test('C141 the grace is the lesser of both; what outlives it is killed', async () => {
  const agent = agentAt(0)
  const framework = await TestFramework.subscribe(cluster.url, { capabilities: aware })
  const offer = await framework.offerOf(1, 256)
  const long = { kill_policy: { grace_period: durationInfo(60_000) } }
  const tasks = [commandTask(offer, 'capped', stubborn), commandTask(offer, 'short', stubborn)].map(
    (task, index) =>
      index === 0 ? { ...task, ...long } : { ...task, kill_policy: { grace_period: durationInfo(1_000) } },
  )
  await framework.launch([offer], tasks, 0)
  for (const { name } of tasks) await framework.update(name, 'TASK_RUNNING')
  await aMoment(200)
  expect((await cluster.operator(drainCall(agent, { max_grace_period: { seconds: 5 } }))).status).toBe(200)
  for (const { name } of tasks) await framework.update(name, 'TASK_KILLING')
  const begun = cluster.clock.now()
  await moveUntil(cluster, () => statuses(framework, 'short').at(-1)?.state === 'TASK_KILLED', {
    atMostMs: 4_000,
  })
  expect(statuses(framework, 'capped').at(-1)?.state).toBe('TASK_KILLING')
  await moveUntil(cluster, () => statuses(framework, 'capped').at(-1)?.state === 'TASK_KILLED', {
    atMostMs: 8_000,
  })
  expect(cluster.clock.now() - begun).toBeGreaterThan(4_000)
  await cluster.clock.advance(2_000)
  await until(() => isIn(agent.id, 'DRAINED'))
  await cluster.operator(reactivateCall(agent))
  await teardown(cluster, [framework])
})

test('C141 a second DRAIN_AGENT shortens what is left of the grace; DEACTIVATE in between changes nothing', async () => {
  const agent = agentAt(0)
  const framework = await TestFramework.subscribe(cluster.url, { capabilities: aware })
  const offer = await framework.offerOf(1, 256)
  const task = {
    ...commandTask(offer, 'patient', stubborn),
    kill_policy: { grace_period: durationInfo(600_000) },
  }
  await framework.launch([offer], [task], 0)
  await framework.update('patient', 'TASK_RUNNING')
  await aMoment(200)
  expect((await cluster.operator(drainCall(agent))).status).toBe(200)
  await framework.update('patient', 'TASK_KILLING')
  const deactivate = { type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id: { value: agent.id } } }
  expect((await cluster.operator(deactivate)).status).toBe(200)
  await cluster.clock.advance(5_000)
  expect(await isIn(agent.id, 'DRAINING')).toBe(true)
  expect(statuses(framework, 'patient').at(-1)?.state).toBe('TASK_KILLING')
  for (let time = 0; time < 2; time++) {
    expect(
      (await cluster.operator(drainCall(agent, { max_grace_period: { seconds: 0, nanos: 0 } }))).status,
    ).toBe(200)
  }
  await framework.update('patient', 'TASK_KILLED')
  await cluster.clock.advance(2_000)
  await until(() => isIn(agent.id, 'DRAINED'))
  await cluster.operator(reactivateCall(agent))
  await teardown(cluster, [framework])
})

test('C141 an ACCEPT behind the drain launches nothing', async () => {
  const agent = agentAt(0)
  const framework = await TestFramework.subscribe(cluster.url, { capabilities: aware })
  const offer: Offer = await framework.offer()
  await cluster.operator(drainCall(agent))
  await framework.launch([offer], [commandTask(offer, 'late', 'sleep 1000')], 0)
  expect(await framework.update('late')).toMatchObject({
    state: 'TASK_DROPPED',
    source: 'SOURCE_MASTER',
    reason: 'REASON_INVALID_OFFERS',
  })
  await until(() => isIn(agent.id, 'DRAINED'))
  await cluster.operator(reactivateCall(agent))
  await teardown(cluster, [framework])
})

test.each([
  ['an agent nobody knows', { agent_id: { value: 'nobody-S0' } }, 400],
  ['an id that is none', { agent_id: { value: '../x' } }, 400],
  ['a grace below zero', { max_grace_period: { seconds: -1 } }, 400],
])('C141 DRAIN_AGENT of %s is refused', async (_, more, status) => {
  expect((await cluster.operator(drainCall(agentAt(0), more))).status).toBe(status)
  expect(await listed(agentAt(0).id)).not.toHaveProperty('drain_info')
})

test('F38 with mark_gone: GONE_BY_OPERATOR for who knows it, TASK_KILLED for others, and the agent is gone', async () => {
  const agent = await cluster.addAgent()
  const others = agentAt(0)
  await cluster.operator({ type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id: { value: others.id } } })
  const framework = await reluctant()
  const plain = await TestFramework.subscribe(cluster.url)
  const [status] = await running(framework, { theirs: 'sleep 1000' })
  await running(plain, { ours: 'sleep 1000' })
  expect((await cluster.operator(drainCall(agent, { mark_gone: true }))).status).toBe(200)
  expect(await plain.update('ours', 'TASK_KILLED')).toMatchObject({ reason: 'REASON_AGENT_DRAINING' })
  // Nobody acknowledges `theirs`, and nothing waits for that.
  await moveUntil(
    cluster,
    () => count(framework, ({ failure }) => failure?.agent_id?.value === agent.id) > 0,
    {
      atMostMs: 10_000,
    },
  )
  const theirs = await framework.update('theirs', 'TASK_GONE_BY_OPERATOR')
  expect(theirs).toMatchObject({
    source: 'SOURCE_EXECUTOR',
    reason: 'REASON_AGENT_DRAINING',
    uuid: expect.any(String),
  })
  await framework.acknowledge(theirs)
  expect(await listed(agent.id)).toBeUndefined()
  expect((await cluster.operator(drainCall(agent))).status).toBe(400)
  const tasks = [{ task_id: { value: 'nobody-knows' }, agent_id: { value: agent.id } }]
  await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
  expect(await framework.update('nobody-knows')).toMatchObject({ state: 'TASK_GONE_BY_OPERATOR' })
  expect(Number(status?.container_status?.executor_pid)).toBeGreaterThan(0)
  await cluster.operator(reactivateCall(others))
  await teardown(cluster, [framework, plain])
})
