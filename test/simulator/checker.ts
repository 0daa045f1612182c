// Looks from outside at every commit, every message and every container, and says which invariant does not hold.

import { isDeepStrictEqual } from 'node:util'
import type { HttpAnswer } from '../../functions/http/types.ts'
import { unsound } from '../../master/accounting.ts'
import type { Change } from '../../master/decision.ts'
import type {
  Executor,
  Framework,
  ItemKind,
  Items,
  Ledger,
  Resources,
  Run,
  Task,
} from '../../master/model.ts'
import type { Settings } from '../../master/settings.ts'
import type { AgentCall } from '../../protocol/agent-messages.ts'
import type { SchedulerCall, SchedulerEvent, TaskState } from '../../protocol/messages.ts'
import { add, contains, unallocate } from '../../protocol/resources.ts'
import type { CommitResult, Store } from '../../store/store.ts'
import type { Rewinding, Rewound } from './backups.ts'
import { DetectionCheck } from './check-detection.ts'
import { EndCheck } from './check-end.ts'
import { NumberCheck } from './check-numbers.ts'
import { OfferCheck } from './check-offers.ts'
import { RestoreCheck } from './check-restore.ts'
import { WholeCheck } from './check-whole.ts'
import { WishCheck } from './check-wishes.ts'
import { WordCheck } from './check-words.ts'
import type { FrameworkObserver, Session, SimFramework } from './framework.ts'
import type { Machine, MachineObserver } from './machine.ts'
import { type Story, Violation } from './story.ts'
import { clocksMs, ENDS, type View } from './view.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Weather } from './weather.ts'
import { SECRET } from './workloads.ts'

const RANK: Partial<Record<TaskState, number>> = {
  TASK_STAGING: 0,
  TASK_STARTING: 1,
  TASK_RUNNING: 2,
  TASK_KILLING: 3,
}

interface Custody {
  readonly task: string
  readonly number: number
  at: number
  isSaid: boolean
  isAcknowledged: boolean
}

interface Refused {
  readonly frameworkId: string
  readonly agentId: string
  readonly resources: Resources
  readonly until: number
}

export class Checker implements FrameworkObserver, MachineObserver, View {
  readonly time: VirtualTime
  readonly #story: Story
  readonly weather: Weather
  readonly settings: Settings
  readonly ledgers = new Map<string, Ledger>()
  readonly runs = new Map<string, Map<string, Run>>()
  readonly executors = new Map<string, Map<string, Executor>>()
  readonly tasks = new Map<string, Task>()
  readonly frameworks = new Map<string, Framework>()
  readonly #custody = new Map<string, Custody>()
  readonly #usedOffers = new Set<string>()
  readonly #saidOffers = new Set<string>()
  /** Ends that a session was told with their uuid. */
  readonly #saidEnds = new Set<string>()
  /** By offer: what was offered, for declines. */
  readonly #offered = new Map<string, { agentId: string; frameworkId: string; resources: Resources }>()
  #refused: Refused[] = []
  readonly #newestSession = new Map<string, { number: number; at: number }>()
  readonly #sentAt = new Map<SchedulerCall, number>()
  readonly #starts = new Map<string, number>()
  readonly #tornDown = new Set<string>()
  /** Agents and instances of which an operator or EC2 has said, or is about to say, that they never return. */
  readonly #mayBeGone = new Set<string>()
  readonly #seen = new Map<string, SimFramework>()
  #tokens = new Set<string>()
  readonly #detection = new DetectionCheck(this)
  readonly #offers = new OfferCheck(this)
  readonly #wishes = new WishCheck(this)
  readonly #words = new WordCheck(this)
  readonly #numbers = new NumberCheck(this)
  readonly #whole = new WholeCheck(this)
  readonly restore = new RestoreCheck(this)
  #tickNumber = 0
  /** By task, launch and number: the uuid of each update as its agent reported it. */
  readonly #reported = new Map<string, string>()
  quietSince: number | undefined
  first: Violation | undefined
  commits = 0
  updatesHeard = 0
  marked = 0
  removedFrameworks = 0

  constructor(parts: { time: VirtualTime; story: Story; weather: Weather; settings: Settings }) {
    this.time = parts.time
    this.#story = parts.story
    this.weather = parts.weather
    this.settings = parts.settings
  }

  /** The first violation is kept; what follows from it is of no interest. */
  readonly violated = (invariant: string, text: string, ...about: readonly string[]): void => {
    this.first ??= new Violation(invariant, text, about)
  }

  /** The store below all faults, with every commit looked at. */
  observed(store: Store): Store {
    return {
      ...store,
      commit: async (changes, token): Promise<CommitResult> => {
        const result = await store.commit(changes, token)
        if (result.kind !== 'committed' || this.#tokens.has(token)) return result
        this.#tokens.add(token)
        if (this.#tokens.size > 20_000) this.#tokens = new Set([...this.#tokens].slice(10_000))
        this.committed(changes)
        return result
      },
    }
  }

  /** The table is as it was at an earlier time; what is believed from now on: check-restore.ts. */
  restored({ asOf, items }: Rewinding): void {
    this.restore.restored(items)
    this.#numbers.restored(items)
    this.#whole.restored(asOf)
    this.#words.restored()
    this.#refused = []
    for (const one of items) this.#restoredItem(one)
  }

  #restoredItem({ kind, was, is }: Rewound): void {
    const of = <K extends ItemKind>(_: K) => ({
      // Of the kind that the place says, both of them.
      was: was as Items[K] | undefined,
      is: is as Items[K] | undefined,
    })
    switch (kind) {
      case 'ledger':
        replace(this.ledgers, of(kind), ({ agentId }) => agentId)
        break
      case 'framework':
        replace(this.frameworks, of(kind), ({ frameworkId }) => frameworkId)
        break
      case 'task':
        replace(this.tasks, of(kind), ({ frameworkId, taskId }) => `${frameworkId}/${taskId}`)
        break
      case 'run': {
        const runs = ensure(this.runs, of(kind).was?.agentId ?? of(kind).is?.agentId ?? '')
        replace(runs, of(kind), ({ frameworkId, taskId }) => `${frameworkId}/${taskId}`)
        break
      }
      case 'executor': {
        const executors = ensure(this.executors, of(kind).was?.agentId ?? of(kind).is?.agentId ?? '')
        replace(executors, of(kind), ({ frameworkId, executorId }) => `${frameworkId}/${executorId}`)
        break
      }
      case 'gate':
        this.#offers.restoredGate(of(kind).was, of(kind).is)
        break
      case 'beats':
        this.#detection.restoredBeats(of(kind).was, of(kind).is)
        break
      case 'mail':
        this.#words.restoredMail(of(kind).was, of(kind).is)
        break
      default:
        return
    }
  }

  /** A transaction that took effect. */
  committed(changes: readonly Change[]): void {
    this.commits += 1
    this.#offers.onAccept(changes)
    const agents = new Set<string>()
    for (const change of changes) {
      if (change.do === 'check') continue
      this.#numbers.on(change)
      switch (change.kind) {
        case 'ledger':
          agents.add(change.item.agentId)
          if (change.do === 'put') this.#onLedger(change.item)
          else this.ledgers.delete(change.item.agentId)
          break
        case 'run': {
          agents.add(change.item.agentId)
          const of = ensure(this.runs, change.item.agentId)
          const key = `${change.item.frameworkId}/${change.item.taskId}`
          if (change.do === 'put') {
            this.#wishes.onRun(change.item, of.get(key))
            of.set(key, change.item)
          } else of.delete(key)
          break
        }
        case 'executor': {
          agents.add(change.item.agentId)
          const of = ensure(this.executors, change.item.agentId)
          const key = `${change.item.frameworkId}/${change.item.executorId}`
          if (change.do === 'put') of.set(key, change.item)
          else of.delete(key)
          break
        }
        case 'task': {
          const key = `${change.item.frameworkId}/${change.item.taskId}`
          this.#whole.touched(this.tasks.get(key)?.agentId ?? '')
          if (change.do === 'put') this.#whole.touched(change.item.agentId)
          if (change.do === 'put') this.#onTask(key, change.item)
          else {
            this.#onTaskRemoved(key)
            this.tasks.delete(key)
          }
          break
        }
        case 'agent':
          if (change.do === 'put') this.#detection.onEntry(change.item)
          break
        case 'beats':
          if (change.do === 'put') this.#detection.onBeats(change.item)
          break
        case 'gate':
          if (change.do === 'put') this.#offers.onGate(change.item)
          break
        case 'mail':
          if (change.do === 'put') this.#words.put(change.item)
          else this.#words.removed(change.item)
          break
        case 'tick':
          if (change.do !== 'put') break
          if (change.item.number !== this.#tickNumber) this.#detection.onTick()
          this.#tickNumber = change.item.number
          this.restore.onTick(change.item)
          break
        case 'framework':
          if (change.do === 'put') this.#onFramework(change.item)
          else this.frameworks.delete(change.item.frameworkId)
          break
        default:
          break
      }
    }
    for (const agentId of agents) {
      this.#whole.touched(agentId)
      this.#checkSums(agentId)
    }
  }

  #onLedger(ledger: Ledger): void {
    const { agentId } = ledger
    const before = this.ledgers.get(agentId)
    this.ledgers.set(agentId, ledger)
    this.restore.onLedger(ledger)
    this.#offers.onLedger(ledger, before)
    const problem = unsound(ledger)
    if (problem !== undefined) this.violated('S1', problem, agentId)
    for (const [offerId, offer] of Object.entries(ledger.offers)) {
      if (before?.offers[offerId] !== undefined) continue
      if (this.#usedOffers.has(offerId))
        this.violated('S2', `offer ${offerId} is back after it was used`, agentId, offerId)
      this.#offered.set(offerId, { agentId, frameworkId: offer.frameworkId, resources: offer.resources })
      this.#checkRefused(agentId, offer.frameworkId, offer.resources, offerId)
    }
    for (const offerId of Object.keys(before?.offers ?? {}))
      if (ledger.offers[offerId] === undefined) this.#usedOffers.add(offerId)
    this.#onRefusals(ledger, before)
    if (before === undefined) return
    const isGone = before.life !== 'gone' && ledger.life === 'gone'
    if (isGone && !this.#mayBeGone.has(agentId) && !this.#mayBeGone.has(before.instanceId ?? ''))
      this.violated('F14', `${agentId} is gone, and nobody said so: no operator, not EC2`, agentId)
    if (before.life === 'gone' && ledger.life !== 'gone')
      this.violated('S14', `${agentId} is back from the dead as ${ledger.life}`, agentId)
    for (const number of ['incarnation', 'generation', 'lossNumber'] as const) {
      const isNewIncarnation = number === 'generation' && ledger.incarnation > before.incarnation
      if (ledger[number] < before[number] && !isNewIncarnation)
        this.violated(
          'S8',
          `${number} of ${agentId} falls from ${before[number]} to ${ledger[number]}`,
          agentId,
        )
    }
    if (before.life !== 'unreachable' && ledger.life === 'unreachable') {
      this.marked += 1
      this.#words.lost(agentId, this.#listening())
      this.#detection.onMarked(before)
    }
    if (before.life !== ledger.life)
      this.#story.tell(`ledger of ${agentId}: ${before.life} → ${ledger.life}`, agentId)
  }

  *#listening(): Iterable<readonly [SimFramework, Session]> {
    for (const framework of this.#seen.values())
      if (framework.session?.isOpen === true && !framework.isDown) yield [framework, framework.session]
  }

  /** S18: what is charged in the ledger is what stands in the items of its tasks and executors. */
  #checkSums(agentId: string): void {
    const ledger = this.ledgers.get(agentId)
    if (ledger === undefined || ledger.life !== 'active' || ledger.openWork !== undefined) return
    if (this.restore.isUnderway) return
    const charged = [
      ...(this.runs.get(agentId)?.values() ?? []),
      ...(this.executors.get(agentId)?.values() ?? []),
    ]
    const ofItems = add(...charged.map((item) => unallocate(item.charged)))
    const ofLedger = add(
      ...Object.values(ledger.sums).flatMap((roles) => Object.values(roles).map(unallocate)),
    )
    if (!contains(ofItems, ofLedger) || !contains(ofLedger, ofItems))
      this.violated(
        'S18',
        `${agentId} charges ${amounts(ofLedger)} but its tasks have ${amounts(ofItems)}`,
        agentId,
      )
  }

  #onTask(key: string, task: Task): void {
    const before = this.tasks.get(key)
    this.tasks.set(key, task)
    this.#wishes.onTask(key, task, before, (id) => this.#offers.isShut(id))
    const state = task.mesos.state
    if (before !== undefined) this.#checkTransition(key, before, task)
    if (before?.mesos.state !== state || before?.standing !== task.standing)
      this.#story.tell(
        `task ${key}: ${before?.mesos.state ?? 'new'} → ${state} (${task.standing})`,
        key,
        task.agentId,
      )
    let last = before?.lastUpdate ?? 0
    for (const update of task.custody) {
      const known = this.#custody.get(update.uuid)
      if (known === undefined) {
        if (update.number !== last + 1)
          this.violated('S5', `${key}: update ${update.number} is taken after ${last}`, key)
        this.#custody.set(update.uuid, {
          task: key,
          number: update.number,
          at: this.time.now(),
          isSaid: false,
          isAcknowledged: false,
        })
      }
      last = Math.max(last, update.number)
    }
    const stays = new Set(task.custody.map(({ uuid }) => uuid))
    for (const { uuid } of before?.custody ?? []) if (!stays.has(uuid)) this.#dropped(key, uuid)
  }

  #onTaskRemoved(key: string): void {
    for (const { uuid } of this.tasks.get(key)?.custody ?? []) this.#dropped(key, uuid)
  }

  #dropped(key: string, uuid: string): void {
    const custody = this.#custody.get(uuid)
    if (custody === undefined || custody.isAcknowledged) return
    const framework = this.frameworks.get(key.slice(0, key.indexOf('/')))
    if (framework === undefined || framework.state === 'removed') return
    // For ever gone: the last word about the task stands for all that was to be said.
    if (this.ledgers.get(this.tasks.get(key)?.agentId ?? '')?.life === 'gone') return
    this.violated('S5', `${key}: update ${custody.number} leaves custody without an acknowledgement`, key)
  }

  #checkTransition(key: string, before: Task, task: Task): void {
    const [was, is] = [before.mesos.state ?? 'TASK_STAGING', task.mesos.state ?? 'TASK_STAGING']
    if (before.standing === 'finished' && task.standing !== 'finished')
      this.violated('S4', `${key} was finished and is ${task.standing}`, key)
    if (was === is) return
    if (ENDS.has(was) && before.standing !== 'lost')
      this.violated('S4', `${key} moves from ${was} to ${is}`, key)
    const [from, to] = [RANK[was], RANK[is]]
    if (from !== undefined && to !== undefined && to < from)
      this.violated('S4', `${key} moves back from ${was} to ${is}`, key)
    if (task.lastUpdate < before.lastUpdate) this.violated('S5', `${key}: numbers of updates fall`, key)
  }

  #onFramework(framework: Framework): void {
    const { frameworkId } = framework
    const before = this.frameworks.get(frameworkId)
    this.frameworks.set(frameworkId, framework)
    this.restore.onFramework(framework)
    // A disconnect, a takeover and REVIVE void what was refused.
    if (
      before?.epoch !== framework.epoch ||
      JSON.stringify(before.filterEpochs) !== JSON.stringify(framework.filterEpochs)
    )
      this.#refused = this.#refused.filter((refused) => refused.frameworkId !== frameworkId)
    if (before !== undefined && framework.epoch < before.epoch)
      this.violated('S8', `the epoch of ${frameworkId} falls`, frameworkId)
    if (before?.state !== framework.state)
      this.#story.tell(
        `framework ${frameworkId}: ${before?.state ?? 'new'} → ${framework.state}`,
        frameworkId,
      )
    if (before?.state === 'removed' && framework.state !== 'removed')
      this.violated('S17', `${frameworkId} is back after its removal (F50)`, frameworkId)
    if (before === undefined || before.state === 'removed' || framework.state !== 'removed') return
    this.removedFrameworks += 1
    if (this.#tornDown.has(frameworkId)) return
    const own = this.#seen.get(frameworkId)
    const awayFor = this.time.now() - (own?.lastConnectedAt ?? 0)
    const timeoutMs = (framework.info.failover_timeout ?? 0) * 1000
    if (own?.frameworkId === frameworkId && awayFor < timeoutMs - clocksMs(this.settings))
      this.violated(
        'S17',
        `${frameworkId} is removed ${Math.round(awayFor / 1000)} s after it was heard, timeout ${timeoutMs / 1000} s`,
        frameworkId,
      )
  }

  // What frameworks do and hear.

  subscribed(framework: SimFramework, session: Session): void {
    this.#seen.set(session.frameworkId, framework)
    this.#newestSession.set(session.frameworkId, { number: session.number, at: this.time.now() })
    this.#refused = this.#refused.filter(({ frameworkId }) => frameworkId !== session.frameworkId)
  }

  written(framework: SimFramework, session: Session, event: SchedulerEvent): void {
    this.#words.written(framework.frameworkId ?? session.frameworkId, event)
  }

  heard(framework: SimFramework, session: Session, event: SchedulerEvent): void {
    this.#words.heard(framework, event)
    const newest = this.#newestSession.get(session.frameworkId)
    const isOld = newest !== undefined && newest.number > session.number
    if (event.type === 'OFFERS') {
      for (const { id } of event.offers?.offers ?? []) {
        if (this.#saidOffers.has(id.value))
          this.violated('S2', `offer ${id.value} is said twice`, session.frameworkId, id.value)
        this.#saidOffers.add(id.value)
      }
    }
    // What a sleeping host had read before the takeover may still come out; after two minutes nothing may.
    const isSpecial = event.type === 'OFFERS' || event.type === 'UPDATE'
    if (isOld && isSpecial && this.time.now() - newest.at > 120_000)
      this.violated(
        'S19',
        `${framework.name} hears ${event.type} in session ${session.number}, the newest is ${newest.number}`,
        session.frameworkId,
      )
    const status = event.type === 'UPDATE' ? event.update?.status : undefined
    if (status === undefined) return
    this.updatesHeard += 1
    this.#whole.answers(session, status.task_id.value)
    const inSession = `${session.streamId}/${status.task_id.value}`
    const isEnd = status.state !== undefined && ENDS.has(status.state)
    if (
      !isEnd &&
      status.uuid === undefined &&
      this.#saidEnds.has(inSession) &&
      RANK[status.state] !== undefined
    )
      this.violated(
        'S7',
        `${framework.name} hears ${status.state} of ${status.task_id.value} behind its end`,
        `${session.frameworkId}/${status.task_id.value}`,
      )
    if (isEnd && status.uuid !== undefined) this.#saidEnds.add(inSession)
    if (status.uuid === undefined) return
    const custody = this.#custody.get(status.uuid)
    const key = `${session.frameworkId}/${status.task_id.value}`
    if (custody === undefined) {
      this.violated('S5', `${key}: an update is said that was never taken`, key)
      return
    }
    custody.isSaid = true
    for (const other of this.#custodyOf(key))
      if (other.number < custody.number && !other.isAcknowledged)
        this.violated(
          'S5',
          `${key}: update ${custody.number} is said while ${other.number} is not acknowledged`,
          key,
        )
  }

  *#custodyOf(key: string): Iterable<Custody> {
    const task = this.tasks.get(key)
    for (const { uuid } of task?.custody ?? []) {
      const custody = this.#custody.get(uuid)
      if (custody !== undefined) yield custody
    }
  }

  acknowledging(_frameworkId: string, _taskId: string, uuid: string): void {
    const custody = this.#custody.get(uuid)
    if (custody !== undefined) custody.isAcknowledged = true
  }

  sent(_framework: SimFramework, session: Session, call: SchedulerCall): void {
    if (call.kill !== undefined) this.#wishes.killing(`${session.frameworkId}/${call.kill.task_id.value}`)
    this.#sentAt.set(call, this.time.now())
  }

  answered(framework: SimFramework, session: Session, call: SchedulerCall, status: number): void {
    const sentAt = this.#sentAt.get(call) ?? 0
    this.#sentAt.delete(call)
    const newest = this.#newestSession.get(session.frameworkId)
    if (status !== 202) return
    if (call.kill !== undefined) this.#whole.killed(`${session.frameworkId}/${call.kill.task_id.value}`)
    if (newest !== undefined && newest.number > session.number && sentAt > newest.at)
      this.violated(
        'S19',
        `${call.type} of session ${session.number} of ${framework.name} is accepted, the newest is ${newest.number}`,
        session.frameworkId,
      )
  }

  /** What the ledger takes down is remembered here, whatever becomes of the ledger's own note. */
  #onRefusals(ledger: Ledger, before: Ledger | undefined): void {
    const old = before?.refusals ?? []
    for (const refusal of ledger.refusals) {
      // Nearly all of them are the very objects of before.
      if (old.includes(refusal) || old.some((one) => isDeepStrictEqual(one, refusal))) continue
      const { frameworkId, role, resources, until, filterEpoch } = refusal
      if (filterEpoch < (this.frameworks.get(frameworkId)?.filterEpochs[role] ?? 0)) continue
      const seconds = Math.round((until - this.time.now()) / 1000)
      this.#story.tell(
        `${frameworkId} refuses ${amounts(resources)} of ${ledger.agentId} for ${seconds} s`,
        `${ledger.agentId} ${frameworkId}`,
      )
      this.#refused.push({
        agentId: ledger.agentId,
        frameworkId,
        resources,
        until: until - clocksMs(this.settings),
      })
    }
  }

  #checkRefused(agentId: string, frameworkId: string, resources: Resources, offerId: string): void {
    const now = this.time.now()
    this.#refused = this.#refused.filter(({ until }) => until > now)
    for (const refused of this.#refused) {
      if (refused.agentId !== agentId || refused.frameworkId !== frameworkId) continue
      if (contains(unallocate(refused.resources), unallocate(resources)))
        this.violated(
          'S13',
          `${agentId} is offered to ${frameworkId} again within its refusal`,
          `${agentId} ${frameworkId}`,
          offerId,
        )
    }
  }

  /** Torn down, and alive again in a restored table. */
  *tornDownAlive(): Iterable<string> {
    for (const id of this.#tornDown) {
      const state = this.frameworks.get(id)?.state
      if (state !== undefined && state !== 'removed') yield id
    }
  }

  torndown(frameworkId: string): void {
    this.#tornDown.add(frameworkId)
  }

  reconciling(framework: SimFramework, session: Session, taskIds: readonly string[]): void {
    this.#whole.asks(framework, session, taskIds)
  }

  // What agents do.

  started(machine: Machine, task: string): void {
    const count = (this.#starts.get(task) ?? 0) + 1
    this.#starts.set(task, count)
    if (count > 1) this.violated('S3', `${task} is started ${count} times, now on ${machine.name}`, task)
  }

  /** S5, F30: an update keeps its uuid, through all restarts of its agent. */
  called(machine: Machine, call: AgentCall): void {
    if (call.type !== 'UPDATES') return
    for (const { frameworkId, taskId, launchIncarnation, launchGeneration, number, status } of call.updates) {
      const key = `${frameworkId}/${taskId}`
      const name = [key, launchIncarnation, launchGeneration ?? '', number].join(' ')
      const before = this.#reported.get(name)
      if (before !== undefined && before !== status.uuid)
        this.violated('S5', `${machine.name} reports two updates ${number} of ${key}`, key, machine.name)
      this.#reported.set(name, status.uuid ?? '')
    }
  }

  registered(agentId: string): void {
    this.#detection.registered(agentId)
  }

  refused(machine: Machine, call: AgentCall, { status, body }: HttpAnswer): void {
    this.violated(
      'S20',
      `${call.type} of ${machine.name} is answered with ${status}: ${String(body)}`,
      machine.name,
    )
  }

  /** F27: what is wanted outlives its agent's process. */
  orphaned(machine: Machine, task: string): void {
    const run = this.runs.get(machine.agentId ?? '')?.get(task)
    if (run?.wanted === 'run')
      this.violated(
        'F27',
        `${machine.name} starts again and kills ${task}, which is wanted`,
        task,
        machine.name,
      )
  }

  marksGone(agentId: string): void {
    this.#mayBeGone.add(agentId)
  }

  ending(instanceId: string, how: 'stopped' | 'terminated'): void {
    if (how === 'terminated') this.#mayBeGone.add(instanceId)
    this.#detection.ending(instanceId)
  }

  startedAgain(instanceId: string): void {
    this.#detection.startedAgain(instanceId)
  }

  drains(agentId: string): void {
    this.#wishes.draining(agentId)
  }

  /** S22: what frameworks gave us in confidence stands in no log. */
  logged(text: string): void {
    if (text.includes(SECRET)) this.violated('S22', `a secret stands in a log: ${text.slice(0, 60)}`)
  }

  beat(agentId: string): void {
    this.#detection.heard(agentId)
  }

  /** Each hundred steps: the whole, and what must happen within a bound. */
  often(quietSince: number | undefined): void {
    // What closed doors held up is judged from their opening.
    this.quietSince = quietSince === undefined ? undefined : Math.max(quietSince, this.restore.openedAt)
    if (this.restore.isUnderway) return
    this.#offers.often()
    this.#words.often()
    this.#whole.often()
  }

  atTheEnd(frameworks: readonly SimFramework[], machines: readonly Machine[], quietMs: number): void {
    if (this.restore.isUnderway) this.violated('L1', 'the doors of a restored table are still closed')
    new EndCheck(this).all(frameworks, machines, quietMs)
    for (const agentId of this.ledgers.keys()) this.#checkSums(agentId)
  }
}

function replace<T>(
  map: Map<string, T>,
  { was, is }: { readonly was: T | undefined; readonly is: T | undefined },
  keyOf: (item: T) => string,
): void {
  if (was !== undefined) map.delete(keyOf(was))
  if (is !== undefined) map.set(keyOf(is), is)
}

function ensure<T>(map: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const found = map.get(key) ?? new Map<string, T>()
  map.set(key, found)
  return found
}

function amounts(resources: Resources): string {
  return resources.map(({ name, scalar }) => `${name}:${scalar?.value ?? '…'}`).join(';') || 'nothing'
}
