// A cluster of real processes for live tests: what `npm start` runs, on a free port, with its data in a fresh folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../local/free-port.ts'
import { killMachine } from '../../local/machine.ts'
import { ROOT } from '../vitest.ts'

export interface LiveCluster {
  readonly url: string
  /** Of the front; agents take those that follow. */
  readonly port: number
  readonly dataDir: string
  readonly lines: readonly string[]
  /** kill -9 of the control plane; agents and the table's emulator go on. */
  killControlPlane(): Promise<void>
  /** Starts the control plane again over the same data; resolves at `ready`. `root`: where the sources are. */
  startAgain(root?: string): Promise<void>
  /** Pid of the control plane; undefined when it does not run. */
  readonly pid: () => number | undefined
  stop(): Promise<void>
  /** Everything of it is killed at once; its folder stays. */
  stopAtOnce(): Promise<void>
  /** Everything of it is killed at once, and its folder goes. */
  vanish(): Promise<void>
}

export interface LiveOptions {
  readonly agents?: number
  readonly profile?: 'fast' | 'default' | 'mesos'
  readonly resources?: string
  /** Ports kept free behind the front, for agents that are started later. */
  readonly ports?: number
  /** Said each time the control plane's process has ended. */
  readonly onExit?: (how: string) => void
  /** False: as `npm start` without --data, everything in memory and gone with it. */
  readonly keepsData?: boolean
}

/** Starts a cluster and waits until it prints `ready`. */
export async function startLiveCluster(options: LiveOptions = {}): Promise<LiveCluster> {
  const port = await freePortBlock((options.ports ?? options.agents ?? 3) + 1)
  const dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'meseta-live-')))
  const lines: string[] = []
  const args = [
    'local/main.ts',
    '--port',
    String(port),
    '--agents',
    String(options.agents ?? 3),
    ...(options.keepsData === false ? [] : ['--data', dataDir]),
    '--profile',
    options.profile ?? 'default',
    ...(options.resources === undefined ? [] : ['--agent-resources', options.resources]),
  ]
  let child: ChildProcess | undefined
  try {
    await start()
  } catch (error) {
    await vanish()
    throw error
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    dataDir,
    lines,
    killControlPlane: () => ended('SIGKILL'),
    startAgain: start,
    pid: () => (hasEnded(child) ? undefined : child?.pid),
    stopAtOnce,
    vanish,
    async stop() {
      await ended('SIGTERM')
      await vanish()
    },
  }

  async function stopAtOnce(): Promise<void> {
    await ended('SIGKILL')
    killMachine(dataDir)
  }

  /** Also what a failed test left behind: everything that names this folder, and nothing else. */
  async function vanish(): Promise<void> {
    await stopAtOnce()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }

  async function start(root = ROOT): Promise<void> {
    // What it makes without --data goes here too, so that whatever is left behind names this folder.
    const env = { ...process.env, TMPDIR: dataDir }
    // A group of its own: Ctrl-C is for whoever runs us, and that one takes care of this.
    const started = spawn(process.execPath, [join(root, 'bin', 'run.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
      detached: true,
    })
    child = started
    started.once('exit', (code, signal) =>
      options.onExit?.(signal === null ? `ended with status ${code}` : `was ended by ${signal}`),
    )
    await new Promise<void>((resolve, reject) => {
      let text = ''
      const take = (chunk: Buffer) => {
        text += chunk.toString('utf8')
        const whole = text.split('\n')
        text = whole.pop() ?? ''
        lines.push(...whole)
        if (whole.some((line) => line.startsWith('ready '))) resolve()
      }
      started.stdout.on('data', take)
      started.stderr.on('data', take)
      started.once('exit', (code, signal) =>
        reject(
          new Error(
            `the cluster ended (${signal ?? code}) before it was ready:\n${lines.slice(-20).join('\n')}\n${text}`,
          ),
        ),
      )
      setTimeout(
        () => reject(new Error(`the cluster was not ready within 60 s:\n${lines.slice(-20).join('\n')}`)),
        60_000,
      ).unref()
    })
  }

  function ended(signal: NodeJS.Signals): Promise<void> {
    const running = child
    if (running === undefined || hasEnded(running)) return Promise.resolve()
    return new Promise((resolve) => {
      running.once('exit', () => resolve())
      running.kill(signal)
    })
  }
}

function hasEnded(child: ChildProcess | undefined): boolean {
  return child === undefined || child.exitCode !== null || child.signalCode !== null
}

/** The front and its agents take ports in a row. */
async function freePortBlock(size: number): Promise<number> {
  const { isFree } = await import('../../local/free-port.ts')
  for (;;) {
    const first = await freePort()
    const free = await Promise.all(
      Array.from({ length: size }, (_, index) => (first + index < 65_536 ? isFree(first + index) : false)),
    )
    if (free.every(Boolean)) return first
  }
}
