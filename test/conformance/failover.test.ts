// What time does to a session: heartbeats, and the failover timeout of a framework that is away (C35, C51–C53).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../protocol/clock.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { ENCODINGS, type SubscribeOptions, TestFramework } from '../framework.ts'
import { type Processes, processes } from './processes.ts'
import { moveUntil, teardown, until } from './waiting.ts'

/** `npm test -- --real-time` waits the ten minutes of C35; otherwise the clock is moved through them. */
const IS_REAL_TIME = process.env.MESETA_REAL_TIME !== undefined
const TEN_MINUTES = 10 * 60_000

let cluster: TestCluster
let machine: Processes
let frameworks: TestFramework[] = []
beforeAll(async () => {
  machine = processes()
  cluster = await startCluster()
})
afterAll(async () => {
  await cluster.stop()
  machine.removeFiles()
})
afterEach(async () => {
  await teardown(cluster, frameworks)
  frameworks = []
})

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

async function standing({ id }: TestFramework): Promise<'connected' | 'away' | 'removed'> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { frameworks: live } = (
    json as {
      get_frameworks: { frameworks: readonly { framework_info: { id: object }; connected: boolean }[] }
    }
  ).get_frameworks
  const found = live.find(
    ({ framework_info }) => 'value' in framework_info.id && framework_info.id.value === id,
  )
  if (found === undefined) return 'removed'
  return found.connected ? 'connected' : 'away'
}

async function leave(framework: TestFramework): Promise<void> {
  framework.close()
  await until(async () => (await standing(framework)) !== 'connected')
}

describe('heartbeats', () => {
  test(
    `C35 F56 HEARTBEAT repeats every 15 s for ten minutes${IS_REAL_TIME ? ' of real time' : ''}`,
    async () => {
      const streams = await Promise.all(ENCODINGS.map((encoding) => subscribe({ encoding })))
      for (const stream of streams) await stream.next(({ type }) => type === 'HEARTBEAT')
      const began = cluster.clock.now()
      const heard = streams.map(() => [began])
      const note = () => {
        for (const [index, { events }] of streams.entries()) {
          const beats = events.filter(({ type }) => type === 'HEARTBEAT').length
          while ((heard[index]?.length ?? 0) < beats) heard[index]?.push(cluster.clock.now())
        }
      }
      while (cluster.clock.now() - began < TEN_MINUTES) {
        if (IS_REAL_TIME) await sleep(systemClock, 500)
        else await cluster.clock.advance(1_000, { stepMs: 1_000, settleMs: 8 })
        note()
      }
      for (const times of heard) {
        expect(times.length).toBeGreaterThanOrEqual(TEN_MINUTES / 15_000)
        for (const [index, time] of times.slice(1).entries()) {
          const between = time - (times[index] ?? 0)
          expect(between).toBeGreaterThan(12_000)
          expect(between).toBeLessThan(18_000)
        }
      }
      for (const stream of streams) expect((await stream.call({ type: 'REVIVE' })).status).toBe(202)
    },
    IS_REAL_TIME ? TEN_MINUTES + 60_000 : 60_000,
  )
})

describe('failover timeout', () => {
  test.each(ENCODINGS)(
    'C51 F53 (%s) with 0, closing the stream removes the framework and kills its tasks',
    async (encoding) => {
      const framework = await subscribe({ encoding })
      const task = await machine.run(framework, `c51-${encoding.length}`)
      expect(task.isAlive()).toBe(true)
      framework.close()
      // At once: the clock is not moved.
      await until(async () => (await standing(framework)) === 'removed')
      await until(() => !task.isAlive())
      const info = { id: { value: framework.id } }
      const again = await TestFramework.open(cluster.url, { encoding, info })
      await again.untilEnd()
      expect(again.events).toEqual([{ type: 'ERROR', error: { message: 'Framework has been removed' } }])
    },
  )

  test.each(ENCODINGS)('C52 F47 (%s) with 60, coming back within it keeps the tasks', async (encoding) => {
    const info = { failover_timeout: 60 }
    const framework = await subscribe({ encoding, info })
    const task = await machine.run(framework, `c52-${encoding.length}`)
    await leave(framework)
    // Not to the last second: moving the clock takes real time as well.
    await cluster.clock.advance(45_000)
    expect(await standing(framework)).toBe('away')
    expect(task.isAlive()).toBe(true)

    const again = await subscribe({ encoding, info: { ...info, id: { value: framework.id } } })
    const taskId = { value: `c52-${encoding.length}` }
    await again.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: taskId }] } })
    expect(await again.update(taskId.value)).toMatchObject({ state: 'TASK_RUNNING' })

    // C53: the timer of the earlier time away does not fire.
    await cluster.clock.advance(30_000)
    expect(await standing(again)).toBe('connected')
    expect(task.isAlive()).toBe(true)
    expect((await again.call({ type: 'REVIVE' })).status).toBe(202)
  })

  test('C52 F48 not coming back removes the framework when the time is over', async () => {
    const framework = await subscribe({ info: { failover_timeout: 60 } })
    const task = await machine.run(framework, 'c52-over')
    await leave(framework)
    const awayAt = cluster.clock.now()
    await moveUntil(cluster, () => !task.isAlive(), { atMostMs: 70_000 })
    const lived = cluster.clock.now() - awayAt
    expect(lived).toBeGreaterThan(60_000 - 2_500)
    expect(lived).toBeLessThan(60_000 + 5_000)
    expect(await standing(framework)).toBe('removed')
    const info = { id: { value: framework.id }, failover_timeout: 60 }
    const late = await TestFramework.open(cluster.url, { info })
    await late.untilEnd()
    expect(late.events).toEqual([{ type: 'ERROR', error: { message: 'Framework has been removed' } }])
  })

  test('C53 F47 each time away has its own timer', async () => {
    const info = { failover_timeout: 60 }
    const first = await subscribe({ info })
    const task = await machine.run(first, 'c53')
    const again = () => subscribe({ info: { ...info, id: { value: first.id } } })
    await leave(first)
    await cluster.clock.advance(40_000)
    const second = await again()
    await cluster.clock.advance(5_000)
    await leave(second)
    // The first timer is over in at most 15 s, this one in 60.
    await cluster.clock.advance(40_000)
    expect(await standing(first)).toBe('away')
    expect(task.isAlive()).toBe(true)
    const third = await again()
    await cluster.clock.advance(30_000)
    expect(await standing(third)).toBe('connected')
    expect(task.isAlive()).toBe(true)
  })

  test('C53 nor does it after a takeover of a session that replaced it', async () => {
    const info = { failover_timeout: 10 }
    const first = await subscribe({ info })
    const task = await machine.run(first, 'c53-takeover')
    await leave(first)
    const again = () => subscribe({ info: { ...info, id: { value: first.id } } })
    const second = await again()
    const third = await again()
    await second.untilEnd()
    await cluster.clock.advance(20_000)
    expect(await standing(third)).toBe('connected')
    expect(task.isAlive()).toBe(true)
  })
})
