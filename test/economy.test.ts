// What a short task may cost: calls of the table and units written, counted over its whole life.
//
// Counted is what a task causes, however slow the machine is; what time causes (ticks, beats, leases, looks into a
// mailbox that wait for something) is left out of the calls. `npm run bench` prints the same figures in full.
import { expect, test } from 'vitest'
import { type Counted, counted } from '../store/counting.ts'
import { startCluster } from './cluster.ts'
import { commandTask, TestFramework } from './framework.ts'

const TASKS = 10
/** Offer, ACCEPT, three updates, three acknowledgements: measured 13 and 51 when the updates come together, 17 when each comes alone. */
const MAX_CALLS = 18
const MAX_WRITE_UNITS = 60
/** Asked for by the clock as well: their number says more about the machine than about the code. */
const TIMED =
  /tick|beats|called|^commit put lease|many lease|many ledger|query mail|gate, lease|query agents|query frameworks|load allocation/

test('a short task costs at most 18 calls of the table and 60 write units', async () => {
  let counting: Counted | undefined
  const cluster = await startCluster({
    agents: 1,
    store: 'memory',
    wrapStore: (store) => {
      counting = counted(store)
      return counting.store
    },
  })
  try {
    if (counting === undefined) throw new Error('the store was not wrapped')
    const framework = await TestFramework.subscribe(cluster.url, {
      info: { checkpoint: true },
      capabilities: ['PARTITION_AWARE'],
    })
    await run(framework, 'warm')
    counting.reset()
    for (let index = 0; index < TASKS; index++) await run(framework, `task-${index}`)
    const counts = Object.entries(counting.counts())
    const calls = counts.reduce((sum, [name, count]) => sum + (TIMED.test(name) ? 0 : count.calls), 0)
    const perTask = counts.map(([name, count]) => `${(count.calls / TASKS).toFixed(1)} ${name}`).join('\n')
    expect(calls / TASKS, perTask).toBeLessThanOrEqual(MAX_CALLS)
    expect(counting.total().writeUnits / TASKS, perTask).toBeLessThanOrEqual(MAX_WRITE_UNITS)
  } finally {
    await cluster.stop()
  }
})

async function run(framework: TestFramework, id: string): Promise<void> {
  const offer = await framework.offer(30_000)
  await framework.launch([offer], [commandTask(offer, id, 'true')], 0)
  await framework.update(id, 'TASK_FINISHED', 30_000)
}
