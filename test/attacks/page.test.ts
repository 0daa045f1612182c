// docs/security.md promises tests against every attack: they are there, and say which attack they are about.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../vitest.ts'

const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8')
const rows = page
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, number = '']) => /^A\d+$/.test(number))
/** What cannot be attacked yet. */
const WITHOUT_TESTS = ['A5', 'A19']

describe('docs/security.md', () => {
  test('has a row for each attack, with what holds and what is missing', () => {
    expect(rows.map(([, number]) => number)).toEqual(
      Array.from({ length: 30 }, (_, index) => `A${index + 1}`),
    )
    for (const cells of rows) expect(cells.slice(1, 6).filter((cell) => cell === '')).toEqual([])
  })

  test.each(rows.map(([, number = '', , , , tests = '']) => [number, tests]))(
    'names what tries %s: %s',
    (number, tests) => {
      const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, name]) => join(ROOT, 'test', `${name}.test.ts`))
      expect(files.length > 0).toBe(!WITHOUT_TESTS.includes(number))
      const isAbout = new RegExp(`\\b${number}\\b`)
      expect(files.filter((file) => !existsSync(file) || !isAbout.test(readFileSync(file, 'utf8')))).toEqual(
        [],
      )
    },
  )
})
