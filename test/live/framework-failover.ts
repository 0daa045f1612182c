// Schedulers that die, take over and stay away, while the control plane is killed under them (F47–F51, F53).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTask, TestFramework } from '../framework.ts'
import { type LiveCluster, startLiveCluster } from './cluster.ts'
import type { Check } from './run.ts'
import { until } from './until.ts'

const AWAY_S = 15

export async function frameworkFailover(check: Check): Promise<void> {
  const cluster = await startLiveCluster({ agents: 1 })
  try {
    const first = await subscribed(cluster, { failover_timeout: AWAY_S })
    const pid = await runs(cluster, first, 'sleeper')
    const info = { failover_timeout: AWAY_S, id: { value: first.id } }

    // It dies, the control plane dies, both come back.
    first.close()
    await cluster.killControlPlane()
    await cluster.startAgain()
    const second = await subscribed(cluster, info)
    check(second.id === first.id, 'both were killed; the scheduler is back with its id')
    await second.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'sleeper' } }] } })
    const status = await second.update('sleeper', undefined, 20_000)
    check(status.state === 'TASK_RUNNING' && isAlive(pid), 'its task runs, with the pid it had')

    const third = await subscribed(cluster, info)
    const { error } = await second.next(({ type }) => type === 'ERROR', 10_000)
    check(error?.message === 'Framework failed over', 'another one takes over, the one before hears of it')
    check((await second.call({ type: 'TEARDOWN' })).status === 400 && isAlive(pid), 'and may do nothing')

    // It does not come back, and the control plane is killed while its time runs.
    third.close()
    const away = performance.now()
    await cluster.killControlPlane()
    await cluster.startAgain()
    await until('the task is ended', () => !isAlive(pid), 120_000)
    const seconds = (performance.now() - away) / 1_000
    check(
      seconds >= AWAY_S - 1,
      `its task is ended after ${seconds.toFixed(1)} s away, not before ${AWAY_S} s`,
    )
    check((await refusal(cluster, info)) === REMOVED, 'its id is refused')
    await cluster.killControlPlane()
    await cluster.startAgain()
    check((await refusal(cluster, info)) === REMOVED, 'also by a control plane that was killed since')

    // Without any failover timeout: what we ended ourselves kills nothing.
    const hasty = await subscribed(cluster, { failover_timeout: 0 })
    const other = await runs(cluster, hasty, 'hasty')
    await cluster.killControlPlane()
    await cluster.startAgain()
    const back = await subscribed(cluster, { failover_timeout: 0, id: { value: hasty.id } })
    check(isAlive(other), 'with failover_timeout 0 a task outlives the control plane')
    back.close()
    await until('its task is ended', () => !isAlive(other), 30_000)
    check(true, 'and ends when its scheduler closes the stream')
  } finally {
    await cluster.stop()
  }
}

const REMOVED = 'Framework has been removed'

async function subscribed(
  { url }: LiveCluster,
  info: { readonly failover_timeout: number; readonly id?: { readonly value: string } },
): Promise<TestFramework> {
  return await TestFramework.subscribe(url, {
    info: { checkpoint: true, ...info },
    capabilities: ['PARTITION_AWARE'],
  })
}

async function refusal({ url }: LiveCluster, info: { readonly id: { readonly value: string } }) {
  const refused = await TestFramework.open(url, { info: { checkpoint: true, ...info } })
  const { error } = await refused.next(({ type }) => type === 'ERROR' || type === 'SUBSCRIBED')
  refused.close()
  return error?.message
}

/** Launches a task that sleeps; the pid it has. */
async function runs({ dataDir }: LiveCluster, framework: TestFramework, name: string): Promise<number> {
  const file = join(dataDir, `${name}.pid`)
  const offer = await framework.offerOf(0.1, 32)
  await framework.launch([offer], [commandTask(offer, name, `echo $$ > ${file}; exec sleep 600`)])
  await framework.update(name, 'TASK_RUNNING', 30_000)
  await until(
    'its pid is written',
    () => existsSync(file) && readFileSync(file, 'utf8').trim() !== '',
    10_000,
  )
  return Number(readFileSync(file, 'utf8'))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
