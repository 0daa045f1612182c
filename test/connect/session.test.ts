// A framework behind the connector, on a whole cluster in one process: it must not notice what happens behind it.
import { afterEach, describe, expect, test } from 'vitest'
import type { Framework } from '../../master/model.ts'
import type { SchedulerEvent } from '../../protocol/messages.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { type ClusterOptions, startCluster, type TestCluster } from '../cluster.ts'
import { commandTask, ENCODINGS, TestFramework } from '../framework.ts'
import { type Connector, startConnector } from './connector.ts'

const open: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

interface World {
  readonly cluster: TestCluster
  readonly connector: Connector
}

async function world(options: ClusterOptions = {}): Promise<World> {
  const cluster = await startCluster({ store: 'memory', ...options })
  open.push(cluster)
  const connector = await connectorTo(cluster)
  return { cluster, connector }
}

async function connectorTo(cluster: TestCluster, port = 0): Promise<Connector> {
  const connector = await startConnector({ url: () => cluster.url, clock: cluster.clock, port })
  open.push(connector)
  return connector
}

const LASTING = { failover_timeout: 3_600 }

async function stateOf({ cluster }: World, { id }: TestFramework): Promise<Framework['state'] | undefined> {
  return (await cluster.store.get('framework', { frameworkId: id }))?.state
}

async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  for (const overAt = performance.now() + withinMs; !(await holds()); ) {
    if (performance.now() > overAt) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Runs a task to its end through the stream. */
async function runTask(framework: TestFramework, id: string): Promise<void> {
  const offer = await framework.offerOf(0.1, 32)
  expect((await framework.launch([offer], [commandTask(offer, id, 'true')], 0)).status).toBe(202)
  await framework.update(id, 'TASK_FINISHED')
}

function offersSaid(events: readonly SchedulerEvent[]): string[] {
  return events.flatMap(({ offers }) => offers?.offers?.map(({ id }) => id.value) ?? [])
}

describe('the stream', () => {
  test.each(ENCODINGS)('C33 C34 subscribes, launches and hears of the end in %s', async (encoding) => {
    const { connector } = await world()
    const framework = await TestFramework.subscribe(connector.url, { encoding })
    expect(framework.status).toBe(200)
    await runTask(framework, 't')
    expect(framework.events.slice(0, 2).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
    // C11: each chunk is a record.
    for (const chunk of framework.chunks) expect(String(chunk)).toMatch(/^\d+\n/)
    expect(framework.chunks).toHaveLength(framework.events.length)
    framework.close()
  })

  test('C35 beats every 15 s by itself, for minutes, on one stream', async () => {
    const { cluster, connector } = await world({ agents: 0 })
    const framework = await TestFramework.subscribe(connector.url)
    await cluster.clock.advance(180_000)
    const beats = framework.events.filter(({ type }) => type === 'HEARTBEAT')
    expect(beats.length).toBeGreaterThanOrEqual(12)
    expect(beats.length).toBeLessThanOrEqual(14)
    expect(framework.ended).toBe(false)
    expect(connector.lines).toEqual([])
    // A poll lasts 20 s when nothing comes.
    expect(connector.polls()).toBeLessThan(20)
  })

  test('C40 a refused subscription is one ERROR and the end', async () => {
    const { connector } = await world({ agents: 0 })
    const framework = await TestFramework.open(connector.url, { info: { user: '', role: '../x' } })
    expect((await framework.next(() => true)).type).toBe('ERROR')
    await framework.untilEnd()
  })

  test('C43 a takeover ends the older stream with its words', async () => {
    const { connector } = await world({ agents: 0 })
    const first = await TestFramework.subscribe(connector.url, { info: LASTING })
    const second = await TestFramework.subscribe(connector.url, {
      info: { ...LASTING, id: { value: first.id } },
    })
    await first.untilEnd()
    expect(first.events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } })
    expect(second.ended).toBe(false)
  })

  test('C43 a takeover past the connector ends its stream as well', async () => {
    const { cluster, connector } = await world({ agents: 0 })
    const first = await TestFramework.subscribe(connector.url, { info: LASTING })
    const second = await TestFramework.subscribe(cluster.url, {
      info: { ...LASTING, id: { value: first.id } },
    })
    await first.untilEnd()
    expect(first.events.at(-1)?.error?.message).toBe('Framework failed over')
    second.close()
  })

  test('C106 teardown ends the stream', async () => {
    const { connector } = await world({ agents: 0 })
    const framework = await TestFramework.subscribe(connector.url)
    expect((await framework.call({ type: 'TEARDOWN' })).status).toBe(202)
    await framework.untilEnd()
  })

  test('C51 a framework that closes its stream is gone at once', async () => {
    const there = await world({ agents: 0 })
    const framework = await TestFramework.subscribe(there.connector.url)
    framework.close()
    await until('removed', async () => (await stateOf(there, framework)) === 'removed')
  })
})

describe('answers that get lost', () => {
  test('S7 four polls in a row: every event comes, every offer once', async () => {
    const { connector } = await world({ agents: 2 })
    const framework = await TestFramework.subscribe(connector.url)
    for (const id of ['a', 'b', 'c']) {
      connector.loseAnswers(4)
      await runTask(framework, id)
    }
    const said = offersSaid(framework.events)
    expect(said).toEqual([...new Set(said)])
    const finished = framework.events.filter(({ update }) => update?.status.state === 'TASK_FINISHED')
    expect(finished).toHaveLength(3)
    framework.close()
  })

  test('S7 an offer that is withdrawn while its answer is lost is never heard of', async () => {
    const { cluster, connector } = await world({ settings: { offerTimeoutMs: 5_000 } })
    // The offers of the first seconds get lost on their way, and time out meanwhile.
    const framework = await TestFramework.subscribe(connector.url)
    connector.loseAnswers(Number.POSITIVE_INFINITY)
    await cluster.clock.advance(7_000)
    connector.loseAnswers(0)
    await framework.offer()
    const rescinded = framework.events.flatMap(({ rescind }) => rescind?.offer_id.value ?? [])
    const said = offersSaid(framework.events)
    for (const id of rescinded) expect(said).toContain(id)
    framework.close()
  })
})

describe('the line to the cluster', () => {
  test('is cut for 25 s: the stream beats on, the session stands, and mail comes after', async () => {
    const there = await world()
    const { cluster, connector } = there
    const framework = await TestFramework.subscribe(connector.url, { info: LASTING })
    await runTask(framework, 'a')
    connector.cut(true)
    await cluster.clock.advance(25_000)
    connector.cut(false)
    await cluster.clock.advance(3_000)
    expect(await stateOf(there, framework)).toBe('connected')
    await runTask(framework, 'b')
    expect(connector.lines.filter((line) => /answers again/.test(line))).toHaveLength(1)
    expect(connector.lines.length).toBeLessThanOrEqual(3)
    framework.close()
  })

  test('R10 is cut for a minute: the session is over, and its stream ends when that is heard', async () => {
    const there = await world()
    const { cluster, connector } = there
    const framework = await TestFramework.subscribe(connector.url, { info: LASTING })
    connector.cut(true)
    await cluster.clock.advance(60_000)
    expect(await stateOf(there, framework)).toBe('disconnected')
    expect(framework.ended).toBe(false)
    connector.cut(false)
    await cluster.clock.advance(3_000)
    await framework.untilEnd()
    const again = await TestFramework.subscribe(connector.url, {
      info: { ...LASTING, id: { value: framework.id } },
    })
    await runTask(again, 'b')
    again.close()
  })

  test('is cut for good: after ten minutes the framework does not believe in its session any more', async () => {
    const { cluster, connector } = await world({ agents: 0 })
    const framework = await TestFramework.subscribe(connector.url, { info: LASTING })
    connector.cut(true)
    await cluster.clock.advance(560_000, { stepMs: 2_000 })
    expect(framework.ended).toBe(false)
    await cluster.clock.advance(60_000, { stepMs: 2_000 })
    await framework.untilEnd()
  })
})

describe('deaths', () => {
  test('the connector dies: what was not confirmed comes to the next one', async () => {
    const there = await world()
    const { cluster, connector } = there
    const first = await TestFramework.subscribe(connector.url, { info: LASTING, acknowledge: false })
    const offer = await first.offerOf(0.1, 32)
    await first.launch([offer], [commandTask(offer, 't', 'sleep 1000')])
    await first.update('t')
    await connector.kill()
    await first.untilEnd()

    const next = await connectorTo(cluster, connector.port)
    const again = await TestFramework.subscribe(next.url, { info: { ...LASTING, id: { value: first.id } } })
    await again.update('t', 'TASK_RUNNING')
    expect((await again.call({ type: 'KILL', kill: { task_id: { value: 't' } } })).status).toBe(202)
    await again.update('t', 'TASK_KILLED')
    again.close()
  })

  test('R10 the connector dies and nobody comes: the session lapses within a minute', async () => {
    const there = await world({ agents: 0 })
    const framework = await TestFramework.subscribe(there.connector.url, { info: LASTING })
    await there.connector.kill()
    await there.cluster.clock.advance(20_000)
    expect(await stateOf(there, framework)).toBe('connected')
    await there.cluster.clock.advance(35_000)
    expect(await stateOf(there, framework)).toBe('disconnected')
  })

  test('H18: the table is away for a minute, the stream beats on, mail comes after', async () => {
    let isAway = false
    const wrapStore = (store: Store): Store =>
      new Proxy(store, {
        get(target, name, receiver) {
          if (isAway) return () => Promise.reject(new StoreUnavailable('the table is away'))
          return Reflect.get(target, name, receiver)
        },
      })
    const there = await world({ wrapStore })
    const framework = await TestFramework.subscribe(there.connector.url, { info: LASTING })
    await runTask(framework, 'a')
    const beats = () => framework.events.filter(({ type }) => type === 'HEARTBEAT').length
    const before = beats()
    isAway = true
    await there.cluster.clock.advance(60_000)
    expect(beats()).toBeGreaterThanOrEqual(before + 3)
    isAway = false
    await there.cluster.clock.advance(10_000)
    expect(framework.ended).toBe(false)
    expect(await stateOf(there, framework)).toBe('connected')
    await runTask(framework, 'b')
    framework.close()
  })
})
