// Tests with real processes and real time can fail because the machine was busy. Their files get a second try, alone;
// what passes then is counted and named. Tests without processes get none: if one fails by chance, it found something.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Outcome, ROOT, runVitest } from './vitest.ts'

const PLACES_WITH_PROCESSES = /^test\/(agent|chaos|cli|conformance|live|local)\//
/** Elsewhere: who starts a whole cluster says so in its imports. */
const IMPORTS_CLUSTER = /from '(\.\.?\/)+(cluster|play)\.ts'/
/** More than these are no chance any more. */
const MOST_FILES = 5

export async function withSecondTries(
  outcome: Outcome,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const failed = outcome.tests.filter(({ status }) => status === 'failed')
  const files = new Set(failed.map(({ file }) => file).filter(hasProcesses))
  if (files.size === 0 || files.size > MOST_FILES) return outcome
  console.log(`second try, alone: ${[...files].join(', ')}`)
  const again = await runVitest(['--no-file-parallelism', ...files], env)
  for (const { file, title, status } of again.tests) {
    const before = failed.some((one) => one.file === file && one.title === title)
    if (before && status === 'passed') console.log(`passed at the second try only: ${file} › ${title}`)
  }
  const kept = outcome.tests.filter(({ file }) => !files.has(file))
  return { tests: [...kept, ...again.tests], broken: [...outcome.broken, ...again.broken] }
}

function hasProcesses(file: string): boolean {
  return PLACES_WITH_PROCESSES.test(file) || IMPORTS_CLUSTER.test(readFileSync(join(ROOT, file), 'utf8'))
}
