// Runs Vitest on some files and reads what came out of it, for the runners that print a closing line.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

export interface TestOutcome {
  readonly file: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly messages: readonly string[]
}

export interface Outcome {
  readonly tests: readonly TestOutcome[]
  /** Files that could not be loaded, and failures outside tests: each counts as a failed test. */
  readonly broken: readonly string[]
}

/** Runs the tests whose files match the filters; prints Vitest's own report as it goes. */
export async function runVitest(
  filters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-test-'))
  const file = join(folder, 'report.json')
  const bin = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(
    process.execPath,
    [bin, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } },
  )
  const code = await new Promise<number>((resolve) => child.on('exit', (status) => resolve(status ?? 1)))
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report
    const tests = report.testResults.flatMap((result) =>
      result.assertionResults.map((test) => ({
        file: result.name.replace(`${ROOT}/`, ''),
        title: [...test.ancestorTitles, test.title].join(' › '),
        status: statusOf(test.status),
        messages: test.failureMessages ?? [],
      })),
    )
    const broken = report.testResults
      .filter(
        (result) =>
          result.status === 'failed' && result.assertionResults.every((test) => test.status !== 'failed'),
      )
      .map((result) => `${result.name}: ${result.message}`)
    if (code !== 0 && broken.length === 0 && tests.every((test) => test.status !== 'failed')) {
      broken.push(`vitest ended with status ${code} although no test failed; see its output above`)
    }
    return { tests, broken }
  } catch {
    return { tests: [], broken: [`vitest left no report (status ${code}); see its output above`] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints the closing line and gives the exit status. */
export function closingLine(outcome: Outcome): number {
  const count = (status: TestOutcome['status']) =>
    outcome.tests.filter((test) => test.status === status).length
  const failed = count('failed') + outcome.broken.length
  const skipped = count('skipped')
  for (const text of outcome.broken) console.log(`broken: ${text}`)
  console.log(`${count('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 || count('passed') === 0 ? 1 : 0
}

function statusOf(status: string): TestOutcome['status'] {
  return status === 'passed' || status === 'failed' ? status : 'skipped'
}

/** The part of Vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}
