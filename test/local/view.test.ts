// The live view's pictures: they fit, whatever the terminal and whatever the names.
import { describe, expect, test } from 'vitest'
import { cut, stacked, widthOf } from '../../local/layout.ts'
import { isRegistered } from '../../local/screen.ts'
import { changes, frame, lastWords, type ViewExtras, type ViewState } from '../../local/view.ts'

const SIZES = [
  [80, 24],
  [120, 40],
  [200, 60],
  [40, 12],
  [20, 6],
  [60, 100],
] as const

describe('a picture', () => {
  test.each(SIZES)('fits %i columns and %i rows, busy or idle, starting or stopping', (columns, rows) => {
    for (const state of [undefined, quiet, busy]) {
      for (const phase of ['starting', 'running', 'stopping'] as const) {
        for (const dead of [[], [deadAgent]]) {
          const lines = frame(state, { ...extras, phase, columns, rows, dead }).split('\n')
          expect(lines.length).toBeLessThan(rows)
          expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns)
        }
      }
    }
  })

  test('shows agents with what is used, frameworks, tasks, events and what to type', () => {
    const text = frame(busy, { ...extras, columns: 80, rows: 40 })
    expect(text).toContain('127.0.0.1:5051')
    expect(text).toContain('3/4 cpus')
    expect(text).toContain('sleepers')
    expect(text).toMatch(/running +sleepers-4/)
    expect(text).toContain('something happened')
    expect(text).toContain('npx meseta')
  })

  test('the line that starts a dead agent again can be copied although it is long', () => {
    const text = frame(quiet, { ...extras, columns: 60, rows: 24, dead: [deadAgent] })
    const at = text.indexOf('npx meseta agent start')
    const copied = text.slice(at).replaceAll('\\\n', ' ').replace(/\s+/g, ' ').trim()
    expect(copied).toBe(deadAgent.command)
    expect(text).toMatch(/5051 .*down/)
  })

  test('names cannot steer the terminal (A20)', () => {
    const [framework] = busy.frameworks
    const state = { ...busy, frameworks: [{ ...framework, name: '\u001B[2J\u0007\u202Eevil' }] } as ViewState
    const drawn = frame(state, { ...extras, columns: 80, rows: 24 }) + changes(quiet, state).join('\n')
    for (const steering of ['\u001B[2J', '\u0007', '\u202E']) expect(drawn).not.toContain(steering)
  })

  test('while it starts: each step with its time, and how many agents are there', () => {
    const text = frame(
      { ...quiet, slaves: quiet.slaves.slice(0, 2) },
      {
        ...extras,
        phase: 'starting',
        steps: [{ name: 'emulators', seconds: 0.5 }, { name: 'control plane' }],
      },
    )
    expect(text).toContain('starting')
    expect(text).toMatch(/emulators +\S*0\.5 s/)
    expect(text).toContain('2/3')
  })
})

describe('rows', () => {
  test('are shared: each section keeps its least, and what had no room is said', () => {
    const lines = stacked(
      [
        { title: 'a', lines: Array.from({ length: 50 }, (_, index) => `a${index}`), least: 1 },
        {
          title: 'b',
          lines: Array.from({ length: 50 }, (_, index) => `b${index}`),
          least: 2,
          keep: 'last',
        },
      ],
      14,
    )
    expect(lines.length).toBeLessThanOrEqual(14)
    expect(lines.join('\n')).toMatch(/… \d+ more lines/)
    expect(lines.at(-1)).toBe('  b49')
  })

  test('cutting keeps colours closed and counts wide characters', () => {
    expect(widthOf('日本')).toBe(4)
    expect(cut('日本語', 5)).toBe('日本…')
    expect(cut('\u001B[31mred and long\u001B[39m', 6)).toBe('\u001B[31mred a…\u001B[0m')
  })
})

describe('what changed', () => {
  test('tasks of a framework that ended in the same moment are told with their last state', () => {
    const [framework] = busy.frameworks
    if (framework === undefined) throw new Error('no framework')
    const over = {
      ...framework,
      tasks: [],
      completed_tasks: [{ ...task(0), state: 'TASK_FAILED' }],
    }
    const lines = changes(busy, { ...quiet, completed_frameworks: [over] }).join('\n')
    expect(lines).toContain('sleepers-0')
    expect(lines).toContain('TASK_FAILED')
    expect(lines).toContain('framework sleepers is over')
  })

  test('an agent started just now counts only once it has said so itself', () => {
    const at = (said: boolean) => ({ port: 5051, saidReady: () => said })
    expect(isRegistered(quiet, at(false))).toBe(false)
    expect(isRegistered(quiet, at(true))).toBe(true)
    expect(isRegistered({ ...quiet, slaves: [] }, at(true))).toBe(false)
  })

  test('an agent out of service is registered, and what its drain comes to is said', () => {
    const with_ = (more: object): ViewState => ({
      ...quiet,
      slaves: quiet.slaves.map((agent, index) => (index === 0 ? { ...agent, ...more } : agent)),
    })
    const draining = with_({ active: false, deactivated: true, drain_info: { state: 'DRAINING' } })
    const drained = with_({ active: false, deactivated: true, drain_info: { state: 'DRAINED' } })
    expect(isRegistered(drained, { port: 5051, saidReady: () => true })).toBe(true)
    expect(changes(quiet, draining).join('\n')).toMatch(/is draining$/)
    expect(changes(draining, drained).join('\n')).toMatch(/is drained$/)
    expect(changes(drained, quiet).join('\n')).toMatch(/is active again$/)
  })

  test('last words say what was stopped and where the rest is', () => {
    expect(lastWords({ agents: 3, tasks: 1, seconds: 61, kept: undefined })).toBe(
      'stopped 3 agents and 1 running task after 1 min 1 s; nothing was kept',
    )
    expect(lastWords({ agents: 0, tasks: 0, seconds: 2, kept: '/d' })).toContain('--data /d')
  })
})

const quiet: ViewState = {
  slaves: [5051, 5052, 5053].map((port) => ({
    id: `S${port}`,
    pid: `slave(1)@127.0.0.1:${port}`,
    active: true,
    deactivated: false,
    registered_time: 1,
    resources: { cpus: 4, mem: 4096 },
    used_resources: { cpus: port === 5051 ? 3 : 0, mem: 32 },
    offered_resources: { cpus: 1, mem: 1024 },
  })),
  frameworks: [],
  completed_frameworks: [],
}

function task(index: number) {
  return { id: `sleepers-${index}`, name: 'sleepers', state: 'TASK_RUNNING', slave_id: 'S5051' }
}

const busy: ViewState = {
  ...quiet,
  unreachable_slaves: 1,
  frameworks: [
    {
      id: 'F1',
      name: 'sleepers',
      connected: true,
      tasks: [0, 1, 2, 3, 4].map(task),
      unreachable_tasks: [],
      completed_tasks: [],
    },
    ...Array.from({ length: 12 }, (_, index) => ({
      id: `G${index}`,
      name: `a framework with a rather long name 日本語 ${index}`,
      connected: index % 2 === 0,
      tasks: [],
      unreachable_tasks: [{ ...task(9), state: 'TASK_UNREACHABLE' }],
      completed_tasks: [],
    })),
  ],
}

const deadAgent = {
  index: 0,
  port: 5051,
  command:
    "npx meseta agent start --master http://127.0.0.1:5050 --work-dir /tmp/d/agents/0 --port 5051 --resources 'cpus:4;mem:4096' --partition-file /tmp/d/agents/0/partitioned-until",
}

const extras: ViewExtras = {
  phase: 'running',
  steps: [],
  url: 'http://127.0.0.1:5050',
  agentsWanted: 3,
  columns: 80,
  rows: 24,
  happened: Array.from({ length: 30 }, (_, index) => `10:00:00  something happened ${index}`),
  upSeconds: 3_700,
  dead: [],
}
