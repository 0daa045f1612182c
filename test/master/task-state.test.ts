// The life of a task, walked pair by pair; and what is seen of it through its agent and framework.
import { describe, expect, test } from 'vitest'
import { isTerminal, type Step, spell, step, TASK_STATES, visibleState } from '../../master/task-state.ts'
import type { TaskState } from '../../protocol/messages.ts'
import { newFramework, newLedger, newTask } from './calls/world.ts'

// Rows: stored. Columns, in the order of TASK_STATES: heard.
// S staging, T starting, R running, K killing, U unreachable, ? unknown, then the eight ends.
// m moves, s stays, o over, w wrong.
const table = `
  S    smmmmwmmmmmmmm
  T    ssmmmwmmmmmmmm
  R    sssmmwmmmmmmmm
  K    ssssmwmmmmmmmm
  U    mmmmswmmmmmmmm
  ?    wwwwwwwwwwwwww
  END  oooooooooooooo`
const rows = new Map(
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/) as [string, string]),
)
const rowOf = (state: TaskState): string =>
  rows.get(['S', 'T', 'R', 'K', 'U', '?'][TASK_STATES.indexOf(state as never)] ?? 'END') ?? ''
const meaning: Readonly<Record<string, Step>> = { m: 'moves', s: 'stays', o: 'over', w: 'wrong' }

describe('S4, F46: every pair of states', () => {
  const pairs = TASK_STATES.flatMap((stored) =>
    TASK_STATES.map((heard, i) => [stored, heard, meaning[rowOf(stored)[i] ?? '']] as const),
  )
  test.each(pairs)('%s, then %s: %s', (stored, heard, expected) => expect(step(stored, heard)).toBe(expected))

  test('an end never changes', () => {
    for (const end of TASK_STATES.filter(isTerminal))
      for (const heard of TASK_STATES) expect(step(end, heard)).toBe('over')
    expect(TASK_STATES.filter(isTerminal)).toHaveLength(8)
    expect(isTerminal('TASK_UNREACHABLE')).toBe(false)
  })
})

test('without PARTITION_AWARE five states are TASK_LOST, the others as they are', () => {
  const plain = newFramework({ can: [] })
  const changed = TASK_STATES.filter((state) => spell(state, plain) !== state)
  expect(changed.toSorted()).toEqual([
    'TASK_DROPPED',
    'TASK_GONE',
    'TASK_GONE_BY_OPERATOR',
    'TASK_UNKNOWN',
    'TASK_UNREACHABLE',
  ])
  expect(changed.every((state) => spell(state, plain) === 'TASK_LOST')).toBe(true)
  expect(TASK_STATES.every((state) => spell(state, newFramework()) === state)).toBe(true)
})

describe('what is seen of a task', () => {
  const inState = (state: TaskState, standing: 'live' | 'lost' | 'finished' = 'live') =>
    newTask('t', { standing, mesos: { ...newTask('t').mesos, state } })
  const connected = newFramework()
  const removed = newFramework({ state: 'removed' })

  test.each([
    ['RUNNING on an active agent', inState('TASK_RUNNING'), 'active', connected, 'TASK_RUNNING'],
    ['RUNNING on a returning agent', inState('TASK_RUNNING'), 'returning', connected, 'TASK_RUNNING'],
    [
      'C112: RUNNING on an unreachable one',
      inState('TASK_RUNNING'),
      'unreachable',
      connected,
      'TASK_UNREACHABLE',
    ],
    [
      'C119: RUNNING on one that is gone',
      inState('TASK_RUNNING'),
      'gone',
      connected,
      'TASK_GONE_BY_OPERATOR',
    ],
    ['RUNNING on one that was unregistered', inState('TASK_RUNNING'), 'removed', connected, 'TASK_LOST'],
    [
      'lost, agent returning: not yet taken over',
      inState('TASK_RUNNING', 'lost'),
      'returning',
      connected,
      'TASK_UNREACHABLE',
    ],
    [
      'lost, agent marked gone later',
      inState('TASK_UNREACHABLE', 'lost'),
      'gone',
      connected,
      'TASK_GONE_BY_OPERATOR',
    ],
    [
      'an end in custody, agent unreachable',
      inState('TASK_FINISHED'),
      'unreachable',
      connected,
      'TASK_FINISHED',
    ],
    ['of a removed framework', inState('TASK_RUNNING'), 'active', removed, 'TASK_KILLED'],
    ['of a removed framework, out of reach', inState('TASK_RUNNING'), 'unreachable', removed, 'TASK_KILLED'],
    ['an end, framework removed', inState('TASK_FAILED'), 'active', removed, 'TASK_FAILED'],
    ['history', inState('TASK_KILLED', 'finished'), 'gone', removed, 'TASK_KILLED'],
    ['RUNNING, agent forgotten', inState('TASK_RUNNING'), undefined, connected, 'TASK_UNKNOWN'],
  ] as const)('%s', (_, task, life, framework, state) => {
    expect(visibleState(task, life === undefined ? undefined : newLedger({ life }), framework)).toBe(state)
  })
})
