// A machine with an agent on it: containers in virtual time that outlive the agent process, and the real agent on top.
import { type Acting, startActing } from '../../agent/acting.ts'
import type { Remembered } from '../../agent/checkpoint.ts'
import { type ContainerOrder, type Containers, LaunchRefused } from '../../agent/containers.ts'
import type { ControlPlane } from '../../agent/control-plane.ts'
import { readJson, writeJson } from '../../agent/exact-json.ts'
import { executorApi } from '../../agent/executor/calls.ts'
import { ExecutorStreams } from '../../agent/executor/streams.ts'
import { type Link, startLink } from '../../agent/link.ts'
import { newPerformer } from '../../agent/performer.ts'
import { recall } from '../../agent/recall.ts'
import { type AgentState, emptyState } from '../../agent/state.ts'
import type { Action, ContainerEnd, FoundContainer } from '../../agent/turn.ts'
import type { HttpAnswer } from '../../functions/http/types.ts'
import type { MessageSource, Received } from '../../functions/ports/message-source.ts'
import type { AgentAnswer, AgentCall, Nudge } from '../../protocol/agent-messages.ts'
import type { AgentInfo } from '../../protocol/messages.ts'
import { Disk } from './disk.ts'
import { SimExecutor } from './executors.ts'
import { type Network, NoAnswer, post } from './network.ts'
import { type PortFaults, queuesFor } from './ports.ts'
import { SimProcess } from './process.ts'
import type { Story } from './story.ts'
import { EXECUTOR_COMMAND, readEnd } from './workloads.ts'

export interface MachineOptions extends PortFaults {
  readonly name: string
  readonly info: AgentInfo
  readonly instanceId?: string | undefined
  readonly network: Network
  readonly queues: MessageSource
  readonly story: Story
  /** Containers do not end by themselves after this (ms since 1970). */
  readonly lastEnd: number
  readonly observer: MachineObserver
  readonly mutation?: AgentMutation | undefined
}

export interface MachineObserver {
  started(machine: Machine, task: string): void
  beat(agentId: string): void
  /** A call of an agent, as it leaves it. */
  called(machine: Machine, call: AgentCall): void
  registered(agentId: string): void
  /** A call of a sound agent was said to be wrong. */
  refused(machine: Machine, call: AgentCall, answer: HttpAnswer): void
  /** A container that a starting agent does not know is destroyed. */
  orphaned(machine: Machine, task: string): void
}

/** Planted bugs of an agent. */
export interface AgentMutation {
  nudge?(nudge: Nudge, state: AgentState): Nudge
  answer?(call: AgentCall, answer: unknown): unknown
  /** What it believes when a call was not answered; undefined: just that. */
  unanswered?(call: AgentCall): unknown
  /** What a starting agent reads from its disk. */
  remembered?(remembered: Remembered): Remembered
}

interface Container {
  readonly id: string
  /** `framework/task`, of an executor `framework/executor`. */
  readonly task: string
  /** The executor that runs in it. */
  executor: SimExecutor | undefined
  end: ContainerEnd | undefined
  readonly ignoresTerm: boolean
  kill: (end: ContainerEnd) => void
  readonly waiting: ((end: ContainerEnd) => void)[]
}

const TERM: ContainerEnd = { kind: 'signal', value: 15 }
const KILL: ContainerEnd = { kind: 'signal', value: 9 }

export class Machine {
  readonly name: string
  readonly disk = new Disk()
  readonly #options: MachineOptions
  #containers = new Map<string, Container>()
  #process: SimProcess | undefined
  #acting: Acting | undefined
  #link: Link | undefined
  #api: ReturnType<typeof executorApi> | undefined
  #partitionedUntil = 0
  #bootNumber = 0
  /** It was told to go, and stays away; or the cloud has taken it. */
  isOver = false
  /** Where machines are EC2 instances: which one this is now. */
  instanceId: string | undefined

  constructor(options: MachineOptions) {
    this.#options = options
    this.name = options.name
    this.instanceId = options.instanceId
  }

  get agentId(): string | undefined {
    return this.#acting?.state.agentId
  }

  get zone(): string | undefined {
    return this.#options.info.domain?.fault_domain?.zone.name
  }

  get state(): AgentState | undefined {
    return this.isUp ? this.#acting?.state : undefined
  }

  get isUp(): boolean {
    return this.#process !== undefined && !this.#process.isDead
  }

  /** `framework/task` of every container that runs. */
  running(): string[] {
    return [...this.#containers.values()]
      .filter(({ end }) => end === undefined)
      .flatMap(({ task, executor }) => executor?.running() ?? [task])
  }

  partition(ms: number): void {
    this.#partitionedUntil = this.#now() + ms
  }

  heal(): void {
    this.#partitionedUntil = 0
  }

  /** `kill -9` of the agent process: its containers go on. */
  killProcess(): void {
    this.#process?.die()
    this.#link?.stop()
    this.#acting = undefined
    this.#api = undefined
    for (const { executor } of this.#containers.values()) executor?.lost()
  }

  /** Power off: nothing runs any more; the disk stays. */
  powerOff(): void {
    this.killProcess()
    this.#emptied()
    this.#bootNumber += 1
  }

  /** Repaired, with an empty disk: it comes back as a new agent (F15). */
  renew(): void {
    this.powerOff()
    this.disk.forgetAll()
    this.isOver = false
  }

  #emptied(): void {
    for (const { executor } of this.#containers.values()) executor?.die()
    this.#containers = new Map()
  }

  isCutOff(): boolean {
    return this.#isCut()
  }

  #now(): number {
    return this.#options.network.time.now()
  }

  #isCut(): boolean {
    return this.#now() < this.#partitionedUntil
  }

  async start(): Promise<void> {
    if (this.isUp || this.isOver) return
    const { network, story, info } = this.#options
    const { chance, time } = network
    const process = new SimProcess(`agent ${this.name}`, time, chance, chance.between(-120_000, 120_000))
    this.#process = process
    const boot = this.#bootNumber
    const state = emptyState()
    const rebooted = this.#booted !== boot
    this.#booted = boot
    const { mutation } = this.#options
    const read = this.disk.read()
    const remembered = mutation?.remembered?.(read) ?? read
    if (!recall(state, remembered, { hostInfo: info, reconfiguration: 'equal', rebooted }))
      this.disk.forgetAll()
    this.disk.info = info
    story.tell(`${this.name} starts its agent${rebooted ? ' after a boot' : ''}`, this.name, state.agentId)
    const log = {
      info() {},
      warn() {},
      error: (text: string) => story.tell(`${this.name}: ${text}`, this.name),
    }
    const containers = this.#containersFor(process)
    const streams = new ExecutorStreams()
    const performer = newPerformer(
      {
        clock: process,
        log,
        containers,
        streams,
        ip: '10.0.0.1',
        port: () => 5051,
        executorEnvironment: {},
        sandboxOf: () => '/sandbox',
        collection: () => ({ begin: async () => {}, done: () => {} }),
      },
      () => acting,
    )
    const acting = startActing({
      clock: process,
      state,
      ip: '10.0.0.1',
      agentInfo: () => ({
        ...info,
        ...(state.agentId === undefined ? {} : { id: { value: state.agentId } }),
      }),
      write: (saves, now) => this.disk.write(saves, now),
      act: (action) => this.#act(action, process, performer),
      onFailure: (error) => {
        throw error
      },
      soon: (action) => void process.after(0, action),
      ids: { newUuid: () => chance.bytes(16), newContainerId: () => chance.uuid() },
    })
    this.#acting = acting
    this.#api = executorApi(acting, streams)
    const known = [...state.tasks.values(), ...state.executors.values()].map(({ containerId }) => containerId)
    const found = await containers.recover(known)
    if (process.isDead) return
    await acting.submit({ input: 'recovered', containers: found, rebooted })
    for (const [value, container] of found) if (container.found === 'running') performer.watch({ value })
    this.#link = startLink({
      clock: process,
      acting,
      controlPlane: this.#controlPlane(process),
      log,
      random: chance.next,
      bootNonce: chance.uuid(),
      about: { agentInfo: info, address: { ip: '10.0.0.1', port: 5051 }, instanceId: this.instanceId },
      onRegistered: (agentId) => {
        this.#options.observer.registered(agentId)
        story.tell(`${this.name} is registered as ${agentId}`, this.name, agentId)
      },
      onShutdown: (why) => this.#endProcess(why),
    })
  }
  #booted = 0

  #endProcess(why: string): void {
    this.#options.story.tell(`${this.name} is told to go: ${why}`, this.name, this.agentId)
    this.isOver = true
    this.killProcess()
    this.#emptied()
  }

  #act(
    action: Exclude<Action, { action: 'timer' | 'cancel' }>,
    process: SimProcess,
    performer: ReturnType<typeof newPerformer>,
  ): void {
    if (process.isDead) return
    const state = this.#acting?.state
    switch (action.action) {
      case 'launch-task': {
        const task = state?.tasks.get(action.task)
        if (task !== undefined) performer.launchTask(task)
        return
      }
      case 'report':
        this.#link?.reporter.wake()
        return
      case 'call':
        this.#link?.reporter.call()
        return
      case 'sync':
        this.#link?.sync()
        return
      case 'register':
        this.#link?.registerAgain()
        return
      case 'end-process':
        this.#endProcess(action.why)
        return
      case 'launch-executor': {
        const executor = state?.executors.get(action.executor)
        if (executor !== undefined) performer.launchExecutor(executor)
        return
      }
      case 'log':
      case 'probe':
        return
      default:
        performer.perform(action)
    }
  }

  #controlPlane(process: SimProcess): ControlPlane {
    const { network, queues, mutation, observer } = this.#options
    const own = queuesFor(process, queues, this.#options)
    const received = new Map<string, Received>()
    const isCut = () => this.#isCut()
    const throughPartition = async <T>(work: () => Promise<T>): Promise<T> => {
      if (!isCut()) return await work()
      await process.wait(10_000)
      throw new NoAnswer('no way to the queues (simulated)')
    }
    return {
      call: async <C extends AgentCall>(call: C) => {
        observer.called(this, call)
        const body = Buffer.from(writeJson(call))
        const headers = { 'content-type': 'application/json' }
        const answer = await process.ask(() =>
          post(network, '/api/v1/agent', headers, body, isCut).catch((error: unknown) => {
            const believed = mutation?.unanswered?.(call)
            if (believed === undefined) throw error
            return { status: 200, headers, body: writeJson(believed) }
          }),
        )
        if (answer.status >= 400 && answer.status < 500) observer.refused(this, call, answer)
        if (answer.status !== 200 || typeof answer.body !== 'string')
          throw new Error(`${call.type} was answered with ${answer.status}`)
        const read = readJson(answer.body)
        // The control plane answers in the types of protocol/agent-messages.ts.
        return (mutation?.answer?.(call, read) ?? read) as AgentAnswer<C>
      },
      receive: ({ commands }, signal) =>
        throughPartition(async () => {
          const agentId = commands.queueUrl.replace('memory:agent-', '')
          const messages = await own.receive({ agentId }, { waitMs: 20_000, signal })
          return messages.map((message) => {
            received.set(message.receipt, message)
            const nudge = readJson(message.body) as Nudge
            const state = this.#acting?.state
            const seen =
              mutation?.nudge === undefined || state === undefined ? nudge : mutation.nudge(nudge, state)
            return { nudge: seen, receipt: message.receipt }
          })
        }),
      remove: (queue, receipts) =>
        throughPartition(async () => {
          const agentId = queue.commands.queueUrl.replace('memory:agent-', '')
          const messages = receipts.flatMap((receipt) => received.get(receipt) ?? [])
          for (const receipt of receipts) received.delete(receipt)
          await own.remove({ agentId }, messages)
        }),
      beat: ({ beats }, beat) =>
        throughPartition(async () => {
          await own.send('heartbeats', JSON.stringify(beat), { group: beats.group })
          observer.beat(beat.agentId)
        }),
      close: () => {},
    }
  }

  #containersFor(process: SimProcess): Containers {
    const { network, story, observer } = this.#options
    const { chance, time } = network
    const containers = this.#containers
    const none = async () => undefined
    return {
      launch: async (order: ContainerOrder) => {
        await process.wait(chance.between(20, 3_000))
        const task = `${order.frameworkId}/${order.taskId ?? order.executorId}`
        if (chance.happens(0.01)) throw new LaunchRefused({ why: 'launch', message: 'no file (simulated)' })
        const end = readEnd(order.command.value ?? '')
        const container: Container = {
          id: order.containerId.value,
          task,
          executor: undefined,
          end: undefined,
          ignoresTerm: chance.happens(0.1),
          kill: () => {},
          waiting: [],
        }
        container.kill = (how) => {
          if (container.end !== undefined) return
          container.end = how
          container.executor?.die()
          story.tell(`${this.name}: container of ${task} ends (${how.kind} ${how.value})`, this.name, task)
          for (const resolve of container.waiting.splice(0)) resolve(how)
        }
        containers.set(container.id, container)
        story.tell(`${this.name} starts a container of ${task}`, this.name, task)
        if (order.command.value === EXECUTOR_COMMAND) {
          container.executor = this.#executor(order, container)
        } else {
          observer.started(this, task)
          if (time.now() + end.afterMs < this.#options.lastEnd)
            time.after(end.afterMs, () => container.kill({ kind: 'exit', value: end.code }))
        }
        return { pid: chance.whole(100, 30_000) }
      },
      wait: ({ value }) =>
        process.ask(
          () =>
            new Promise<ContainerEnd>((resolve) => {
              const container = containers.get(value)
              if (container === undefined) resolve({ kind: 'unknown', value: 0 })
              else if (container.end !== undefined) resolve(container.end)
              else container.waiting.push((end) => process.after(chance.between(1, 50), () => resolve(end)))
            }),
        ),
      signal: async ({ value }, signal) => {
        const container = containers.get(value)
        if (container === undefined || (signal === 'SIGTERM' && container.ignoresTerm)) return
        time.after(chance.between(1, 2_000), () => container.kill(signal === 'SIGTERM' ? TERM : KILL))
      },
      destroy: async ({ value }) => {
        const container = containers.get(value)
        if (container !== undefined) time.after(chance.between(1, 200), () => container.kill(KILL))
      },
      forget: async ({ value }) => {
        if (containers.get(value)?.end !== undefined) containers.delete(value)
      },
      recover: async (known) => {
        const found = new Map<string, FoundContainer>()
        const wanted = new Set(known.map(({ value }) => value))
        for (const container of containers.values()) {
          if (!wanted.has(container.id)) {
            if (container.end === undefined) observer.orphaned(this, container.task)
            container.kill(KILL)
          } else if (container.end === undefined) found.set(container.id, { found: 'running', pid: 7 })
          else found.set(container.id, { found: 'ended', end: container.end })
        }
        return found
      },
      usage: none,
      run: async () => ({ kind: 'exit', value: 0 }),
    }
  }

  #executor({ frameworkId, executorId }: ContainerOrder, container: Container): SimExecutor {
    const { network, observer, lastEnd } = this.#options
    const { time, chance } = network
    return new SimExecutor({
      ...{ frameworkId, executorId, time, chance, lastEnd },
      api: () => {
        const api = this.#api
        // Other paths are not asked for here.
        return this.isUp && api !== undefined ? async (request) => await api(request) : undefined
      },
      started: (taskId) => observer.started(this, `${frameworkId}/${taskId}`),
      exit: (value) => container.kill({ kind: 'exit', value }),
    })
  }
}
