// A service scheduler for live tests: keeps so many tasks running, whatever happens to them, to the cluster or to it.
//
// Partition aware: a task that became unreachable is replaced at once, and killed should it come back. Its memory is
// a file that is written before each ACCEPT; what it does not know for sure it asks for by reconciling.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Offer, SchedulerCall, SchedulerEvent, TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { amountOf, commandTask } from '../framework.ts'
import { openSession, type Session, sentence } from './session.ts'

const CPUS = 0.1
const MEM = 32
/** Offers that come together are looked at together, so that tasks spread. */
const GATHER_MS = 15
const TICK_MS = 250
/** Nobody listens: nothing is spared by waiting. */
const REFUSED_RETRY_MS = 20
const RETRY_MS = 200
/** Who wants offers and hears of none says so again. */
const REVIVE_AGAIN_MS = 3_000
/** A state that should not last is asked about this often; everything, less often. */
const ASK_AGAIN_MS = 5_000
const ASK_ALL_MS = 20_000

export interface KeeperOptions {
  readonly master: string
  readonly name: string
  /** Holds the framework id and the tasks. */
  readonly stateFile: string
  readonly tasks: number
  /** Makes the task of a slot; the default sleeps. */
  readonly task?: ((offer: Offer, slot: number, taskId: string) => TaskInfo) | undefined
  readonly say?: ((word: KeeperWord) => void) | undefined
}

/** What happened, as it happens. */
export type KeeperWord =
  | { readonly word: 'subscribed'; readonly frameworkId: string }
  | { readonly word: 'disconnected'; readonly why: string }
  | { readonly word: 'offers'; readonly agents: readonly string[] }
  | { readonly word: 'launching'; readonly task: string; readonly slot: number; readonly agent: string }
  | {
      readonly word: 'update'
      readonly task: string
      readonly slot: number | undefined
      readonly status: TaskStatus
    }
  | { readonly word: 'failure'; readonly agent: string | undefined }
  | { readonly word: 'refused'; readonly why: string }

export interface KeptTask {
  readonly task: string
  readonly agent: string
  /** `launching`: the ACCEPT is sent, no word yet. */
  state: TaskStatus['state'] | 'launching'
}

interface Memory {
  frameworkId?: string
  next: number
  wanted: number
  /** By slot: the task that stands for it. */
  readonly slots: Record<number, KeptTask>
  /** By task id: not wanted any more, and not known to be over. */
  readonly surplus: Record<string, KeptTask>
}

export class Keeper {
  readonly #options: KeeperOptions
  readonly #memory: Memory
  readonly #placing = new Set<string>()
  readonly #askedAt = new Map<string, number>()
  #session: Session | undefined
  #connecting = false
  #over = false
  #held: Offer[] = []
  #gathering: NodeJS.Timeout | undefined
  #ticking: NodeJS.Timeout | undefined
  #suppressed = false
  #revivedAt = 0
  #askedAllAt = 0
  #only: string | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#memory = readMemory(options)
  }

  start(): void {
    this.#tick()
    this.#ticking = setInterval(() => this.#tick(), TICK_MS)
  }

  get frameworkId(): string | undefined {
    return this.#memory.frameworkId
  }

  get isSubscribed(): boolean {
    return this.#session !== undefined
  }

  /** The tasks that stand for slots, and those that should be gone. */
  view(): {
    readonly kept: readonly KeptTask[]
    readonly surplus: readonly KeptTask[]
    readonly wanted: number
  } {
    const { slots, surplus, wanted } = this.#memory
    return { kept: Object.values(slots), surplus: Object.values(surplus), wanted }
  }

  /** From now on so many; new ones go to one agent only, if one is named. */
  want(tasks: number, only?: string): void {
    this.#memory.wanted = tasks
    this.#only = only
    this.#save()
    this.#tick()
  }

  /** Removes the framework, and its tasks with it. */
  async teardown(): Promise<void> {
    const session = this.#session
    this.#stop()
    await session?.call({ type: 'TEARDOWN' })
    session?.close()
  }

  /** Goes away without a word, as a scheduler that dies. */
  close(): void {
    this.#stop()
    this.#session?.close()
  }

  #stop(): void {
    this.#over = true
    clearInterval(this.#ticking)
    clearTimeout(this.#gathering)
  }

  #tick(): void {
    if (this.#over) return
    if (this.#session === undefined) return void this.#connect()
    const now = performance.now()
    if (now - this.#askedAllAt > ASK_ALL_MS) this.#askAll()
    this.#askDoubtful(now)
    if (this.#empty().length === 0) {
      if (!this.#suppressed && this.#placing.size === 0) {
        this.#suppressed = true
        this.#send({ type: 'SUPPRESS' })
      }
    } else if (this.#suppressed || now - this.#revivedAt > REVIVE_AGAIN_MS) this.#revive(now)
  }

  #revive(now: number): void {
    this.#suppressed = false
    this.#revivedAt = now
    this.#send({ type: 'REVIVE' })
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return
    this.#connecting = true
    const id = this.#memory.frameworkId
    try {
      const session = await openSession({
        master: this.#options.master,
        subscribe: {
          framework_info: {
            user: userInfo().username,
            name: this.#options.name,
            checkpoint: true,
            failover_timeout: 24 * 3_600,
            capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }],
            ...(id === undefined ? {} : { id: { value: id } }),
          },
        },
        onEvent: (event) => this.#take(event),
        onEnd: (why) => {
          this.#session = undefined
          this.#held = []
          this.#say({ word: 'disconnected', why })
        },
      })
      if (this.#over) return session.close()
      this.#memory.frameworkId = session.frameworkId
      this.#save()
      this.#session = session
      // A session begins with offers on.
      this.#suppressed = false
      this.#revivedAt = performance.now()
      this.#say({ word: 'subscribed', frameworkId: session.frameworkId })
      this.#askAll()
    } catch (error) {
      const why = sentence(error)
      this.#say({ word: 'refused', why })
      const waitMs = why.includes('ECONNREFUSED') ? REFUSED_RETRY_MS : RETRY_MS
      if (!this.#over) setTimeout(() => this.#tick(), waitMs)
    } finally {
      this.#connecting = false
    }
  }

  #take(event: SchedulerEvent): void {
    if (this.#over) return
    if (event.offers !== undefined) this.#hold(event.offers.offers ?? [])
    const rescinded = event.rescind?.offer_id.value
    if (rescinded !== undefined) this.#held = this.#held.filter(({ id }) => id.value !== rescinded)
    if (event.failure !== undefined) this.#say({ word: 'failure', agent: event.failure.agent_id?.value })
    if (event.update !== undefined) this.#update(event.update.status)
    if (event.error !== undefined) this.#say({ word: 'refused', why: event.error.message })
  }

  #hold(offers: readonly Offer[]): void {
    this.#held.push(...offers)
    this.#say({ word: 'offers', agents: offers.map(({ agent_id }) => agent_id.value) })
    clearTimeout(this.#gathering)
    this.#gathering = setTimeout(() => this.#place(), GATHER_MS)
  }

  /** Each empty slot goes to the agent with the fewest tasks; what is left of the offers goes back. */
  #place(): void {
    const offers = this.#held
    this.#held = []
    const room = new Map(offers.map((offer) => [offer, roomIn(offer)]))
    const tasks = new Map<Offer, TaskInfo[]>()
    for (const slot of this.#empty()) {
      const offer = offers
        .filter(
          (one) => (room.get(one) ?? 0) > 0 && (this.#only ?? one.agent_id.value) === one.agent_id.value,
        )
        .sort((a, b) => this.#tasksOn(a) - this.#tasksOn(b))[0]
      if (offer === undefined) break
      room.set(offer, (room.get(offer) ?? 0) - 1)
      const task = `${this.#options.name}-${slot}-${this.#memory.next++}`
      const agent = offer.agent_id.value
      this.#memory.slots[slot] = { task, agent, state: 'launching' }
      this.#placing.add(task)
      tasks.set(offer, [...(tasks.get(offer) ?? []), this.#taskInfo(offer, slot, task)])
      this.#say({ word: 'launching', task, slot, agent })
    }
    this.#save()
    for (const [offer, infos] of tasks) void this.#accept(offer, infos)
    const unused = offers.filter((offer) => !tasks.has(offer))
    if (unused.length > 0) {
      this.#send({
        type: 'DECLINE',
        decline: { offer_ids: unused.map(({ id }) => id), filters: { refuse_seconds: 1 } },
      })
    }
  }

  async #accept(offer: Offer, infos: readonly TaskInfo[]): Promise<void> {
    try {
      await this.#session?.call({
        type: 'ACCEPT',
        accept: {
          offer_ids: [offer.id],
          operations: [{ type: 'LAUNCH', launch: { task_infos: infos } }],
          filters: { refuse_seconds: 0 },
        },
      })
    } catch (error) {
      // It may have taken effect: reconciling tells.
      this.#say({ word: 'refused', why: sentence(error) })
    }
    for (const { task_id } of infos) {
      this.#placing.delete(task_id.value)
      this.#askedAt.set(task_id.value, performance.now())
    }
  }

  #update(status: TaskStatus): void {
    const task = status.task_id.value
    const agent = status.agent_id?.value ?? ''
    const slot = this.#slotOf(task)
    const over = isOver(status.state)
    // An ACCEPT under way may still make what is unknown now.
    const isEarly = this.#placing.has(task) && status.state === 'TASK_UNKNOWN'
    if (!isEarly) {
      if (slot !== undefined) this.#updateKept(slot, { task, agent, state: status.state })
      else if (over || status.state === 'TASK_UNKNOWN') delete this.#memory.surplus[task]
      else this.#memory.surplus[task] = { task, agent, state: status.state }
      this.#save()
    }
    this.#say({ word: 'update', task, slot, status })
    if (status.uuid !== undefined) {
      this.#send({
        type: 'ACKNOWLEDGE',
        acknowledge: { agent_id: { value: agent }, task_id: { value: task }, uuid: status.uuid },
      })
    }
    if (slot === undefined && mayRun(status.state)) this.#kill({ task, agent })
    if (this.#empty().length > 0 && this.#suppressed) this.#revive(performance.now())
  }

  #updateKept(slot: number, kept: KeptTask): void {
    const had = this.#memory.slots[slot]
    if (isOver(kept.state) || kept.state === 'TASK_UNKNOWN') delete this.#memory.slots[slot]
    else if (kept.state === 'TASK_UNREACHABLE') {
      delete this.#memory.slots[slot]
      this.#memory.surplus[kept.task] = kept
    } else this.#memory.slots[slot] = { ...kept, agent: kept.agent || (had?.agent ?? '') }
  }

  /** What does not stay so: launches and kills without a word, and tasks that went out of sight. */
  #askDoubtful(now: number): void {
    const { slots, surplus } = this.#memory
    const doubtful = [
      ...Object.values(slots).filter(({ state }) => state !== 'TASK_RUNNING'),
      ...Object.values(surplus),
    ]
      .filter(({ task }) => !this.#placing.has(task))
      .filter(({ task }) => now - (this.#askedAt.get(task) ?? 0) > ASK_AGAIN_MS)
    if (doubtful.length === 0) return
    for (const { task } of doubtful) this.#askedAt.set(task, now)
    this.#send({ type: 'RECONCILE', reconcile: { tasks: doubtful.map(asked) } })
  }

  #askAll(): void {
    this.#askedAllAt = performance.now()
    const { slots, surplus } = this.#memory
    const known = [...Object.values(slots), ...Object.values(surplus)].filter(
      ({ task }) => !this.#placing.has(task),
    )
    if (known.length > 0) this.#send({ type: 'RECONCILE', reconcile: { tasks: known.map(asked) } })
    this.#send({ type: 'RECONCILE', reconcile: { tasks: [] } })
  }

  #kill({ task, agent }: { readonly task: string; readonly agent: string }): void {
    this.#send({
      type: 'KILL',
      kill: { task_id: { value: task }, ...(agent === '' ? {} : { agent_id: { value: agent } }) },
    })
  }

  #empty(): number[] {
    return Array.from({ length: this.#memory.wanted }, (_, slot) => slot).filter(
      (slot) => this.#memory.slots[slot] === undefined,
    )
  }

  #slotOf(task: string): number | undefined {
    const found = Object.entries(this.#memory.slots).find(([, kept]) => kept.task === task)
    return found === undefined ? undefined : Number(found[0])
  }

  #tasksOn({ agent_id }: Offer): number {
    return Object.values(this.#memory.slots).filter(({ agent }) => agent === agent_id.value).length
  }

  #taskInfo(offer: Offer, slot: number, taskId: string): TaskInfo {
    return (
      this.#options.task?.(offer, slot, taskId) ??
      commandTask(offer, taskId, 'exec sleep 100000', { cpus: CPUS, mem: MEM })
    )
  }

  /** What gets lost here is done again by a later tick. */
  #send(call: Omit<SchedulerCall, 'framework_id'>): void {
    this.#session?.call(call).catch((error: unknown) => this.#say({ word: 'refused', why: sentence(error) }))
  }

  #save(): void {
    const { stateFile } = this.#options
    writeFileSync(`${stateFile}.new`, JSON.stringify(this.#memory))
    renameSync(`${stateFile}.new`, stateFile)
  }

  #say(word: KeeperWord): void {
    this.#options.say?.(word)
  }
}

/** Twice what a task takes: some come with an executor of their own. */
function roomIn(offer: Offer): number {
  const room = Math.min(amountOf(offer, 'cpus') / (2 * CPUS), amountOf(offer, 'mem') / (2 * MEM))
  return Math.floor(room + 1e-6)
}

function readMemory({ stateFile, tasks }: KeeperOptions): Memory {
  if (existsSync(stateFile)) return JSON.parse(readFileSync(stateFile, 'utf8')) as Memory
  return { next: 0, wanted: tasks, slots: {}, surplus: {} }
}

function asked({ task, agent }: KeptTask) {
  return { task_id: { value: task }, ...(agent === '' ? {} : { agent_id: { value: agent } }) }
}

export function isOver(state: KeptTask['state']): boolean {
  return /^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE|GONE_BY_OPERATOR)$/.test(state)
}

function mayRun(state: KeptTask['state']): boolean {
  return /^TASK_(STAGING|STARTING|RUNNING)$/.test(state)
}
