// A full disk: the agent says so, does nothing that it could not write down, loses nothing, and goes on when there is room.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { type Disk, systemDisk, WriteQueue } from '../../agent/disk.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { isRunning, type ProcessWorld, processWorld } from './process-world.ts'
import { wanted } from './tasks.ts'

describe('an append that the disk refuses', () => {
  let world: World
  afterEach(() => world.close())

  test('F30: nothing is started and nobody is told until it is written; then all is, once', async () => {
    const said: string[] = []
    let isFull = false
    const disk: Disk = (writing) => {
      if (isFull && writing.do !== 'remove') throw noRoom()
      systemDisk(writing)
    }
    const log = {
      info: (text: string) => said.push(text),
      warn() {},
      error: (text: string) => said.push(text),
    }
    world = await startWorld({ disk, log })
    const { controlPlane, workDir } = world
    const begun = join(workDir, 'begun')
    controlPlane.want([wanted('runs', 'exec sleep 1000')])
    await until(() => controlPlane.states('runs').length === 2)
    isFull = true
    controlPlane.want([wanted('late', `echo $$ >> ${begun}`)])
    await until(() => said.some((text) => text.includes('nothing is started')))
    const applied = controlPlane.generation - 1
    const beats = controlPlane.beats.length
    await until(() => controlPlane.beats.length > beats + 1)
    // It lives, and what it says of itself is what is on disk.
    expect(controlPlane.beats.at(-1)?.applied).toBe(applied)
    expect(existsSync(begun)).toBe(false)
    const pid = controlPlane.last('runs')?.container_status?.executor_pid ?? 0
    expect(isRunning(pid)).toBe(true)
    isFull = false
    await until(() => controlPlane.states('late').at(-1) === 'TASK_FINISHED')
    expect(readFileSync(begun, 'utf8').trim().split('\n')).toHaveLength(1)
    expect(said.at(-1)).toMatch(/takes writes again/)
    expect(controlPlane.states('late')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
  })

  test('F30: what ends meanwhile is told when there is room, also by the next process', async () => {
    let isFull = false
    const disk: Disk = (writing) => {
      if (isFull && writing.do !== 'remove') throw noRoom()
      systemDisk(writing)
    }
    world = await startWorld({ disk, log: { info() {}, warn() {}, error() {} } })
    const { controlPlane, workDir } = world
    controlPlane.want([wanted('ends', `while [ ! -e ${workDir}/go ]; do sleep 0.02; done; exit 5`)])
    await until(() => controlPlane.states('ends').length === 2)
    isFull = true
    const pid = controlPlane.last('ends')?.container_status?.executor_pid ?? 0
    closeSync(openSync(join(workDir, 'go'), 'w'))
    await until(() => !isRunning(pid))
    await until(() => world.agent.acting.state.tasks.get('f/ends')?.stage === 'ended')
    expect(controlPlane.states('ends')).toHaveLength(2)
    const stopped = world.agent.stop()
    isFull = false
    await stopped
    await world.restart()
    await until(() => controlPlane.states('ends').length === 3)
    expect(controlPlane.last('ends')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 5',
    })
  })
})

test('what is refused stays first in line, and is written once', () => {
  const written: string[] = []
  let room = 1
  const queue = new WriteQueue((writing) => {
    if (room-- <= 0) throw noRoom()
    written.push(writing.path)
  })
  const of = (...paths: string[]) => paths.map((path) => ({ do: 'append' as const, path, text: 'x' }))
  expect(() => queue.write(of('/a/1', '/a/2', '/a/3'))).toThrow(
    /^The disk takes no more writes in \/a \(ENOSPC.*\); make room there/,
  )
  room = 10
  queue.write(of('/a/4'))
  expect(written).toEqual(['/a/1', '/a/2', '/a/3', '/a/4'])
})

const whyNot = mountable()

describe.skipIf(whyNot !== undefined)(
  `a disk that is really full${whyNot === undefined ? '' : ` (${whyNot})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'meseta-full-'))
    let world: ProcessWorld | undefined
    afterEach(async () => {
      rmSync(join(folder, 'filler'), { force: true })
      await world?.close().catch(() => {})
      execFileSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true, force: true })
    })

    test('F31: an agent that met it, and one killed in it, have a sound checkpoint and go on when there is room', async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', folder])
      world = await processWorld({ workDir: folder })
      const { controlPlane } = world
      const agent = await world.start()
      controlPlane.want([wanted('runs', 'exec sleep 1000')])
      await until(() => controlPlane.states('runs').length === 2)
      const pid = controlPlane.last('runs')?.container_status?.executor_pid ?? 0
      fill(join(folder, 'filler'))
      const labels = [{ key: 'long', value: 'x'.repeat(20_000) }]
      controlPlane.want(['a', 'b', 'c'].map((id) => wanted(id, 'exit 3', { labels: { labels } })))
      await until(() => agent.lines.some((line) => line.includes('make room there')))
      expect(controlPlane.states('a')).toEqual([])
      expect(isRunning(pid)).toBe(true)
      await agent.kill()
      const refused = world.launch()
      await Promise.race([refused.ended, refused.registered])
      rmSync(join(folder, 'filler'))
      new Checkpoint(folder).read(true)
      await refused.kill()
      await world.start()
      await until(() => controlPlane.wanted.size === 1)
      expect(isRunning(pid)).toBe(true)
      expect(controlPlane.states('runs')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
    })
  },
)

/** Why a small file system cannot be mounted here; undefined when it can. */
function mountable(): string | undefined {
  if (process.getuid?.() !== 0) return 'skipped: only root can mount a small file system'
  const folder = mkdtempSync(join(tmpdir(), 'meseta-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder], { stdio: 'ignore' })
    const path = join(folder, 'log')
    systemDisk({ do: 'append', path, text: 'whole\n' })
    expect(() => systemDisk({ do: 'append', path, text: 'x'.repeat(100_000) })).toThrow(/ENOSPC/)
    // What it took of the second is cut off again.
    expect(statSync(path).size).toBe(6)
    execFileSync('umount', [folder])
    return undefined
  } catch (error) {
    if ((error as Error).name === 'AssertionError') throw error
    return 'skipped: nothing can be mounted here'
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function fill(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (const size of [65_536, 4_096, 512, 1]) {
      try {
        for (;;) writeSync(fd, Buffer.alloc(size))
      } catch {
        // Less fits.
      }
    }
  } finally {
    closeSync(fd)
  }
}

function noRoom(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}
