// What the tour plays with: a real cluster, three machines, a scheduler that keeps six tasks running.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type LiveCluster, startLiveCluster } from '../test/live/cluster.ts'
import { KeeperHandle } from '../test/live/keeper-handle.ts'
import { type Machine, startMachines } from '../test/live/machines.ts'
import { identitiesOf, machineOf, type RealProcess, tasksOf } from '../test/live/really-running.ts'
import { until } from '../test/live/until.ts'

export const MACHINES = 3
export const TASKS = 6
/** Nothing here takes so long, even on a busy machine. */
const PATIENCE_MS = 60_000

export class World {
  readonly cluster: LiveCluster
  readonly machines: readonly Machine[]
  scheduler: KeeperHandle

  private constructor(cluster: LiveCluster, machines: readonly Machine[], scheduler: KeeperHandle) {
    this.cluster = cluster
    this.machines = machines
    this.scheduler = scheduler
  }

  /** Everything runs: control plane, machines, tasks. `onCluster` hears of what has to be taken away again. */
  static async start(onCluster: (cluster: Promise<LiveCluster>) => void): Promise<World> {
    const starting = startLiveCluster({ agents: 0, ports: MACHINES, profile: 'default' })
    onCluster(starting)
    const cluster = await starting
    mkdirSync(join(cluster.dataDir, 'traces'))
    const machines = await startMachines(cluster, MACHINES)
    const world = new World(cluster, machines, startScheduler(cluster))
    await world.untilKept(TASKS)
    return world
  }

  /** A scheduler with the memory of the one before, or the first one. */
  restartScheduler(): KeeperHandle {
    this.scheduler = startScheduler(this.cluster)
    return this.scheduler
  }

  machine(index: number): Machine {
    const machine = this.machines[index]
    if (machine === undefined) throw new Error(`there is no machine ${index}`)
    return machine
  }

  /** What really runs, by task. */
  running(): ReadonlyMap<string, readonly RealProcess[]> {
    return tasksOf(this.cluster.dataDir, this.cluster.dataDir)
  }

  /** The tasks whose processes are on a machine. */
  tasksOn(index: number): string[] {
    return [...this.running()]
      .filter(([, processes]) => processes.some((one) => machineOf(one, this.cluster.dataDir) === index))
      .map(([task]) => task)
  }

  /** Which processes these tasks are; the same text means the same processes. */
  identities(tasks: readonly string[]): string {
    const running = this.running()
    return tasks.map((task) => `${task}: ${identitiesOf(running, task)}`).join('\n')
  }

  /** So many tasks run, as the scheduler knows it and as it is. */
  async untilKept(tasks: number): Promise<void> {
    await until(
      `${tasks} tasks run, and the scheduler knows it`,
      async () => {
        const view = await this.scheduler.view()
        const running = this.running()
        return (
          view !== undefined &&
          view.kept.length === tasks &&
          view.kept.every(({ task, state }) => state === 'TASK_RUNNING' && running.has(task))
        )
      },
      PATIENCE_MS,
    )
  }

  /** When the first task of a slot that was empty ran, and when all these slots did; ms of `performance.now()`. */
  async untilReplaced(tasks: readonly string[], from: number): Promise<number> {
    const slots = tasks.map(slotOf)
    const ran = await Promise.all(
      slots.map((slot) =>
        this.scheduler.until(
          'update',
          ({ task, status }) =>
            slotOf(task) === slot && !tasks.includes(task) && status.state === 'TASK_RUNNING',
          { from, withinMs: PATIENCE_MS },
        ),
      ),
    )
    return Math.max(...ran.map(({ at }) => at))
  }

  /** What operators see of the agents. */
  async agents(): Promise<readonly AgentSeen[]> {
    const answer = await fetch(`${this.cluster.url}/slaves`)
    return ((await answer.json()) as { readonly slaves: readonly AgentSeen[] }).slaves
  }
}

export interface AgentSeen {
  readonly id: string
  readonly active: boolean
  readonly version: string
}

export function slotOf(task: string): string {
  return task.split('-')[1] ?? ''
}

function startScheduler({ url, dataDir }: LiveCluster): KeeperHandle {
  return new KeeperHandle({
    master: url,
    name: 'shop',
    stateFile: join(dataDir, 'scheduler.json'),
    tasks: TASKS,
    kinds: { mark: dataDir, traces: join(dataDir, 'traces'), kinds: 'simple' },
  })
}
