// Starts what `npm start` runs as a real process, and looks at what it leaves behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../vitest.ts'

export const NODE = process.execPath

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  /** All of stdout and of stderr so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Resolves with the address at `ready`; rejects when the process ends before. */
  ready(): Promise<string>
  stop(): Promise<void>
}

/** `npm start -- …args`, without npm. */
export function start(
  args: readonly string[],
  options: { readonly nodeArgs?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Started {
  return watched(
    spawn(NODE, [...(options.nodeArgs ?? []), join(ROOT, 'bin', 'run.js'), 'local/main.ts', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: ROOT,
    }),
  )
}

/** Collects what a process prints. */
export function watched(child: ChildProcess): Started {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8')
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  let over = false
  void exited.then(() => {
    over = true
  })
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    async ready() {
      let url: string | undefined
      await until('ready', () => {
        if (over) throw new Error(`it ended before it was ready:\n${stdout}\n${stderr}`)
        url = /^ready (http:\S+)$/m.exec(stdout)?.[1] ?? /"url":"(http:[^"]+)"/.exec(stdout)?.[1]
        return url !== undefined
      })
      return url ?? ''
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Looks until it holds; throws after so many ms. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 30_000,
): Promise<void> {
  for (const end = performance.now() + ms; ; ) {
    if (await holds()) return
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Command lines of all processes that run now (no zombies), each with its arguments one blank apart. */
export function processes(): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return []
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return [{ pid: Number(entry), command }]
    } catch {
      return []
    }
  })
}

/** Those that name one of the words. */
export function naming(...words: readonly string[]): readonly string[] {
  return processes()
    .map(({ command }) => command)
    .filter((command) => words.some((word) => command.includes(word)))
}
