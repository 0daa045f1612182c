// EC2 below the machines of a simulation: instances that are stopped, taken back and replaced, and EventBridge's word of it.

import type { Environment } from '../../functions/environment.ts'
import type { LookedUp } from '../../functions/ports/ec2.ts'
import { type MemoryEc2, memoryEc2 } from '../../functions/ports/ec2-memory.ts'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import type { InstanceState } from '../../master/detection/proof.ts'
import type { SimProcess } from './process.ts'
import type { Story } from './story.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'
import type { Weather } from './weather.ts'

export interface CloudObserver {
  /** From now on EC2 can say so of the instance, whether or not an agent runs on it just now. */
  ending(instanceId: string, how: 'stopped' | 'terminated'): void
  /** A stopped one runs again. */
  startedAgain(instanceId: string): void
}

/** What the cloud does to a machine; `Machine` is one. */
export interface Instance {
  readonly name: string
  readonly agentId: string | undefined
  instanceId: string | undefined
  isOver: boolean
  powerOff(): void
  renew(): void
  start(): Promise<void>
}

export interface CloudOptions {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly story: Story
  readonly weather: Weather
  readonly queues: MessageSource
  readonly observer: CloudObserver
}

const GROUP = 'agents'
const HOOK = 'drain'
/** Auto Scaling goes on without an answer after this. */
const HOOK_MS = 300_000
const SPOT_MS = 120_000
/** What EC2 answers can be so much older than what it announced, ms. */
const BEHIND_MS = 3_000
/** Of events: EventBridge loses none by its word, but a rule can be missing, and queues repeat. */
const LOST = 0.15
const REPEATED = 0.1

export class Cloud {
  readonly #options: CloudOptions
  readonly #ec2: MemoryEc2 = memoryEc2()
  /** Agents by the instance they run on, as far as the cloud was told to strike them. */
  readonly #agents = new Map<string, string>()
  #tokens = 0

  constructor(options: CloudOptions) {
    this.#options = options
  }

  /** A new machine's instance. */
  run(): string {
    return this.#ec2.run()
  }

  /** EC2 as one process sees it: late, throttled now and then, and unknown to the dead. */
  seenBy(process: SimProcess): NonNullable<Environment['ec2']> {
    const { chance, weather } = this.#options
    const unanswered = (): LookedUp => ({
      seen: new Map(),
      calls: 1,
      failed: 'RequestLimitExceeded (simulated)',
    })
    return {
      lookUp: (instanceIds, signal) =>
        process.ask(async () => {
          await process.wait(chance.between(20, 400))
          if (chance.happens(10 * weather.rates.netLost)) return unanswered()
          return await this.#ec2.lookUp(instanceIds, signal)
        }),
      complete: (action, instanceId) =>
        process.ask(async () => {
          await process.wait(chance.between(20, 400))
          if (chance.happens(weather.rates.netLost))
            throw new Error('Auto Scaling did not answer (simulated)')
          return await this.#ec2.complete(action, instanceId)
        }),
    }
  }

  /** Stopped and, after `ms`, started again: the same machine with the same disk. */
  stop(machine: Instance, ms: number): void {
    const { time, chance } = this.#options
    const { instanceId } = machine
    if (instanceId === undefined || machine.isOver) return
    this.#options.observer.ending(instanceId, 'stopped')
    machine.powerOff()
    // Nobody else starts it meanwhile.
    machine.isOver = true
    this.#becomes(instanceId, 'stopping')
    const stopping = chance.between(1_000, 30_000)
    time.after(stopping, () => this.#becomes(instanceId, 'stopped'))
    time.after(stopping + ms, () => this.startAgain(machine, instanceId))
  }

  startAgain(machine: Instance, instanceId: string): void {
    if (machine.instanceId !== instanceId || !machine.isOver) return
    machine.isOver = false
    this.#options.observer.startedAgain(instanceId)
    this.#becomes(instanceId, 'pending')
    this.#becomes(instanceId, 'running')
    void machine.start()
  }

  /** Taken back, and replaced by a new one after `ms`. */
  terminate(machine: Instance, ms: number): void {
    const { time, chance, story } = this.#options
    const { instanceId, agentId, name } = machine
    if (instanceId === undefined || machine.isOver) return
    story.tell(`FAULT ${instanceId} of ${name} is terminated`, name, agentId)
    this.#agents.set(instanceId, agentId ?? '')
    this.#options.observer.ending(instanceId, 'terminated')
    machine.powerOff()
    machine.isOver = true
    this.#becomes(instanceId, 'shutting-down')
    time.after(chance.between(2_000, 60_000), () => this.#becomes(instanceId, 'terminated'))
    time.after(60_000 + ms, () => this.#replace(machine, instanceId))
  }

  #replace(machine: Instance, instanceId: string): void {
    if (machine.instanceId !== instanceId) return
    this.#options.story.tell(`${machine.name} is replaced by a new instance`, machine.name)
    machine.instanceId = this.run()
    machine.renew()
    void machine.start()
  }

  /** Two minutes' notice, which may not be heard. */
  interruptSpot(machine: Instance, ms: number): void {
    const { time, story } = this.#options
    const { instanceId, name, agentId } = machine
    if (instanceId === undefined || machine.isOver) return
    story.tell(`FAULT ${instanceId} of ${name} is to be interrupted`, name, agentId)
    this.#event('aws.ec2', 'EC2 Spot Instance Interruption Warning', {
      'instance-id': instanceId,
      'instance-action': 'terminate',
    })
    time.after(SPOT_MS, () => {
      if (machine.instanceId === instanceId) this.terminate(machine, ms)
    })
  }

  /** Auto Scaling takes one away: after the hook is let go, or when it has waited for long enough. */
  scaleIn(machine: Instance, ms: number): void {
    const { time, story } = this.#options
    const { instanceId, name, agentId } = machine
    if (instanceId === undefined || machine.isOver) return
    const token = `token-${++this.#tokens}`
    story.tell(`FAULT Auto Scaling takes ${instanceId} of ${name} away`, name, agentId)
    this.#ec2.wait({ group: GROUP, hook: HOOK, token }, instanceId)
    this.#event('aws.autoscaling', 'EC2 Instance-terminate Lifecycle Action', {
      EC2InstanceId: instanceId,
      AutoScalingGroupName: GROUP,
      LifecycleHookName: HOOK,
      LifecycleActionToken: token,
    })
    const until = time.now() + HOOK_MS
    const look = () => {
      if (machine.instanceId !== instanceId) return
      const isLetGo = this.#ec2.completed.includes(token)
      if (isLetGo) story.tell(`the hook of ${instanceId} is let go`, name, agentId)
      if (isLetGo || time.now() >= until) this.terminate(machine, ms)
      else time.after(2_000, look)
    }
    look()
  }

  #becomes(instanceId: string, state: InstanceState): void {
    const { time, chance } = this.#options
    const isBehind = chance.happens(0.2)
    if (isBehind) time.after(chance.between(0, BEHIND_MS), () => this.#ec2.become(instanceId, state))
    else this.#ec2.become(instanceId, state)
    this.#event('aws.ec2', 'EC2 Instance State-change Notification', { 'instance-id': instanceId, state })
  }

  #event(source: string, type: string, detail: Readonly<Record<string, unknown>>): void {
    const { time, chance, queues, weather } = this.#options
    const body = JSON.stringify({
      source,
      'detail-type': type,
      time: new Date(time.now()).toISOString(),
      detail,
    })
    if (weather.rates.netLost > 0 && chance.happens(LOST)) return
    const copies = chance.happens(REPEATED) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const ms = chance.between(200, copy === 0 ? 3_000 : 90_000)
      time.after(ms, () => void queues.send('instance-events', body))
    }
  }
}
