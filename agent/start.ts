// Starts an agent in this process: takes the work directory, recovers what runs, opens its API, registers.
import { randomUUID } from 'node:crypto'
import { realpathSync } from 'node:fs'
import type { RegisterCall } from '../protocol/agent-messages.ts'
import { type Clock, systemClock } from '../protocol/clock.ts'
import type { AgentInfo, Attribute, DomainInfo, Resource } from '../protocol/messages.ts'
import { type Acting, startActing } from './acting.ts'
import { agentFiles } from './api/agent-files.ts'
import { agentApi } from './api/routes.ts'
import { listen } from './api/server.ts'
import { Checkpoint } from './checkpoint.ts'
import type { Containerizer } from './containerizer/containerizer.ts'
import { bootId } from './containerizer/process-table.ts'
import type { Containers } from './containers.ts'
import { type ControlPlane, httpControlPlane } from './control-plane.ts'
import type { Disk } from './disk.ts'
import { dispatcher } from './dispatch.ts'
import { endEverything } from './ending.ts'
import { ExecutorStreams } from './executor/streams.ts'
import { emptyStaging } from './fetcher.ts'
import { fetchFiles } from './fetching.ts'
import type { Reconfiguration } from './identity.ts'
import { type Link, startLink } from './link.ts'
import { jsonLog, type Log } from './log.ts'
import type { Metadata } from './metadata.ts'
import { watchNotices } from './notices.ts'
import { fetchDirectory } from './paths.ts'
import { newPerformer, type Performer } from './performer.ts'
import { plainContainers } from './plain-containers.ts'
import { recall } from './recall.ts'
import { DEFAULT_LIMITS } from './sandbox-gc.ts'
import { sandboxPath, startCollection } from './sandboxes.ts'
import { emptyState, holdsExecutor } from './state.ts'
import type { Save } from './turn.ts'
import { lockWorkDir } from './work-dir.ts'

export interface AgentOptions {
  /** Of the control plane; not needed when `controlPlane` is given. */
  readonly master?: string | undefined
  readonly controlPlane?: ControlPlane | undefined
  readonly workDir: string
  readonly ip: string
  /** 0: the port of the last time, else any free one. */
  readonly port: number
  readonly hostname: string
  readonly resources: readonly Resource[]
  readonly attributes: readonly Attribute[]
  /** Mesos: --domain. */
  readonly domain?: DomainInfo | undefined
  readonly executorEnvironment?: Readonly<Record<string, string>> | undefined
  readonly containerizer: Containerizer
  /** Mesos: --gc_delay, ms; a week unless given. */
  readonly gcDelayMs?: number | undefined
  readonly switchUser?: boolean | undefined
  readonly strict?: boolean | undefined
  readonly reconfiguration?: Reconfiguration | undefined
  /** `cleanup`: ends everything that still runs instead of taking it over (F37). */
  readonly recover?: 'reconnect' | 'cleanup' | undefined
  readonly instanceId?: string | undefined
  /** Of an EC2 instance: watched for notices of its end. */
  readonly metadata?: Metadata | undefined
  /** What the checkpoint is written with; the machine's own unless given. */
  readonly disk?: Disk | undefined
  /** As `GET_FLAGS` shows them. */
  readonly flags?: Readonly<Record<string, string>> | undefined
  readonly clock?: Clock | undefined
  readonly log?: Log | undefined
  readonly random?: (() => number) | undefined
  /** The process cannot go on: the disk refuses, or the control plane has no place for it. Everything has stopped. */
  readonly onEnd?: ((why: string, failed: boolean) => void) | undefined
}

export interface RunningAgent {
  readonly port: number
  readonly acting: Acting
  /** Resolves with the agent's id when its registration was confirmed. */
  readonly registered: Promise<string>
  /** Stops this process's part and leaves all tasks running, as Mesos does on SIGTERM. */
  stop(): Promise<void>
  /** Ends all tasks and executors, tells the control plane, and stops; `untold` when nobody is there to be told. */
  end(how?: 'told' | 'untold'): Promise<void>
}

/** Rejects with a sentence when the work directory is taken, broken or another agent's, or the port is in use. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const clock = options.clock ?? systemClock
  const log = options.log ?? jsonLog(clock.now, (line) => console.log(line))
  const { master } = options
  const controlPlane =
    options.controlPlane ??
    (master === undefined ? undefined : httpControlPlane(master, (sentence) => log.warn(sentence)))
  if (controlPlane === undefined) throw new Error('An agent needs a control plane: give --master URL')
  const unlock = lockWorkDir(options.workDir)
  try {
    const workDir = realpathSync(options.workDir)
    return await startLocked({ ...options, controlPlane, workDir }, clock, log, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

async function startLocked(
  options: AgentOptions & { readonly controlPlane: ControlPlane },
  clock: Clock,
  log: Log,
  unlock: () => void,
): Promise<RunningAgent> {
  const checkpoint = new Checkpoint(options.workDir, { disk: options.disk })
  const remembered = checkpoint.read(options.strict ?? true, { bootId: bootId() })
  for (const what of remembered.skipped) log.warn('a broken checkpoint is skipped', { what })
  const rebooted = remembered.bootId !== undefined && remembered.bootId !== bootId()
  const state = emptyState()
  const hostInfo = {
    hostname: options.hostname,
    resources: options.resources,
    attributes: options.attributes,
    ...(options.domain === undefined ? {} : { domain: options.domain }),
  }
  const reconfiguration = options.reconfiguration ?? 'equal'
  if (!recall(state, remembered, { hostInfo, reconfiguration, rebooted })) checkpoint.forgetAll()
  checkpoint.writeBootId(bootId())
  await emptyStaging(fetchDirectory(options.workDir))

  const random = options.random ?? Math.random
  const streams = new ExecutorStreams()
  // Mesos switches users unless told otherwise; only root can.
  const switchUser = options.switchUser ?? process.getuid?.() === 0
  const containers: Containers = plainContainers({
    containerizer: options.containerizer,
    clock,
    switchUser,
    fetch: (order, signal) => fetchFiles({ workDir: options.workDir, switchUser }, order, signal),
  })
  let link: Link | undefined
  let unwatch: (() => void) | undefined
  let port = options.port
  let stopped = false
  let stopping: Promise<void> | undefined
  const whenStopped = Promise.withResolvers<void>()
  let ending: Promise<void> | undefined
  const performer: Performer = newPerformer(
    {
      clock,
      log,
      containers,
      streams,
      ip: options.ip,
      port: () => port,
      executorEnvironment: options.executorEnvironment ?? {},
      sandboxOf: (of) => sandboxPath(options.workDir, of),
      collection: () => collection,
    },
    () => acting,
  )
  const act = dispatcher({
    state,
    log,
    performer,
    link: () => link,
    endProcess: (why) => void end().then(() => options.onEnd?.(why, false)),
  })
  const acting = startActing({
    clock,
    state,
    ip: options.ip,
    agentInfo,
    write: (saves: readonly Save[], now) => checkpoint.write(saves, now),
    act,
    onDisk: (said) => {
      if (said === 'takes-again') log.info('the disk takes writes again; what had waited is done now')
      else
        log.error('nothing is started, ended or told until it can be written down', { error: said.refuses })
    },
    onFailure: (error) => {
      log.error('the agent cannot go on; its tasks go on without it', { error: describe(error) })
      void stop().then(() => options.onEnd?.(describe(error), true))
    },
  })

  const collection = startCollection({
    workDir: options.workDir,
    clock,
    log,
    gcDelayMs: options.gcDelayMs ?? DEFAULT_LIMITS.gcDelayMs,
    isLive: (of) => holdsExecutor(state, of),
  })
  const ids = [...state.tasks.values(), ...state.executors.values()].map((one) => one.containerId)
  const found = await containers.recover([...new Map(ids.map((id) => [id.value, id])).values()])
  const wantedPort = options.port === 0 ? (remembered.info?.port ?? 0) : options.port
  const startTime = clock.now()
  const server = await listenAnywhere(wantedPort, options.port)
  port = server.port
  checkpoint.writeInfo(agentInfo())

  await acting.submit({ input: 'recovered', containers: found, rebooted })
  for (const [containerId, container] of found) {
    if (container.found === 'running') performer.watch(containerOf(containerId))
    // How it ended is in its task's log by now.
    else if (container.found === 'ended') void containers.forget(containerOf(containerId)).catch(() => {})
  }
  let tellRegistered: (agentId: string) => void = () => {}
  const registered = new Promise<string>((resolve) => {
    tellRegistered = resolve
  })
  if (options.recover === 'cleanup') await end()
  else join_()
  return { port, acting, registered, stop, end }

  /**
   * At once, unlike Mesos's agent, which first gives executors their time to come back: what they then say, or what is
   * said of those that do not come, are updates like others. With a timeout below that time we would be lost meanwhile.
   */
  function join_(): void {
    if (stopped) return
    link = startLink({
      clock,
      acting,
      controlPlane: options.controlPlane,
      log,
      random,
      bootNonce: randomUUID(),
      about: aboutUs(),
      onRegistered: (agentId) => {
        log.info('registered', { agentId, incarnation: state.incarnation })
        if (remembered.info?.id === undefined) rememberInfo()
        tellRegistered(agentId)
      },
      onShutdown: (why) => act({ action: 'end-process', why }),
    })
    if (options.metadata !== undefined) watchEnd(options.metadata, link)
  }

  function watchEnd(metadata: Metadata, { tell }: Link): void {
    const incarnation = () => (state.phase === 'running' ? state.incarnation : undefined)
    unwatch = watchNotices({ clock, metadata, log, incarnation, tell })
  }

  /** With the id, which `position.json` holds as well: the loss of one is not the loss of the agent. */
  function rememberInfo(): void {
    try {
      checkpoint.writeInfo(agentInfo())
    } catch (error) {
      // A full disk takes it later.
      log.warn('the description of this agent is not on disk yet', { error: String(error) })
    }
  }

  function aboutUs(): Pick<RegisterCall, 'agentInfo' | 'address' | 'instanceId'> {
    return {
      agentInfo: agentInfo(),
      address: { ip: options.ip, port },
      ...(options.instanceId === undefined ? {} : { instanceId: options.instanceId }),
    }
  }

  function agentInfo(): AgentInfo {
    return { ...hostInfo, port, ...(state.agentId === undefined ? {} : { id: { value: state.agentId } }) }
  }

  async function listenAnywhere(first: number, asked: number): ReturnType<typeof listen> {
    const handler = agentApi({
      acting,
      streams,
      containers,
      files: agentFiles(options.workDir, state),
      agentInfo,
      ip: options.ip,
      startTime,
      clock,
      log,
      flags: options.flags ?? {},
      sandboxOf: (of) => sandboxPath(options.workDir, of),
    })
    const at = { host: options.ip, handler, log }
    if (first === asked) return await listen({ ...at, port: first })
    // The port of the last time is wished for because executors know it; it is not worth failing for.
    return await listen({ ...at, port: first }).catch(() => listen({ ...at, port: asked }))
  }

  function containerOf(value: string): Parameters<Performer['watch']>[0] {
    return ids.find((id) => id.value === value) ?? { value }
  }

  /** For all who ask it is over when it is. */
  function stop(): Promise<void> {
    stopping ??= stopNow()
    return stopping
  }

  async function stopNow(): Promise<void> {
    stopped = true
    whenStopped.resolve()
    unwatch?.()
    link?.stop()
    collection.stop()
    acting.stop()
    performer.stop()
    await server.close()
    options.containerizer.close()
    unlock()
  }

  function end(how: 'told' | 'untold' = 'told'): Promise<void> {
    ending ??= endNow(how)
    return ending
  }

  async function endNow(how: 'told' | 'untold'): Promise<void> {
    if (stopped) return await stop()
    // What breaks meanwhile, like the disk, stops the agent itself: then nothing more comes of it.
    const everything = endEverything({ acting, clock, containers, link: how === 'told' ? link : undefined })
    await Promise.race([everything, whenStopped.promise])
    await stop()
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
