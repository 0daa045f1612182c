// The live view of `npm start` on a terminal: agents, frameworks, tasks, what happened last, what to type next.
//
// `frame` is pure: a picture of one state document. It reads what any client can read over HTTP.
import { stripVTControlCharacters } from 'node:util'
import pc from 'picocolors'

interface FlatResources {
  readonly cpus: number
  readonly mem: number
}

interface ViewTask {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly slave_id: string
}

/** The part of the state document that is drawn. */
export interface ViewState {
  readonly slaves: readonly {
    readonly id: string
    readonly pid: string
    readonly active: boolean
    readonly deactivated: boolean
    readonly resources: FlatResources
    readonly used_resources: FlatResources
    readonly offered_resources: FlatResources
  }[]
  readonly unreachable_slaves?: number
  readonly frameworks: readonly {
    readonly id: string
    readonly name: string
    readonly connected: boolean
    readonly tasks: readonly ViewTask[]
    readonly unreachable_tasks: readonly ViewTask[]
    readonly completed_tasks: readonly ViewTask[]
  }[]
}

export interface ViewExtras {
  readonly url: string
  readonly columns: number
  readonly rows: number
  readonly happened: readonly string[]
  readonly upSeconds: number
  /** Agent processes that ended, and how to start them again. */
  readonly hints: readonly string[]
}

const BAR = 16

/** One picture, lines already cut to the terminal's width. */
export function frame(state: ViewState | undefined, extras: ViewExtras): string {
  const width = Math.max(60, extras.columns)
  const lines = [header(extras), '']
  if (state === undefined) lines.push(pc.yellow('the control plane does not answer yet …'))
  else lines.push(...agentLines(state), '', ...frameworkLines(state, Math.max(3, extras.rows - 24)))
  lines.push('', pc.bold('latest'), ...latest(extras.happened))
  lines.push('', pc.bold('try'), ...suggestions(state, extras))
  return lines.map((line) => cut(line, width)).join('\n')
}

function header({ url, upSeconds }: ViewExtras): string {
  return `${pc.bold(pc.cyan('Meseta'))}  ${url}  ${pc.dim(`up ${clockText(upSeconds)}  ·  Ctrl-C stops everything`)}`
}

function agentLines(state: ViewState): string[] {
  const lines = [pc.bold(`agents ${state.slaves.length}`)]
  const tasks = state.frameworks.flatMap((framework) => framework.tasks)
  for (const agent of state.slaves) {
    const where = agent.pid.split('@')[1] ?? ''
    const on = tasks.filter((task) => task.slave_id === agent.id).length
    const cpus = agent.resources.cpus
    const used = share(agent.used_resources.cpus, cpus)
    const offered = share(agent.offered_resources.cpus, cpus)
    const condition = agent.deactivated
      ? pc.yellow('deactivated')
      : agent.active
        ? pc.green('active     ')
        : pc.red('inactive   ')
    lines.push(
      `  ${where.padEnd(16)} ${condition} ${bar(used, offered)} ${`${agent.used_resources.cpus}/${cpus} cpus`.padEnd(14)} ${`${agent.used_resources.mem}/${agent.resources.mem} MB`.padEnd(16)} ${count(on, 'task')}`,
    )
  }
  if ((state.unreachable_slaves ?? 0) > 0) lines.push(pc.red(`  ${state.unreachable_slaves} unreachable`))
  return lines
}

function frameworkLines(state: ViewState, most: number): string[] {
  const lines = [pc.bold(`frameworks ${state.frameworks.length}`)]
  if (state.frameworks.length === 0) lines.push(pc.dim('  none yet'))
  for (const framework of state.frameworks.slice(-most)) {
    const standing = framework.connected ? pc.green('●') : pc.yellow('○')
    lines.push(
      `  ${standing} ${framework.name.padEnd(20)} ${count(framework.tasks.length, 'task')}${lostText(framework.unreachable_tasks.length)}, ${framework.completed_tasks.length} done`,
    )
    for (const task of framework.tasks.slice(-3))
      lines.push(`      ${colour(task.state)(task.state.padEnd(14))} ${task.id}`)
  }
  return lines
}

function latest(happened: readonly string[]): string[] {
  return happened.length === 0 ? [pc.dim('  nothing yet')] : happened.slice(-6).map((text) => `  ${text}`)
}

function suggestions(state: ViewState | undefined, extras: ViewExtras): string[] {
  if (extras.hints.length > 0) return extras.hints.slice(-3).map((hint) => `  ${hint}`)
  if (state !== undefined && state.slaves.length === 0)
    return [
      '  npm start -- --agents 3   or   npx meseta agent start --master ' +
        extras.url +
        ' --work-dir /tmp/agent',
    ]
  const running = state?.frameworks.some((framework) => framework.tasks.length > 0) ?? false
  return running
    ? [
        '  npx meseta tasks          npx meseta task logs -f ID',
        '  npx meseta dev kill-machine 0      and watch the loss being noticed',
      ]
    : [
        "  npx meseta run -- 'echo hello; sleep 5'",
        '  npx meseta run --instances 3 -- sleep 30',
        '  npx meseta agents      npx meseta events',
      ]
}

/** What changed between two pictures, in words: the latest lines of the view and of plain output. */
export function changes(before: ViewState | undefined, after: ViewState): string[] {
  if (before === undefined) return []
  const lines: string[] = []
  const agents = new Map(before.slaves.map((agent) => [agent.id, agent]))
  for (const agent of after.slaves) {
    const where = agent.pid.split('@')[1] ?? agent.id
    const earlier = agents.get(agent.id)
    if (earlier === undefined) lines.push(`agent ${where} registered`)
    else if (earlier.active !== agent.active)
      lines.push(`agent ${where} is ${agent.active ? 'active again' : 'not active'}`)
    agents.delete(agent.id)
  }
  for (const agent of agents.values())
    lines.push(pc.red(`agent ${agent.pid.split('@')[1] ?? agent.id} is lost or gone`))
  const frameworks = new Map(before.frameworks.map((framework) => [framework.id, framework]))
  for (const framework of after.frameworks) {
    const earlier = frameworks.get(framework.id)
    if (earlier === undefined) lines.push(`framework ${framework.name} subscribed`)
    else if (earlier.connected !== framework.connected)
      lines.push(`framework ${framework.name} ${framework.connected ? 'is back' : 'disconnected'}`)
    lines.push(...taskChanges(earlier, framework))
    frameworks.delete(framework.id)
  }
  for (const framework of frameworks.values()) lines.push(`framework ${framework.name} is over`)
  return lines
}

type ViewFramework = ViewState['frameworks'][number]

function taskChanges(before: ViewFramework | undefined, after: ViewFramework): string[] {
  const all = (framework: ViewFramework) => [
    ...framework.tasks,
    ...framework.unreachable_tasks,
    ...framework.completed_tasks,
  ]
  const earlier = new Map((before === undefined ? [] : all(before)).map((task) => [task.id, task.state]))
  return all(after)
    .filter((task) => earlier.get(task.id) !== task.state)
    .map((task) => `${task.id} ${colour(task.state)(task.state)}`)
}

function colour(state: string): (text: string) => string {
  if (/RUNNING|FINISHED/.test(state)) return pc.green
  if (/FAILED|LOST|GONE|DROPPED|ERROR/.test(state)) return pc.red
  return pc.yellow
}

function bar(used: number, offered: number): string {
  const full = Math.round(used * BAR)
  const held = Math.min(BAR - full, Math.round(offered * BAR))
  return `${pc.cyan('█'.repeat(full))}${pc.dim('▒'.repeat(held))}${pc.dim('·'.repeat(BAR - full - held))}`
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

function lostText(number: number): string {
  return number === 0 ? '' : pc.red(`, ${number} unreachable`)
}

function clockText(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${Math.floor(seconds)} s` : `${minutes} min ${Math.floor(seconds % 60)} s`
}

/** Cuts to the width; a line that is too long loses its colours with its end. */
function cut(line: string, width: number): string {
  const bare = stripVTControlCharacters(line)
  return bare.length <= width ? line : `${bare.slice(0, width - 1)}…`
}
