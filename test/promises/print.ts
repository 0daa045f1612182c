// How a number and its proofs are printed: a line with a column per level, then the tests one by one.
import { styleText } from 'node:util'
import type { Entry } from './lists.ts'
import { MAY_BE_OPEN } from './open.ts'
import type { Proof, Standing } from './proofs.ts'

const COLOURS: Readonly<Record<Standing, 'green' | 'yellow' | 'red'>> = {
  proven: 'green',
  'in part': 'yellow',
  open: 'yellow',
  failed: 'red',
}

export function heading(): string {
  return `${'     '}${'stands'.padEnd(9)}${'tests'.padEnd(7)}${'simulator'.padEnd(16)}${'live'}`
}

/**
 * Lines about one number: its columns and sentence, what it waits for, the tests that prove it; of more than `most` only
 * how many there are in which file.
 */
export function lines(
  entry: Entry,
  proof: Proof,
  { most = Number.POSITIVE_INFINITY }: { readonly most?: number } = {},
): readonly string[] {
  const live = proof.live.map(({ scenario, held }) => `${scenario} ${word(held)}`).join(', ')
  const columns = `${entry.number.padEnd(5)}${styleText(COLOURS[proof.standing], proof.standing.padEnd(9))}${String(proof.tests.length || '–').padEnd(7)}${(proof.checks.join(' ') || '–').padEnd(16)}${live || '–'}`
  const open = MAY_BE_OPEN[entry.number]
  return [
    columns,
    `     ${entry.sentence}`,
    ...(open === undefined ? [] : [`     waits for ${open.waitsFor}`]),
    ...proof.failed.map(({ file, title }) => `       ${styleText('red', 'FAILED')} ${file} › ${title}`),
    ...(proof.tests.length > most
      ? byFile(proof.tests)
      : proof.tests.map(({ file, title }) => `${file} › ${title}`)
    ).map((text) => styleText('dim', `       ${text}`)),
  ]
}

function byFile(tests: Proof['tests']): readonly string[] {
  return [...Map.groupBy(tests, ({ file }) => file)].map(([file, own]) => `${file}: ${own.length}`)
}

function word(held: boolean | undefined): string {
  if (held === undefined) return '(not run)'
  return held ? 'held' : 'FAILED'
}
