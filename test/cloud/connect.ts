// A scheduler written for Mesos, behind the connector, does not know; deployments and restarts happen behind one stream.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTask, TestFramework } from '../framework.ts'
import { runForeignScheduler } from '../live/mesos-framework.ts'
import { timed } from './cloud.ts'
import type { Part } from './run.ts'

const WITHIN_MS = 120_000

export const connect: Part = async (cloud, connector, { check, say }) => {
  const foreign = await timed(() => runForeignScheduler(connector.url, check))
  say(`a scheduler written for Mesos lived from its subscription to its teardown in ${foreign.seconds} s`)

  const info = { checkpoint: true, failover_timeout: 600 }
  const framework = await TestFramework.subscribe(connector.url, { info })
  const launch = async (id: string, command: string) => {
    const offer = await framework.offerOf(0.1, 32, WITHIN_MS)
    await framework.launch([offer], [commandTask(offer, id, command)], 0)
  }
  await launch('stays', 'sleep 1000')
  await framework.update('stays', 'TASK_RUNNING', WITHIN_MS)

  const bundles = ['scheduler', 'agents', 'operator'].map((name) =>
    join(cloud.folder, 'dist', 'functions', name, 'index.mjs'),
  )
  const release = bundles.map((path) => readFileSync(path))
  // Another program by its bytes: another version of the function.
  await deployed('redeployed', 'a second deployment changed three functions', () => {
    for (const path of bundles) appendFileSync(path, '\n// the next release\n')
  })
  await deployed('rolled-back', 'the release before was deployed again', () => {
    for (const [index, path] of bundles.entries()) writeFileSync(path, release[index] ?? '')
  })

  const away = await cloud.restartEmulator()
  await launch('restarted', 'true')
  await framework.update('restarted', 'TASK_FINISHED', WITHIN_MS)
  check(!framework.ended, `the same across a restart of the emulator (away for ${away} s)`)
  const lost = framework.events.filter(({ update }) => update?.status.task_id.value === 'stays')
  check(
    lost.every(({ update }) => ['TASK_STARTING', 'TASK_RUNNING'].includes(update?.status.state ?? '')),
    'the task that ran before all this runs',
  )
  await framework.call({ type: 'TEARDOWN' })

  /** Deploys while a task runs, and launches another one afterwards. */
  async function deployed(taskId: string, what: string, change: () => void): Promise<void> {
    const before = await cloud.liveVersion('scheduler')
    change()
    const { seconds } = await timed(() => cloud.deploy())
    const after = await cloud.liveVersion('scheduler')
    check(before !== after, `${what} (${seconds} s; ${before} → ${after})`)
    await launch(taskId, 'true')
    await framework.update(taskId, 'TASK_FINISHED', WITHIN_MS)
    check(!framework.ended, 'tasks run on and are launched behind one stream across the deployment')
  }
}
