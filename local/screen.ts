// What a person sees of `npm start`: a live picture on a terminal, plain or JSON lines when piped.

import { stripVTControlCharacters } from 'node:util'
import type { LocalAgent } from './agents.ts'
import { changes, frame, isThere, lastWords, type Phase, type Step, type ViewState } from './view.ts'

export interface Screen {
  /** Shows a step of the start; the returned function says that it is done. */
  step(name: string): () => void
  /** Starts looking at the cluster: over its public state document, or as `readState` gives it. */
  watch(url: string, readState?: (() => Promise<unknown>) | undefined): void
  /** Resolves when these agents are registered; one that was just started must have registered since. */
  untilRegistered(agents: readonly LocalAgent[]): Promise<void>
  /** Prints the one line others wait for. */
  ready(): void
  say(text: string): void
  /** The command that starts a dead agent again. */
  hint(command: string): void
  /** Asked for at each picture. */
  showDead(dead: () => readonly LocalAgent[]): void
  /** Resolves when it is known what there is to be stopped. */
  stopping(agents: number): Promise<void>
  /** Cleans the terminal and says what was stopped; `kept` is the folder with everything in it. */
  stopped(kept: string | undefined): void
  /** Takes the picture away, so that something else can be printed. */
  clear(): void
}

const LOOK_EVERY_MS = 500
/** A look at thousands of tasks is work for control plane and table: the pause after it is so many times as long. */
const PAUSE_PER_LOOK = 20
const LOOK_EVERY_MS_AT_START = 40
const LOOK_AT_MOST_MS = 2_000
const LAST_LOOK_MS = 300
const REMEMBERED = 200
/** Clears the screen: after a resize the terminal has wrapped the old picture in a way nobody can count. */
const FRESH_SCREEN = '\u001B[2J\u001B[H'

/** Loaded where there is a terminal only: it measures text by an expression that takes long to compile. */
const terminal = process.stdout.isTTY === true ? await import('log-update') : undefined

export function startScreen(options: {
  readonly logFormat: 'text' | 'json'
  readonly agentsWanted: number
}): Screen {
  // Whoever read our output may go away before us; that is no reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const live = terminal !== undefined
  // The cursor stays visible: a `kill -9` of this process must not leave a terminal without one.
  const update = terminal?.createLogUpdate(process.stdout, { showCursor: true })
  const started = performance.now()
  const happened: string[] = []
  const steps: Step[] = []
  let phase: Phase = 'starting'
  let url: string | undefined
  let readInside: (() => Promise<unknown>) | undefined
  let state: ViewState | undefined
  let dead: () => readonly LocalAgent[] = () => []
  let ended = { agents: 0, tasks: 0 }
  let waiter: { readonly agents: readonly LocalAgent[]; readonly resolve: () => void } | undefined
  let timer: NodeJS.Timeout | undefined
  const clock = live ? setInterval(draw, 1_000).unref() : undefined
  if (live) process.stdout.on('resize', redraw)
  draw()

  return {
    step(name) {
      const begun = performance.now()
      const at = steps.push({ name }) - 1
      draw()
      return () => {
        steps[at] = { name, seconds: (performance.now() - begun) / 1_000 }
        draw()
      }
    },
    watch(at, given) {
      url = at
      readInside = given
      timer = setTimeout(look, 0)
    },
    untilRegistered: (agents) =>
      agents.length === 0 ? Promise.resolve() : new Promise((resolve) => (waiter = { agents, resolve })),
    ready() {
      phase = 'running'
      if (!live) print('ready', `ready ${url}`, { url })
      draw()
    },
    say,
    hint(command) {
      if (!live) print('hint', `start it again with: ${command}`, { command })
    },
    showDead(asked) {
      dead = asked
    },
    async stopping(agents) {
      phase = 'stopping'
      clearTimeout(timer)
      draw()
      state = (await readState(LAST_LOOK_MS)) ?? state
      ended = { agents, tasks: (state?.frameworks ?? []).flatMap((framework) => framework.tasks).length }
      if (!live) print('stopping', 'stopping', {})
      draw()
    },
    stopped(kept) {
      const seconds = (performance.now() - started) / 1_000
      close()
      print('stopped', lastWords({ ...ended, kept, seconds }), { ...ended, kept })
    },
    clear: close,
  }

  async function readState(withinMs: number): Promise<ViewState | undefined> {
    if (url === undefined) return undefined
    // The very document that the address would give.
    if (readInside !== undefined) return await (readInside() as Promise<ViewState>).catch(() => undefined)
    return await fetch(`${url}/state`, { signal: AbortSignal.timeout(withinMs) })
      .then((response) => response.json() as Promise<ViewState>)
      .catch(() => undefined)
  }

  async function look(): Promise<void> {
    const beganAt = performance.now()
    const next = await readState(LOOK_AT_MOST_MS)
    const spentMs = performance.now() - beganAt
    if (phase === 'stopping') return
    if (next !== undefined) {
      for (const text of changes(state, next)) say(text)
      state = next
      if (waiter?.agents.every((agent) => isRegistered(next, agent))) {
        waiter.resolve()
        waiter = undefined
      }
    }
    draw()
    const pauseMs = Math.max(LOOK_EVERY_MS, PAUSE_PER_LOOK * spentMs)
    timer = setTimeout(look, phase === 'running' ? pauseMs : LOOK_EVERY_MS_AT_START)
  }

  function say(text: string): void {
    happened.push(`${new Date().toTimeString().slice(0, 8)}  ${text}`)
    if (happened.length > REMEMBERED) happened.shift()
    if (live) draw()
    else print('event', stripVTControlCharacters(text), {})
  }

  function print(event: string, text: string, fields: Readonly<Record<string, unknown>>): void {
    const line =
      options.logFormat === 'json' && !live
        ? JSON.stringify({ time: new Date().toISOString(), event, text, ...fields })
        : text
    process.stdout.write(`${line}\n`)
  }

  function draw(): void {
    if (update === undefined || phase === 'stopped') return
    const { columns = 80, rows = 24 } = process.stdout
    update(
      frame(state, {
        phase,
        steps,
        url,
        agentsWanted: options.agentsWanted,
        columns,
        rows,
        happened,
        dead: dead(),
        upSeconds: (performance.now() - started) / 1_000,
      }),
    )
  }

  function redraw(): void {
    if (update === undefined || phase === 'stopped') return
    update.done()
    process.stdout.write(FRESH_SCREEN)
    draw()
  }

  function close(): void {
    if (phase === 'stopped') return
    phase = 'stopped'
    clearTimeout(timer)
    clearInterval(clock)
    update?.clear()
    update?.done()
  }
}

/**
 * The table may still hold what an agent was before it was started here, so its own word is needed too; times would not
 * do, for the cluster's clock may lag behind after a pause.
 */
export function isRegistered(state: ViewState, agent: Pick<LocalAgent, 'port' | 'saidReady'>): boolean {
  return (
    agent.saidReady() && state.slaves.some((slave) => isThere(slave) && slave.pid.endsWith(`:${agent.port}`))
  )
}
