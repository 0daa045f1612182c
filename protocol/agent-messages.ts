// What control plane and agents say to each other: calls of the agent, their answers, nudges in its queue, beats.
//
//   agent  --POST /api/v1/agent-->  control plane     REGISTER, SYNC, UPDATES, NOTICE
//   agent  --queue `heartbeats`-->  control plane     Beat (FIFO, one group per beat shard)
//   control plane --queue of the agent--> agent       Nudge
//
// A nudge may be lost, doubled, late or out of order; calls and their answers carry the truth.
// Numbers (incarnation, generation, epoch) have the timeline in their high digits, see `numbering.ts`,
// so that a restored table, whose timeline is raised, always speaks in higher numbers than before.
import type {
  AgentInfo,
  AgentInfoCapability,
  Bytes,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
} from './messages.ts'

/** One task as its agent reports it at (re-)registration. */
export interface TaskReport {
  readonly frameworkId: string
  readonly taskId: string
  readonly executorId?: string | undefined
  /** The newest state the agent knows of, also if older updates still wait. */
  readonly state: TaskState
  /** Number of the newest update made for the task; 0 when none was made yet. */
  readonly lastUpdate: number
  /** How many of its updates still wait on the agent; absent: an agent of an earlier release, which does not say. */
  readonly waiting?: number | undefined
  readonly launchIncarnation: number
  readonly launchGeneration: number
  readonly role: string
  readonly resources: readonly Resource[]
  /** Present only when the agent believes the control plane may not know the task any more (after a restore). */
  readonly info?: TaskInfo | undefined
}

/** One live executor that is not generated for a command task. */
export interface ExecutorReport {
  readonly frameworkId: string
  readonly info: ExecutorInfo
  readonly role: string
  readonly resources: readonly Resource[]
  /** Of the launch that began it, see `WantedTask`. */
  readonly executorGeneration?: number | undefined
}

export interface RegisterCall {
  readonly type: 'REGISTER'
  /** Chosen anew at each start of the agent process; the same nonce gets the same incarnation. */
  readonly bootNonce: string
  /** Known after the first registration (from the checkpoint). */
  readonly agentId?: string | undefined
  /** `id` is ignored; `port` and `hostname` say where the agent's own HTTP API is. */
  readonly agentInfo: AgentInfo
  /** The address other parties reach the agent's HTTP API at. */
  readonly address: { readonly ip: string; readonly port: number }
  readonly version: string
  readonly capabilities: readonly AgentInfoCapability[]
  /** EC2 instance id, where there is one; who the agent is, AWS says, not this field. */
  readonly instanceId?: string | undefined
  /** Newest generation on the agent's disk under its last incarnation; 0 at first. */
  readonly applied: number
  /** Sum of all listed tasks and executors over all pages, per framework and role: set by the first page. */
  readonly sums: Readonly<Record<string, Readonly<Record<string, readonly Resource[]>>>>
  readonly page: number
  readonly pages: number
  readonly tasks: readonly TaskReport[]
  readonly executors: readonly ExecutorReport[]
  /** FrameworkInfos of the listed tasks' frameworks. */
  readonly frameworks: readonly FrameworkInfo[]
}

export type RegisterAnswer =
  | {
      readonly kind: 'registered'
      readonly agentId: string
      readonly incarnation: number
      readonly generation: number
      readonly beats: { readonly queueUrl: string; readonly group: string; readonly intervalMs: number }
      readonly commands: { readonly queueUrl: string }
      /** Endpoint of the queues when it is not AWS's own (one machine). */
      readonly queueEndpoint?: string | undefined
      /** Silence of the control plane after which the agent registers again, ms. */
      readonly silenceMs: number
    }
  /** The control plane still finishes earlier work on this agent; call again after the delay. */
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  /** The page was taken, send the next one. */
  | { readonly kind: 'next-page' }
  /** Gone, or another address or host name under the same id: end all tasks and stop (F13, F16). */
  | { readonly kind: 'shutdown'; readonly why: string }

/** The agent is drained: it ends its tasks, none with a longer grace than this, and starts none. */
export interface AgentDrain {
  /** Of each task's own grace, at most this; ms. */
  readonly maxGraceMs?: number | undefined
  /** Partition-aware frameworks read GONE_BY_OPERATOR for what is killed. */
  readonly markGone: boolean
  /** When it was asked for, ms since 1970. */
  readonly since: number
}

/** What the control plane wants of one task on an agent. */
export interface WantedTask {
  readonly frameworkId: string
  readonly taskId: string
  /**
   * `run`: start it, or keep it. `stop`: kill it and report. `end`: its framework was removed, kill it and
   * report nothing to anybody but that it has ended.
   */
  readonly wanted: 'run' | 'stop' | 'end'
  readonly launchIncarnation: number
  readonly launchGeneration: number
  readonly role: string
  readonly task: TaskInfo
  /** All tasks of a LAUNCH_GROUP carry the group's id and are started as one event. */
  readonly group?: { readonly id: string; readonly size: number } | undefined
  /** Executor of the task's group or of the task, with framework_id set; absent for command tasks. */
  readonly executor?: ExecutorInfo | undefined
  /**
   * Generation of the launch that began this executor as the control plane knows it. If that is an earlier one and
   * the executor is not there, it has ended meanwhile and is charged no more: the task is dropped. Absent: not known.
   */
  readonly executorGeneration?: number | undefined
  /** Of the KILL call, overrides the task's own. */
  readonly killPolicy?: KillPolicy | undefined
  /** Number of kills asked for so far; a higher one is delivered again. */
  readonly kills: number
}

export interface SyncCall {
  readonly type: 'SYNC'
  readonly agentId: string
  readonly incarnation: number
  readonly applied: number
  /** Continues a list whose earlier pages carried this generation; absent starts anew. */
  readonly after?: string | undefined
}

export type SyncAnswer =
  | {
      readonly kind: 'wanted'
      /** The list is whole as of this generation. */
      readonly generation: number
      readonly tasks: readonly WantedTask[]
      readonly frameworks: readonly FrameworkInfo[]
      /** Executors that must end: SHUTDOWN calls and removed frameworks. */
      readonly endExecutors: readonly { readonly frameworkId: string; readonly executorId: string }[]
      /** Absent: the agent is not drained (any more). */
      readonly drain?: AgentDrain | undefined
      readonly next?: string | undefined
    }
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  | { readonly kind: 'register-again' }
  | { readonly kind: 'shutdown'; readonly why: string }

/** One status update; `number` counts the updates of a task from 1 without gaps. */
export interface UpdateReport {
  readonly frameworkId: string
  readonly taskId: string
  readonly number: number
  readonly launchIncarnation: number
  /** Tells two launches under one task id apart: a late copy of the earlier one's end is not the later one's. */
  readonly launchGeneration?: number | undefined
  /** With uuid, source, timestamp, agent_id, container_status as the framework shall see it. */
  readonly status: TaskStatus
  /** Newest state known, which may be ahead of `status.state`. */
  readonly latestState: TaskState
}

export interface UpdatesCall {
  readonly type: 'UPDATES'
  readonly agentId: string
  readonly incarnation: number
  readonly applied: number
  /** At most `MAX_UPDATES_PER_CALL`, in order per task. */
  readonly updates: readonly UpdateReport[]
  /** Executors (not generated ones) that ended; repeated until answered, told apart by containerId. */
  readonly exits: readonly ExecutorExit[]
  /** Messages of executors to their schedulers; best effort. */
  readonly messages: readonly ExecutorMessage[]
}

export interface ExecutorExit {
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: string
  /** Of the launch that began it, see `WantedTask`: the end of an earlier one is not the later one's. */
  readonly executorGeneration?: number | undefined
  /** Raw wait status as Mesos shows it: exit code << 8, or the signal; -1 unknown. */
  readonly status: number
}

export interface ExecutorMessage {
  readonly frameworkId: string
  readonly executorId: string
  readonly data: Bytes
}

export type UpdateResult =
  /** In custody: drop it from disk, go on with the next number. */
  | 'taken'
  /** Was taken before, or the task is known to be over: drop it as well. */
  | 'known'
  /** An earlier number is missing, or the task's custody is full: keep it and try again later. */
  | 'not-yet'

export type UpdatesAnswer =
  | {
      readonly kind: 'answered'
      readonly results: readonly UpdateResult[]
      /** The generation wanted now; higher than `applied` means: a nudge may be lost, sync. */
      readonly generation: number
    }
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  | { readonly kind: 'register-again' }
  | { readonly kind: 'shutdown'; readonly why: string }

/** The agent leaves for good: its tasks have been ended. */
export interface UnregisterCall {
  readonly type: 'UNREGISTER'
  readonly agentId: string
  readonly incarnation: number
}

export type UnregisterAnswer = { readonly kind: 'unregistered' }

/** What a machine's own metadata says of its end. EventBridge says the same; both may come, in any order. */
export type Notice =
  /** EC2 takes a Spot instance back two minutes after the notice. `at`: when it was given, ms since 1970. */
  | { readonly kind: 'spot'; readonly at: number }
  /** EC2 thinks it might soon. */
  | { readonly kind: 'rebalance' }
  /** Auto Scaling ends the instance, and waits for us. */
  | { readonly kind: 'hook' }

/** Sent until it is answered with `noticed`, anew under every incarnation: a repeat asks for nothing more. */
export interface NoticeCall {
  readonly type: 'NOTICE'
  readonly agentId: string
  readonly incarnation: number
  readonly notice: Notice
}

export type NoticeAnswer =
  /** The drain it asks for is written down, or none is needed. */
  | { readonly kind: 'noticed' }
  | { readonly kind: 'not-yet'; readonly retryAfterMs: number }
  | { readonly kind: 'register-again' }
  | { readonly kind: 'shutdown'; readonly why: string }

export type AgentCall = RegisterCall | SyncCall | UpdatesCall | NoticeCall | UnregisterCall
export type AgentAnswer<C extends AgentCall> = C extends RegisterCall
  ? RegisterAnswer
  : C extends SyncCall
    ? SyncAnswer
    : C extends UpdatesCall
      ? UpdatesAnswer
      : C extends NoticeCall
        ? NoticeAnswer
        : UnregisterAnswer

/** A message in an agent's own queue. */
export type Nudge =
  /** The changes of exactly this generation; acted on only if incarnation is mine and generation is applied + 1. */
  | {
      readonly kind: 'changes'
      readonly incarnation: number
      readonly generation: number
      readonly tasks: readonly WantedTask[]
      /** Tasks and executors whose record may be dropped with this generation. */
      readonly dropped: readonly { readonly frameworkId: string; readonly taskId: string }[]
      readonly frameworks: readonly FrameworkInfo[]
      readonly endExecutors: readonly { readonly frameworkId: string; readonly executorId: string }[]
    }
  | { readonly kind: 'sync' }
  | { readonly kind: 'register' }
  /** Asked half-way to the deadline: answer by any call. */
  | { readonly kind: 'call' }
  | {
      readonly kind: 'message'
      readonly frameworkId: string
      readonly executorId: string
      readonly data: Bytes
    }
  | { readonly kind: 'shutdown'; readonly why: string }

/** A heartbeat in the FIFO queue; who sent it and when, the queue says. */
export interface Beat {
  readonly kind: 'beat'
  readonly agentId: string
  readonly incarnation: number
  /** Grows with each beat of an incarnation. */
  readonly number: number
  readonly applied: number
  /** Of the tasks the agent has on record, see `digest.ts`. */
  readonly digest: string
}

/** The detector's own message in a group: whatever was sent before it has been written when it is. */
export interface Canary {
  readonly kind: 'canary'
  readonly shard: number
  readonly number: number
}
