// A framework behind the connector and a gateway in bad weather: its tasks end, and it is told as ever.
import { afterEach, expect, test } from 'vitest'
import { PASSED } from '../../connect/credentials.ts'
import { farEnd } from '../../connect/far-end.ts'
import { startFront } from '../../connect/front.ts'
import { startCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { badWeather } from './weather.ts'

const open: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const stop of open.splice(0).reverse()) await stop()
})

const TASKS = 8

/** Small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test.each([1, 2, 3])(
  'S7 every task ends, no offer comes twice, nothing stays in the mailbox (seed %i)',
  async (seed) => {
    const cluster = await startCluster({ store: 'memory', agents: 2 })
    open.push(() => cluster.stop())
    const weather = await badWeather(cluster.url, seeded(seed))
    open.push(weather.stop)
    const far = farEnd({
      url: weather.url,
      credentials: PASSED,
      clock: cluster.clock,
      random: seeded(seed + 100),
    })
    const front = await startFront({
      farEnd: far,
      clock: cluster.clock,
      random: seeded(seed + 200),
      log: () => {},
      host: '127.0.0.1',
      port: 0,
    })
    open.push(async () => {
      await front.stop()
      far.close()
    })
    // Pauses between tries pass quickly; beats and leases go with them.
    let isOver = false
    const moving = (async () => {
      while (!isOver) await cluster.clock.advance(100, { stepMs: 50, settleMs: 10 })
    })()
    open.push(async () => {
      isOver = true
      await moving
    })

    const url = `http://127.0.0.1:${front.port}`
    const framework = await subscribed(url)
    open.push(() => framework.close())
    for (let index = 0; index < TASKS; index++) {
      const offer = await framework.offerOf(0.1, 32, 20_000)
      const answer = await framework.launch([offer], [commandTask(offer, `t${index}`, 'true')], 0)
      expect(answer.status).toBe(202)
      await framework.update(`t${index}`, 'TASK_FINISHED', 20_000)
    }
    weather.clearUp()
    const said = framework.events.flatMap(({ offers }) => offers?.offers?.map(({ id }) => id.value) ?? [])
    expect(said).toEqual([...new Set(said)])
    const bad = Object.entries(weather.counts).filter(([fate, count]) => fate !== 'passed' && count > 0)
    expect(bad.length).toBeGreaterThanOrEqual(3)
    expect(framework.ended).toBe(false)

    const mail = async () =>
      (await cluster.store.query('mail', { frameworkId: framework.id, shard: 0 })).found
    for (let looks = 0; (await mail()).length > 0; looks++) {
      if (looks > 200) expect((await mail()).map(({ item }) => item.key)).toEqual([])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  },
  90_000,
)

/** A framework tries again when its SUBSCRIBE is turned away. */
async function subscribed(url: string): Promise<TestFramework> {
  for (let tries = 0; ; tries++) {
    const framework = await TestFramework.open(url, { info: { failover_timeout: 3_600 } })
    if (framework.status === 200) {
      const event = await framework.next(({ type }) => type === 'SUBSCRIBED')
      framework.id = event.subscribed?.framework_id.value ?? ''
      return framework
    }
    framework.close()
    if (tries > 20) throw new Error('never subscribed')
  }
}
