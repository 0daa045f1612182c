// What a task may say of its environment, and what it must not find there: A17 through a whole agent, with real processes.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EnvironmentVariable } from '../../protocol/messages.ts'
import { startWorld, until, type World } from '../agent/agent-process.ts'
import { wanted } from '../agent/tasks.ts'

/** As an agent has them that was started by hand, or by somebody careless. */
const OF_THE_AGENT = {
  AWS_SECRET_ACCESS_KEY: 'leak-1',
  AWS_SESSION_TOKEN: 'leak-2',
  MESETA_SECRET: 'leak-3',
  NODE_OPTIONS: '--no-warnings',
  SSH_AUTH_SOCK: '/leak-4',
}

let world: World
const before = { ...process.env }
beforeAll(async () => {
  Object.assign(process.env, OF_THE_AGENT)
  world = await startWorld()
})
afterAll(async () => {
  for (const name of Object.keys(OF_THE_AGENT)) {
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
  }
  await world.close()
})

async function ended(taskId: string, command: string, variables: readonly EnvironmentVariable[] = []) {
  const { controlPlane } = world
  controlPlane.want([wanted(taskId, command, { command: { value: command, environment: { variables } } })])
  await until(() => /^TASK_(FINISHED|FAILED|ERROR)$/.test(controlPlane.last(taskId)?.state ?? ''))
  return controlPlane.last(taskId)
}

function sandbox(taskId: string, name: string): string {
  const { tasks, completedTasks } = world.agent.acting.state
  const task = tasks.get(`f/${taskId}`) ?? completedTasks.find((one) => one.taskId === taskId)
  const run = `executors/${taskId}/runs/${task?.containerId.value}`
  return readFileSync(`${world.workDir}/slaves/m-S1/frameworks/f/${run}/${name}`, 'latin1')
}

function entries(text: string): ReadonlyMap<string, string> {
  const found = text.split('\0').filter((entry) => entry !== '')
  return new Map(
    found.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

describe('A17: the environment of a task', () => {
  test('has nothing of its agent’s own', async () => {
    expect(await ended('plain', 'env -0 > seen')).toMatchObject({ state: 'TASK_FINISHED' })
    const seen = entries(sandbox('plain', 'seen'))
    expect([...seen.values()].filter((value) => value.includes('leak'))).toEqual([])
    for (const name of Object.keys(OF_THE_AGENT)) expect(seen.has(name)).toBe(false)
    const own = [...seen.keys()].filter(
      (name) => !/^(MESOS_|LIBPROCESS_|MESETA_CONTAINER$|PATH$|PWD$|SHLVL$|_$|OLDPWD$)/.test(name),
    )
    expect(own).toEqual([])
  })

  test('may say anything to the task itself, and the agent goes on believing what it knew', async () => {
    const variables = Object.entries({
      LD_PRELOAD: '/nowhere/evil.so',
      LD_LIBRARY_PATH: '/nowhere',
      PATH: '/bin:/usr/bin:.',
      MESOS_SLAVE_ID: 'another',
      MESOS_FRAMEWORK_ID: 'another',
      MESOS_TASK_ID: 'another',
      MESOS_SANDBOX: '/etc',
      MESOS_AGENT_ENDPOINT: '169.254.169.254:80',
      MESETA_CONTAINER: 'another',
      BASH_ENV: '/nowhere/evil.sh',
      ENV: '/nowhere/evil.sh',
      IFS: 'x',
      PS4: '$(touch evil)',
    }).map(([name, value]) => ({ name, value }))
    const status = await ended('posing', 'env -0 > seen; pwd > where; ls > there', variables)
    expect(status).toMatchObject({
      state: 'TASK_FINISHED',
      task_id: { value: 'posing' },
      agent_id: { value: 'm-S1' },
      executor_id: { value: 'posing' },
    })
    const seen = entries(sandbox('posing', 'seen'))
    expect(seen.get('MESOS_SLAVE_ID')).toBe('another')
    // The marker by which its processes are found again is ours alone.
    expect(seen.get('MESETA_CONTAINER')).not.toBe('another')
    expect(sandbox('posing', 'where')).toContain(world.workDir)
    expect(sandbox('posing', 'there')).not.toContain('evil')
  })

  test.each([
    ['', '1'],
    ['A=B', '1'],
    ['A\nB', '1'],
    ['A\0B', '1'],
    ['A\u001b[2J', '1'],
    ['A', 'x\0LD_PRELOAD=/nowhere/evil.so'],
  ])('with the name %j is an error, and starts nothing', async (name, value) => {
    const taskId = `odd-${Buffer.from(name + value).toString('hex')}`.slice(0, 60)
    const status = await ended(taskId, 'touch started', [{ name, value }])
    expect(status).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
    expect(status?.message).not.toMatch(/\p{Cc}/u)
  })
})
