// Kills: TERM first, KILL after the grace, the whole tree, a second kill only shortens (F86); time limits (F89).
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { durationInfo } from '../../protocol/durations.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { registeredMachine, wantedAt } from './machine.ts'
import { framework, wanted } from './tasks.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

describe('F86: a kill', () => {
  test('ends a task by SIGTERM: KILLING, KILLED', async () => {
    const { controlPlane } = world
    await running('mild', 'sleep 100')
    controlPlane.kill('f', 'mild')
    await until(() => controlPlane.states('mild').length === 4)
    expect(controlPlane.states('mild').slice(2)).toEqual(['TASK_KILLING', 'TASK_KILLED'])
    expect(controlPlane.last('mild')?.message).toBe('Command terminated with signal Terminated')
  })

  test('of a task that ends with 0 because of it is still KILLED', async () => {
    const { controlPlane } = world
    await running('polite', "trap 'exit 0' TERM; while :; do sleep 0.05; done")
    await new Promise((resolve) => setTimeout(resolve, 150))
    controlPlane.kill('f', 'polite')
    await until(() => controlPlane.states('polite').length === 4)
    expect(controlPlane.last('polite')?.state).toBe('TASK_KILLED')
  })

  test('destroys the whole tree after the grace of the kill', async () => {
    const { controlPlane } = world
    await running('deaf', "trap '' TERM; sleep 300 & echo $! > child; while :; do sleep 1; done")
    await new Promise((resolve) => setTimeout(resolve, 150))
    const child = Number(readFileSync(sandboxFile('deaf', 'child'), 'utf8'))
    const begun = performance.now()
    controlPlane.kill('f', 'deaf', { killPolicy: { grace_period: durationInfo(300) } })
    await until(() => controlPlane.states('deaf').length === 4)
    expect(performance.now() - begun).toBeGreaterThan(290)
    expect(controlPlane.last('deaf')).toMatchObject({
      state: 'TASK_KILLED',
      message: 'Command terminated with signal Killed',
    })
    expect(isGone(child)).toBe(true)
  })

  test('said twice only shortens the grace', () => {
    const machine = registeredMachine()
    const task = wantedAt('a', 1)
    machine.nudge(1, [task])
    machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
    const grace = (ms: number) => ({ killPolicy: { grace_period: durationInfo(ms) } })
    machine.nudge(2, [{ ...task, wanted: 'stop', kills: 1, ...grace(10_000) }])
    expect(deadline()).toBe(10_000)
    machine.now += 1_000
    machine.nudge(3, [{ ...task, wanted: 'stop', kills: 2, ...grace(60_000) }])
    expect(deadline()).toBe(10_000)
    machine.nudge(4, [{ ...task, wanted: 'stop', kills: 3, ...grace(2_000) }])
    expect(deadline()).toBe(2_000)
    const actions = machine.nudge(5, [{ ...task, wanted: 'stop', kills: 4, ...grace(500) }])
    expect(actions).toContainEqual(expect.objectContaining({ action: 'destroy' }))

    function deadline(): number {
      const stop = machine.state.tasks.get('f/a')?.stop
      return (stop?.deadline ?? 0) - (stop?.since ?? 0)
    }
  })

  test('before the process is there is KILLED during launch, by the agent, and nothing is left', () => {
    const machine = registeredMachine()
    const task = wantedAt('a', 1)
    machine.nudge(1, [task])
    const containerId = machine.containerOf('a')
    machine.nudge(2, [{ ...task, wanted: 'stop', kills: 1 }])
    expect(machine.updates('a')).toMatchObject([
      {
        status: { state: 'TASK_KILLED', source: 'SOURCE_AGENT', reason: 'REASON_TASK_KILLED_DURING_LAUNCH' },
      },
    ])
    machine.takeAll()
    const actions = machine.put({ input: 'container-launched', containerId, pid: 9 })
    expect(actions).toContainEqual(expect.objectContaining({ action: 'destroy' }))
    expect(machine.states('a')).toEqual(['TASK_KILLED'])
  })

  test('says KILLING only to frameworks that know it', () => {
    const machine = registeredMachine()
    const task = wantedAt('a', 1)
    machine.nudge(1, [task], { frameworks: [framework('f', { capabilities: [] })] })
    machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
    machine.nudge(2, [{ ...task, wanted: 'stop', kills: 1 }], { frameworks: [] })
    expect(machine.states('a')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
  })
})

test('F89: max_completion_time fails the task', async () => {
  const { controlPlane } = world
  controlPlane.want([wanted('late', 'sleep 100', { max_completion_time: durationInfo(200) })])
  await until(() => controlPlane.states('late').length === 3)
  expect(controlPlane.last('late')).toMatchObject({
    state: 'TASK_FAILED',
    reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
    message: 'Command terminated with signal Terminated',
  })
})

describe('F90: a task that cannot be started', () => {
  test('for a user nobody knows is DROPPED with EXECUTOR_TERMINATED and the user’s name', async () => {
    const { controlPlane } = world
    controlPlane.want([wanted('nobody', 'true', { command: { value: 'true', user: 'nosuchuser' } })])
    await until(() => controlPlane.states('nobody').length === 1)
    expect(controlPlane.last('nobody')).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_EXECUTOR_TERMINATED',
      source: 'SOURCE_AGENT',
    })
    expect(controlPlane.last('nobody')?.message).toContain('nosuchuser')
  })

  test('for files that cannot be fetched FAILED with CONTAINER_LAUNCH_FAILED', async () => {
    const { controlPlane } = world
    const command = { value: 'true', uris: [{ value: '/no/such/file' }] }
    controlPlane.want([wanted('fileless', 'true', { command })])
    await until(() => controlPlane.states('fileless').length === 1)
    expect(controlPlane.last('fileless')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    })
  })

  test('files that are there are fetched into the sandbox', async () => {
    const { controlPlane, workDir } = world
    const source = join(workDir, 'payload.txt')
    writeFileSync(source, 'brought')
    const command = { value: 'test "$(cat payload.txt)" = brought', uris: [{ value: source }] }
    controlPlane.want([wanted('fetched', 'true', { command })])
    await until(() => controlPlane.states('fetched').length === 3)
    expect(controlPlane.last('fetched')?.state).toBe('TASK_FINISHED')
  })

  test('A17: for a variable no process can have is an error', async () => {
    const { controlPlane } = world
    const command = { value: 'true', environment: { variables: [{ name: 'A\nB', value: '1' }] } }
    controlPlane.want([wanted('newline', 'true', { command })])
    await until(() => controlPlane.states('newline').length === 1)
    expect(controlPlane.last('newline')).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
  })
})

async function running(taskId: string, command: string): Promise<void> {
  world.controlPlane.want([wanted(taskId, command)])
  await until(() => world.controlPlane.states(taskId).length === 2)
}

function sandboxFile(taskId: string, name: string): string {
  const container = world.agent.acting.state.tasks.get(`f/${taskId}`)?.containerId.value
  return `${world.workDir}/slaves/m-S1/frameworks/f/executors/${taskId}/runs/${container}/${name}`
}

function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
