// Real agent processes and real tasks under kill -9, SIGSTOP, an absent control plane and other releases.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { unseal } from '../../agent/sealed.ts'
import type { WantedTask } from '../../protocol/agent-messages.ts'
import { until } from './agent-process.ts'
import { isRunning, type ProcessWorld, processWorld, stateOf } from './process-world.ts'
import { gate, wanted } from './tasks.ts'

let world: ProcessWorld
afterEach(() => world.close())

describe('kill -9 of the agent', () => {
  test('F27: its tasks run on with the same pids, and no update of them is sent', async () => {
    world = await processWorld()
    const agent = await world.start()
    const pids = await running('a', 'b', 'c')
    await agent.kill()
    expect(pids.map(isRunning)).toEqual([true, true, true])
    await world.start()
    expect(world.controlPlane.registrations.at(-1)?.tasks.map((task) => task.state)).toEqual(
      Array(3).fill('TASK_RUNNING'),
    )
    expect(pids.map(isRunning)).toEqual([true, true, true])
    for (const id of ['a', 'b', 'c']) expect(states(id)).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
  })

  test('F36: at any moment of its launches, each task begins once or never, and is told once', async () => {
    world = await processWorld()
    const { controlPlane } = world
    const ids: string[] = []
    for (const waitMs of [0, 4, 9, 16, 30]) {
      const agent = await world.start()
      const some = Array.from({ length: 6 }, (_, index) => `t${waitMs}-${index}`)
      ids.push(...some)
      for (const id of some) {
        const nudge = controlPlane.want([wanted(id, `echo $$ >> ${begun(id)}`)])
        for (let times = 0; times < 4; times++) controlPlane.nudge(nudge)
      }
      // From before they are read to after the first have ended.
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      await agent.kill()
    }
    await world.start()
    await until(() => controlPlane.wanted.size === 0, 30_000)
    for (const id of ids) {
      const times = existsSync(begun(id)) ? readFileSync(begun(id), 'utf8').trim().split('\n').length : 0
      expect(times, id).toBeLessThanOrEqual(1)
      const terminal = states(id).filter((state) => !/STARTING|RUNNING/.test(state))
      expect(terminal.length, `${id}: ${states(id)}`).toBeLessThanOrEqual(1)
      if (states(id).at(-1) === 'TASK_FINISHED') expect(times, id).toBe(1)
    }
  }, 120_000)

  test('F30, F66: with the control plane away tasks run, health checks act, updates are kept and told once', async () => {
    world = await processWorld()
    const { controlPlane, workDir } = world
    const health = {
      type: 'COMMAND' as const,
      command: { value: `test ! -e ${join(workDir, 'sick')}` },
      delay_seconds: 0,
      interval_seconds: 0.1,
      grace_period_seconds: 0,
      consecutive_failures: 2,
    }
    const agent = await world.start()
    controlPlane.want([
      wanted('ends', `${gate(join(workDir, 'go'))}; exit 3`),
      wanted('sick', 'exec sleep 1000', { health_check: health }),
      wanted('stays', 'exec sleep 1000'),
    ])
    await until(
      () => states('ends').length === 2 && states('stays').length === 2 && states('sick').length === 3,
    )
    const sick = controlPlane.last('sick')?.container_status?.executor_pid ?? 0
    controlPlane.away = true
    writeFileSync(join(workDir, 'go'), '')
    writeFileSync(join(workDir, 'sick'), '')
    await until(() => !isRunning(sick))
    await agent.kill()
    const next = world.launch()
    await until(() => next.lines.some((line) => line.includes('registration failed')))
    await next.kill()
    controlPlane.away = false
    await world.start()
    await until(() => states('ends').length === 3 && states('sick').at(-1) === 'TASK_KILLED')
    expect(controlPlane.last('ends')).toMatchObject({ state: 'TASK_FAILED' })
    expect(controlPlane.last('sick')).toMatchObject({ healthy: false })
    expect(states('stays')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
    const numbers = controlPlane.updates.filter((one) => one.taskId === 'sick').map((one) => one.number)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  })

  test('F37: --recover cleanup ends every task and executor, tells it, and the process exits with 0', async () => {
    world = await processWorld()
    const agent = await world.start()
    const [pid = 0] = await running('left')
    world.controlPlane.want([custom('t', 'sleep 1000')])
    await until(() => executorPid() !== undefined)
    const executor = executorPid() ?? 0
    await agent.kill()
    const cleaning = await world.start('--recover', 'cleanup')
    expect(await cleaning.ended).toBe(0)
    expect([pid, executor].map(isRunning)).toEqual([false, false])
  })
})

describe('SIGSTOP', () => {
  test('F27: of the agent for longer than its time-outs: after SIGCONT all is as it was, and it beats again', async () => {
    world = await processWorld()
    const agent = await world.start()
    const [pid = 0] = await running('a')
    agent.signal('SIGSTOP')
    await until(() => stateOf(agent.pid) === 'T')
    const beats = world.controlPlane.beats.length
    world.controlPlane.kill('f', 'a')
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(isRunning(pid)).toBe(true)
    agent.signal('SIGCONT')
    await until(() => states('a').at(-1) === 'TASK_KILLED')
    expect(isRunning(pid)).toBe(false)
    await until(() => world.controlPlane.beats.length > beats)
  })

  test('F86: of a task and of its shim while it is killed: both are gone after the grace', async () => {
    world = await processWorld()
    await world.start()
    const [pid = 0] = await running('a')
    const shim = shimOf('a')
    for (const each of [pid, shim]) process.kill(each, 'SIGSTOP')
    const kill_policy = { grace_period: { nanoseconds: 200_000_000 } }
    world.controlPlane.kill('f', 'a', { killPolicy: kill_policy })
    await until(() => states('a').at(-1) === 'TASK_KILLED' || states('a').at(-1) === 'TASK_FAILED', 20_000)
    expect([pid, shim].map(isRunning)).toEqual([false, false])
  })

  test('F28: of a custom executor while the agent restarts: it is killed when it does not come back', async () => {
    world = await processWorld()
    const agent = await world.start()
    world.controlPlane.want([custom('t', 'exec sleep 1000')])
    await until(() => executorPid() !== undefined)
    const executor = executorPid() ?? 0
    process.kill(executor, 'SIGSTOP')
    await agent.kill()
    await world.start()
    await until(() => !isRunning(executor))
    await until(() => states('t').length === 1)
  })
})

/** Real processes of this world's tasks, running. */
async function running(...ids: string[]): Promise<number[]> {
  world.controlPlane.want(ids.map((id) => wanted(id, 'exec sleep 1000')))
  await until(() => ids.every((id) => states(id).includes('TASK_RUNNING')))
  return ids.map((id) => world.controlPlane.last(id)?.container_status?.executor_pid ?? 0)
}

function states(id: string): string[] {
  return world.controlPlane.states(id)
}

function begun(id: string): string {
  return join(world.workDir, `begun-${id}`)
}

function custom(taskId: string, command: string): WantedTask {
  const { command: _, ...info } = wanted(taskId, '').task
  const executor = { executor_id: { value: 'e' }, type: 'CUSTOM' as const, command: { value: command } }
  return { ...wanted(taskId, ''), task: info, executor }
}

/** The process that watches over a task, by the record of its container. */
function shimOf(id: string): number {
  const pid = world.controlPlane.last(id)?.container_status?.executor_pid
  const folder = join(world.workDir, 'containers')
  const name = readdirSync(folder).find(
    (one) => readFileSync(join(folder, one, 'pid'), 'utf8').split(' ')[0] === String(pid),
  )
  return Number(readFileSync(join(folder, name ?? '', 'shim'), 'utf8').split(' ')[0])
}

/** Of the custom executor, by the record of its container. */
function executorPid(): number | undefined {
  const folder = join(world.workDir, 'meta', 'executors')
  const [name] = readdirSync(folder).filter((one) => one.endsWith('.json'))
  if (name === undefined) return undefined
  const { pid } = unseal(readFileSync(join(folder, name), 'utf8'))
  return typeof pid === 'number' ? pid : undefined
}
