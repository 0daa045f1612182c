// Figures of a measurement: percentiles of many, and how they are printed.

export interface Spread {
  readonly n: number
  readonly p50: number
  readonly p90: number
  readonly max: number
}

/** Percentiles by nearest rank. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { n: sorted.length, p50: at(0.5), p90: at(0.9), max: at(1) }
}

/** One line of the table: what was measured, in which unit, and what it is compared with. */
export interface Row {
  readonly name: string
  readonly unit: 's' | 'ms' | '/s' | 'calls' | 'units'
  readonly spread?: Spread | undefined
  readonly value?: number | undefined
  readonly wanted?: string | undefined
  readonly ratio?: string | undefined
  readonly peers?: string | undefined
}

export function format(number: number): string {
  if (!Number.isFinite(number)) return '-'
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2)
}

/** The rows as a Markdown table. */
export function markdown(rows: readonly Row[]): string {
  const heads = ['what', 'unit', 'n', 'p50 or value', 'p90', 'max', 'wanted', 'ratio', 'peers']
  const lines = rows.map(({ name, unit, spread, value, wanted, ratio, peers }) => [
    name,
    unit,
    spread === undefined ? '' : String(spread.n),
    format(spread?.p50 ?? value ?? Number.NaN),
    spread === undefined ? '' : format(spread.p90),
    spread === undefined ? '' : format(spread.max),
    wanted ?? '',
    ratio ?? '',
    peers ?? '',
  ])
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
