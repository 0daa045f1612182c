// A machine loses its power: of what was not forced to the disk anything may be gone, but no update that was made.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { systemDisk, type Writing } from '../../agent/disk.ts'
import { recall } from '../../agent/recall.ts'
import { emptyState } from '../../agent/state.ts'
import { type Machine, newMachine, register, wantedAt } from './machine.ts'

let workDir: string
let writings: Writing[]
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), 'meseta-power-'))
  writings = []
})
afterEach(() => rmSync(workDir, { recursive: true, force: true }))

/** An agent that wrote everything down, as far as the system took it. */
function agent(): Machine {
  const disk = (writing: Writing) => {
    writings.push(writing)
    systemDisk(writing)
  }
  const checkpoint = new Checkpoint(workDir, { disk })
  checkpoint.writeBootId('before')
  const machine = newMachine(emptyState(), (saves, state) => checkpoint.write(saves, state))
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, 7)
  return machine
}

function start(machine: Machine, taskId: string, generation: number): void {
  machine.nudge(generation, [wantedAt(taskId, generation)])
  machine.put({ input: 'container-launched', containerId: machine.containerOf(taskId), pid: generation })
}

/** What the next boot's agent still has to hand in, by task. */
function waiting(): Record<string, string[]> {
  const checkpoint = new Checkpoint(workDir)
  const remembered = checkpoint.read(true, { bootId: 'after' })
  expect(remembered.skipped).toEqual([])
  const state = emptyState()
  const hostInfo = { hostname: 'h', resources: [], attributes: [] }
  recall(state, remembered, { hostInfo, reconfiguration: 'equal', rebooted: true })
  return Object.fromEntries(
    [...state.tasks.values()].map(({ taskId, pending }) => [
      taskId,
      pending.map(({ number, status }) => `${number} ${status.state}`),
    ]),
  )
}

function logs(): string[] {
  return readdirSync(join(workDir, 'meta', 'tasks')).map((name) => join(workDir, 'meta', 'tasks', name))
}

const BOTH = ['1 TASK_STARTING', '2 TASK_RUNNING']

describe('F40 F32: updates that were not taken', () => {
  test('are there though the logs are gone', () => {
    const machine = agent()
    start(machine, 'a', 1)
    start(machine, 'b', 2)
    for (const path of logs()) rmSync(path)
    expect(waiting()).toEqual({ a: BOTH, b: BOTH })
  })

  test('are there wherever a log was torn, and once', () => {
    const machine = agent()
    start(machine, 'a', 1)
    const [path = ''] = logs()
    const whole = readFileSync(path)
    const journal = readFileSync(join(workDir, 'meta', 'updates.log'))
    for (let length = 0; length <= whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length))
      writeFileSync(join(workDir, 'meta', 'updates.log'), journal)
      expect(waiting(), `${length} bytes`).toEqual({ a: BOTH })
      // What was put back into the log is all there is to the next process.
      rmSync(join(workDir, 'meta', 'updates.log'))
      expect(waiting(), `${length} bytes, again`).toEqual({ a: BOTH })
    }
  })

  test('are there when zeros stand in the middle of a log, as after some losses of power', () => {
    const machine = agent()
    start(machine, 'a', 1)
    const [path = ''] = logs()
    const whole = readFileSync(path)
    writeFileSync(path, Buffer.concat([whole.subarray(0, 40), Buffer.alloc(whole.length - 40)]))
    expect(waiting()).toEqual({ a: BOTH })
  })

  test('taken ones are not said again when the file was made anew, nor is it without a bound', () => {
    const machine = agent()
    start(machine, 'a', 1)
    machine.takeAll()
    for (let generation = 2; generation < 1_500; generation++) {
      start(machine, `t${generation}`, generation)
      machine.takeAll()
    }
    expect(statSync(join(workDir, 'meta', 'updates.log')).size).toBeLessThan(2 * 1024 * 1024)
    start(machine, 'last', 1_500)
    for (const path of logs()) rmSync(path)
    const left = waiting()
    expect(left.last).toEqual(BOTH)
    expect(left.a).toBeUndefined()
  }, 60_000)

  test('a journal that was torn while it was written is read up to there, also by later processes', () => {
    const machine = agent()
    start(machine, 'a', 1)
    const path = join(workDir, 'meta', 'updates.log')
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"key":"f/b","upd`)
    for (const log of logs()) rmSync(log)
    expect(waiting()).toEqual({ a: BOTH })
  })
})

test('F40 the updates of one turn cost one flush, before the position that says that it was taken', () => {
  const machine = agent()
  writings = []
  const environment = { variables: [{ name: 'no=name', value: '' }] }
  const refused = Array.from({ length: 30 }, (_, index) => {
    const { task, ...wanted } = wantedAt(`t${index}`, 1)
    return { ...wanted, task: { ...task, command: { ...task.command, environment } } }
  })
  machine.nudge(1, refused)
  expect(machine.states('t29')).toEqual(['TASK_ERROR'])
  const flushed = writings.filter((one) => one.do === 'forced' || one.do === 'forced-append')
  expect(flushed.map(({ path }) => basename(path))).toEqual(['updates.log', 'position.json'])
})
