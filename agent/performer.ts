// Performs what was decided: containers, executor streams, probes. Each brings back what happened as an input.
import type { Clock } from '../protocol/clock.ts'
import type { CommandInfo, ContainerID } from '../protocol/messages.ts'
import type { Acting } from './acting.ts'
import { type ContainerOrder, type Containers, LaunchRefused } from './containers.ts'
import { type EnvironmentOf, executorEnvironment, taskEnvironment } from './executor/environment.ts'
import { probeCheck, probeHealth } from './executor/probes.ts'
import type { ExecutorStreams } from './executor/streams.ts'
import type { Log } from './log.ts'
import type { Collection, SandboxOf } from './sandboxes.ts'
import type { ExecutorRecord, TaskRecord } from './state.ts'
import type { Action, ContainerEnd } from './turn.ts'

export interface PerformerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly containers: Containers
  readonly streams: ExecutorStreams
  readonly ip: string
  readonly port: () => number
  readonly executorEnvironment: Readonly<Record<string, string>>
  /** Where the sandbox of a container is. */
  readonly sandboxOf: (of: SandboxOf) => string
  readonly collection: () => Pick<Collection, 'begin' | 'done'>
}

export interface Performer {
  launchTask(task: TaskRecord): void
  launchExecutor(executor: ExecutorRecord): void
  /** Waits for a container that was found again. */
  watch(containerId: ContainerID): void
  perform(
    action: Extract<Action, { action: 'signal' | 'destroy' | 'event' | 'close-stream' | 'sandbox-done' }>,
  ): void
  probe(task: TaskRecord, probe: 'health' | 'check'): void
  stop(): void
}

/** @param acting is asked for late, because it and the performer need each other */
export function newPerformer(options: PerformerOptions, acting: () => Acting): Performer {
  const { containers, log, streams } = options
  let stopped = false

  return {
    launchTask: (task) => void launch(task.containerId, taskOrder(task)),
    launchExecutor: (executor) => void launch(executor.containerId, executorOrder(executor)),
    watch: (id) => void waitFor(id),
    perform,
    probe: (task, probe) => void runProbe(task, probe),
    stop: () => {
      stopped = true
    },
  }

  async function launch(id: ContainerID, order: ContainerOrder): Promise<void> {
    const containerId = id.value
    try {
      await options.collection().begin({ agentId: acting().state.agentId ?? '', ...order })
      const { pid } = await containers.launch(order)
      if (stopped) return
      void acting().submit({ input: 'container-launched', containerId, pid })
      await waitFor(id)
    } catch (error) {
      if (stopped) return
      const failure =
        error instanceof LaunchRefused ? error.failure : { why: 'launch' as const, message: String(error) }
      log.warn('a container was not started', { containerId, message: failure.message })
      void acting().submit({ input: 'launch-failed', containerId, failure })
    }
  }

  async function waitFor(id: ContainerID): Promise<void> {
    const end: ContainerEnd = await containers.wait(id).catch((error: unknown) => {
      log.error('the end of a container is not known', { containerId: id.value, error: String(error) })
      return { kind: 'unknown' as const, value: 0 }
    })
    if (stopped) return
    await acting().submit({ input: 'container-ended', containerId: id.value, end })
    if (stopped) return
    // Its end is in the task's log now, so the container's own record is not needed any more.
    await containers.forget(id).catch((error: unknown) => {
      log.warn('a container that ended was not cleaned up', { containerId: id.value, error: String(error) })
    })
  }

  function perform(
    action: Extract<Action, { action: 'signal' | 'destroy' | 'event' | 'close-stream' | 'sandbox-done' }>,
  ): void {
    switch (action.action) {
      case 'signal':
        logged(
          containers.signal(action.containerId, action.signal),
          'a signal was not delivered',
          action.containerId,
        )
        return
      case 'destroy':
        logged(containers.destroy(action.containerId), 'a container was not destroyed', action.containerId)
        return
      case 'event':
        streams.send(action.executor, action.event)
        return
      case 'close-stream':
        streams.close(action.executor)
        return
      case 'sandbox-done':
        options.collection().done({ agentId: acting().state.agentId ?? '', ...action })
        return
    }
  }

  function logged(work: Promise<void>, text: string, containerId: ContainerID): void {
    work.catch((error: unknown) => log.warn(text, { containerId: containerId.value, error: String(error) }))
  }

  async function runProbe(task: TaskRecord, probe: 'health' | 'check'): Promise<void> {
    const run = (command: CommandInfo, timeoutMs: number) =>
      containers.run({
        beside: task.containerId,
        command,
        environment: taskEnvironment({ ...surroundings(task), command }, environmentParts(task)),
        user: userOf(task),
        sandbox: options.sandboxOf({ agentId: acting().state.agentId ?? '', ...task }),
        timeoutMs,
      })
    const { health_check: health, check } = task.info
    const how = { clock: options.clock, run }
    const result =
      probe === 'health' && health !== undefined
        ? await probeHealth(health, how)
        : check !== undefined
          ? await probeCheck(check, how)
          : undefined
    if (result !== undefined && !stopped)
      void acting().submit({ input: 'check-result', task: task.key, result })
  }

  function taskOrder(task: TaskRecord): ContainerOrder {
    const around = surroundings(task)
    return {
      containerId: task.containerId,
      frameworkId: task.frameworkId,
      executorId: task.executorId,
      taskId: task.taskId,
      command: task.info.command ?? {},
      environment: taskEnvironment(around, environmentParts(task)),
      user: userOf(task),
      resources: task.info.resources ?? [],
      limits: task.info.limits,
      container: task.info.container,
      sandbox: around.sandbox,
    }
  }

  function executorOrder(executor: ExecutorRecord): ContainerOrder {
    const { command } = executor.info
    const around: EnvironmentOf = { ...surroundings(executor), command }
    return {
      containerId: executor.containerId,
      frameworkId: executor.frameworkId,
      executorId: executor.executorId,
      command: command ?? {},
      environment: executorEnvironment(around, executor.info),
      user: command?.user ?? around.framework?.user,
      resources: executor.info.resources ?? [],
      container: executor.info.container,
      sandbox: around.sandbox,
    }
  }

  function surroundings(of: TaskRecord | ExecutorRecord): EnvironmentOf {
    const { state } = acting()
    const { frameworkId, executorId, containerId } = of
    const agentId = state.agentId ?? ''
    return {
      agentId,
      ip: options.ip,
      port: options.port(),
      frameworkId,
      executorId,
      framework: state.frameworks.get(frameworkId),
      sandbox: options.sandboxOf({ agentId, frameworkId, executorId, containerId }),
      command: of.info.command,
      flag: options.executorEnvironment,
    }
  }

  function environmentParts(task: TaskRecord): { taskId: string; role: string; nested: boolean } {
    return { taskId: task.taskId, role: task.launch.role, nested: task.kind === 'default' }
  }

  function userOf(task: TaskRecord): string | undefined {
    return task.info.command?.user ?? acting().state.frameworks.get(task.frameworkId)?.user
  }
}
