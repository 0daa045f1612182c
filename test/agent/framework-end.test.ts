// Frameworks that are removed, and agents that end: everything stops, and the control plane hears of every end (F55).
import { expect, test } from 'vitest'
import { registeredMachine, wantedAt } from './machine.ts'

const custom = { executor_id: { value: 'e' }, type: 'CUSTOM' as const, command: { value: 'x' } }

test('F55: the tasks of a removed framework end without KILLING, and their end is told', () => {
  const machine = registeredMachine()
  const task = wantedAt('a', 1)
  machine.nudge(1, [task])
  machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
  machine.nudge(2, [{ ...task, wanted: 'end' }])
  machine.put({
    input: 'container-ended',
    containerId: machine.containerOf('a'),
    end: { kind: 'signal', value: 15 },
  })
  expect(machine.states('a')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLED'])
})

test('F55: its executors are asked to shut down and destroyed after their grace', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1, { executor: custom })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  machine.put({ input: 'container-launched', containerId, pid: 5 })
  machine.put({
    input: 'executor-subscribed',
    executor: 'f/e',
    unacknowledgedTasks: [],
    unacknowledgedUpdates: [],
  })
  const actions = machine.nudge(2, [], { endExecutors: [{ frameworkId: 'f', executorId: 'e' }] })
  expect(actions).toContainEqual({ action: 'event', executor: 'f/e', event: { type: 'SHUTDOWN' } })
  expect(actions).toContainEqual({ action: 'timer', timer: 'shutdown/f/e', ms: 5_000 })
  const late = machine.put({ input: 'timer', timer: 'shutdown/f/e' })
  expect(late).toContainEqual(expect.objectContaining({ action: 'destroy' }))
  machine.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 9 } })
  expect(machine.states('a')).toEqual(['TASK_FAILED'])
  expect(machine.state.exits).toMatchObject([{ executorId: 'e', status: 9 }])
  expect(machine.state.executors.size).toBe(0)
})

test('an executor that is still being started when it shall end is destroyed as soon as it is there', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1, { executor: custom })])
  const containerId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  machine.nudge(2, [], { endExecutors: [{ frameworkId: 'f', executorId: 'e' }] })
  const actions = machine.put({ input: 'container-launched', containerId, pid: 5 })
  expect(actions).toContainEqual(expect.objectContaining({ action: 'destroy' }))
})

test('a task for an executor that is shutting down is DROPPED', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1, { executor: custom })])
  machine.nudge(2, [], { endExecutors: [{ frameworkId: 'f', executorId: 'e' }] })
  machine.nudge(3, [wantedAt('b', 3, { executor: custom })])
  expect(machine.updates('b')[0]?.status).toMatchObject({
    state: 'TASK_DROPPED',
    reason: 'REASON_EXECUTOR_TERMINATED',
  })
})

test('a framework without anything left is forgotten after a while, not at once', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1)])
  machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
  machine.put({
    input: 'container-ended',
    containerId: machine.containerOf('a'),
    end: { kind: 'exit', value: 0 },
  })
  machine.takeAll()
  expect(machine.state.frameworks.has('f')).toBe(true)
  machine.put({ input: 'timer', timer: 'framework/f' })
  expect(machine.state.frameworks.has('f')).toBe(false)
})

test('F88: a limit that was passed is the agent’s word, with the limitation', () => {
  const machine = registeredMachine()
  machine.nudge(1, [wantedAt('a', 1)])
  const containerId = machine.containerOf('a')
  machine.put({ input: 'container-launched', containerId, pid: 5 })
  const resources = [{ name: 'mem', type: 'SCALAR' as const, scalar: { value: 32 } }]
  const limitation = {
    reason: 'REASON_CONTAINER_LIMITATION_MEMORY' as const,
    message: 'out of memory',
    resources,
  }
  machine.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 9, limitation } })
  expect(machine.updates('a').at(-1)?.status).toMatchObject({
    state: 'TASK_FAILED',
    source: 'SOURCE_AGENT',
    reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
    limitation: { resources },
  })
})
