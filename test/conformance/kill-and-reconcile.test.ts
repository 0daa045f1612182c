// What a framework does to its tasks and asks about them: KILL, SHUTDOWN, MESSAGE, TEARDOWN, REQUEST,
// UPDATE_FRAMEWORK, reconciliation (C101–C111, C114, C115, C120).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { SchedulerEvent } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { commandTask, ENCODINGS, type SubscribeOptions, scalar, TestFramework } from '../framework.ts'
import { echoExecutor, executorTask } from './executors.ts'
import { aMoment, count, isOffer, moveUntil, runTask, statuses, teardown, until } from './waiting.ts'

let cluster: TestCluster
let folder = ''
let frameworks: TestFramework[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-conformance-'))
  cluster = await startCluster()
})
afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(async () => {
  await teardown(cluster, frameworks)
  frameworks = []
})

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

function agentId(): { readonly value: string } {
  return { value: cluster.agents[0]?.id ?? '' }
}

async function tasksOf(list: 'tasks' | 'completed_tasks'): Promise<Readonly<Record<string, string>>> {
  const { json } = await cluster.operator({ type: 'GET_TASKS' })
  const { get_tasks } = json as {
    get_tasks: Record<string, readonly { task_id: { value: string }; state: string }[]>
  }
  return Object.fromEntries((get_tasks[list] ?? []).map(({ task_id, state }) => [task_id.value, state]))
}

const NOT_FROM_EXECUTOR = { source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' }

test.each(ENCODINGS)('C101 (%s) KILL of a running task ends in TASK_KILLED', async (encoding) => {
  const framework = await subscribe({ encoding })
  const { task } = await runTask(framework, 'c101')
  const { status } = await framework.call({ type: 'KILL', kill: { task_id: task.task_id } })
  expect(status).toBe(202)
  const killed = await framework.update('c101', 'TASK_KILLED')
  expect(killed).toMatchObject({ source: 'SOURCE_EXECUTOR', agent_id: task.agent_id })
  expect(statuses(framework, 'c101').map(({ state }) => state)).not.toContain('TASK_KILLING')
})

test('C101 with TASK_KILLING_STATE it goes by TASK_KILLING, and a kill right after ACCEPT holds too', async () => {
  const framework = await subscribe({ capabilities: ['TASK_KILLING_STATE'] })
  const { task } = await runTask(framework, 'c101-state', { refuseSeconds: 0 })
  await framework.call({ type: 'KILL', kill: { task_id: task.task_id, agent_id: task.agent_id } })
  await framework.update('c101-state', 'TASK_KILLED')
  expect(statuses(framework, 'c101-state').map(({ state }) => state)).toEqual([
    'TASK_STARTING',
    'TASK_RUNNING',
    'TASK_KILLING',
    'TASK_KILLED',
  ])

  const offer = await framework.offer()
  await framework.launch([offer], [commandTask(offer, 'c101-early', 'sleep 1000')], 0)
  await framework.call({ type: 'KILL', kill: { task_id: { value: 'c101-early' } } })
  await framework.update('c101-early', 'TASK_KILLED')
})

test.each(ENCODINGS)(
  'C102 F60 (%s) KILL of an unknown task yields an UPDATE with REASON_RECONCILIATION',
  async (encoding) => {
    const framework = await subscribe({ encoding, capabilities: ['PARTITION_AWARE'] })
    const answer = await framework.call({ type: 'KILL', kill: { task_id: { value: 'c102' } } })
    expect(answer.status).toBe(202)
    const status = await framework.update('c102')
    expect(status).toMatchObject({ ...NOT_FROM_EXECUTOR, state: 'TASK_UNKNOWN' })
    expect(status).not.toHaveProperty('uuid')
    await framework.call({ type: 'KILL', kill: { task_id: { value: 'c102-there' }, agent_id: agentId() } })
    expect(await framework.update('c102-there')).toMatchObject({ ...NOT_FROM_EXECUTOR, state: 'TASK_GONE' })
  },
)

test('C103 KILL with a wrong agent_id is 202 and nothing happens', async () => {
  const framework = await subscribe()
  const { task } = await runTask(framework, 'c103')
  const before = framework.events.length
  const kill = { task_id: task.task_id, agent_id: { value: 'another-agent' } }
  expect((await framework.call({ type: 'KILL', kill })).status).toBe(202)
  await aMoment()
  expect(statuses({ events: framework.events.slice(before) }, 'c103')).toEqual([])
  expect(await tasksOf('tasks')).toEqual({ c103: 'TASK_RUNNING' })
})

function isExit({ failure }: SchedulerEvent): boolean {
  return failure?.executor_id !== undefined
}

test.each(ENCODINGS)(
  'C104 (%s) SHUTDOWN ends the executor and yields FAILURE with executor_id and status',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const offer = await framework.offer()
    await framework.launch([offer], [executorTask(offer, 'c104', echoExecutor('c104-executor'))])
    await framework.update('c104', 'TASK_RUNNING')
    const shutdown = { executor_id: { value: 'c104-executor' }, agent_id: offer.agent_id }
    expect((await framework.call({ type: 'SHUTDOWN', shutdown })).status).toBe(202)
    const { failure } = await framework.next(isExit)
    expect(failure).toEqual({
      agent_id: offer.agent_id,
      executor_id: { value: 'c104-executor' },
      // The raw wait status of exit code 7.
      status: 7 << 8,
    })
    const ended = await framework.update('c104', 'TASK_FAILED')
    expect(ended).toMatchObject({ source: 'SOURCE_AGENT', reason: 'REASON_EXECUTOR_TERMINATED' })
    await aMoment(100)
    expect(count(framework, isExit)).toBe(1)
  },
)

test('C104 one that has not subscribed is killed: status 9; an unknown one is silent', async () => {
  const framework = await subscribe()
  const offer = await framework.offer()
  const deaf = { ...echoExecutor('c104-deaf'), command: { value: 'sleep 1000' } }
  await framework.launch([offer], [executorTask(offer, 'c104-waiting', deaf)])
  await until(async () => (await cluster.get('/tasks')).text.includes('c104-waiting'))
  const unknown = { executor_id: { value: 'nobody' }, agent_id: offer.agent_id }
  expect((await framework.call({ type: 'SHUTDOWN', shutdown: unknown })).status).toBe(202)
  const elsewhere = { executor_id: { value: 'c104-deaf' }, agent_id: { value: 'another-agent' } }
  expect((await framework.call({ type: 'SHUTDOWN', shutdown: elsewhere })).status).toBe(202)
  await aMoment()
  expect(count(framework, isExit)).toBe(0)

  const shutdown = { executor_id: { value: 'c104-deaf' }, agent_id: offer.agent_id }
  await framework.call({ type: 'SHUTDOWN', shutdown })
  expect((await framework.next(isExit)).failure).toMatchObject({ ...shutdown, status: 9 })
  expect(await framework.update('c104-waiting')).toMatchObject({ state: 'TASK_FAILED' })
})

test.each(ENCODINGS)(
  'C105 (%s) MESSAGE reaches the executor and back with identical bytes',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const offer = await framework.offer()
    await framework.launch([offer], [executorTask(offer, 'c105', echoExecutor('c105-executor'))])
    await framework.update('c105', 'TASK_RUNNING')
    const every = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    for (const bytes of [every, Buffer.alloc(0), Buffer.alloc(20_000, 0xc3)]) {
      const data = bytes.toString('base64')
      const to = { agent_id: offer.agent_id, executor_id: { value: 'c105-executor' } }
      expect((await framework.call({ type: 'MESSAGE', message: { ...to, data } })).status).toBe(202)
      const { message } = await framework.next(({ type }) => type === 'MESSAGE')
      expect(message).toEqual({ ...to, data })
    }
  },
)

test.each(ENCODINGS)(
  'C106 F55 (%s) TEARDOWN is 202, ends the stream without UPDATEs, kills all tasks',
  async (encoding) => {
    const framework = await subscribe({ encoding, info: { failover_timeout: 3_600 } })
    const name = `c106-${encoding.length}`
    const offer = await framework.offer()
    const pidFile = (taskId: string) => join(folder, `${taskId}.pid`)
    const taskIds = [1, 2, 3].map((index) => `${name}-${index}`)
    await framework.launch(
      [offer],
      taskIds.map((id) => commandTask(offer, id, `echo $$ > ${pidFile(id)}; exec sleep 1000`)),
    )
    for (const id of taskIds) await framework.update(id, 'TASK_RUNNING')
    const pids = () => taskIds.map((id) => Number(readFileSync(pidFile(id), 'utf8')))
    await until(() => pids().every((pid) => pid > 0 && isAlive(pid)))
    const before = framework.events.length
    expect((await framework.call({ type: 'TEARDOWN' })).status).toBe(202)
    await framework.untilEnd()
    expect(framework.events.slice(before).filter(({ type }) => type !== 'HEARTBEAT')).toEqual([])
    await until(() => !pids().some(isAlive))
    const completed = await tasksOf('completed_tasks')
    for (const id of taskIds) expect(completed[id]).toBe('TASK_KILLED')
    expect((await framework.call({ type: 'REVIVE' })).status).toBe(400)
  },
)

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test.each(ENCODINGS)('C107 (%s) REQUEST is 202 and ignored', async (encoding) => {
  const framework = await subscribe({ encoding, suppressedRoles: ['*'] })
  const request = { requests: [{ agent_id: agentId(), resources: [scalar('cpus', 1)] }] }
  const { status, text } = await framework.call({ type: 'REQUEST', request })
  expect([status, text]).toEqual([202, ''])
  await cluster.clock.advance(2_000)
  expect(framework.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
})

test.each(ENCODINGS)('C108 (%s) UPDATE_FRAMEWORK is 200 and visible in GET_FRAMEWORKS', async (encoding) => {
  const framework = await subscribe({ encoding, info: { roles: ['a'] }, capabilities: ['MULTI_ROLE'] })
  const info = {
    user: 'root',
    name: 'another name',
    id: { value: framework.id },
    roles: ['a', 'b'],
    failover_timeout: 77,
    capabilities: [{ type: 'MULTI_ROLE' as const }],
  }
  const answer = await framework.call({
    type: 'UPDATE_FRAMEWORK',
    update_framework: { framework_info: info },
  })
  expect([answer.status, answer.text]).toEqual([200, ''])
  expect(await frameworkInfo(framework.id)).toMatchObject(info)
})

test('C108 F54 changing user or checkpoint is 400 and changes nothing', async () => {
  const framework = await subscribe()
  const info = { user: 'root', name: 'another name', id: { value: framework.id } }
  for (const wrong of [
    { ...info, user: 'nobody' },
    { ...info, checkpoint: true },
  ]) {
    const call = { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: wrong } } as const
    const answer = await framework.call(call)
    expect(answer.status).toBe(400)
    expect(answer.text).toBeTruthy()
  }
  expect(await frameworkInfo(framework.id)).toMatchObject({ user: 'root', name: 'test', checkpoint: false })
})

test('C108 an omitted suppressed_roles un-suppresses', async () => {
  const framework = await subscribe({ suppressedRoles: ['*'] })
  await cluster.clock.advance(2_000)
  expect(count(framework, isOffer)).toBe(0)
  const info = { user: 'root', name: 'test', id: { value: framework.id } }
  await framework.call({
    type: 'UPDATE_FRAMEWORK',
    update_framework: { framework_info: info, suppressed_roles: ['*'] },
  })
  await cluster.clock.advance(2_000)
  expect(count(framework, isOffer)).toBe(0)
  await framework.call({ type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: info } })
  await moveUntil(cluster, () => count(framework, isOffer) > 0, { atMostMs: 6_000 })
})

async function frameworkInfo(id: string): Promise<unknown> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { get_frameworks } = json as {
    get_frameworks: { frameworks: readonly { framework_info: { id: { value: string } } }[] }
  }
  return get_frameworks.frameworks.find(({ framework_info }) => framework_info.id.value === id)
    ?.framework_info
}

test.each(ENCODINGS)(
  'C109 F57 (%s) explicit reconcile of a known task tells its last forwarded state',
  async (encoding) => {
    const framework = await subscribe({ encoding, acknowledge: false })
    const offer = await framework.offer()
    await framework.launch([offer], [commandTask(offer, 'c109', 'true')])
    const starting = await framework.update('c109')
    await until(async () => (await tasksOf('tasks')).c109 === 'TASK_FINISHED')
    // The newest state is TASK_FINISHED; what was forwarded is TASK_STARTING.
    const reconcile = { tasks: [{ task_id: { value: 'c109' }, agent_id: offer.agent_id }] }
    expect((await framework.call({ type: 'RECONCILE', reconcile })).status).toBe(202)
    const status = await framework.update('c109')
    expect(status).toMatchObject({
      ...NOT_FROM_EXECUTOR,
      state: 'TASK_STARTING',
      agent_id: offer.agent_id,
      timestamp: starting.timestamp,
      container_status: starting.container_status,
    })
    expect(status).not.toHaveProperty('uuid')
    expect(status).not.toHaveProperty('data')
  },
)

test('C109 F57 without agent_id, and of a task that runs', async () => {
  const framework = await subscribe()
  const { task } = await runTask(framework, 'c109-running')
  await framework.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: task.task_id }] } })
  const status = await framework.update('c109-running', 'TASK_RUNNING')
  expect(status).toMatchObject({ ...NOT_FROM_EXECUTOR, agent_id: task.agent_id })
  expect(status).not.toHaveProperty('uuid')
})

test.each(ENCODINGS)(
  'C110 F57 F58 (%s) an unknown task without agent is TASK_LOST, PA TASK_UNKNOWN',
  async (encoding) => {
    const plain = await subscribe({ encoding })
    const aware = await subscribe({ encoding, capabilities: ['PARTITION_AWARE'] })
    const stranger = { value: 'an-agent-nobody-knows' }
    const tasks = [{ task_id: { value: 'c110' } }, { task_id: { value: 'c110-at' }, agent_id: stranger }]
    for (const [framework, state] of [
      [plain, 'TASK_LOST'],
      [aware, 'TASK_UNKNOWN'],
    ] as const) {
      expect((await framework.call({ type: 'RECONCILE', reconcile: { tasks } })).status).toBe(202)
      const status = await framework.update('c110')
      expect(status).toMatchObject({ ...NOT_FROM_EXECUTOR, state })
      expect(status).not.toHaveProperty('uuid')
      expect(status).not.toHaveProperty('agent_id')
      expect(await framework.update('c110-at')).toMatchObject({ state, agent_id: stranger })
    }
  },
)

test.each(ENCODINGS)(
  'C111 F57 F58 (%s) an unknown task on a registered agent is TASK_LOST, PA TASK_GONE',
  async (encoding) => {
    const plain = await subscribe({ encoding })
    const aware = await subscribe({ encoding, capabilities: ['PARTITION_AWARE'] })
    // Another framework's task is as unknown as any.
    await runTask(plain, 'c111-foreign')
    for (const [framework, state, id] of [
      [plain, 'TASK_LOST', 'c111'],
      [aware, 'TASK_GONE', 'c111'],
      [aware, 'TASK_GONE', 'c111-foreign'],
    ] as const) {
      const tasks = [{ task_id: { value: id }, agent_id: agentId() }]
      await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
      expect(await framework.update(id)).toMatchObject({ ...NOT_FROM_EXECUTOR, state, agent_id: agentId() })
    }
  },
)

test.each(ENCODINGS)(
  'C114 F59 L4 (%s) implicit reconcile sends one UPDATE per known task',
  async (encoding) => {
    const framework = await subscribe({ encoding, acknowledge: false })
    const offer = await framework.offer()
    const tasks = [
      commandTask(offer, 'c114-running', 'sleep 1000'),
      commandTask(offer, 'c114-unacknowledged', 'true'),
      commandTask(offer, 'c114-over', 'true'),
    ]
    await framework.launch([offer], tasks)
    const acknowledgeUntil = async (id: string, last: string, evenLast: boolean) => {
      for (;;) {
        const status = await framework.update(id)
        if (status.state !== last || evenLast) await framework.acknowledge(status)
        if (status.state === last) return
      }
    }
    await acknowledgeUntil('c114-running', 'TASK_RUNNING', true)
    await acknowledgeUntil('c114-unacknowledged', 'TASK_FINISHED', false)
    await acknowledgeUntil('c114-over', 'TASK_FINISHED', true)

    const before = framework.events.length
    expect((await framework.call({ type: 'RECONCILE', reconcile: {} })).status).toBe(202)
    const told = () =>
      framework.events.slice(before).flatMap(({ update }) => (update === undefined ? [] : [update.status]))
    await until(() => told().length >= 2)
    await aMoment()
    expect(
      told()
        .map(({ task_id, state }) => `${task_id.value} ${state}`)
        .toSorted(),
    ).toEqual(['c114-running TASK_RUNNING', 'c114-unacknowledged TASK_FINISHED'])
    for (const status of told()) {
      expect(status).toMatchObject(NOT_FROM_EXECUTOR)
      expect(status).not.toHaveProperty('uuid')
    }
  },
)

test.each(ENCODINGS)(
  'C115 (%s) RECONCILE_OPERATIONS is 202 with an empty body and answers by events',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const operations = ['c115-1', 'c115-2'].map((value) => ({ operation_id: { value }, agent_id: agentId() }))
    const answer = await framework.call({
      type: 'RECONCILE_OPERATIONS',
      reconcile_operations: { operations },
    })
    expect([answer.status, answer.text]).toEqual([202, ''])
    for (const { operation_id } of operations) {
      const { update_operation_status } = await framework.next(
        (event) => event.update_operation_status?.status.operation_id?.value === operation_id.value,
      )
      expect(update_operation_status?.status).toMatchObject({
        state: 'OPERATION_UNKNOWN',
        agent_id: agentId(),
      })
      expect(update_operation_status?.status).not.toHaveProperty('uuid')
    }
    const all = await framework.call({ type: 'RECONCILE_OPERATIONS', reconcile_operations: {} })
    expect([all.status, all.text]).toEqual([202, ''])
  },
)

test('C120 with default settings HTTP schedulers are not rate limited', async () => {
  const framework = await subscribe()
  const began = performance.now()
  const counts = new Map<number, number>()
  const caller = async () => {
    for (let calls = 0; calls < 30; calls++) {
      const { status } = await framework.call({ type: 'REQUEST', request: {} })
      counts.set(status, (counts.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 10 }, caller))
  expect([...counts]).toEqual([[202, 300]])
  // Nothing was held back either: 300 calls at a rate that a limit would have to allow.
  expect(performance.now() - began).toBeLessThan(15_000)
})
