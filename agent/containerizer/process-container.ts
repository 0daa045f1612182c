// The life of one container that is plain processes: started or found again, looked at, emptied, ended.
import { rm } from 'node:fs/promises'
import { type Clock, sleep, systemClock } from '../../protocol/clock.ts'
import {
  type ContainerExit,
  type ContainerHandle,
  type ContainerSpec,
  type ContainerUsage,
  LaunchFailed,
  type Recovered,
} from './containerizer.ts'
import { emptyContainer, sendGroupSignal, sendSignal } from './emptying.ts'
import { type Identity, isAlive, type machineUnits, mayBeAlive, readStat } from './process-table.ts'
import { MARKER, processesOf, type TreeRoots } from './process-tree.ts'
import { createRecord, readExit, readMain, readShim, recordFile, type ShimRecord } from './record.ts'
import type { Shim } from './shim-order.ts'
import { accountFor, openLogs } from './starting.ts'
import { watchExit, watchShim } from './watch.ts'

/** What all containers of an agent share. */
export interface Surroundings {
  /** The cluster's time. What is waited for here is the kernel, in the machine's own time. */
  readonly clock: Clock
  readonly bootId: string
  readonly units: ReturnType<typeof machineUnits>
}

/** How long the word that a container has ended waits for what it left behind. */
const LEFTOVERS_PATIENCE_MS = 5_000
/** Mesos: the containerizer's destroy timeout. */
const DESTROY_TIMEOUT_MS = 60_000
/** A reaping shim ends right after it has written the exit, unless orphans are left. */
const SHIM_GOES_MS = 2

export class ProcessContainer {
  /** Settled once: the container has ended, and nothing of it is left. */
  readonly ended: Promise<ContainerExit>
  readonly #settle: (exit: ContainerExit) => void
  readonly #id: string
  readonly #directory: string
  readonly #around: Surroundings
  /** These two are known as soon as they have recorded themselves. */
  #shim: ShimRecord | undefined
  #main: Identity | undefined
  /** Noticed; `ended` follows. */
  #exit: ContainerExit | undefined
  #destroyed = false
  /** Its record is on disk. */
  #recorded = false
  /** Its start is over: no word of it is waited for any more. */
  #started = false
  /** Looked for and found: no process is left, and none can come. */
  #isEmpty = false
  #starting: Promise<unknown> = Promise.resolve()
  #emptying: Promise<boolean> | undefined
  #stopWatching = (): void => {}

  /** `directory` is the container's record. */
  constructor(id: string, directory: string, around: Surroundings) {
    const { promise, resolve } = Promise.withResolvers<ContainerExit>()
    this.ended = promise
    this.#settle = resolve
    this.#id = id
    this.#directory = directory
    this.#around = around
  }

  isRunning(): boolean {
    return this.#exit === undefined
  }

  /** Rejects with `LaunchFailed`; nothing is left then. */
  async start(spec: ContainerSpec, chooseShim: () => Shim): Promise<ContainerHandle> {
    const start = this.#start(spec, chooseShim)
    this.#starting = start.catch(() => {})
    try {
      return await start
    } catch (reason) {
      await this.#abandon()
      throw reason instanceof LaunchFailed ? reason : new LaunchFailed('launch', (reason as Error).message)
    }
  }

  /** Takes over a container of an earlier agent from its record. */
  async adopt(): Promise<Recovered> {
    this.#recorded = true
    this.#started = true
    const shim = readShim(this.#directory)
    if (shim !== undefined && shim.bootId !== this.#around.bootId) return this.#endedWithMachine()
    this.#shim = shim
    this.#main = readMain(this.#directory)
    if (shim !== undefined && mayBeAlive(shim)) this.#watch()
    // Left behind when the agent was killed in the midst of a launch: it holds the task's environment.
    if (this.#main !== undefined) await rm(recordFile.launch(this.#directory), { force: true })
    this.look()
    return this.isRunning() ? { kind: 'running', handle: this.#main } : this.ended
  }

  /** Looks whether it has ended; cheap, and harmless at any time. */
  look(): void {
    if (this.#exit !== undefined || !this.#started) return
    try {
      const { shim, main } = this.#read()
      // In this order: a shim that is gone has written its last word before it went.
      const isShimGone = shim === undefined || !isAlive(shim)
      const exit = readExit(this.#directory)
      const why = main === undefined ? 'it was never started' : 'the process that watched over it is gone'
      if (exit !== undefined) void this.#finish(exit)
      else if (isShimGone) void this.#finish({ kind: 'lost', why })
    } catch {
      // Not to be told now (no file descriptor is free): nothing is concluded from that, the next look will tell.
    }
  }

  async signal(signal: NodeJS.Signals, whole: 'group' | 'tree'): Promise<void> {
    if (this.#exit !== undefined || this.#main === undefined) return
    if (whole === 'group') return sendGroupSignal(this.#main, signal)
    for (const each of await processesOf(this.#roots())) {
      sendSignal(each, signal)
      // A stopped process does not see the signal until somebody lets it go on.
      if (signal === 'SIGTERM') sendSignal(each, 'SIGCONT')
    }
  }

  async destroy(): Promise<void> {
    this.#destroyed = true
    // One that has not begun sees this and does not; one that is being started is so in a moment.
    await this.#starting
    if (!this.#recorded) return void (await this.ended)
    const since = systemClock.now()
    while (!this.#isEmpty && !(await this.#empty())) {
      if (systemClock.now() - since < DESTROY_TIMEOUT_MS) continue
      throw new Error(`container ${this.#id} still has processes after ${DESTROY_TIMEOUT_MS / 1000} s`)
    }
    this.look()
    await this.ended
  }

  async usage(): Promise<ContainerUsage | undefined> {
    const processes = this.#exit === undefined ? await processesOf(this.#roots()) : []
    if (processes.length === 0) return undefined
    // The shim's account holds what orphans used that it has reaped.
    const shim = this.#shim === undefined ? undefined : readStat(this.#shim.pid)
    const charged = shim === undefined ? processes : [...processes, shim]
    const { ticksPerSecond, pageBytes } = this.#around.units
    return {
      timestamp: this.#around.clock.now() / 1000,
      cpusUserSeconds: total(charged.map(({ userTicks }) => userTicks)) / ticksPerSecond,
      cpusSystemSeconds: total(charged.map(({ systemTicks }) => systemTicks)) / ticksPerSecond,
      memRssBytes: total(processes.map(({ rssPages }) => rssPages)) * pageBytes,
      processes: processes.length,
      threads: total(processes.map(({ threads }) => threads)),
    }
  }

  /** Deletes the record of a container that has ended. */
  async deleteRecord(): Promise<void> {
    // Again if a shim writes into it just now.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 5 })
  }

  /** Watches no more; the container goes on. */
  letGo(): void {
    this.#stopWatching()
  }

  async #start(spec: ContainerSpec, chooseShim: () => Shim): Promise<ContainerHandle> {
    const { bootId } = this.#around
    const account = await accountFor(spec.user)
    const logs = await openLogs(spec, account)
    try {
      if (this.#destroyed) throw new LaunchFailed('launch', 'destroyed while it was being launched')
      createRecord(this.#directory)
      this.#recorded = true
      this.#main = await chooseShim().start({
        containerId: spec.containerId,
        record: this.#directory,
        sandbox: spec.sandbox,
        bootId,
        argv: spec.argv,
        environment: { ...spec.environment, [MARKER]: spec.containerId },
        account,
        stdout: logs.stdout,
        stderr: logs.stderr,
      })
      this.#started = true
      this.look()
      if (this.isRunning()) this.#watch()
      return this.#main
    } finally {
      // The shim has its own copies by now; nobody waits for these.
      void logs.close()
    }
  }

  /** After a launch that failed: nothing is left, not even the record. */
  async #abandon(): Promise<void> {
    this.#exit ??= { kind: 'lost', why: 'it was not launched' }
    if (this.#recorded) {
      this.#roots()
      // Without it, a shim that is only late starts nothing any more.
      await this.deleteRecord().catch(() => {})
      await this.#empty()
    }
    this.#isEmpty = true
    this.#settle(this.#exit)
  }

  #watch(): void {
    const onHint = () => this.look()
    const ways = [watchExit(this.#directory, onHint), watchShim(this.#directory, onHint)]
    this.#stopWatching = () => {
      for (const stop of ways) stop()
    }
  }

  async #finish(exit: ContainerExit): Promise<void> {
    this.#exit = exit
    this.#stopWatching()
    const { shim, main } = this.#roots()
    // Without its record, a shim that is only late starts nothing any more.
    if (exit.kind === 'lost' && main === undefined) await this.deleteRecord().catch(() => {})
    if (exit.kind !== 'lost' && shim?.reaper) {
      if (mayBeAlive(shim)) await sleep(systemClock, SHIM_GOES_MS)
      // It goes only when no orphan is left.
      if (!mayBeAlive(shim)) this.#isEmpty = true
    }
    if (!this.#isEmpty) await this.#empty()
    this.#settle(exit)
  }

  #endedWithMachine(): ContainerExit {
    this.#isEmpty = true
    this.#exit = readExit(this.#directory) ?? { kind: 'lost', why: 'the machine was restarted' }
    this.#settle(this.#exit)
    return this.#exit
  }

  /** One at a time: whoever asks meanwhile shares it. */
  #empty(): Promise<boolean> {
    const options = { patienceMs: LEFTOVERS_PATIENCE_MS }
    this.#emptying ??= emptyContainer(() => this.#roots(), options).then((isEmpty) => {
      this.#emptying = undefined
      this.#isEmpty ||= isEmpty
      return isEmpty
    })
    return this.#emptying
  }

  /** What is known by now: shim and first process record themselves while the launch goes on. */
  #roots(): TreeRoots {
    try {
      return this.#read()
    } catch {
      // What is not to be read now is read next time.
      return { containerId: this.#id, shim: this.#shim, main: this.#main }
    }
  }

  #read(): TreeRoots {
    this.#shim ??= readShim(this.#directory)
    this.#main ??= readMain(this.#directory)
    return { containerId: this.#id, shim: this.#shim, main: this.#main }
  }
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}
