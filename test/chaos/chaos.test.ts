// Two minutes of chaos on real processes: many faults at once, as one cluster meets them.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../vitest.ts'
import { planOf } from './plan.ts'

describe('chaos', () => {
  test('a seed names a sequence of faults', () => {
    expect(planOf(7, 600_000)).toEqual(planOf(7, 600_000))
    expect(planOf(7, 600_000)).not.toEqual(planOf(8, 600_000))
    expect(planOf(7, 60_000)).toEqual(planOf(7, 600_000).slice(0, planOf(7, 60_000).length))
  })

  test('ten minutes of it hold every kind of fault', () => {
    for (const seed of [1, 2, 3])
      expect(new Set(planOf(seed, 600_000).map(({ name }) => name)).size).toBeGreaterThan(15)
  })

  test('a wrong option ends with 2 before anything is started', async () => {
    const { status, output } = await run(['--minutes', 'soon'])
    expect(output).toMatch(/a number above 0 is expected/)
    expect(status).toBe(2)
  })

  test('F8, F27, F36, F61, F62, F66, F67: after two minutes of faults all views become one: nothing lost, nothing twice, nothing orphaned', {
    timeout: 480_000,
  }, async () => {
    const { status, output } = await run(['--minutes', '2', '--seed', '4', '--profile', 'fast'])
    expect(output).toMatch(/\d+ passed, 0 failed\n$/)
    expect(status, output).toBe(0)
  })
})

function run(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), 'test/chaos/run.ts', ...args], {
    cwd: ROOT,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  return new Promise((resolve) => child.once('exit', (status) => resolve({ status, output })))
}
