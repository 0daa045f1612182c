// Guards docs/traces.md: every trace of this release is a test by its name.
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

interface Trace {
  readonly name: string
  readonly what: string
  readonly release: string
}

/** Releases that are out, and what later traces wait for. */
const RELEASES = ['0.1', 'EC2', 'restore', 'quota']

function traces(): readonly Trace[] {
  const rows = readFileSync('docs/traces.md', 'utf8').matchAll(/^\| ([a-z0-9-]+) \| (.+) \| (.+) \|$/gm)
  return [...rows]
    .map(([, name = '', what = '', release = '']) => ({ name, what, release }))
    .filter(({ name }) => name !== 'trace')
}

/** The titles of all tests: what stands first in the call of `test`, or behind its table. */
function titles(): readonly string[] {
  return globSync('test/**/*.test.ts').flatMap((path) => {
    const found = readFileSync(path, 'utf8').matchAll(/(?:\btest\(|\)\()\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)
    return [...found].map(([, , title = '']) => title)
  })
}

describe('docs/traces.md', () => {
  test('names each trace once, in order, with what happens and its release', () => {
    const names = traces().map(({ name }) => name)
    expect(names.length).toBeGreaterThan(50)
    expect(names).toEqual([...new Set(names)].sort())
    for (const { what, release } of traces()) {
      expect(what.endsWith('.')).toBe(true)
      expect(RELEASES).toContain(release)
    }
  })

  test('every trace of this release has a test by its name', () => {
    const all = titles()
    const isTold = (name: string) =>
      all.some((title) => new RegExp(`(?<![a-z0-9-])${name}(?![a-z0-9-])`).test(title))
    const missing = traces().filter(({ name, release }) => release === '0.1' && !isTold(name))
    expect(missing.map(({ name }) => name)).toEqual([])
  })
})
