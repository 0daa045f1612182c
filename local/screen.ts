// What a person sees of `npm start`: a live picture on a terminal, plain or JSON lines when piped.

import { stripVTControlCharacters } from 'node:util'
import { createLogUpdate } from 'log-update'
import { changes, frame, type ViewState } from './view.ts'

export interface Screen {
  /** Resolves when that many agents are registered. */
  untilRegistered(agents: number): Promise<void>
  /** Prints the one line others wait for. */
  ready(): void
  say(text: string): void
  /** A command worth typing now. */
  hint(command: string): void
  stop(): void
}

const LOOK_EVERY_MS = 500
const LOOK_EVERY_MS_AT_START = 40

/** Starts looking at the cluster over its public state document. */
export function startScreen(options: {
  readonly url: string
  readonly logFormat: 'text' | 'json'
  readonly agentsWanted: number
}): Screen {
  const live = process.stdout.isTTY === true
  const update = live ? createLogUpdate(process.stdout) : undefined
  const started = performance.now()
  const happened: string[] = []
  const hints: string[] = []
  let state: ViewState | undefined
  let isReady = false
  let stopped = false
  let waiters: { readonly agents: number; readonly resolve: () => void }[] = []
  let timer = setTimeout(look, 0)

  return {
    untilRegistered: (agents) =>
      agents === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push({ agents, resolve })),
    ready() {
      isReady = true
      if (live) draw()
      else print('ready', `ready ${options.url}`, { url: options.url })
    },
    say,
    hint(command) {
      hints.push(command)
      if (!live) say(`start it again with: ${command}`)
      draw()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      update?.done()
    },
  }

  async function look(): Promise<void> {
    const next = await fetch(`${options.url}/state`)
      .then((response) => response.json() as Promise<ViewState>)
      .catch(() => undefined)
    if (stopped) return
    if (next !== undefined) {
      for (const text of changes(state, next)) say(text)
      state = next
      const active = next.slaves.filter((agent) => agent.active).length
      for (const waiter of waiters.filter(({ agents }) => agents <= active)) waiter.resolve()
      waiters = waiters.filter(({ agents }) => agents > active)
    }
    draw()
    timer = setTimeout(look, isReady ? LOOK_EVERY_MS : LOOK_EVERY_MS_AT_START)
  }

  function say(text: string): void {
    happened.push(`${new Date().toISOString().slice(11, 19)}  ${text}`)
    if (happened.length > 50) happened.shift()
    if (live) draw()
    else print('event', stripVTControlCharacters(text), {})
  }

  function print(event: string, text: string, fields: Readonly<Record<string, unknown>>): void {
    const line =
      options.logFormat === 'json'
        ? JSON.stringify({ time: new Date().toISOString(), event, text, ...fields })
        : text
    process.stdout.write(`${line}\n`)
  }

  function draw(): void {
    if (update === undefined || stopped) return
    const { columns = 100, rows = 40 } = process.stdout
    update(
      frame(state, {
        url: options.url,
        columns,
        rows,
        happened,
        hints,
        upSeconds: (performance.now() - started) / 1_000,
      }),
    )
  }
}
