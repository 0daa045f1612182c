// At the end three views are one: what the framework believes, what the control plane says, what really runs.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeeperView } from '../live/keeper-handle.ts'
import { machineOf, type RealProcess, taskOf } from '../live/really-running.ts'
import { type ChaosWorld, isExecutor, isShim } from './world.ts'

/** All three views at one moment. */
export interface Picture {
  readonly framework: KeeperView | undefined
  readonly controlPlane: ControlPlaneView | undefined
  readonly processes: readonly RealProcess[]
}

interface ControlPlaneView {
  /** By task id. */
  readonly tasks: Readonly<Record<string, { readonly state: string; readonly agent: string }>>
  readonly unreachable: readonly string[]
  readonly agents: Readonly<Record<string, { readonly active: boolean; readonly cpus: number }>>
}

export interface Check {
  readonly sentence: string
  /** Empty when it holds. */
  readonly wrong: readonly string[]
}

export async function pictureOf(world: ChaosWorld): Promise<Picture> {
  const [framework, controlPlane] = await Promise.all([
    world.scheduler.view(),
    controlPlaneView(world).catch(() => undefined),
  ])
  return { framework, controlPlane, processes: world.processes() }
}

/** What must hold once everything is repaired and has had its time. */
export function converged(world: ChaosWorld, picture: Picture): readonly Check[] {
  return [
    { sentence: 'the framework has every task it wants, running', wrong: frameworkWrong(world, picture) },
    { sentence: 'the control plane says the same', wrong: controlPlaneWrong(world, picture) },
    {
      sentence: 'exactly these tasks really run, each where it is said to run',
      wrong: realWrong(world, picture),
    },
    { sentence: 'no process is orphaned', wrong: orphans(world, picture) },
    { sentence: 'what the control plane charges is what runs', wrong: chargesWrong(world, picture) },
  ]
}

/** Of all tasks there ever were. */
export function startedTwice(world: ChaosWorld): Check {
  const wrong = readdirSync(world.traces)
    .map((task) => ({
      task,
      starts: readFileSync(join(world.traces, task), 'utf8').trim().split('\n').length,
    }))
    .filter(({ starts }) => starts !== 1)
    .map(({ task, starts }) => `${task} was started ${starts} times`)
  return { sentence: `none of ${readdirSync(world.traces).length} started tasks was started twice`, wrong }
}

/** After TEARDOWN. */
export function nothingLeft(world: ChaosWorld, picture: Picture): Check {
  const running = picture.processes
    .filter((one) => taskOf(one, world.mark) !== undefined)
    .map((one) => `still runs: ${described(one)}`)
  const charged = Object.entries(picture.controlPlane?.agents ?? { nobody: { active: false, cpus: 1 } })
    .filter(([, { cpus }]) => cpus > 0)
    .map(([agent, { cpus }]) => `agent ${agent} is still charged ${cpus} cpus`)
  return {
    sentence: 'after TEARDOWN nothing runs and nothing is charged',
    wrong: [
      ...running,
      ...charged,
      ...orphans(world, { ...picture, framework: { kept: [], surplus: [], wanted: 0 } }),
    ],
  }
}

function frameworkWrong({ options }: ChaosWorld, { framework }: Picture): string[] {
  if (framework === undefined) return ['the scheduler does not answer']
  const { kept, surplus } = framework
  return [
    ...(kept.length === options.tasks ? [] : [`it has ${kept.length} of ${options.tasks} tasks`]),
    ...kept.filter(({ state }) => state !== 'TASK_RUNNING').map(({ task, state }) => `${task} is ${state}`),
    ...surplus.map(({ task, state }) => `${task} should be over and is ${state}`),
  ]
}

function controlPlaneWrong(world: ChaosWorld, { framework, controlPlane }: Picture): string[] {
  if (controlPlane === undefined) return ['the control plane does not answer']
  const { tasks, unreachable, agents } = controlPlane
  const kept = new Map((framework?.kept ?? []).map((one) => [one.task, one]))
  const active = Object.values(agents).filter((agent) => agent.active).length
  return [
    ...(active === world.machines.length ? [] : [`${active} of ${world.machines.length} agents are active`]),
    ...[...kept.values()].flatMap(({ task, agent }) => {
      const seen = tasks[task]
      if (seen === undefined) return [`it does not list ${task}`]
      if (seen.state !== 'TASK_RUNNING') return [`it says ${task} is ${seen.state}`]
      return seen.agent === agent ? [] : [`it says ${task} is on ${seen.agent}, the framework says ${agent}`]
    }),
    ...Object.keys(tasks).flatMap((task) =>
      kept.has(task) ? [] : [`it lists ${task}, ${tasks[task]?.state}`],
    ),
    ...unreachable.map((task) => `it lists ${task} as unreachable`),
  ]
}

function realWrong(world: ChaosWorld, { framework, processes }: Picture): string[] {
  const { dataDir } = world.cluster
  const machines = new Map(world.machines.map(({ agentId, index }) => [agentId, index]))
  const running = new Map<string, Set<number | undefined>>()
  for (const one of processes) {
    const task = taskOf(one, world.mark)
    if (task === undefined || isShim(one)) continue
    running.set(task, (running.get(task) ?? new Set()).add(machineOf(one, dataDir)))
  }
  const kept = framework?.kept ?? []
  return [
    ...kept.flatMap(({ task, agent }) => {
      const where = [...(running.get(task) ?? [])]
      if (where.length === 0) return [`${task} does not run`]
      const said = machines.get(agent)
      return where.length === 1 && where[0] === said
        ? []
        : [`${task} runs on ${where.join(' and ')}, said to be on ${said}`]
    }),
    ...[...running.keys()]
      .filter((task) => !kept.some((one) => one.task === task))
      .map((task) => `${task} runs and nobody wants it`),
  ]
}

/** Neither a program of the cluster nor of a task that is wanted; a shim that watches over nothing. */
function orphans(world: ChaosWorld, { framework, processes }: Picture): string[] {
  const agents = new Set(world.machines.map(({ pid }) => pid))
  const programs = new Set([...agents, world.cluster.pid(), world.table()?.pid, world.scheduler.pid])
  const wanted = new Set((framework?.kept ?? []).map(({ task }) => task))
  const parents = new Set(processes.map(({ parent }) => parent))
  return processes
    .filter((one) => !programs.has(one.pid))
    .filter((one) => {
      if (isShim(one)) return !agents.has(one.parent) && !parents.has(one.pid)
      return !wanted.has(taskOf(one, world.mark) ?? '')
    })
    .map(described)
}

/** 0.1 cpus a task, and as much for an executor of its own. */
function chargesWrong(world: ChaosWorld, { controlPlane, processes }: Picture): string[] {
  const { dataDir } = world.cluster
  return world.machines.flatMap(({ index, agentId }) => {
    const here = processes.filter((one) => !isShim(one) && machineOf(one, dataDir) === index)
    const tasks = new Set(here.flatMap((one) => taskOf(one, world.mark) ?? [])).size
    const executors = new Set(here.filter(isExecutor).map((one) => taskOf(one, world.mark))).size
    const charged = controlPlane?.agents[agentId ?? '']?.cpus ?? 0
    const used = (tasks + executors) / 10
    return Math.abs(charged - used) < 0.001
      ? []
      : [`agent ${index} is charged ${charged} cpus and runs what takes ${used}`]
  })
}

async function controlPlaneView({ cluster }: ChaosWorld): Promise<ControlPlaneView> {
  const answer = await fetch(`${cluster.url}/state`, { signal: AbortSignal.timeout(5_000) })
  const state = (await answer.json()) as State
  const frameworks = state.frameworks.flatMap(({ tasks }) => tasks)
  const unreachable = state.frameworks.flatMap(({ unreachable_tasks }) => unreachable_tasks)
  return {
    tasks: Object.fromEntries(
      frameworks.map((task) => [task.id, { state: task.state, agent: task.slave_id }]),
    ),
    unreachable: unreachable.map(({ id }) => id),
    agents: Object.fromEntries(
      state.slaves.map(({ id, active, used_resources }) => [id, { active, cpus: used_resources.cpus }]),
    ),
  }
}

interface State {
  readonly slaves: readonly {
    readonly id: string
    readonly active: boolean
    readonly used_resources: { readonly cpus: number }
  }[]
  readonly frameworks: readonly {
    readonly tasks: readonly Seen[]
    readonly unreachable_tasks: readonly Seen[]
  }[]
}

interface Seen {
  readonly id: string
  readonly state: string
  readonly slave_id: string
}

function described({ pid, parent, command, environment }: RealProcess): string {
  return `pid ${pid} below ${parent}: ${command.slice(0, 120)} (${environment.KEPT_TASK?.split(':').at(-1) ?? 'no mark'})`
}
