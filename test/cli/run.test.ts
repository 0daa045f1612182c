// `meseta run`: output, exit codes, signals, and what it leaves behind.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { naming, until } from '../local/start.ts'
import { type CliCluster, startCliCluster } from './cluster.ts'

let cluster: CliCluster
beforeAll(async () => {
  cluster = await startCliCluster(2)
})
afterAll(() => cluster.stop())

const run = (...args: string[]) => cluster.meseta(['run', ...args])

test('stdout and stderr apart, the exit code of the task, its environment', async () => {
  const { code, out, err } = await run(
    ...['--env', 'A=one', '--env', 'B=two words'],
    ...['--', 'echo "$A $B"; echo wrong >&2; exit 7'],
  )
  expect(out).toBe('one two words\n')
  expect(err).toBe('wrong\n')
  expect(code).toBe(7)
})

test('several arguments are a program and its arguments, not a shell line', async () => {
  expect(await run('--', 'printf', '%s|', 'a b', '$HOME', ';')).toEqual({
    code: 0,
    out: 'a b|$HOME|;|',
    err: '',
  })
})

test('a megabyte of output, and a task that ends at once, come whole', async () => {
  const big = await run(
    '--',
    'head -c 1048576 /dev/zero | tr "\\\\0" x; head -c 100000 /dev/zero | tr "\\\\0" y >&2',
  )
  expect(big.code).toBe(0)
  expect([big.out.length, big.err.length]).toEqual([1_048_576, 100_000])
  expect((await run('--', 'true')).code).toBe(0)
  expect((await run('--', 'echo', 'at once')).out).toBe('at once\n')
})

test('a signal that ended the task is 128 + n', async () => {
  expect((await run('--', 'kill -9 $$')).code).toBe(137)
  expect((await run('--', 'kill -USR1 $$')).code).toBe(138)
})

test('three instances as JSON: ids, agents, states', async () => {
  const { code, out } = await run('--instances', '3', '--json', '--name', 'three', '--', 'true')
  expect(code).toBe(0)
  const whole = JSON.parse(out) as { readonly tasks: readonly Readonly<Record<string, unknown>>[] }
  const { tasks } = whole
  // What programs read: names may be added, and none taken away.
  expect(Object.keys(whole)).toEqual(['framework_id', 'tasks'])
  const names = ['task_id', 'agent_id', 'hostname', 'state', 'exit_code', 'message']
  expect(tasks.map((task) => Object.keys(task))).toEqual([names, names, names])
  expect(tasks.map((task) => task.state)).toEqual(Array(3).fill('TASK_FINISHED'))
  expect(new Set(tasks.map((task) => task.task_id)).size).toBe(3)
  expect(tasks.every((task) => typeof task.agent_id === 'string' && task.exit_code === 0)).toBe(true)
})

test('--timeout kills it and ends with 124; the framework is gone', async () => {
  const { code, err } = await run('--timeout', '1', '--name', 'late', '--', 'sleep 812345')
  expect(code).toBe(124)
  expect(err).toContain('1 s are over')
  expect(naming('sleep 812345')).toEqual([])
  expect(await frameworks()).not.toContain('late')
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s kills the task, removes the framework and ends with %i, also when it comes twice',
  async (signal, status) => {
    const one = cluster.begin(['run', '--name', 'cut', '--', 'echo begun; sleep 823456'])
    await until('the output', () => one.stdout() === 'begun\n')
    one.child.kill(signal)
    one.child.kill(signal)
    expect((await one.exited).code).toBe(status)
    expect(naming('sleep 823456')).toEqual([])
    expect(await frameworks()).not.toContain('cut')
  },
)

test('no offer is large enough: it says so after five seconds, and can be interrupted', async () => {
  const one = cluster.begin(['run', '--name', 'huge', '--cpus', '999', '--', 'true'])
  await until('the word', () => /no offer with cpus 999, mem 32 yet/.test(one.stderr()), 10_000)
  one.child.kill('SIGINT')
  expect((await one.exited).code).toBe(130)
  expect(await frameworks()).not.toContain('huge')
})

test('who reads the output goes away: the task is killed', async () => {
  const one = cluster.begin(['run', '--name', 'unread', '--', 'while true; do echo 834567; sleep 0.05; done'])
  await until('the output', () => one.stdout().length > 0)
  one.child.stdout?.destroy()
  expect((await one.exited).code).toBe(141)
  expect(await frameworks()).not.toContain('unread')
})

test('the control plane dies in between: one clear sentence', async () => {
  const one = cluster.begin(['run', '--name', 'orphan', '--', 'echo begun; sleep 845678'])
  await until('the output', () => one.stdout() === 'begun\n')
  cluster.started.child.kill('SIGKILL')
  expect((await one.exited).code).toBe(5)
  expect(one.stderr()).toMatch(/^error: .*(ended the stream|nobody answers).*\n$/)
  const nobody = await run('--', 'true')
  expect(nobody.code).toBe(5)
  expect(nobody.err).toMatch(/^error: nobody answers at .*; start a cluster with `npm start`.*\n$/)
})

async function frameworks(): Promise<readonly string[]> {
  const state = (await (await fetch(`${cluster.url}/state`)).json()) as {
    readonly frameworks: readonly { readonly name: string }[]
  }
  return state.frameworks.map(({ name }) => name)
}
