// Containers as the agent process sees them: made, waited for, signalled, destroyed, found again.
import type { CommandInfo, ContainerID, ContainerInfo, Resource, ValueScalar } from '../protocol/messages.ts'
import type { ContainerUsage } from './containerizer/containerizer.ts'
import type { ContainerEnd, FoundContainer, LaunchFailure } from './turn.ts'

export interface ContainerOrder {
  readonly containerId: ContainerID
  readonly frameworkId: string
  readonly executorId: string
  /** Of the task, for containers of tasks. */
  readonly taskId?: string | undefined
  readonly command: CommandInfo
  /** The whole environment: nothing of the agent's own is added. */
  readonly environment: Readonly<Record<string, string>>
  readonly user?: string | undefined
  readonly resources: readonly Resource[]
  readonly limits?: Readonly<Record<string, ValueScalar>> | undefined
  readonly container?: ContainerInfo | undefined
  /** Made before the launch, mode 0750. */
  readonly sandbox: string
}

/** A container could not be made. */
export class LaunchRefused extends Error {
  readonly failure: LaunchFailure

  constructor(failure: LaunchFailure) {
    super(failure.message)
    this.failure = failure
  }
}

export interface Containers {
  /** Fetches the files, starts the process in a session of its own; rejects with `LaunchRefused`. */
  launch(order: ContainerOrder): Promise<{ readonly pid: number }>
  /** Resolves when the container has ended and nothing of it is left. */
  wait(containerId: ContainerID): Promise<ContainerEnd>
  /** To every process of the container. One that is gone is no error. */
  signal(containerId: ContainerID, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Kills the whole container, also one that is still being made. One that is gone is no error. */
  destroy(containerId: ContainerID): Promise<void>
  /** Drops what is kept of a container that has ended, after its end is on disk elsewhere. */
  forget(containerId: ContainerID): Promise<void>
  /** Finds the containers of an earlier process of this agent, by their `value`; others it made are destroyed. */
  recover(containers: readonly ContainerID[]): Promise<ReadonlyMap<string, FoundContainer>>
  usage(containerId: ContainerID): Promise<ContainerUsage | undefined>
  /** Runs a command beside a task, with its user and sandbox, and yields its exit code (checks). */
  run(order: {
    readonly beside: ContainerID
    readonly command: CommandInfo
    readonly environment: Readonly<Record<string, string>>
    readonly user?: string | undefined
    readonly sandbox: string
    readonly timeoutMs: number
  }): Promise<ContainerEnd | 'timeout'>
}
