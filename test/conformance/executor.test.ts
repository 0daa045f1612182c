// The executor API of an agent: its answers, a subscription, custody of updates, groups (C121–C128, C130, C131, C134).
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ExecutorCall, ExecutorInfo, TaskStatus } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import {
  customExecutor,
  executorTask,
  launched,
  launchUnder,
  sandboxOf,
  statusOf,
  TestExecutor,
} from '../executor.ts'
import { ENCODINGS, type SubscribeOptions, send, TestFramework } from '../framework.ts'
import { aMoment, moveUntil, statuses, teardown, until } from './waiting.ts'

let cluster: TestCluster
let frameworks: TestFramework[] = []
let executors: TestExecutor[] = []
beforeAll(async () => {
  cluster = await startCluster()
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

/** Launches tasks, and groups of tasks, under an executor of this id. */
async function launch(
  framework: TestFramework,
  executor: string | ExecutorInfo,
  taskIds: readonly string[],
  groups: readonly (readonly string[])[] = [],
): Promise<TestExecutor> {
  const info = typeof executor === 'string' ? customExecutor(executor) : executor
  const started = await launchUnder(framework, agentUrl, info, taskIds, groups)
  executors.push(started)
  return started
}

function agentUrl(agentId: string): string {
  const agent = cluster.agents.find(({ id }) => id === agentId)
  if (agent === undefined) throw new Error(`there is no agent ${agentId}`)
  return agent.url
}

describe.each(ENCODINGS)('%s', (encoding) => {
  test('C121 UPDATE before SUBSCRIBE is 403; unknown framework or executor 400', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c121'])
    await executor.untilStarted()
    const update: ExecutorCall['update'] = { status: statusOf('c121', 'TASK_RUNNING') }
    expect((await executor.call({ type: 'UPDATE', update })).status).toBe(403)
    await executor.subscribe()
    expect((await executor.call({ type: 'UPDATE', update })).status).toBe(202)

    for (const stranger of [{ frameworkId: 'nobody' }, { executorId: 'nobody' }]) {
      const other = new TestExecutor({ ...executor.place, ...stranger })
      expect((await other.call({ type: 'UPDATE', update })).status).toBe(400)
      expect((await other.call({ type: 'MESSAGE', message: { data: 'AAAA' } })).status).toBe(400)
      await expect(other.subscribe()).rejects.toThrow('400')
    }
  })

  test('C122 an UPDATE without uuid, of another source, or with TASK_STAGING is 400', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c122'])
    await executor.untilStarted()
    const stream = await executor.subscribe()
    await stream.next('LAUNCH')
    const good = statusOf('c122', 'TASK_RUNNING')
    const bad: readonly TaskStatus[] = [
      { ...good, uuid: undefined },
      { ...good, uuid: Buffer.from('short').toString('base64') },
      { ...good, source: undefined },
      { ...good, source: 'SOURCE_MASTER' },
      { ...good, source: 'SOURCE_AGENT' },
      { ...good, state: 'TASK_STAGING' },
    ]
    for (const status of bad) {
      expect((await executor.call({ type: 'UPDATE', update: { status } })).status).toBe(400)
    }
    expect(statuses(framework, 'c122')).toEqual([])
    expect((await executor.call({ type: 'UPDATE', update: { status: good } })).status).toBe(202)
    expect((await framework.update('c122')).uuid).toBe(good.uuid)
  })

  test('C123 HEARTBEAT is 202 for anybody', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c123'])
    expect((await executor.call({ type: 'HEARTBEAT' })).status).toBe(202)
    const nobody = { framework_id: { value: 'nobody' }, executor_id: { value: 'nobody' } }
    const answer = await send(`${executor.place.agentUrl}/slave(1)/api/v1/executor`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'HEARTBEAT', ...nobody }),
    })
    expect([answer.status, answer.text]).toEqual([202, ''])
  })

  test('C124 SUBSCRIBED comes first, then the queued LAUNCHes in order', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c124-1', 'c124-2', 'c124-3'], [['c124-4', 'c124-5']])
    await executor.untilStarted()
    const stream = await executor.subscribe()
    await stream.next('LAUNCH_GROUP')
    expect(stream.headers['content-type']).toBe(encoding)
    expect(stream.types).toEqual(['SUBSCRIBED', 'LAUNCH', 'LAUNCH', 'LAUNCH', 'LAUNCH_GROUP'])
    expect(launched(stream.events)).toEqual([['c124-1'], ['c124-2'], ['c124-3'], ['c124-4', 'c124-5']])
    expect(stream.events[0]?.subscribed).toMatchObject({
      executor_info: {
        executor_id: { value: 'e' },
        framework_id: { value: framework.id },
        command: { value: 'exec sleep 1000' },
      },
      framework_info: { id: { value: framework.id }, name: 'test', user: 'root' },
      agent_info: { id: { value: cluster.agents[0]?.id }, hostname: '127.0.0.1' },
      container_id: { value: expect.stringMatching(/./) },
    })
    // What comes later comes at once.
    const offer = await framework.offerOf(1, 128)
    await framework.launch([offer], [executorTask(offer, 'c124-6', customExecutor('e'))], 3_600)
    await stream.until(() => launched(stream.events).at(-1)?.[0] === 'c124-6')
  })

  test('C125 a stored update yields ACKNOWLEDGED even when no scheduler is connected', async () => {
    const framework = await subscribe({ encoding, info: { failover_timeout: 3_600 } })
    const executor = await launch(framework, 'e', ['c125'])
    await executor.untilStarted()
    const stream = await executor.subscribe()
    await stream.next('LAUNCH')
    framework.close()
    // Not even the control plane can be reached.
    const [agent] = cluster.agents
    agent?.cut()
    const { uuid } = await executor.update('c125', 'TASK_RUNNING')
    expect((await stream.next('ACKNOWLEDGED')).acknowledged).toEqual({ task_id: { value: 'c125' }, uuid })
    agent?.mend()

    const again = await subscribe({
      encoding,
      info: { id: { value: framework.id }, failover_timeout: 3_600 },
    })
    const heard = () => statuses(again, 'c125').length > 0
    await moveUntil(cluster, heard, { atMostMs: 30_000 })
    expect(statuses(again, 'c125')).toMatchObject([{ state: 'TASK_RUNNING', uuid }])
  })

  test('C126 updates listed at a resubscription are not said twice to the scheduler', async () => {
    const framework = await subscribe({ encoding, acknowledge: false })
    const executor = await launch(framework, 'e', ['c126'])
    await executor.untilStarted()
    const first = await executor.subscribe()
    await first.next('LAUNCH')
    const running = await executor.update('c126', 'TASK_RUNNING')
    const heard = await framework.update('c126', 'TASK_RUNNING')
    first.close()

    // The second one was never heard: its connection broke before.
    const finished = statusOf('c126', 'TASK_FINISHED')
    const second = await executor.subscribe({
      unacknowledged_tasks: [],
      unacknowledged_updates: [{ status: running }, { status: finished }],
    })
    await second.until(() => second.types.filter((type) => type === 'ACKNOWLEDGED').length === 2)
    expect(second.events.flatMap(({ acknowledged }) => acknowledged?.uuid ?? [])).toEqual([
      running.uuid,
      finished.uuid,
    ])
    await framework.acknowledge(heard)
    const over = await framework.update('c126', 'TASK_FINISHED')
    expect(over.uuid).toBe(finished.uuid)
    await framework.acknowledge(over)
    const third = await executor.subscribe({ unacknowledged_updates: [{ status: finished }] })
    await third.next('ACKNOWLEDGED')
    await aMoment()
    expect(statuses(framework, 'c126').map(({ uuid }) => uuid)).toEqual([running.uuid, finished.uuid])
  })

  test.each([
    { capabilities: ['PARTITION_AWARE'] as const, state: 'TASK_DROPPED' },
    { capabilities: [] as const, state: 'TASK_LOST' },
  ])('C127 a delivered task that is not listed becomes $state', async ({ capabilities, state }) => {
    const framework = await subscribe({ encoding, capabilities })
    const executor = await launch(framework, 'e', ['c127-lost', 'c127-kept', 'c127-runs'])
    await executor.untilStarted()
    const first = await executor.subscribe()
    await first.until(() => launched(first.events).length === 3)
    await executor.update('c127-runs', 'TASK_RUNNING')
    const kept = first.events.find(({ launch }) => launch?.task.task_id.value === 'c127-kept')?.launch?.task
    if (kept === undefined) throw new Error('the LAUNCH of a task')
    first.close()

    await executor.subscribe({ unacknowledged_tasks: [kept] })
    expect(await framework.update('c127-lost')).toMatchObject({
      state,
      source: 'SOURCE_AGENT',
      reason: 'REASON_AGENT_RESTARTED',
      uuid: expect.any(String),
    })
    await executor.update('c127-kept', 'TASK_RUNNING')
    await framework.update('c127-kept', 'TASK_RUNNING')
    expect(statuses(framework, 'c127-runs').map((status) => status.state)).toEqual(['TASK_RUNNING'])
  })

  test('C128 a second SUBSCRIBE closes the first stream', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c128'])
    await executor.untilStarted()
    const first = await executor.subscribe()
    await first.next('LAUNCH')
    await executor.update('c128', 'TASK_RUNNING')
    await first.next('ACKNOWLEDGED')
    const said = [...first.types]
    const second = await executor.subscribe()
    await second.next('SUBSCRIBED')
    await first.untilEnd()
    expect(first.types).toEqual(said)
    // The second is the current one, and stays it when the client lets go of the first.
    const data = Buffer.from('to the second').toString('base64')
    const message = { agent_id: { value: cluster.agents[0]?.id ?? '' }, executor_id: { value: 'e' }, data }
    await framework.call({ type: 'MESSAGE', message })
    expect((await second.next('MESSAGE')).message?.data).toBe(data)
  })

  test('C130 tasks of an executor that exits are TASK_FAILED', async () => {
    const framework = await subscribe({ encoding })
    const info = customExecutor('e', { command: { value: 'until [ -e go ]; do sleep 0.02; done; exit 5' } })
    const executor = await launch(framework, info, ['c130-staging', 'c130-runs', 'c130-over'])
    await executor.untilStarted()
    const stream = await executor.subscribe()
    await stream.until(() => launched(stream.events).length === 3)
    await executor.update('c130-runs', 'TASK_RUNNING')
    await executor.update('c130-over', 'TASK_FINISHED')
    await framework.update('c130-over', 'TASK_FINISHED')
    writeFileSync(join(await sandboxOf(executor), 'go'), '')

    for (const id of ['c130-staging', 'c130-runs']) {
      const status = await framework.update(id, 'TASK_FAILED')
      expect(status).toMatchObject({
        source: 'SOURCE_AGENT',
        reason: 'REASON_EXECUTOR_TERMINATED',
        executor_id: { value: 'e' },
      })
      expect(Buffer.from(status.uuid ?? '', 'base64')).toHaveLength(16)
    }
    const { failure } = await framework.next(({ type }) => type === 'FAILURE')
    expect(failure).toEqual({
      agent_id: { value: cluster.agents[0]?.id },
      executor_id: { value: 'e' },
      status: 5 << 8,
    })
    await stream.untilEnd()
    expect(statuses(framework, 'c130-over').map(({ state }) => state)).toEqual(['TASK_FINISHED'])
  })

  test('C134 a group arrives as one LAUNCH_GROUP', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', [], [['c134-1', 'c134-2'], ['c134-3']])
    await executor.untilStarted()
    const stream = await executor.subscribe()
    await stream.until(() => launched(stream.events).length === 2)
    expect(stream.types).toEqual(['SUBSCRIBED', 'LAUNCH_GROUP', 'LAUNCH_GROUP'])
    expect(launched(stream.events)).toEqual([['c134-1', 'c134-2'], ['c134-3']])
  })

  test('C134 killing one member of a group before delivery kills all', async () => {
    const framework = await subscribe({ encoding })
    const executor = await launch(framework, 'e', ['c134-other'], [['c134-1', 'c134-2', 'c134-3']])
    await executor.untilStarted()
    await framework.call({ type: 'KILL', kill: { task_id: { value: 'c134-2' } } })
    for (const id of ['c134-1', 'c134-2', 'c134-3']) {
      expect(await framework.update(id)).toMatchObject({
        state: 'TASK_KILLED',
        source: 'SOURCE_AGENT',
        reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      })
    }
    const stream = await executor.subscribe()
    await stream.next('LAUNCH')
    await aMoment(100)
    expect(stream.types).toEqual(['SUBSCRIBED', 'LAUNCH'])
    expect(launched(stream.events)).toEqual([['c134-other']])
  })
})

describe('C131 the environment of an executor', () => {
  const env = { value: 'env -0 > environment.new; mv environment.new environment; exec sleep 1000' }

  test.each([
    { checkpoint: true, own: {}, grace: '5secs' },
    { checkpoint: false, own: { shutdown_grace_period: { nanoseconds: 1_500_000_000 } }, grace: '1.5secs' },
  ])('C131 of a framework with checkpoint $checkpoint', async ({ checkpoint, own, grace }) => {
    const framework = await subscribe({ info: { checkpoint } })
    const { shutdown_grace_period: _, ...info } = customExecutor('e', { command: env })
    const executor = await launch(framework, { ...info, ...own }, ['c131'])
    await executor.untilStarted()
    const sandbox = await sandboxOf(executor)
    let variables: Readonly<Record<string, string>> = {}
    await until(() => {
      variables = variablesIn(join(sandbox, 'environment'))
      return Object.keys(variables).length > 0
    })
    const agent = cluster.agents[0]
    const endpoint = agent?.url.replace('http://', '')
    expect(variables).toMatchObject({
      LIBPROCESS_PORT: '0',
      MESOS_AGENT_ENDPOINT: endpoint,
      MESOS_CHECKPOINT: checkpoint ? '1' : '0',
      MESOS_DIRECTORY: sandbox,
      MESOS_EXECUTOR_ID: 'e',
      MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: grace,
      MESOS_FRAMEWORK_ID: framework.id,
      MESOS_HTTP_COMMAND_EXECUTOR: '0',
      MESOS_SANDBOX: sandbox,
      MESOS_SLAVE_ID: agent?.id,
      MESOS_SLAVE_PID: `slave(1)@${endpoint}`,
    })
    expect(variables.MESOS_RECOVERY_TIMEOUT).toBe(checkpoint ? '15mins' : undefined)
    expect(variables.MESOS_SUBSCRIPTION_BACKOFF_MAX).toBe(checkpoint ? '2secs' : undefined)
  })
})

/** Of a file that `env -0` wrote; nothing while it is not there. */
function variablesIn(file: string): Readonly<Record<string, string>> {
  if (!existsSync(file)) return {}
  const lines = readFileSync(file, 'utf8').split('\0')
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}
