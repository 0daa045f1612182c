// Agents as machines that one can break and repair: each a process with a work directory of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { killMachine } from '../../local/machine.ts'
import { ROOT } from '../vitest.ts'
import { until } from './until.ts'

export interface MachineOptions {
  readonly index: number
  readonly masterUrl: string
  readonly port: number
  readonly dataDir: string
  readonly resources?: string | undefined
  /** Said each time its agent's process has ended. */
  readonly onExit?: ((how: string) => void) | undefined
}

export class Machine {
  readonly index: number
  readonly port: number
  readonly workDir: string
  readonly #options: MachineOptions
  #child: ChildProcess | undefined
  #logFrom = 0

  constructor(options: MachineOptions) {
    this.#options = options
    this.index = options.index
    this.port = options.port
    this.workDir = join(options.dataDir, 'agents', String(options.index))
    mkdirSync(this.workDir, { recursive: true })
  }

  /** Of the agent's process; undefined when it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get logFile(): string {
    return join(this.#options.dataDir, 'agents', `${this.index}.log`)
  }

  /** The agent's id, once it said that it is registered since its last start. */
  get agentId(): string | undefined {
    const text =
      this.#child === undefined ? '' : readFileSync(this.logFile).subarray(this.#logFrom).toString('utf8')
    const [, ready] = /^ready (\{.*\})$/m.exec(text) ?? []
    return ready === undefined ? undefined : (JSON.parse(ready) as { readonly agentId: string }).agentId
  }

  /** Starts its agent; `root` is where the sources of that release are. */
  start(root = ROOT): void {
    this.#logFrom = statSync(this.logFile, { throwIfNoEntry: false })?.size ?? 0
    // Beside the work directory, which may be full.
    const log = openSync(this.logFile, 'a')
    const child = spawn(
      process.execPath,
      [join(root, 'bin', 'run.js'), 'agent/main.ts', ...this.#arguments()],
      {
        stdio: ['ignore', log, log],
        detached: true,
      },
    )
    this.#child = child
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined
      this.#options.onExit?.(signal === null ? `ended with status ${code}` : `was ended by ${signal}`)
    })
  }

  /** Gives the agent's id. */
  async untilRegistered(withinMs = 60_000): Promise<string> {
    await until(`agent ${this.index} is registered`, () => this.agentId !== undefined, withinMs)
    return this.agentId ?? ''
  }

  /** A signal to the agent's process alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** The agent's process gets a signal to end; resolves when it is gone, its tasks go on. */
  async endAgent(signal: 'SIGKILL' | 'SIGTERM', withinMs = 30_000): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), withinMs)
    await gone
    clearTimeout(late)
  }

  /** The power goes: agent, shims, tasks at once. Gives the number of processes. */
  fail(): number {
    return killMachine(this.workDir)
  }

  /** Cuts it off from the control plane and its queues until then (ms since 1970); 0: not any more. */
  cutOffUntil(time: number): void {
    writeFileSync(this.#partitionFile, String(time))
  }

  /** Nothing of it is left. */
  remove(): void {
    killMachine(this.workDir)
    rmSync(this.workDir, { recursive: true, force: true, maxRetries: 5 })
  }

  get #partitionFile(): string {
    return join(this.#options.dataDir, 'agents', `${this.index}.cut-off-until`)
  }

  #arguments(): string[] {
    const { masterUrl, index, resources } = this.#options
    const ports = `ports:[${31_000 + 1_000 * index}-${31_999 + 1_000 * index}]`
    return [
      '--master',
      masterUrl,
      '--work-dir',
      this.workDir,
      '--port',
      String(this.port),
      '--resources',
      `${resources ?? 'cpus:4;mem:4096;disk:10240'};${ports}`,
      '--partition-file',
      this.#partitionFile,
      // Whoever plays with it may be killed, and nobody else would end it.
      '--parent-pid',
      String(process.pid),
    ]
  }
}

/** So many machines, on the ports behind the control plane's; resolves when all are registered. */
export async function startMachines(
  cluster: { readonly url: string; readonly port: number; readonly dataDir: string },
  count: number,
): Promise<readonly Machine[]> {
  const { url: masterUrl, port, dataDir } = cluster
  const machines = Array.from(
    { length: count },
    (_, index) => new Machine({ index, masterUrl, port: port + 1 + index, dataDir }),
  )
  for (const machine of machines) machine.start()
  await Promise.all(machines.map((machine) => machine.untilRegistered()))
  return machines
}
