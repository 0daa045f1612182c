// One turn of the agent: an input comes in, a decision changes the state and says what to write down and what to do.
//
// Decisions do no input and output, read no clock and draw no random numbers: all that is in the turn. What is
// to be saved is on disk before any action of the turn is done; see acting.ts.
import type {
  Nudge,
  RegisterAnswer,
  SyncAnswer,
  UpdateReport,
  UpdateResult,
} from '../protocol/agent-messages.ts'
import type {
  AgentInfo,
  Bytes,
  CheckStatusInfo,
  ContainerID,
  ExecutorCallUpdate,
  ExecutorEvent,
  Resource,
  TaskInfo,
  TaskStatus,
  TaskStatusReason,
} from '../protocol/messages.ts'
import type { AgentState, ExecutorKey, Stop, TaskKey } from './state.ts'

/** How a container ended. */
export interface ContainerEnd {
  readonly kind: 'exit' | 'signal' | 'unknown'
  /** The exit code or the signal; 0 when unknown. */
  readonly value: number
  /** The agent's own reason: a limit was passed. */
  readonly limitation?:
    | {
        readonly reason: TaskStatusReason
        readonly message: string
        readonly resources?: readonly Resource[]
      }
    | undefined
}

/** Why a container could not be made; `user`: the user to run as does not exist. */
export interface LaunchFailure {
  readonly why: 'launch' | 'user'
  readonly message: string
}

/** What became of a container while the agent was away. */
export type FoundContainer =
  | { readonly found: 'running'; readonly pid: number }
  | { readonly found: 'ended'; readonly end: ContainerEnd }
  /** It was never started, or nothing tells how it ended. */
  | { readonly found: 'none' }

export type CheckResult =
  | { readonly probe: 'health'; readonly passed: boolean; readonly message?: string | undefined }
  | { readonly probe: 'check'; readonly status: CheckStatusInfo }

export type Input =
  | { readonly input: 'nudge'; readonly nudge: Nudge }
  | {
      readonly input: 'list'
      /** All pages together. */
      readonly list: Extract<SyncAnswer, { kind: 'wanted' }>
      /** The incarnation it was asked under. */
      readonly incarnation: number
    }
  /** Told before the call is made. */
  | { readonly input: 'registering' }
  | { readonly input: 'registered'; readonly answer: Extract<RegisterAnswer, { kind: 'registered' }> }
  /** Results in the order of the updates that were handed in. */
  | {
      readonly input: 'handed-in'
      readonly updates: readonly { readonly key: TaskKey; readonly number: number }[]
      readonly results: readonly UpdateResult[]
      readonly exits: readonly string[]
      readonly messages: number
      readonly generation: number
    }
  | { readonly input: 'container-launched'; readonly containerId: string; readonly pid: number }
  | { readonly input: 'launch-failed'; readonly containerId: string; readonly failure: LaunchFailure }
  | { readonly input: 'container-ended'; readonly containerId: string; readonly end: ContainerEnd }
  | {
      readonly input: 'executor-subscribed'
      readonly executor: ExecutorKey
      readonly unacknowledgedTasks: readonly TaskInfo[]
      readonly unacknowledgedUpdates: readonly ExecutorCallUpdate[]
    }
  | { readonly input: 'executor-disconnected'; readonly executor: ExecutorKey }
  | { readonly input: 'executor-update'; readonly executor: ExecutorKey; readonly status: TaskStatus }
  | { readonly input: 'executor-message'; readonly executor: ExecutorKey; readonly data: Bytes }
  | { readonly input: 'check-result'; readonly task: TaskKey; readonly result: CheckResult }
  | { readonly input: 'timer'; readonly timer: string }
  /** After the disk was read: what became of each container, by its id; everything else is `none`. */
  | {
      readonly input: 'recovered'
      readonly containers: ReadonlyMap<string, FoundContainer>
      readonly rebooted: boolean
    }
  /** End all tasks and executors; the process goes when none is left. */
  | { readonly input: 'end-everything' }

/** What is written down, in order, before anything of the same turn is done. */
export type Save =
  | { readonly save: 'position' }
  | { readonly save: 'drain' }
  | { readonly save: 'framework'; readonly frameworkId: string }
  | { readonly save: 'executor'; readonly executor: ExecutorKey }
  | { readonly save: 'task'; readonly task: TaskKey }
  | { readonly save: 'task-log'; readonly task: TaskKey; readonly entry: TaskLogEntry }
  | { readonly save: 'exits' }
  | { readonly save: 'forget-task'; readonly task: TaskKey }
  | { readonly save: 'forget-executor'; readonly executor: ExecutorKey }
  | { readonly save: 'forget-framework'; readonly frameworkId: string }

/** Entries of a task's log after its first, which holds the launch. */
export type TaskLogEntry =
  | { readonly launched: number }
  | { readonly delivered: true }
  | { readonly stop: Stop }
  | { readonly update: UpdateReport }
  | { readonly taken: number }

export type Action =
  | { readonly action: 'launch-task'; readonly task: TaskKey }
  | { readonly action: 'launch-executor'; readonly executor: ExecutorKey }
  | { readonly action: 'signal'; readonly containerId: ContainerID; readonly signal: 'SIGTERM' | 'SIGKILL' }
  | { readonly action: 'destroy'; readonly containerId: ContainerID }
  | { readonly action: 'event'; readonly executor: ExecutorKey; readonly event: ExecutorEvent }
  | { readonly action: 'close-stream'; readonly executor: ExecutorKey }
  /** Sets the timer of this name, or sets it anew. */
  | { readonly action: 'timer'; readonly timer: string; readonly ms: number }
  | { readonly action: 'cancel'; readonly timer: string }
  /** There is something to hand in. */
  | { readonly action: 'report' }
  | { readonly action: 'sync' }
  | { readonly action: 'register' }
  | { readonly action: 'call' }
  /** Runs a task's check once and brings back its result. */
  | { readonly action: 'probe'; readonly task: TaskKey; readonly probe: 'health' | 'check' }
  /** The sandbox may be collected when its time has come. */
  | {
      readonly action: 'sandbox-done'
      readonly frameworkId: string
      readonly containerId: ContainerID
      readonly executorId: string
    }
  | { readonly action: 'end-process'; readonly why: string }
  | {
      readonly action: 'log'
      readonly level: 'info' | 'warn'
      readonly text: string
      readonly about?: Readonly<Record<string, unknown>>
    }

export interface Turn {
  readonly state: AgentState
  /** ms since 1970 */
  readonly now: number
  /** 16 random bytes as base64. */
  readonly newUuid: () => string
  /** A fresh id for a container. */
  readonly newContainerId: () => string
  /** The agent's own address, for `network_infos`. */
  readonly ip: string
  /** As executors and operators are shown it, with the agent's id. */
  readonly agentInfo: () => AgentInfo
  readonly save: (save: Save) => unknown
  readonly act: (action: Action) => unknown
}
