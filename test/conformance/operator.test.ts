// The operator API: what it shows of a cluster at work, and the stream of changes (C136–C138).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { MasterCall, MasterEvent, MasterResponse, Task, TaskState } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { EventStream } from '../event-stream.ts'
import { customExecutor, launchUnder } from '../executor.ts'
import { commandTask, ENCODINGS, type SubscribeOptions, TestFramework } from '../framework.ts'
import { moveUntil, runTask, statuses, teardown, until } from './waiting.ts'

type MasterStream = EventStream<'mesos.v1.master.Event'>

let cluster: TestCluster
let frameworks: TestFramework[] = []
let streams: MasterStream[] = []
beforeAll(async () => {
  cluster = await startCluster({ agents: 2 })
})
afterAll(() => cluster.stop())
afterEach(async () => {
  for (const stream of streams) stream.close()
  await teardown(cluster, frameworks)
  frameworks = []
  streams = []
})

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

/** Raw, because the tests are about answers in either encoding. */
async function ask(
  call: MasterCall,
  encoding: MediaType,
): Promise<{
  readonly status: number
  readonly text: string
  readonly response: MasterResponse | undefined
}> {
  const answer = await fetch(`${cluster.url}/api/v1`, {
    method: 'POST',
    headers: { 'content-type': encoding, accept: encoding },
    body: Buffer.from(encodeMessage('mesos.v1.master.Call', encoding, call)),
  })
  const body = Buffer.from(await answer.arrayBuffer())
  if (answer.status !== 200) return { status: answer.status, text: body.toString(), response: undefined }
  const decoded = decodeMessage('mesos.v1.master.Response', encoding, body)
  if (!decoded.ok) throw new Error(decoded.error)
  return { status: answer.status, text: '', response: decoded.message }
}

async function asked(call: MasterCall, encoding: MediaType): Promise<MasterResponse> {
  const { response, text } = await ask(call, encoding)
  if (response === undefined) throw new Error(text)
  return response
}

/** All that is shown while nothing happens: the state, its four parts, the state again. */
async function shown(encoding: MediaType) {
  const { get_state } = await asked({ type: 'GET_STATE' }, encoding)
  const { get_agents } = await asked({ type: 'GET_AGENTS' }, encoding)
  const { get_frameworks } = await asked({ type: 'GET_FRAMEWORKS' }, encoding)
  const { get_tasks } = await asked({ type: 'GET_TASKS' }, encoding)
  const { get_executors } = await asked({ type: 'GET_EXECUTORS' }, encoding)
  return { get_state, parts: { get_agents, get_frameworks, get_tasks, get_executors } }
}

function ids(tasks: readonly Task[] | undefined): readonly string[] {
  return (tasks ?? []).map(({ task_id }) => task_id.value).sort()
}

test.each(ENCODINGS)('C136 (%s) GET_STATE is the union of its parts', async (encoding) => {
  const over = await subscribe({ info: { name: 'over' } })
  await runTask(over, 'c136-over', { refuseSeconds: 0 })
  await over.call({ type: 'TEARDOWN' })
  await over.untilEnd()

  const framework = await subscribe({ encoding, info: { name: 'live' } })
  const idle = await subscribe({ info: { name: 'idle', roles: ['a'] }, capabilities: ['MULTI_ROLE'] })
  await idle.call({ type: 'SUPPRESS' })
  const executor = await launchUnder(framework, agentUrl, customExecutor('custom'), ['c136-custom'])
  await executor.untilStarted()
  const stream = await executor.subscribe()
  await stream.next('LAUNCH')
  await executor.update('c136-custom', 'TASK_RUNNING')
  await framework.update('c136-custom', 'TASK_RUNNING')
  await runTask(framework, 'c136-done', { command: 'true', refuseSeconds: 0 })
  await framework.update('c136-done', 'TASK_FINISHED')
  await runTask(framework, 'c136-runs')
  const isOver = async () => {
    const { get_tasks } = await asked({ type: 'GET_TASKS' }, encoding)
    return ids(get_tasks?.completed_tasks).includes('c136-done')
  }
  await until(isOver)

  const { get_state, parts } = await shown(encoding)
  expect(get_state).toEqual(parts)
  const { get_agents, get_frameworks, get_tasks, get_executors } = parts
  expect(get_agents?.agents?.map(({ agent_info }) => agent_info.id?.value).sort()).toEqual(
    cluster.agents.map(({ id }) => id).sort(),
  )
  const names = (list: NonNullable<typeof get_frameworks>['frameworks']) =>
    (list ?? []).map(({ framework_info }) => framework_info.id?.value)
  expect(names(get_frameworks?.frameworks).sort()).toEqual([framework.id, idle.id].sort())
  expect(names(get_frameworks?.completed_frameworks)).toContain(over.id)
  expect(ids(get_tasks?.tasks)).toEqual(['c136-custom', 'c136-runs'])
  expect(ids(get_tasks?.completed_tasks)).toEqual(expect.arrayContaining(['c136-done', 'c136-over']))
  expect(get_executors?.executors).toMatchObject([
    {
      executor_info: { executor_id: { value: 'custom' }, framework_id: { value: framework.id } },
      agent_id: { value: expect.any(String) },
    },
  ])
  executor.close()
})

test.each(ENCODINGS)('C137 (%s) GET_METRICS without get_metrics is 400', async (encoding) => {
  const answer = await ask({ type: 'GET_METRICS' }, encoding)
  expect(answer.status).toBe(400)
  expect(answer.text).toContain('get_metrics')
  const { get_metrics } = await asked({ type: 'GET_METRICS', get_metrics: {} }, encoding)
  expect(get_metrics?.metrics).toContainEqual({ name: 'master/elected', value: 1 })
})

describe.each(ENCODINGS)('%s', (encoding) => {
  async function listen(): Promise<MasterStream> {
    const stream = await EventStream.open({
      url: `${cluster.url}/api/v1`,
      of: 'mesos.v1.master.Event',
      encoding,
      body: encodeMessage('mesos.v1.master.Call', encoding, { type: 'SUBSCRIBE' }),
    })
    streams.push(stream)
    return stream
  }

  test('C138 SUBSCRIBE begins with SUBSCRIBED and HEARTBEAT, which goes on', async () => {
    const framework = await subscribe()
    await runTask(framework, 'c138')
    const stream = await listen()
    await stream.next('HEARTBEAT')
    expect([stream.status, stream.headers['content-type']]).toEqual([200, encoding])
    expect(stream.types).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
    const { get_state, heartbeat_interval_seconds } = stream.events[0]?.subscribed ?? {}
    expect(heartbeat_interval_seconds).toBe(15)
    expect(get_state).toEqual((await shown(encoding)).get_state)
    expect(ids(get_state?.get_tasks?.tasks)).toEqual(['c138'])
    // The clock flows meanwhile, too.
    await cluster.clock.advance(10_000)
    expect(stream.types.filter((type) => type === 'HEARTBEAT')).toHaveLength(1)
    await cluster.clock.advance(5_500)
    await stream.next('HEARTBEAT')
  })

  test('C138 changes arrive without gap or repetition, whenever one subscribes', async () => {
    const framework = await subscribe({ encoding })
    const taskIds = Array.from({ length: 12 }, (_, index) => `${encoding.slice(-4)}-${index}`)
    const listening: Promise<MasterStream>[] = [listen()]
    for (const [index, id] of taskIds.entries()) {
      const offer = await framework.offerOf(0.1, 32)
      const command = index % 3 === 0 ? 'sleep 1000' : 'exit 0'
      await framework.launch([offer], [commandTask(offer, id, command)], 0)
      if (index % 2 === 0) listening.push(listen())
    }
    await Promise.all(
      taskIds.map((id, index) => framework.update(id, index % 3 === 0 ? 'TASK_RUNNING' : 'TASK_FINISHED')),
    )
    const told = new Map(taskIds.map((id) => [id, statuses(framework, id).map(({ state }) => state)]))
    for (const stream of await Promise.all(listening)) {
      await stream.until(() =>
        told.entries().every(([id, states]) => seen(stream, id).length >= states.length),
      )
      for (const [id, states] of told) expect([id, ...seen(stream, id)]).toEqual([id, ...states])
      for (const id of taskIds) expect(timesKnown(stream, id)).toBe(1)
      expect(stream.types.slice(0, 1)).toEqual(['SUBSCRIBED'])
    }
  })

  test('C138 frameworks and agents come and go on it', async () => {
    const taskId = `${encoding.slice(-4)}-ends`
    const stream = await listen()
    await stream.next('HEARTBEAT')
    const framework = await subscribe({ encoding, info: { name: 'comes' } })
    await stream.next('FRAMEWORK_ADDED')
    await runTask(framework, taskId)
    await stream.until(() => seen(stream, taskId).includes('TASK_RUNNING'))
    const info = { user: 'root', name: 'renamed', id: { value: framework.id } }
    const answer = await framework.call({
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: info },
    })
    expect([answer.status, answer.text]).toEqual([200, ''])
    const updated = await stream.next('FRAMEWORK_UPDATED')
    expect(updated.framework_updated?.framework.framework_info.name).toBe('renamed')
    const agent = await cluster.addAgent()
    const added = await stream.next('AGENT_ADDED')
    expect(added.agent_added?.agent.agent_info.id?.value).toBe(agent.id)
    await cluster.operator({ type: 'TEARDOWN', teardown: { framework_id: { value: framework.id } } })
    await stream.next('FRAMEWORK_REMOVED')
    const about = stream.events.filter(({ type }) => type !== 'HEARTBEAT' && type !== 'SUBSCRIBED')
    expect(about.map(said)).toEqual([
      'FRAMEWORK_ADDED comes',
      `TASK_ADDED ${taskId} TASK_STAGING`,
      `TASK_UPDATED ${taskId} TASK_STARTING`,
      `TASK_UPDATED ${taskId} TASK_RUNNING`,
      'FRAMEWORK_UPDATED renamed',
      `AGENT_ADDED ${agent.id}`,
      `TASK_UPDATED ${taskId} TASK_KILLED`,
      'FRAMEWORK_REMOVED renamed',
    ])
  })
})

test('C136 tasks of an unreachable agent are in both', async () => {
  const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
  const { status } = await runTask(framework, 'c136-away')
  const agent = cluster.agents.find(({ id }) => id === status.agent_id?.value)
  agent?.cut()
  const lost = () => statuses(framework, 'c136-away').some(({ state }) => state === 'TASK_UNREACHABLE')
  await moveUntil(cluster, lost, { atMostMs: 30_000 })
  for (const encoding of ENCODINGS) {
    const { get_state, parts } = await shown(encoding)
    expect(get_state).toEqual(parts)
    expect(ids(parts.get_tasks?.unreachable_tasks)).toEqual(['c136-away'])
    expect(ids(parts.get_tasks?.tasks)).toEqual([])
    expect(parts.get_agents?.agents?.map(({ agent_info }) => agent_info.id?.value)).not.toContain(agent?.id)
  }
  agent?.mend()
})

function agentUrl(agentId: string): string {
  const agent = cluster.agents.find(({ id }) => id === agentId)
  if (agent === undefined) throw new Error(`there is no agent ${agentId}`)
  return agent.url
}

/** Every state of a task that a listener knows: those of its snapshot, and those it was told. */
function seen({ events }: MasterStream, taskId: string): readonly (TaskState | undefined)[] {
  return [
    ...snapshotOf(events, taskId).flatMap(({ statuses: known }) => (known ?? []).map(({ state }) => state)),
    ...events
      .flatMap(({ task_updated }) => task_updated?.status ?? [])
      .filter(({ task_id }) => task_id.value === taskId)
      .map(({ state }) => state),
  ]
}

function timesKnown({ events }: MasterStream, taskId: string): number {
  const added = events.filter(({ task_added }) => task_added?.task.task_id.value === taskId)
  return snapshotOf(events, taskId).length + added.length
}

function snapshotOf([first]: readonly MasterEvent[], taskId: string): readonly Task[] {
  const { tasks = [], completed_tasks = [] } = first?.subscribed?.get_state?.get_tasks ?? {}
  return [...tasks, ...completed_tasks].filter(({ task_id }) => task_id.value === taskId)
}

/** An event in a few words. */
function said(event: MasterEvent): string {
  const { task_added, task_updated, framework_added, framework_updated, framework_removed } = event
  const framework = framework_added?.framework ?? framework_updated?.framework ?? framework_removed
  const task = task_added?.task ?? task_updated?.status
  const agent = event.agent_added?.agent.agent_info.id ?? event.agent_removed?.agent_id
  const about = framework?.framework_info.name ?? agent?.value ?? `${task?.task_id.value} ${task?.state}`
  return `${event.type} ${about}`
}
