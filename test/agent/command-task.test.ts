// Command tasks end to end: real processes under an agent in this process.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorld, until, type World } from './agent-process.ts'
import { wanted } from './tasks.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

describe('a command task', () => {
  test('runs and finishes: STARTING, RUNNING, FINISHED with status 0', async () => {
    const { controlPlane } = world
    controlPlane.want([wanted('ok', 'true')])
    await until(() => controlPlane.states('ok').length === 3)
    expect(controlPlane.states('ok')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    expect(controlPlane.last('ok')).toMatchObject({
      message: 'Command exited with status 0',
      source: 'SOURCE_EXECUTOR',
      executor_id: { value: 'ok' },
      agent_id: { value: 'm-S1' },
      container_status: {
        executor_pid: expect.any(Number),
        network_infos: [{ ip_addresses: [{ ip_address: '127.0.0.1' }] }],
      },
    })
  })

  test('fails with its status and without a reason', async () => {
    const { controlPlane } = world
    controlPlane.want([wanted('three', 'exit 3')])
    await until(() => controlPlane.states('three').length === 3)
    expect(controlPlane.last('three')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 3',
    })
    expect(controlPlane.last('three')?.reason).toBeUndefined()
  })
})
