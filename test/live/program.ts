// Runs a program of the project in a temporary folder of its own, so that what it leaves behind can be seen.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../vitest.ts'
import { processesOf } from './really-running.ts'
import { until } from './until.ts'

export interface Program {
  readonly child: ChildProcess
  /** All it printed so far. */
  readonly output: () => string
  readonly ended: Promise<number | null>
  /** Files, folders and processes that name its temporary folder, once they had a moment to go. */
  leftBehind(): Promise<readonly string[]>
}

export function runProgram(entry: string, args: readonly string[]): Program {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'meseta-program-')))
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), entry, ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  }
  const left = () => [
    ...readdirSync(folder),
    ...processesOf(folder).map(({ pid, command }) => `${pid} ${command}`),
  ]
  return {
    child,
    output: () => output,
    ended: new Promise((resolve) => child.once('close', resolve)),
    async leftBehind() {
      await until('it is gone', () => left().length === 0, 5_000).catch(() => {})
      const found = left()
      if (found.length === 0) rmSync(folder, { recursive: true, force: true })
      return found
    },
  }
}
