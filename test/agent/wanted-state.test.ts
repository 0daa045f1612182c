// Wanted state by numbers: what a nudge or a list starts, stops and reports, whatever got lost on the way.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { INCARNATION, newMachine, register, registeredMachine, wantedAt } from './machine.ts'

describe('a nudge', () => {
  test('of the next generation starts its tasks', () => {
    const machine = registeredMachine(4)
    machine.nudge(5, [wantedAt('a', 5)])
    expect(machine.launched()).toEqual(['a'])
    expect(machine.state.applied).toBe(5)
  })

  test('delivered five times starts once (F36)', () => {
    const machine = registeredMachine()
    for (let i = 0; i < 5; i++) machine.nudge(1, [wantedAt('a', 1)])
    expect(machine.launched()).toEqual(['a'])
  })

  test('nudge-two-before-one: waits for the first, then both are applied in order', () => {
    const machine = registeredMachine()
    const early = machine.nudge(2, [wantedAt('b', 2)])
    expect(machine.launched()).toEqual([])
    expect(early).toContainEqual(expect.objectContaining({ action: 'timer', timer: 'overtaken' }))
    machine.nudge(1, [wantedAt('a', 1)])
    expect(machine.launched()).toEqual(['a', 'b'])
    expect(machine.state.applied).toBe(2)
  })

  test('whose forerunner never comes makes the agent sync', () => {
    const machine = registeredMachine()
    machine.nudge(2, [wantedAt('b', 2)])
    expect(machine.put({ input: 'timer', timer: 'overtaken' })).toContainEqual({ action: 'sync' })
    machine.list(2, [wantedAt('a', 1), wantedAt('b', 2)])
    expect(machine.launched()).toEqual(['a', 'b'])
  })

  test('of an older incarnation does nothing, of a newer one makes the agent sync', () => {
    const machine = registeredMachine()
    expect(machine.nudge(1, [wantedAt('a', 1)], { incarnation: INCARNATION - 1 })).toEqual([])
    expect(machine.nudge(1, [], { incarnation: INCARNATION + 1 })).toEqual([{ action: 'sync' }])
    expect(machine.launched()).toEqual([])
  })

  test('before the registration is confirmed starts nothing', () => {
    const machine = newMachine()
    machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
    machine.nudge(1, [wantedAt('a', 1)])
    machine.list(1, [wantedAt('a', 1)])
    expect(machine.launched()).toEqual([])
  })
})

describe('a list', () => {
  test('starts what was launched since and is refused when it is older than what was applied', () => {
    const machine = registeredMachine(3)
    machine.list(5, [wantedAt('a', 4), wantedAt('b', 5)])
    expect(machine.launched()).toEqual(['a', 'b'])
    machine.list(4, [wantedAt('a', 4)])
    expect(machine.state.tasks.get('f/b')?.stop).toBeUndefined()
    expect(machine.state.applied).toBe(5)
  })

  test('that was asked for under another incarnation is refused', () => {
    const machine = registeredMachine()
    machine.list(1, [wantedAt('a', 1)], INCARNATION - 1)
    expect(machine.launched()).toEqual([])
  })

  test('nudge-after-torn-list: a launch that is behind us and unknown is DROPPED, never started', () => {
    const machine = registeredMachine(5)
    machine.list(6, [wantedAt('a', 5)])
    expect(machine.launched()).toEqual([])
    expect(machine.updates('a')).toMatchObject([
      { number: 1, status: { state: 'TASK_DROPPED', source: 'SOURCE_AGENT' } },
    ])
  })

  test('S7: what was asked before a registration and is heard during it starts nothing: it may be dropped by then', () => {
    const machine = registeredMachine(5)
    machine.put({ input: 'registering' })
    machine.list(7, [wantedAt('a', 7)])
    machine.nudge(6, [wantedAt('b', 6)])
    expect(machine.launched()).toEqual([])
    expect(machine.state.applied).toBe(5)
    register(machine, INCARNATION, 7)
    expect(machine.actions).toContainEqual({ action: 'sync' })
    machine.list(8, [wantedAt('c', 8)])
    expect(machine.launched()).toHaveLength(1)
  })

  test('list-after-disk-rollback: launches of an older incarnation are GONE, never started again', () => {
    const machine = registeredMachine()
    machine.list(9, [wantedAt('a', 8, { launchIncarnation: INCARNATION - 1 })])
    expect(machine.launched()).toEqual([])
    expect(machine.states('a')).toEqual(['TASK_GONE'])
  })

  test('without a task that runs here stops it, and it is forgotten when its end is in custody', () => {
    const machine = registeredMachine()
    machine.nudge(1, [wantedAt('a', 1)])
    machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
    const actions = machine.list(2, [])
    expect(actions).toContainEqual(expect.objectContaining({ action: 'signal', signal: 'SIGTERM' }))
    machine.put({
      input: 'container-ended',
      containerId: machine.containerOf('a'),
      end: { kind: 'signal', value: 15 },
    })
    machine.takeAll()
    expect(machine.state.tasks.size).toBe(0)
  })

  test('that still names a task forgotten after it was read brings nothing back', () => {
    const machine = registeredMachine()
    machine.nudge(1, [wantedAt('a', 1)])
    machine.put({ input: 'container-launched', containerId: machine.containerOf('a'), pid: 5 })
    machine.put({
      input: 'container-ended',
      containerId: machine.containerOf('a'),
      end: { kind: 'exit', value: 0 },
    })
    machine.takeAll()
    machine.list(1, [wantedAt('a', 1)])
    expect(machine.states('a')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    expect(machine.state.tasks.size).toBe(0)
  })

  test('with a launch that is already to be stopped says KILLED during launch', () => {
    const machine = registeredMachine()
    machine.list(2, [wantedAt('a', 1, { wanted: 'stop', kills: 1 })])
    expect(machine.updates('a')[0]?.status).toMatchObject({
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    })
  })
})

describe('a registration', () => {
  test('register-answer-lost: the same incarnation again changes nothing', () => {
    const machine = registeredMachine()
    machine.nudge(1, [wantedAt('a', 1)])
    register(machine, INCARNATION, 1)
    machine.list(1, [wantedAt('a', 1)])
    machine.nudge(2, [wantedAt('b', 2)])
    expect(machine.launched()).toEqual(['a', 'b'])
  })

  test('register-answer-lost: launches made under the incarnation before its answer came are started', () => {
    const machine = newMachine()
    machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
    // The first answer was lost; meanwhile generation 1 was committed for this incarnation.
    register(machine, INCARNATION, 1)
    machine.list(1, [wantedAt('a', 1)])
    expect(machine.launched()).toEqual(['a'])
  })

  test('under another agent’s id ends the process', () => {
    const machine = registeredMachine()
    machine.state.agentId = 'm-S2'
    register(machine, INCARNATION + 1)
    expect(machine.actions).toContainEqual(expect.objectContaining({ action: 'end-process' }))
  })

  test('after a restore of the table is made again with the tasks told in full', () => {
    const machine = registeredMachine()
    register(machine, 2 * 10_000_000_000 + 1)
    expect(machine.state.restored).toBe(true)
    expect(machine.actions).toContainEqual({ action: 'register' })
  })
})

describe('whatever happens to nudges and lists', () => {
  /** What is delivered, in which order, how often: generations of nudges, and lists as of a generation. */
  const deliveries = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('nudge' as const), generation: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ kind: fc.constant('list' as const), generation: fc.integer({ min: 0, max: 8 }) }),
    ),
    { maxLength: 40 },
  )

  test('each task starts at most once, and after a last list every task has started or is reported (F36, S3)', () => {
    fc.assert(
      fc.property(deliveries, (sequence) => {
        const machine = registeredMachine()
        for (const { kind, generation } of sequence) {
          if (kind === 'nudge') machine.nudge(generation, [wantedAt(`t${generation}`, generation)])
          else machine.list(generation, tasksUpTo(generation))
        }
        machine.list(8, tasksUpTo(8))
        const started = machine.launched()
        expect(new Set(started).size).toBe(started.length)
        expect([...started].sort()).toEqual(tasksUpTo(8).map((task) => task.taskId))
      }),
    )
  })

  test('torn lists, too: no task starts twice, and none stays without a word', () => {
    const torn = fc.array(
      fc.record({
        generation: fc.integer({ min: 0, max: 8 }),
        missing: fc.uniqueArray(fc.integer({ min: 1, max: 8 })),
      }),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(torn, (lists) => {
        const machine = registeredMachine()
        for (const { generation, missing } of lists) {
          machine.list(
            generation,
            tasksUpTo(generation).filter((task) => !missing.includes(task.launchGeneration)),
          )
        }
        machine.list(8, tasksUpTo(8))
        const started = machine.launched()
        expect(new Set(started).size).toBe(started.length)
        for (const { taskId } of tasksUpTo(8)) {
          expect(started.includes(taskId) || machine.states(taskId).length > 0).toBe(true)
        }
      }),
    )
  })

  function tasksUpTo(generation: number): ReturnType<typeof wantedAt>[] {
    return Array.from({ length: generation }, (_, index) => wantedAt(`t${index + 1}`, index + 1))
  }
})
