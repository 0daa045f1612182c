// An agent that falls silent, comes back, or is declared gone, with Mesos's own timers (C112, C116, C117, C119).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Offer, SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import { startCluster, type TestAgent, type TestCluster } from '../cluster.ts'
import { commandTask, type SubscribeOptions, scalar, TestFramework } from '../framework.ts'
import { echoExecutor, executorTask } from './executors.ts'
import { aMoment, count, isRescind, moveUntil, statuses, teardown, until } from './waiting.ts'

/** Mesos's 5 pings of 15 s, counted from the next ping on. */
const SILENT_MS = 75_000
const PING_MS = 15_000

let cluster: TestCluster
let frameworks: TestFramework[] = []
beforeAll(async () => {
  cluster = await startCluster({ agents: 3, profile: 'mesos' })
})
afterAll(() => cluster.stop())

async function endAll(): Promise<void> {
  await teardown(cluster, frameworks)
  frameworks = []
}

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

/** Runs a task on a certain agent and wants nothing more. */
async function runOn(framework: TestFramework, agent: TestAgent, taskId: string): Promise<TaskStatus> {
  const offer = await offerAt(framework, agent)
  await framework.launch([offer], [commandTask(offer, taskId, 'sleep 1000')], 3_600)
  const status = await framework.update(taskId, 'TASK_RUNNING')
  await framework.call({ type: 'SUPPRESS' })
  return status
}

/** An offer of a certain agent; everything else is refused for an hour. */
async function offerAt(framework: TestFramework, agent: TestAgent): Promise<Offer> {
  for (;;) {
    const event = await framework.next(({ type }) => type === 'OFFERS')
    const offers = (event.offers?.offers ?? []).filter((offer) => !isRescinded(framework, offer))
    const good = offers.find(({ agent_id }) => agent_id.value === agent.id)
    const others = offers.filter((offer) => offer !== good)
    if (others.length > 0) await framework.decline(others, 3_600)
    if (good !== undefined) return good
  }
}

function isRescinded({ events }: TestFramework, { id }: Offer): boolean {
  return events.some(({ rescind }) => rescind?.offer_id.value === id.value)
}

function isLossOf(agent: TestAgent): (event: SchedulerEvent) => boolean {
  return ({ failure }) => failure?.agent_id?.value === agent.id && failure.executor_id === undefined
}

function agentAt(index: number): TestAgent {
  const agent = cluster.agents[index]
  if (agent === undefined) throw new Error(`there is no agent ${index}`)
  return agent
}

async function agentIds(): Promise<readonly string[]> {
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  const { get_agents } = json as {
    get_agents: { agents: readonly { agent_info: { id: { value: string } }; active: boolean }[] }
  }
  return get_agents.agents.filter(({ active }) => active).map(({ agent_info }) => agent_info.id.value)
}

// One story in three tests: each begins where the one before it ended.
describe('an agent that falls silent', () => {
  afterAll(endAll)
  let aware: TestFramework
  let plain: TestFramework
  let idle: TestFramework
  let holder: TestFramework
  let agent: TestAgent

  test('C116 F4 F5 F6 F7 after 75 s: FAILURE to all frameworks, tasks lost or unreachable, offers rescinded', async () => {
    agent = agentAt(0)
    aware = await subscribe({ capabilities: ['PARTITION_AWARE'] })
    await runOn(aware, agent, 'loss-aware')
    plain = await subscribe()
    await runOn(plain, agent, 'loss-plain')
    idle = await subscribe({ suppressedRoles: ['*'] })
    // What is left of the agent stays in somebody's hand.
    holder = await subscribe()
    const held = await holder.next(
      ({ offers }) => offers?.offers?.some(({ agent_id }) => agent_id.value === agent.id) ?? false,
    )
    const offerId = held.offers?.offers?.find(({ agent_id }) => agent_id.value === agent.id)?.id
    const pid = Number(statuses(aware, 'loss-aware').at(-1)?.container_status?.executor_pid)

    agent.cut()
    const silentFor = await moveUntil(cluster, () => count(idle, isLossOf(agent)) > 0, { atMostMs: 130_000 })
    // A beat may have come up to one interval before the cut; detection looks every 10 s.
    expect(silentFor).toBeGreaterThan(SILENT_MS - PING_MS - 1_000)
    expect(silentFor).toBeLessThan(SILENT_MS + PING_MS + 15_000)

    for (const framework of [aware, plain, idle, holder]) {
      const { failure } = await framework.next(isLossOf(agent))
      expect(failure).toEqual({ agent_id: { value: agent.id } })
    }
    const unreachable = await aware.update('loss-aware', 'TASK_UNREACHABLE')
    expect(unreachable).toMatchObject({ source: 'SOURCE_MASTER', reason: 'REASON_AGENT_REMOVED' })
    expect(unreachable).not.toHaveProperty('uuid')
    expect(Number(unreachable.unreachable_time?.nanoseconds)).toBeGreaterThan(0)
    const lost = await plain.update('loss-plain', 'TASK_LOST')
    expect(lost).toMatchObject({ source: 'SOURCE_MASTER', reason: 'REASON_AGENT_REMOVED' })
    expect(lost).not.toHaveProperty('uuid')
    const { rescind } = await holder.next(isRescind)
    expect(rescind?.offer_id).toEqual(offerId)
    expect(await agentIds()).not.toContain(agent.id)
    // The machine itself knows nothing of it: the task goes on.
    expect(isAlive(pid)).toBe(true)
  })

  test('C112 F57 its tasks are TASK_UNREACHABLE with unreachable_time when asked for, PA', async () => {
    const unknown = { task_id: { value: 'nobody-knows' }, agent_id: { value: agent.id } }
    for (const [framework, known, state] of [
      [aware, 'loss-aware', 'TASK_UNREACHABLE'],
      [plain, 'loss-plain', 'TASK_LOST'],
    ] as const) {
      const tasks = [{ task_id: { value: known }, agent_id: { value: agent.id } }, unknown]
      await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
      for (const { task_id } of tasks) {
        const { update } = await framework.next(
          ({ update: each }) =>
            each?.status.task_id.value === task_id.value && each.status.reason === 'REASON_RECONCILIATION',
        )
        expect(update?.status).toMatchObject({
          state,
          source: 'SOURCE_MASTER',
          agent_id: { value: agent.id },
        })
        expect(update?.status).not.toHaveProperty('uuid')
        if (state === 'TASK_UNREACHABLE') {
          expect(Number(update?.status.unreachable_time?.nanoseconds)).toBeGreaterThan(0)
        }
      }
    }
  })

  test('C117 F8 F9 on its return all surviving tasks reappear in their real state, PA or not', async () => {
    agent.mend()
    const isBack = (framework: TestFramework, taskId: string) =>
      statuses(framework, taskId).some(({ reason }) => reason === 'REASON_AGENT_REREGISTERED')
    await moveUntil(cluster, () => isBack(aware, 'loss-aware') && isBack(plain, 'loss-plain'), {
      atMostMs: 90_000,
    })
    for (const [framework, taskId] of [
      [aware, 'loss-aware'],
      [plain, 'loss-plain'],
    ] as const) {
      const last = statuses(framework, taskId).at(-1)
      expect(last).toMatchObject({
        state: 'TASK_RUNNING',
        source: 'SOURCE_MASTER',
        reason: 'REASON_AGENT_REREGISTERED',
        agent_id: { value: agent.id },
      })
      expect(last).not.toHaveProperty('uuid')
    }
    await until(async () => (await agentIds()).includes(agent.id))
    // It is under control again, for both.
    for (const [framework, taskId] of [
      [aware, 'loss-aware'],
      [plain, 'loss-plain'],
    ] as const) {
      await framework.call({ type: 'KILL', kill: { task_id: { value: taskId } } })
      await framework.update(taskId, 'TASK_KILLED')
    }
  })
})

describe('another agent', () => {
  afterEach(endAll)

  test('C117 F10 a task that ended meanwhile comes back in its real state', async () => {
    const agent = agentAt(1)
    const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
    const running = await runOn(framework, agent, 'ends-alone')
    agent.cut()
    await moveUntil(cluster, () => count(framework, isLossOf(agent)) > 0, { atMostMs: 130_000 })
    await framework.update('ends-alone', 'TASK_UNREACHABLE')
    process.kill(Number(running.container_status?.executor_pid), 'SIGKILL')
    await aMoment()
    agent.mend()
    const isOver = () => statuses(framework, 'ends-alone').at(-1)?.state === 'TASK_FAILED'
    await moveUntil(cluster, isOver, { atMostMs: 90_000 })
    await aMoment()
    expect(statuses(framework, 'ends-alone').at(-1)?.state).toBe('TASK_FAILED')
  })

  test('C117 F11 executors come back with their tasks; a kill of meanwhile is done at the return', async () => {
    const agent = agentAt(1)
    const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
    const offer = await offerAt(framework, agent)
    const executor = echoExecutor('loss-executor')
    const own = executorTask(offer, 'loss-own', executor)
    const killed = commandTask(offer, 'loss-killed', 'sleep 1000')
    const group = ['loss-group-1', 'loss-group-2'].map((id) => commandTask(offer, id, 'sleep 1000'))
    const groupExecutor = {
      executor_id: { value: 'loss-group' },
      type: 'DEFAULT' as const,
      resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('disk', 16)],
    }
    await framework.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [
          { type: 'LAUNCH', launch: { task_infos: [own, killed] } },
          {
            type: 'LAUNCH_GROUP',
            launch_group: { executor: groupExecutor, task_group: { tasks: group } },
          },
        ],
        filters: { refuse_seconds: 0 },
      },
    })
    const all = [own, killed, ...group].map(({ task_id }) => task_id.value)
    for (const id of all) await framework.update(id, 'TASK_RUNNING')
    const shape = async () => {
      const { json } = await cluster.operator({ type: 'GET_EXECUTORS' })
      const { get_executors } = json as {
        get_executors: { executors?: readonly { executor_info: { executor_id: { value: string } } }[] }
      }
      return (get_executors.executors ?? [])
        .map(({ executor_info }) => executor_info.executor_id.value)
        .toSorted()
    }
    const before = await shape()

    agent.cut()
    await moveUntil(cluster, () => count(framework, isLossOf(agent)) > 0, { atMostMs: 130_000 })
    for (const id of all) await framework.update(id, 'TASK_UNREACHABLE')
    await framework.call({ type: 'KILL', kill: { task_id: killed.task_id } })
    // C81: the id of an unreachable task is taken.
    await framework.call({ type: 'REVIVE' })
    const elsewhere = await offerAt(framework, agentAt(0))
    await framework.launch([elsewhere], [commandTask(elsewhere, 'loss-own', 'true')], 3_600)
    await framework.update('loss-own', 'TASK_ERROR')

    agent.mend()
    await moveUntil(cluster, () => statuses(framework, 'loss-killed').at(-1)?.state === 'TASK_KILLED', {
      atMostMs: 90_000,
    })
    for (const id of ['loss-own', 'loss-group-1', 'loss-group-2']) {
      const back = await framework.update(id, 'TASK_RUNNING')
      expect(back).toMatchObject({ reason: 'REASON_AGENT_REREGISTERED' })
    }
    expect(await shape()).toEqual(before)

    // The executor is spoken to and launched on as before.
    const to = { agent_id: { value: agent.id }, executor_id: executor.executor_id }
    const data = Buffer.from('still there').toString('base64')
    await framework.call({ type: 'MESSAGE', message: { ...to, data } })
    expect((await framework.next(({ type }) => type === 'MESSAGE')).message).toEqual({ ...to, data })
    await framework.call({ type: 'REVIVE' })
    const again = await offerAt(framework, agent)
    await framework.launch([again], [executorTask(again, 'loss-second', executor)], 3_600)
    await framework.update('loss-second', 'TASK_RUNNING')
    await framework.call({ type: 'KILL', kill: { task_id: { value: 'loss-group-1' } } })
    await framework.update('loss-group-2', 'TASK_KILLED')
    await framework.call({ type: 'SHUTDOWN', shutdown: to })
    await framework.update('loss-own', 'TASK_FAILED')
    await framework.update('loss-second', 'TASK_FAILED')
  })

  test('C119 F13 MARK_AGENT_GONE: tasks are gone for good, the id is never readmitted, repeating is 200', async () => {
    const agent = agentAt(2)
    const aware = await subscribe({ capabilities: ['PARTITION_AWARE'] })
    await runOn(aware, agent, 'gone-aware')
    const plain = await subscribe()
    const running = await runOn(plain, agent, 'gone-plain')
    const call = { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: agent.id } } }
    expect((await cluster.operator(call)).status).toBe(200)
    expect(await aware.update('gone-aware', 'TASK_GONE_BY_OPERATOR')).toMatchObject({
      source: 'SOURCE_MASTER',
      reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
    })
    expect(await plain.update('gone-plain', 'TASK_LOST')).toMatchObject({
      source: 'SOURCE_MASTER',
      reason: 'REASON_AGENT_REMOVED',
    })
    for (const framework of [aware, plain]) await framework.next(isLossOf(agent))
    expect((await cluster.operator(call)).status).toBe(200)
    expect(await agentIds()).not.toContain(agent.id)

    const tasks = [{ task_id: { value: 'nobody-knows' }, agent_id: { value: agent.id } }]
    await aware.call({ type: 'RECONCILE', reconcile: { tasks } })
    expect(await aware.update('nobody-knows')).toMatchObject({ state: 'TASK_GONE_BY_OPERATOR' })

    // An agent that lives ends its tasks and itself; however long it tries, the id is not taken back.
    const pid = Number(running.container_status?.executor_pid)
    await moveUntil(cluster, () => !isAlive(pid), { atMostMs: 60_000 })
    await cluster.clock.advance(60_000)
    expect(await agentIds()).not.toContain(agent.id)
    await agent.running.stop()
    const again = agent.startAgain()
    again.catch(() => {})
    await cluster.clock.advance(60_000)
    expect(await agentIds()).not.toContain(agent.id)
    for (const framework of [aware, plain]) expect(count(framework, isLossOf(agent))).toBe(1)
    expect((await cluster.operator(call)).status).toBe(200)
  })

  test('C119 F13 an unreachable agent marked gone: its tasks are gone too, and it is not let back in', async () => {
    const agent = agentAt(1)
    const aware = await subscribe({ capabilities: ['PARTITION_AWARE'] })
    const running = await runOn(aware, agent, 'gone-while-away')
    agent.cut()
    await moveUntil(cluster, () => count(aware, isLossOf(agent)) > 0, { atMostMs: 130_000 })
    await aware.update('gone-while-away', 'TASK_UNREACHABLE')
    const call = { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: agent.id } } }
    expect((await cluster.operator(call)).status).toBe(200)
    expect(await aware.update('gone-while-away', 'TASK_GONE_BY_OPERATOR')).toMatchObject({
      source: 'SOURCE_MASTER',
      reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
    })
    expect((await cluster.operator(call)).status).toBe(200)
    const told = statuses(aware, 'gone-while-away').length

    // When it is back it hears of it, and ends what it still ran.
    const pid = Number(running.container_status?.executor_pid)
    expect(isAlive(pid)).toBe(true)
    agent.mend()
    await moveUntil(cluster, () => !isAlive(pid), { atMostMs: 120_000 })
    await cluster.clock.advance(30_000)
    expect(await agentIds()).not.toContain(agent.id)
    expect(statuses(aware, 'gone-while-away')).toHaveLength(told)
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
