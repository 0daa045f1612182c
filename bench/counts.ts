// Store calls and write units of one beat, one call, one task life: counted in one process, not timed.
import { counted } from '../store/counting.ts'
import { startCluster } from '../test/cluster.ts'
import { commandTask, TestFramework } from '../test/framework.ts'
import type { Row } from './figures.ts'

const TASKS = 20

/** Runs short tasks one after the other and divides what the store was asked for. */
export async function measureCounts(): Promise<readonly Row[]> {
  let counting: ReturnType<typeof counted> | undefined
  const cluster = await startCluster({
    agents: 1,
    store: 'memory',
    wrapStore: (store) => {
      counting = counted(store)
      return counting.store
    },
  })
  if (counting === undefined) throw new Error('the store was not wrapped')
  const counter = counting
  try {
    const framework = await TestFramework.subscribe(cluster.url, {
      info: { checkpoint: true },
      capabilities: ['PARTITION_AWARE'],
    })
    await runTask(framework, 'warm')
    counter.reset()
    for (let index = 0; index < TASKS; index++) await runTask(framework, `counted-${index}`)
    const life = counter.total()
    const perTask = {
      writes: life.writeUnits / TASKS,
      reads: life.readUnits / TASKS,
      calls: life.calls / TASKS,
    }
    await framework.call({ type: 'SUPPRESS' })
    await cluster.clock.advance(5_000)
    counter.reset()
    await cluster.clock.advance(60_000)
    const minute = counter.counts()
    const beats = Object.entries(minute).filter(([name]) => name.includes('beats'))
    const beatWrites = beats.reduce((sum, [, count]) => sum + count.writeUnits, 0)
    const idle = counter.total()
    const beatsAMinute = 60_000 / cluster.controlPlane.env.settings.profile.beatMs
    return [
      {
        name: 'a short task, whole life (offer, ACCEPT, three updates, acknowledged)',
        unit: 'units',
        value: perTask.writes,
        wanted: '≤ 60 written',
      },
      { name: 'the same, read units', unit: 'units', value: perTask.reads },
      { name: 'the same, calls of the store', unit: 'calls', value: perTask.calls },
      {
        name: 'written per beat, one agent in its shard, canaries included',
        unit: 'units',
        value: beatWrites / beatsAMinute,
      },
      {
        name: 'an idle minute with one agent and one stream, written',
        unit: 'units',
        value: idle.writeUnits,
      },
      { name: 'the same, read', unit: 'units', value: idle.readUnits },
    ]
  } finally {
    await cluster.stop()
  }
}

async function runTask(framework: TestFramework, id: string): Promise<void> {
  const offer = await framework.offer()
  await framework.launch([offer], [commandTask(offer, id, 'true')], 0)
  await framework.update(id, 'TASK_FINISHED')
  // The acknowledgement is sent by the test framework; the offer that follows it is the next task's.
}
