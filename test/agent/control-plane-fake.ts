// A control plane for agent tests: it keeps wanted state and custody as the real one does, and loses what a test wants lost.

import type { ControlPlane, ReceivedNudge } from '../../agent/control-plane.ts'
import type {
  AgentAnswer,
  AgentCall,
  AgentDrain,
  Beat,
  ExecutorExit,
  Notice,
  Nudge,
  RegisterAnswer,
  RegisterCall,
  SyncAnswer,
  UpdateReport,
  UpdatesCall,
  WantedTask,
} from '../../protocol/agent-messages.ts'
import { durationInfo } from '../../protocol/durations.ts'
import type { FrameworkInfo } from '../../protocol/messages.ts'

const AGENT = 'm-S1'

export type Registered = Extract<RegisterAnswer, { kind: 'registered' }>

export class FakeControlPlane implements ControlPlane {
  readonly registrations: RegisterCall[] = []
  readonly updates: UpdateReport[] = []
  readonly exits: ExecutorExit[] = []
  readonly messages: UpdatesCall['messages'][number][] = []
  readonly beats: Beat[] = []
  readonly notices: Notice[] = []
  readonly calls: AgentCall[] = []
  readonly wanted = new Map<string, WantedTask>()
  readonly taken = new Map<string, number>()
  frameworks: FrameworkInfo[] = []
  endExecutors: { frameworkId: string; executorId: string }[] = []
  /** As lists say it; `drain` also makes every task one to stop. */
  drained: AgentDrain | undefined
  generation = 0
  incarnation = 0
  /** Nothing is answered while true. */
  away = false
  private nonce = ''
  private queue: Nudge[] = []
  private bell: (() => void) | undefined

  async call<C extends AgentCall>(call: C): Promise<AgentAnswer<C>> {
    if (this.away) throw new Error('the control plane is away')
    this.calls.push(call)
    // Each answer is the one of its call's type.
    return this.answer(call) as AgentAnswer<C>
  }

  async receive(_queues: unknown, signal: AbortSignal): Promise<readonly ReceivedNudge[]> {
    if (this.queue.length === 0) {
      await new Promise<void>((resolve) => {
        this.bell = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    const nudges = this.queue
    this.queue = []
    return nudges.map((nudge) => ({ nudge, receipt: 'r' }))
  }

  async remove(): Promise<void> {}

  async beat(_queues: unknown, beat: Beat): Promise<void> {
    this.beats.push(beat)
  }

  close(): void {}

  nudge(nudge: Nudge): void {
    this.queue.push(nudge)
    this.bell?.()
  }

  /** Commits a change of wanted state; returns the nudge, which is sent unless it is to be lost. */
  want(tasks: readonly WantedTask[], options: { readonly lose?: boolean } = {}): Nudge {
    this.generation += 1
    const now = tasks.map((task) => {
      const before = this.wanted.get(`${task.frameworkId}/${task.taskId}`)
      return before === undefined
        ? { ...task, launchGeneration: this.generation, launchIncarnation: this.incarnation }
        : { ...task, launchGeneration: before.launchGeneration, launchIncarnation: before.launchIncarnation }
    })
    for (const task of now) this.wanted.set(`${task.frameworkId}/${task.taskId}`, task)
    const nudge: Nudge = {
      kind: 'changes',
      incarnation: this.incarnation,
      generation: this.generation,
      tasks: now,
      dropped: [],
      frameworks: this.frameworks,
      endExecutors: this.endExecutors,
    }
    if (options.lose !== true) this.nudge(nudge)
    return nudge
  }

  kill(frameworkId: string, taskId: string, more: Partial<WantedTask> = {}): Nudge {
    const task = this.wanted.get(`${frameworkId}/${taskId}`)
    if (task === undefined) throw new Error(`${taskId} is not wanted`)
    return this.want([{ ...task, wanted: 'stop', kills: task.kills + 1, ...more }])
  }

  /** Drains the agent, or (without a drain) takes it back into service. */
  drain(drain: AgentDrain | undefined, options: { readonly lose?: boolean } = {}): void {
    this.generation += 1
    this.drained = drain
    for (const [key, task] of this.wanted) {
      if (drain === undefined) continue
      const killPolicy =
        drain.maxGraceMs === undefined ? undefined : { grace_period: durationInfo(drain.maxGraceMs) }
      this.wanted.set(key, { ...task, wanted: 'stop', kills: task.kills + 1, killPolicy })
    }
    if (options.lose !== true) this.nudge({ kind: 'sync' })
  }

  /** The updates of a task, as states. */
  states(taskId: string): string[] {
    return this.updates.filter((one) => one.taskId === taskId).map((one) => one.status.state)
  }

  last(taskId: string): UpdateReport['status'] | undefined {
    return this.updates.filter((one) => one.taskId === taskId).at(-1)?.status
  }

  private answer(call: AgentCall): unknown {
    switch (call.type) {
      case 'REGISTER':
        return this.register(call)
      case 'SYNC':
        return this.sync(call.incarnation)
      case 'UPDATES':
        return this.take(call)
      case 'NOTICE':
        if (call.incarnation !== this.incarnation) return { kind: 'register-again' }
        this.notices.push(call.notice)
        return { kind: 'noticed' }
      case 'UNREGISTER':
        return { kind: 'unregistered' }
    }
  }

  private register(call: RegisterCall): AgentAnswer<RegisterCall> {
    this.registrations.push(call)
    if (call.bootNonce !== this.nonce) {
      this.nonce = call.bootNonce
      this.incarnation += 1
      const listed = new Set(call.tasks.map((task) => `${task.frameworkId}/${task.taskId}`))
      for (const key of this.wanted.keys()) if (!listed.has(key)) this.wanted.delete(key)
    }
    return {
      kind: 'registered',
      agentId: AGENT,
      incarnation: this.incarnation,
      generation: this.generation,
      ...this.queues(),
      silenceMs: 60_000,
    }
  }

  protected queues(): Pick<Registered, 'beats' | 'commands' | 'queueEndpoint'> {
    return { beats: { queueUrl: 'beats', group: '0', intervalMs: 1_000 }, commands: { queueUrl: 'commands' } }
  }

  private sync(incarnation: number): SyncAnswer {
    if (incarnation !== this.incarnation) return { kind: 'register-again' }
    return {
      kind: 'wanted',
      generation: this.generation,
      tasks: [...this.wanted.values()],
      frameworks: this.frameworks,
      endExecutors: this.endExecutors,
      ...(this.drained === undefined ? {} : { drain: this.drained }),
    }
  }

  private take(call: UpdatesCall): AgentAnswer<UpdatesCall> {
    if (call.incarnation !== this.incarnation) return { kind: 'register-again' }
    const results = call.updates.map((update) => {
      const key = `${update.frameworkId}/${update.taskId}`
      const last = this.taken.get(key) ?? 0
      if (update.number <= last) return 'known' as const
      if (update.number > last + 1) return 'not-yet' as const
      this.taken.set(key, update.number)
      this.updates.push(update)
      if (TERMINAL.test(update.status.state)) this.wanted.delete(key)
      return 'taken' as const
    })
    for (const exit of call.exits) {
      if (!this.exits.some((known) => known.containerId === exit.containerId)) this.exits.push(exit)
    }
    this.messages.push(...call.messages)
    return { kind: 'answered', results, generation: this.generation }
  }
}

const TERMINAL = /FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE/
