// The executor API over HTTP: codes, order of a subscription, custody of updates, the life of custom executors.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { WantedTask } from '../../protocol/agent-messages.ts'
import { durationInfo } from '../../protocol/durations.ts'
import type { ExecutorInfo } from '../../protocol/messages.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { callOf, eventOf, post, subscribe, updateOf, uuid } from './executor-client.ts'
import { registeredMachine, wantedAt } from './machine.ts'
import { wanted } from './tasks.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

describe('answers', () => {
  test('C121: UPDATE before SUBSCRIBE is 403, of an unknown framework or executor 400', async () => {
    await launch([task('t')])
    await until(() => world.agent.acting.state.executors.get('f/e')?.stage === 'registering')
    expect((await post(port(), updateOf('e', 't', 'TASK_RUNNING'))).status).toBe(403)
    expect(await post(port(), updateOf('other', 't', 'TASK_RUNNING'))).toMatchObject({
      status: 400,
      text: 'Executor cannot be found',
    })
    const foreign = { ...(updateOf('e', 't', 'TASK_RUNNING') as object), framework_id: { value: 'g' } }
    expect(await post(port(), foreign)).toMatchObject({ status: 400, text: 'Framework cannot be found' })
  })

  test('C122: an UPDATE without uuid, from another source or with TASK_STAGING is 400', async () => {
    await launch([task('t')])
    for (const [state, more] of [
      ['TASK_RUNNING', { uuid: undefined }],
      ['TASK_RUNNING', { uuid: 'AAAA' }],
      ['TASK_RUNNING', { source: 'SOURCE_AGENT' as const }],
      ['TASK_RUNNING', { source: undefined }],
      ['TASK_STAGING', {}],
    ] as const) {
      const answer = await post(port(), updateOf('e', 't', state, more))
      expect(answer).toMatchObject({
        status: 400,
        text: expect.stringContaining('Failed to validate Executor::Call: '),
      })
    }
  })

  test('C123: HEARTBEAT is 202 for anybody', async () => {
    expect(
      (await post(port(), { type: 'HEARTBEAT', framework_id: { value: 'x' }, executor_id: { value: 'y' } }))
        .status,
    ).toBe(202)
    expect((await post(port(), { type: 'HEARTBEAT' })).status).toBe(400)
  })

  test('refuse other methods, media types and what cannot be read', async () => {
    const url = `http://127.0.0.1:${port()}/api/v1/executor`
    expect((await fetch(url)).status).toBe(405)
    expect((await post(port(), '{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post(port(), '{')).status).toBe(400)
    expect(
      (await post(port(), callOf('e', { type: 'SUBSCRIBE', subscribe: {} }), { accept: 'text/html' })).status,
    ).toBe(406)
  })
})

describe('a subscription', () => {
  test('C124: SUBSCRIBED first, then the queued launches in order, single ones before groups', async () => {
    const group = (id: string) => ({ ...task(id), group: { id: 'g', size: 2 } })
    await launch([group('g1'), group('g2'), task('a'), task('b')])
    const executor = await subscribe(port(), 'e')
    await until(() => executor.events.length === 4)
    expect(executor).toMatchObject({ status: 200, contentType: 'application/json' })
    expect(executor.types()).toEqual(['SUBSCRIBED', 'LAUNCH', 'LAUNCH', 'LAUNCH_GROUP'])
    expect(executor.events[0]?.subscribed).toMatchObject({
      executor_info: { executor_id: { value: 'e' }, framework_id: { value: 'f' } },
      framework_info: { id: { value: 'f' } },
      agent_info: { id: { value: 'm-S1' } },
      container_id: { value: expect.any(String) },
    })
    expect(executor.events.slice(1, 3).map((event) => event.launch?.task.task_id.value)).toEqual(['a', 'b'])
    // C134: the group is one event.
    const members = executor.events[3]?.launch_group?.task_group.tasks ?? []
    expect(members.map((member) => member.task_id.value)).toEqual(['g1', 'g2'])
  })

  test('C125: a stored update is ACKNOWLEDGED although the control plane is away', async () => {
    await launch([task('t')])
    const executor = await subscribe(port(), 'e')
    await eventOf(executor, 'LAUNCH')
    world.controlPlane.away = true
    const id = uuid()
    expect((await post(port(), updateOf('e', 't', 'TASK_RUNNING', { uuid: id }))).status).toBe(202)
    expect((await eventOf(executor, 'ACKNOWLEDGED')).acknowledged).toEqual({
      task_id: { value: 't' },
      uuid: id,
    })
    world.controlPlane.away = false
    await until(() => world.controlPlane.states('t').length === 1)
    // C95
    expect(world.controlPlane.last('t')).toMatchObject({
      state: 'TASK_RUNNING',
      uuid: id,
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: 'm-S1' },
      executor_id: { value: 'e' },
      timestamp: expect.any(Number),
      container_status: { container_id: { value: expect.any(String) } },
    })
  })

  test('C126: updates listed again are acknowledged again and not handed in twice', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    const id = uuid()
    await post(port(), updateOf('e', 't', 'TASK_RUNNING', { uuid: id }))
    await until(() => world.controlPlane.states('t').length === 1)
    first.close()
    const status = {
      task_id: { value: 't' },
      state: 'TASK_RUNNING' as const,
      source: 'SOURCE_EXECUTOR' as const,
      uuid: id,
    }
    const second = await subscribe(port(), 'e', { unacknowledged_updates: [{ status }] })
    expect((await eventOf(second, 'ACKNOWLEDGED')).acknowledged?.uuid).toBe(id)
    await post(port(), updateOf('e', 't', 'TASK_FINISHED'))
    await until(() => world.controlPlane.states('t').includes('TASK_FINISHED'))
    expect(world.controlPlane.states('t')).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
  })

  test('C127: a delivered task that is still staging and not listed is DROPPED', async () => {
    await launch([task('t'), task('kept')])
    const first = await subscribe(port(), 'e')
    await until(() => first.types().filter((type) => type === 'LAUNCH').length === 2)
    first.close()
    const kept = task('kept').task
    await subscribe(port(), 'e', { unacknowledged_tasks: [kept] })
    await until(() => world.controlPlane.states('t').length === 1)
    expect(world.controlPlane.last('t')).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_AGENT_RESTARTED',
      source: 'SOURCE_AGENT',
    })
    expect(world.controlPlane.states('kept')).toEqual([])
  })

  test('C128: a second one closes the first without a word', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    const seen = first.events.length
    const second = await subscribe(port(), 'e', { unacknowledged_tasks: [task('t').task] })
    await eventOf(second, 'SUBSCRIBED')
    await until(() => first.closed)
    expect(first.events.length).toBe(seen)
    expect(second.closed).toBe(false)
  })

  test('of an executor whose tasks were all killed before delivery is answered with SHUTDOWN', async () => {
    await launch([task('t')])
    world.controlPlane.kill('f', 't')
    await until(() => world.controlPlane.states('t').length === 1)
    const executor = await subscribe(port(), 'e')
    await eventOf(executor, 'SHUTDOWN')
    expect(executor.types()).toEqual(['SHUTDOWN'])
  })
})

describe('a custom executor', () => {
  test('C131: has the environment of Mesos and nothing of the agent’s own', async () => {
    await launch([task('t', { command: { value: 'env -0 > environment; exec sleep 100' } })])
    const file = () => join(sandbox(), 'environment')
    await until(() => read(file()).includes('MESOS_SLAVE_PID'))
    const variables = Object.fromEntries(
      read(file())
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    expect(variables).toMatchObject({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      MESOS_FRAMEWORK_ID: 'f',
      MESOS_EXECUTOR_ID: 'e',
      MESOS_SLAVE_ID: 'm-S1',
      MESOS_AGENT_ENDPOINT: `127.0.0.1:${port()}`,
      MESOS_SLAVE_PID: `slave(1)@127.0.0.1:${port()}`,
      MESOS_DIRECTORY: sandbox(),
      MESOS_SANDBOX: sandbox(),
      MESOS_CHECKPOINT: '1',
      MESOS_RECOVERY_TIMEOUT: '15mins',
      MESOS_SUBSCRIPTION_BACKOFF_MAX: '2secs',
      MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '100ms',
      MESOS_HTTP_COMMAND_EXECUTOR: '0',
      LIBPROCESS_PORT: '0',
    })
    expect(variables).not.toHaveProperty('HOME')
    expect(variables).not.toHaveProperty('NODE_ENV')
  })

  test('C130, F84: its end fails its live tasks and is told with its status', async () => {
    await launch([task('t', { command: { value: 'sleep 0.3; exit 5' } })])
    const executor = await subscribe(port(), 'e')
    await eventOf(executor, 'LAUNCH')
    await post(port(), updateOf('e', 't', 'TASK_RUNNING'))
    await until(() => world.controlPlane.states('t').length === 2)
    expect(world.controlPlane.last('t')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_EXECUTOR_TERMINATED',
      source: 'SOURCE_AGENT',
      message: 'Executor terminated',
      uuid: expect.any(String),
    })
    await until(() => world.controlPlane.exits.length === 1)
    expect(world.controlPlane.exits).toMatchObject([{ frameworkId: 'f', executorId: 'e', status: 1280 }])
  })

  test('gets KILL with its policy, and again after it lost its stream', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    await post(port(), updateOf('e', 't', 'TASK_RUNNING'))
    const killPolicy = { grace_period: durationInfo(1_000) }
    world.controlPlane.kill('f', 't', { killPolicy })
    expect((await eventOf(first, 'KILL')).kill).toEqual({
      task_id: { value: 't' },
      kill_policy: { grace_period: { nanoseconds: 1_000_000_000 } },
    })
    first.close()
    const second = await subscribe(port(), 'e')
    expect((await eventOf(second, 'KILL')).kill?.task_id.value).toBe('t')
    await post(port(), updateOf('e', 't', 'TASK_KILLED'))
    await until(() => world.controlPlane.states('t').at(-1) === 'TASK_KILLED')
  })

  test('carries messages both ways', async () => {
    await launch([task('t')])
    const executor = await subscribe(port(), 'e')
    await eventOf(executor, 'LAUNCH')
    await post(port(), callOf('e', { type: 'MESSAGE', message: { data: 'aGk=' } }))
    await until(() => world.controlPlane.messages.length === 1)
    expect(world.controlPlane.messages).toEqual([{ frameworkId: 'f', executorId: 'e', data: 'aGk=' }])
    world.controlPlane.nudge({ kind: 'message', frameworkId: 'f', executorId: 'e', data: 'eW8=' })
    expect((await eventOf(executor, 'MESSAGE')).message?.data).toBe('eW8=')
  })

  test('C133: is asked to shut down and killed after its own grace', async () => {
    await launch([task('t', { shutdown_grace_period: durationInfo(300) })])
    const executor = await subscribe(port(), 'e')
    await eventOf(executor, 'LAUNCH')
    world.controlPlane.endExecutors = [{ frameworkId: 'f', executorId: 'e' }]
    world.controlPlane.want([])
    await eventOf(executor, 'SHUTDOWN')
    const begun = performance.now()
    await until(() => world.controlPlane.exits.length === 1)
    expect(performance.now() - begun).toBeGreaterThan(250)
    expect(world.controlPlane.exits[0]?.status).toBe(9)
  })

  test('C132, F30: survives the agent and comes back; its tasks go on', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    await post(port(), updateOf('e', 't', 'TASK_RUNNING'))
    await until(() => world.controlPlane.states('t').length === 1)
    const before = port()
    await world.restart()
    expect(port()).toBe(before)
    const second = await subscribe(port(), 'e')
    expect(await eventOf(second, 'SUBSCRIBED')).toBeDefined()
    await until(() => world.controlPlane.registrations.length === 2)
    expect(world.controlPlane.registrations[1]).toMatchObject({
      tasks: [{ taskId: 't', executorId: 'e', state: 'TASK_RUNNING' }],
      executors: [{ frameworkId: 'f', info: { executor_id: { value: 'e' } } }],
    })
    await post(port(), updateOf('e', 't', 'TASK_FINISHED'))
    await until(() => world.controlPlane.states('t').at(-1) === 'TASK_FINISHED')
  })

  test('F28 C124: what is launched or killed before it is back waits for it', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    await post(port(), updateOf('e', 't', 'TASK_RUNNING'))
    await until(() => world.controlPlane.states('t').length === 1)
    await world.restart()
    await world.agent.registered
    world.controlPlane.want([{ ...task('late'), wanted: 'run' }])
    world.controlPlane.kill('f', 't')
    await until(() => world.agent.acting.state.tasks.get('f/t')?.stop !== undefined)
    expect(world.agent.acting.state.tasks.get('f/late')?.stage).toBe('queued')
    const second = await subscribe(port(), 'e')
    await eventOf(second, 'KILL')
    expect(second.types()).toEqual(['SUBSCRIBED', 'LAUNCH', 'KILL'])
    await post(port(), updateOf('e', 'late', 'TASK_RUNNING'))
    await until(() => world.controlPlane.states('late').at(-1) === 'TASK_RUNNING')
  })

  test('F28: one that does not come back is killed, its tasks are GONE', async () => {
    await launch([task('t')])
    const first = await subscribe(port(), 'e')
    await eventOf(first, 'LAUNCH')
    await post(port(), updateOf('e', 't', 'TASK_RUNNING'))
    await until(() => world.controlPlane.states('t').length === 1)
    await world.restart()
    // The control plane does not wait for it: an agent that is silent so long would be lost under `fast` (F5).
    await until(() => world.controlPlane.registrations.length === 2)
    expect(world.controlPlane.registrations[1]).toMatchObject({
      tasks: [{ taskId: 't', state: 'TASK_RUNNING' }],
      executors: [{ info: { executor_id: { value: 'e' } } }],
    })
    expect(world.controlPlane.states('t')).toHaveLength(1)
    await until(() => world.controlPlane.states('t').length === 2)
    expect(world.controlPlane.last('t')).toMatchObject({
      state: 'TASK_GONE',
      reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
    })
  })
})

test('C129: without SUBSCRIBE in a minute it is killed and its tasks fail', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('t', 1, { executor: executorInfo() })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  const launched = machine.put({ input: 'container-launched', containerId, pid: 7 })
  expect(launched).toContainEqual({ action: 'timer', timer: 'registration/f/e', ms: 60_000 })
  expect(machine.put({ input: 'timer', timer: 'registration/f/e' })).toContainEqual(
    expect.objectContaining({ action: 'destroy' }),
  )
  machine.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 9 } })
  expect(machine.updates('t')[0]?.status).toMatchObject({
    state: 'TASK_FAILED',
    reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
  })
})

test('C133: one that subscribed before its start was heard of has its grace as well', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('t', 1, { executor: executorInfo() })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  const subscription = { executor: 'f/e', unacknowledgedTasks: [], unacknowledgedUpdates: [] }
  machine.put({ input: 'executor-subscribed', ...subscription })
  const ended = machine.nudge(2, [], { endExecutors: [{ frameworkId: 'f', executorId: 'e' }] })
  expect(ended).toContainEqual({ action: 'event', executor: 'f/e', event: { type: 'SHUTDOWN' } })
  const launched = machine.put({ input: 'container-launched', containerId, pid: 7 })
  expect(launched).not.toContainEqual(expect.objectContaining({ action: 'destroy' }))
  expect(machine.put({ input: 'timer', timer: 'shutdown/f/e' })).toContainEqual(
    expect.objectContaining({ action: 'destroy' }),
  )
})

test('one that is ended while it starts goes at once, even if it subscribes just then', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('t', 1, { executor: executorInfo() })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  machine.nudge(2, [], { endExecutors: [{ frameworkId: 'f', executorId: 'e' }] })
  const subscription = { executor: 'f/e', unacknowledgedTasks: [], unacknowledgedUpdates: [] }
  const answer = machine.put({ input: 'executor-subscribed', ...subscription })
  expect(answer).toContainEqual({ action: 'event', executor: 'f/e', event: { type: 'SHUTDOWN' } })
  expect(machine.put({ input: 'container-launched', containerId, pid: 7 })).toContainEqual(
    expect.objectContaining({ action: 'destroy' }),
  )
})

test('C135: the first HEARTBEAT comes after 30 minutes', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('t', 1, { executor: executorInfo() })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  machine.put({ input: 'container-launched', containerId, pid: 7 })
  const actions = machine.put({
    input: 'executor-subscribed',
    executor: 'f/e',
    unacknowledgedTasks: [],
    unacknowledgedUpdates: [],
  })
  expect(actions).toContainEqual({ action: 'timer', timer: 'executor-heartbeat/f/e', ms: 30 * 60_000 })
  expect(machine.put({ input: 'timer', timer: 'executor-heartbeat/f/e' })).toContainEqual(
    expect.objectContaining({ action: 'event', event: { type: 'HEARTBEAT' } }),
  )
})

test('C134: killing one member of a group before delivery kills all of it', () => {
  const machine = registeredMachine()
  const member = (id: string) => wantedAt(id, 1, { executor: executorInfo(), group: { id: 'g', size: 2 } })
  machine.nudge(1, [member('a'), member('b')])
  machine.nudge(2, [{ ...member('a'), wanted: 'stop', kills: 1 }])
  for (const id of ['a', 'b']) {
    expect(machine.updates(id)[0]?.status).toMatchObject({
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      source: 'SOURCE_AGENT',
    })
  }
})

function executorInfo(more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return {
    executor_id: { value: 'e' },
    type: 'CUSTOM',
    command: { value: 'exec sleep 100' },
    shutdown_grace_period: durationInfo(100),
    ...more,
  }
}

function task(taskId: string, executor: Partial<ExecutorInfo> = {}): WantedTask {
  const { command: _, ...info } = wanted(taskId, '').task
  return { ...wanted(taskId, ''), task: info, executor: executorInfo(executor) }
}

async function launch(tasks: readonly WantedTask[]): Promise<void> {
  world.controlPlane.want(tasks)
  await until(() => world.agent.acting.state.executors.has('f/e'))
  await until(() => world.agent.acting.state.executors.get('f/e')?.stage !== 'starting')
}

function port(): number {
  return world.agent.port
}

function sandbox(): string {
  const container = world.agent.acting.state.executors.get('f/e')?.containerId.value
  return join(world.workDir, 'slaves/m-S1/frameworks/f/executors/e/runs', container ?? '')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
