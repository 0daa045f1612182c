// The table is away for five minutes under a whole cluster that works: things are late, and that is all (F66, F67).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
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
