// What the agent asks of whatever runs containers: plain processes today, control groups and Docker behind the same door.

/** A container to be started. Nothing here is looked up elsewhere: it is all the containerizer is told. */
export interface ContainerSpec {
  /** Unique and safe as a file name; a nested container is `parent.child`. */
  readonly containerId: string
  /** Absolute path of the working directory; made with mode 0750 when it is not there. */
  readonly sandbox: string
  /** Program and arguments. A shell command arrives as `['/bin/sh', '-c', value]`. */
  readonly argv: readonly string[]
  /** The complete environment: nothing of the agent's own is inherited. The containerizer adds `MESETA_CONTAINER`. */
  readonly environment: Readonly<Record<string, string>>
  /** Name of the user to run as; without it, the agent's own. */
  readonly user?: string | undefined
  readonly resources: ContainerResources
  /** File names in the sandbox; `stdout` and `stderr` unless given. Output is appended. */
  readonly stdout?: string | undefined
  readonly stderr?: string | undefined
}

/** What a container may use. Plain processes are measured, not limited. */
export interface ContainerResources {
  readonly cpus?: number | undefined
  /** MB of 2^20 bytes. */
  readonly memMb?: number | undefined
}

/** The first process of a container. */
export interface ContainerHandle {
  readonly pid: number
  /** Clock ticks after boot: together with the pid and the boot it names one process for ever. */
  readonly startTime: number
}

/** How a container ended: as its first process did. */
export type ContainerExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number }
  /** Nothing tells how it ended; certain is only that nothing of it is left. */
  | { readonly kind: 'lost'; readonly why: string }

/** What is found of a container after the agent was away. */
export type Recovered =
  | { readonly kind: 'running'; readonly handle: ContainerHandle | undefined }
  | ContainerExit

export interface Recovery {
  /** One entry for each container that was asked for. */
  readonly containers: ReadonlyMap<string, Recovered>
  /** Containers nobody asked for; they still run until they are removed. */
  readonly orphans: readonly string[]
}

/** What all processes of a container use together, as Mesos's ResourceStatistics counts it. */
export interface ContainerUsage {
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly cpusUserSeconds: number
  readonly cpusSystemSeconds: number
  /** Resident memory; pages that processes share are counted for each. */
  readonly memRssBytes: number
  readonly processes: number
  readonly threads: number
}

/** A container could not be started; nothing of it is left. */
export class LaunchFailed extends Error {
  /** `user`: there is no such user, or the agent may not run as it. */
  readonly why: 'launch' | 'user'

  constructor(why: 'launch' | 'user', message: string) {
    super(message)
    this.name = 'LaunchFailed'
    this.why = why
  }
}

/**
 * The life of a container: launch, wait, remove. Its record survives the agent, and so does its process;
 * it lasts until `remove`. An id that is not known is never an error, except that it was `lost`.
 */
export interface Containerizer {
  /** Starts the first process; resolves when it is recorded, just before the command is executed. Rejects with `LaunchFailed`. */
  launch(spec: ContainerSpec): Promise<ContainerHandle>
  /**
   * Resolves when the container has ended and nothing of it is left: what its first process leaves behind is
   * killed. (Should a process resist for 5 s, the word is given nevertheless.) May be asked any number of times.
   */
  wait(containerId: string): Promise<ContainerExit>
  /** Sends a signal now: to the first process's group, or to every process of the container. */
  signal(containerId: string, signal: NodeJS.Signals, whole: 'group' | 'tree'): Promise<void>
  /** SIGTERM to every process, after the grace SIGKILL; a repeated kill may only shorten what is left of the grace. */
  kill(containerId: string, options: { readonly graceMs: number }): Promise<void>
  /** Kills every process, also one in another session; resolves when none is left, rejects after 60 s. */
  destroy(containerId: string): Promise<void>
  /** Forgets a container and deletes its record (not its sandbox); destroys it first. */
  remove(containerId: string): Promise<void>
  /** Finds the containers of an earlier process of this agent, and watches those that run. Called once, at start. */
  recover(known: readonly string[]): Promise<Recovery>
  /** undefined when nothing runs. */
  usage(containerId: string): Promise<ContainerUsage | undefined>
  /** What it can do on this machine, in words for people and attributes: `shim:c`, `switch-user`… */
  capabilities(): readonly string[]
  /** Stops watching and leaves all containers as they are. */
  close(): void
}
