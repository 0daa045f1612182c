// `node bench/cost-plot.ts`: draws docs/cost.svg and writes the tables of docs/cost.md, both from the model of `meseta cost`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { billOf } from '../cli/cost/bill.ts'
import { printed } from '../cli/cost/command.ts'
import type { Scenario } from '../cli/cost/model.ts'
import { ROOT } from '../test/vitest.ts'

const USUAL: Scenario = {
  agents: 100,
  beatSeconds: 3,
  tasksPerSecond: 0,
  frameworks: 1,
  delivery: 'stream',
  masterType: 'm7g.large',
  masterDiskGb: 50,
}

interface Series {
  readonly label: string
  readonly colour: string
  readonly dash?: string
  readonly scenario: Partial<Scenario>
}

const SERIES: readonly Series[] = [
  { label: 'beats of 3 s, a stream', colour: 'a', scenario: {} },
  { label: 'beats of 15 s, a stream', colour: 'b', scenario: { beatSeconds: 15 } },
  {
    label: 'beats of 15 s, a called framework',
    colour: 'b',
    dash: '5 4',
    scenario: { beatSeconds: 15, delivery: 'notify' },
  },
]
const AGENTS = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 51, 70, 100, 150, 200, 201, 300, 500, 700, 1_000, 2_000, 5_000, 10_000,
]
const BOX = { left: 62, right: 560, top: 26, bottom: 330 }
const RANGE = { x: [1, 10_000], y: [3, 20_000] } as const

export function costPlot(): string {
  const lines = SERIES.map(({ label, colour, dash, scenario }) => {
    const points = AGENTS.map((agents) => [agents, totalOf({ ...scenario, agents })] as const)
    const [lastX, lastY] = points.at(-1) ?? [1, 1]
    const path = points.map(([agents, usd]) => `${xOf(agents)},${yOf(usd)}`).join(' ')
    const style = dash === undefined ? '' : ` stroke-dasharray="${dash}"`
    return [
      `  <polyline class="line ${colour}" points="${path}"${style}/>`,
      `  <text x="${xOf(lastX) + 8}" y="${yOf(lastY) + (dash === undefined ? 0 : 14)}">${label}</text>`,
    ].join('\n')
  })
  const masters = billOf(USUAL).masters.total
  const nothing = billOf({ ...USUAL, agents: 0, frameworks: 0 }).nothingRegistered
  const across = (usd: number, className: string, label: string) =>
    [
      `  <line class="line ${className}" x1="${BOX.left}" x2="${BOX.right}" y1="${yOf(usd)}" y2="${yOf(usd)}"/>`,
      `  <text x="${BOX.right + 8}" y="${yOf(usd) + 4}">${label}</text>`,
    ].join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 380" width="800" height="380" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Monthly cost of the control plane by number of agents, against three always-on masters">
  <style>
    .line { fill: none; stroke-width: 2 }
    .a { stroke: #b8500f } .b { stroke: #1a6fb0 } .masters { stroke: #667 } .nothing { stroke: #2a7f62; stroke-dasharray: 2 4 }
    .grid { stroke: #dde2e8; stroke-width: 1 }
    text { fill: #223 } .small { font-size: 11px; fill: #567 }
    @media (prefers-color-scheme: dark) {
      .a { stroke: #f09a5a } .b { stroke: #6bb6f0 } .masters { stroke: #aab } .nothing { stroke: #6fcfae }
      .grid { stroke: #334 }
      text { fill: #dde } .small { fill: #9ab }
    }
  </style>
  <text class="small" x="${BOX.left}" y="14">USD a month, no tasks, one framework; both axes logarithmic</text>
${[10, 100, 1_000, 10_000].map((usd) => grid(BOX.left, BOX.right, yOf(usd), yOf(usd), `<text class="small" x="${BOX.left - 8}" y="${yOf(usd) + 4}" text-anchor="end">${usd.toLocaleString('en-US')}</text>`)).join('\n')}
${[1, 10, 100, 1_000, 10_000].map((agents) => grid(xOf(agents), xOf(agents), BOX.top, BOX.bottom, `<text class="small" x="${xOf(agents)}" y="${BOX.bottom + 16}" text-anchor="middle">${agents.toLocaleString('en-US')}</text>`)).join('\n')}
  <text class="small" x="${(BOX.left + BOX.right) / 2}" y="${BOX.bottom + 36}" text-anchor="middle">agents</text>
${lines.join('\n')}
${across(masters, 'masters', 'three m7g.large masters')}
${across(nothing, 'nothing', 'nothing registered')}
</svg>
`
}

/** A figure of the page: agents down, what they cost across. */
export function agentsTable(): string {
  const rows = [1, 10, 50, 100, 200, 500, 1_000, 10_000].map((agents) => {
    const of = (some: Partial<Scenario>) => billOf({ ...USUAL, agents, ...some })
    const [often, seldom] = [of({}), of({ beatSeconds: 15 })]
    const called = of({ beatSeconds: 15, delivery: 'notify' })
    const cells = [often.total, seldom.total, called.total].map((usd) =>
      Math.round(usd).toLocaleString('en-US'),
    )
    const shares = [often, seldom].flatMap((bill) => [
      bill.perAgentMonthOfBeats ?? 0,
      bill.perAgentMonth ?? 0,
    ])
    const tasks = Math.round(often.perMillionTasks).toLocaleString('en-US')
    return [agents.toLocaleString('en-US'), ...cells, ...shares.map((usd) => usd.toFixed(2)), tasks]
  })
  const heads = [
    'agents',
    '3 s, stream',
    '15 s, stream',
    '15 s, called',
    '3 s: beats and polls',
    '3 s: whole share',
    '15 s: beats and polls',
    '15 s: whole share',
    'a million tasks',
  ]
  return [heads, heads.map(() => '---:'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The page with its figures as they are now: each stands between two comments that say where it is from. */
export function costPage(page: string): string {
  const ran = (scenario: Partial<Scenario>) =>
    `\`\`\`text\n${stripVTControlCharacters(printed(billOf({ ...USUAL, ...scenario })))}\n\`\`\``
  const figures: Readonly<Record<string, string>> = {
    'npx meseta cost --agents 0 --frameworks 0': ran({ agents: 0, frameworks: 0 }),
    'npx meseta cost --agents 1000': ran({ agents: 1_000 }),
    'npx meseta cost --agents 100 --beats 15 --tasks-per-second 0.5 --delivery notify': ran({
      agents: 100,
      beatSeconds: 15,
      tasksPerSecond: 0.5,
      delivery: 'notify',
    }),
    agents: agentsTable(),
  }
  return Object.entries(figures).reduce((text, [name, figure]) => {
    const [begin, end] = [`<!-- ${name} -->`, '<!-- end -->']
    const from = text.indexOf(begin)
    const to = text.indexOf(end, from)
    if (from < 0 || to < 0) throw new Error(`docs/cost.md has no ${begin} … ${end}`)
    return `${text.slice(0, from + begin.length)}\n${figure}\n${text.slice(to)}`
  }, page)
}

function totalOf(some: Partial<Scenario>): number {
  return billOf({ ...USUAL, ...some }).total
}

function xOf(agents: number): number {
  return placed(agents, RANGE.x, BOX.left, BOX.right)
}

function yOf(usd: number): number {
  return placed(usd, RANGE.y, BOX.bottom, BOX.top)
}

function placed(value: number, [least, most]: readonly [number, number], from: number, to: number): number {
  const share = Math.log(value / least) / Math.log(most / least)
  return Math.round((from + share * (to - from)) * 10) / 10
}

function grid(x1: number, x2: number, y1: number, y2: number, label: string): string {
  return `  <line class="grid" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>${label}`
}

if (import.meta.main) {
  const page = join(ROOT, 'docs', 'cost.md')
  writeFileSync(join(ROOT, 'docs', 'cost.svg'), costPlot())
  writeFileSync(page, costPage(readFileSync(page, 'utf8')))
  console.log('docs/cost.svg and docs/cost.md written')
}
