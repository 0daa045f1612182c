// Two minutes of chaos on real processes: many faults at once, as one cluster meets them.
import { describe, expect, test } from 'vitest'
import { runProgram } from '../live/program.ts'
import { until } from '../live/until.ts'
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
    const chaos = runProgram('test/chaos/run.ts', ['--minutes', 'soon'])
    expect(await chaos.ended).toBe(2)
    expect(chaos.output()).toMatch(/a number above 0 is expected/)
    expect(await chaos.leftBehind()).toEqual([])
  })

  test('Ctrl-C ends it and takes everything back', { timeout: 180_000 }, async () => {
    const chaos = runProgram('test/chaos/run.ts', ['--seed', '9'])
    await until('a fault', () => /for \d+\.\d s$/m.test(chaos.output()), 90_000)
    chaos.child.kill('SIGINT')
    expect(await chaos.ended).toBe(130)
    expect(await chaos.leftBehind()).toEqual([])
  })

  test('F8, F36, F61, F62, F66: after two minutes of faults all views become one: nothing lost, nothing twice, nothing orphaned', {
    timeout: 480_000,
  }, async () => {
    const chaos = runProgram('test/chaos/run.ts', ['--minutes', '2', '--seed', '4', '--profile', 'fast'])
    const status = await chaos.ended
    expect(chaos.output()).toMatch(/\d+ passed, 0 failed\n$/)
    expect(status, chaos.output()).toBe(0)
    expect(await chaos.leftBehind()).toEqual([])
  })
})
