// `npm test`: every test of the project, ending with `N passed, N failed`.
//
// Tests with real processes and real time can fail because the machine was busy. Their files get a second try, alone;
// what passes then is counted and named. Tests without processes get none: if one fails by chance, it found something.
// `--report FILE` leaves the outcomes there, for `npm run promises` and `npm run hazards`.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { closingLine, type Outcome, runVitest } from './vitest.ts'

const WITH_PROCESSES = /^test\/(agent|chaos|cli|conformance|local)\//

const startedAt = Date.now()
const args = process.argv.slice(2)
const report = taken('--report')
const env: Readonly<Record<string, string>> = args.includes('--real-time') ? { MESETA_REAL_TIME: '1' } : {}
const first = await runVitest(
  args.filter((arg) => arg !== '--real-time'),
  env,
)
const outcome = await withSecondTries(first)
if (report !== undefined) writeFileSync(resolve(report), JSON.stringify({ startedAt, ...outcome }))
process.exit(closingLine(outcome))

/** Takes an option and its value out of the arguments. */
function taken(option: string): string | undefined {
  const at = args.indexOf(option)
  return at < 0 ? undefined : args.splice(at, 2)[1]
}

async function withSecondTries(outcome: Outcome): Promise<Outcome> {
  const failed = outcome.tests.filter(({ status }) => status === 'failed')
  const files = new Set(failed.map(({ file }) => file).filter((file) => WITH_PROCESSES.test(file)))
  if (files.size === 0 || files.size > 5) return outcome
  console.log(`second try, alone: ${[...files].join(', ')}`)
  const again = await runVitest(['--no-file-parallelism', ...files], env)
  for (const { file, title, status } of again.tests) {
    const before = failed.some((one) => one.file === file && one.title === title)
    if (before && status === 'passed') console.log(`passed at the second try only: ${file} › ${title}`)
  }
  const kept = outcome.tests.filter(({ file }) => !files.has(file))
  return { tests: [...kept, ...again.tests], broken: [...outcome.broken, ...again.broken] }
}
