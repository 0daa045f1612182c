// The commands that say what is proven: how titles are read, and that their tables name what there is.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Outcome, ROOT, type TestOutcome } from '../vitest.ts'
import { attacks, hazards, invariants, promises } from './lists.ts'
import { LIVE } from './live.ts'
import { commandOf } from './live-runs.ts'
import { MAY_BE_OPEN } from './open.ts'
import { isFine, proofOf } from './proofs.ts'
import { SIMULATED } from './simulator.ts'
import { inPassing, labelsOf } from './titles.ts'

const numbers = (from: string, to: number) => Array.from({ length: to }, (_, index) => `${from}${index + 1}`)

describe('the lists', () => {
  test('are whole and in order', () => {
    expect(promises().map(({ number }) => number)).toEqual(numbers('F', 96))
    expect(hazards().map(({ number }) => number)).toEqual(numbers('H', 20))
    expect(attacks().map(({ number }) => number)).toEqual(numbers('A', 30))
    expect(invariants().map(({ number }) => number)).toEqual([...numbers('S', 22), ...numbers('L', 5)])
  })
})

describe('what a title proves', () => {
  test.each([
    ['F26: a loss of five thousand', 'F26'],
    ['C100 F43 resources are free', 'C100 F43'],
    ['C116, F4, F6: UNREACHABLE and FAILURE', 'C116 F4 F6'],
    ['zone-dies, F83 R8: all of it in one pass', 'F83 R8'],
    ['never-acks-for-an-hour, R12 F43: custody', 'R12 F43'],
    ['delivered five times starts once (F36)', 'F36'],
    ['a restart starts nothing (F27, F34, L1)', 'F27 F34 L1'],
    ['F62 S6: a handler › dies at commit 3 (H11)', 'F62 S6 H11'],
    ['what F26 says is talked of', ''],
    ['an agent (see F26 there) is marked', ''],
    ['F26', 'F26'],
    ['C141 (application/json) F81 DRAIN_AGENT kills', 'C141 F81'],
    ['S1–S3, L4: seed 7 holds', 'S1 S2 S3 L4'],
  ])('%s', (title, labels) => {
    expect([...labelsOf(title)].join(' ')).toBe(labels)
  })

  test('a number in passing is seen', () => {
    expect(inPassing('what F26 says')).toEqual(['F26'])
    expect(inPassing('F26: what m-S2 says')).toEqual([])
  })
})

describe('how a promise stands', () => {
  const outcome = (...tests: readonly Partial<TestOutcome>[]): Outcome => ({
    tests: tests.map((one) => ({
      file: 'test/a.test.ts',
      title: 'F1: a',
      status: 'passed',
      messages: [],
      ...one,
    })),
    broken: [],
  })
  const standing = (number: string, of: Outcome, live = {}) => proofOf(number, of, live).standing

  test('proven by a test that passed, failed by one that did not, open without any', () => {
    expect(standing('F1', outcome({}))).toBe('proven')
    expect(standing('F1', outcome({}, { status: 'failed' }))).toBe('failed')
    expect(standing('F1', outcome({ status: 'skipped' }))).toBe('open')
    expect(standing('F2', outcome({}))).toBe('open')
  })

  test('the simulator proves what its table names, when all of its tests passed', () => {
    const seed = { file: 'test/simulator/simulator.test.ts', title: 'seed 3' }
    expect(standing('F61', outcome(seed))).toBe('proven')
    expect(standing('F61', outcome(seed, { ...seed, status: 'failed' }))).toBe('open')
    expect(standing('F61', outcome({}))).toBe('open')
  })

  test('a live scenario proves when it was run and held', () => {
    expect(standing('F49', outcome({}), {})).toBe('open')
    expect(standing('F49', outcome({}), { 'framework-failover': true })).toBe('proven')
    expect(standing('F49', outcome({}), { 'framework-failover': false })).toBe('failed')
  })

  test('chaos among the tests is live', () => {
    const chaos = { file: 'test/chaos/chaos.test.ts', title: 'F61, F66: all views become one' }
    expect(proofOf('F61', outcome(chaos), {})).toMatchObject({
      standing: 'proven',
      tests: [],
      live: [{ scenario: 'chaos', held: true }],
    })
    expect(standing('F66', outcome({ ...chaos, status: 'failed' }))).toBe('failed')
  })

  test('what waits for a feature may be open, or the rest of it must be proven', () => {
    expect(isFine(proofOf('F96', outcome({}), {}))).toBe(true)
    expect(isFine(proofOf('F88', outcome({}), {}))).toBe(false)
    expect(proofOf('F88', outcome({ title: 'F88: told' }), {}).standing).toBe('in part')
    expect(isFine(proofOf('F2', outcome({}), {}))).toBe(false)
  })
})

describe('the tables', () => {
  const known = new Set([...promises(), ...attacks()].map(({ number }) => number))

  test('name promises and attacks', () => {
    for (const number of [...Object.keys(SIMULATED), ...Object.keys(LIVE), ...Object.keys(MAY_BE_OPEN)])
      expect(known).toContain(number)
  })

  test('name checks that the simulator makes', () => {
    const source = globSync('test/simulator/*.ts', { cwd: ROOT })
      .filter((file) => !file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(ROOT, file), 'utf8'))
      .join('\n')
    const missing = [...new Set(Object.values(SIMULATED).flat())].filter(
      (check) => !source.includes(`'${check}'`),
    )
    expect(missing).toEqual([])
  })

  test('name live scenarios that there are', () => {
    const runner = readFileSync(join(ROOT, 'test/live/run.ts'), 'utf8')
    for (const scenario of new Set(Object.values(LIVE).flat())) {
      expect(existsSync(join(ROOT, commandOf(scenario)[0] ?? ''))).toBe(true)
      if (scenario !== 'chaos') expect(runner).toContain(`'${scenario}'`)
    }
  })

  test('every number in a title of the tests stands where it counts', () => {
    const wrong = globSync('test/**/*.test.ts', { cwd: ROOT }).flatMap((file) =>
      titlesIn(file).filter((title) => !file.startsWith('test/promises/') && inPassing(title).length > 0),
    )
    expect(wrong).toEqual([])
  })
})

function titlesIn(file: string): readonly string[] {
  const found = readFileSync(join(ROOT, file), 'utf8').matchAll(
    /(?:\b(?:test|describe)\(|\)\()\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g,
  )
  return [...found].map(([, , title = '']) => title)
}
