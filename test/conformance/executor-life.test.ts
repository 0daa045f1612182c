// The life of executors over minutes of the cluster's clock: registration, shutdown, an agent's restart (C129, C132, C133, C135).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { durationInfo } from '../../protocol/durations.ts'
import type { ExecutorCallSubscribe, ExecutorInfo } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { customExecutor, launched, launchUnder, sandboxOf, statusOf, TestExecutor } from '../executor.ts'
import { ENCODINGS, type SubscribeOptions, TestFramework } from '../framework.ts'
import { aMoment, moveUntil, statuses, teardown } from './waiting.ts'

let cluster: TestCluster
let frameworks: TestFramework[] = []
let executors: TestExecutor[] = []
beforeAll(async () => {
  cluster = await startCluster({ profile: 'mesos' })
})
afterAll(() => cluster.stop())
afterEach(async () => {
  await teardown(cluster, frameworks)
  for (const executor of executors) executor.close()
  frameworks = []
  executors = []
})

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

async function launch(
  framework: TestFramework,
  info: ExecutorInfo,
  taskIds: readonly string[],
): Promise<TestExecutor> {
  const started = await launchUnder(framework, agentUrl, info, taskIds)
  executors.push(started)
  await started.untilStarted()
  return started
}

function agentUrl(agentId: string): string {
  const agent = cluster.agents.find(({ id }) => id === agentId)
  if (agent === undefined) throw new Error(`there is no agent ${agentId}`)
  return agent.url
}

function failures({ events }: TestFramework) {
  return events.flatMap(({ failure }) => failure ?? [])
}

test.each(ENCODINGS)(
  'C129 (%s) an executor that does not SUBSCRIBE in a minute is killed',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    await launch(framework, customExecutor('silent'), ['c129-1', 'c129-2'])
    const good = await launch(framework, customExecutor('good'), ['c129-good'])
    await good.subscribe()
    await good.update('c129-good', 'TASK_RUNNING')

    const moved = await moveUntil(cluster, () => failures(framework).length > 0, { atMostMs: 70_000 })
    expect(moved).toBeGreaterThan(55_000)
    for (const id of ['c129-1', 'c129-2']) {
      expect(statuses(framework, id)).toMatchObject([
        {
          state: 'TASK_FAILED',
          source: 'SOURCE_AGENT',
          reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
          uuid: expect.any(String),
        },
      ])
    }
    expect(failures(framework)).toEqual([
      { agent_id: { value: cluster.agents[0]?.id }, executor_id: { value: 'silent' }, status: 9 },
    ])
    expect(statuses(framework, 'c129-good').map(({ state }) => state)).toEqual(['TASK_RUNNING'])
  },
)

describe.each([
  { whose: 'after 5 s', own: false, graceMs: 5_000 },
  { whose: 'after its own grace', own: true, graceMs: 12_000 },
])('$whose', ({ own, graceMs }) => {
  test.each(ENCODINGS)('C133 (%s) SHUTDOWN is said, and what does not end is killed', async (encoding) => {
    const framework = await subscribe({ encoding })
    const { shutdown_grace_period: _, ...info } = customExecutor('e')
    const grace = own ? { shutdown_grace_period: durationInfo(graceMs) } : {}
    const executor = await launch(framework, { ...info, ...grace }, ['c133'])
    const stream = await executor.subscribe()
    await stream.next('LAUNCH')
    await executor.update('c133', 'TASK_RUNNING')
    await framework.update('c133', 'TASK_RUNNING')
    const [agent] = cluster.agents
    const shutdown = { executor_id: { value: 'e' }, agent_id: { value: agent?.id ?? '' } }
    await framework.call({ type: 'SHUTDOWN', shutdown })
    await stream.next('SHUTDOWN')

    // The clock flows meanwhile, too.
    await cluster.clock.advance(graceMs - 3_500)
    await aMoment(50)
    expect(failures(framework)).toEqual([])
    await cluster.clock.advance(3_500)
    await framework.next(({ type }) => type === 'FAILURE')
    expect(failures(framework)).toMatchObject([{ executor_id: { value: 'e' }, status: 9 }])
    expect(statuses(framework, 'c133')).toMatchObject([
      { state: 'TASK_RUNNING' },
      { state: 'TASK_FAILED', source: 'SOURCE_AGENT', reason: 'REASON_EXECUTOR_TERMINATED' },
    ])
    await stream.untilEnd()
  })
})

test('C133 an executor that ends within its grace says how its tasks ended', async () => {
  const framework = await subscribe()
  const info = customExecutor('e', {
    command: { value: 'until [ -e done ]; do sleep 0.02; done' },
    shutdown_grace_period: durationInfo(3_600_000),
  })
  const executor = await launch(framework, info, ['c133'])
  const stream = await executor.subscribe()
  await stream.next('LAUNCH')
  const [agent] = cluster.agents
  const shutdown = { executor_id: { value: 'e' }, agent_id: { value: agent?.id ?? '' } }
  await framework.call({ type: 'SHUTDOWN', shutdown })
  await stream.next('SHUTDOWN')
  await executor.update('c133', 'TASK_KILLED')
  await stream.next('ACKNOWLEDGED')
  writeFileSync(join(await sandboxOf(executor), 'done'), '')
  const { failure } = await framework.next(({ type }) => type === 'FAILURE')
  expect(failure).toMatchObject({ executor_id: { value: 'e' }, status: 0 })
  expect(statuses(framework, 'c133')).toMatchObject([{ state: 'TASK_KILLED', source: 'SOURCE_EXECUTOR' }])
})

test.each(ENCODINGS)(
  'C132 (%s) a restart of the agent keeps executor, tasks and updates',
  async (encoding) => {
    const framework = await subscribe({ encoding, info: { checkpoint: true }, acknowledge: false })
    const executor = await launch(framework, customExecutor('e'), ['said', 'kept', 'unheard', 'staging'])
    const first = await executor.subscribe()
    await first.until(() => launched(first.events).length === 4)
    const container = first.events[0]?.subscribed?.container_id
    const said = await executor.update('said', 'TASK_RUNNING')
    const heard = await framework.update('said', 'TASK_RUNNING')

    // One update the agent has on its disk only, one that was lost with the connection.
    cluster.agents[0]?.cut()
    const kept = await executor.update('kept', 'TASK_RUNNING')
    await first.until(() => first.events.some(({ acknowledged }) => acknowledged?.uuid === kept.uuid))
    const unheard = statusOf('unheard', 'TASK_RUNNING')
    const staging = first.events.find(({ launch: one }) => one?.task.task_id.value === 'staging')?.launch
      ?.task
    if (staging === undefined) throw new Error('the LAUNCH of a task')

    const again = cluster.agents[0]?.startAgain()
    await first.untilEnd()
    const second = await resubscribed(executor, {
      unacknowledged_tasks: [staging],
      unacknowledged_updates: [{ status: unheard }],
    })
    expect((await second.next('SUBSCRIBED')).subscribed?.container_id).toEqual(container)
    await again

    expect((await framework.update('kept', 'TASK_RUNNING')).uuid).toBe(kept.uuid)
    expect((await framework.update('unheard', 'TASK_RUNNING')).uuid).toBe(unheard.uuid)
    const resent = () => statuses(framework, 'said').length > 1
    await moveUntil(cluster, resent, { atMostMs: 15_000 })
    expect(statuses(framework, 'said').map(({ uuid }) => uuid)).toEqual([said.uuid, said.uuid])

    await executor.update('staging', 'TASK_RUNNING')
    await framework.update('staging', 'TASK_RUNNING')
    await executor.update('said', 'TASK_FINISHED')
    await framework.acknowledge(heard)
    await framework.update('said', 'TASK_FINISHED')
    const states = framework.events.flatMap(({ update }) => update?.status.state ?? [])
    expect(new Set(states)).toEqual(new Set(['TASK_RUNNING', 'TASK_FINISHED']))
    expect(launched(second.events)).toEqual([])
    expect(failures(framework)).toEqual([])
  },
)

test('C135 the stream is silent for half an hour', async () => {
  const framework = await subscribe()
  const streams = []
  for (const encoding of ENCODINGS) {
    const executor = await launch(framework, customExecutor(encoding.replace('/', '.')), [encoding.slice(-4)])
    const other = new TestExecutor({ ...executor.place, encoding })
    executors.push(other)
    streams.push(await other.subscribe())
    await other.update(encoding.slice(-4), 'TASK_RUNNING')
  }
  await Promise.all(streams.map((stream) => stream.next('ACKNOWLEDGED')))
  await cluster.clock.advance(29 * 60_000, { stepMs: 5_000, settleMs: 8 })
  for (const stream of streams) {
    expect(stream.types).toEqual(['SUBSCRIBED', 'LAUNCH', 'ACKNOWLEDGED'])
    expect(stream.ended).toBe(false)
  }
  await cluster.clock.advance(90_000, { stepMs: 5_000, settleMs: 8 })
  for (const stream of streams) {
    expect(stream.types).toEqual(['SUBSCRIBED', 'LAUNCH', 'ACKNOWLEDGED', 'HEARTBEAT'])
  }
})

/** Tries until its agent listens again, as executors do. */
async function resubscribed(
  executor: TestExecutor,
  subscription: ExecutorCallSubscribe,
): ReturnType<TestExecutor['subscribe']> {
  const deadline = performance.now() + 5_000
  for (;;) {
    try {
      return await executor.subscribe(subscription)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
