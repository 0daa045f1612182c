// What every containerizer of plain processes keeps, with the shim in C and with the one in sh.
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerSpec } from '../../../agent/containerizer/containerizer.ts'
import { readStat } from '../../../agent/containerizer/process-table.ts'
import { type Fixture, fixture, isRunning, markedPids, shimKinds, until, writtenNumber } from './fixture.ts'

const isRoot = process.getuid?.() === 0
/** More with MESETA_MANY_LAUNCHES: a shim once died in one of 1,900 launches. */
const MANY = Number(process.env.MESETA_MANY_LAUNCHES ?? 300)

describe.each(shimKinds)('shim in %s', (kind) => {
  let it: Fixture
  beforeAll(async () => {
    it = await fixture(kind)
  })
  afterAll(() => it.close())

  describe('how it ends', () => {
    test.each([0, 1, 2, 23, 64, 127, 128])('exit %i', async (code) => {
      const spec = it.spec(`exit ${code}`)
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code })
    })

    test.each([1, 2, 3, 6, 9, 13, 15])('signal %i', async (signal) => {
      const spec = it.spec(`ulimit -c 0; kill -${signal} $$; sleep 5`)
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal })
    })

    test.runIf(kind === 'c')('exit 137 is not SIGKILL', async () => {
      const spec = it.spec('exit 137')
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 137 })
    })

    test('a missing program is exit 1 with a sentence, a missing command of the shell is 127', async () => {
      const missing = it.spec(['no-such-program', 'x'])
      const inShell = it.spec('no-such-program')
      await Promise.all([it.containerizer.launch(missing), it.containerizer.launch(inShell)])
      expect(await it.containerizer.wait(missing.containerId)).toEqual({ kind: 'exited', code: 1 })
      expect(it.output(missing.containerId, 'stderr')).toBe(
        "Failed to execute 'no-such-program': No such file or directory\n",
      )
      expect(await it.containerizer.wait(inShell.containerId)).toEqual({ kind: 'exited', code: 127 })
    })

    test('asked again, also much later, the answer is the same', async () => {
      const spec = it.spec('exit 7')
      await it.containerizer.launch(spec)
      const first = await it.containerizer.wait(spec.containerId)
      expect(await it.containerizer.wait(spec.containerId)).toEqual(first)
      await it.containerizer.destroy(spec.containerId)
      expect(await it.containerizer.wait(spec.containerId)).toEqual(first)
    })

    test(`${MANY} times true`, { timeout: 60_000 + MANY * 200 }, async () => {
      let left = MANY
      const ends: unknown[] = []
      const worker = async (): Promise<void> => {
        while (left-- > 0) {
          const spec = it.spec(['true'])
          await it.containerizer.launch(spec)
          ends.push(await it.containerizer.wait(spec.containerId))
          await it.containerizer.remove(spec.containerId)
        }
      }
      await Promise.all(Array.from({ length: 8 }, worker))
      expect(ends).toEqual(Array.from({ length: MANY }, () => ({ kind: 'exited', code: 0 })))
    })

    test('64 at once', async () => {
      const specs = Array.from({ length: 64 }, (_, index) => it.spec(`echo ${index}; exit ${index}`))
      const handles = await Promise.all(specs.map((spec) => it.containerizer.launch(spec)))
      expect(new Set(handles.map(({ pid }) => pid)).size).toBe(64)
      const ends = await Promise.all(specs.map((spec) => it.containerizer.wait(spec.containerId)))
      expect(ends).toEqual(specs.map((_, code) => ({ kind: 'exited', code })))
      expect(specs.map((spec) => it.output(spec.containerId))).toEqual(specs.map((_, index) => `${index}\n`))
    })
  })

  describe('what it runs in', () => {
    test('A18: arguments arrive as they are', async () => {
      const words = ['', ' a  b ', "it's", '"$HOME"', '`id`', '\\', '*', 'new\nline', 'ü', '-n', '$(exit 3)']
      const spec = it.spec(['printf', '%s|', ...words])
      await it.containerizer.launch(spec)
      await it.containerizer.wait(spec.containerId)
      expect(it.output(spec.containerId)).toBe(`${words.join('|')}|`)
    })

    test('arguments as large as the kernel takes', async () => {
      const spec = it.spec([
        '/bin/sh',
        '-c',
        'printf %s "$1" | wc -c; echo $#',
        'sh',
        'x'.repeat(131_071),
        ...Array(60).fill('y'.repeat(30_000)),
      ])
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 0 })
      expect(it.output(spec.containerId)).toBe('131071\n61\n')
    })

    test('A17: the environment is exactly what was given, and the marker', async () => {
      const environment = {
        PATH: '/usr/bin:/bin',
        PWD: '/not/here',
        IFS: 'x',
        EMPTY: '',
        QUOTES: `'"$HOME\`id\`\\`,
        LINES: 'one\ntwo',
        'with.dot-and-dash': 'ü=1',
        LD_PRELOAD: '',
        SHLVL: '7',
      }
      const spec = it.spec(['env', '-0'], { environment })
      await it.containerizer.launch(spec)
      await it.containerizer.wait(spec.containerId)
      const seen = it
        .output(spec.containerId)
        .split('\0')
        .filter((entry) => entry !== '')
      const given = Object.entries({ ...environment, MESETA_CONTAINER: spec.containerId })
      expect(seen.toSorted()).toEqual(given.map(([name, value]) => `${name}=${value}`).toSorted())
      expect(it.output(spec.containerId, 'stderr')).toBe('')
    })

    test('A17: the shim itself does not obey the task’s environment, and shows it to nobody', async () => {
      const environment = { PATH: '/bin', LD_PRELOAD: '/x/evil.so', LD_LIBRARY_PATH: '/x', SECRET: 'hunter2' }
      const spec = it.spec(['sleep', '60'], { environment })
      await it.containerizer.launch(spec)
      const record = join(it.containersDirectory, spec.containerId)
      const [shim] = readFileSync(join(record, 'shim'), 'utf8').split(' ')
      const own = readFileSync(`/proc/${shim}/environ`, 'latin1').split('\0')
      expect(own.filter((entry) => /^(LD_|SECRET)/.test(entry))).toEqual([])
      expect(readFileSync(`/proc/${shim}/cmdline`, 'latin1')).not.toContain('hunter2')
      expect(existsSync(join(record, 'launch'))).toBe(false)
      expect(statSync(record).mode & 0o777).toBe(0o700)
      await it.containerizer.remove(spec.containerId)
    })

    test('the sandbox is made with mode 0750 and is the working directory', async () => {
      const spec = it.spec('umask; pwd; ls -A')
      await it.containerizer.launch(spec)
      await it.containerizer.wait(spec.containerId)
      const mask = process.umask().toString(8).padStart(4, '0')
      expect(it.output(spec.containerId)).toBe(`${mask}\n${spec.sandbox}\nstderr\nstdout\n`)
      expect(statSync(spec.sandbox).mode & 0o7777).toBe(0o750)
    })

    test('output is appended, and goes on after the log was cut', async () => {
      const spec = it.spec('echo one; echo two >&2; while [ ! -e go ]; do sleep 0.02; done; echo three')
      mkdirSync(spec.sandbox)
      writeFileSync(join(spec.sandbox, 'stdout'), 'zero\n')
      await it.containerizer.launch(spec)
      await until(() => it.output(spec.containerId) === 'zero\none\n')
      writeFileSync(join(spec.sandbox, 'stdout'), '')
      writeFileSync(join(spec.sandbox, 'go'), '')
      await it.containerizer.wait(spec.containerId)
      expect(it.output(spec.containerId)).toBe('three\n')
      expect(it.output(spec.containerId, 'stderr')).toBe('two\n')
    })

    test('a planted link does not lead the output elsewhere', async () => {
      const spec = it.spec('echo overwritten')
      const victim = join(it.directory, 'victim')
      writeFileSync(victim, 'precious')
      mkdirSync(spec.sandbox)
      symlinkSync(victim, join(spec.sandbox, 'stdout'))
      await expect(it.containerizer.launch(spec)).rejects.toMatchObject({ why: 'launch' })
      expect(readFileSync(victim, 'utf8')).toBe('precious')
    })

    test('default signals, no stray descriptors, standard input is empty, a session of its own', async () => {
      const spec = it.spec([
        'sh',
        '-c',
        'cat; ls /proc/self/fd | tr "\\n" " "; grep -E "Sig(Ign|Blk)" /proc/self/status; exec sleep 60',
      ])
      const { pid } = await it.containerizer.launch(spec)
      const text = await until(() => {
        const output = it.output(spec.containerId)
        return output.includes('SigIgn') && output.endsWith('\n') && output
      })
      // 3 is the directory that ls reads. The shim in sh cannot close what was open in the agent already.
      const [descriptors, ...signals] = text.split(/(?=Sig)/)
      expect(descriptors?.match(kind === 'c' ? /\d+/g : /\b\d\b/g)).toEqual(['0', '1', '2', '3'])
      expect(signals).toEqual(['SigBlk:\t0000000000000000\n', 'SigIgn:\t0000000000000000\n'])
      await until(() => readStat(pid)?.session === pid)
      expect(readStat(pid)).toMatchObject({ group: pid, session: pid })
      await it.containerizer.remove(spec.containerId)
    })

    test.runIf(isRoot)('runs as the user, who owns sandbox and logs', async () => {
      const spec = it.spec('id -un; id -G; touch made; stat -c %U . stdout made', { user: 'nobody' })
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 0 })
      const [name, groups, ...owners] = it.output(spec.containerId).trim().split('\n')
      expect({ name, owners }).toEqual({ name: 'nobody', owners: ['nobody', 'nobody', 'nobody'] })
      expect(groups?.split(' ')).not.toContain('0')
    })
  })

  describe('what is refused', () => {
    test.runIf(isRoot)('for another user, a sandbox that lies behind a link of theirs', async () => {
      const elsewhere = join(it.directory, randomUUID())
      const parent = it.spec('true', { user: 'nobody' })
      await it.containerizer.launch(parent)
      mkdirSync(elsewhere)
      symlinkSync(elsewhere, join(parent.sandbox, 'containers'))
      const nested = it.spec('true', { user: 'nobody', sandbox: join(parent.sandbox, 'containers', 'c') })
      await expect(it.containerizer.launch(nested)).rejects.toMatchObject({ why: 'launch' })
      mkdirSync(join(elsewhere, 'd'))
      const existing = it.spec('true', { user: 'nobody', sandbox: join(parent.sandbox, 'containers', 'd') })
      await expect(it.containerizer.launch(existing)).rejects.toMatchObject({ why: 'launch' })
      expect(readdirSync(join(elsewhere, 'd'))).toEqual([])
      for (const name of readdirSync(elsewhere)) expect(statSync(join(elsewhere, name)).uid).toBe(0)
    })

    test('an unknown user, by name', async () => {
      const launch = it.containerizer.launch(it.spec('true', { user: 'no-such-user' }))
      await expect(launch).rejects.toMatchObject({
        why: 'user',
        message: expect.stringContaining("'no-such-user'"),
      })
    })

    test.each([
      ['an id that leads elsewhere', { containerId: '../x' }],
      ['no command', { argv: [] }],
      ['a NUL in an argument', { argv: ['echo', 'a\0b'] }],
      ['a name of a variable with =', { environment: { 'A=B': 'x' } }],
      ['a sandbox that is not absolute', { sandbox: 'x' }],
      ['a log outside', { stdout: '../x' }],
      ['a sandbox that is a file', { sandbox: '/etc/passwd' }],
      ['an argument larger than the kernel takes', { argv: ['echo', 'x'.repeat(131_072)] }],
      ['more arguments than the kernel takes', { argv: ['echo', ...Array(100).fill('x'.repeat(30_000))] }],
    ] satisfies [string, Partial<ContainerSpec>][])('%s', async (_, more: Partial<ContainerSpec>) => {
      const spec = it.spec('true', more)
      await expect(it.containerizer.launch(spec)).rejects.toMatchObject({ name: 'LaunchFailed' })
      expect(readdirSync(it.containersDirectory)).not.toContain(spec.containerId)
      expect(await it.containerizer.wait(spec.containerId)).toMatchObject({ kind: 'lost' })
    })

    test('an id that is in use', async () => {
      const spec = it.spec('sleep 60')
      await it.containerizer.launch(spec)
      await expect(it.containerizer.launch(spec)).rejects.toMatchObject({ why: 'launch' })
      expect(await it.containerizer.usage(spec.containerId)).toBeDefined()
      await it.containerizer.remove(spec.containerId)
    })

    test('unknown ids harm nothing', async () => {
      const id = randomUUID()
      await it.containerizer.destroy(id)
      await it.containerizer.remove(id)
      await it.containerizer.kill(id, { graceMs: 0 })
      await it.containerizer.signal(id, 'SIGTERM', 'tree')
      expect(await it.containerizer.usage(id)).toBeUndefined()
      expect(await it.containerizer.wait(id)).toMatchObject({ kind: 'lost' })
    })
  })

  describe('the whole tree', () => {
    const hiders = {
      'a child': 'sleep 300',
      'a child in its own session': 'setsid sleep 300',
      'one that was forked twice': '(setsid sleep 300 & )',
      'one that ignores TERM': "trap '' TERM; sleep 300; sleep 300",
      'one without environment': 'env -i sleep 300',
      'one in another group of the session': 'python3 -c "import os,time; os.setpgid(0,0); time.sleep(300)"',
    }

    test.each(Object.entries(hiders))('destroy finds %s', async (_, hidden) => {
      const spec = it.spec(`(${hidden}) & (${hidden}) & echo $$; sleep 300`)
      await it.containerizer.launch(spec)
      const main = await writtenNumber(() => it.output(spec.containerId))
      await until(async () => ((await it.containerizer.usage(spec.containerId))?.processes ?? 0) >= 3)
      const before = markedPids(spec.containerId).length
      expect(before).toBeGreaterThanOrEqual(2)
      await it.containerizer.destroy(spec.containerId)
      expect(markedPids(spec.containerId)).toEqual([])
      expect(isRunning(main)).toBe(false)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal: 9 })
    })

    test('what the first process leaves behind goes with it, before its end is told', async () => {
      const spec = it.spec('(setsid sleep 300 & echo $! > daemon); exit 4')
      await it.containerizer.launch(spec)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 4 })
      expect(isRunning(Number(it.output(spec.containerId, 'daemon')))).toBe(false)
      expect(markedPids(spec.containerId)).toEqual([])
    })

    test.runIf(kind === 'c')('a reaper keeps also a daemon without environment and session', async () => {
      const spec = it.spec(
        '(env -i setsid sh -c "echo \\$\\$ > daemon; exec sleep 300" & ); sleep 0.3; exit 5',
      )
      await it.containerizer.launch(spec)
      const daemon = await writtenNumber(() => it.output(spec.containerId, 'daemon'))
      expect(isRunning(daemon)).toBe(true)
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 5 })
      expect(isRunning(daemon)).toBe(false)
    })

    test('a neighbour stays', async () => {
      const neighbour = it.spec(['sleep', '300'])
      const spec = it.spec('setsid sleep 300')
      await it.containerizer.launch(neighbour)
      await it.containerizer.launch(spec)
      await it.containerizer.destroy(spec.containerId)
      expect(markedPids(neighbour.containerId).length).toBeGreaterThan(0)
      expect(await it.containerizer.usage(neighbour.containerId)).toMatchObject({ processes: 1 })
      await it.containerizer.remove(neighbour.containerId)
    })

    test('nested containers end with their parent', async () => {
      const parent = it.spec('sleep 300')
      const child = it.spec('sleep 300', { containerId: `${parent.containerId}.${randomUUID()}` })
      await it.containerizer.launch(parent)
      await it.containerizer.launch(child)
      await it.containerizer.destroy(parent.containerId)
      expect(await it.containerizer.wait(child.containerId)).toEqual({ kind: 'signaled', signal: 9 })
    })

    test('signal reaches all, in all sessions', async () => {
      const spec = it.spec(
        '(setsid sh -c "trap \'echo b >> seen; exit\' TERM; while :; do sleep 0.02; done" &); trap "echo a >> seen" TERM; touch ready; while [ $(wc -l < seen || echo 0) -lt 2 ]; do sleep 0.02; done 2>/dev/null; exit 6',
      )
      await it.containerizer.launch(spec)
      await until(() => existsSync(join(spec.sandbox, 'ready')) && markedPids(spec.containerId).length > 2)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await it.containerizer.signal(spec.containerId, 'SIGTERM', 'tree')
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 6 })
      expect(it.output(spec.containerId, 'seen').trim().split('\n').toSorted()).toEqual(['a', 'b'])
    })

    test('signal to the group spares other sessions and the shim', async () => {
      const spec = it.spec('setsid sleep 300 & echo $!; sleep 300')
      await it.containerizer.launch(spec)
      const other = await writtenNumber(() => it.output(spec.containerId))
      await until(() => readStat(other)?.session === other)
      await it.containerizer.signal(spec.containerId, 'SIGUSR1', 'group')
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal: 10 })
      expect(isRunning(other)).toBe(false)
    })
  })

  describe('kill', () => {
    test('TERM is enough for one that obeys', async () => {
      const spec = it.spec('trap "exit 0" TERM; touch ready; while :; do sleep 0.02; done')
      await it.containerizer.launch(spec)
      await until(() => existsSync(join(spec.sandbox, 'ready')))
      await it.containerizer.kill(spec.containerId, { graceMs: 60_000 })
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 0 })
    })

    test('after the grace the tree is gone, and a second kill only shortens it', async () => {
      const spec = it.spec("trap '' TERM; (setsid sleep 300 &); touch ready; while :; do sleep 1; done")
      await it.containerizer.launch(spec)
      await until(() => existsSync(join(spec.sandbox, 'ready')))
      await it.containerizer.kill(spec.containerId, { graceMs: 60_000 })
      await it.containerizer.kill(spec.containerId, { graceMs: 90_000 })
      expect(markedPids(spec.containerId).length).toBeGreaterThan(0)
      await it.containerizer.kill(spec.containerId, { graceMs: 300 })
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal: 9 })
      expect(markedPids(spec.containerId)).toEqual([])
    })

    test('no grace is now, without TERM', async () => {
      const spec = it.spec('trap "exit 0" TERM; touch ready; while :; do sleep 0.02; done')
      await it.containerizer.launch(spec)
      await until(() => existsSync(join(spec.sandbox, 'ready')))
      await it.containerizer.kill(spec.containerId, { graceMs: 0 })
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal: 9 })
    })

    test('a stopped process is let go on to see it', async () => {
      const spec = it.spec('kill -STOP $$; sleep 300')
      const { pid } = await it.containerizer.launch(spec)
      await until(() => readStat(pid)?.state === 'T')
      await it.containerizer.kill(spec.containerId, { graceMs: 60_000 })
      expect(await it.containerizer.wait(spec.containerId)).toEqual({ kind: 'signaled', signal: 15 })
    })

    test('destroyed while it is being launched, nothing is left', async () => {
      const specs = Array.from({ length: 12 }, () => it.spec('sleep 300'))
      const launches = specs.map((spec) => it.containerizer.launch(spec).catch(() => 'refused'))
      await Promise.all(
        specs.map(async ({ containerId }, index) => {
          await new Promise((resolve) => setTimeout(resolve, index * 2))
          await it.containerizer.destroy(containerId)
        }),
      )
      await Promise.all(launches)
      expect(specs.flatMap(({ containerId }) => markedPids(containerId))).toEqual([])
    })
  })

  test('usage counts time, memory, processes and threads', async () => {
    const spec = it.spec('sleep 300 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; : > ready; wait')
    await it.containerizer.launch(spec)
    await until(() => existsSync(join(spec.sandbox, 'ready')))
    const usage = await it.containerizer.usage(spec.containerId)
    expect(usage).toMatchObject({ processes: 2, threads: 2 })
    expect(usage?.cpusUserSeconds).toBeGreaterThan(0.02)
    expect(usage?.cpusUserSeconds).toBeLessThan(30)
    expect(usage?.memRssBytes).toBeGreaterThan(300_000)
    expect(usage?.memRssBytes).toBeLessThan(50_000_000)
    await it.containerizer.remove(spec.containerId)
  })

  test('remove forgets the container and its record, not its sandbox', async () => {
    const spec = it.spec('echo kept; sleep 300')
    await it.containerizer.launch(spec)
    await until(() => it.output(spec.containerId) === 'kept\n')
    await it.containerizer.remove(spec.containerId)
    expect(readdirSync(it.containersDirectory)).not.toContain(spec.containerId)
    expect(it.output(spec.containerId)).toBe('kept\n')
    expect(await it.containerizer.wait(spec.containerId)).toMatchObject({ kind: 'lost' })
  })

  test('it says what it can do', () => {
    expect(it.containerizer.capabilities()).toContain(`shim:${kind}`)
  })
})
