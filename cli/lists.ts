// `meseta agents`, `frameworks`, `tasks` and `task inspect`: what there is, as tables or as JSON.
import { styleText } from 'node:util'
import {
  agentUrl,
  type FlatResources,
  findOne,
  readState,
  type StateAgent,
  type StateTask,
  tasksOf,
} from './cluster.ts'
import { age, asJson, harmless, show, stateColour } from './printing.ts'

export interface ListOptions {
  readonly json: boolean
  readonly all?: boolean | undefined
}

export async function listAgents(master: string, { json }: ListOptions): Promise<void> {
  const { slaves } = await readState(master)
  const rows = slaves.map((agent) => [
    harmless(agent.id),
    harmless(new URL(agentUrl(agent)).host),
    stateColour(stateOf(agent)),
    amounts(agent.used_resources, agent.resources, 'cpus'),
    amounts(agent.used_resources, agent.resources, 'mem'),
    amounts(agent.offered_resources, agent.resources, 'cpus'),
    age(agent.registered_time),
  ])
  show(
    slaves,
    json,
    ['AGENT', 'ADDRESS', 'STATE', 'CPUS', 'MEM', 'OFFERED', 'AGE'],
    rows,
    'no agents are registered; `npx meseta agent start --master URL --work-dir DIR` starts one',
  )
}

function stateOf({ active, deactivated, drain_info }: StateAgent): string {
  if (drain_info !== undefined) return drain_info.state.toLowerCase()
  return deactivated ? 'deactivated' : active ? 'active' : 'inactive'
}

export async function listFrameworks(master: string, { json, all }: ListOptions): Promise<void> {
  const state = await readState(master)
  const frameworks = all ? [...state.frameworks, ...state.completed_frameworks] : state.frameworks
  const rows = frameworks.map((framework) => [
    harmless(framework.id),
    harmless(framework.name),
    stateColour(
      state.completed_frameworks.includes(framework)
        ? 'completed'
        : framework.connected
          ? 'connected'
          : 'disconnected',
    ),
    harmless(framework.roles?.join(',') ?? framework.role ?? '*'),
    String(framework.tasks.length),
    String(framework.used_resources.cpus),
    String(framework.used_resources.mem),
    age(framework.registered_time),
  ])
  show(
    frameworks,
    json,
    ['FRAMEWORK', 'NAME', 'STATE', 'ROLES', 'TASKS', 'CPUS', 'MEM', 'AGE'],
    rows,
    "no frameworks are registered; try `npx meseta run -- 'echo hello'`",
  )
}

export async function listTasks(master: string, { json, all }: ListOptions): Promise<void> {
  const state = await readState(master)
  const live = state.frameworks.flatMap((framework) => [...framework.tasks, ...framework.unreachable_tasks])
  const tasks = all ? tasksOf(state) : live
  const rows = tasks.map((task) => [
    harmless(task.id),
    stateColour(task.state),
    harmless(task.framework_id),
    harmless(task.slave_id),
    String(task.resources.cpus),
    String(task.resources.mem),
    age(task.statuses[0]?.timestamp),
  ])
  const empty = all ? 'no tasks' : 'no tasks are running; `npx meseta tasks -a` lists finished ones too'
  show(tasks, json, ['TASK', 'STATE', 'FRAMEWORK', 'AGENT', 'CPUS', 'MEM', 'AGE'], rows, empty)
}

export async function inspectTask(master: string, id: string, { json }: ListOptions): Promise<void> {
  const state = await readState(master)
  const task = findOne('task', tasksOf(state), id)
  if (json) return console.log(asJson(task, 2))
  const agent = state.slaves.find((slave) => slave.id === task.slave_id)
  const lines: readonly (readonly [string, string])[] = [
    ['task', harmless(task.id)],
    ['name', harmless(task.name)],
    ['state', stateColour(task.state)],
    ['framework', harmless(task.framework_id)],
    [
      'agent',
      harmless(`${task.slave_id}${agent === undefined ? '' : ` at ${new URL(agentUrl(agent)).host}`}`),
    ],
    ['role', harmless(task.role)],
    ['resources', resourceText(task.resources)],
  ]
  for (const [name, value] of lines) console.log(`${styleText('dim', name.padEnd(10))} ${value}`)
  console.log(styleText('dim', 'history'))
  for (const status of task.statuses) {
    console.log(`  ${new Date(status.timestamp * 1_000).toISOString()}  ${stateColour(status.state)}`)
  }
}

/** The task's agent address; the task may be over, its sandbox stays for a while. */
export async function locateTask(
  master: string,
  id: string,
): Promise<{ readonly task: StateTask; readonly agent: string | undefined }> {
  const state = await readState(master)
  const task = findOne('task', tasksOf(state), id)
  const agent = state.slaves.find((slave) => slave.id === task.slave_id)
  return { task, agent: agent === undefined ? undefined : agentUrl(agent) }
}

function amounts(used: FlatResources, total: FlatResources, name: 'cpus' | 'mem'): string {
  return `${used[name]}/${total[name]}`
}

function resourceText({ cpus, mem, disk, gpus, ports }: FlatResources): string {
  return [
    `cpus ${cpus}`,
    `mem ${mem}`,
    `disk ${disk}`,
    ...(gpus > 0 ? [`gpus ${gpus}`] : []),
    ...(ports === undefined ? [] : [`ports ${ports}`]),
  ].join(', ')
}
