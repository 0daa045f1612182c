// A drained agent: its tasks end within the grace and say why, nothing starts, and restarts change none of it (F38, F81).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { durationInfo } from '../../protocol/durations.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { type Machine, registeredMachine, wantedAt } from './machine.ts'
import { framework, wanted } from './tasks.ts'

const drain = { maxGraceMs: 500, markGone: false, since: 5_000 }
const stop = { wanted: 'stop', kills: 1, killPolicy: { grace_period: durationInfo(500) } } as const

/** A machine with one task that runs. */
function running(): Machine {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1)])
  machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
  return machine
}

function ended(machine: Machine, taskId: string): void {
  const containerId = machine.containerOf(taskId)
  machine.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 15 } })
}

const last = (machine: Machine, taskId: string) => machine.updates(taskId).at(-1)?.status

describe('F81: a drain', () => {
  test('ends tasks within its grace, and each end says that the agent is drained', () => {
    const machine = running()
    const actions = machine.drainList(2, [wantedAt('a', 1, stop)], drain)
    expect(actions).toContainEqual({ action: 'timer', timer: 'kill/f/a', ms: 500 })
    expect(last(machine, 'a')).toMatchObject({ state: 'TASK_KILLING', reason: 'REASON_AGENT_DRAINING' })
    ended(machine, 'a')
    expect(last(machine, 'a')).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
  })

  test('that marks gone says so to frameworks that know it, and TASK_KILLED to others', () => {
    for (const isPartitionAware of [true, false]) {
      const machine = running()
      const capabilities = isPartitionAware ? [{ type: 'PARTITION_AWARE' as const }] : []
      machine.state.frameworks.set('f', framework('f', { capabilities }))
      const frameworks = [framework('f', { capabilities })]
      const list = { kind: 'wanted', generation: 2, frameworks, endExecutors: [] } as const
      machine.put({
        input: 'list',
        list: { ...list, tasks: [wantedAt('a', 1, stop)], drain: { ...drain, markGone: true } },
        incarnation: machine.state.incarnation,
      })
      ended(machine, 'a')
      expect(last(machine, 'a')).toMatchObject({
        state: isPartitionAware ? 'TASK_GONE_BY_OPERATOR' : 'TASK_KILLED',
        reason: 'REASON_AGENT_DRAINING',
      })
    }
  })

  test('changes nothing about a task that ends by itself', () => {
    const machine = running()
    machine.drainList(2, [wantedAt('a', 1, stop)], drain)
    const containerId = machine.containerOf('a')
    const limitation = { reason: 'REASON_CONTAINER_LIMITATION_MEMORY', message: 'too much' } as const
    machine.put({
      input: 'container-ended',
      containerId,
      end: { kind: 'signal', value: 9, limitation },
    })
    expect(last(machine, 'a')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
    })
  })

  test('said again with less grace shortens what is left, with more it changes nothing', () => {
    const machine = running()
    machine.drainList(2, [wantedAt('a', 1, { ...stop, killPolicy: undefined })], {
      ...drain,
      maxGraceMs: undefined,
    })
    machine.now += 1_000
    const again = (generation: number, kills: number, ms: number) =>
      machine.drainList(
        generation,
        [wantedAt('a', 1, { ...stop, kills, killPolicy: { grace_period: durationInfo(ms) } })],
        { ...drain, maxGraceMs: ms },
      )
    expect(again(3, 2, 1_500)).toContainEqual({ action: 'timer', timer: 'kill/f/a', ms: 500 })
    expect(again(4, 3, 60_000)).toContainEqual({ action: 'timer', timer: 'kill/f/a', ms: 500 })
    expect(again(5, 4, 0)).toContainEqual({
      action: 'destroy',
      containerId: { value: machine.containerOf('a') },
    })
  })

  test('drops a launch that comes late, in whatever words the control plane says it', () => {
    const machine = registeredMachine()
    machine.drainList(1, [wantedAt('stopped', 1, stop)], drain)
    machine.nudge(2, [wantedAt('wanted', 2)])
    for (const taskId of ['stopped', 'wanted']) {
      expect(last(machine, taskId)).toMatchObject({
        state: 'TASK_DROPPED',
        source: 'SOURCE_AGENT',
        reason: 'REASON_AGENT_DRAINING',
      })
    }
    expect(machine.launched()).toEqual([])
  })

  test('of a task that waits for its executor ends it by the agent’s word', () => {
    const machine = registeredMachine()
    const executor = { executor_id: { value: 'e' }, type: 'CUSTOM', command: { value: './e' } } as const
    machine.nudge(1, [wantedAt('queued', 1, { executor })])
    machine.drainList(2, [wantedAt('queued', 1, { ...stop, executor })], drain)
    expect(last(machine, 'queued')).toMatchObject({
      state: 'TASK_KILLED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_AGENT_DRAINING',
    })
  })

  test('is over when a list says nothing of it any more: tasks start again', () => {
    const machine = registeredMachine()
    machine.drainList(1, [], drain)
    machine.drainList(2, [], undefined)
    expect(machine.state.drain).toBeUndefined()
    machine.nudge(3, [wantedAt('again', 3)])
    expect(machine.launched()).toEqual(['again'])
  })

  test('an older list changes nothing about it', () => {
    const machine = registeredMachine()
    machine.drainList(3, [], drain)
    machine.drainList(2, [], undefined)
    expect(machine.state.drain).toEqual(drain)
  })
})

test('an executor that nothing started is told to have ended, so that nothing stays charged for it', () => {
  const machine = registeredMachine()
  const executor = { executor_id: { value: 'e' }, type: 'CUSTOM', command: { value: './e' } } as const
  machine.list(1, [wantedAt('a', 1, { wanted: 'stop', kills: 1, executor })])
  expect(last(machine, 'a')).toMatchObject({
    state: 'TASK_KILLED',
    reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
  })
  expect(machine.state.exits).toMatchObject([{ frameworkId: 'f', executorId: 'e', status: -1 }])
  // With a task that does run the executor lives, and nothing of the kind is said.
  const other = registeredMachine()
  other.list(1, [wantedAt('a', 1, { wanted: 'stop', kills: 1, executor }), wantedAt('b', 1, { executor })])
  expect(other.state.exits).toEqual([])
})

describe('F38: with real processes', () => {
  let world: World
  afterEach(() => world.close())
  const now = () => ({ markGone: false, since: Date.now() })
  const stubborn = "trap '' TERM; while :; do sleep 0.05; done"

  test('an agent that dies while it drains goes on by itself, also with the control plane away', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('stubborn', stubborn)])
    await until(() => controlPlane.states('stubborn').length === 2)
    const pid = controlPlane.last('stubborn')?.container_status?.executor_pid ?? 0
    await new Promise((resolve) => setTimeout(resolve, 150))
    controlPlane.drain({ ...now(), maxGraceMs: 1_000 })
    await until(() => controlPlane.states('stubborn').at(-1) === 'TASK_KILLING')
    expect(existsSync(join(world.workDir, 'meta', 'drain.json'))).toBe(true)
    await world.agent.stop()
    controlPlane.away = true
    await world.restart()
    // The grace of before goes on; nobody had to say anything.
    await until(() => isGone(pid))
    controlPlane.away = false
    await until(() => controlPlane.states('stubborn').length === 4)
    expect(controlPlane.last('stubborn')).toMatchObject({
      state: 'TASK_KILLED',
      reason: 'REASON_AGENT_DRAINING',
    })
  })

  test('an agent that died between the drain and its kills finds the drain on its disk', async () => {
    world = await startWorld()
    const { controlPlane } = world
    controlPlane.want([wanted('long', 'sleep 100')])
    await until(() => controlPlane.states('long').length === 2)
    await world.agent.stop()
    const { Checkpoint } = await import('../../agent/checkpoint.ts')
    const { emptyState } = await import('../../agent/state.ts')
    new Checkpoint(world.workDir).write([{ save: 'drain' }], { ...emptyState(), drain: now() })
    controlPlane.drain(now(), { lose: true })
    await world.restart()
    await until(() => controlPlane.states('long').at(-1) === 'TASK_KILLED')
    expect(controlPlane.states('long').slice(2)).toEqual(['TASK_KILLING', 'TASK_KILLED'])
    expect(controlPlane.last('long')?.reason).toBe('REASON_AGENT_DRAINING')
  })

  test('GET_AGENT and /state show the drain, until it is taken back', async () => {
    world = await startWorld()
    const { controlPlane, agent } = world
    controlPlane.drain({ maxGraceMs: 60_000, markGone: true, since: 1_700_000_000_000 })
    await until(() => agent.acting.state.drain !== undefined)
    await world.restart()
    const drain_config = { max_grace_period: { nanoseconds: 60_000_000_000 }, mark_gone: true }
    expect(await getAgent()).toMatchObject({
      drain_config,
      estimated_drain_start_time: { nanoseconds: expect.anything() },
    })
    expect(await (await fetch(`${url()}/state`)).json()).toMatchObject({ drain_config })
    controlPlane.drain(undefined)
    await until(() => world.agent.acting.state.drain === undefined)
    expect(await getAgent()).not.toHaveProperty('drain_config')
    expect(existsSync(join(world.workDir, 'meta', 'drain.json'))).toBe(false)
  })

  function url(): string {
    return `http://127.0.0.1:${world.agent.port}`
  }

  async function getAgent(): Promise<unknown> {
    const response = await fetch(`${url()}/api/v1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: '{"type":"GET_AGENT"}',
    })
    const answer = (await response.json()) as { readonly get_agent: unknown }
    return answer.get_agent
  }
})

function isGone(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}
