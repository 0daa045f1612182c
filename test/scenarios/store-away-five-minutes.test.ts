// The table is away for five minutes under a whole cluster that works: things are late, and that is all (F66, F67).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { type Stage, stage } from './stage.ts'

const AWAY_MS = 5 * 60_000

let cluster: TestCluster | undefined
const frameworks: TestFramework[] = []
afterEach(async () => {
  for (const framework of frameworks.splice(0)) framework.close()
  await cluster?.stop()
  cluster = undefined
})

interface Table {
  isAway: boolean
  asked: number
}

/** Every call of the table is refused while it is away. */
function goingAway(table: Table): (store: Store) => Store {
  return (store) =>
    new Proxy(store, {
      get(target, name, receiver) {
        if (!table.isAway) return Reflect.get(target, name, receiver)
        return () => {
          table.asked++
          return Promise.reject(new StoreUnavailable('the table is away'))
        }
      },
    })
}

async function subscribe(url: string): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(url, {
    info: { checkpoint: true, failover_timeout: 60 },
    capabilities: ['PARTITION_AWARE'],
  })
  frameworks.push(framework)
  return framework
}

test('store-away-five-minutes, F66 F67: no task dies, nobody is marked, no session ends, what happened is told', async () => {
  const table: Table = { isAway: false, asked: 0 }
  cluster = await startCluster({ agents: 2, store: 'memory', wrapStore: goingAway(table) })
  const { clock, url, agents } = cluster
  const framework = await subscribe(url)
  const offer = await framework.offerOf(1, 128)
  const flag = join(agents[0]?.workDir ?? '', 'flag')
  await framework.launch(
    [offer],
    [
      commandTask(offer, 'stays', 'sleep 1000'),
      commandTask(offer, 'ends', `while [ ! -e ${flag} ]; do sleep 0.05; done`),
    ],
  )
  await framework.update('stays', 'TASK_RUNNING')
  await framework.update('ends', 'TASK_RUNNING')
  await clock.advance(6_000)
  const heardBefore = framework.events.length

  table.isAway = true
  await clock.advance(AWAY_MS / 2, { stepMs: 500 })
  writeFileSync(flag, '')
  await clock.advance(AWAY_MS / 2, { stepMs: 500 })
  expect(table.asked).toBeGreaterThan(100)
  expect((await framework.call({ type: 'REVIVE' })).status).toBe(503)
  expect(new Set(framework.events.slice(heardBefore).map(({ type }) => type))).toEqual(new Set(['HEARTBEAT']))

  table.isAway = false
  for (let second = 0; second < 40; second++) await clock.advance(1_000)
  await framework.update('ends', 'TASK_FINISHED')
  const after = framework.events.slice(heardBefore)
  expect(after.filter(({ type }) => type === 'FAILURE' || type === 'ERROR')).toEqual([])
  expect(after.flatMap(({ update }) => update?.status.state ?? [])).toEqual(['TASK_FINISHED'])
  expect(framework.ended).toBe(false)
  expect((await framework.call({ type: 'REVIVE' })).status).toBe(202)
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  expect(json).toMatchObject({ get_agents: { agents: [{ active: true }, { active: true }] } })
  const states = await cluster.operator({ type: 'GET_TASKS' })
  expect(states.json).toMatchObject({ get_tasks: { tasks: [{ name: 'stays', state: 'TASK_RUNNING' }] } })
})

test('store-away-five-minutes, H17: an agent that died meanwhile is given up after it, the other is not', async () => {
  const table: Table = { isAway: false, asked: 0 }
  cluster = await startCluster({ agents: 2, store: 'memory', wrapStore: goingAway(table) })
  const { clock, url, agents } = cluster
  const framework = await subscribe(url)
  await clock.advance(6_000)
  table.isAway = true
  await clock.advance(AWAY_MS / 2, { stepMs: 500 })
  agents[1]?.cut()
  await clock.advance(AWAY_MS / 2, { stepMs: 500 })
  table.isAway = false
  // Not before a whole timeout of unbroken hearing, and soon after it.
  await clock.advance(8_000)
  expect(framework.events.filter(({ type }) => type === 'FAILURE')).toEqual([])
  await clock.advance(8_000)
  const { failure } = await framework.next(({ type }) => type === 'FAILURE')
  expect(failure?.agent_id?.value).toBe(agents[1]?.id)
  expect(framework.events.filter(({ type }) => type === 'FAILURE')).toHaveLength(1)
})

/** What is sent and read is refused; what is being waited for goes on waiting. */
function queuesGoingAway(queues: Table): (source: MessageSource) => MessageSource {
  return (source) =>
    new Proxy(source, {
      get(target, name, receiver) {
        const value = Reflect.get(target, name, receiver)
        if (!queues.isAway || typeof value !== 'function' || SAID_WITHOUT_ASKING.has(String(name)))
          return value
        return () => {
          queues.asked++
          return Promise.reject(new Error('the queues are away'))
        }
      },
    })
}

const SAID_WITHOUT_ASKING = new Set(['beatsQueueUrl', 'endpoint'])

/** A scheduler tries again until it is heard. */
async function insistently(work: () => Promise<{ readonly status: number }>, clock: TestCluster['clock']) {
  for (let tries = 0; tries < 60; tries++) {
    if ((await work()).status === 202) return
    await clock.advance(1_000)
  }
  throw new Error('nobody answered')
}

test.each([
  ['the queues', { table: false, queues: true }],
  ['table and queues', { table: true, queues: true }],
])(
  'F67 H18: %s away for five minutes, with work going on: late, and nothing lost',
  async (_, gone) => {
    const table: Table = { isAway: false, asked: 0 }
    const queues: Table = { isAway: false, asked: 0 }
    cluster = await startCluster({
      agents: 2,
      store: 'memory',
      wrapStore: goingAway(table),
      wrapQueues: queuesGoingAway(queues),
    })
    const { clock, url, agents } = cluster
    const framework = await subscribe(url)
    const first = await framework.offerOf(1, 128)
    const flag = join(agents[0]?.workDir ?? '', 'flag')
    await framework.launch(
      [first],
      [
        commandTask(first, 'stays', 'sleep 1000'),
        commandTask(first, 'ends', `while [ ! -e ${flag} ]; do sleep 0.05; done`),
        commandTask(first, 'killed', 'sleep 1000'),
      ],
      0,
    )
    for (const taskId of ['stays', 'ends', 'killed']) await framework.update(taskId, 'TASK_RUNNING')
    await clock.advance(6_000)
    const heardBefore = framework.events.length
    const second = await framework.offerOf(1, 128)

    table.isAway = gone.table
    queues.isAway = gone.queues
    await clock.advance(60_000, { stepMs: 500 })
    writeFileSync(flag, '')
    const kill = () => framework.call({ type: 'KILL', kill: { task_id: { value: 'killed' } } })
    const launch = () => framework.launch([second], [commandTask(second, 'launched', 'sleep 1000')], 0)
    // With the table there, calls are taken though nobody can be told.
    expect((await kill()).status).toBe(gone.table ? 503 : 202)
    expect((await launch()).status).toBe(gone.table ? 503 : 202)
    await clock.advance(AWAY_MS - 60_000, { stepMs: 500 })
    expect(queues.asked).toBeGreaterThan(50)

    table.isAway = false
    queues.isAway = false
    await clock.advance(2_000)
    if (gone.table) {
      await insistently(kill, clock)
      await insistently(launch, clock)
    }
    for (let second = 0; second < 40; second++) await clock.advance(1_000)
    await framework.update('ends', 'TASK_FINISHED')
    await framework.update('killed', 'TASK_KILLED')
    const after = framework.events.slice(heardBefore)
    expect(after.filter(({ type }) => type === 'FAILURE' || type === 'ERROR')).toEqual([])
    expect(framework.ended).toBe(false)
    // An offer may have expired meanwhile: then the ACCEPT is answered so, and nothing runs.
    const last = await framework.update('launched')
    expect(['TASK_STARTING', 'TASK_RUNNING', 'TASK_DROPPED']).toContain(last.state)
    const { json } = await cluster.operator({ type: 'GET_AGENTS' })
    expect(json).toMatchObject({ get_agents: { agents: [{ active: true }, { active: true }] } })
  },
  90_000,
)

async function sessionOf({ w, framework }: Stage): Promise<string | undefined> {
  return (await w.store.get('framework', framework))?.state
}

/** As a reader that looks at the clock `at`: ten seconds from then. */
async function renew({ w, framework }: Stage, at: number): Promise<void> {
  const lease = await w.store.get('lease', framework)
  if (lease === undefined) throw new Error('no lease')
  const item = { ...lease, number: lease.number + 1, renewedAt: at, expiresAt: at + 10_000 }
  await w.store.commit([{ do: 'put', kind: 'lease', item, when: { name: 'unchanged' } }], w.env.ids.uuid())
}

test('store-away-five-minutes: a reader that renewed in the time of before has its next renewal to say so', async () => {
  const on = await stage()
  await on.w.run(5_000)
  const before = on.w.clock.now()
  await renew(on, before)
  on.w.clock.move(AWAY_MS)
  // The table is back, its first tick is not written yet: cluster time still stands where it stood.
  await renew(on, before + 2_000)
  await on.w.run(3_000)
  expect(await sessionOf(on)).toBe('connected')
  await renew(on, on.w.clock.now())
  await on.w.run(10_000)
  expect(await sessionOf(on)).toBe('connected')
  // Who does not renew any more has lapsed as ever.
  await on.w.run(3_000)
  expect(await sessionOf(on)).toBe('disconnected')
})
