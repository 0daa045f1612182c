// Alarms that really ring: what they are set on is written by the functions, and each has its page and its row.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { COUNTED, patternOf } from '../../cdk/alarms.ts'
import { FUNCTIONS } from '../../cdk/props.ts'
import { timesOf } from '../../cdk/settings.ts'
import { detect } from '../../functions/detector/handler.ts'
import { logGauges, namespaceOf } from '../../functions/lambda/gauges.ts'
import { lambdaLog } from '../../functions/lambda/log.ts'
import { PROFILES } from '../../master/settings.ts'
import { world } from '../functions/agents/world.ts'
import { ROOT } from '../vitest.ts'
import { templateOf } from './stubs.ts'

interface AlarmProperties {
  readonly AlarmDescription: string
  readonly Namespace?: string
  readonly MetricName?: string
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[]
  readonly AlarmActions?: readonly unknown[]
  readonly OKActions?: readonly unknown[]
  readonly TreatMissingData: string
  readonly Threshold: number
  readonly EvaluationPeriods: number
  readonly Period?: number
}

let template: ReturnType<typeof templateOf>
/** By name, as docs/runbooks/README.md has them; those of roll-outs are CodeDeploy's affair. */
let alarms: ReadonlyMap<string, AlarmProperties>

beforeAll(() => {
  template = templateOf({})
  alarms = new Map(
    Object.entries(template.findResources('AWS::CloudWatch::Alarm'))
      .filter(([id]) => !id.includes('Rollout'))
      // CloudFormation's own shape.
      .map(([id, { Properties }]) => [
        id.replace(/^Cluster(\w+)Alarm[0-9A-F]{8}$/, '$1'),
        Properties as AlarmProperties,
      ]),
  )
}, 60_000)

const page = (name: string) => readFileSync(join(ROOT, 'docs', 'runbooks', name), 'utf8')

describe('each alarm', () => {
  test('has a page that exists, and a row of the table of runbooks that links it', () => {
    const rows = page('README.md').split('\n')
    expect(alarms.size).toBeGreaterThan(10)
    for (const [name, { AlarmDescription }] of alarms) {
      const [, file = ''] = /Runbook: docs\/runbooks\/(.*)$/.exec(AlarmDescription) ?? []
      expect.soft(existsSync(join(ROOT, 'docs', 'runbooks', file)), `${name}: ${file}`).toBe(true)
      const row = rows.find((line) => line.includes(`\`${name}\``) && line.includes(`(${file})`))
      expect.soft(row, `a row for ${name}`).toBeDefined()
    }
  })

  test('every row of that table names its alarms as the stack has them, or says how it is watched', () => {
    const rows = page('README.md')
      .split('\n')
      .filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| alarm'))
    for (const row of rows) {
      const [, , , inAccount = ''] = row.split('|')
      const named = [...inAccount.matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name ?? '')
      expect.soft(named.length > 0 || inAccount.includes('no alarm'), row).toBe(true)
      for (const name of named) expect.soft(alarms.has(name), name).toBe(true)
    }
  })

  test('tells the topic when it rings and when it is over', () => {
    for (const [name, alarm] of alarms) {
      expect.soft(alarm.AlarmActions, name).toHaveLength(1)
      expect.soft(alarm.OKActions, name).toHaveLength(1)
    }
  })
})

describe('gauges', () => {
  test('those that alarms and dashboard are set on are in the line that the detector writes, under the same names', async () => {
    const w = await world()
    const agent = await w.agent()
    await agent.beat()
    await w.hear()
    const lines: string[] = []
    const env = { ...w.env, log: lambdaLog(w.clock, (line) => lines.push(line)) }
    for (let second = 0; second < 70; second++) {
      w.clock.move(1_000)
      await agent.beat()
      await detect(env, { onSeen: (seen) => logGauges(env, 'meseta', seen) })
      await w.hear()
    }
    const line = JSON.parse(lines.filter((text) => text.includes('"_aws"')).at(-1) ?? '{}')
    const [{ Namespace, Dimensions, Metrics }] = line._aws.CloudWatchMetrics
    const written = Metrics.map(({ Name }: { readonly Name: string }) => Name)
    const gauges = [...alarms.values()].filter(({ Dimensions: by }) =>
      by?.some(({ Name }) => Name === 'cluster'),
    )
    expect(gauges.map(({ MetricName }) => MetricName).sort()).toEqual([...written].sort())
    for (const gauge of gauges) {
      expect(gauge.Namespace).toBe(Namespace)
      expect(gauge.Dimensions).toEqual([{ Name: 'cluster', Value: line.cluster }])
      expect(Dimensions).toEqual([['cluster']])
    }
    expect(Namespace).toBe(namespaceOf('meseta'))
  })

  test('F20: bounds follow the profile, whose times are those of master/settings.ts', () => {
    for (const [name, { timeoutMs, tickMs }] of Object.entries(PROFILES)) {
      const times = timesOf(name as keyof typeof PROFILES)
      expect(times).toMatchObject({ timeoutSeconds: timeoutMs / 1_000, tickSeconds: tickMs / 1_000 })
    }
    expect(alarms.get('HearingBroken')).toMatchObject({ Threshold: 9, EvaluationPeriods: 5 })
    expect(alarms.get('BeatsLate')).toMatchObject({ Threshold: 4.5 })
    // No data is the worst of all: no tick was written.
    expect(alarms.get('DetectorLate')).toMatchObject({ Threshold: 5, TreatMissingData: 'breaching' })
  })
})

describe('counted lines', () => {
  test('every event that is counted is said in the code of each function whose log is searched', () => {
    for (const [metric, lines] of Object.entries(COUNTED)) {
      for (const [event, names] of lines) {
        for (const name of names)
          expect.soft(sourcesOf(name).includes(`'${event}'`), `${metric}: ${name} says '${event}'`).toBe(true)
      }
    }
  })

  test('their patterns find the lines of that event and no other, as functions write them', () => {
    for (const [event] of Object.values(COUNTED).flatMap((lines) => [...lines])) {
      const term: string = JSON.parse(patternOf(event))
      const said = (text: string) => {
        const lines: string[] = []
        const log = lambdaLog({ now: () => 0 }, (line) => lines.push(line))
        log.warn(text, { error: `after ${event}`, frameworkId: 'f' })
        return lines.join()
      }
      expect.soft(said(event).includes(term), event).toBe(true)
      expect.soft(said('something else').includes(term), event).toBe(false)
    }
    // A term that holds a quote must have it escaped.
    for (const { Properties } of Object.values(template.findResources('AWS::Logs::MetricFilter')))
      expect(Properties.FilterPattern).toMatch(/^"\\"event\\":\\"[a-z0-9: ]+\\""$/)
  })

  test('each goes into one metric of the cluster, which costs nothing while there is no such line', () => {
    const metrics = Object.values(template.findResources('AWS::Logs::MetricFilter')).flatMap(
      ({ Properties }) => Properties.MetricTransformations,
    )
    for (const metric of metrics) {
      expect(metric).toMatchObject({ MetricNamespace: 'Meseta/meseta', MetricValue: '1' })
      expect(metric.DefaultValue).toBeUndefined()
      expect(Object.keys(COUNTED)).toContain(metric.MetricName)
    }
  })
})

test('the dashboard shows hearing, beats, ticks, letters, conflicts, throttles and the guard', () => {
  const [board] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'))
  const shown = JSON.stringify(board)
  const titles = ['HearingBroken', 'BeatsLate', 'DetectorLate', 'DeadLetters', 'Conflicts', 'Throttles']
  for (const title of [...titles, 'guard holds', 'age of the oldest message', 'throttles of functions'])
    expect.soft(shown.includes(title), title).toBe(true)
  for (const name of FUNCTIONS) expect.soft(shown.includes(`\\"${name}\\"`), name).toBe(true)
})

/** The text of all files that a function's entry imports, and those import. */
function sourcesOf(name: string): string {
  const known = closures.get(name)
  if (known !== undefined) return known
  const seen = new Map<string, string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    const text = readFileSync(file, 'utf8')
    seen.set(file, text)
    for (const [, from = ''] of text.matchAll(/^(?:import|export)\b[^'"]*?from\s+'(\.[^']+)'/gm))
      visit(join(dirname(file), from))
  }
  const [entry] = globSync(join(ROOT, 'functions', 'lambda', `${name}.ts`))
  if (entry === undefined) throw new Error(`there is no entry file of ${name}`)
  visit(entry)
  const all = [...seen.values()].join('\n')
  closures.set(name, all)
  return all
}

const closures = new Map<string, string>()
