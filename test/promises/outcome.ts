// Where the outcomes come from: a run of the test files that name such numbers, or the report of a full `npm test`.
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { withSecondTries } from '../second-tries.ts'
import { type Outcome, ROOT, runVitest } from '../vitest.ts'

const SOURCES = '{agent,cli,connect,functions,local,master,protocol,store,test}/**/*.ts'

/** Runs the test files whose titles name numbers of these kinds (`F`, `H`, `S`…), and the simulator's. */
export async function runNamed(kinds: string): Promise<Outcome> {
  const pattern = new RegExp(`['"\`(, ][${kinds}]\\d{1,3}[,:) ]`)
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).filter(
    (file) => file.startsWith('test/simulator/') || pattern.test(readFileSync(join(ROOT, file), 'utf8')),
  )
  return await withSecondTries(await runVitest(files))
}

/** The outcomes of `npm test -- --report FILE`. Throws a sentence when the report is older than the sources. */
export function readReport(file: string): Outcome {
  // Written by test/run.ts in this form.
  const report = JSON.parse(readFileSync(file, 'utf8')) as Outcome & { readonly startedAt: number }
  const newer = globSync(SOURCES, { cwd: ROOT }).filter(
    (path) => statSync(join(ROOT, path)).mtimeMs > report.startedAt,
  )
  if (newer.length > 0)
    throw new Error(
      `${file} is older than ${newer[0]}${newer.length > 1 ? ` and ${newer.length - 1} others` : ''}: run npm test -- --report ${file} again`,
    )
  return report
}
