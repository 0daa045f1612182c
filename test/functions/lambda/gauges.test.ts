// The line a minute from which CloudWatch makes the metrics that alarms are set on.
import { describe, expect, test } from 'vitest'
import { logGauges } from '../../../functions/lambda/gauges.ts'
import { lambdaLog } from '../../../functions/lambda/log.ts'
import { detectTicks } from '../../../functions/lambda/ticks.ts'
import { listMail } from '../../../functions/scheduler/mailbox.ts'
import { type World, world } from '../agents/world.ts'

type Line = Readonly<Record<string, unknown>> & { readonly _aws: Envelope }
/** As CloudWatch's specification of the embedded metric format has it. */
interface Envelope {
  readonly Timestamp: number
  readonly CloudWatchMetrics: readonly [
    {
      readonly Namespace: string
      readonly Dimensions: readonly (readonly string[])[]
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[]
    },
  ]
}

/** Ticks as the planner's messages bring them, and the lines they wrote. */
async function ticked(
  w: World,
  seconds: number,
  each: () => Promise<void> = async () => {},
): Promise<Line[]> {
  const lines: string[] = []
  const env = { ...w.env, log: lambdaLog(w.clock, (line) => lines.push(line)) }
  for (let second = 0; second < seconds; second++) {
    w.clock.move(1_000)
    await each()
    const message = { id: 'm', body: '{}', sentAt: w.clock.now() - 200, receiveCount: 1 }
    await detectTicks(env, [message], (seen) => logGauges(env, 'meseta', seen))
    await w.hear()
  }
  return lines.map((line) => JSON.parse(line) as Line).filter(({ event }) => event === 'gauges')
}

function metricNames(line: Line | undefined): readonly string[] {
  return line?._aws.CloudWatchMetrics[0].Metrics.map(({ Name }) => Name) ?? []
}

describe('the gauges of the detector', () => {
  test('one line a minute of cluster time, in the form CloudWatch reads, with a number for each metric', async () => {
    const w = await world()
    const agent = await w.agent()
    await w.framework()
    const lines = await ticked(w, 180, () => agent.beat())
    // The first tick of all, and the first of each minute that begins meanwhile.
    expect(lines.length).toBeGreaterThanOrEqual(3)
    expect(lines.length).toBeLessThanOrEqual(4)
    const last = lines.at(-1)
    expect(metricNames(last)).toEqual(['tick_age_secs', 'hearing_secs', 'oldest_canary_age_secs'])
    const [metrics] = last?._aws.CloudWatchMetrics ?? []
    expect(metrics).toMatchObject({ Namespace: 'Meseta/meseta', Dimensions: [['cluster']] })
    expect(last).toMatchObject({
      cluster: 'meseta',
      tick_age_secs: 0.2,
      agents_beating: 1,
      agents_suspect: 0,
      frameworks_connected: 1,
      deliveries_failing: 0,
    })
    for (const name of metricNames(last)) expect.soft(last?.[name], name).toBeTypeOf('number')
    expect(last?.hearing_secs).toBeGreaterThan(60)
    expect(last?._aws.Timestamp).toBeTypeOf('number')
  })

  test('with nobody to hear, nothing is said of hearing: one tick a minute breaks every chain', async () => {
    const w = await world()
    const lines = await ticked(w, 120)
    for (const line of lines) expect(metricNames(line)).toEqual(['tick_age_secs'])
  })

  test('F20: the guard is a metric while it holds', async () => {
    const w = await world()
    const agents = await Promise.all(Array.from({ length: 10 }, () => w.agent()))
    await ticked(w, 60, async () => void (await Promise.all(agents.map((agent) => agent.beat()))))
    // A minute begins while they are silent beyond the timeout, and held back.
    const toMinute = 60_000 - (w.clock.now() % 60_000)
    const early = Math.max(0, Math.floor(toMinute / 1_000) - 13)
    const all = async () => void (await Promise.all(agents.map((agent) => agent.beat())))
    await ticked(w, early, all)
    const lines = await ticked(w, 20, async () => {
      await Promise.all(agents.slice(5).map((agent) => agent.beat()))
    })
    expect(metricNames(lines.at(-1))).toContain('guard_secs')
    expect(lines.at(-1)?.guard_secs).toBeGreaterThan(0)
  })

  test('a queue that is not read makes the newest canary old', async () => {
    const w = await world()
    const agent = await w.agent()
    await ticked(w, 5, () => agent.beat())
    const lines: string[] = []
    const env = { ...w.env, log: lambdaLog(w.clock, (line) => lines.push(line)) }
    for (let second = 0; second < 120; second++) {
      w.clock.move(1_000)
      const message = { id: 'm', body: '{}', sentAt: w.clock.now(), receiveCount: 1 }
      await detectTicks(env, [message], (seen) => logGauges(env, 'meseta', seen))
    }
    const ages = lines
      .map((line) => JSON.parse(line) as Line)
      .map((line) => Number(line.oldest_canary_age_secs))
    expect(Math.max(...ages.filter((age) => !Number.isNaN(age)))).toBeGreaterThan(50)
  })

  test('updates that nobody acknowledges are said, once a minute', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['t1'], { started: true })
    await agent.update('t1', 'TASK_RUNNING')
    const look = () => listMail(w.env, framework)
    const said = () => w.logged.filter((line) => line.startsWith('updates not acknowledged')).length
    await w.run(60_000)
    await look()
    expect(said()).toBe(0)
    await w.run(600_000)
    for (let looks = 0; looks < 5; looks++) await look()
    expect(said()).toBe(1)
    await w.run(61_000)
    await look()
    expect(said()).toBe(2)
    expect(w.logged.join('\n')).toContain('"updates":1')
  })
})
