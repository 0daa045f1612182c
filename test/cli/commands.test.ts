// Every command of docs/running.md but `run`: what it prints, its JSON, its errors and exit codes.
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sqsQueues } from '../../functions/ports/queues-sqs.ts'
import { freePort } from '../../local/free-port.ts'
import { systemClock } from '../../protocol/clock.ts'
import { MESETA_VERSION } from '../../protocol/version.ts'
import { naming, type Started, until } from '../local/start.ts'
import { beginMeseta, type CliCluster, startCliCluster } from './cluster.ts'

let cluster: CliCluster
/** A task that runs through all of the tests below. */
let sleeper: Started
let taskId = ''
beforeAll(async () => {
  cluster = await startCliCluster(2)
  sleeper = cluster.begin(['run', '--name', 'sleeper', '--', 'echo out; echo err >&2; sleep 856789'])
  await until('its output', () => sleeper.stdout() === 'out\n')
  const [task] = JSON.parse((await meseta('tasks', '--json')).out) as readonly { readonly id: string }[]
  taskId = task?.id ?? ''
})
afterAll(() => cluster.stop())

const meseta = (...args: string[]) => cluster.meseta(args)

describe('lists', () => {
  test('agents, frameworks, tasks: a table for people, JSON for programs, no colours when piped', async () => {
    for (const [command, head] of [
      ['agents', 'AGENT'],
      ['frameworks', 'FRAMEWORK'],
      ['tasks', 'TASK'],
    ] as const) {
      const { code, out } = await meseta(command)
      expect(code).toBe(0)
      expect(out).toMatch(new RegExp(`^${head} `))
      expect(out).not.toContain('\u001B')
      const list = JSON.parse((await meseta(command, '--json')).out) as readonly unknown[]
      expect(list.length).toBe(command === 'agents' ? 2 : 1)
    }
  })

  test('finished ones with -a', async () => {
    await meseta('run', '--name', 'over', '--', 'true')
    const names = async (...args: string[]) =>
      (JSON.parse((await meseta(...args, '--json')).out) as { name: string }[]).map(({ name }) => name)
    expect(await names('tasks')).not.toContain('over')
    expect(await names('tasks', '-a')).toContain('over')
    expect(await names('frameworks')).not.toContain('over')
    expect(await names('frameworks', '-a')).toContain('over')
  })
})

describe('one task', () => {
  test('inspect, by a part of its id, as text and as JSON', async () => {
    const text = await meseta('task', 'inspect', taskId.slice(0, -2))
    expect(text.out).toContain('TASK_RUNNING')
    expect(JSON.parse((await meseta('task', 'inspect', taskId, '--json')).out)).toMatchObject({ id: taskId })
  })

  test('logs: stdout, stderr, and as they grow', async () => {
    expect((await meseta('task', 'logs', taskId)).out).toBe('out\n')
    expect((await meseta('task', 'logs', taskId, '--stderr')).out).toBe('err\n')
    const writer = cluster.begin([
      'run',
      '--name',
      'writer',
      '--',
      'for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done',
    ])
    await until('it runs', () => writer.stdout() !== '')
    const id = await idOf('writer')
    const followed = await meseta('task', 'logs', '-f', id)
    expect(followed).toEqual({ code: 0, out: '1\n2\n3\n4\n5\n6\n', err: '' })
    await writer.exited
  })

  test('one that is not there: 3 and what to do', async () => {
    for (const args of [
      ['inspect', 'nobody'],
      ['logs', 'nobody'],
      ['kill', 'nobody'],
    ]) {
      const { code, err } = await meseta('task', ...args)
      expect(code).toBe(3)
      expect(err).toMatch(/^error: no task nobody; `npx meseta tasks -a` lists them\n$/)
    }
  })

  test('kill', async () => {
    const victim = cluster.begin(['run', '--name', 'victim', '--', 'echo begun; sleep 867890'])
    await until('it runs', () => victim.stdout() !== '')
    expect((await meseta('task', 'kill', await idOf('victim'))).code).toBe(0)
    expect((await victim.exited).code).not.toBe(0)
    expect(naming('sleep 867890')).toEqual([])
  })
})

test('framework teardown ends the run that it belongs to, in a sentence', async () => {
  const one = cluster.begin(['run', '--name', 'torn', '--', 'echo begun; sleep 878901'])
  await until('it runs', () => one.stdout() !== '')
  const frameworks = JSON.parse((await meseta('frameworks', '--json')).out) as { id: string; name: string }[]
  const id = frameworks.find(({ name }) => name === 'torn')?.id ?? ''
  expect((await meseta('framework', 'teardown', id)).code).toBe(0)
  expect((await one.exited).code).toBe(4)
  expect(one.stderr()).toMatch(/^error: somebody removed the framework of this run/m)
  await until('its task ended', () => naming('sleep 878901').length === 0)
  expect((await meseta('framework', 'teardown', id)).code).toBe(3)
})

test('agents: deactivate, reactivate, start by hand, drain, gone', async () => {
  const port = await freePort()
  const byHand = cluster.begin([
    ...['--master', cluster.url, 'agent', 'start', '--work-dir', join(cluster.data, 'by-hand')],
    ...['--port', String(port), '--resources', 'cpus:1;mem:64'],
  ])
  await until('it is ready', () => /^ready /m.test(byHand.stdout()))
  const id = (JSON.parse(/^ready (.*)$/m.exec(byHand.stdout())?.[1] ?? '{}') as { agentId: string }).agentId
  const state = async () =>
    (JSON.parse((await meseta('agents', '--json')).out) as { id: string; deactivated: boolean }[]).find(
      (agent) => agent.id === id,
    )
  expect((await meseta('agent', 'deactivate', id)).code).toBe(0)
  expect((await state())?.deactivated).toBe(true)
  expect((await meseta('agent', 'reactivate', id)).code).toBe(0)
  expect((await state())?.deactivated).toBe(false)
  const drained = await meseta('agent', 'drain', id, '--grace', '1.5', '--wait')
  expect(drained).toMatchObject({ code: 0, out: expect.stringContaining('agent reactivate') })
  expect(await state()).toMatchObject({
    drain_info: {
      state: 'DRAINED',
      config: { max_grace_period: { nanoseconds: 1_500_000_000 }, mark_gone: false },
    },
  })
  expect((await meseta('agents')).out).toMatch(/ drained /)
  expect((await meseta('agent', 'reactivate', id)).code).toBe(0)
  expect((await meseta('agent', 'drain', id, '--grace', '-1')).code).toBe(2)
  expect((await meseta('agent', 'drain', 'nobody')).code).toBe(3)
  const gone = await meseta('agent', 'drain', id, '--mark-gone', '--wait')
  expect(gone).toMatchObject({ code: 0, out: expect.stringContaining('gone for good') })
  expect(await state()).toBeUndefined()
  expect((await meseta('agent', 'drain', id)).code).toBe(4)
  expect((await meseta('agent', 'gone', id)).code).toBe(0)
  expect((await meseta('agent', 'deactivate', 'nobody')).code).toBe(3)
  byHand.child.kill('SIGTERM')
  await byHand.exited
  const help = await meseta('agent', 'start', '--help')
  expect(help).toMatchObject({ code: 0, err: '' })
  expect(help.out).toContain('--work-dir <dir>')
})

test('events: each state of a task once, in order; JSON lines with --json', async () => {
  const [text, json] = [cluster.begin(['events']), cluster.begin(['events', '--json'])]
  await until('both listen', () => text.stdout() !== '' && json.stdout() !== '')
  await meseta('run', '--name', 'seen', '--', 'true')
  const last = () => /seen-\S+ TASK_FINISHED/.test(text.stdout()) && json.stdout().includes('TASK_FINISHED')
  await until('the end', last)
  const states = [...text.stdout().matchAll(/seen-\S+ (?:TASK_(\w+)|on )/g)].map(([, state]) => state)
  expect(states).toEqual([undefined, 'STARTING', 'RUNNING', 'FINISHED'].filter((one) => states.includes(one)))
  expect(states).toContain('RUNNING')
  for (const line of json.stdout().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('type')
  for (const one of [text, json]) one.child.kill('SIGINT')
  expect([(await text.exited).code, (await json.exited).code]).toEqual([0, 0])
})

test('dead letters: listed, shown, sent again', async () => {
  expect((await meseta('dead-letters', 'list')).out).toBe('no dead letters: nothing was parked\n')
  const port = await import('node:fs').then((fs) => fs.readFileSync(join(cluster.data, 'sqs.port'), 'utf8'))
  const queues = sqsQueues({
    clock: systemClock,
    region: 'us-east-1',
    prefix: 'meseta',
    endpoint: `http://127.0.0.1:${port}`,
  })
  // What can come in at `heartbeats` never fails (it is logged), so the letter is put where it would be parked.
  await queues.ensureFunctionQueues()
  const letter = {
    id: 'poison',
    queue: 'heartbeats',
    body: '{oops',
    group: '0',
    sentAt: 1,
    receiveCount: 5,
    parkedAt: 2,
  }
  await queues.sendTo('dead-letters', JSON.stringify(letter))
  const listed = await meseta('dead-letters', 'list', '--json')
  expect(listed.err).toBe('')
  const list = JSON.parse(listed.out) as { id: string }[]
  expect(list).toMatchObject([{ id: 'poison', queue: 'heartbeats', receives: 5 }])
  expect(JSON.parse((await meseta('dead-letters', 'show', 'poison')).out)).toMatchObject({ body: '{oops' })
  expect((await meseta('dead-letters', 'show', 'other')).code).toBe(3)
  expect((await meseta('dead-letters', 'redrive')).out).toBe('1 message put back into the queue\n')
  expect(JSON.parse((await meseta('dead-letters', 'list', '--json')).out)).toEqual([])
  // It is handled now: logged as no beat, while its neighbours go on being heard.
  const log = () => execFileSync('cat', [join(cluster.data, 'control-plane.log')], { encoding: 'utf8' })
  await until('the poison is logged', () => log().includes('no beat'))
  expect(
    (JSON.parse((await meseta('agents', '--json')).out) as { active: boolean }[]).every(
      ({ active }) => active,
    ),
  ).toBe(true)
  queues.close()
})

test('config: named contexts; flag before environment before file', async () => {
  const env = { MESETA_MASTER: undefined, MESETA_CONFIG: join(cluster.data, 'contexts.json') }
  const set = (name: string, url: string) => cluster.meseta(['config', 'set', name, '--url', url], env)
  expect((await set('here', `${cluster.url}/`)).code).toBe(0)
  expect((await set('nowhere', 'http://127.0.0.1:1')).code).toBe(0)
  expect((await cluster.meseta(['agents'], env)).code).toBe(5)
  expect((await cluster.meseta(['agents', '--json'], { ...env, MESETA_CONTEXT: 'here' })).code).toBe(0)
  expect((await cluster.meseta(['--context', 'here', 'agents'], env)).code).toBe(0)
  expect((await cluster.meseta(['config', 'use', 'here'], env)).code).toBe(0)
  expect((await cluster.meseta(['agents'], env)).code).toBe(0)
  expect(
    (await cluster.meseta(['--master', 'http://127.0.0.1:1', 'agents'], { MESETA_MASTER: cluster.url })).code,
  ).toBe(5)
  expect(JSON.parse((await cluster.meseta(['config', 'list'], env)).out)).toMatchObject({
    current: 'here',
    contexts: { here: { master: cluster.url } },
  })
  const unknown = await cluster.meseta(['--context', 'other', 'agents'], env)
  expect(unknown.code).toBe(3)
  expect(unknown.err).toMatch(/known: here, nowhere.*meseta config set other --url URL/)
})

describe('what is wrong', () => {
  test('an unknown command suggests a known one; unknown options; missing arguments: 2', async () => {
    const typo = await meseta('agnets')
    expect(typo.code).toBe(2)
    expect(typo.err).toMatch(/unknown command 'agnets'[\s\S]*Did you mean agents\?/)
    for (const args of [
      ['agents', '--wrong'],
      ['run'],
      ['run', '--cpus', 'many', '--', 'true'],
      ['run', '--instances', '0', '--', 'true'],
      ['run', '--env', 'novalue', '--', 'true'],
      ['task', 'kill'],
      ['completion', 'tcsh'],
      ['--master', 'http://', 'agents'],
    ]) {
      const { code, err } = await meseta(...args)
      expect(`${args.join(' ')}: ${code}`).toBe(`${args.join(' ')}: 2`)
      expect(err).toMatch(/^error: /)
    }
  })

  test('nobody answers: 5; somebody else answers: 4', async () => {
    const server = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const other = await cluster.meseta(['--master', `127.0.0.1:${port}`, 'agents'])
    expect(other.code).toBe(4)
    expect(other.err).toMatch(
      /^error: what answers at http:.* is no Meseta; name the right address with --master URL\n$/,
    )
    server.close()
    const nobody = await cluster.meseta(['--master', 'http://127.0.0.1:1', 'tasks'])
    expect(nobody.code).toBe(5)
    expect(nobody.err).toMatch(/^error: nobody answers at http:\/\/127.0.0.1:1 .*`npm start`/)
  })

  test('faults on an agent that is not there', async () => {
    const { code, err } = await meseta('dev', 'pause', '7')
    expect(code).toBe(3)
    expect(err).toContain('There is no agent 7; this cluster started 2 (0 to 1)')
  })
})

test('completion scripts are valid and complete commands', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, out } = await meseta('completion', shell)
    expect(code).toBe(0)
    const file = join(cluster.data, `completion.${shell}`)
    writeFileSync(file, out)
    // Shells that are not installed cannot judge.
    const check = spawnSync(shell, ['-n', file])
    if (check.error === undefined) expect(check.status).toBe(0)
  }
  const complete = (words: string, at: number) =>
    execFileSync('bash', [
      '-c',
      `source ${join(cluster.data, 'completion.bash')}; COMP_WORDS=(${words}); COMP_CWORD=${at}; _meseta; echo "\${COMPREPLY[*]}"`,
    ])
      .toString()
      .trim()
  expect(complete('meseta ag', 1)).toBe('agents agent')
  expect(complete('meseta dead-letters re', 2)).toBe('redrive')
  expect(complete('meseta run --in', 2)).toBe('--instances')
})

test('version, help and exit codes', async () => {
  expect((await beginMesetaToEnd(['version'])).out).toBe(`${MESETA_VERSION}\n`)
  expect((await beginMesetaToEnd(['--version'])).out).toBe(`${MESETA_VERSION}\n`)
  const help = await beginMesetaToEnd(['--help'])
  expect(help.code).toBe(0)
  for (const word of ['124  --timeout ran out', 'dead-letters', 'MESETA_MASTER'])
    expect(help.out).toContain(word)
})

test('faults: a dead machine, a stopped agent, an agent cut off', async () => {
  const partition = await meseta('dev', 'partition', '1', '--seconds', '4')
  expect(partition.out).toBe('agent 1 is cut off for 4 s; its tasks go on\n')
  const active = async () =>
    (JSON.parse((await meseta('agents', '--json')).out) as { active: boolean }[]).filter((one) => one.active)
      .length
  await until('it is noticed', async () => (await active()) === 1)
  await until('it is back', async () => (await active()) === 2)
  expect((await meseta('dev', 'pause', '1', '--seconds', '3')).out).toBe(
    'agent 1 is stopped for 3 s; its tasks go on\n',
  )
  await until('it is noticed', async () => (await active()) === 1)
  await until('it is back', async () => (await active()) === 2)
  const killed = await meseta('dev', 'kill-machine', '0')
  expect(killed.out).toMatch(/^killed agent 0 .*repair it with: npx meseta agent start /)
  expect((await meseta('dev', 'kill-machine', '0')).code).toBe(4)
})

async function idOf(name: string): Promise<string> {
  const tasks = JSON.parse((await meseta('tasks', '--json')).out) as { id: string; name: string }[]
  return tasks.find((task) => task.name === name)?.id ?? ''
}

async function beginMesetaToEnd(args: readonly string[]) {
  const one = beginMeseta(args)
  const { code } = await one.exited
  return { code, out: one.stdout() }
}
