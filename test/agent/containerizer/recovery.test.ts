// Containers outlive the agent: what the next agent finds after kill -9, after a killed shim, after a reboot.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeOrder } from '../../../agent/containerizer/compiled-shim.ts'
import type { ContainerSpec } from '../../../agent/containerizer/containerizer.ts'
import { readStat } from '../../../agent/containerizer/process-table.ts'
import { launchScript } from '../../../agent/containerizer/shell-shim.ts'
import {
  buildDirectory,
  type Fixture,
  fixture,
  isRunning,
  markedPids,
  shimKinds,
  until,
  writtenNumber,
} from './fixture.ts'

describe.each(shimKinds)('shim in %s', (kind) => {
  let it: Fixture
  beforeAll(async () => {
    it = await fixture(kind)
  })
  afterAll(() => it.close())

  /** Launches in a process of its own, kills that with SIGKILL, and yields the pids of the tasks. */
  async function launchAndDie(...given: (ContainerSpec | { delayMs: number })[]): Promise<number[]> {
    const specs = given.filter((each): each is ContainerSpec => 'argv' in each)
    const delay = given.find((each) => 'delayMs' in each)
    const agent = spawn(
      process.execPath,
      [
        join(import.meta.dirname, 'launching-agent.ts'),
        it.containersDirectory,
        buildDirectory,
        kind,
        String(delay?.delayMs ?? ''),
        ...specs.map((spec) => JSON.stringify(spec)),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const ended = once(agent, 'exit')
    const line = await firstLine(agent)
    if (delay === undefined) agent.kill('SIGKILL')
    await ended
    return (JSON.parse(line === '' ? '[]' : line) as { pid: number }[]).map(({ pid }) => pid)
  }

  const shimOf = (id: string) =>
    Number(readFileSync(join(it.containersDirectory, id, 'shim'), 'utf8').split(' ')[0])

  test('kill -9 of the agent leaves the task running, and its exit is told to the next', async () => {
    const goes = it.spec('while [ ! -e go ]; do sleep 0.02; done; echo done; exit 23')
    const ends = it.spec('exit 44')
    const [pid] = await launchAndDie(goes, ends)
    expect(isRunning(pid ?? 0)).toBe(true)
    const next = it.another()
    const { containers } = await next.recover([goes.containerId, ends.containerId])
    expect(containers.get(goes.containerId)).toMatchObject({ kind: 'running', handle: { pid } })
    await until(async () => (await next.wait(ends.containerId)).kind === 'exited')
    expect(await next.wait(ends.containerId)).toEqual({ kind: 'exited', code: 44 })
    writeFileSync(join(goes.sandbox, 'go'), '')
    expect(await next.wait(goes.containerId)).toEqual({ kind: 'exited', code: 23 })
    expect(it.output(goes.containerId)).toBe('done\n')
    await next.remove(goes.containerId)
    await next.remove(ends.containerId)
  })

  test('a task that ended while no agent was there', async () => {
    const spec = it.spec('sleep 0.5; (setsid sleep 300 & echo $! > daemon); kill -9 $$')
    await launchAndDie(spec)
    const daemon = await writtenNumber(() => it.output(spec.containerId, 'daemon'))
    await until(() => readFileSync(join(it.containersDirectory, spec.containerId, 'exit')).length > 0)
    const next = it.another()
    const { containers } = await next.recover([spec.containerId])
    expect(containers.get(spec.containerId)).toEqual({ kind: 'signaled', signal: 9 })
    expect(isRunning(daemon)).toBe(false)
    await next.remove(spec.containerId)
  })

  test('found again, it can be killed with all it started', async () => {
    const spec = it.spec(
      '(setsid sleep 300 &); trap "exit 9" TERM; touch ready; while :; do sleep 0.02; done',
    )
    await launchAndDie(spec)
    await until(() => it.output(spec.containerId, 'ready') === '')
    const next = it.another()
    await next.recover([spec.containerId])
    await next.kill(spec.containerId, { graceMs: 60_000 })
    expect(await next.wait(spec.containerId)).toEqual({ kind: 'exited', code: 9 })
    expect(markedPids(spec.containerId)).toEqual([])
    await next.remove(spec.containerId)
  })

  test('containers nobody asks for are orphans, and removed when that is said', async () => {
    const spec = it.spec('sleep 300')
    const [pid] = await launchAndDie(spec)
    const next = it.another()
    const { containers, orphans } = await next.recover([])
    expect({ containers: containers.size, orphans }).toEqual({ containers: 0, orphans: [spec.containerId] })
    expect(isRunning(pid ?? 0)).toBe(true)
    await next.remove(spec.containerId)
    expect(isRunning(pid ?? 0)).toBe(false)
  })

  test('a shim killed with SIGKILL: the task is found, ended and lost', async () => {
    const spec = it.spec('(setsid sleep 300 &); touch ready; sleep 300')
    const { pid } = await it.containerizer.launch(spec)
    await until(() => it.output(spec.containerId, 'ready') === '' && markedPids(spec.containerId).length > 2)
    process.kill(shimOf(spec.containerId), 'SIGKILL')
    expect(await it.containerizer.wait(spec.containerId)).toMatchObject({ kind: 'lost' })
    expect(isRunning(pid)).toBe(false)
    expect(markedPids(spec.containerId)).toEqual([])
    await it.containerizer.remove(spec.containerId)
  })

  test('a shim killed while no agent was there', async () => {
    const spec = it.spec('(setsid sleep 300 &); touch ready; sleep 300')
    const [pid] = await launchAndDie(spec)
    await until(() => it.output(spec.containerId, 'ready') === '')
    const shim = shimOf(spec.containerId)
    process.kill(shim, 'SIGKILL')
    await until(() => !isRunning(shim))
    expect(isRunning(pid ?? 0)).toBe(true)
    const next = it.another()
    const { containers } = await next.recover([spec.containerId])
    expect(containers.get(spec.containerId)).toMatchObject({ kind: 'lost' })
    expect(markedPids(spec.containerId)).toEqual([])
    await next.remove(spec.containerId)
  })

  test('a shim killed after the agent came back is noticed at once, not by the sweep', async () => {
    const spec = it.spec('sleep 300')
    await launchAndDie(spec)
    const next = it.another()
    await next.recover([spec.containerId])
    await new Promise((resolve) => setTimeout(resolve, 50))
    const started = Date.now()
    process.kill(shimOf(spec.containerId), 'SIGKILL')
    expect(await next.wait(spec.containerId)).toMatchObject({ kind: 'lost' })
    expect(Date.now() - started).toBeLessThan(1_900)
    await next.remove(spec.containerId)
  })

  test('of a boot that is over only the exit counts, and no pid is touched', async () => {
    const bystander = it.spec(['sleep', '300'])
    const { pid, startTime } = await it.containerizer.launch(bystander)
    const [ended, lost] = [randomUUID(), randomUUID()]
    for (const id of [ended, lost]) {
      const record = join(it.containersDirectory, id)
      mkdirSync(record)
      writeFileSync(
        join(record, 'shim'),
        `${process.pid} ${readStat(process.pid)?.startTime} reaper another-boot\n`,
      )
      writeFileSync(join(record, 'pid'), `${pid} ${startTime}\n`)
    }
    writeFileSync(join(it.containersDirectory, ended, 'exit'), 'exit 3\n')
    const next = it.another()
    const { containers } = await next.recover([ended, lost])
    expect(containers.get(ended)).toEqual({ kind: 'exited', code: 3 })
    expect(containers.get(lost)).toEqual({ kind: 'lost', why: 'the machine was restarted' })
    expect(isRunning(pid)).toBe(true)
    await it.containerizer.remove(bystander.containerId)
    for (const id of [ended, lost]) rmSync(join(it.containersDirectory, id), { recursive: true })
  })

  test('a pid that was given again is left alone', async () => {
    const bystander = it.spec(['sleep', '300'])
    const { pid, startTime } = await it.containerizer.launch(bystander)
    const id = randomUUID()
    const record = join(it.containersDirectory, id)
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    mkdirSync(record)
    writeFileSync(
      join(record, 'shim'),
      `${shimOf(bystander.containerId)} ${startTime - 500} reaper ${boot}\n`,
    )
    writeFileSync(join(record, 'pid'), `${pid} ${startTime - 500}\n`)
    const next = it.another()
    const { containers } = await next.recover([id])
    expect(containers.get(id)).toMatchObject({ kind: 'lost' })
    await next.remove(id)
    expect(isRunning(pid)).toBe(true)
    await it.containerizer.remove(bystander.containerId)
  })

  test('a record that is empty, torn or missing is lost, never guessed', async () => {
    const [empty, torn, missing] = [randomUUID(), randomUUID(), randomUUID()]
    for (const id of [empty, torn]) mkdirSync(join(it.containersDirectory, id))
    writeFileSync(join(it.containersDirectory, torn, 'shim'), '123')
    writeFileSync(join(it.containersDirectory, torn, 'pid'), '12')
    writeFileSync(join(it.containersDirectory, torn, 'exit'), 'exit')
    const next = it.another()
    const { containers } = await next.recover([empty, torn, missing])
    expect([...containers.values()].map(({ kind: found }) => found)).toEqual(['lost', 'lost', 'lost'])
    for (const id of [empty, torn]) await next.remove(id)
  })

  test('a shim whose agent is deaf runs the task all the same', async () => {
    const spec = it.spec('echo ran')
    const record = join(it.containersDirectory, spec.containerId)
    mkdirSync(spec.sandbox)
    mkdirSync(record)
    const log = openSync(join(spec.sandbox, 'stdout'), 'a')
    const order = { ...spec, record, bootId: 'x', account: undefined, stdout: log, stderr: log }
    if (kind === 'c') {
      const [binary = ''] = readdirSync(buildDirectory)
        .filter((name) => /^shim-[0-9a-f]+$/.test(name))
        .toSorted(
          (a, b) => statSync(join(buildDirectory, b)).mtimeMs - statSync(join(buildDirectory, a)).mtimeMs,
        )
      const server = spawn(join(buildDirectory, binary), ['serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
      server.stdout.destroy()
      server.stdin.write(encodeOrder(order))
      await until(() => existsSync(join(record, 'exit')))
      server.stdin.end()
      await once(server, 'exit')
    } else {
      writeFileSync(join(record, 'launch'), launchScript(order))
      // Descriptor 3 is a pipe whose reader is gone.
      const script = join(import.meta.dirname, '../../../agent/containerizer/shim.sh')
      const args = ['-c', 'sleep 0.2; exec "$@"', 'sh', '/bin/sh', script, record, spec.sandbox, 'x']
      const child = spawn('/bin/sh', args, { stdio: ['ignore', log, log, 'pipe'] })
      child.stdio[3]?.destroy()
      await once(child, 'exit')
    }
    closeSync(log)
    expect(readFileSync(join(record, 'exit'), 'utf8')).toBe('exit 0\n')
    expect(it.output(spec.containerId)).toBe('ran\n')
    rmSync(record, { recursive: true })
  })

  test('an agent killed in the midst of launches: each ran, runs or is lost, and nothing is left', async () => {
    for (const delayMs of [0, 2, 5, 10, 20]) {
      const specs = Array.from({ length: 6 }, () => it.spec('echo ran; exec sleep 300'))
      await launchAndDie({ delayMs }, ...specs)
      const next = it.another()
      const { containers } = await next.recover(specs.map(({ containerId }) => containerId))
      for (const { containerId } of specs) {
        const found = containers.get(containerId)
        expect(['running', 'lost']).toContain(found?.kind)
        if (found?.kind === 'lost') expect(markedPids(containerId)).toEqual([])
        await next.remove(containerId)
        expect(markedPids(containerId)).toEqual([])
      }
    }
  })

  test.runIf(kind === 'c')('the server of shims killed: tasks go on, and the next one starts', async () => {
    const [first, second] = [it.spec('sleep 0.5; exit 3'), it.spec('exit 4')]
    await it.containerizer.launch(first)
    const server = readStat(shimOf(first.containerId))?.parent ?? 0
    expect(readStat(server)?.parent).toBe(process.pid)
    process.kill(server, 'SIGKILL')
    await until(() => !isRunning(server))
    const again = await until(() => it.containerizer.launch(second))
    expect(again.pid).toBeGreaterThan(0)
    expect(await it.containerizer.wait(second.containerId)).toEqual({ kind: 'exited', code: 4 })
    expect(await it.containerizer.wait(first.containerId)).toEqual({ kind: 'exited', code: 3 })
  })

  test.runIf(kind === 'c')('the server of shims ends with its agent, also with SIGKILL', async () => {
    const spec = it.spec('sleep 300')
    await launchAndDie(spec)
    await until(() => readStat(shimOf(spec.containerId))?.parent === 1)
    const next = it.another()
    await next.recover([spec.containerId])
    await next.remove(spec.containerId)
  })
})

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return text
}
