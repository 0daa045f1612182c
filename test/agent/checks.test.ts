// Checks and health checks: the rules as a table under a number for time, the probes against real sockets (F87).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probeCheck, probeHealth } from '../../agent/executor/probes.ts'
import type { ContainerEnd } from '../../agent/turn.ts'
import { systemClock } from '../../protocol/clock.ts'
import type { HealthCheck } from '../../protocol/messages.ts'
import { startWorld, until } from './agent-process.ts'
import { type Machine, registeredMachine, wantedAt } from './machine.ts'
import { wanted } from './tasks.ts'

describe('F87: health', () => {
  test('failures in the grace are ignored, later ones told, the third in a row kills', () => {
    const machine = checked({ delay_seconds: 1, interval_seconds: 1, grace_period_seconds: 10 })
    machine.now += 2_000
    fail(machine)
    expect(machine.states('a')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
    machine.now += 10_000
    fail(machine)
    fail(machine)
    expect(machine.actions).not.toContainEqual(expect.objectContaining({ action: 'signal' }))
    fail(machine)
    expect(machine.actions).toContainEqual(expect.objectContaining({ action: 'signal', signal: 'SIGTERM' }))
    machine.put({
      input: 'container-ended',
      containerId: machine.containerOf('a'),
      end: { kind: 'signal', value: 15 },
    })
    const said = machine.updates('a').map(({ status }) => [status.state, status.healthy, status.reason])
    const unhealthy = ['TASK_RUNNING', false, 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED']
    expect(said.slice(2)).toEqual([
      unhealthy,
      unhealthy,
      unhealthy,
      ['TASK_KILLING', false, undefined],
      ['TASK_KILLED', false, undefined],
    ])
  })

  test('the first success and the first after a failure are told, others are not', () => {
    const machine = checked({ grace_period_seconds: 0 })
    for (const passed of [true, true, false, true, true]) result(machine, passed)
    expect(machine.updates('a').map(({ status }) => status.healthy)).toEqual([
      undefined,
      undefined,
      true,
      false,
      true,
    ])
  })

  test('after a success the grace is over, and failures in a row are counted anew', () => {
    const machine = checked({ grace_period_seconds: 100, consecutive_failures: 2 })
    for (const passed of [true, false, true, false]) result(machine, passed)
    expect(machine.actions).not.toContainEqual(expect.objectContaining({ action: 'signal' }))
    result(machine, false)
    expect(machine.actions).toContainEqual(expect.objectContaining({ action: 'signal' }))
  })

  test('delay, then interval from the end of an attempt; nothing while the task is being killed', () => {
    const machine = checked({ delay_seconds: 3, interval_seconds: 5 })
    expect(machine.actions).toContainEqual({ action: 'timer', timer: 'health/f/a', ms: 3_000 })
    expect(machine.put({ input: 'timer', timer: 'health/f/a' })).toContainEqual({
      action: 'probe',
      task: 'f/a',
      probe: 'health',
    })
    expect(result(machine, true)).toContainEqual({ action: 'timer', timer: 'health/f/a', ms: 5_000 })
    machine.list(2, [])
    expect(machine.put({ input: 'timer', timer: 'health/f/a' })).toEqual([])
  })
})

test('a check’s empty result stands on STARTING, a changed result is told', () => {
  const machine = registeredMachine()
  const check = { type: 'COMMAND' as const, command: { command: { value: 'true' } } }
  machine.nudge(1, [{ ...wantedAt('a', 1), task: wanted('a', 'true', { check }).task }])
  machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
  const status = { type: 'COMMAND' as const, command: { exit_code: 1 } }
  for (let i = 0; i < 3; i++)
    machine.put({ input: 'check-result', task: 'f/a', result: { probe: 'check', status } })
  const said = machine.updates('a').map((update) => update.status)
  expect(said.map((one) => one.check_status)).toEqual([
    { type: 'COMMAND', command: {} },
    { type: 'COMMAND', command: {} },
    status,
  ])
  expect(said[2]).toMatchObject({ state: 'TASK_RUNNING', reason: 'REASON_TASK_CHECK_STATUS_UPDATED' })
})

describe('probes', () => {
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/ok' }).end()
    else if (request.url === '/ok') response.end('ok')
    else if (request.url === '/hang') return
    else response.writeHead(500).end()
  })
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const ends = (end: ContainerEnd | 'timeout') => ({ clock: systemClock, run: async () => end })
  const health = async (check: HealthCheck, end: ContainerEnd | 'timeout' = 'timeout') => {
    const result = await probeHealth({ timeout_seconds: 10, ...check }, ends(end))
    return result.probe === 'health' && result.passed
  }

  test('HTTP passes with 200 to 399 and follows redirects', async () => {
    expect(await health({ type: 'HTTP', http: { port, path: '/ok' } })).toBe(true)
    expect(await health({ type: 'HTTP', http: { port, path: '/moved' } })).toBe(true)
    expect(await health({ type: 'HTTP', http: { port, path: '/broken' } })).toBe(false)
    expect(await health({ type: 'HTTP', http: { port, path: '/hang' }, timeout_seconds: 0.2 })).toBe(false)
  })

  test('TCP passes when it connects', async () => {
    expect(await health({ type: 'TCP', tcp: { port } })).toBe(true)
    expect(await health({ type: 'TCP', tcp: { port: 1 } })).toBe(false)
  })

  test('COMMAND passes with exit 0', async () => {
    const check: HealthCheck = { type: 'COMMAND', command: { value: 'x' } }
    expect(await health(check, { kind: 'exit', value: 0 })).toBe(true)
    expect(await health(check, { kind: 'exit', value: 1 })).toBe(false)
    expect(await health(check, 'timeout')).toBe(false)
  })

  test('checks report what they saw, or nothing', async () => {
    const status = async (
      check: Parameters<typeof probeCheck>[0],
      end: ContainerEnd | 'timeout' = 'timeout',
    ) => {
      const result = await probeCheck({ timeout_seconds: 10, ...check }, ends(end))
      return result.probe === 'check' ? result.status : undefined
    }
    expect(await status({ type: 'HTTP', http: { port, path: '/ok' } })).toEqual({
      type: 'HTTP',
      http: { status_code: 200 },
    })
    expect(await status({ type: 'HTTP', http: { port, path: '/hang' }, timeout_seconds: 0.2 })).toEqual({
      type: 'HTTP',
      http: {},
    })
    expect(await status({ type: 'TCP', tcp: { port } })).toEqual({ type: 'TCP', tcp: { succeeded: true } })
    const command = { command: { value: 'x' } }
    expect(await status({ type: 'COMMAND', command }, { kind: 'exit', value: 3 })).toEqual({
      type: 'COMMAND',
      command: { exit_code: 3 },
    })
  })
})

test('F87: a task whose command check fails three times is killed, for real', async () => {
  const world = await startWorld()
  try {
    const health_check: HealthCheck = {
      type: 'COMMAND',
      command: { value: 'test -f healthy' },
      delay_seconds: 0,
      interval_seconds: 0.05,
      grace_period_seconds: 0,
    }
    const { controlPlane } = world
    controlPlane.want([wanted('sick', 'touch healthy; sleep 0.5; rm healthy; sleep 100', { health_check })])
    await until(() => controlPlane.last('sick')?.state === 'TASK_KILLED', 8_000)
    const healthy = controlPlane.updates
      .filter((one) => one.taskId === 'sick')
      .map((one) => one.status.healthy)
    expect(healthy).toContain(true)
    expect(healthy.filter((one) => one === false).length).toBeGreaterThanOrEqual(3)
    expect(controlPlane.last('sick')).toMatchObject({ state: 'TASK_KILLED', healthy: false })
  } finally {
    await world.close()
  }
})

function checked(health_check: HealthCheck): Machine {
  const machine = registeredMachine()
  machine.nudge(1, [{ ...wantedAt('a', 1), task: wanted('a', 'true', { health_check }).task }])
  machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
  return machine
}

function fail(machine: Machine): void {
  result(machine, false)
}

function result(machine: Machine, passed: boolean): ReturnType<Machine['put']> {
  return machine.put({ input: 'check-result', task: 'f/a', result: { probe: 'health', passed } })
}
