// The agent dies at each of its writes, before, in the midst of and after it: the next one finds what it needs.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { type Disk, systemDisk } from '../../agent/disk.ts'
import { recall } from '../../agent/recall.ts'
import { emptyState } from '../../agent/state.ts'
import type { FoundContainer } from '../../agent/turn.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { INCARNATION, type Machine, newMachine, register, wantedAt } from './machine.ts'
import { framework, wanted } from './tasks.ts'

class Died extends Error {}

/** How much of the write that it dies in is on disk. */
const PARTS = [0, 0.5, 1] as const

/** Dies in the write number `at`, counted from 1; what is renamed into place is so wholly or not at all. */
function dyingDisk(at: number, part: number): { readonly disk: Disk; writes: number } {
  const self = {
    writes: 0,
    disk: (writing: Parameters<Disk>[0]) => {
      self.writes += 1
      if (self.writes < at) return systemDisk(writing)
      if (self.writes === at && part === 1) systemDisk(writing)
      const isTorn = self.writes === at && part === 0.5
      if (isTorn && writing.do === 'begin') writeFileSync(writing.path, half(writing.text))
      if (isTorn && writing.do === 'append') appendFileSync(writing.path, half(writing.text))
      throw new Died()
    },
  }
  return self
}

const QUIET = { info() {}, warn() {}, error() {} }

const half = (text: string) => text.slice(0, text.length / 2)

describe('F31, F34, F36: killed at each write of many lives of tasks', () => {
  test('a strict agent starts again, starts nothing twice, and says something of each task', () => {
    const total = livesWith(dyingDisk(Number.POSITIVE_INFINITY, 0)).writes
    expect(total).toBeGreaterThan(20)
    for (let at = 1; at <= total; at++) for (const part of PARTS) livesWith(dyingDisk(at, part))
  })
})

/** Lives until the disk dies, then reads it back as the next process would. */
function livesWith(dying: ReturnType<typeof dyingDisk>): { readonly writes: number } {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-crash-'))
  const launched: string[] = []
  /** What was made of the containers that the agent ordered: some run, some have ended. */
  const containers = new Map<string, FoundContainer>()
  const checkpoint = new Checkpoint(folder, { disk: dying.disk })
  const machine = newMachine(emptyState(), (saves, state) => checkpoint.write([...saves], state))
  const put = machine.put.bind(machine)
  machine.put = (input) => {
    const actions = put(input)
    for (const action of actions) {
      if (action.action === 'launch-task') {
        launched.push(action.task)
        containers.set(machine.state.tasks.get(action.task)?.containerId.value ?? '', RUNS)
      } else if (action.action === 'launch-executor') {
        launched.push(action.executor)
        containers.set(machine.state.executors.get(action.executor)?.containerId.value ?? '', RUNS)
      }
    }
    return actions
  }
  try {
    live(machine, containers)
  } catch (error) {
    if (!(error instanceof Died)) throw error
  }
  expectNextLifeSafe(folder, launched, containers)
  rmSync(folder, { recursive: true })
  return dying
}

const RUNS: FoundContainer = { found: 'running', pid: 7 }

function live(machine: Machine, containers: Map<string, FoundContainer>): void {
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, INCARNATION)
  const executorOf = (type: 'CUSTOM' | 'DEFAULT', id: string) => ({ executor_id: { value: id }, type })
  const member = (id: string) =>
    wantedAt(id, 1, { executor: executorOf('DEFAULT', 'd'), group: { id: 'g', size: 2 } })
  const custom = wantedAt('c', 1, { executor: { ...executorOf('CUSTOM', 'e'), command: { value: 'x' } } })
  machine.nudge(1, [wantedAt('a', 1), wantedAt('b', 1), member('g1'), member('g2'), custom], {
    frameworks: [framework()],
  })
  const executorId = machine.state.executors.get('f/e')?.containerId.value ?? ''
  for (const id of [
    machine.containerOf('a'),
    machine.containerOf('g1'),
    machine.containerOf('g2'),
    executorId,
  ]) {
    machine.put({ input: 'container-launched', containerId: id, pid: 7 })
  }
  const failure = { why: 'launch' as const, message: 'no' }
  containers.delete(machine.containerOf('b'))
  machine.put({ input: 'launch-failed', containerId: machine.containerOf('b'), failure })
  const subscription = { executor: 'f/e', unacknowledgedTasks: [], unacknowledgedUpdates: [] }
  machine.put({ input: 'executor-subscribed', ...subscription })
  machine.takeAll()
  machine.nudge(2, [{ ...wantedAt('a', 1), wanted: 'stop', kills: 1 }])
  const end = { kind: 'signal' as const, value: 15 }
  for (const containerId of [machine.containerOf('a'), machine.containerOf('g1'), executorId]) {
    containers.set(containerId, { found: 'ended', end })
    machine.put({ input: 'container-ended', containerId, end })
  }
  machine.takeAll()
  machine.put({ input: 'timer', timer: 'framework/f' })
}

function expectNextLifeSafe(
  folder: string,
  launched: readonly string[],
  containers: ReadonlyMap<string, FoundContainer>,
): void {
  expect(new Set(launched).size).toBe(launched.length)
  const state = emptyState()
  const about = { hostInfo: { hostname: 'h' }, reconfiguration: 'equal' as const, rebooted: false }
  recall(state, new Checkpoint(folder).read(true), about)
  const known = [...state.tasks.values()].map((task) => task.launch)
  const next = newMachine(state)
  next.put({ input: 'recovered', containers, rebooted: false })
  for (const executor of [...state.executors.values()].filter((one) => one.kind === 'custom')) {
    next.put({ input: 'timer', timer: 'reregistration' })
    const containerId = executor.containerId.value
    next.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 9 } })
  }
  register(next, INCARNATION + 1)
  next.list(2, known, INCARNATION + 1)
  expect(next.launched()).toEqual([])
  for (const task of state.tasks.values()) {
    const runs = containers.get(task.containerId.value)?.found === 'running' && task.kind !== 'custom'
    expect(runs || task.stage === 'ended', `${task.key} is ${task.stage}`).toBe(true)
  }
}

test('F36 an agent whose disk breaks while it ends is over only when its port is free', async () => {
  let isBroken = false
  const disk: Disk = (writing) => {
    if (isBroken) throw Object.assign(new Error('input/output error'), { code: 'EIO' })
    systemDisk(writing)
  }
  const world = await startWorld({ disk, log: QUIET, onEnd: () => {} })
  const { agent, controlPlane } = world
  controlPlane.want([wanted('t', 'sleep 100')])
  await until(() => controlPlane.states('t').at(-1) === 'TASK_RUNNING')
  isBroken = true
  await agent.end()
  await expect(fetch(`http://127.0.0.1:${agent.port}/health`)).rejects.toThrow()
  isBroken = false
  await world.restart()
  await world.close()
})

describe('F36: killed at each write of a launch of a real task', () => {
  let world: World
  afterEach(() => world.close())

  test('it runs once or never, and ends with one word', async () => {
    world = await startWorld()
    const { controlPlane, workDir } = world
    await world.agent.stop()
    const table: string[] = []
    for (let step = 0; ; step++) {
      const at = Math.floor(step / PARTS.length) + 1
      const id = `t${step}`
      const begun = join(workDir, `begun-${id}`)
      // Counted from the launch on: what is written at the start is another matter.
      const dying = dyingDisk(at, PARTS[step % PARTS.length] ?? 0)
      let isArmed = false
      let isOver = false
      const registered = controlPlane.registrations.length
      const disk: Disk = (writing) => (isArmed ? dying.disk(writing) : systemDisk(writing))
      await world.restart({ disk, log: QUIET, onEnd: () => (isOver = true) })
      await world.agent.registered
      await until(() => controlPlane.registrations.length > registered)
      await until(() => world.agent.acting.state.applied === controlPlane.generation)
      isArmed = true
      controlPlane.want([wanted(id, `echo $$ >> ${begun}`)])
      await until(() => isOver || !controlPlane.wanted.has(`f/${id}`))
      if (!isOver) break
      await world.restart({ disk: undefined, onEnd: undefined })
      await until(() => !controlPlane.wanted.has(`f/${id}`))
      const times = existsSync(begun) ? readFileSync(begun, 'utf8').trim().split('\n').length : 0
      expect(times, id).toBeLessThanOrEqual(1)
      const last = controlPlane.states(id).at(-1)
      if (last === 'TASK_FINISHED') expect(times).toBe(1)
      expect(
        controlPlane.states(id).filter((state) => !/STARTING|RUNNING/.test(state)).length,
      ).toBeLessThanOrEqual(1)
      table.push(`${id}: ${times} ${last}`)
      if (at > 20) throw new Error(`it never got through: ${table}`)
    }
    // What is written together is one write, so their number differs from run to run; three are the least.
    expect(table.length).toBeGreaterThanOrEqual(9)
  }, 60_000)
})
