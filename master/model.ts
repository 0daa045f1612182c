// What the control plane remembers: one interface per item kind. Plain data; `version` is 0 before the first write.
//
// Where items stand (keys are made in store/items.ts):
//
//   AGENT#<agent>          LEDGER, RUN#<framework>/<task>, EXECUTOR#<framework>/<executor>, HOLD#<accept>
//   AGENTS#<shard>         <agent>                      index: advice for lists and the allocator, never truth
//   INSTANCE#<instance>    <agent>                      agents that ran on an EC2 instance
//   BEATS#<shard>          BEATS
//   FRAMEWORKS             <framework>
//   FRAMEWORK#<id>         GATE#<k>, LEASE, CALLED, ACCEPT#<accept>
//   FRAMEWORK#<id>#<n>     TASK#<task>
//   MAIL#<id>#<n>          UPDATE#<task>, WORD#<task>, OFFER#<offer>, NOTICE#<notice>
//   LOSSES                 HEAD, <number>
//   CLUSTER                CLUSTER, TICK, ALLOCATION, ALLOWANCE#<principal>
//
// Times are milliseconds since 1970 in cluster time. Numbers (epoch, incarnation, generation, fence) come from
// protocol/numbering.ts and only grow.

import type { WantedTask } from '../protocol/agent-messages.ts'
import type {
  AgentInfo,
  AgentInfoCapability,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  Task as MesosTask,
  Offer,
  Resource,
  SchedulerEvent,
  SchedulerOfferConstraints,
  TaskInfo,
  TaskStatus,
} from '../protocol/messages.ts'

export type Resources = readonly Resource[]

/** Every item: `version` counts its writes, 0 means not written yet. */
export interface Versioned {
  readonly version: number
}

/**
 * The unit of consistency: total = offers + holds + sums + free, always.
 * Invariant (S1, S18): the sum of `offers` and `holds` and `sums` is contained in `total`; each change of them is
 * one conditional write of this item.
 */
export interface Ledger extends Versioned {
  readonly agentId: string
  /**
   * `active`: may be offered. `returning`: re-registered, its list is still being taken over; nothing is offered.
   * `unreachable`: marked by the detector. `removed`: unregistered. `gone`: never comes back.
   */
  readonly life: 'active' | 'returning' | 'unreachable' | 'removed' | 'gone'
  readonly incarnation: number
  readonly bootNonce: string
  /** Counts losses; chunks of a loss check it, and a later return voids them. */
  readonly lossNumber: number
  /** Raised by every change of what the agent shall run. */
  readonly generation: number
  readonly total: Resources
  readonly offers: Readonly<Record<string, LedgerOffer>>
  /** ACCEPTs larger than one transaction, in pieces. */
  readonly holds: Readonly<Record<string, LedgerHold>>
  /** Charged to tasks and executors: framework, then role. */
  readonly sums: Readonly<Record<string, Readonly<Record<string, Resources>>>>
  /** Of the RUN items, see protocol/digest.ts. */
  readonly digest: string
  /** Queue stamp of the newest canary at (re-)registration: silence counts from it at the earliest. */
  readonly heardAt: number
  readonly refusals: readonly Refusal[]
  /** Ids of the latest ACCEPTs committed here (newest last, at most 16): evidence for a repeat. */
  readonly accepts: readonly string[]
  readonly deactivated: boolean
  /** Set by DRAIN_AGENT, until REACTIVATE_AGENT; such an agent is deactivated, too. */
  readonly drain?: Drain | undefined
  readonly unreachableSince?: number
  /** Cluster time at which it was lost in whatever way; two weeks later it is forgotten (F18). */
  readonly lostAt?: number | undefined
  /** Gone for a while: its queue was deleted. */
  readonly isQueueRemoved?: boolean | undefined
  /** Work left open on this agent, finished by whoever meets it (loss, return, gone). */
  readonly openWork?: OpenWork
  readonly beatShard: number
  readonly indexShard: number
  /** EC2's word on where it runs; the same for its whole life. Its death and its stops are looked up by it (R9). */
  readonly instanceId?: string | undefined
  /** An Auto Scaling termination that waits until this agent is drained, or until `until`, cluster time. */
  readonly lifecycle?: LifecycleHook | undefined
}

/** As the event of Auto Scaling names it; who completes it needs no more. */
export interface LifecycleHook {
  readonly group: string
  readonly hook: string
  readonly token: string
  readonly until: number
}

/** Drained are the tasks: all of an agent's wanted state reads `stop` while this stands, see master/agents/drain.ts. */
export interface Drain {
  readonly state: 'DRAINING' | 'DRAINED'
  /** No task has more than this to end; its own grace when absent. */
  readonly maxGraceMs?: number | undefined
  /** Drained, the agent becomes gone. */
  readonly markGone: boolean
  /** Cluster time of the newest DRAIN_AGENT. */
  readonly since: number
  /** How often it was asked for: like a repeated kill, each is delivered and may shorten the grace. */
  readonly asked: number
}

export interface LedgerOffer {
  readonly frameworkId: string
  readonly role: string
  /** Void when the framework's epoch is higher. */
  readonly epoch: number
  readonly resources: Resources
  readonly expiresAt: number
}

export interface LedgerHold {
  readonly frameworkId: string
  readonly role: string
  readonly resources: Resources
  readonly expiresAt: number
}

/** A declined amount: offers contained in `resources` are withheld from that framework and role until then. */
export interface Refusal {
  readonly frameworkId: string
  readonly role: string
  readonly resources: Resources
  readonly until: number
  /** Void when the framework's filter epoch of the role is higher. */
  readonly filterEpoch: number
}

export type OpenWork =
  | {
      readonly kind: 'loss'
      readonly lossNumber: number
      readonly why: 'unreachable' | 'removed' | 'gone'
      readonly at: number /** FAILURE was said with an earlier loss. */
      readonly quiet?: boolean | undefined
      /** What is known of the reason, for the tasks' last word; absent: what `why` always means. */
      readonly says?: string | undefined
    }
  | {
      readonly kind: 'return'
      readonly lossNumber: number
      readonly pagesTaken: number
      readonly pages: number /** First of a new timeline: the agent's counts win. */
      readonly restored?: boolean | undefined
    }

/** Wanted state of one task on its agent. Exists from ACCEPT until the terminal update is in custody. */
export interface Run extends Versioned, WantedTask {
  readonly agentId: string
  /** Charged in the ledger for this task (its executor is charged by its own item). Empty after a loss. */
  readonly charged: Resources
  readonly acceptId: string
  /** A launch not answered by then becomes `stop`. */
  readonly answerBy: number
  /** The return in which the agent listed it, see master/agents/return.ts: what is not listed is settled. */
  readonly listedIn?: string | undefined
}

/** A live custom or default executor and what it is charged. */
export interface Executor extends Versioned {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  readonly info: ExecutorInfo
  readonly role: string
  readonly charged: Resources
  readonly wanted: 'run' | 'end'
  /** Of the launch that began it; absent in items of earlier releases. Tells it from one of the same id that ended. */
  readonly executorGeneration?: number | undefined
  /** As of a RUN item. */
  readonly listedIn?: string | undefined
}

/** An ACCEPT in pieces: what must be said of its tasks if it is not finished. */
export interface Hold extends Versioned {
  readonly agentId: string
  readonly acceptId: string
  readonly frameworkId: string
  readonly tasks: readonly HeldTask[]
}

export interface HeldTask {
  readonly taskId: string
  readonly executorId?: string | undefined
  /** KILLs that came before the task was made; it comes into being with them. */
  readonly kills?: number | undefined
  readonly killPolicy?: KillPolicy | undefined
}

/**
 * Where the HOLD item of a framework's ACCEPT in pieces stands: who asks for a task and names no agent finds it by this.
 * It comes and goes with the HOLD item.
 */
export interface Accepting extends Versioned {
  readonly frameworkId: string
  readonly acceptId: string
  readonly agentId: string
}

/** Index entry of an agent: written after the fact, read by lists and by the allocator as advice. */
export interface AgentEntry extends Versioned {
  readonly agentId: string
  readonly shard: number
  readonly info: AgentInfo
  readonly address: { readonly ip: string; readonly port: number }
  readonly agentVersion: string
  readonly capabilities: readonly AgentInfoCapability[]
  readonly instanceId?: string | undefined
  readonly registeredAt: number
  readonly reregisteredAt?: number | undefined
  readonly commandQueueUrl: string
  readonly life: Ledger['life']
  /** Of its last loss, cluster time; the oldest are forgotten first (F18). */
  readonly lostAt?: number | undefined
}

/**
 * An agent that registered from this EC2 instance: events of EC2 name the instance only. Found by it, an agent is
 * judged by its own ledger. A fresh work directory on an old machine is a second agent of the instance (F15).
 */
export interface InstanceAgent extends Versioned {
  readonly instanceId: string
  readonly agentId: string
}

/** Beats of up to a hundred agents, written whole by `heartbeats` only. */
export interface Beats extends Versioned {
  readonly shard: number
  readonly agents: Readonly<Record<string, BeatRecord>>
  /** Queue stamp and number of the newest canary written here. */
  readonly canary: { readonly number: number; readonly stamp: number }
  /** Stamp since which the chain of canaries is unbroken. */
  readonly hearingSince: number
}

export interface BeatRecord {
  readonly incarnation: number
  readonly number: number
  /** Queue stamp of the newest beat, taken as the largest so far in the group. */
  readonly stamp: number
  readonly applied: number
  /** The first digits of what it said, to see that it stays the same; empty before its first beat. */
  readonly digest: string
}

export interface Framework extends Versioned {
  readonly frameworkId: string
  /** With `id`; `user` and `checkpoint` keep their first values (C47). */
  readonly info: FrameworkInfo
  readonly principal?: string | undefined
  /** Raised by subscribe, takeover, disconnect and removal. */
  readonly epoch: number
  readonly streamId: string
  readonly state: 'connected' | 'disconnected' | 'removed'
  readonly suppressedRoles: readonly string[]
  /** Per role; raised by REVIVE, un-suppress and disconnect: older refusals are void. */
  readonly filterEpochs: Readonly<Record<string, number>>
  readonly offerConstraints?: SchedulerOfferConstraints | undefined
  readonly gates: number
  readonly shards: number
  readonly registeredAt: number
  readonly reregisteredAt?: number | undefined
  readonly disconnectedAt?: number | undefined
  readonly removedAt?: number | undefined
  /** Cluster time at which a disconnected framework is removed. */
  readonly removeAt?: number | undefined
  /** Gates still to be raised to `epoch`, or tasks still to be ended after removal. */
  readonly openWork?: 'gates' | 'removal' | undefined
  /** Where its events are delivered by the notifier, as said at SUBSCRIBE; absent: they are read from a stream. */
  readonly delivery?: Delivery | undefined
}

/** A webhook, or a FIFO queue of the framework's own. */
export interface Delivery {
  readonly kind: 'webhook' | 'sqs'
  readonly url: string
  /** Of a webhook: what deliveries are signed with. Kept from session to session unless SUBSCRIBE brings another one. */
  readonly secret?: string | undefined
}

/** One of k copies of what every call must find unchanged; written only forwards, by its own. */
export interface Gate extends Versioned {
  readonly frameworkId: string
  readonly index: number
  readonly epoch: number
  readonly removed: boolean
}

/** Held by the one reader that delivers. */
export interface Lease extends Versioned {
  readonly frameworkId: string
  readonly epoch: number
  readonly holder: string
  /** One more with each renewal: whoever declares the reader dead conditions on it. */
  readonly number: number
  /** Cluster time of the tick it was last renewed after. */
  readonly renewedAt: number
  readonly expiresAt: number
  /** Place in LOSSES up to which this framework was told. */
  readonly lossesTold: number
  /** How delivery without a stream stands; of an older epoch it means nothing. */
  readonly notifying?: Notifying | undefined
}

/** One turn at a time: who begins another one before `turnUntil` would say things out of order. */
export interface Notifying {
  readonly epoch: number
  /** Cluster time; absent between turns. */
  readonly turnUntil?: number | undefined
  /** Failed deliveries since the last good one. */
  readonly failures: number
  /** Cluster time before which a failing endpoint is left alone. */
  readonly nextTryAt?: number | undefined
  /** Of the last failure: a status, a code, a sentence. */
  readonly why?: string | undefined
}

/** When a call of the session was last seen: words said before may leave the mailbox (R3). */
export interface Called extends Versioned {
  readonly frameworkId: string
  readonly epoch: number
  readonly at: number
}

/** A task of a framework, from ACCEPT until an hour after its end was acknowledged. */
export interface Task extends Versioned {
  readonly frameworkId: string
  readonly taskId: string
  readonly shard: number
  readonly agentId: string
  readonly acceptId: string
  readonly launchIncarnation: number
  readonly launchGeneration: number
  /** Newest state known (frees resources); `mesos.status_update_state` is what the framework was last told. */
  readonly mesos: MesosTask
  readonly role: string
  /** Number of the newest update in custody or acknowledged. */
  readonly lastUpdate: number
  /** Updates taken and not acknowledged, oldest first; at most 16 and 64 KB. The first one is in the mailbox. */
  readonly custody: readonly CustodyUpdate[]
  /**
   * `live`: not terminal, or terminal and not acknowledged. `lost`: its agent is unreachable, removed or gone and
   * no terminal update is in custody. `finished`: over and acknowledged, kept as evidence until `ttl`.
   */
  readonly standing: 'live' | 'lost' | 'finished'
  /** Loss number under which it was lost. */
  readonly lossNumber?: number | undefined
  readonly createdAt: number
  /** Seconds since 1970 after which the table may delete it; readers ignore it from then on. */
  readonly ttl?: number | undefined
}

export interface CustodyUpdate {
  readonly number: number
  readonly uuid: string
  readonly status: TaskStatus
  /** Commit time: resends are due 10, 30, 70 s … after it (R11). */
  readonly at: number
}

/**
 * What a framework has not been told, or not acknowledged. `tag` is new with each write: the reader removes
 * exactly the version it said.
 */
export interface Mail extends Versioned {
  readonly frameworkId: string
  readonly shard: number
  readonly key: string
  readonly tag: string
  readonly body: MailBody
  readonly at: number
  /** Its framework reads no stream: who writes this nudges the notifier. */
  readonly isDelivered?: true | undefined
  /** Delivered in that session, last at that cluster time, so often. Gone with the next version. */
  readonly told?: { readonly epoch: number; readonly at: number; readonly times: number } | undefined
}

export type MailBody =
  /** Head of a task's custody: said again until acknowledged. */
  | { readonly kind: 'update'; readonly status: TaskStatus; readonly number: number }
  /** Newest word without uuid about a task: removed after a later call of the session. */
  | { readonly kind: 'word'; readonly status: TaskStatus }
  | { readonly kind: 'offer'; readonly offer: Offer; readonly epoch: number }
  | { readonly kind: 'withdrawn'; readonly offerId: string; readonly epoch: number }
  /** Said once: FAILURE of an executor, MESSAGE, operation statuses. `epoch`: void in later sessions. */
  | { readonly kind: 'notice'; readonly event: SchedulerEvent; readonly epoch?: number | undefined }
  /** Implicit reconciliation under way, answered page by page. */
  | { readonly kind: 'reconcile-all'; readonly after?: string | undefined; readonly epoch: number }

export interface LossHead extends Versioned {
  readonly last: number
}

export interface Loss extends Versioned {
  readonly number: number
  readonly agentId: string
  readonly at: number
  /** Garbage behind it: no reader tells a loss that is older than `LOSS_TOLD_MS`. Whole seconds since 1970. */
  readonly ttl?: number | undefined
}

/** Made once, changed by a restore only: who this cluster is. */
export interface Cluster extends Versioned {
  /** Stands where Mesos has the master's id: first part of every id made here. */
  readonly id: string
  readonly timeline: number
  readonly createdAt: number
  /** The table was restored, and is not yet made right: where that stands. The doors are closed meanwhile. */
  readonly restoring?: Restoring | undefined
}

/** Whoever goes on with a restore begins here; what lies before is done. */
export interface Restoring {
  readonly begunAt: number
  /** The last tick in the table, which is about when it was. */
  readonly asOf: number
  readonly phase: 'numbers' | 'frameworks' | 'agents' | 'open'
  /** Of the index, in the phase `agents`. */
  readonly shard?: number | undefined
  /** Place in the list of the phase. */
  readonly after?: string | undefined
}

/** The detector's last tick: cluster time. */
export interface Tick extends Versioned {
  readonly number: number
  readonly at: number
  /** Cluster time since which ticks came without a gap. */
  readonly unbrokenSince: number
  /** Passes in which the guard against mass expiry held everything back, and since when. */
  readonly guardSince?: number | undefined
  /** Agents the guard may still remove now, refilled with time. */
  readonly removalTokens: number
  /** The same of the removal rate limit; absent: as many as it ever holds. */
  readonly rateTokens?: number | undefined
  /** A restore is under way: no tick comes, nothing is judged, calls are asked to come back. */
  readonly closed?: boolean | undefined
}

/**
 * What is left of a principal's rate limit, while several instances of a function share it. Each takes some at once.
 * Invariant: within any time, no more is taken out than it held at its beginning and what has come in. A restore makes
 * it fuller than it was, once.
 */
export interface Allowance extends Versioned {
  /** Empty: that of all who have no limit of their own. */
  readonly principal: string
  readonly tokens: number
  /** Cluster time of `tokens`. */
  readonly at: number
  /** Seconds since 1970; long after it is full again, which is as good as none. */
  readonly ttl?: number | undefined
}

/** One allocation at a time. */
export interface Allocation extends Versioned {
  readonly fence: number
  readonly holder?: string | undefined
  readonly expiresAt: number
  /** Raised by every nudge; the lease is given back only if it is what it was at the start of the turn. */
  readonly wanted: number
  /** Who was served last, per role, the latest at the end: equal shares take turns. */
  readonly recent?: readonly { readonly frameworkId: string; readonly role: string }[] | undefined
}

/** All item kinds by name. */
export interface Items {
  readonly ledger: Ledger
  readonly run: Run
  readonly executor: Executor
  readonly hold: Hold
  readonly accepting: Accepting
  readonly agent: AgentEntry
  readonly instance: InstanceAgent
  readonly beats: Beats
  readonly framework: Framework
  readonly gate: Gate
  readonly lease: Lease
  readonly called: Called
  readonly task: Task
  readonly mail: Mail
  readonly lossHead: LossHead
  readonly loss: Loss
  readonly cluster: Cluster
  readonly tick: Tick
  readonly allocation: Allocation
  readonly allowance: Allowance
}

export type ItemKind = keyof Items

/** TaskInfo with what the master fills in, as it goes into a RUN item. */
export type LaunchedTask = TaskInfo
