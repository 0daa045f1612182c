// Containers that are plain processes: a shim for each, a record on disk, and marks that hold its processes together.
//
//   agent --order--> server of shims --fork--> shim --fork--> first process --> anything
//     ^              (shim.c; without a          |             found by descent, session and marker
//     |              compiler a shell script)    | writes `pid` and `exit` into the record
//     +------------------------------------------+ noticed by: a watch on the record, the end of a FIFO, a sweep
//
// The shim outlives the agent; the next agent reads the record and watches on. Nothing is ever found by name.
import { readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../protocol/clock.ts'
import {
  type ContainerExit,
  type ContainerHandle,
  type Containerizer,
  type ContainerSpec,
  type ContainerUsage,
  LaunchFailed,
  type Recovered,
  type Recovery,
} from './containerizer.ts'
import { decideKill, type KillState } from './kill-policy.ts'
import { ProcessContainer, type Surroundings } from './process-container.ts'
import { bootId, machineUnits } from './process-table.ts'
import type { ShimChoice } from './shim.ts'
import { specError } from './starting.ts'
import { turnstile } from './turnstile.ts'

export interface ProcessContainerizerOptions {
  /** Holds a record for each container; belongs to this agent alone. */
  readonly containersDirectory: string
  readonly shims: ShimChoice
  /** The cluster's time, for graces. Sweeps go by the machine's own. */
  readonly clock: Clock
}

/** How often every running container is looked at, should all that notices its end have failed. */
const SWEEP_MS = 2_000
/** More at once are not faster, and the agent has to do other things in between. */
const LAUNCHES_AT_ONCE = 4
/** Containers are looked at in portions of this many, so that thousands do not hold up the agent. */
const PORTION = 128

export class ProcessContainerizer implements Containerizer {
  readonly #options: ProcessContainerizerOptions
  readonly #around: Surroundings
  readonly #containers = new Map<string, ProcessContainer>()
  readonly #kills = new Map<string, { readonly state: KillState; readonly cancel: () => void }>()
  readonly #turnstile = turnstile(LAUNCHES_AT_ONCE)
  #stopSweep: () => void
  #closed = false

  constructor(options: ProcessContainerizerOptions) {
    this.#options = options
    this.#around = { clock: options.clock, bootId: bootId(), units: machineUnits() }
    this.#stopSweep = systemClock.after(SWEEP_MS, () => void this.#sweep())
  }

  async launch(spec: ContainerSpec): Promise<ContainerHandle> {
    const error = specError(spec)
    if (error !== undefined) throw new LaunchFailed('launch', error)
    const id = spec.containerId
    if (this.#containers.has(id)) throw new LaunchFailed('launch', `container ${id} exists already`)
    const container = this.#register(id)
    const leave = await this.#turnstile.enter()
    try {
      return await container.start(spec, () => this.#options.shims.current())
    } catch (reason) {
      this.#containers.delete(id)
      throw reason
    } finally {
      leave()
    }
  }

  wait(containerId: string): Promise<ContainerExit> {
    const container = this.#containers.get(containerId)
    return container?.ended ?? Promise.resolve({ kind: 'lost', why: 'there is no such container' })
  }

  async signal(containerId: string, signal: NodeJS.Signals, whole: 'group' | 'tree'): Promise<void> {
    await this.#containers.get(containerId)?.signal(signal, whole)
  }

  async kill(containerId: string, { graceMs }: { readonly graceMs: number }): Promise<void> {
    if (!this.#containers.get(containerId)?.isRunning()) return
    const { clock } = this.#options
    const before = this.#kills.get(containerId)
    const { state, action } = decideKill(before?.state, { now: clock.now(), graceMs })
    if (action === 'nothing') return
    before?.cancel()
    if (action === 'destroy') {
      this.#kills.set(containerId, { state, cancel: () => {} })
      return this.destroy(containerId)
    }
    const destroy = () => void this.destroy(containerId).catch(() => {})
    this.#kills.set(containerId, { state, cancel: clock.after(state.deadline - clock.now(), destroy) })
    if (action === 'terminate') await this.signal(containerId, 'SIGTERM', 'tree')
  }

  async destroy(containerId: string): Promise<void> {
    const nested = [...this.#containers.keys()].filter((id) => id.startsWith(`${containerId}.`))
    await Promise.all([...nested, containerId].map((id) => this.#containers.get(id)?.destroy()))
  }

  async remove(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId)
    if (container === undefined) return
    await this.destroy(containerId)
    await container.deleteRecord()
    this.#containers.delete(containerId)
    this.#kills.get(containerId)?.cancel()
    this.#kills.delete(containerId)
  }

  async recover(known: readonly string[]): Promise<Recovery> {
    await mkdir(this.#options.containersDirectory, { recursive: true, mode: 0o700 })
    const recorded = readdirSync(this.#options.containersDirectory).filter((id) => !this.#containers.has(id))
    const found = new Map<string, Recovered>()
    await Promise.all(recorded.map(async (id) => found.set(id, await this.#register(id).adopt())))
    const missing: Recovered = { kind: 'lost', why: 'there is no record of it' }
    return {
      containers: new Map(known.map((id) => [id, found.get(id) ?? missing])),
      orphans: recorded.filter((id) => !known.includes(id)),
    }
  }

  async usage(containerId: string): Promise<ContainerUsage | undefined> {
    return this.#containers.get(containerId)?.usage()
  }

  capabilities(): readonly string[] {
    const { kind } = this.#options.shims.current()
    return [
      'processes',
      `shim:${kind}`,
      ...(kind === 'c' ? ['reaper', 'exact-exit'] : []),
      ...(process.getuid?.() === 0 ? ['switch-user'] : []),
    ]
  }

  close(): void {
    this.#closed = true
    this.#stopSweep()
    for (const { cancel } of this.#kills.values()) cancel()
    for (const container of this.#containers.values()) container.letGo()
  }

  #register(id: string): ProcessContainer {
    const container = new ProcessContainer(id, join(this.#options.containersDirectory, id), this.#around)
    this.#containers.set(id, container)
    return container
  }

  async #sweep(): Promise<void> {
    let looked = 0
    for (const container of [...this.#containers.values()].filter((each) => each.isRunning())) {
      container.look()
      if (++looked % PORTION === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    if (!this.#closed) this.#stopSweep = systemClock.after(SWEEP_MS, () => void this.#sweep())
  }
}
