// The rules of the house that a machine can check: who may import whom, who may read the clock, how files begin.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './vitest.ts'

/** A folder may import itself and what is listed; see docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  master: ['protocol'],
  store: ['master', 'protocol'],
  functions: ['store', 'master', 'protocol'],
  agent: ['protocol'],
  local: ['functions', 'store', 'master', 'agent', 'protocol'],
  connect: ['protocol'],
  // To find a deployed cluster, and to hold a stream that a gateway would end.
  cli: ['connect', 'protocol'],
  ui: ['protocol'],
}

/** Node's own modules that decisions may use: they compute and touch nothing. */
const PURE_NODE = new Set(['node:assert'])

interface Source {
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly string[]
}

const sources = Object.keys(MAY_IMPORT).flatMap((folder) => read(join(ROOT, folder), folder))

describe('imports', () => {
  test('each folder imports only what its place allows', () => {
    const wrong = sources.flatMap((source) =>
      source.imports
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(ROOT, join(ROOT, dirname(source.path), name)).split('/')[0] ?? '')
        .filter((folder) => folder !== source.folder && !MAY_IMPORT[source.folder]?.includes(folder))
        .map((folder) => `${source.path} imports ${folder}/`),
    )
    expect(wrong).toEqual([])
  })

  test('decisions know no AWS, no platform and no library but assert', () => {
    const wrong = sources
      .filter((source) => source.folder === 'master')
      .flatMap((source) =>
        source.imports
          .filter((name) => !name.startsWith('.') && !PURE_NODE.has(name))
          .map((name) => `${source.path} imports ${name}`),
      )
    expect(wrong).toEqual([])
  })

  test('DynamoDB is known in store/ only, SQS in ports and the agent’s link', () => {
    const wrong = sources.flatMap((source) =>
      source.imports
        .filter((name) => name.startsWith('@aws-sdk/'))
        .filter((name) => !allowedAws(source, name))
        .map((name) => `${source.path} imports ${name}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('time and chance', () => {
  test('H16: only the clock reads the clock', () => {
    const wrong = sources
      .filter(
        (source) =>
          !['protocol/clock.ts'].includes(source.path) && !['cli', 'ui', 'local'].includes(source.folder),
      )
      .flatMap((source) => hits(source, /\b(Date\.now\(|new Date\(\)|set(?:Timeout|Interval)\()/))
    expect(wrong).toEqual([])
  })

  test('S16: decisions use no randomness and no environment', () => {
    const wrong = sources
      .filter((source) => source.folder === 'master')
      .flatMap((source) => hits(source, /Math\.random|randomUUID|randomBytes|process\.env/))
    expect(wrong).toEqual([])
  })
})

describe('how files look', () => {
  test('each file says in its first line what it is for', () => {
    const wrong = sources
      .filter((source) => source.path.endsWith('.ts') && !/^(\/\/ \S|#!)/.test(source.text))
      .map((source) => source.path)
    expect(wrong).toEqual([])
  })

  test('no drawer for leftovers', () => {
    const wrong = sources
      .map((source) => source.path)
      .filter((path) => /(^|\/)(utils?|common|helpers?|lib|manager|service)(\.ts|\/)/.test(path))
    expect(wrong).toEqual([])
  })

  test('nothing is left to do without a word to the user', () => {
    const wrong = sources.flatMap((source) => hits(source, /\b(TODO|FIXME|XXX|HACK)\b/))
    expect(wrong).toEqual([])
  })
})

function allowedAws(source: Source, name: string): boolean {
  if (name === '@aws-sdk/client-dynamodb') return source.folder === 'store' || source.folder === 'local'
  if (name === '@aws-sdk/client-sqs')
    return (
      source.path.startsWith('functions/ports/') || source.folder === 'agent' || source.folder === 'local'
    )
  if (name === '@aws-sdk/credential-provider-node' && source.folder === 'connect') return true
  return source.path.startsWith('functions/ports/') || source.folder === 'agent'
}

function hits(source: Source, pattern: RegExp): string[] {
  return source.text
    .split('\n')
    .map((line, index) => ({ line: line.replace(/\/\/.*$|^\s*\*.*$/, ''), number: index + 1 }))
    .filter(({ line }) => pattern.test(line))
    .map(({ line, number }) => `${source.path}:${number} ${line.trim()}`)
}

function read(path: string, folder: string): Source[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const full = join(path, entry.name)
    if (entry.isDirectory()) return read(full, folder)
    if (!/\.(ts|js)$/.test(entry.name)) return []
    const text = readFileSync(full, 'utf8')
    const pattern = /^(?:import|export)\b[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm
    const imports = [...text.matchAll(pattern)].map(([, from, bare, late]) => from ?? bare ?? late ?? '')
    return [{ path: relative(ROOT, full), folder, text, imports }]
  })
}
