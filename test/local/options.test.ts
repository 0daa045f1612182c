// What `npm start` is given, and what it does when that cannot work: one sentence, a status, nothing left running.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startDynamoEmulator } from '../../local/emulators/dynamodb.ts'
import { freePorts } from '../../local/free-port.ts'
import { readOptions } from '../../local/options.ts'
import { ROOT } from '../vitest.ts'
import { NODE, naming, processes, start, until, watched } from './start.ts'

let temp = ''
beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), 'meseta-test-options-'))
})
afterAll(() => rmSync(temp, { recursive: true, force: true }))

/** Runs it to its end, which must come with one sentence and must leave nothing behind. */
async function refused(args: readonly string[], nodeArgs: readonly string[] = []) {
  const tmp = join(temp, `t${Math.random()}`)
  mkdirSync(tmp)
  const started = start(args, { nodeArgs, env: { TMPDIR: tmp } })
  const { code } = await started.exited
  expect(naming(tmp)).toEqual([])
  expect(readdirSync(tmp).filter((name) => name.startsWith('meseta-start-'))).toEqual([])
  return { code, said: started.stderr() }
}

describe('a command line that is wrong ends with 2 and a sentence', () => {
  test.each([
    [['--port', 'x'], 'a port is a whole number'],
    [['--port', '70000'], 'a port is a whole number'],
    [['--port', '65535', '--agents', '3'], 'give a lower --port'],
    [['--agents', '-1'], 'from 0 to 100'],
    [['--agents', '101'], 'from 0 to 100'],
    [['--profile', 'slow'], 'fast, default, mesos'],
    [['--stream-grace', '10'], 'a duration is'],
    [['--log-format', 'xml'], 'text, json'],
    [['--agent-resources', 'cpus:many:4'], '--agent-resources'],
    [['--agent-attributes', 'rack'], '--agent-attributes'],
    [['--dynamodb-endpoint', 'localhost'], 'an endpoint is a URL'],
    [['--ec2-endpoint', 'localhost'], 'an endpoint is a URL'],
    [['--agent-removal-rate-limit', '10mins'], 'a rate is'],
    [['--agent-removal-rate-limit', '1/10'], 'a duration is'],
    [['--agent-removal-rate-limit', '0/10mins'], 'a rate is'],
    [['--registry-max-agent-age', '2 weeks'], 'a duration is'],
    [['--registry-max-agent-count', '-1'], 'it is a whole number'],
    [['--rate-limits', '{"limit":[]}'], 'it takes "limits"'],
    [['--rate-limits', '/no/such/file'], '/no/such/file cannot be read (ENOENT)'],
    [['--credentials', '/nowhere/at/all'], '--credentials: /nowhere/at/all cannot be read (ENOENT)'],
    [['--acls', '{"run_task":[]}'], '--acls: ACLs: "run_task" is no action'],
    [['--authenticate-http-readonly'], '--authenticate-http-readonly needs --credentials'],
    [['--wrong'], 'unknown option'],
    [['data'], 'data'],
  ])('%j', (args, sentence) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`)
    })
    let said = ''
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += String(text)
      return true
    })
    try {
      expect(() => readOptions(args)).toThrow('exit 2')
      expect(said).toContain(sentence)
    } finally {
      exit.mockRestore()
      write.mockRestore()
    }
  })

  test('the process does so too', async () => {
    const { code, said } = await refused(['--agents', 'many'])
    expect(code).toBe(2)
    expect(said).toMatch(/^error: option '--agents <n>' argument 'many' is invalid. .*\n$/)
  })
})

describe('what cannot work', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })

  async function taken(port: number): Promise<void> {
    const server = createServer()
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  }

  test('the port of the front is in use', async () => {
    const port = await freePorts(2)
    await taken(port)
    const { code, said } = await refused(['--port', String(port), '--agents', '1'])
    expect(code).toBe(1)
    expect(said).toBe(
      `error: port ${port} is in use; stop what listens there, or give another one with --port\n`,
    )
  })

  test('the port of an agent is in use: the first agent is stopped again', async () => {
    const port = await freePorts(3)
    await taken(port + 2)
    const { code, said } = await refused(['--port', String(port), '--agents', '2'])
    expect(code).toBe(1)
    expect(said).toMatch(new RegExp(`^error: port ${port + 2} for agent 1 is in use; .*\\n$`))
  })

  test('the folder cannot be written, or is a file', async () => {
    const file = join(temp, 'file')
    writeFileSync(file, '')
    for (const data of [join(file, 'data'), file, '/proc/data']) {
      const { code, said } = await refused(['--port', '0', '--agents', '0', '--data', data])
      expect(code).toBe(1)
      expect(said).toMatch(/^error: .* cannot be used \(.*\); give another folder with --data\n$/)
      expect(said).toContain(data)
    }
  })

  test('the disk is full, at once or while it starts', async (context) => {
    for (const size of ['2m', '33m']) {
      const mount = join(temp, `disk-${size}`)
      mkdirSync(mount)
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mount])
      if (mounted.status !== 0) return context.skip('only root may mount a small disk')
      try {
        // The second one has room enough to be begun with, and then has not.
        const data = join(mount, 'data')
        const starting = refused(['--port', '0', '--agents', '1', '--data', data])
        if (size === '33m') {
          await until('the folder', () => existsSync(data))
          spawnSync('dd', ['if=/dev/zero', `of=${join(mount, 'filler')}`, 'bs=64k'], { stdio: 'ignore' })
        }
        const { code, said } = await starting
        expect(said).toMatch(/^error: the disk of .*\n$/)
        expect(code).toBe(1)
        expect(said).toContain(data)
        expect(naming(mount)).toEqual([])
      } finally {
        spawnSync('umount', ['-l', mount])
      }
    }
  })

  test('the emulator is not installed', async () => {
    const { code, said } = await refused(
      ['--port', '0'],
      ['--import', join(ROOT, 'test/local/without-emulator.js')],
    )
    expect(code).toBe(1)
    expect(said).toMatch(/^error: the DynamoDB emulator .* is not installed; run `npm ci` and try again\n$/)
  })

  test('Node is too old, for each way in', () => {
    for (const file of ['install.js', 'meseta.js']) {
      const { status, stderr } = spawnSync(
        NODE,
        ['--import', join(ROOT, 'test/local/old-node.js'), join(ROOT, 'bin', file)],
        { encoding: 'utf8' },
      )
      expect(status).toBe(1)
      expect(stderr).toBe(
        'meseta needs Node 20 or newer to start (this is v18.20.4); install a newer Node and try again\n',
      )
    }
  })

  test('an agent that cannot start ends the start, and says why', async () => {
    const data = join(temp, 'broken')
    mkdirSync(join(data, 'agents', '0', 'meta'), { recursive: true })
    writeFileSync(join(data, 'agents', '0', 'meta', 'agent.json'), 'no JSON')
    const { code, said } = await refused(['--port', '0', '--agents', '1', '--data', data])
    expect(code).toBe(1)
    expect(said).toMatch(/^error: agent 0 ended with status 1 before it was registered: .+\n$/)
    expect(naming(data)).toEqual([])
  })
})

test('no agents, JSON lines, a DynamoDB brought along', async () => {
  const emulator = await startDynamoEmulator({})
  const started = start([
    ...[
      '--port',
      '0',
      '--agents',
      '0',
      '--log-format',
      'json',
      '--stream-grace',
      '1mins',
      '--profile',
      'mesos',
    ],
    ...['--dynamodb-endpoint', emulator.endpoint],
  ])
  const url = await started.ready()
  const state = (await (await fetch(`${url}/state`)).json()) as { readonly flags: Record<string, string> }
  expect(state.flags.timer_profile).toBe('mesos')
  const children = processes().filter(({ pid }) => parentOf(pid) === started.pid)
  expect(children).toEqual([])
  await started.stop()
  for (const line of started.stdout().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('time')
  expect((await fetch(emulator.endpoint).catch(() => undefined))?.status).toBeDefined()
  await emulator.stop()
})

describe('a small cluster', () => {
  const data = () => join(temp, 'small')

  test('resources and attributes as given; everything listens on loopback only; nobody else looks into the folder', async () => {
    const started = start([
      ...['--port', '0', '--agents', '2', '--data', data()],
      ...['--agent-resources', 'cpus:2;mem:256', '--agent-attributes', 'rack:a;ssd:true'],
    ])
    const url = await started.ready()
    const { slaves } = (await (await fetch(`${url}/slaves`)).json()) as {
      readonly slaves: readonly { attributes: object; resources: { cpus: number; ports: string } }[]
    }
    expect(slaves.map(({ attributes }) => attributes)).toEqual([
      { rack: 'a', ssd: 'true' },
      { rack: 'a', ssd: 'true' },
    ])
    expect(slaves.map(({ resources }) => resources.ports).sort()).toEqual(['[31000-31999]', '[32000-32999]'])
    expect(slaves.every(({ resources }) => resources.cpus === 2)).toBe(true)

    const own = processes().filter(({ pid, command }) => pid === started.pid || command.includes(data()))
    expect(own.length).toBeGreaterThanOrEqual(4)
    const listeners = own.flatMap(({ pid }) => listenersOf(pid))
    expect(listeners.length).toBeGreaterThanOrEqual(5)
    expect(listeners.filter((address) => !/^0100007F:/.test(address))).toEqual([])

    // Tasks of other users must be able to pass through to their sandboxes, not to look around.
    expect(statSync(data()).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700)
    await started.stop()
    expect(readFileSync(join(data(), 'control-plane.log'), 'utf8')).not.toMatch(
      /secret|accessKey|authorization/i,
    )
  })
})

test('npm start, killed by a signal to npm: everything ends with it', async () => {
  const tmp = join(temp, 'npm')
  mkdirSync(tmp)
  const npm = watched(
    spawn('npm', ['start', '--', '--port', '0', '--agents', '1'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: tmp },
    }),
  )
  await npm.ready()
  npm.child.kill('SIGTERM')
  await npm.exited
  await until('everything ended', () => naming(tmp).length === 0, 10_000)
  expect(readdirSync(tmp).filter((name) => name.startsWith('meseta-start-'))).toEqual([])
})

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

/** Local addresses, as the kernel writes them, on which a process listens. */
function listenersOf(pid: number): string[] {
  if (parentOf(pid) === 0) return []
  const sockets = execFileSync('/bin/sh', ['-c', `ls -l /proc/${pid}/fd 2>/dev/null || true`], {
    encoding: 'utf8',
  })
  const inodes = new Set([...sockets.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode))
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
      .map((fields) => fields[1] ?? ''),
  )
}
