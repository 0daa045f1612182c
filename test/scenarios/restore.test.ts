// A whole cluster whose table goes back to a backup while agents and their tasks live on (F73, H20, F61).
import { afterEach, expect, test } from 'vitest'
import { restore } from '../../functions/restore/restore.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { type RestorableTable, restorableTable } from '../functions/restore/table.ts'

let cluster: TestCluster | undefined
const frameworks: TestFramework[] = []
afterEach(async () => {
  for (const framework of frameworks.splice(0)) framework.close()
  await cluster?.stop()
  cluster = undefined
})

interface Place {
  readonly table: RestorableTable
  isAway: boolean
}

/** The functions of the table before are stopped in their tracks: whatever they are about fails. */
function restorable(place: { -readonly [K in keyof Place]: Place[K] }): (store: Store) => Store {
  return () =>
    new Proxy(place.table.store, {
      get(target, name, receiver) {
        if (!place.isAway) return Reflect.get(target, name, receiver)
        return () => Promise.reject(new StoreUnavailable('the table is being restored'))
      },
    })
}

async function subscribe(url: string, id?: string): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(url, {
    info: { checkpoint: true, failover_timeout: 600, ...(id === undefined ? {} : { id: { value: id } }) },
    capabilities: ['PARTITION_AWARE'],
  })
  frameworks.push(framework)
  return framework
}

/** What the framework knows of a task, from all it heard, and from asking. */
async function reconciled(framework: TestFramework, taskIds: readonly string[]) {
  const heard = framework.events.length
  const tasks = taskIds.map((value) => ({ task_id: { value } }))
  expect((await framework.call({ type: 'RECONCILE', reconcile: { tasks } })).status).toBe(202)
  for (const taskId of taskIds) {
    await expect
      .poll(
        () => framework.events.slice(heard).some(({ update }) => update?.status.task_id.value === taskId),
        {
          timeout: 10_000,
        },
      )
      .toBe(true)
  }
  const states = new Map<string, string | undefined>()
  for (const { update } of framework.events) {
    if (update !== undefined) states.set(update.status.task_id.value, update.status.state)
  }
  return Object.fromEntries(taskIds.map((taskId) => [taskId, states.get(taskId)]))
}

test('F73 H20 F61: launches, ends, a kill and a takeover later the backup is put back; all agree again', async () => {
  const table = restorableTable({ now: () => cluster?.clock.now() ?? Date.now(), after: () => () => {} })
  const place = { table, isAway: false }
  cluster = await startCluster({ agents: 2, store: 'memory', wrapStore: restorable(place) })
  const { clock, url, controlPlane } = cluster
  const first = await subscribe(url)
  const { id } = first
  const begin = await first.offerOf(1, 128)
  await first.launch(
    [begin],
    [
      commandTask(begin, 'stays', 'sleep 1000', { cpus: 0.1, mem: 32 }),
      commandTask(begin, 'dies', 'sleep 1000', { cpus: 0.1, mem: 32 }),
    ],
  )
  await first.update('stays', 'TASK_RUNNING')
  await first.update('dies', 'TASK_RUNNING')
  await clock.advance(3_000)
  const backup = table.history.length

  // Ten minutes go by: a takeover, a launch on each agent, a kill.
  const second = await subscribe(url, id)
  for (const taskId of ['new-1', 'new-2']) {
    const offer = await second.offerOf(1, 128)
    await second.launch([offer], [commandTask(offer, taskId, 'sleep 1000', { cpus: 0.1, mem: 32 })], 0)
    await second.update(taskId, 'TASK_RUNNING')
  }
  await second.call({ type: 'KILL', kill: { task_id: { value: 'dies' } } })
  await second.update('dies', 'TASK_KILLED')
  await clock.advance(600_000, { stepMs: 1_000 })

  place.isAway = true
  await clock.advance(3_000)
  await table.goBack(backup)
  expect((await fetch(`${url}/health`)).status).toBe(200)
  const restoring = restore({ ...controlPlane.env, store: table.store })
  await expect.poll(async () => (await table.store.get('tick', {}))?.closed).toBe(true)
  place.isAway = false
  const { doors } = await advancing(restoring)
  expect(doors).toBe('open')

  // Its stream ends; it comes back with its id, asks, and hears what is.
  await advancing(second.untilEnd(20_000))
  await clock.advance(3_000)
  const third = await advancing(subscribe(url, id))
  await clock.advance(20_000)
  await advancing(third.update('dies', 'TASK_GONE'))
  const known = await advancing(reconciled(third, ['stays', 'new-1', 'new-2']))
  expect(known).toEqual({
    stays: 'TASK_RUNNING',
    'new-1': 'TASK_RUNNING',
    'new-2': 'TASK_RUNNING',
  })
  // The cluster says the same, and nothing was started twice or ended.
  const { json } = await cluster.operator({ type: 'GET_TASKS' })
  const shown = json as { get_tasks: { tasks: { task_id: { value: string }; state: string }[] } }
  expect(shown.get_tasks.tasks.map((task) => [task.task_id.value, task.state]).sort()).toEqual([
    ['new-1', 'TASK_RUNNING'],
    ['new-2', 'TASK_RUNNING'],
    ['stays', 'TASK_RUNNING'],
  ])
  const offer = await third.offerOf(0.1, 32)
  await third.launch([offer], [commandTask(offer, 'after', 'true', { cpus: 0.1, mem: 32 })], 0)
  await third.update('after', 'TASK_FINISHED')
}, 120_000)

/** The clock goes on while something is waited for. */
async function advancing<T>(work: Promise<T>): Promise<T> {
  let isOver = false
  const ended = work.finally(() => {
    isOver = true
  })
  while (!isOver) await cluster?.clock.advance(250)
  return await ended
}
