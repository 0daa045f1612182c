// How conformance tests wait: for something to become true, for time to pass on the cluster's clock, for silence.
import type { SchedulerEvent, TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import type { TestCluster } from '../cluster.ts'
import { commandTask, type TestFramework } from '../framework.ts'

/** Waits, in real time, until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it did not become true within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Lets a little real time pass, in which something shall not happen. */
export function aMoment(ms = 250): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Moves the clock ahead until it holds. Returns how far it went, cluster milliseconds; throws beyond `atMostMs`. */
export async function moveUntil(
  { clock }: TestCluster,
  holds: () => boolean,
  { atMostMs, stepMs = 250 }: { readonly atMostMs: number; readonly stepMs?: number },
): Promise<number> {
  const began = clock.now()
  while (!holds()) {
    if (clock.now() - began > atMostMs) throw new Error(`it did not become true within ${atMostMs} ms`)
    await clock.advance(stepMs, { stepMs, settleMs: 8 })
  }
  return clock.now() - began
}

/** How many events of the framework match. */
export function count(framework: TestFramework, matches: (event: SchedulerEvent) => boolean): number {
  return framework.events.filter(matches).length
}

export function isOffer(event: SchedulerEvent): boolean {
  return event.type === 'OFFERS'
}

export function isRescind(event: SchedulerEvent): boolean {
  return event.type === 'RESCIND'
}

/** Everything a framework was told about a task, in order. */
export function statuses({ events }: Pick<TestFramework, 'events'>, taskId: string): readonly TaskStatus[] {
  return events
    .map((event) => event.update?.status)
    .filter((status) => status !== undefined)
    .filter((status) => status.task_id.value === taskId)
}

/** Runs a command on the next offer and waits until it is running. */
export async function runTask(
  framework: TestFramework,
  taskId: string,
  {
    command = 'sleep 1000',
    cpus = 0.1,
    refuseSeconds = 3_600,
  }: { readonly command?: string; readonly cpus?: number; readonly refuseSeconds?: number } = {},
): Promise<{ readonly task: TaskInfo; readonly status: TaskStatus }> {
  const offer = await framework.offerOf(cpus, 32)
  const task = commandTask(offer, taskId, command, { cpus })
  await framework.launch([offer], [task], refuseSeconds)
  return { task, status: await framework.update(taskId, 'TASK_RUNNING') }
}

/** Ends the frameworks and waits until every agent is free again for the next test. */
export async function teardown(cluster: TestCluster, frameworks: readonly TestFramework[]): Promise<void> {
  await Promise.all(
    frameworks.map(async (framework) => {
      if (framework.ended) return
      await framework.call({ type: 'TEARDOWN' })
      await framework.untilEnd()
    }),
  )
  await until(async () => {
    const { json } = await cluster.operator({ type: 'GET_AGENTS' })
    const { agents = [] } = (json as { get_agents: { agents?: readonly { allocated_resources?: [] }[] } })
      .get_agents
    return agents.every(({ allocated_resources }) => (allocated_resources ?? []).length === 0)
  })
}
