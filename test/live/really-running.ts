// What really runs on this machine, whatever anybody believes: read from /proc by the marks in environments.
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { TASK_VARIABLE } from './kept-task.ts'

export interface RealProcess {
  readonly pid: number
  readonly parent: number
  readonly startTime: string
  readonly command: string
  readonly environment: Readonly<Record<string, string>>
}

/** Every process whose environment or command line names the folder. */
export function processesOf(folder: string): readonly RealProcess[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => read(Number(entry), folder) ?? [])
}

/** By task: its processes. */
export function tasksOf(folder: string, mark: string): ReadonlyMap<string, readonly RealProcess[]> {
  const found = new Map<string, RealProcess[]>()
  for (const one of processesOf(folder)) {
    const task = taskOf(one, mark)
    if (task !== undefined) found.set(task, [...(found.get(task) ?? []), one])
  }
  return found
}

export function taskOf({ environment }: RealProcess, mark: string): string | undefined {
  const value = environment[TASK_VARIABLE]
  return value?.startsWith(`${mark}:`) ? value.slice(mark.length + 1) : undefined
}

/** A line per process: which it is, not only its number. */
export function identitiesOf(tasks: ReadonlyMap<string, readonly RealProcess[]>, task: string): string {
  return (tasks.get(task) ?? [])
    .map(({ pid, startTime }) => `${pid} started ${startTime}`)
    .sort()
    .join(', ')
}

/** The agent below whose folder it works: the number in `…/agents/<i>/…`. */
export function machineOf({ environment }: RealProcess, folder: string): number | undefined {
  const sandbox = environment.MESOS_SANDBOX ?? ''
  const [, index] = new RegExp(`/${basename(folder)}/(?:data/)?agents/(\\d+)/`).exec(sandbox) ?? []
  return index === undefined ? undefined : Number(index)
}

function read(pid: number, folder: string): RealProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    const text = readFileSync(`/proc/${pid}/environ`, 'utf8')
    if (!command.includes(folder) && !text.includes(folder)) return undefined
    const environment = Object.fromEntries(
      text.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    return { pid, parent: Number(fields[1]), startTime: fields[19] ?? '', command, environment }
  } catch {
    // It ended while we looked, or is another user's.
    return undefined
  }
}
