// The disk says what the agent knew: whatever happens, reading it back yields the same tasks, and a restart starts nothing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { emptyState } from '../../agent/state.ts'
import type { FoundContainer } from '../../agent/turn.ts'
import { durationInfo } from '../../protocol/durations.ts'
import { INCARNATION, type Machine, newMachine, register, wantedAt } from './machine.ts'
import { framework } from './tasks.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** What may happen to one of four tasks: two commands, two members of a group. */
type Step = { readonly what: 'launched' | 'failed' | 'ended' | 'kill' | 'taken'; readonly task: number }

const steps = fc.array(
  fc.record({
    what: fc.constantFrom(
      'launched' as const,
      'failed' as const,
      'ended' as const,
      'kill' as const,
      'taken' as const,
    ),
    task: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 15 },
)
const IDS = ['a', 'b', 'g1', 'g2']

describe('after any steps', () => {
  test('what is read back is what the agent knew (S6)', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const { machine, checkpoint } = started()
        for (const step of sequence) take(machine, step)
        const read = checkpoint.read(true)
        expect(read.position).toEqual({
          agentId: 'm-S1',
          incarnation: INCARNATION,
          applied: machine.state.applied,
        })
        const plain = (tasks: Iterable<{ readonly key: string }>) =>
          [...tasks]
            .map((task) => ({
              ...task,
              executorUuids: undefined,
              health: undefined,
              runningSince: undefined,
            }))
            .sort((x, y) => x.key.localeCompare(y.key))
        expect(plain(read.tasks)).toEqual(plain(machine.state.tasks.values()))
        expect(read.executors.map((one) => one.key)).toEqual([...machine.state.executors.keys()])
        expect(read.exits).toEqual(machine.state.exits)
      }),
      { numRuns: 60 },
    )
  })

  test('a restart starts nothing, and every task is told or still runs (F27, F34, L1)', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.constantFrom('running', 'ended', 'none')), (sequence, found) => {
        const { machine, checkpoint } = started()
        for (const step of sequence) take(machine, step)
        const read = checkpoint.read(true)
        const state = emptyState()
        Object.assign(state, read.position)
        for (const info of read.frameworks) state.frameworks.set(info.id?.value ?? '', info)
        for (const executor of read.executors) state.executors.set(executor.key, executor)
        for (const task of read.tasks) state.tasks.set(task.key, task)
        const next = newMachine(state)
        const containers = new Map(
          read.tasks.map((task, index) => [task.containerId.value, foundAs(found[index])]),
        )
        next.put({ input: 'recovered', containers, rebooted: false })
        register(next, INCARNATION + 1)
        next.list(
          machine.state.applied,
          [...state.tasks.values()].map((task) => task.launch),
          INCARNATION + 1,
        )
        expect(next.launched()).toEqual([])
        for (const task of state.tasks.values()) {
          const runs =
            task.stage === 'launched' && containers.get(task.containerId.value)?.found === 'running'
          expect(runs || task.pending.length > 0 || task.stage === 'ended').toBe(true)
        }
      }),
      { numRuns: 60 },
    )
  })
})

test('nanoseconds beyond 2^53 keep all their digits', () => {
  const { machine, checkpoint } = started()
  const grace = { grace_period: { nanoseconds: 9_007_199_254_740_993n } }
  const task = wantedAt('long', machine.state.applied + 1)
  machine.nudge(machine.state.applied + 1, [{ ...task, task: { ...task.task, kill_policy: grace } }])
  expect(checkpoint.read(true).tasks.find((one) => one.taskId === 'long')?.info.kill_policy).toEqual(grace)
})

test('ids that no file could be named after are fine', () => {
  const { machine, checkpoint } = started()
  const ids = ['x'.repeat(255), 'Ä:ß "quoted" %2e', 'case', 'CASE']
  machine.nudge(
    machine.state.applied + 1,
    ids.map((id) => wantedAt(id, machine.state.applied + 1)),
  )
  expect(checkpoint.read(true).tasks.map((task) => task.taskId)).toEqual(expect.arrayContaining(ids))
})

function started(): { machine: Machine; checkpoint: Checkpoint } {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-checkpoint-'))
  folders.push(folder)
  const checkpoint = new Checkpoint(folder)
  const machine = newMachine(emptyState(), (saves, state) => checkpoint.write([...saves], state))
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, INCARNATION)
  const executor = { executor_id: { value: 'e' }, type: 'DEFAULT' as const }
  const member = (id: string) => wantedAt(id, 1, { executor, group: { id: 'g', size: 2 } })
  machine.nudge(1, [wantedAt('a', 1), wantedAt('b', 1), member('g1'), member('g2')], {
    frameworks: [framework()],
  })
  return { machine, checkpoint }
}

/** Steps that make no sense where the task is are no steps. */
function take(machine: Machine, { what, task: index }: Step): void {
  const id = IDS[index] ?? 'a'
  const task = machine.state.tasks.get(`f/${id}`)
  if (what === 'taken') machine.takeAll()
  if (task === undefined) return
  const containerId = task.containerId.value
  if (what === 'launched' && task.stage === 'launching') {
    machine.put({ input: 'container-launched', containerId, pid: 7 })
  }
  if (what === 'failed' && task.stage === 'launching') {
    machine.put({ input: 'launch-failed', containerId, failure: { why: 'launch', message: 'no' } })
  }
  if (what === 'ended' && task.stage === 'launched') {
    machine.put({ input: 'container-ended', containerId, end: { kind: 'exit', value: index } })
  }
  if (what === 'kill') {
    const killPolicy = { grace_period: durationInfo(1_000) }
    machine.nudge(machine.state.applied + 1, [{ ...task.launch, wanted: 'stop', kills: 1, killPolicy }])
  }
}

function foundAs(kind: string | undefined): FoundContainer {
  if (kind === 'running') return { found: 'running', pid: 7 }
  return kind === 'ended' ? { found: 'ended', end: { kind: 'exit', value: 0 } } : { found: 'none' }
}
