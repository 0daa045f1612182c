// docs/cost.md and its plot show what the model says today.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { costPage, costPlot } from '../../../bench/cost-plot.ts'
import { ROOT } from '../../vitest.ts'

const UPDATE = 'run `node bench/cost-plot.ts`'
const read = (name: string) => readFileSync(join(ROOT, 'docs', name), 'utf8')

test('the tables of docs/cost.md are what `meseta cost` prints', () => {
  expect(costPage(read('cost.md')), UPDATE).toBe(read('cost.md'))
})

test('the plot is of the same numbers, and every point of it is a number', () => {
  expect(costPlot(), UPDATE).toBe(read('cost.svg'))
  expect(costPlot()).not.toMatch(/NaN|Infinity/)
})
