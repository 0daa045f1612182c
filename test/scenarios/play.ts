// Plays a transcript against a whole cluster: lines at the margin are done, the indented ones below are what was then seen.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { type Answer, commandTask, send, TestFramework } from '../framework.ts'
import { heard, Names, watched } from './borders.ts'

/** After the last expected line, so long must nothing more be seen; longer when nobody knows which is the last. Real milliseconds. */
const QUIET_MS = 300
const QUIET_AT_A_LOSS_MS = 1_500
const PATIENCE_MS = 5_000
/** A task of a transcript runs until it is told to end. */
const UNTIL_TOLD = 'until [ -e end ]; do sleep 0.02; done'

interface Step {
  /** Comments and empty lines that stand before it. */
  readonly before: readonly string[]
  readonly action: string
  readonly seen: readonly string[]
}

/** Gives the text as it should be: the same when everything was seen as it is written. */
export async function play(text: string): Promise<string> {
  const names = new Names()
  let seen: string[] = []
  const stage = await startStage(names, (line) => seen.push(line))
  try {
    const played: Step[] = []
    const { steps, after } = parsed(text)
    for (const step of steps) {
      seen = []
      const answer = await act(stage, step.action).catch((error: Error) => [`failed: ${error.message}`])
      const lines = () => [...answer, ...seen]
      await untilQuiet(lines, step.seen.length)
      played.push({ ...step, seen: lines() })
    }
    return written(played, after)
  } finally {
    await stage.cluster.stop()
  }
}

interface Stage {
  readonly names: Names
  readonly cluster: TestCluster
  readonly hear: (framework: TestFramework) => void
  framework: TestFramework | undefined
}

async function startStage(names: Names, say: (line: string) => void): Promise<Stage> {
  const cluster = await startCluster(watched(names, say))
  for (const { id } of cluster.agents) names.of('A', id)
  return {
    names,
    cluster,
    framework: undefined,
    hear(framework) {
      for (const event of framework.events) tell(event)
      framework.onEvent = tell
      function tell(event: TestFramework['events'][number]): void {
        const line = heard(names, event)
        if (line !== undefined) say(`framework: ${line}`)
      }
    },
  }
}

/** Does what a line says; gives how it was answered, if it was a call. */
async function act(stage: Stage, action: string): Promise<readonly string[]> {
  const [who = '', what = '', ...rest] = action.split(/:? /)
  if (who === 'framework' && what === 'SUBSCRIBE') {
    stage.framework = await TestFramework.open(stage.cluster.url, {
      acknowledge: false,
      suppressedRoles: rest.includes('suppressed') ? ['*'] : [],
    })
    stage.hear(stage.framework)
    return [`answered ${stage.framework.status}`]
  }
  if (who === 'framework') return [`answered ${(await called(stage, what, rest)).status}`]
  if (what === 'ends') {
    await end(stage, who)
    return []
  }
  throw new Error(`nobody knows how to do "${action}"`)
}

async function called(stage: Stage, type: string, rest: readonly string[]): Promise<Answer> {
  const { names } = stage
  const framework = frameworkOf(stage)
  const [about = '', ...more] = rest
  switch (type) {
    case 'REVIVE':
    case 'SUPPRESS':
    case 'TEARDOWN':
      return framework.call({ type })
    case 'ACCEPT': {
      const offer = framework.events
        .flatMap(({ offers }) => offers?.offers ?? [])
        .find(({ id }) => id.value === names.id(about))
      if (offer === undefined) throw new Error(`${about} was not offered`)
      const tasks: TaskInfo[] = more.slice(1).map((id) => commandTask(offer, id, UNTIL_TOLD))
      return framework.launch([offer], tasks, 3_600)
    }
    case 'ACKNOWLEDGE':
      return framework.acknowledge(lastStatus(framework, about, more[0] ?? ''))
    case 'KILL':
      return framework.call({ type, kill: { task_id: { value: about } } })
    case 'RECONCILE':
      return framework.call({ type, reconcile: { tasks: [{ task_id: { value: about } }] } })
    default:
      throw new Error(`the play has no call ${type}`)
  }
}

function frameworkOf({ framework, names }: Stage): TestFramework {
  if (framework === undefined) throw new Error('the framework has not subscribed')
  if (framework.id === '') framework.id = names.id('F1')
  return framework
}

function lastStatus({ events }: TestFramework, taskId: string, state: string): TaskStatus {
  const found = events
    .flatMap(({ update }) => update?.status ?? [])
    .findLast((status) => status.task_id.value === taskId && status.state === state)
  if (found === undefined) throw new Error(`the framework has not heard of ${taskId} ${state}`)
  return found
}

/** Lets the process of a task come to its end. */
async function end(stage: Stage, taskId: string): Promise<void> {
  const { text } = await send(`${stage.cluster.agents[0]?.url}/state`, { method: 'GET' })
  const { frameworks } = JSON.parse(text) as {
    frameworks: { executors: { id: string; directory: string }[] }[]
  }
  const executor = frameworks.flatMap(({ executors }) => executors).find(({ id }) => id === taskId)
  if (executor === undefined || !existsSync(executor.directory)) throw new Error(`${taskId} does not run`)
  writeFileSync(join(executor.directory, 'end'), '')
}

async function untilQuiet(lines: () => readonly string[], expected: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  const quietMs = expected === 0 ? QUIET_AT_A_LOSS_MS : QUIET_MS
  let known = -1
  for (let quietSince = performance.now(); performance.now() < deadline; ) {
    if (lines().length !== known) {
      known = lines().length
      quietSince = performance.now()
    }
    if (known >= expected && performance.now() - quietSince > quietMs) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function parsed(text: string): { readonly steps: readonly Step[]; readonly after: readonly string[] } {
  const steps: Step[] = []
  let before: string[] = []
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const last = steps.at(-1)
    if (line === '' || line.startsWith('#')) before.push(line)
    else if (!line.startsWith(' ')) {
      steps.push({ before, action: line, seen: [] })
      before = []
    } else if (last !== undefined) {
      steps[steps.length - 1] = { ...last, seen: [...last.seen, line.trim()] }
    }
  }
  return { steps, after: before }
}

function written(steps: readonly Step[], after: readonly string[]): string {
  const lines = steps.flatMap(({ before, action, seen }) => [
    ...before,
    action,
    // What one transaction writes stands together.
    ...seen.map((line) => (line.startsWith('+') ? `       ${line}` : `  ${line}`)),
  ])
  return `${[...lines, ...after].join('\n')}\n`
}
