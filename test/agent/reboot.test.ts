// The machine was restarted, or things were lost on their way: what the next process says of each task (F32, F34, F35).
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { WantedTask } from '../../protocol/agent-messages.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { INCARNATION, register, registeredMachine, wantedAt } from './machine.ts'
import { isRunning } from './process-world.ts'
import { wanted } from './tasks.ts'

let world: World
afterEach(() => world?.close())

describe('F32: after a reboot', () => {
  test('tasks of every kind get their last update, executors are told ended, and the id is kept', async () => {
    world = await startWorld()
    const { controlPlane } = world
    const group = ['g1', 'g2'].map((id) => under(id, 'DEFAULT', { group: { id: 'g', size: 2 } }))
    controlPlane.want([wanted('a', 'exec sleep 1000'), ...group, under('c', 'CUSTOM')])
    await until(() => ['a', 'g1', 'g2'].every((id) => controlPlane.states(id).includes('TASK_RUNNING')))
    await until(() => world.agent.acting.state.executors.get('f/eCUSTOM')?.pid !== undefined)
    const pids = recordedPids()
    await world.agent.stop()
    reboot(pids)
    await world.restart()
    await until(() =>
      ['a', 'g1', 'g2', 'c'].every((id) => /FAILED|DROPPED/.test(controlPlane.states(id).at(-1) ?? '')),
    )
    for (const id of ['a', 'g1', 'g2']) {
      expect(controlPlane.last(id)).toMatchObject({
        state: 'TASK_FAILED',
        reason: 'REASON_EXECUTOR_TERMINATED',
      })
    }
    // Never delivered to its executor, which had not subscribed.
    expect(controlPlane.last('c')).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_AGENT_RESTARTED' })
    await until(() => controlPlane.exits.length === 2)
    expect(controlPlane.registrations.at(-1)?.agentId).toBe('m-S1')
    expect(world.agent.acting.state.tasks.size).toBe(0)
  })

  test('records of containers of the boot before name no process of this one', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('a', 'exec sleep 1000')])
    await until(() => controlPlane.states('a').length === 2)
    const [pid = 0] = recordedPids()
    await world.agent.stop()
    // Its pid belongs to somebody else now, as far as the records tell.
    writeFileSync(join(world.workDir, 'meta', 'boot_id'), 'another')
    for (const name of readdirSync(join(world.workDir, 'containers'))) {
      const shim = join(world.workDir, 'containers', name, 'shim')
      writeFileSync(shim, readFileSync(shim, 'utf8').replace(/\S+\n$/, 'another\n'))
    }
    await world.restart()
    await until(() => controlPlane.states('a').at(-1) === 'TASK_FAILED')
    expect(isRunning(pid)).toBe(true)
    process.kill(-pid, 'SIGKILL')
  })
})

describe('F34: a launch that was written down', () => {
  test('and not delivered to its executor is DROPPED; the executor, back in time, hears nothing of it', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([under('waits', 'CUSTOM')])
    await until(() => world.agent.acting.state.executors.get('f/eCUSTOM')?.pid !== undefined)
    await world.restart()
    await until(() => controlPlane.states('waits').length === 1)
    expect(controlPlane.last('waits')).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_AGENT_RESTARTED',
      source: 'SOURCE_AGENT',
    })
  })
})

test('F35: a launch that never came, though it is behind the agent, is DROPPED with RECONCILIATION and never started', () => {
  const machine = registeredMachine(5)
  machine.list(6, [wantedAt('lost', 4), wantedAt('new', 6)])
  expect(machine.launched()).toEqual(['new'])
  expect(machine.updates('lost')[0]?.status).toMatchObject({
    state: 'TASK_DROPPED',
    reason: 'REASON_RECONCILIATION',
  })
  register(machine, INCARNATION + 1)
  machine.list(7, [wantedAt('older', 6)], INCARNATION + 1)
  expect(machine.updates('older')[0]?.status).toMatchObject({
    state: 'TASK_GONE',
    reason: 'REASON_RECONCILIATION',
  })
  expect(machine.launched()).toEqual(['new'])
})

test('F36: a container that nobody remembers is ended at the next start, with its shim, and nothing is said of it', async () => {
  world = await startWorld()
  const { controlPlane } = world
  controlPlane.want([wanted('orphan', '(setsid sleep 1000 &); exec sleep 1000')])
  await until(() => controlPlane.states('orphan').length === 2)
  const [pid = 0] = recordedPids()
  const [shim = 0] = recordedPids('shim')
  await world.agent.stop()
  const tasks = join(world.workDir, 'meta', 'tasks')
  for (const name of readdirSync(tasks)) rmSync(join(tasks, name))
  await world.restart()
  await until(() => !isRunning(pid) && !isRunning(shim))
  await until(() => readdirSync(join(world.workDir, 'containers')).length === 0)
  expect(controlPlane.states('orphan')).toHaveLength(2)
})

function under(id: string, type: 'CUSTOM' | 'DEFAULT', more: Partial<WantedTask> = {}): WantedTask {
  const task = wanted(id, 'exec sleep 1000')
  const { command: _, ...bare } = task.task
  const executor = {
    executor_id: { value: `e${type}` },
    type,
    ...(type === 'CUSTOM' ? { command: { value: 'exec sleep 1000' } } : {}),
  }
  return { ...task, task: type === 'CUSTOM' ? bare : task.task, executor, ...more }
}

function recordedPids(file: 'pid' | 'shim' = 'pid'): number[] {
  const folder = join(world.workDir, 'containers')
  return readdirSync(folder).map((name) =>
    Number(readFileSync(join(folder, name, file), 'utf8').split(' ')[0]),
  )
}

/** Nothing of before runs, and the boot is another one. */
function reboot(pids: readonly number[]): void {
  const shims = recordedPids('shim')
  for (const pid of [...shims, ...pids]) process.kill(pid, 'SIGKILL')
  const containers = join(world.workDir, 'containers')
  if (existsSync(containers)) rmSync(containers, { recursive: true })
  mkdirSync(containers)
  writeFileSync(join(world.workDir, 'meta', 'boot_id'), 'another')
}
