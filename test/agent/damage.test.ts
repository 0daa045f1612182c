// A checkpoint damaged at any byte: nothing starts twice, nothing is guessed, and whoever refuses says what to do (F31).
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Checkpoint, type Remembered } from '../../agent/checkpoint.ts'
import { recall } from '../../agent/recall.ts'
import { emptyState } from '../../agent/state.ts'
import type { FoundContainer } from '../../agent/turn.ts'
import { INCARNATION, newMachine, register, wantedAt } from './machine.ts'
import { framework } from './tasks.ts'

const root = mkdtempSync(join(tmpdir(), 'meseta-damage-'))
const original = join(root, 'original')
const damaged = join(root, 'damaged')
/** All bytes with 1; this many apart is enough to meet each member of each record. */
const STRIDE = Number(process.env.MESETA_DAMAGE_STRIDE ?? 7)
const BOOT = '4c9a-1'
let files: string[] = []
let whole: Remembered

beforeAll(() => {
  const checkpoint = new Checkpoint(original)
  const machine = newMachine(emptyState(), (saves, state) => checkpoint.write([...saves], state))
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, INCARNATION)
  checkpoint.writeInfo({ hostname: 'h', id: { value: 'm-S1' } })
  checkpoint.writeBootId(BOOT)
  const custom = { executor_id: { value: 'e' }, type: 'CUSTOM' as const, command: { value: 'x' } }
  machine.nudge(1, [wantedAt('runs', 1), wantedAt('waits', 1), wantedAt('custom', 1, { executor: custom })], {
    frameworks: [framework()],
  })
  const launched = (containerId: string) => machine.put({ input: 'container-launched', containerId, pid: 7 })
  launched(machine.containerOf('runs'))
  launched(machine.state.executors.get('f/e')?.containerId.value ?? '')
  const subscription = { executor: 'f/e', unacknowledgedTasks: [], unacknowledgedUpdates: [] }
  machine.put({ input: 'executor-subscribed', ...subscription })
  machine.takeAll()
  machine.put({
    input: 'container-ended',
    containerId: machine.containerOf('runs'),
    end: { kind: 'exit', value: 0 },
  })
  files = filesIn(original)
  whole = read(original, true)
  cpSync(original, damaged, { recursive: true })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('F31: a checkpoint damaged at any byte', () => {
  test('of which a byte is another: a strict agent refuses in a sentence, or has lost nothing', () => {
    for (const file of files) {
      for (let at = 0; at < bytesOf(file).length; at += STRIDE) {
        const bytes = Buffer.from(bytesOf(file))
        bytes[at] = (bytes[at] ?? 0) ^ 0x01
        const remembered = strictly(file, () => writeFileSync(join(damaged, file), bytes))
        if (remembered !== undefined)
          expect(essence(remembered), `${file} at ${at}`).toMatchObject(essence(whole))
      }
    }
  })

  test('of which a byte is another: one that is not strict goes on, starts nothing and leaves no task without a word', () => {
    for (const file of files) {
      for (let at = 0; at < bytesOf(file).length; at += 4 * STRIDE) {
        const bytes = Buffer.from(bytesOf(file))
        bytes[at] = (bytes[at] ?? 0) ^ 0x04
        leniently(file, () => writeFileSync(join(damaged, file), bytes))
      }
    }
  })

  test('that ends anywhere: what is whole is kept, a torn last record is cut off, and nothing starts', () => {
    for (const file of files) {
      for (let at = 0; at < bytesOf(file).length; at += STRIDE) {
        const cut = () => writeFileSync(join(damaged, file), bytesOf(file).subarray(0, at))
        const remembered = strictly(file, cut)
        if (file.endsWith('.log')) expect(remembered, `${file} cut at ${at}`).toBeDefined()
        for (const task of remembered?.tasks ?? []) expectBeginning(task)
        if (at % (3 * STRIDE) === 0) leniently(file, cut)
      }
    }
  })

  test('of which a record is missing: numbers have no gap, for nothing behind one would be taken', () => {
    for (const file of files.filter((one) => one.endsWith('.log'))) {
      const lines = readFileSync(join(original, file), 'utf8').split('\n').slice(0, -1)
      for (const missing of lines.keys()) {
        const text = lines.map((line, index) => (index === missing ? 'broken' : line)).join('\n')
        leniently(file, () => writeFileSync(join(damaged, file), `${text}\n`))
      }
    }
  })
})

test('F31: what was skipped is kept for people, and the next start is strict again', () => {
  const file = files.find((one) => one.includes('runs') && one.endsWith('.log')) ?? ''
  const lines = readFileSync(join(original, file), 'utf8').split('\n')
  const text = [lines[0], 'broken', ...lines.slice(2)].join('\n')
  writeFileSync(join(damaged, file), text)
  const { skipped } = read(damaged, false)
  expect(skipped).toEqual([expect.stringMatching(/is broken: line 2/)])
  const broken = readdirSync(join(damaged, 'meta', 'broken')).map((name) =>
    readFileSync(join(damaged, 'meta', 'broken', name), 'utf8'),
  )
  expect(broken).toEqual([text])
  expect(read(damaged, true).skipped).toEqual([])
  restore(file)
})

test('F32: after a restart of the machine even a strict agent goes on without what was not forced to the disk', () => {
  const file = files.find((one) => one.includes('runs') && one.endsWith('.log')) ?? ''
  writeFileSync(join(damaged, file), '{"half\n\0\0\0\0')
  expect(() => read(damaged, true)).toThrow(/is broken/)
  const remembered = new Checkpoint(damaged).read(true, { bootId: 'another' })
  expect(remembered.skipped).toEqual([expect.stringMatching(/is broken/)])
  expect(remembered.position.agentId).toBe('m-S1')
  // Its updates were: the task is known by them.
  expect(remembered.tasks.map(({ taskId }) => taskId)).toContain('runs')
  restore(file)
})

test('without an id of its own it is a new agent, and what is left of the old one void', () => {
  for (const file of ['meta/position.json', 'meta/agent.json']) writeFileSync(join(damaged, file), 'gone')
  const remembered = read(damaged, false)
  const about = { hostInfo: { hostname: 'h' }, reconfiguration: 'equal' as const, rebooted: false }
  expect(recall(emptyState(), remembered, about)).toBe(false)
  for (const file of ['meta/position.json', 'meta/agent.json']) restore(file)
})

/** What a strict agent reads, or undefined when it refused: then in a sentence that says what to do. */
function strictly(file: string, damage: () => void): Remembered | undefined {
  damage()
  try {
    return read(damaged, true)
  } catch (error) {
    expect(String(error)).toMatch(
      /is broken: .+; repair or remove it, or start with --no-strict$|cannot read .*; start Meseta/,
    )
    return undefined
  } finally {
    restore(file)
  }
}

function leniently(file: string, damage: () => void): void {
  damage()
  const remembered = read(damaged, false)
  restore(file)
  expectSafe(remembered)
}

/** The next process of the agent: whatever runs, it starts nothing, and says something of every task it has. */
function expectSafe(remembered: Remembered): void {
  for (const container of FOUND) {
    const state = emptyState()
    const about = { hostInfo: { hostname: 'h' }, reconfiguration: 'equal' as const, rebooted: false }
    if (!recall(state, structuredClone(remembered), about)) continue
    const machine = newMachine(state)
    const ids = [...state.tasks.values(), ...state.executors.values()].map((one) => one.containerId.value)
    machine.put({
      input: 'recovered',
      containers: new Map(ids.map((id) => [id, container])),
      rebooted: false,
    })
    // Executors do not come back.
    machine.put({ input: 'timer', timer: 'reregistration' })
    for (const executor of [...state.executors.values()]) {
      const containerId = executor.containerId.value
      machine.put({ input: 'container-ended', containerId, end: { kind: 'signal', value: 9 } })
    }
    register(machine, INCARNATION + 1)
    machine.list(
      1,
      [...state.tasks.values()].map((task) => task.launch),
      INCARNATION + 1,
    )
    expect(machine.launched()).toEqual([])
    for (const task of state.tasks.values()) {
      const runs = task.kind === 'command' && container.found === 'running' && task.stage === 'launched'
      expect(runs || task.stage === 'ended', `${task.key} ${container.found}`).toBe(true)
      expectTakeable(task)
    }
  }
}

/** Whatever the control plane has taken before, no update waits for ever for one before it. */
function expectTakeable({ key, lastUpdate, pending }: Remembered['tasks'][number]): void {
  const full = whole.tasks.find((one) => one.key === key)
  let taken = (full?.lastUpdate ?? 0) - (full?.pending.length ?? 0)
  for (const { number } of pending) {
    expect(number, key).toBeLessThanOrEqual(taken + 1)
    taken = Math.max(taken, number)
  }
  expect(taken, key).toBeGreaterThanOrEqual(lastUpdate)
}

/** Of a log that was cut: the same launch, and of its updates the first ones, with their uuids. */
function expectBeginning(task: Remembered['tasks'][number]): void {
  const full = whole.tasks.find((one) => one.key === task.key)
  expect(task.launch).toEqual(full?.launch)
  expect(task.lastUpdate).toBeLessThanOrEqual(full?.lastUpdate ?? 0)
  for (const update of task.pending) {
    if (update.number === full?.lastUpdate) expect(full.pending).toContainEqual(update)
  }
}

const FOUND: readonly FoundContainer[] = [
  { found: 'running', pid: 7 },
  { found: 'ended', end: { kind: 'exit', value: 0 } },
  { found: 'none' },
]

const kept = new Map<string, Buffer>()
function bytesOf(file: string): Buffer {
  const bytes = kept.get(file) ?? readFileSync(join(original, file))
  kept.set(file, bytes)
  return bytes
}

function read(workDir: string, strict: boolean): Remembered {
  return new Checkpoint(workDir).read(strict, { bootId: BOOT })
}

function restore(file: string): void {
  if (existsSync(join(damaged, 'meta', 'broken')))
    rmSync(join(damaged, 'meta', 'broken'), { recursive: true })
  writeFileSync(join(damaged, file), bytesOf(file))
}

/** A boot that is not known is not another one. */
function essence({ bootId: _, ...remembered }: Remembered): object {
  return remembered
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}
