// kill -9 of the control plane in the middle of a hundred launches: every task accounted for, none run twice.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTask, TestFramework } from '../framework.ts'
import { startLiveCluster } from './cluster.ts'
import type { Check } from './run.ts'
import { until } from './until.ts'

const TASKS = 100

export async function controlPlaneRestart(check: Check): Promise<void> {
  const cluster = await startLiveCluster({ agents: 3, resources: 'cpus:16;mem:16384;disk:10240' })
  const traces = join(cluster.dataDir, 'traces')
  mkdirSync(traces)
  const ended = new Map<string, string>()
  const info = { checkpoint: true, failover_timeout: 600 }
  let framework: TestFramework | undefined
  try {
    framework = await TestFramework.subscribe(cluster.url, { info, capabilities: ['PARTITION_AWARE'] })
    const frameworkId = framework.id
    const launched = await launchUntilKilled(framework, traces, TASKS / 2, () => cluster.killControlPlane())
    check(
      launched.size < TASKS,
      `the control plane was killed after ${launched.size} of ${TASKS} launches were sent`,
    )
    collect(framework, ended)

    const started = performance.now()
    await cluster.startAgain()
    console.log(`         ready again after ${Math.round(performance.now() - started)} ms`)
    framework = await TestFramework.subscribe(cluster.url, {
      info: { ...info, id: { value: frameworkId } },
      capabilities: ['PARTITION_AWARE'],
    })
    check(framework.id === frameworkId, 'the framework is the same one')
    const again = framework
    const unknown = await reconcileAll(again, [...launched.keys()], ended)
    await launchRest(again, traces, [...unknown, ...names().filter((name) => !launched.has(name))])
    await until(
      'every task ended',
      () => {
        collect(again, ended)
        return names().every((name) => ended.get(name) === 'TASK_FINISHED')
      },
      120_000,
    )
    check(true, `every one of the ${TASKS} tasks is TASK_FINISHED`)
    const runs = readdirSync(traces).map(
      (file) => readFileSync(join(traces, file), 'utf8').trim().split('\n').length,
    )
    check(runs.length === TASKS && runs.every((lines) => lines === 1), 'each of them ran exactly once')
    await again.call({ type: 'TEARDOWN' })
  } finally {
    framework?.close()
    await cluster.stop()
  }
}

function names(): string[] {
  return Array.from({ length: TASKS }, (_, index) => `job-${index}`)
}

/** One ACCEPT per task, as fast as offers come; in the middle the control plane is killed. Gives the names sent. */
async function launchUntilKilled(
  framework: TestFramework,
  traces: string,
  killAfter: number,
  kill: () => Promise<void>,
): Promise<Map<string, true>> {
  const sent = new Map<string, true>()
  let dying: Promise<void> | undefined
  for (const name of names()) {
    const offer = await framework.offer(10_000).catch(() => undefined)
    if (offer === undefined) break
    sent.set(name, true)
    if (sent.size === killAfter) dying = new Promise((resolve) => setTimeout(resolve, 3)).then(kill)
    const answer = await framework
      .launch([offer], [commandTask(offer, name, job(traces, name))], 0)
      .catch(() => undefined)
    if (answer === undefined) break
  }
  await (dying ?? kill())
  return sent
}

function job(traces: string, name: string): string {
  return `echo run >> ${traces}/${name}; sleep 0.5`
}

/** Asks for every task that may exist; gives those the control plane never committed. */
async function reconcileAll(
  framework: TestFramework,
  asked: readonly string[],
  ended: Map<string, string>,
): Promise<string[]> {
  const open = asked.filter((name) => !ended.has(name))
  await framework.call({
    type: 'RECONCILE',
    reconcile: { tasks: open.map((name) => ({ task_id: { value: name } })) },
  })
  const unknown: string[] = []
  for (const name of open) {
    const status = await framework.update(name, undefined, 20_000)
    if (status.state === 'TASK_UNKNOWN') unknown.push(name)
  }
  return unknown
}

async function launchRest(framework: TestFramework, traces: string, rest: readonly string[]): Promise<void> {
  for (const name of rest) {
    const offer = await framework.offer(20_000)
    const answer = await framework.launch([offer], [commandTask(offer, name, job(traces, name))], 0)
    if (answer.status !== 202) throw new Error(`${name} was not accepted: ${answer.status} ${answer.text}`)
  }
}

function collect(framework: TestFramework, ended: Map<string, string>): void {
  for (const { update } of framework.events) {
    if (
      update !== undefined &&
      update.status.uuid !== undefined &&
      /FINISHED|FAILED|KILLED|LOST|GONE|ERROR|DROPPED/.test(update.status.state)
    ) {
      ended.set(update.status.task_id.value, update.status.state)
    }
  }
}
