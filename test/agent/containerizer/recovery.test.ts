// Containers outlive the agent: what the next agent finds after kill -9, after a killed shim, after a reboot.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerSpec } from '../../../agent/containerizer/containerizer.ts'
import { readStat } from '../../../agent/containerizer/process-table.ts'
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
  async function launchAndDie(...specs: ContainerSpec[]): Promise<number[]> {
    const agent = spawn(
      process.execPath,
      [
        join(import.meta.dirname, 'launching-agent.ts'),
        it.containersDirectory,
        buildDirectory,
        kind,
        ...specs.map((spec) => JSON.stringify(spec)),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const line = await firstLine(agent)
    agent.kill('SIGKILL')
    await once(agent, 'exit')
    return (JSON.parse(line) as { pid: number }[]).map(({ pid }) => pid)
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

  test('a shim whose agent dies before it hears of the start runs the task all the same', async () => {
    const spec = it.spec('echo ran')
    const record = join(it.containersDirectory, spec.containerId)
    mkdirSync(spec.sandbox)
    mkdirSync(record)
    const order = { ...spec, record, bootId: 'x', account: undefined }
    const command = it.shims.current().command(order)
    if (command.launchScript !== undefined) writeFileSync(join(record, 'launch'), command.launchScript)
    // Descriptor 3 is a pipe whose reader is gone.
    const child = spawn('/bin/sh', ['-c', 'sleep 0.2; exec "$@"', 'sh', command.file, ...command.args], {
      env: { ...command.env },
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    child.stdio[3]?.destroy()
    await once(child, 'exit')
    expect(readFileSync(join(record, 'exit'), 'utf8')).toBe('exit 0\n')
    rmSync(record, { recursive: true })
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
