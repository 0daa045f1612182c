// The cluster that chaos works on: real processes, each of which can be broken and repaired.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { alive, identityOf, type ProcessIdentity } from '../../local/process-identity.ts'
import { type LiveCluster, startLiveCluster } from '../live/cluster.ts'
import { KeeperHandle } from '../live/keeper-handle.ts'
import { Machine } from '../live/machines.ts'
import { processesOf, type RealProcess, tasksOf } from '../live/really-running.ts'
import { releaseOf } from '../live/release.ts'
import { until } from '../live/until.ts'
import { ROOT } from '../vitest.ts'

const NEWER = '0.1.1-chaos'
const DISK = '24m'
const PATIENCE_MS = 120_000

export interface WorldOptions {
  readonly agents: number
  readonly tasks: number
  readonly profile: 'fast' | 'default'
  /** Something ended that nobody had ended. */
  readonly onStrange: (what: string) => void
}

export class ChaosWorld {
  readonly options: WorldOptions
  readonly cluster: LiveCluster
  readonly machines: readonly Machine[]
  /** Why machine 0 has no small disk of its own; undefined when it has. */
  readonly noDisk: string | undefined
  readonly newer: string
  scheduler: KeeperHandle
  /** Machines whose agent is of the newer release. */
  readonly #upgraded = new Set<number>()
  /** Ends that were meant: of machines by index, of the control plane, of the scheduler. */
  readonly #meant: Set<string>
  #table: ChildProcess | undefined

  private constructor(given: {
    readonly options: WorldOptions
    readonly cluster: LiveCluster
    readonly machines: readonly Machine[]
    readonly noDisk: string | undefined
    readonly newer: string
    readonly meant: Set<string>
  }) {
    this.options = given.options
    this.cluster = given.cluster
    this.machines = given.machines
    this.noDisk = given.noDisk
    this.newer = given.newer
    this.#meant = given.meant
    this.scheduler = this.#startScheduler()
  }

  /** Everything runs. `onCluster` hears of what has to be taken away again. */
  static async start(
    options: WorldOptions,
    onCluster: (cluster: Promise<LiveCluster>) => void,
  ): Promise<ChaosWorld> {
    const meant = new Set<string>()
    const strange = (who: string) => (how: string) => {
      if (!meant.has(who)) options.onStrange(`${who} ${how}`)
    }
    const starting = startLiveCluster({
      agents: 0,
      ports: options.agents,
      profile: options.profile,
      onExit: strange('the control plane'),
    })
    onCluster(starting)
    const cluster = await starting
    mkdirSync(join(cluster.dataDir, 'traces'))
    const machines = Array.from(
      { length: options.agents },
      (_, index) =>
        new Machine({
          index,
          masterUrl: cluster.url,
          port: cluster.port + 1 + index,
          dataDir: cluster.dataDir,
          onExit: strange(`agent ${index}`),
        }),
    )
    const noDisk = mountDisk(machines[0]?.workDir ?? '')
    for (const machine of machines) machine.start()
    await Promise.all(machines.map((machine) => machine.untilRegistered()))
    return new ChaosWorld({
      options,
      cluster,
      machines,
      noDisk,
      newer: releaseOf(NEWER, cluster.dataDir),
      meant,
    })
  }

  get mark(): string {
    return this.cluster.dataDir
  }

  get traces(): string {
    return join(this.cluster.dataDir, 'traces')
  }

  machine(index: number): Machine {
    const machine = this.machines[index]
    if (machine === undefined) throw new Error(`there is no machine ${index}`)
    return machine
  }

  flipRelease(index: number): void {
    if (!this.#upgraded.delete(index)) this.#upgraded.add(index)
  }

  /** Where the sources of a machine's agent are. */
  releaseOf(index: number): string {
    return this.#upgraded.has(index) ? this.newer : ROOT
  }

  /** Whatever ends from now on by this name was meant to; `expect` again ends that. */
  mean(who: string): void {
    this.#meant.add(who)
  }

  expect(who: string): void {
    this.#meant.delete(who)
  }

  tasks(): ReadonlyMap<string, readonly RealProcess[]> {
    return tasksOf(this.cluster.dataDir, this.mark)
  }

  processes(): readonly RealProcess[] {
    return processesOf(this.cluster.dataDir)
  }

  shims(): readonly RealProcess[] {
    return this.processes().filter(isShim)
  }

  executors(): readonly RealProcess[] {
    return this.processes().filter(isExecutor)
  }

  /** Processes of tasks themselves. */
  taskProcesses(): readonly RealProcess[] {
    return [...this.tasks().values()].flat().filter((one) => !isShim(one) && !isExecutor(one))
  }

  async killControlPlane(): Promise<void> {
    this.mean('the control plane')
    await this.cluster.killControlPlane()
  }

  async startControlPlane(root = ROOT): Promise<void> {
    await this.cluster.startAgain(root)
    this.expect('the control plane')
  }

  /** The table's emulator; what it was started with is kept for its next start. */
  table(): (ProcessIdentity & { readonly endpoint: string }) | undefined {
    const file = this.#tableFile
    if (!existsSync(file)) return undefined
    const identity = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity & { readonly endpoint: string }
    return alive(identity) ? identity : undefined
  }

  /** Gives what starts it again; undefined when it does not run. */
  async killTable(): Promise<(() => void) | undefined> {
    const running = this.table()
    if (running === undefined) return undefined
    const [binary = '', ...args] = readFileSync(`/proc/${running.pid}/cmdline`, 'utf8')
      .split('\0')
      .slice(0, -1)
    process.kill(running.pid, 'SIGKILL')
    await until('the table is gone', () => !alive(running), PATIENCE_MS)
    return () => {
      const log = openSync(join(this.cluster.dataDir, 'dynamodb.log'), 'a')
      this.#table = spawn(binary, args, { stdio: ['ignore', log, log], detached: true })
      const identity = { ...identityOf(this.#table.pid ?? 0), endpoint: running.endpoint }
      writeFileSync(this.#tableFile, JSON.stringify(identity))
    }
  }

  restartScheduler(): void {
    this.scheduler = this.#startScheduler()
  }

  /** Everything of it goes; `kept` leaves the folder. */
  async end(kept: boolean): Promise<void> {
    for (const who of ['the control plane', ...this.machines.map(({ index }) => `agent ${index}`)])
      this.mean(who)
    this.mean('the scheduler')
    await this.scheduler.kill()
    await endCluster(this.cluster, kept)
  }

  get #tableFile(): string {
    return join(this.cluster.dataDir, 'dynamodb.pid.json')
  }

  #startScheduler(): KeeperHandle {
    const { dataDir, url } = this.cluster
    const keeper = new KeeperHandle({
      master: url,
      name: 'kept',
      stateFile: join(dataDir, 'scheduler.json'),
      tasks: this.options.tasks,
      kinds: { mark: this.mark, traces: this.traces, kinds: 'mixed' },
    })
    this.expect('the scheduler')
    keeper.onEnd = () => {
      if (!this.#meant.has('the scheduler')) this.options.onStrange(`the scheduler ended ${keeper.errors}`)
    }
    return keeper
  }
}

/** Also of one whose world never came to be; `kept` leaves the folder, with what was on the small disk. */
export async function endCluster(cluster: LiveCluster, kept: boolean): Promise<void> {
  await cluster.stopAtOnce()
  const disk = join(cluster.dataDir, 'agents', '0')
  if (kept && existsSync(disk)) cpSync(disk, `${disk}.kept`, { recursive: true })
  if (process.getuid?.() === 0) spawnSync('umount', ['-l', disk])
  if (!kept) await cluster.vanish()
}

export function isShim({ command }: RealProcess): boolean {
  return /\/shims\/shim-|shim\.sh/.test(command)
}

export function isExecutor({ command }: RealProcess): boolean {
  return (
    command.includes('steady-executor.ts') &&
    !command.startsWith('/bin/sh') &&
    !isShim({ command } as RealProcess)
  )
}

/** A small file system of its own; undefined when it is there, else why not. */
function mountDisk(workDir: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can give an agent a small disk'
  const { status, stderr } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${DISK},mode=755`, 'chaos', workDir],
    {
      encoding: 'utf8',
    },
  )
  return status === 0 ? undefined : `no small disk: ${stderr.trim()}`
}
