// One cluster with several workers, for the tests of what is owed because no process stays.
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { SchedulerCall } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { type Answer, type SubscribeOptions, TestFramework } from '../framework.ts'
import { encoded, post } from './bytes.ts'
import { type Processes, processes } from './processes.ts'
import { teardown } from './waiting.ts'
import { startWorker, type Worker } from './workers.ts'

/** What a framework has to come back in when we ended its stream, before its failover timeout begins. */
export const GRACE_MS = 10_000

export let cluster: TestCluster
export let machine: Processes
export let frameworks: TestFramework[] = []
let workers: Worker[] = []

/** Begins a cluster for the tests of a file, and ends what each of them began. */
export function onOneCluster(): void {
  beforeAll(async () => {
    machine = processes()
    cluster = await startCluster()
  })
  afterAll(async () => {
    await cluster.stop()
    machine.removeFiles()
  })
  afterEach(async () => {
    await teardown(cluster, frameworks)
    await Promise.all(workers.map((worker) => worker.stop()))
    frameworks = []
    workers = []
  })
}

export async function worker(options?: Parameters<typeof startWorker>[1]): Promise<Worker> {
  const started = await startWorker(cluster, options)
  workers.push(started)
  return started
}

export async function subscribe(
  at: Pick<Worker, 'url'>,
  options: SubscribeOptions = {},
): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(at.url, options)
  frameworks.push(framework)
  return framework
}

export function comeBack(
  at: Pick<Worker, 'url'>,
  { id }: TestFramework,
  { info, ...options }: SubscribeOptions = {},
): Promise<TestFramework> {
  return subscribe(at, { ...options, info: { id: { value: id }, failover_timeout: 60, ...info } })
}

/** A call of the session, answered by any worker. */
export function callAt(
  at: Pick<Worker, 'url'>,
  framework: TestFramework,
  call: Omit<SchedulerCall, 'framework_id'>,
): Promise<Answer> {
  return post(at, bytesOf(framework, call), {
    'content-type': framework.encoding,
    'mesos-stream-id': framework.streamId,
  })
}

export function bytesOf(framework: TestFramework, call: Omit<SchedulerCall, 'framework_id'>): Buffer {
  return encoded({ ...call, framework_id: { value: framework.id } }, framework.encoding)
}

export async function standing({ id }: TestFramework): Promise<'connected' | 'away' | 'removed'> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { frameworks: live } = (
    json as {
      get_frameworks: {
        frameworks: readonly { framework_info: { id: { value: string } }; connected: boolean }[]
      }
    }
  ).get_frameworks
  const found = live.find(({ framework_info }) => framework_info.id.value === id)
  if (found === undefined) return 'removed'
  return found.connected ? 'connected' : 'away'
}

/** cpus of the only agent: all, in use, offered. */
export async function cpus(): Promise<{ total: number; used: number; offered: number }> {
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  type Amounts = readonly { name: string; scalar?: { value: number } }[]
  const [agent] = (
    json as {
      get_agents: {
        agents: readonly {
          total_resources: Amounts
          allocated_resources: Amounts
          offered_resources: Amounts
        }[]
      }
    }
  ).get_agents.agents
  const sum = (resources: Amounts = []) =>
    resources.reduce((all, { name, scalar }) => all + (name === 'cpus' ? (scalar?.value ?? 0) : 0), 0)
  return {
    total: sum(agent?.total_resources),
    used: sum(agent?.allocated_resources),
    offered: sum(agent?.offered_resources),
  }
}
