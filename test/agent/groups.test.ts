// Task groups under the built-in default executor: started together, ended together when one ends badly (F85).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WantedTask } from '../../protocol/agent-messages.ts'
import { durationInfo } from '../../protocol/durations.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { gate, wanted } from './tasks.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

describe('a group', () => {
  test('starts each member in a container of its own below the executor’s', async () => {
    await group('g1', { a1: 'sleep 100', b1: 'sleep 100' })
    await running('a1', 'b1')
    const [a, b] = ['a1', 'b1'].map((id) => world.controlPlane.last(id)?.container_status?.container_id)
    expect(a?.parent?.value).toBe(b?.parent?.value)
    expect(a?.parent?.value).toEqual(expect.any(String))
    expect(a?.value).not.toBe(b?.value)
    expect(world.controlPlane.last('a1')?.executor_id?.value).toBe('executor-g1')
  })

  test('F85: a member that fails ends its group and no other', async () => {
    await group('g2', { a2: 'sleep 0.2; exit 1', b2: 'sleep 100' })
    await until(() => ended('a2') && ended('b2'))
    expect(world.controlPlane.last('a2')?.state).toBe('TASK_FAILED')
    expect(world.controlPlane.last('b2')?.state).toBe('TASK_KILLED')
    expect(world.controlPlane.states('a1').at(-1)).toBe('TASK_RUNNING')
  })

  test('goes on when a member finishes; its executor ends with 0 after the last', async () => {
    await group('g3', { a3: 'true', b3: gate(join(world.workDir, 'go')) })
    await until(() => ended('a3'))
    expect(ended('b3')).toBe(false)
    writeFileSync(join(world.workDir, 'go'), '')
    await until(() => ended('b3'))
    expect(world.controlPlane.states('b3')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    await until(() => world.controlPlane.exits.some((exit) => exit.executorId === 'executor-g3'))
    expect(world.controlPlane.exits.find((exit) => exit.executorId === 'executor-g3')?.status).toBe(0)
  })

  test('F85: a killed member takes its group with it', async () => {
    await group('g4', { a4: 'sleep 100', b4: 'sleep 100' })
    await running('a4', 'b4')
    world.controlPlane.kill('f', 'a4')
    await until(() => ended('a4') && ended('b4'))
    expect(world.controlPlane.states('b4').slice(2)).toEqual(['TASK_KILLING', 'TASK_KILLED'])
  })

  test('survives the agent: the members run on under the same pids', async () => {
    await group('g5', { a5: 'sleep 100', b5: 'sleep 100' })
    await running('a5', 'b5')
    const pid = world.controlPlane.last('a5')?.container_status?.executor_pid
    await world.restart()
    await world.agent.registered
    expect(world.agent.acting.state.tasks.get('f/a5')?.pid).toBe(pid)
    expect(
      world.controlPlane.registrations.at(-1)?.executors.map((one) => one.info.executor_id.value),
    ).toContain('executor-g5')
    world.controlPlane.kill('f', 'b5', { killPolicy: { grace_period: durationInfo(500) } })
    await until(() => ended('a5') && ended('b5'))
  })

  test('with a member that cannot be started ends as a whole', async () => {
    const tasks = members('g6', { a6: 'true', b6: 'sleep 100' })
    const [first, second] = tasks
    if (first === undefined || second === undefined) throw new Error('two members')
    const broken = {
      ...first,
      task: { ...first.task, command: { value: 'true', uris: [{ value: '/no/such/file' }] } },
    }
    world.controlPlane.want([broken, second])
    await until(() => ended('a6') && ended('b6'))
    expect(world.controlPlane.last('a6')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    })
    expect(world.controlPlane.last('b6')?.state).toBe('TASK_KILLED')
  })
})

function members(groupId: string, commands: Readonly<Record<string, string>>): WantedTask[] {
  const size = Object.keys(commands).length
  return Object.entries(commands).map(([taskId, command]) => ({
    ...wanted(taskId, command),
    group: { id: groupId, size },
    executor: { executor_id: { value: `executor-${groupId}` }, type: 'DEFAULT' },
  }))
}

async function group(groupId: string, commands: Readonly<Record<string, string>>): Promise<void> {
  world.controlPlane.want(members(groupId, commands))
  await until(() => Object.keys(commands).every((id) => world.controlPlane.states(id).length > 0))
}

async function running(...taskIds: string[]): Promise<void> {
  await until(() => taskIds.every((id) => world.controlPlane.states(id).at(-1) === 'TASK_RUNNING'))
}

function ended(taskId: string): boolean {
  return /FINISHED|FAILED|KILLED/.test(world.controlPlane.last(taskId)?.state ?? '')
}
