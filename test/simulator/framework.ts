// A framework with restart logic: keeps N tasks, acknowledges, reconciles, kills, dies and comes back, takes over.
import { CLOSED_BY_PEER, isStream } from '../../functions/http/types.ts'
import type {
  FrameworkInfo,
  Offer,
  SchedulerCall,
  SchedulerEvent,
  TaskState,
  TaskStatus,
} from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { type Network, post } from './network.ts'
import type { Story } from './story.ts'
import { fitsBurst, operationsFor, tasksOf } from './workloads.ts'

const TYPE = 'application/json' as const
const SILENT_MS = 75_000
const ENDED: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
])

/** Words after which a task may still be heard of alive (F9). */
const DOUBTFUL = new Set(['TASK_LOST', 'TASK_UNKNOWN', 'TASK_GONE'])

/** Its own filters may stand in the way for ten minutes; so long no framework is patient. */
const MOST_LOOKS_SHORT = 3

export interface OwnTask {
  readonly taskId: string
  readonly agentId: string
  state: TaskState | 'wanted'
  /** Whether its end was said with a uuid; others may be followed by a return (F9). */
  isOver: boolean
  killedAt?: number | undefined
  /** When its ACCEPT was answered; until then, or a minute later, nobody asks about it. */
  askableFrom: number
}

export interface FrameworkObserver {
  subscribed(framework: SimFramework, session: Session): void
  /** On its way; whether it is heard is another matter. */
  written(framework: SimFramework, session: Session, event: SchedulerEvent): void
  heard(framework: SimFramework, session: Session, event: SchedulerEvent): void
  acknowledging(frameworkId: string, taskId: string, uuid: string): void
  answered(framework: SimFramework, session: Session, call: SchedulerCall, status: number): void
  sent(framework: SimFramework, session: Session, call: SchedulerCall): void
  torndown(frameworkId: string): void
  reconciling(framework: SimFramework, session: Session, taskIds: readonly string[]): void
}

export interface Session {
  readonly number: number
  readonly frameworkId: string
  readonly streamId: string
  readonly closing: AbortController
  isOpen: boolean
}

/** For how long frameworks do not want again what they declined, seconds: most are patient. */
const PATIENCES = [5, 60, 300, 600, 600, 600]

export interface FrameworkOptions {
  readonly name: string
  readonly network: Network
  readonly story: Story
  readonly observer: FrameworkObserver
  readonly wanted: number
  readonly info: FrameworkInfo
  readonly cpusPerTask: number
  /** Nothing is killed after this (ms since 1970). */
  readonly lastEnd: number
  /** Nothing new is begun after this. */
  readonly stillFrom: number
  /** ACCEPTs larger than one transaction that it makes in its life. */
  readonly bursts?: number | undefined
}

export class SimFramework {
  readonly options: FrameworkOptions
  frameworkId: string | undefined
  readonly tasks = new Map<string, OwnTask>()
  session: Session | undefined
  lastConnectedAt = 0
  #sessions = 0
  #taskNumber = 0
  #generation = 0
  isSilent = false
  isDown = false
  isRemoved = false
  /** The table was restored: a kill it has forgotten has to be said again. */
  killsAgain = false
  #connecting = false

  #unanswered: { readonly session: Session; readonly offer: Offer }[] = []

  #bursts: number
  #isSuppressed = false
  /** How often it looked and found tasks missing, since it asked for offers of everything. */
  #looksShort = 0

  constructor(options: FrameworkOptions) {
    this.options = options
    this.#bursts = options.bursts ?? 0
  }

  /** It answers again, also the offers it sat on. */
  wake(): void {
    this.isSilent = false
    for (const { session, offer } of this.#unanswered.splice(0))
      if (session.isOpen && session === this.session) this.#onOffers(session, [offer])
  }

  get name(): string {
    return this.options.name
  }

  #now(): number {
    return this.options.network.time.now()
  }

  live(): OwnTask[] {
    return [...this.tasks.values()].filter(({ isOver }) => !isOver)
  }

  /** The process dies: its socket closes, or its host is gone without a word. Its own database keeps the tasks. */
  die(isSeen: boolean): void {
    this.isDown = true
    const { session } = this
    if (session === undefined) return
    session.isOpen = false
    this.session = undefined
    const { time, chance } = this.options.network
    time.after(isSeen ? 5 : chance.between(20_000, 120_000), () => session.closing.abort(CLOSED_BY_PEER))
  }

  rise(): void {
    this.isDown = false
    void this.connect()
  }

  /** Another instance of the same framework subscribes while this one still listens. */
  takeOver(): void {
    void this.connect(true)
  }

  async connect(isTakeover = false): Promise<void> {
    if (this.#connecting || this.isDown || (this.session !== undefined && !isTakeover)) return
    this.#connecting = true
    const { network, story } = this.options
    const { chance, time } = network
    let wait = 500
    while (!this.isDown) {
      try {
        await this.#subscribe()
        break
      } catch (error) {
        story.tell(`${this.name} cannot subscribe: ${String(error)}`, this.name, this.frameworkId)
        await new Promise<void>((resolve) => time.after(wait * chance.between(0.5, 1.5), resolve))
        wait = Math.min(wait * 2, 15_000)
      }
    }
    this.#connecting = false
  }

  async #subscribe(): Promise<void> {
    const { network, info, story } = this.options
    const id = this.frameworkId === undefined ? undefined : { value: this.frameworkId }
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      ...(id === undefined ? {} : { framework_id: id }),
      subscribe: { framework_info: { ...info, ...(id === undefined ? {} : { id }) } },
    }
    const answer = await this.#post(call)
    if (answer.status !== 200 || !isStream(answer.body)) throw new Error(`status ${answer.status}`)
    const session: Session = {
      number: ++this.#sessions,
      frameworkId: this.frameworkId ?? '',
      streamId: answer.headers['mesos-stream-id'] ?? '',
      closing: new AbortController(),
      isOpen: true,
    }
    const decoder = new RecordDecoder()
    let lastHeard = this.#now()
    let order = Promise.resolve()
    const over = () => this.#streamEnded(session)
    const write = async (record: Uint8Array): Promise<boolean> => {
      if (session.closing.signal.aborted) return false
      for (const one of decoder.push(record)) {
        // As a framework would that has no types: what is said is checked where the codec is (test/protocol).
        const event = JSON.parse(Buffer.from(one).toString()) as SchedulerEvent
        this.options.observer.written(this, session, event)
        order = order.then(
          () =>
            new Promise<void>((resolve) => {
              network.time.after(network.chance.between(1, 30), () => {
                lastHeard = this.#now()
                if (session.isOpen) this.#hear(session, event)
                resolve()
              })
            }),
        )
      }
      await new Promise<void>((resolve) => network.time.after(1, resolve))
      return !session.closing.signal.aborted
    }
    const before = this.session
    if (before !== undefined) before.isOpen = true
    answer.onBreak(() => network.time.after(network.chance.between(1, 100), over))
    void answer.body.open(write, session.closing.signal).then(
      () => void order.then(over),
      () => over(),
    )
    const watch = () => {
      if (!session.isOpen) return
      if (this.#now() - lastHeard > SILENT_MS) {
        story.tell(`${this.name} gives up a silent stream`, this.name, this.frameworkId)
        session.closing.abort(CLOSED_BY_PEER)
        over()
      } else network.time.after(5_000, watch)
    }
    watch()
  }

  #streamEnded(session: Session): void {
    if (!session.isOpen) return
    session.isOpen = false
    if (this.session === session) this.session = undefined
    if (this.session === undefined) this.options.network.time.after(200, () => void this.connect())
  }

  async #post(call: SchedulerCall, streamId?: string): ReturnType<typeof post> {
    const body = Buffer.from(JSON.stringify(call))
    const headers = {
      'content-type': TYPE,
      accept: TYPE,
      ...(streamId === undefined ? {} : { 'mesos-stream-id': streamId }),
    }
    return await post(this.options.network, '/api/v1/scheduler', headers, body)
  }

  /** A call of the session, repeated while it is not answered (F63). Yields the status, 0: never answered. */
  async call(session: Session, call: Omit<SchedulerCall, 'framework_id'>, tries = 4): Promise<number> {
    const { observer, network } = this.options
    const whole: SchedulerCall = { ...call, framework_id: { value: session.frameworkId } }
    observer.sent(this, session, whole)
    for (let tried = 1; tried <= tries; tried++) {
      try {
        const { status } = await this.#post(whole, session.streamId)
        if (status !== 503 && status !== 500) {
          observer.answered(this, session, whole, status)
          return status
        }
      } catch {
        // No answer: the same call again.
      }
      if (this.isDown || !session.isOpen) return 0
      await new Promise<void>((resolve) => network.time.after(network.chance.between(200, 3_000), resolve))
    }
    return 0
  }

  #hear(session: Session, event: SchedulerEvent): void {
    const { story, observer } = this.options
    if (event.type === 'SUBSCRIBED') {
      const id = event.subscribed?.framework_id.value ?? ''
      const opened = { ...session, frameworkId: id }
      Object.assign(session, opened)
      const before = this.session
      if (before !== undefined && before.number > session.number && before.frameworkId !== id) {
        // An earlier try, without an id, that was answered later than the next one: nobody stays as both.
        this.#hangUp(session)
        return
      }
      const isNew = this.frameworkId !== id
      this.frameworkId = id
      this.session = session
      if (before !== undefined && before.frameworkId !== id) this.#hangUp(before)
      story.tell(`${this.name} is subscribed as ${id}, session ${session.number}`, this.name, id)
      observer.subscribed(this, session)
      if (!isNew) this.#reconcile(session)
    }
    this.lastConnectedAt = this.#now()
    observer.heard(this, session, event)
    this.options.network.histories?.heard(session.frameworkId, event)
    switch (event.type) {
      case 'OFFERS':
        this.#onOffers(session, event.offers?.offers ?? [])
        return
      case 'UPDATE':
        if (event.update !== undefined) this.#onUpdate(session, event.update.status)
        return
      case 'ERROR':
        this.#onError(session, event.error?.message ?? '')
        return
      default:
        return
    }
  }

  #hangUp(session: Session): void {
    session.isOpen = false
    session.closing.abort(CLOSED_BY_PEER)
  }

  #onError(session: Session, message: string): void {
    this.options.story.tell(
      `${this.name} session ${session.number} hears ERROR ${message}`,
      this.name,
      this.frameworkId,
    )
    // Said of the id it has now; what an older life hears late is nothing to it.
    if (message === 'Framework has been removed' && session.frameworkId === (this.frameworkId ?? ''))
      this.begin()
  }

  /** As a new framework, with nothing. */
  begin(): void {
    this.frameworkId = undefined
    this.tasks.clear()
    this.#generation += 1
    // A stream that nobody listens to would go on, and what is offered there be lost to all.
    if (this.session !== undefined) this.#hangUp(this.session)
    this.session = undefined
    this.options.network.time.after(500, () => void this.connect())
  }

  #reconcile(session: Session): void {
    const { network, observer } = this.options
    const live = this.live().filter(({ askableFrom }) => askableFrom <= this.#now())
    if (network.chance.happens(0.3)) void this.call(session, { type: 'RECONCILE', reconcile: { tasks: [] } })
    if (live.length === 0) return
    const tasks = live.map(({ taskId, agentId }) => ({
      task_id: { value: taskId },
      agent_id: { value: agentId },
    }))
    observer.reconciling(
      this,
      session,
      live.map(({ taskId }) => taskId),
    )
    void this.call(session, { type: 'RECONCILE', reconcile: { tasks } })
  }

  /** As every framework does now and then: whatever it missed, it hears now. */
  reconcile(): void {
    if (this.session !== undefined && !this.isDown) this.#reconcile(this.session)
  }

  /** Now and then: asks about tasks that are long in doubt, kills one now and then. */
  look(): void {
    const { session } = this
    if (session === undefined || this.isDown || this.isSilent) return
    const { chance } = this.options.network
    this.#changeWishes(session)
    const isInDoubt = this.live().some(
      ({ state, askableFrom }) => state === 'wanted' && askableFrom < this.#now(),
    )
    if (isInDoubt || chance.happens(0.3)) this.#reconcile(session)
    if (this.killsAgain)
      for (const task of this.live()) if (task.killedAt !== undefined) this.#kill(session, task)
    if (this.#now() > this.options.lastEnd) return
    if (chance.happens(0.4)) {
      const task = chance.of(this.live().filter(({ state }) => state !== 'wanted'))
      if (task !== undefined) this.#kill(session, task)
    }
  }

  #kill(session: Session, task: OwnTask): void {
    this.options.story.tell(
      `${this.name} kills ${task.taskId}`,
      this.name,
      `${this.frameworkId}/${task.taskId}`,
    )
    void this.call(session, {
      type: 'KILL',
      kill: { task_id: { value: task.taskId }, agent_id: { value: task.agentId } },
    }).then((status) => {
      if (status === 202) task.killedAt = this.#now()
    })
  }

  /** Offers are wanted again as soon as tasks are missing. */
  #changeWishes(session: Session): void {
    const { chance } = this.options.network
    const isFull = this.live().length >= this.options.wanted
    if (this.#isSuppressed && !isFull) {
      void this.call(session, { type: 'REVIVE' }).then((status) => {
        if (status === 202) this.#isSuppressed = false
      })
    } else if (isFull && !this.#isSuppressed && chance.happens(0.8)) {
      this.#isSuppressed = true
      void this.call(session, { type: 'SUPPRESS' })
    } else if (!isFull && (chance.happens(0.25) || ++this.#looksShort >= MOST_LOOKS_SHORT)) {
      this.#looksShort = 0
      void this.call(session, { type: 'REVIVE' })
    }
    if (isFull) this.#looksShort = 0
  }

  async teardown(): Promise<void> {
    const { session, frameworkId } = this
    if (session === undefined || frameworkId === undefined) return
    this.options.observer.torndown(frameworkId)
    this.options.story.tell(`${this.name} tears down ${frameworkId}`, this.name, frameworkId)
    const status = await this.call(session, { type: 'TEARDOWN' })
    // The end of its stream may have told it before, and it may be another one by now.
    if ((status === 202 || status === 200) && this.frameworkId === frameworkId) this.begin()
  }

  /** What is not wanted of one event is mostly declined at once. */
  #onOffers(session: Session, offers: readonly Offer[]): void {
    const { chance } = this.options.network
    if (this.isSilent) {
      this.#unanswered.push(...offers.map((offer) => ({ session, offer })))
      return
    }
    const unwanted = offers.filter((offer) => !this.#takes(session, offer)).map(({ id }) => id)
    if (unwanted.length === 0) return
    const calls = chance.happens(0.9) ? [unwanted] : unwanted.map((id) => [id])
    for (const offer_ids of calls) {
      const filters = { refuse_seconds: chance.of(PATIENCES) ?? 5 }
      void this.call(session, { type: 'DECLINE', decline: { offer_ids, filters } })
    }
  }

  /** False: it is not wanted. */
  #takes(session: Session, offer: Offer): boolean {
    const { chance } = this.options.network
    const { wanted, cpusPerTask, stillFrom, story } = this.options
    // Some offers are never answered: they are taken back when their time is over.
    if (this.#now() < stillFrom - 10 * 60_000 && chance.happens(0.03)) return true
    const scalar = (name: string) =>
      (offer.resources ?? []).reduce(
        (sum, one) => sum + (one.name === name ? (one.scalar?.value ?? 0) : 0),
        0,
      )
    const role = this.options.info.roles?.[0] ?? '*'
    const missing = this.#now() > stillFrom ? 0 : wanted - this.live().length
    const room = Math.min(
      missing,
      Math.floor(scalar('cpus') / cpusPerTask),
      Math.floor(scalar('mem') / 64),
      4,
    )
    const offers = [offer.id]
    if (room <= 0) return false
    const isBurst =
      missing > 0 && this.#bursts > 0 && fitsBurst(scalar('cpus'), scalar('mem')) && chance.happens(0.5)
    if (isBurst) this.#bursts -= 1
    const operations = operationsFor({
      ...{ frameworkId: session.frameworkId, role, offer, room, cpusPerTask, chance, isBurst },
      name: () => `t${this.#generation}-${++this.#taskNumber}`,
    })
    const tasks = tasksOf(operations)
    for (const { task_id } of tasks)
      this.tasks.set(task_id.value, {
        taskId: task_id.value,
        agentId: offer.agent_id.value,
        state: 'wanted',
        isOver: false,
        askableFrom: this.#now() + 180_000,
      })
    const ids = tasks.map(({ task_id }) => task_id.value)
    story.tell(
      `${this.name} accepts ${offer.id.value} of ${offer.agent_id.value} for ${ids.join(' ')}`,
      this.name,
      offer.id.value,
      offer.agent_id.value,
      ...ids.map((id) => `${session.frameworkId}/${id}`),
    )
    const accept = {
      offer_ids: offers,
      operations,
      filters: { refuse_seconds: chance.of([1, 60]) ?? 1 },
    }
    void this.call(session, { type: 'ACCEPT', accept }).then((status) => {
      for (const id of ids) {
        const task = this.tasks.get(id)
        if (task !== undefined && status !== 0) task.askableFrom = 0
      }
      if (status === 202) return
      story.tell(
        `${this.name} heard ${status} to its ACCEPT of ${ids.join(' ')}`,
        this.name,
        session.frameworkId,
      )
    })
    return true
  }

  #onUpdate(session: Session, status: TaskStatus): void {
    const { chance, time } = this.options.network
    const taskId = status.task_id.value
    const key = `${session.frameworkId}/${taskId}`
    const said = `${status.state}${status.uuid === undefined ? '' : ' with uuid'} ${status.reason ?? ''}`
    this.options.story.tell(`${this.name} hears ${said} of ${taskId}`, this.name, key)
    const task = this.tasks.get(taskId)
    const isBack = task?.isOver === true && DOUBTFUL.has(String(task.state)) && !ENDED.has(status.state)
    if (task !== undefined && (!task.isOver || isBack)) {
      task.state = status.state
      const isUnknown = status.state === 'TASK_UNKNOWN' || status.reason === 'REASON_INVALID_OFFERS'
      task.isOver = ENDED.has(status.state) || isUnknown || this.#isLostForGood(status)
    }
    const { uuid, agent_id } = status
    if (uuid === undefined || agent_id === undefined || this.isSilent) return
    const acknowledge = () => {
      if (this.isDown || !session.isOpen) return
      this.options.observer.acknowledging(session.frameworkId, taskId, uuid)
      void this.call(session, {
        type: 'ACKNOWLEDGE',
        acknowledge: { agent_id, task_id: status.task_id, uuid },
      })
    }
    time.after(chance.happens(0.9) ? chance.between(1, 200) : chance.between(1_000, 40_000), acknowledge)
  }

  /** A framework that is not partition aware cannot tell; it replaces the task, and kills it should it come back. */
  #isLostForGood(status: TaskStatus): boolean {
    return status.state === 'TASK_LOST'
  }
}
