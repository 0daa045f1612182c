// The agent process dies, tasks do not: what the next process finds, says and leaves alone.
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { startAgent } from '../../agent/start.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { framework, gate, wanted } from './tasks.ts'

let world: World
afterEach(() => world.close())

describe('a restarted agent', () => {
  test('F27: finds its tasks running with the same pids and sends no update of them', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('long', 'sleep 100')])
    await until(() => controlPlane.states('long').length === 2)
    const pid = controlPlane.last('long')?.container_status?.executor_pid
    await world.restart()
    await until(() => controlPlane.registrations.length === 2)
    expect(controlPlane.registrations[1]?.tasks).toMatchObject([
      { taskId: 'long', state: 'TASK_RUNNING', lastUpdate: 2 },
    ])
    expect(world.agent.acting.state.tasks.get('f/long')?.pid).toBe(pid)
    expect(() => process.kill(pid ?? 0, 0)).not.toThrow()
    controlPlane.kill('f', 'long')
    await until(() => controlPlane.states('long').at(-1) === 'TASK_KILLED')
    expect(controlPlane.states('long')).toEqual([
      'TASK_STARTING',
      'TASK_RUNNING',
      'TASK_KILLING',
      'TASK_KILLED',
    ])
  })

  test('says how a task ended that ended while the agent was away', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('seven', `${gate(join(world.workDir, 'go'))}; exit 7`)])
    await until(() => controlPlane.states('seven').length === 2)
    const pid = controlPlane.last('seven')?.container_status?.executor_pid ?? 0
    await world.agent.stop()
    writeFileSync(join(world.workDir, 'go'), '')
    await until(() => isGone(pid))
    await world.restart()
    await until(() => controlPlane.states('seven').length === 3)
    expect(controlPlane.last('seven')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 7',
    })
  })

  test('F30: hands in what it wrote down before, with the same uuid, and what was taken not again', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('one', gate(join(world.workDir, 'go')))])
    await until(() => controlPlane.states('one').length === 2)
    controlPlane.away = true
    writeFileSync(join(world.workDir, 'go'), '')
    await until(() => world.agent.acting.state.tasks.get('f/one')?.state === 'TASK_FINISHED')
    const uuid = world.agent.acting.state.tasks.get('f/one')?.pending[0]?.status.uuid
    await world.agent.stop()
    controlPlane.away = false
    await world.restart()
    await until(() => controlPlane.states('one').length === 3)
    expect(controlPlane.last('one')).toMatchObject({ state: 'TASK_FINISHED', uuid })
    expect(controlPlane.states('one')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
  })

  test('F31: cuts off a record torn at the end of a log', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('torn', 'sleep 100')])
    await until(() => controlPlane.states('torn').length === 2)
    await world.agent.stop()
    const log = onlyLog(world.workDir)
    appendFileSync(log, '{"update":{"num')
    await world.restart()
    await until(() => controlPlane.registrations.length === 2)
    expect(controlPlane.registrations[1]?.tasks).toMatchObject([{ taskId: 'torn', lastUpdate: 2 }])
    expect(readFileSync(log, 'utf8').endsWith('}\n')).toBe(true)
  })

  test('F31: refuses to start over a log broken in the middle, unless it is not strict', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('broken', 'sleep 100')])
    await until(() => controlPlane.states('broken').length === 2)
    await world.agent.stop()
    const log = onlyLog(world.workDir)
    const lines = readFileSync(log, 'utf8').split('\n')
    writeFileSync(log, [lines[0], '{"oops', ...lines.slice(1)].join('\n'))
    await expect(world.restart()).rejects.toThrow(/is broken.*--no-strict/)
    await world.restart({ strict: false })
    await until(() => controlPlane.registrations.length === 2)
    expect(controlPlane.registrations[1]?.tasks).toMatchObject([{ taskId: 'broken', state: 'TASK_RUNNING' }])
  })

  test('F34: a launch that was written down but not started is DROPPED with AGENT_RESTARTED', async () => {
    world = await startWorld()
    const { controlPlane } = world
    await world.agent.stop()
    const state = world.agent.acting.state
    const task = wanted('early', 'true')
    const record = {
      key: 'f/early',
      frameworkId: 'f',
      taskId: 'early',
      executorId: 'early',
      kind: 'command' as const,
      launch: { ...task, launchIncarnation: controlPlane.incarnation, launchGeneration: 1 },
      info: task.task,
      containerId: { value: 'never-made' },
      stage: 'launching' as const,
      state: 'TASK_STAGING' as const,
      lastUpdate: 0,
      pending: [],
      statuses: [],
      executorUuids: new Set<string>(),
    }
    state.tasks.set(record.key, record)
    state.frameworks.set('f', framework())
    new Checkpoint(world.workDir).write(
      [
        { save: 'framework', frameworkId: 'f' },
        { save: 'task', task: 'f/early' },
      ],
      state,
    )
    await world.restart()
    await until(() => controlPlane.states('early').length === 1)
    expect(controlPlane.last('early')).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_AGENT_RESTARTED',
      source: 'SOURCE_AGENT',
    })
  })

  test('ends the tasks of a framework without checkpoints', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.frameworks = [framework('f', { checkpoint: false })]
    controlPlane.want([wanted('plain', 'sleep 100')])
    await until(() => controlPlane.states('plain').length === 2)
    const pid = controlPlane.last('plain')?.container_status?.executor_pid ?? 0
    await world.restart()
    await until(() => controlPlane.states('plain').length === 3)
    expect(controlPlane.last('plain')).toMatchObject({
      state: 'TASK_GONE',
      reason: 'REASON_AGENT_DISCONNECTED',
    })
    await until(() => isGone(pid))
  })

  test('F37: with recover=cleanup ends what still runs', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('left', 'sleep 100')])
    await until(() => controlPlane.states('left').length === 2)
    const pid = controlPlane.last('left')?.container_status?.executor_pid ?? 0
    await world.restart({ recover: 'cleanup' })
    await until(() => isGone(pid))
  })

  test('F33: with other resources it does not start, with more of them it does when additive', async () => {
    world = await startWorld()
    const resources = [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 2 } }]
    await expect(world.restart({ resources })).rejects.toThrow(/other resources before/)
    const more = [
      { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 8 } },
      { name: 'mem', type: 'SCALAR' as const, scalar: { value: 4096 } },
      { name: 'disk', type: 'SCALAR' as const, scalar: { value: 10240 } },
      { name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: 31000, end: 31999 }] } },
    ]
    await world.restart({ resources: more, reconfiguration: 'additive' })
    await until(() => world.controlPlane.registrations.length === 2)
  })
})

test('F32: after a restart of the machine tasks get their terminal update and the agent keeps its id', async () => {
  world = await startWorld()
  const { controlPlane } = world
  controlPlane.want([wanted('was', 'sleep 100')])
  await until(() => controlPlane.states('was').length === 2)
  const pid = controlPlane.last('was')?.container_status?.executor_pid ?? 0
  await world.agent.stop()
  // As after a reboot: nothing runs, and the boot is another one.
  process.kill(-pid, 'SIGKILL')
  await until(() => isGone(pid))
  rmSync(join(world.workDir, 'containers'), { recursive: true })
  writeFileSync(join(world.workDir, 'meta', 'boot_id'), 'another')
  await world.restart()
  await until(() => controlPlane.states('was').includes('TASK_FAILED'))
  expect(controlPlane.last('was')).toMatchObject({
    state: 'TASK_FAILED',
    reason: 'REASON_EXECUTOR_TERMINATED',
  })
  expect(controlPlane.registrations.at(-1)?.agentId).toBe('m-S1')
})

test('F32: one whose machine changed with the restart becomes a new agent', async () => {
  world = await startWorld()
  await world.agent.stop()
  writeFileSync(join(world.workDir, 'meta', 'boot_id'), 'another')
  await world.restart({ attributes: [{ name: 'rack', type: 'TEXT', text: { value: 'b' } }] })
  await until(() => world.controlPlane.registrations.length === 2)
  expect(world.controlPlane.registrations.at(-1)?.agentId).toBeUndefined()
})

test('a second agent on the same work directory is refused in one sentence', async () => {
  world = await startWorld()
  const options = {
    workDir: world.workDir,
    controlPlane: world.controlPlane,
    ip: '127.0.0.1',
    port: 0,
    hostname: 'h',
  }
  const second = startAgent({
    ...options,
    resources: [],
    attributes: [],
    // Never used: the lock comes first.
    containerizer: {} as never,
  })
  await expect(second).rejects.toThrow(/Another agent \(process \d+\) works in .*give another --work-dir/)
})

function onlyLog(workDir: string): string {
  const folder = join(workDir, 'meta', 'tasks')
  const [name = ''] = readdirSync(folder)
  return join(folder, name)
}

function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
