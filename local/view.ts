// The live view of `npm start` on a terminal: agents, frameworks, tasks, what happened last, what to type next.
//
// `frame` is pure: a picture of one state document. It reads what any client can read over HTTP.
import { styleText } from 'node:util'
import { cut, harmless, padded, paired, type Section, stacked } from './layout.ts'

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

interface ViewAgent {
  readonly id: string
  readonly pid: string
  readonly active: boolean
  readonly deactivated: boolean
  readonly drain_info?: { readonly state: string } | undefined
  /** Seconds since 1970. */
  readonly registered_time: number
  readonly reregistered_time?: number | undefined
  readonly resources: FlatResources
  readonly used_resources: FlatResources
  readonly offered_resources: FlatResources
}

interface ViewFramework {
  readonly id: string
  readonly name: string
  readonly connected: boolean
  readonly tasks: readonly ViewTask[]
  readonly unreachable_tasks: readonly ViewTask[]
  readonly completed_tasks: readonly ViewTask[]
}

/** The part of the state document that is drawn. */
export interface ViewState {
  readonly slaves: readonly ViewAgent[]
  readonly unreachable_slaves?: number
  readonly frameworks: readonly ViewFramework[]
  readonly completed_frameworks: readonly ViewFramework[]
}

export type Phase = 'starting' | 'running' | 'stopping' | 'stopped'

/** A step of the start; with its time once it is done. */
export interface Step {
  readonly name: string
  readonly seconds?: number
}

export interface ViewExtras {
  readonly phase: Phase
  readonly steps: readonly Step[]
  readonly url: string | undefined
  readonly agentsWanted: number
  readonly columns: number
  readonly rows: number
  readonly happened: readonly string[]
  readonly upSeconds: number
  /** Agents whose process is gone, and how to start each again. */
  readonly dead: readonly { readonly index: number; readonly port: number; readonly command: string }[]
}

/** One picture: no line is wider than the terminal, and it is lower than that, so nothing ever scrolls. */
export function frame(state: ViewState | undefined, extras: ViewExtras): string {
  const { phase, columns, rows } = extras
  const sections = phase === 'running' && state !== undefined ? running(state, extras) : []
  if (phase === 'starting') sections.push({ lines: startingLines(state, extras), least: 4 })
  if (phase === 'stopping') sections.push({ lines: stoppingLines(state), least: 1 })
  const lines = [header(extras), ...stacked(sections, Math.max(2, rows - 2))]
  return lines.map((line) => cut(line, columns)).join('\n')
}

function running(state: ViewState, extras: ViewExtras): Section[] {
  const { happened } = extras
  const unreachable = state.unreachable_slaves ?? 0
  const tasks = state.frameworks.reduce((sum, framework) => sum + framework.tasks.length, 0)
  return [
    {
      title: `${styleText('bold', 'agents')} ${state.slaves.length}${unreachable > 0 ? styleText('red', `  ${unreachable} unreachable`) : ''}`,
      lines: state.slaves.length === 0 ? [styleText('dim', 'none')] : agentLines(state, extras),
      least: 1,
    },
    {
      title: `${styleText('bold', 'frameworks')} ${state.frameworks.length}  ${styleText('dim', count(tasks, 'task'))}`,
      lines: state.frameworks.length === 0 ? [styleText('dim', 'none yet')] : frameworkLines(state),
      least: 1,
    },
    {
      title: styleText('bold', 'latest'),
      lines: happened.length === 0 ? [styleText('dim', 'nothing yet')] : happened.slice(-10),
      least: 1,
      keep: 'last',
    },
    {
      title: styleText('bold', 'try'),
      lines: suggestions(state, extras),
      least: extras.dead.length > 0 ? 6 : 1,
    },
  ]
}

function header({ phase, url, upSeconds, columns }: ViewExtras): string {
  const name = styleText('bold', styleText('cyan', 'Meseta'))
  if (phase === 'starting') return `${name}  starting …`
  if (phase === 'stopping')
    return paired(`${name}  stopping …`, styleText('dim', 'Ctrl-C again ends it at once'), columns)
  return paired(
    `${name}  ${url ?? ''}`,
    styleText('dim', `up ${clockText(upSeconds)} · Ctrl-C stops everything`),
    columns,
  )
}

function startingLines(state: ViewState | undefined, { steps, agentsWanted, url }: ViewExtras): string[] {
  const lines = steps.map(({ name, seconds }) =>
    seconds === undefined
      ? `${styleText('yellow', '…')} ${name}`
      : `${styleText('green', '✓')} ${padded(name, 16)} ${styleText('dim', `${seconds.toFixed(1)} s`)}`,
  )
  if (url === undefined || agentsWanted === 0) return lines
  const there = Math.min(agentsWanted, (state?.slaves ?? []).filter(isThere).length)
  return [...lines, `${styleText('yellow', '…')} ${padded('agents', 16)} ${there}/${agentsWanted}`]
}

/** Registered: one that operators took out of service is there, too. */
export function isThere({ active, deactivated }: Pick<ViewAgent, 'active' | 'deactivated'>): boolean {
  return active || deactivated
}

function stoppingLines(state: ViewState | undefined): string[] {
  const agents = state?.slaves.length ?? 0
  const tasks = (state?.frameworks ?? []).reduce((sum, framework) => sum + framework.tasks.length, 0)
  return [styleText('dim', `${count(agents, 'agent')} and ${count(tasks, 'task')} are being ended`)]
}

/** What stays on the terminal, or in the output, when everything is over. */
export function lastWords(about: {
  readonly agents: number
  readonly tasks: number
  readonly seconds: number
  readonly kept: string | undefined
}): string {
  const what = `${count(about.agents, 'agent')} and ${count(about.tasks, 'running task')}`
  const data =
    about.kept === undefined
      ? 'nothing was kept'
      : `everything is kept in ${about.kept}, start with --data ${about.kept} to go on`
  return `stopped ${what} after ${clockText(about.seconds)}; ${data}`
}

function agentLines(state: ViewState, { columns, dead }: ViewExtras): string[] {
  const width = columns - 2
  const tasks = state.frameworks.flatMap((framework) => framework.tasks)
  const bar = width >= 96 ? 16 : width >= 70 ? 10 : width >= 60 ? 6 : 0
  return state.slaves.map((agent) => {
    const { resources, used_resources: used, offered_resources: offered } = agent
    const on = tasks.filter((task) => task.slave_id === agent.id).length
    return [
      `${standing(agent)} ${padded(addressOf(agent), 15)}`,
      ...(bar > 0 ? [drawnBar(used.cpus, offered.cpus, resources.cpus, bar)] : []),
      padded(`${short(used.cpus)}/${short(resources.cpus)} cpus`, 11),
      ...(bar >= 16 ? [drawnBar(used.mem, offered.mem, resources.mem, bar)] : []),
      ...(bar >= 6 ? [padded(`${short(used.mem)}/${short(resources.mem)} MB`, 12)] : []),
      dead.some(({ port }) => agent.pid.endsWith(`:${port}`))
        ? styleText('red', 'down')
        : on === 0
          ? styleText('dim', 'idle')
          : count(on, 'task'),
    ].join('  ')
  })
}

function standing(agent: ViewAgent): string {
  if (agent.deactivated) return styleText('yellow', '◌')
  return agent.active ? styleText('green', '●') : styleText('red', '○')
}

/** Each framework with its latest tasks: those that run something first, the youngest before the others. */
function frameworkLines(state: ViewState): string[] {
  const isBusy = (framework: ViewFramework) => (framework.tasks.length > 0 ? 0 : 1)
  const ordered = state.frameworks.toReversed().toSorted((one, other) => isBusy(one) - isBusy(other))
  return ordered.flatMap((framework) => {
    const { tasks, unreachable_tasks: unreachable, completed_tasks: completed } = framework
    const running = `${styleText('bold', String(tasks.length))} ${styleText('dim', tasks.length === 1 ? 'task' : 'tasks')}`
    const lost = unreachable.length === 0 ? '' : styleText('red', `, ${unreachable.length} unreachable`)
    const dot = framework.connected ? styleText('green', '●') : styleText('yellow', '○')
    const away = framework.connected ? '' : styleText('yellow', '  disconnected')
    return [
      `${dot} ${padded(harmless(framework.name), 22)}  ${running}${lost}${styleText('dim', `, ${completed.length} done`)}${away}`,
      ...[...tasks, ...unreachable]
        .slice(-4)
        .map(
          (task) => `    ${padded(styleText(colour(task.state), word(task.state)), 12)} ${harmless(task.id)}`,
        ),
    ]
  })
}

function suggestions(state: ViewState, extras: ViewExtras): string[] {
  const [dead, ...others] = extras.dead
  if (dead !== undefined) {
    const more = others.length === 0 ? '' : `, and ${others.map(({ index }) => index).join(', ')} after it`
    return [
      styleText('yellow', `agent ${dead.index} does not run${more}; start it again with`),
      ...wrapped(dead.command, extras.columns - 4),
    ]
  }
  // The default address needs no flag.
  const flag =
    extras.url === undefined || extras.url.endsWith('127.0.0.1:5050') ? '' : ` --master ${extras.url}`
  if (state.slaves.length === 0)
    return [`npx meseta agent start --master ${extras.url} --work-dir /tmp/agent-a`]
  const isBusy = state.frameworks.some((framework) => framework.tasks.length > 0)
  return isBusy
    ? [
        `npx meseta${flag} tasks`,
        `npx meseta${flag} task logs -f ID`,
        `npx meseta${flag} dev kill-machine 0    ${styleText('dim', 'and see the loss noticed')}`,
      ]
    : [
        `npx meseta${flag} run -- 'echo hello; sleep 5'`,
        `npx meseta${flag} run --instances 3 -- sleep 30`,
        `npx meseta${flag} events`,
      ]
}

/** A long command over several lines that can be copied as they are. */
function wrapped(command: string, width: number): string[] {
  const parts = command.split(/ (?=--)/)
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + part.length + 3 <= width)
      lines[lines.length - 1] = `${last} ${part}`
    else lines.push(part)
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line))
}

/** What changed between two pictures, in words: the latest lines of the view and of plain output. */
export function changes(before: ViewState | undefined, after: ViewState): string[] {
  if (before === undefined) return []
  return [...agentChanges(before, after), ...frameworkChanges(before, after)]
}

function agentChanges(before: ViewState, after: ViewState): string[] {
  const lines: string[] = []
  const earlier = new Map(before.slaves.map((agent) => [agent.id, agent]))
  for (const agent of after.slaves) {
    const was = earlier.get(agent.id)
    const isBack = (agent.reregistered_time ?? 0) > (was?.reregistered_time ?? 0)
    if (was === undefined) lines.push(`agent ${addressOf(agent)} ${isBack ? 'is back' : 'registered'}`)
    else if (agent.drain_info !== undefined && was.drain_info?.state !== agent.drain_info.state)
      lines.push(`agent ${addressOf(agent)} is ${agent.drain_info.state.toLowerCase()}`)
    else if (was.deactivated !== agent.deactivated)
      lines.push(`agent ${addressOf(agent)} is ${agent.deactivated ? 'deactivated' : 'active again'}`)
    else if (was.active !== agent.active)
      lines.push(`agent ${addressOf(agent)} is ${agent.active ? 'active again' : 'not active'}`)
    else if (isBack) lines.push(`agent ${addressOf(agent)} registered again`)
    earlier.delete(agent.id)
  }
  for (const agent of earlier.values())
    lines.push(styleText('red', `agent ${addressOf(agent)} is lost or gone`))
  return lines
}

function frameworkChanges(before: ViewState, after: ViewState): string[] {
  const lines: string[] = []
  const earlier = new Map(before.frameworks.map((framework) => [framework.id, framework]))
  for (const framework of after.frameworks) {
    const was = earlier.get(framework.id)
    const name = harmless(framework.name)
    if (was === undefined) lines.push(`framework ${name} subscribed`)
    else if (was.connected !== framework.connected)
      lines.push(`framework ${name} ${framework.connected ? 'is back' : 'disconnected'}`)
    lines.push(...taskChanges(was, framework))
    earlier.delete(framework.id)
  }
  const completed = new Map(after.completed_frameworks.map((framework) => [framework.id, framework]))
  for (const framework of earlier.values()) {
    const over = completed.get(framework.id)
    if (over !== undefined) lines.push(...taskChanges(framework, over))
    lines.push(`framework ${harmless(framework.name)} is over`)
  }
  return lines
}

function taskChanges(before: ViewFramework | undefined, after: ViewFramework): string[] {
  const all = (framework: ViewFramework) => [
    ...framework.tasks,
    ...framework.unreachable_tasks,
    ...framework.completed_tasks,
  ]
  const earlier = new Map((before === undefined ? [] : all(before)).map((task) => [task.id, task.state]))
  return all(after)
    .filter((task) => earlier.get(task.id) !== task.state)
    .map((task) => `${harmless(task.id)} ${styleText(colour(task.state), task.state)}`)
}

function addressOf({ pid, id }: ViewAgent): string {
  return harmless(pid.split('@')[1] ?? id)
}

function colour(state: string): 'green' | 'red' | 'yellow' {
  if (/RUNNING|FINISHED/.test(state)) return 'green'
  if (/FAILED|LOST|GONE|DROPPED|ERROR/.test(state)) return 'red'
  return 'yellow'
}

function word(state: string): string {
  return state.replace(/^TASK_/, '').toLowerCase()
}

/** Full for what is used, half for what is offered to a framework right now. */
function drawnBar(used: number, offered: number, whole: number, width: number): string {
  const full = used > 0 ? Math.max(1, Math.round(share(used, whole) * width)) : 0
  const held = Math.min(width - full, Math.round(share(offered, whole) * width))
  return `${styleText('cyan', '█'.repeat(full))}${styleText('cyan', styleText('dim', '▒'.repeat(held)))}${styleText('dim', '·'.repeat(width - full - held))}`
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0
}

function short(amount: number): string {
  return String(Math.round(amount * 100) / 100)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function clockText(seconds: number): string {
  const whole = Math.floor(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}
