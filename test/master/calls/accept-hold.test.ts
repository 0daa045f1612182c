// ACCEPTs larger than one transaction: hold, pieces, and every way they can be cut short.
import { describe, expect, test } from 'vitest'
import { chargedTo, free, unsound } from '../../../master/accounting.ts'
import { endHold, hold, piece, taskIdsOfPiece } from '../../../master/calls/accept-hold.ts'
import { acceptIdOf } from '../../../master/calls/accept-offers.ts'
import { isLarge, stepsOf, tasksOfUnit } from '../../../master/calls/accept-units.ts'
import type { Context } from '../../../master/context.ts'
import type { Decision } from '../../../master/decision.ts'
import { HOLD_MS, MAX_TASKS_PER_ACCEPT, MAX_TASKS_PER_TRANSACTION } from '../../../master/limits.ts'
import type { Framework, Hold, Ledger, Task } from '../../../master/model.ts'
import type { SchedulerCallAccept } from '../../../protocol/messages.ts'
import { quantities } from '../../../protocol/resources.ts'
import {
  acceptOf,
  CLUSTER,
  cpusMem,
  expectCommittable,
  launch,
  launchGroup,
  loadedFor,
  NOW,
  newContext,
  newEntry,
  newExecutorInfo,
  newFramework,
  newLedger,
  newTaskInfo,
  scalar,
  touched,
  withOffer,
  wordsOf,
} from './world.ts'

const COUNT = 100
const tiny = cpusMem(0.01, 1)
const tasks = Array.from({ length: COUNT }, (_, index) => newTaskInfo(`t${index}`, { resources: tiny }))
const payer = { frameworkId: `${CLUSTER}-F1`, role: 'dev' }

/** The small part of the table that a large ACCEPT touches. */
class Table {
  framework: Framework = newFramework()
  ledger: Ledger
  hold: Hold | undefined
  readonly tasks = new Map<string, Task>()
  readonly words = new Map<string, string>()
  readonly call: SchedulerCallAccept

  constructor() {
    const { ledger, offerId } = withOffer(newLedger(), this.framework)
    this.ledger = ledger
    this.call = acceptOf([offerId], launch(...tasks))
  }

  apply<A>(decision: Decision<A>): A {
    expectCommittable(decision)
    for (const change of decision.changes) {
      if (change.do === 'put') {
        const version = change.item.version + 1
        if (change.kind === 'ledger') this.ledger = { ...change.item, version }
        if (change.kind === 'hold') this.hold = { ...change.item, version }
        if (change.kind === 'task') this.tasks.set(change.item.taskId, { ...change.item, version })
      } else if (change.do === 'remove' && change.kind === 'hold') this.hold = undefined
    }
    for (const { task_id, state } of wordsOf(decision)) this.words.set(task_id.value, state)
    expect(unsound(this.ledger)).toBeUndefined()
    return decision.answer
  }

  begin(context: Context) {
    return this.apply(hold(loadedFor(this.framework, this.ledger), this.call, context))
  }

  piece(index: number, context: Context) {
    const { framework, ledger } = this
    const found = taskIdsOfPiece(this.call, index).map((id) => this.tasks.get(id))
    const loaded = { framework, ledger, hold: this.hold, agents: [newEntry()], tasks: found, executors: [] }
    return this.apply(piece(loaded, this.call, index, context))
  }

  end(context: Context) {
    let from = 0
    while (this.hold !== undefined) {
      const found = this.hold.tasks.slice(from).map(({ taskId }) => this.tasks.get(taskId))
      const { framework, ledger } = this
      const answer = this.apply(endHold({ framework, ledger, hold: this.hold, tasks: found }, context, from))
      if (answer.kind === 'ended') return
      from = answer.from
    }
  }
}

describe('the steps of a large ACCEPT', () => {
  test('are large above 45 tasks, R1', () => {
    expect(isLarge(acceptOf(['o'], launch(...tasks.slice(0, MAX_TASKS_PER_TRANSACTION))))).toBe(false)
    expect(isLarge(acceptOf(['o'], launch(...tasks.slice(0, MAX_TASKS_PER_TRANSACTION + 1))))).toBe(true)
  })

  test('are fewer tasks when each brings an executor', () => {
    const own = tasks.map((task, index) => ({ ...task, executor: newExecutorInfo(`e${index}`) }))
    expect(stepsOf(acceptOf(['o'], launch(...own))).map(({ length }) => length)).toEqual([30, 30, 30, 10])
  })

  test('hold less when tasks are big (H9)', () => {
    const big = tasks.slice(0, 12).map((task) => ({ ...task, data: 'x'.repeat(200_000) }))
    expect(stepsOf(acceptOf(['o'], launch(...big))).every((step) => step.length <= 2)).toBe(true)
  })

  test('a LAUNCH_GROUP above one transaction is refused', () => {
    const [unit] = stepsOf(acceptOf(['o'], launchGroup(newExecutorInfo('e'), ...tasks))).flat()
    expect(unit?.refusal).toMatch(/too large/)
  })

  test('an id that stands twice counts where it stands first; tasks beyond the limit are refused', () => {
    const many = Array.from({ length: MAX_TASKS_PER_ACCEPT + 1 }, (_, index) => newTaskInfo(`m${index}`))
    const units = stepsOf(acceptOf(['o'], launch(...many, newTaskInfo('m0')))).flat()
    expect(
      units
        .filter(({ refusal }) => refusal !== undefined)
        .flatMap(tasksOfUnit)
        .map(({ name }) => name),
    ).toEqual([`m${MAX_TASKS_PER_ACCEPT}`, 'm0'])
  })
})

describe('a large ACCEPT', () => {
  test('goes through: every task once, all charged, hold and HOLD gone', () => {
    const table = new Table()
    const held = table.begin(newContext())
    expect(held).toMatchObject({ kind: 'held', pieces: 3 })
    expect(free(table.ledger)).toEqual([])
    for (let index = 0; index < 2; index++) expect(table.piece(index, newContext())).toEqual({ kind: 'done' })
    expect(table.piece(2, newContext())).toMatchObject({ kind: 'answered', answer: { status: 202 } })
    expect(table.tasks.size).toBe(COUNT)
    expect(table.words.size).toBe(0)
    expect(table.hold).toBeUndefined()
    expect(table.ledger.holds).toEqual({})
    expect(quantities(chargedTo(table.ledger, payer))).toEqual({ cpus: 1000, mem: 100_000 })
    expect(table.ledger.refusals).toHaveLength(1)
  })

  test('the hold is the commit: gate, ledger and HOLD item', () => {
    const table = new Table()
    const decision = hold(loadedFor(table.framework, table.ledger), table.call, newContext())
    expect(touched(decision)).toEqual(['check gate', 'put accepting', 'put hold', 'put ledger'])
  })

  test('accept-dies-between-pieces: a repeat joins the hold and makes each task once', () => {
    const table = new Table()
    table.begin(newContext())
    table.piece(0, newContext())
    const generation = table.ledger.generation
    expect(table.begin(newContext())).toMatchObject({ kind: 'held', pieces: 3 })
    expect(table.piece(0, newContext())).toEqual({ kind: 'done' })
    expect(table.ledger.generation).toBe(generation)
    table.piece(1, newContext())
    table.piece(2, newContext())
    expect(table.tasks.size).toBe(COUNT)
    expect(quantities(chargedTo(table.ledger, payer)).cpus).toBe(1000)
  })

  test('accept-repeated-after-finish: silence', () => {
    const table = new Table()
    table.begin(newContext())
    for (let index = 0; index < 3; index++) table.piece(index, newContext())
    expect(table.begin(newContext())).toMatchObject({ kind: 'answered' })
    expect(table.piece(1, newContext())).toMatchObject({ kind: 'answered' })
    expect(table.words.size).toBe(0)
  })

  test('takeover-between-pieces: the pieces go on in the next session', () => {
    const table = new Table()
    table.begin(newContext())
    table.piece(0, newContext())
    table.framework = { ...table.framework, epoch: table.framework.epoch + 1, streamId: 'stream-2' }
    table.piece(1, newContext())
    table.piece(2, newContext())
    expect(table.tasks.size).toBe(COUNT)
  })

  test('hold-expires: what was not made is said to be dropped, what it held is free', () => {
    const table = new Table()
    table.begin(newContext())
    table.piece(0, newContext())
    const late = newContext(NOW + HOLD_MS)
    expect(table.piece(1, late)).toEqual({ kind: 'over' })
    table.end(late)
    expect(table.tasks.size).toBe(MAX_TASKS_PER_TRANSACTION)
    expect(table.words.size).toBe(COUNT - MAX_TASKS_PER_TRANSACTION)
    expect(new Set(table.words.values())).toEqual(new Set(['TASK_DROPPED']))
    expect([...table.words.keys()].every((id) => !table.tasks.has(id))).toBe(true)
    expect(table.ledger.holds).toEqual({})
    expect(table.hold).toBeUndefined()
    expect(quantities(free(table.ledger)).cpus).toBe(4000 - MAX_TASKS_PER_TRANSACTION * 10)
  })

  test('the end of a hold may stop after any step: a piece after it makes nothing', () => {
    const table = new Table()
    table.begin(newContext())
    const late = newContext(NOW + HOLD_MS)
    const { framework, ledger } = table
    if (table.hold === undefined) throw new Error('no hold')
    const first = endHold({ framework, ledger, hold: table.hold, tasks: [] }, late)
    expect(table.apply(first)).toEqual({ kind: 'more', from: 80 })
    expect(quantities(free(table.ledger)).cpus).toBe(4000)
    expect(table.piece(0, newContext())).toEqual({ kind: 'over' })
    table.end(late)
    expect(table.words.size).toBe(COUNT)
    expect(table.begin(late)).toMatchObject({ kind: 'answered' })
  })

  test('a hold that is not over is left alone', () => {
    const table = new Table()
    table.begin(newContext())
    const { framework, ledger } = table
    if (table.hold === undefined) throw new Error('no hold')
    expect(endHold({ framework, ledger, hold: table.hold, tasks: [] }, newContext()).changes).toEqual([])
  })

  test('accept-after-teardown: a removed framework launches nothing more, and is told nothing', () => {
    const table = new Table()
    table.begin(newContext())
    table.framework = { ...table.framework, state: 'removed' }
    expect(table.piece(0, newContext())).toEqual({ kind: 'over' })
    table.end(newContext())
    expect(table.tasks.size).toBe(0)
    expect(table.words.size).toBe(0)
    expect(quantities(free(table.ledger)).cpus).toBe(4000)
  })

  test('an agent lost between the pieces: REASON_AGENT_REMOVED for the rest', () => {
    const table = new Table()
    table.begin(newContext())
    table.ledger = { ...table.ledger, life: 'unreachable' }
    expect(table.piece(0, newContext())).toEqual({ kind: 'over' })
    table.end(newContext())
    expect(table.words.size).toBe(COUNT)
  })

  test('C78: with invalid offers, every task is said to be dropped, in as many steps as it takes', () => {
    const framework = newFramework()
    const call = acceptOf(['nope'], launch(...tasks))
    const loaded = loadedFor(framework, newLedger())
    const first = hold(loaded, call, newContext())
    expect(first.answer).toEqual({ kind: 'more', from: 80 })
    const second = hold(loaded, call, newContext(), 80)
    expect(second.answer).toMatchObject({ kind: 'answered' })
    const said = [...wordsOf(first), ...wordsOf(second)].map(({ task_id }) => task_id.value)
    expect(said).toEqual(tasks.map(({ name }) => name))
    expectCommittable(first)
  })

  test('its id depends on offers and tasks, not on the order of the offers', () => {
    const one = acceptOf(['a', 'b'], launch(newTaskInfo('t')))
    expect(acceptIdOf(one)).toBe(acceptIdOf(acceptOf(['b', 'a'], launch(newTaskInfo('t')))))
    expect(acceptIdOf(one)).not.toBe(acceptIdOf(acceptOf(['a', 'b'], launch(newTaskInfo('u')))))
    expect(acceptIdOf(one)).toMatch(/^[A-Za-z0-9_-]{22}$/)
  })

  test('a bad task among many is TASK_ERROR, once, and takes nothing', () => {
    const table = new Table()
    const [launched] = table.call.operations ?? []
    const all = launched?.launch?.task_infos ?? []
    const call = {
      ...table.call,
      operations: [launch(...all.slice(0, 99), newTaskInfo('bad', { resources: [scalar('cpus', 99)] }))],
    }
    Object.assign(table, { call })
    table.begin(newContext())
    for (let index = 0; index < 3; index++) table.piece(index, newContext())
    expect([...table.words]).toEqual([['bad', 'TASK_ERROR']])
    expect(table.tasks.size).toBe(99)
  })
})
