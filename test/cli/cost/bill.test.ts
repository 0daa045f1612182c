// What a cluster costs by the model: the goals, and what would make the model a lie.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { SHAPES } from '../../../cdk/functions.ts'
import { shardsFor } from '../../../cdk/settings.ts'
import { batchesOf } from '../../../cli/cost/beats.ts'
import { billOf, totalOf } from '../../../cli/cost/bill.ts'
import { CAUSES, MEMORY_MB, type Scenario, STANDING } from '../../../cli/cost/model.ts'
import prices from '../../../cli/cost/prices.json' with { type: 'json' }
import { templateOf } from '../../cdk/stubs.ts'
import { ROOT } from '../../vitest.ts'

const scenario = (some: Partial<Scenario>): Scenario => ({
  agents: 1_000,
  beatSeconds: 3,
  tasksPerSecond: 0,
  frameworks: 1,
  delivery: 'stream',
  masterType: 'm7g.large',
  masterDiskGb: 50,
  ...some,
})

describe('goals', () => {
  test.each([3, 15])(
    'with no agents and no streams at most six dollars a month, the profile of %i s beats',
    (beatSeconds) => {
      expect(totalOf(scenario({ agents: 0, frameworks: 0, beatSeconds }))).toBeLessThanOrEqual(6)
    },
  )

  test('R13 an agent that beats each 3 s: beats, canaries and command polls at most $1.10 a month', () => {
    expect(billOf(scenario({})).perAgentMonthOfBeats).toBeLessThanOrEqual(1.1)
  })

  test('R13 an agent that beats each 15 s: beats, canaries and command polls at most $0.30 a month', () => {
    for (const agents of [100, 200, 1_000, 10_000])
      expect(billOf(scenario({ agents, beatSeconds: 15 })).perAgentMonthOfBeats).toBeLessThanOrEqual(0.3)
  })

  test('with its share of ticks, questions and the allocator’s looks: $1.20 and $0.41', () => {
    expect(billOf(scenario({})).perAgentMonth).toBeLessThanOrEqual(1.2)
    expect(billOf(scenario({ beatSeconds: 15 })).perAgentMonth).toBeLessThanOrEqual(0.41)
  })

  test('R13 a million tasks cost the same on ten agents and on ten thousand: $70', () => {
    const of = (agents: number) => billOf(scenario({ agents })).perMillionTasks
    expect(of(10)).toBeLessThanOrEqual(70)
    expect(of(10_000)).toBeCloseTo(of(10), 6)
  })

  test('an open stream', () => {
    expect(billOf(scenario({ agents: 10 })).perStreamMonth).toBeLessThanOrEqual(37)
  })
})

describe('the model', () => {
  test('what is in the table adds up to its total', () => {
    const bill = billOf(scenario({ tasksPerSecond: 2 }))
    const sum = bill.services.reduce(
      (all, line) => all + CAUSES.reduce((own, cause) => own + line[cause], 0),
      0,
    )
    expect(sum).toBeCloseTo(bill.total, 6)
  })

  test('more of anything costs more', () => {
    const base = totalOf(scenario({ tasksPerSecond: 1 }))
    for (const more of [{ agents: 1_200 }, { frameworks: 2 }, { tasksPerSecond: 2 }, { beatSeconds: 2 }])
      expect(totalOf(scenario({ tasksPerSecond: 1, ...more })), JSON.stringify(more)).toBeGreaterThan(base)
    expect(totalOf(scenario({ beatSeconds: 15, tasksPerSecond: 1 }))).toBeLessThan(base)
  })

  test('a framework that is called costs a tenth of one with a stream', () => {
    const of = (delivery: Scenario['delivery']) =>
      totalOf(scenario({ agents: 0, delivery, frameworks: 2 })) - totalOf(scenario({ agents: 0, delivery }))
    expect(of('notify') * 10).toBeLessThan(of('stream'))
  })

  test('all beats get into a batch, and no batch is larger than ten', () => {
    for (const agents of [1, 7, 50, 120]) {
      const { perSecond, busy } = batchesOf({ agents, beatMs: 3_000, tickMs: 1_000 })
      const messages = agents / 3 + 1
      expect(perSecond).toBeLessThanOrEqual(messages + 0.1)
      expect(perSecond).toBeGreaterThanOrEqual(messages / 10 - 0.1)
      expect(busy).toBeLessThanOrEqual(1)
    }
  })

  test('memory of functions is the stack’s', () => {
    for (const [name, memoryMb] of Object.entries(MEMORY_MB))
      expect(Object.entries(SHAPES).find(([known]) => known === name)?.[1].memoryMb, name).toBe(memoryMb)
  })

  test('shards are as many as the stack makes for so many agents', () => {
    for (const [profile, beatSeconds] of [
      ['fast', 0.5],
      ['default', 3],
      ['mesos', 15],
    ] as const)
      for (const agents of [1, 60, 61, 120, 121, 200, 201, 10_000]) {
        const { beatShards, agentIndexShards } = billOf(scenario({ agents, beatSeconds })).settings
        expect(shardsFor(agents, profile)).toEqual({ beatShards, agentIndexShards })
      }
  })

  test('alarms, secrets and queues that functions read are the stack’s', () => {
    const template = templateOf({})
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'))
    // A sum of metrics is billed by each of them.
    const watched = alarms.map(({ Properties: { Metrics } }) => {
      const metrics: readonly { readonly MetricStat?: object }[] = Metrics ?? [{ MetricStat: {} }]
      return metrics.filter(({ MetricStat }) => MetricStat !== undefined).length
    })
    expect(watched.reduce((sum, count) => sum + count, 0)).toBe(STANDING.alarmedMetrics)
    template.resourceCountIs('AWS::SecretsManager::Secret', STANDING.secrets)
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1)
    const { standardQueuesRead, fifoQueuesRead } = STANDING
    template.resourceCountIs('AWS::Lambda::EventSourceMapping', standardQueuesRead + fifoQueuesRead)
  })

  test('each price says its unit and the page it is from', () => {
    for (const [key, { unit, page, usd, per }] of Object.entries(prices.prices)) {
      expect({ unit, page }, key).toEqual({
        unit: expect.stringMatching(/\w/),
        page: expect.stringMatching(/pricing/),
      })
      expect(usd / per).toBeGreaterThan(0)
    }
    expect(prices.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  })
})

describe('npx meseta cost', () => {
  const meseta = async (...argv: readonly string[]) => {
    const run = promisify(execFile)(process.execPath, [join(ROOT, 'bin/meseta.js'), 'cost', ...argv])
    return await run.then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      // What execFile rejects with.
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
    )
  }

  test('prints a table by service, and three masters beside', async () => {
    const { code, text } = await meseta('--agents', '1000')
    expect(code).toBe(0)
    for (const word of ['DynamoDB', 'Lambda', 'SQS', 'total', 'an agent-month', 'three always-on masters'])
      expect(text).toContain(word)
  })

  test('the same as JSON: fields, their order and figures are a file, so a change of them is seen', async () => {
    const argv = ['--agents', '1000', '--beats', '15', '--tasks-per-second', '0.5', '--json']
    const { code, text } = await meseta(...argv)
    expect(code).toBe(0)
    expect(await meseta(...argv)).toEqual({ code, text })
    await expect(text).toMatchFileSnapshot('golden-bill.json')
  })

  test('JSON says null where there is no agent to divide by', async () => {
    const { text } = await meseta('--agents', '0', '--frameworks', '0', '--json')
    expect(JSON.parse(text)).toMatchObject({ perAgentMonth: null, perAgentMonthOfBeats: null })
  })

  test.each([
    [['--agents', '-1'], /--agents/],
    [['--agents', '1000000'], /--agents is at most 100000/],
    [['--agents', '1.5'], /--agents.*expected a whole number/],
    [['--agents', 'many'], /--agents.*expected a number/],
    [['--agents'], /--agents <n>.*missing/],
    [['--beats', '0'], /--beats is from 0.5 to 60/],
    [['--beats', '61'], /--beats is from 0.5 to 60/],
    [['--beats', '1e999'], /--beats.*expected a number/],
    [['--frameworks', '1001'], /--frameworks is at most 1000/],
    [['--tasks-per-second', '-0.1'], /--tasks-per-second.*expected a number that is not negative/],
    [['--tasks-per-second', '1001'], /--tasks-per-second is at most 1000/],
    [['--masters-disk', '20000'], /--masters-disk is at most 16384 GB/],
    [['--agent', '5'], /unknown option '--agent'/],
    [['5'], /too many arguments/],
    [['--frameworks', '0', '--tasks-per-second', '1'], /tasks need/],
    [['--agents', '0', '--tasks-per-second', '1'], /tasks need/],
    [['--masters', 'x9.huge'], /there is no price of x9.huge; there are .*m7g.large/],
    [['--delivery', 'pigeon'], /stream, poll, notify/],
  ])('refuses %j', async (argv, sentence) => {
    const { code, text } = await meseta(...argv)
    expect(code).toBe(2)
    expect(text).toMatch(sentence)
  })
})
