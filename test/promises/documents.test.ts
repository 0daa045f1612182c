// Documents that must stay true: the runbooks name what there is, the fault matrix names tests that there are.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { metrics } from '../../functions/operator/metrics.ts'
import { world } from '../functions/agents/world.ts'
import { ROOT } from '../vitest.ts'
import { labelsOf } from './titles.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const codeIn = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
const runbooks = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`)

describe('runbooks', () => {
  const sources = () =>
    globSync('{agent,functions,local,store}/**/*.ts', { cwd: ROOT })
      .map((path) => read(path))
      .join('\n')

  test('name numbers that GET_METRICS has', async () => {
    const w = await world()
    await w.agent()
    await w.framework({ name: 'NAME' })
    await w.run(3_000)
    const asked = { env: w.env, feed: { listeners: () => 0 }, bornAt: async () => w.clock.now() }
    const known = new Set(
      Object.keys(await metrics(asked)).map((name) => name.replace(/(frameworks\/NAME)\/[^/]+/, '$1/ID')),
    )
    const ofAgents = read('agent/api/metrics.ts')
    const missing = runbooks.flatMap((path) =>
      codeIn(read(path)).filter(
        (code) =>
          /^(meseta|master|system)\/[\w/]+$/.test(code) &&
          !known.has(code) &&
          !ofAgents.includes(`'${code}'`),
      ),
    )
    expect(missing).toEqual([])
  })

  test('quote lines that the log has', () => {
    const all = sources()
    const quoted = runbooks.flatMap((path) =>
      codeIn(read(path)).filter(
        (code) => /^[a-z]+:?( [a-z]+)+$/.test(code) && !/^(npm|npx|du|curl) /.test(code),
      ),
    )
    expect(quoted.length).toBeGreaterThan(10)
    expect(quoted.filter((line) => !all.includes(`'${line}'`))).toEqual([])
  })

  test('name commands that running.md explains', () => {
    const running = read('docs/running.md')
    const commands = runbooks.flatMap((path) =>
      codeIn(read(path)).flatMap((code) => /^npx meseta ([a-z-]+(?: [a-z-]+)?)/.exec(code)?.[1] ?? []),
    )
    const [verbs, words] = [new Set(commands), new Set(running.match(/[a-z-]+/g))]
    expect([...verbs].filter((verb) => verb.split(' ').some((word) => !words.has(word)))).toEqual([])
  })

  test('each page stands in the list, with its alarm', () => {
    const list = read('docs/runbooks/README.md')
    const pages = runbooks.filter((path) => !path.endsWith('README.md'))
    expect(pages.length).toBeGreaterThan(8)
    for (const page of pages) expect(list).toContain(`](${page.slice('docs/runbooks/'.length)})`)
  })
})

describe('the fault matrix', () => {
  const matrix = read('docs/fault-tolerance.md')

  test('names tests that there are, with what they say they prove', () => {
    const named = [...matrix.matchAll(/`([\w./-]+\.test\.ts)`((?: [FSLHAC]\d+,?)*)/g)]
    expect(named.length).toBeGreaterThan(40)
    const wrong = named.flatMap(([, path = '', numbers = '']) => {
      if (!existsSync(join(ROOT, 'test', path))) return [`there is no test/${path}`]
      const labels = new Set(titlesIn(`test/${path}`).flatMap((title) => [...labelsOf(title)]))
      const asked = numbers.match(/[FSLHAC]\d+/g) ?? []
      return asked.filter((number) => !labels.has(number)).map((number) => `${path} does not prove ${number}`)
    })
    expect(wrong).toEqual([])
  })

  test('names live scenarios that there are', () => {
    const runner = read('test/live/run.ts')
    const named = [...matrix.matchAll(/live `([a-z-]+)`/g)].map(([, name = '']) => name)
    expect(named.filter((name) => name !== 'chaos' && !runner.includes(`'${name}'`))).toEqual([])
  })

  test('leaves no row without a proof', () => {
    const rows = matrix
      .split('\n')
      .filter((line) => /^\| (?!\||-|fault )/.test(line) && line.split('|').length === 8)
    expect(rows.length).toBeGreaterThan(40)
    expect(rows.filter((row) => !/\.test\.ts`|live `|simulator/.test(row))).toEqual([])
  })
})

test('the invariants name checks of the simulator and tests that there are', () => {
  const checks = globSync('test/simulator/*.ts', { cwd: ROOT })
    .map((path) => read(path))
    .join('\n')
  const rows = [...read('docs/invariants.md').matchAll(/^\| ([SL]\d+) \|.*\| ([^|]*) \|$/gm)]
  expect(rows).toHaveLength(27)
  const unchecked = rows.filter(
    ([, name, where = '']) => /^sim\b/.test(where) && !checks.includes(`'${name}'`),
  )
  expect(unchecked.map(([, name]) => name)).toEqual([])
  const paths = rows.flatMap(([, , where = '']) => codeIn(where).filter((code) => code.startsWith('test/')))
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})

test('links between documents lead somewhere', () => {
  const documents = globSync('{docs/**/*.md,test/README.md,README.md}', { cwd: ROOT })
  const broken = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => join(dirname(path), target))
      .filter((target) => !existsSync(join(ROOT, target)))
      .map((target) => `${path}: ${target}`),
  )
  expect(broken).toEqual([])
})

function titlesIn(file: string): readonly string[] {
  const found = read(file).matchAll(/(?:\b(?:test|describe)\(|\)\()\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)
  return [...found].map(([, , title = '']) => title)
}
