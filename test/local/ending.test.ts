// Whatever ends `npm start`, and however early: no process is left, no task, no folder.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandTask, TestFramework } from '../framework.ts'
import { ROOT } from '../vitest.ts'
import { NODE, naming, type Started, start, until, watched } from './start.ts'

/** Folders without --data are made here, so that those of others do not disturb. */
let temp = ''
beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), 'meseta-test-ending-'))
})
afterAll(() => rmSync(temp, { recursive: true, force: true }))

const SMALL = ['--port', '0', '--agents', '1', '--profile', 'fast']

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s stops everything: agents, emulators, tasks and what they left behind them',
    async (signal) => {
      const tmp = folder(signal)
      const started = start(SMALL, { env: { TMPDIR: tmp } })
      const word = await withTasks(await started.ready())
      started.child.kill(signal)
      expect(await started.exited).toEqual({ code: 0, signal: null })
      expect(naming(word, tmp)).toEqual([])
      expect(readdirSync(tmp).filter((name) => name.startsWith('meseta-start-'))).toEqual([])
      expect(started.stdout()).toMatch(/^stopping$/m)
      expect(started.stdout()).toMatch(/^stopped 1 agent and 2 running tasks after .*; nothing was kept$/m)
      expect(started.stderr()).toBe('')
    },
  )

  test.each([150, 300, 600, 900, 1_300])('%i ms after the start leaves nothing either', async (ms) => {
    const tmp = folder(`early-${ms}`)
    const started = start(SMALL, { env: { TMPDIR: tmp } })
    await new Promise((resolve) => setTimeout(resolve, ms))
    started.child.kill('SIGTERM')
    const { code, signal } = await started.exited
    expect(code === 0 || signal === 'SIGTERM').toBe(true)
    await until('nothing runs', () => naming(tmp).length === 0, 3_000)
    expect(readdirSync(tmp).filter((name) => name.startsWith('meseta-start-'))).toEqual([])
  })
})

test('the death of its parent ends it', async () => {
  const tmp = folder('parent')
  const shell = watched(
    spawn('/bin/sh', ['-c', '"$@" & wait', 'sh', NODE, join(ROOT, 'bin/run.js'), 'local/main.ts', ...SMALL], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: tmp },
    }),
  )
  const word = await withTasks(await shell.ready())
  shell.child.kill('SIGKILL')
  await until('everything ended', () => naming(word, tmp).length === 0, 10_000)
  await until('the folder went', () => readdirSync(tmp).every((name) => !name.startsWith('meseta-start-')))
})

test('kill -9 without --data: agents, emulator and tasks end by themselves; the next start removes the folder', async () => {
  const tmp = folder('killed')
  const started = start(SMALL, { env: { TMPDIR: tmp } })
  const url = await started.ready()
  const word = await withTasks(url)
  const [left = ''] = readdirSync(tmp).filter((name) => name.startsWith('meseta-start-'))
  started.child.kill('SIGKILL')
  await until('everything ended', () => naming(word, tmp).length === 0, 4_000)
  const next = start(SMALL, { env: { TMPDIR: tmp } })
  await next.ready()
  expect(existsSync(join(tmp, left))).toBe(false)
  await next.stop()
})

describe('with --data', () => {
  let data = ''
  let started: Started
  let word = ''
  const args = () => [...SMALL, '--data', data]
  beforeAll(async () => {
    data = join(folder('data'), 'd')
    started = start(args())
    await started.ready()
  })
  afterAll(() => started.stop())

  test('a second start on the same folder is refused in one sentence, the first goes on', async () => {
    const second = start(args())
    expect((await second.exited).code).toBe(1)
    expect(second.stderr()).toMatch(
      /^error: .* is in use by a control plane that runs already \(pid \d+\).*\n$/,
    )
    expect((await fetch(`${urlOf(started)}/health`)).status).toBe(200)
  })

  test('after kill -9 agents, tasks and the table go on; the next start adopts them (R25)', async () => {
    word = await withTasks(urlOf(started))
    const agents = naming('agent/main.ts').filter((command) => command.includes(data))
    started.child.kill('SIGKILL')
    await started.exited
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(naming(data).filter((command) => /agent\/main|dynoxide/.test(command)).length).toBe(2)
    const before = urlOf(started)
    started = start(args())
    expect(await started.ready()).toBe(before)
    expect(naming('agent/main.ts').filter((command) => command.includes(data))).toEqual(agents)
    expect(await running(before)).toEqual([`plain-${word}`, `stray-${word}`])
  })

  test('an agent that was started by hand with the printed line is adopted too, and ends with the others', async () => {
    const killed = await call(urlOf(started), {
      type: 'PAUSE_AGENT',
      pause_agent: { index: 0, seconds: 0.1 },
    })
    expect(killed.status).toBe(200)
    process.kill(Number(processOf(data)), 'SIGKILL')
    await until('the line', () => /start it again with: npx meseta agent start/.test(started.stdout()))
    const line = /start it again with: npx meseta (.*)$/m.exec(started.stdout())?.[1]
    started.child.kill('SIGKILL')
    await started.exited
    const byHand = spawn('/bin/sh', ['-c', `exec ${NODE} ${join(ROOT, 'bin/meseta.js')} ${line}`], {
      stdio: 'ignore',
    })
    started = start(args())
    await started.ready()
    expect(await running(urlOf(started))).toEqual([`plain-${word}`, `stray-${word}`])
    await started.stop()
    await until('the agent by hand ended', () => byHand.exitCode !== null)
    expect(naming(word, data)).toEqual([])
    expect(started.stdout()).toContain(`everything is kept in ${data}`)
  })

  test('another port at the next start: the agents are told by being started anew', async () => {
    started = start(args())
    const first = await started.ready()
    word = await withTasks(first)
    started.child.kill('SIGKILL')
    await started.exited
    const { freePorts } = await import('../../local/free-port.ts')
    const port = await freePorts(2)
    started = start(['--data', data, '--agents', '1', '--profile', 'fast', '--port', String(port)])
    expect(await started.ready()).toBe(`http://127.0.0.1:${port}`)
    expect(await running(urlOf(started))).toEqual([`plain-${word}`, `stray-${word}`])
  }, 60_000)
})

/** Two tasks with a word in their command lines; one runs away from its shell, and its session. */
async function withTasks(url: string): Promise<string> {
  const word = `86${Math.floor(Math.random() * 1e9)}`
  const framework = await TestFramework.subscribe(url, { info: { checkpoint: true, failover_timeout: 600 } })
  const offer = await framework.offerOf(0.2, 64)
  const stray = `setsid sh -c 'setsid sleep ${word} & sleep ${word} &' & sleep ${word}`
  await framework.launch(
    [offer],
    [commandTask(offer, `plain-${word}`, `exec sleep ${word}`), commandTask(offer, `stray-${word}`, stray)],
  )
  await framework.update(`plain-${word}`, 'TASK_RUNNING')
  await framework.update(`stray-${word}`, 'TASK_RUNNING')
  await until(
    'four sleepers',
    () => naming(`sleep ${word}`).filter((line) => /^sleep/.test(line)).length === 4,
  )
  framework.close()
  return word
}

async function running(url: string): Promise<readonly string[]> {
  const state = (await (await fetch(`${url}/state`)).json()) as {
    readonly frameworks: readonly { readonly tasks: readonly { id: string; state: string }[] }[]
  }
  const tasks = state.frameworks.flatMap((framework) => framework.tasks)
  return tasks
    .filter((task) => task.state === 'TASK_RUNNING')
    .map((task) => task.id)
    .sort()
}

function call(url: string, body: object): Promise<Response> {
  return fetch(`${url}/api/v1/meseta`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}

function urlOf(started: Started): string {
  return /^ready (\S+)$/m.exec(started.stdout())?.[1] ?? ''
}

function processOf(data: string): string {
  const lock = JSON.parse(readFileSync(join(data, 'agents', '0', 'meta', 'lock'), 'utf8')) as { pid: number }
  return String(lock.pid)
}

function folder(name: string): string {
  const path = join(temp, name)
  mkdirSync(path)
  return path
}
