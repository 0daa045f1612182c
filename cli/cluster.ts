// What the commands read of a cluster: its legacy state document, and files of sandboxes through the agents.

import { CommandError, EXIT } from './exit-codes.ts'
import { callJson, getJson } from './http.ts'

export interface FlatResources {
  readonly cpus: number
  readonly mem: number
  readonly disk: number
  readonly gpus: number
  readonly ports?: string | undefined
}

export interface StateTask {
  readonly id: string
  readonly name: string
  readonly framework_id: string
  readonly executor_id: string
  readonly slave_id: string
  readonly state: string
  readonly resources: FlatResources
  readonly role: string
  readonly statuses: readonly {
    readonly state: string
    readonly timestamp: number
    readonly message?: string
  }[]
}

export interface StateAgent {
  readonly id: string
  readonly hostname: string
  readonly port: number
  readonly pid: string
  readonly active: boolean
  readonly deactivated: boolean
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resources: FlatResources
  readonly used_resources: FlatResources
  readonly offered_resources: FlatResources
  readonly registered_time: number
  readonly drain_info?: { readonly state: string } | undefined
}

export interface StateFramework {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly active: boolean
  readonly connected: boolean
  readonly role?: string
  readonly roles?: readonly string[]
  readonly used_resources: FlatResources
  readonly registered_time: number
  readonly tasks: readonly StateTask[]
  readonly unreachable_tasks: readonly StateTask[]
  readonly completed_tasks: readonly StateTask[]
}

export interface State {
  readonly id: string
  readonly hostname: string
  readonly cluster?: string
  readonly start_time: number
  readonly slaves: readonly StateAgent[]
  readonly frameworks: readonly StateFramework[]
  readonly completed_frameworks: readonly StateFramework[]
}

/** The whole state document. */
export function readState(master: string): Promise<State> {
  return getJson<State>(`${master}/master/state`)
}

/** Every task of the cluster: running, unreachable, and finished ones of frameworks past and present. */
export function tasksOf(state: State): readonly StateTask[] {
  return [...state.frameworks, ...state.completed_frameworks].flatMap((framework) => [
    ...framework.tasks,
    ...framework.unreachable_tasks,
    ...framework.completed_tasks,
  ])
}

/** The list that shows everything `findOne` looks through. */
const LISTED = { task: 'tasks -a', agent: 'agents', framework: 'frameworks' } as const

/** Finds the one item whose id is the given text or ends or starts with it. */
export function findOne<T extends { readonly id: string }>(
  what: keyof typeof LISTED,
  items: readonly T[],
  text: string,
): T {
  const exact = items.find((item) => item.id === text)
  if (exact !== undefined) return exact
  const like = items.filter((item) => item.id.startsWith(text) || item.id.endsWith(text))
  if (like.length === 1 && like[0] !== undefined) return like[0]
  if (like.length === 0)
    throw new CommandError(`no ${what} ${text}; \`npx meseta ${LISTED[what]}\` lists them`, EXIT.notFound)
  throw new CommandError(
    `${like.length} ${what}s match ${text}: ${like.map((item) => item.id).join(', ')}; give more of the id`,
    EXIT.usage,
  )
}

/** Address of an agent's own HTTP API. */
export function agentUrl(agent: {
  readonly pid: string
  readonly hostname: string
  readonly port: number
}): string {
  const address = agent.pid.split('@')[1] ?? `${agent.hostname}:${agent.port}`
  return `http://${address}`
}

/** The folder of a task's sandbox as the agent's file API names it. */
export function sandboxPath(task: {
  readonly id: string
  readonly framework_id: string
  readonly executor_id: string
}): string {
  return `/frameworks/${task.framework_id}/executors/${task.executor_id || task.id}/runs/latest`
}

/** Reads a part of a file in a sandbox; `size` is the whole file's. */
export async function readFile(
  agent: string,
  path: string,
  offset: number,
): Promise<{ readonly size: number; readonly data: Buffer }> {
  const answer = await callJson<{ read_file: { size: number; data: string } }>(`${agent}/api/v1`, {
    type: 'READ_FILE',
    read_file: { path, offset },
  })
  return { size: answer.read_file.size, data: Buffer.from(answer.read_file.data ?? '', 'base64') }
}

/** Nothing comes after these states. */
export function isTerminal(state: string): boolean {
  return /^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE|GONE_BY_OPERATOR)$/.test(state)
}
