// `npm test`: every test of the project, ending with `N passed, N failed`.
//
// `--report FILE` leaves the outcomes there, for `npm run promises` and `npm run hazards`.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withSecondTries } from './second-tries.ts'
import { closingLine, runVitest } from './vitest.ts'

const startedAt = Date.now()
const args = process.argv.slice(2)
const report = taken('--report')
const env: Readonly<Record<string, string>> = args.includes('--real-time') ? { MESETA_REAL_TIME: '1' } : {}
const first = await runVitest(
  args.filter((arg) => arg !== '--real-time'),
  env,
)
const outcome = await withSecondTries(first, env)
if (report !== undefined) writeFileSync(resolve(report), JSON.stringify({ startedAt, ...outcome }))
process.exit(closingLine(outcome))

/** Takes an option and its value out of the arguments. */
function taken(option: string): string | undefined {
  const at = args.indexOf(option)
  return at < 0 ? undefined : args.splice(at, 2)[1]
}
