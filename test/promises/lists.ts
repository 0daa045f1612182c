// The lists of docs/ whose numbers tests quote: promises, hazards, attacks, invariants.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../vitest.ts'

export interface Entry {
  readonly number: string
  readonly sentence: string
}

/** F1 to F96. */
export function promises(): readonly Entry[] {
  return rows('promises.md', /^\| (F\d+) \| [MS/]+ \| (.+?) \|/gm)
}

/** H1 to H20. */
export function hazards(): readonly Entry[] {
  return rows('hazards.md', /^\| (H\d+) \| (.+?) \|/gm)
}

/** A1 to A30. */
export function attacks(): readonly Entry[] {
  return rows('hazards.md', /^\| (A\d+) \| (.+?) \|/gm)
}

/** S1 to S22 and L1 to L5. */
export function invariants(): readonly Entry[] {
  return rows('invariants.md', /^\| ([SL]\d+) \| (.+?) \|/gm)
}

function rows(file: string, pattern: RegExp): readonly Entry[] {
  const text = readFileSync(join(ROOT, 'docs', file), 'utf8')
  return [...text.matchAll(pattern)].map(([, number = '', sentence = '']) => ({ number, sentence }))
}
