// Histories of one simulation as its callers saw them, by ledger, offer and session; at the end each must be a sequence.
import type { Change } from '../../master/decision.ts'
import type { Clock } from '../../protocol/clock.ts'
import type { SchedulerCall, SchedulerEvent } from '../../protocol/messages.ts'
import type { CommitResult } from '../../store/store.ts'
import { linearize, type Model, type Operation } from './linearizability.ts'
import {
  LEDGER,
  type LedgerInput,
  OFFER,
  type OfferInput,
  SESSION,
  type SessionInput,
} from './linearizability-models.ts'

/** An ACCEPT: all its deliveries are one operation, whose outcome its tasks tell later. */
interface Accept {
  readonly offers: readonly string[]
  readonly tasks: readonly string[]
  readonly calledAt: number
  answeredAt: number | undefined
}

/** As a commit asks for it; its answer may make it another one. */
interface Asked {
  input: LedgerInput
  readonly calledAt: number
  answeredAt: number | undefined
}

interface Ledgers {
  /** Versions at the beginning; of others there is no ledger yet. */
  readonly begins: ReadonlyMap<string, number>
  readonly histories: Map<string, Operation<LedgerInput>[]>
}

export class Histories {
  readonly #clock: Clock
  #ledgers: Ledgers = { begins: new Map(), histories: new Map() }
  /** What came before the table was restored: ledgers begin anew there, with the versions it has then. */
  readonly #before: Ledgers[] = []
  readonly #accepts = new Map<string, Accept>()
  readonly #declines = new Map<string, Operation<OfferInput>[]>()
  /** By stream; which framework it is of, calls of the session say. */
  readonly #subscribes = new Map<string, Operation<SessionInput>>()
  readonly #calls = new Map<string, Operation<SessionInput>[]>()
  readonly #frameworkOf = new Map<string, string>()
  /** `framework/task` with what was heard of it first. */
  readonly #outcomes = new Map<string, 'launch' | 'refused'>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  ledgerRead(agentId: string, version: number | undefined, calledAt: number): void {
    const input = { do: 'read', version: version ?? 0 } as const
    listIn(this.#ledgers.histories, agentId).push({ input, calledAt, answeredAt: this.now() })
  }

  /** Nobody who asked before hears of it any more. Offers and sessions do not come back: their histories go on. */
  restored(versions: ReadonlyMap<string, number>): void {
    this.#before.push(this.#ledgers)
    this.#ledgers = { begins: versions, histories: new Map() }
  }

  /** A commit that is asked for; yields what is to be told of its answer, if anybody hears it. */
  committing(changes: readonly Change[]): (result: CommitResult) => void {
    const asked = changes.flatMap((change) => {
      if (change.kind !== 'ledger' || change.item.version === undefined) return []
      if (change.when.name !== 'unchanged' && change.when.name !== 'absent') return []
      const expects = change.item.version
      const input = askedOf(change.do, expects)
      const operation: Asked = { input, calledAt: this.now(), answeredAt: undefined }
      listIn(this.#ledgers.histories, change.item.agentId).push(operation)
      return [{ change, operation, expects }]
    })
    const isAlone = changes.length === 1 && changes[0]?.do === 'put'
    return (result) => {
      for (const { change, operation, expects } of asked) {
        operation.answeredAt = this.now()
        if (result.kind === 'committed') continue
        // All conditions are looked at: one that is not to blame held.
        const isToBlame = result.failed.includes(change)
        operation.input = isToBlame ? { do: 'conflict', expects, isAlone } : { do: 'read', version: expects }
      }
    }
  }

  /** A request that a framework sends; yields what is to be told of its answer. */
  called(call: SchedulerCall, stream: string | undefined): (status: number, streamOfAnswer?: string) => void {
    const calledAt = this.now()
    const frameworkId = call.framework_id?.value
    if (stream === undefined)
      return (status, opened) => {
        if (status !== 200 || opened === undefined || call.type !== 'SUBSCRIBE') return
        const input = { do: 'subscribe', stream: opened } as const
        this.#subscribes.set(opened, { input, calledAt, answeredAt: this.now() })
        if (frameworkId !== undefined) this.#frameworkOf.set(opened, frameworkId)
      }
    if (frameworkId !== undefined) this.#frameworkOf.set(stream, frameworkId)
    const accept = this.#acceptOf(call, calledAt)
    return (status) => {
      const answeredAt = this.now()
      // After another answer a second delivery may still take effect.
      if (accept !== undefined && status === 202) accept.answeredAt ??= answeredAt
      const said = status === 202 ? 'accepted' : status === 403 ? 'refused' : undefined
      if (said !== undefined && call.type !== 'TEARDOWN')
        listIn(this.#calls, stream).push({ input: { do: said, stream }, calledAt, answeredAt })
      if (status !== 202 || call.type !== 'DECLINE') return
      for (const { value } of call.decline?.offer_ids ?? [])
        listIn(this.#declines, value).push({ input: { do: 'decline' }, calledAt, answeredAt })
    }
  }

  #acceptOf(call: SchedulerCall, calledAt: number): Accept | undefined {
    if (call.type !== 'ACCEPT') return undefined
    const frameworkId = call.framework_id?.value ?? ''
    const operations = call.accept?.operations ?? []
    const infos = operations.flatMap(({ launch, launch_group }) => [
      ...(launch?.task_infos ?? []),
      ...(launch_group?.task_group.tasks ?? []),
    ])
    const tasks = infos.map(({ task_id }) => `${frameworkId}/${task_id.value}`)
    const offers = (call.accept?.offer_ids ?? []).map(({ value }) => value)
    const name = [...offers, ...tasks].join()
    const known = this.#accepts.get(name) ?? { offers, tasks, calledAt, answeredAt: undefined }
    this.#accepts.set(name, known)
    return known
  }

  heard(frameworkId: string, event: SchedulerEvent): void {
    const status = event.type === 'UPDATE' ? event.update?.status : undefined
    if (status === undefined) return
    const task = `${frameworkId}/${status.task_id.value}`
    // A container ran, or the agent tried: what else is said of a task need not speak of its launch.
    const isAgents = status.uuid !== undefined
    if (status.reason === 'REASON_INVALID_OFFERS') {
      if (!this.#outcomes.has(task)) this.#outcomes.set(task, 'refused')
    } else if (isAgents) this.#outcomes.set(task, 'launch')
  }

  /** The first history that is no sequence, as a sentence. */
  broken(): { readonly invariant: string; readonly text: string; readonly about: string } | undefined {
    for (const { begins, histories } of [...this.#before, this.#ledgers])
      for (const [agentId, history] of histories) {
        const told = explain(history, { ...LEDGER, initial: begins.get(agentId) ?? LEDGER.initial })
        if (told !== undefined)
          return { invariant: 'S1', text: `the ledger of ${agentId} ${told}`, about: agentId }
      }
    for (const [offerId, history] of this.#ofOffers()) {
      const told = explain(history, OFFER)
      if (told !== undefined) return { invariant: 'S2', text: `the offer ${offerId} ${told}`, about: offerId }
    }
    for (const [frameworkId, history] of this.#ofSessions()) {
      const told = explain(history, SESSION)
      if (told !== undefined)
        return { invariant: 'S19', text: `the sessions of ${frameworkId} ${told}`, about: frameworkId }
    }
    return undefined
  }

  #ofOffers(): Map<string, Operation<OfferInput>[]> {
    const histories = new Map([...this.#declines].map(([offer, declines]) => [offer, [...declines]]))
    for (const [accept, { offers, tasks, calledAt, answeredAt }] of this.#accepts) {
      const outcomes = tasks.map((task) => this.#outcomes.get(task))
      const did = outcomes.find((one) => one === 'launch') ?? outcomes.find((one) => one === 'refused')
      if (did === undefined) continue
      for (const offer of offers)
        listIn(histories, offer).push({ input: { do: did, accept }, calledAt, answeredAt })
    }
    return histories
  }

  #ofSessions(): Map<string, Operation<SessionInput>[]> {
    const histories = new Map<string, Operation<SessionInput>[]>()
    const streams = new Set([...this.#subscribes.keys(), ...this.#calls.keys()])
    for (const stream of streams) {
      const frameworkId = this.#frameworkOf.get(stream)
      if (frameworkId === undefined) continue
      const subscribe = this.#subscribes.get(stream)
      const history = listIn(histories, frameworkId)
      if (subscribe !== undefined) history.push(subscribe)
      history.push(...(this.#calls.get(stream) ?? []))
    }
    return histories
  }
}

function askedOf(does: Change['do'], expects: number): LedgerInput {
  if (does === 'check') return { do: 'read', version: expects }
  return { do: does === 'put' ? 'write' : 'remove', expects }
}

function explain<State, Input>(
  history: readonly Operation<Input>[],
  model: Model<State, Input>,
): string | undefined {
  const verdict = linearize(history, model)
  if (verdict.kind !== 'impossible') return undefined
  const stuck = verdict.stuck.map(({ input }) => JSON.stringify(input)).join(' or ')
  return `cannot be told as a sequence of ${history.length} calls; next would be ${stuck}`
}

function listIn<T>(map: Map<string, T[]>, key: string): T[] {
  const found = map.get(key) ?? []
  map.set(key, found)
  return found
}
