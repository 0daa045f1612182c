// How long failures last, on real processes: a machine that dies, a control plane that dies, both at once.
import { join } from 'node:path'
import { PROFILES } from '../master/settings.ts'
import { type LiveCluster, startLiveCluster } from '../test/live/cluster.ts'
import { Keeper, type KeeperWord } from '../test/live/keeper.ts'
import { type Machine, startMachines } from '../test/live/machines.ts'
import { until } from '../test/live/until.ts'
import { format, type Row, spreadOf } from './figures.ts'

const MACHINES = 4
/** Two on each machine. */
const TASKS = 8
const PATIENCE_MS = 120_000

type Profile = 'fast' | 'default'

/** Seconds, p50, as recorded: see peers.json. */
const NOMAD = { default: 20.9, fast: 2.4, both: 303 } as const

/** A machine dies, again and again, at a random moment between two beats. */
export async function measureMachineLoss(
  profile: Profile,
  runs: number,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const told: number[] = []
  const replaced: number[] = []
  await withCluster(profile, async (world) => {
    for (let run = 0; run < runs; run++) {
      say(`${profile}: machine loss ${run + 1} of ${runs}`)
      await world.anyMoment()
      const { toldMs, replacedMs } = await world.loseMachine(run % MACHINES)
      told.push(toldMs / 1_000)
      replaced.push(replacedMs / 1_000)
    }
  })
  const { p50 } = spreadOf(replaced)
  const [wanted, peers] =
    profile === 'default'
      ? ['≤ 0.5× Nomad', 'Nomad 20.9 p50, 22.7 max; Mesos tells after 80–84']
      : ['≤ 1× Nomad at its tightest', 'Nomad 2.4 p50, 3.5 max; Mesos tells after 1.5–1.8']
  return [
    { name: `machine killed → framework told, \`${profile}\``, unit: 's', spread: spreadOf(told) },
    {
      name: `machine killed → replacements RUNNING, \`${profile}\``,
      unit: 's',
      spread: spreadOf(replaced),
      wanted,
      ratio: `${format(p50 / NOMAD[profile])}× Nomad`,
      peers,
    },
  ]
}

/** The control plane dies with its queues and is started again at once; one more task is wanted meanwhile. */
export async function measureControlPlaneLoss(
  runs: number,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const restarts: number[] = []
  const beyond: number[] = []
  const launched: number[] = []
  await withCluster('default', async (world) => {
    for (let run = 0; run < runs; run++) {
      say(`control plane loss ${run + 1} of ${runs}`)
      await world.anyMoment()
      const { readyMs, runningMs } = await world.loseControlPlane(TASKS + 1 + run)
      restarts.push(readyMs / 1_000)
      launched.push(runningMs / 1_000)
      beyond.push(Math.max(0, runningMs - readyMs) / 1_000)
    }
  })
  return [
    { name: 'control plane killed → it says ready again', unit: 's', spread: spreadOf(restarts) },
    {
      name: 'control plane killed → next launch RUNNING',
      unit: 's',
      spread: spreadOf(launched),
      peers: 'Mesos 7.8–10.4 with three masters, 70 with one; Nomad 4.0–4.2 with three servers',
    },
    { name: 'the same, beyond its own restart', unit: 's', spread: spreadOf(beyond), wanted: '≤ 0.4' },
  ]
}

/** Control plane and a machine die in the same moment; the control plane is started again at once. */
export async function measureBoth(runs: number, say: (text: string) => void): Promise<readonly Row[]> {
  const replaced: number[] = []
  await withCluster('default', async (world) => {
    for (let run = 0; run < runs; run++) {
      say(`both together ${run + 1} of ${runs}`)
      await world.anyMoment()
      const { replacedMs } = await world.loseMachine(run % MACHINES, () => world.restartControlPlane())
      replaced.push(replacedMs / 1_000)
    }
  })
  return [
    {
      name: 'control plane and machine killed together → replacements RUNNING',
      unit: 's',
      spread: spreadOf(replaced),
      wanted: '≤ 0.05× Nomad',
      ratio: `${format(spreadOf(replaced).p50 / NOMAD.both)}× Nomad`,
      peers: 'Nomad 303',
    },
  ]
}

type Heard = KeeperWord & { readonly at: number }

class World {
  readonly #cluster: LiveCluster
  readonly #machines: readonly Machine[]
  readonly #keeper: Keeper
  readonly #heard: readonly Heard[]
  readonly #beatMs: number

  constructor(given: {
    readonly cluster: LiveCluster
    readonly machines: readonly Machine[]
    readonly keeper: Keeper
    readonly heard: readonly Heard[]
    readonly beatMs: number
  }) {
    this.#cluster = given.cluster
    this.#machines = given.machines
    this.#keeper = given.keeper
    this.#heard = given.heard
    this.#beatMs = given.beatMs
  }

  /** Every agent has beaten since whatever was before, and the moment is by chance. */
  async anyMoment(): Promise<void> {
    await until('all is as it should be', () => this.#isWhole(), PATIENCE_MS)
    await new Promise((resolve) => setTimeout(resolve, this.#beatMs * (1 + Math.random())))
  }

  /** The machine of that index, or the next one that has tasks. Times from the kill; it is repaired afterwards. */
  async loseMachine(
    index: number,
    atOnce?: () => Promise<void>,
  ): Promise<{ readonly toldMs: number; readonly replacedMs: number }> {
    const { kept } = this.#keeper.view()
    const tasksOf = ({ agentId }: Machine) => kept.filter((one) => one.agent === agentId)
    const machine = [...this.#machines.slice(index), ...this.#machines].find((one) => tasksOf(one).length > 0)
    if (machine === undefined) throw new Error('no machine has a task to lose')
    const agent = machine.agentId
    const lost = tasksOf(machine).map(({ task }) => task)
    const from = this.#heard.length
    const began = performance.now()
    const doing = atOnce?.()
    machine.fail()
    await doing
    const slots = new Set(lost.map(slotOf))
    const again = () =>
      this.#heard
        .slice(from)
        .flatMap((word) =>
          word.word === 'update' &&
          word.status.state === 'TASK_RUNNING' &&
          !lost.includes(word.task) &&
          slots.delete(slotOf(word.task))
            ? [word.at]
            : [],
        )
    const ran: number[] = []
    await until('replacements run', () => ran.push(...again()) > -1 && slots.size === 0, PATIENCE_MS)
    const told = this.#heard
      .slice(from)
      .find(({ word, ...rest }) => word === 'failure' && (rest as { agent?: string }).agent === agent)
    machine.start()
    await machine.untilRegistered()
    return { toldMs: (told?.at ?? Number.NaN) - began, replacedMs: Math.max(...ran) - began }
  }

  /** Times from the kill; `tasks` is one more than before. */
  async loseControlPlane(tasks: number): Promise<{ readonly readyMs: number; readonly runningMs: number }> {
    const known = new Set(this.#keeper.view().kept.map(({ task }) => task))
    const from = this.#heard.length
    const began = performance.now()
    const restarting = this.restartControlPlane()
    this.#keeper.want(tasks)
    await restarting
    const ready = performance.now()
    const next = () =>
      this.#heard
        .slice(from)
        .find(
          (word) => word.word === 'update' && word.status.state === 'TASK_RUNNING' && !known.has(word.task),
        )
    await until('the next launch runs', () => next() !== undefined, PATIENCE_MS)
    return { readyMs: ready - began, runningMs: (next()?.at ?? Number.NaN) - began }
  }

  async restartControlPlane(): Promise<void> {
    await this.#cluster.killControlPlane()
    await this.#cluster.startAgain()
  }

  #isWhole(): boolean {
    const { kept, surplus, wanted } = this.#keeper.view()
    return (
      kept.length === wanted && surplus.length === 0 && kept.every(({ state }) => state === 'TASK_RUNNING')
    )
  }
}

async function withCluster(profile: Profile, measure: (world: World) => Promise<void>): Promise<void> {
  const cluster = await startLiveCluster({ agents: 0, ports: MACHINES, profile })
  const heard: Heard[] = []
  const keeper = new Keeper({
    master: cluster.url,
    name: 'bench',
    stateFile: join(cluster.dataDir, 'scheduler.json'),
    tasks: TASKS,
    say: (word) => heard.push({ ...word, at: performance.now() }),
  })
  try {
    const machines = await startMachines(cluster, MACHINES)
    keeper.start()
    await measure(new World({ cluster, machines, keeper, heard, beatMs: PROFILES[profile].beatMs }))
  } finally {
    keeper.close()
    await cluster.vanish()
  }
}

/** `bench-<slot>-<number>`. */
function slotOf(task: string): string {
  return task.split('-')[1] ?? ''
}
