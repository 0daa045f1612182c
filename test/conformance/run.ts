// `npm run conformance`: runs the conformance tests and prints how each of the 156 statements stands.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { ROOT, runVitest, type TestOutcome } from '../vitest.ts'

/** Statements whose features are not built yet; the run fails when any other one is not proven. */
const NOT_BUILT = numbers('28, 29, 31, 87-92, 118, 139, 140, 142, 147-149')
/** Statements that cannot occur here, with the reason. */
const CANNOT_OCCUR: Readonly<Record<number, string>> = {
  28: 'there are no standby masters',
  29: 'there is no recovery phase: the table is always there',
  113: 'explicit reconciliation always answers (F58)',
}

type Standing = 'passed' | 'failed' | 'not yet built' | 'cannot occur'

const realTime = process.argv.includes('--real-time')
const outcome = await runVitest(['test/conformance/'], realTime ? { MESETA_REAL_TIME: '1' } : {})
const statements = readStatements()
let failed = outcome.broken.length
let passed = 0
for (const [number, text] of statements) {
  const standing = standingOf(number, testsOf(number))
  if (standing === 'passed') passed++
  if (standing === 'failed') failed++
  console.log(
    `${`C${number}`.padEnd(5)} ${styleText(colour(standing), standing.padEnd(13))} ${CANNOT_OCCUR[number] ?? text}`,
  )
}
for (const broken of outcome.broken) console.log(`broken: ${broken}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)

function testsOf(number: number): readonly TestOutcome[] {
  const pattern = new RegExp(`(^|[ ,›])C${number}(?![0-9])`)
  return outcome.tests.filter((test) => pattern.test(test.title))
}

function standingOf(number: number, tests: readonly TestOutcome[]): Standing {
  if (tests.some((test) => test.status === 'failed')) return 'failed'
  if (tests.some((test) => test.status === 'passed')) return 'passed'
  if (number in CANNOT_OCCUR) return 'cannot occur'
  return NOT_BUILT.has(number) ? 'not yet built' : 'failed'
}

function readStatements(): readonly (readonly [number, string])[] {
  const text = readFileSync(join(ROOT, 'docs', 'conformance.md'), 'utf8')
  return [...text.matchAll(/^- \*\*C(\d+)\*\* (.*)$/gm)].map(
    (match) => [Number(match[1]), match[2] ?? ''] as const,
  )
}

function numbers(list: string): ReadonlySet<number> {
  const all = new Set<number>()
  for (const part of list.split(',')) {
    const [from = 0, to = from] = part.split('-').map(Number)
    for (let number = from; number <= to; number++) all.add(number)
  }
  return all
}

function colour(standing: Standing): 'green' | 'red' | 'yellow' | 'dim' {
  if (standing === 'passed') return 'green'
  if (standing === 'failed') return 'red'
  return standing === 'cannot occur' ? 'dim' : 'yellow'
}
