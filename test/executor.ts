// A custom executor for tests: its process only sleeps, and the test speaks for it over the agent's executor API.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { encodeMessage } from '../protocol/codec.ts'
import { durationInfo } from '../protocol/durations.ts'
import type { MediaType } from '../protocol/media-types.ts'
import type {
  ExecutorCall,
  ExecutorCallSubscribe,
  ExecutorEvent,
  ExecutorInfo,
  Offer,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '../protocol/messages.ts'
import { EventStream } from './event-stream.ts'
import { type Answer, commandTask, JSON_TYPE, scalar, send, type TestFramework } from './framework.ts'

/** Which executor it is, and where its agent listens. */
export interface ExecutorPlace {
  readonly agentUrl: string
  readonly frameworkId: string
  readonly executorId: string
  readonly encoding?: MediaType
}

/** What an update says; the rest is filled in as a good executor does. */
type UpdatePart = Partial<Omit<TaskStatus, 'task_id' | 'state'>>

export class TestExecutor {
  readonly place: ExecutorPlace
  readonly encoding: MediaType
  readonly #streams: EventStream<'mesos.v1.executor.Event'>[] = []

  constructor(place: ExecutorPlace) {
    this.place = place
    this.encoding = place.encoding ?? JSON_TYPE
  }

  /** Opens a stream; an earlier one stays as it is. */
  async subscribe(subscribe: ExecutorCallSubscribe = {}): Promise<EventStream<'mesos.v1.executor.Event'>> {
    const stream = await EventStream.open({
      url: this.#url,
      of: 'mesos.v1.executor.Event',
      encoding: this.encoding,
      body: this.#encode({ type: 'SUBSCRIBE', subscribe }),
    })
    if (stream.status !== 200) throw new Error(`SUBSCRIBE was answered ${stream.status}`)
    this.#streams.push(stream)
    return stream
  }

  call(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): Promise<Answer> {
    return send(this.#url, {
      headers: { 'content-type': this.encoding },
      body: this.#encode(call),
    })
  }

  /** Says an update, with a fresh uuid unless one is given. Gives the status that was said. */
  async update(taskId: string, state: TaskState, more: UpdatePart = {}): Promise<TaskStatus> {
    const status = statusOf(taskId, state, more)
    const answer = await this.call({ type: 'UPDATE', update: { status } })
    if (answer.status !== 202) throw new Error(`UPDATE was answered ${answer.status} ${answer.text}`)
    return status
  }

  /** Waits until its process is there, as its agent shows it. */
  async untilStarted(withinMs = 10_000): Promise<void> {
    const { agentUrl, frameworkId, executorId } = this.place
    const deadline = performance.now() + withinMs
    for (;;) {
      const { text } = await send(`${agentUrl}/containers`, { method: 'GET' })
      const containers = JSON.parse(text) as {
        framework_id: string
        executor_id: string
        status?: { executor_pid?: number }
      }[]
      const own = containers.find((one) => one.framework_id === frameworkId && one.executor_id === executorId)
      if (own?.status?.executor_pid !== undefined) return
      if (performance.now() > deadline) throw new Error(`executor ${executorId} was not started`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.close()
  }

  get #url(): string {
    return `${this.place.agentUrl}/api/v1/executor`
  }

  #encode(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): Uint8Array {
    const { frameworkId, executorId } = this.place
    return encodeMessage('mesos.v1.executor.Call', this.encoding, {
      ...call,
      framework_id: { value: frameworkId },
      executor_id: { value: executorId },
    })
  }
}

export function statusOf(taskId: string, state: TaskState, more: UpdatePart = {}): TaskStatus {
  const uuid = randomBytes(16).toString('base64')
  return { task_id: { value: taskId }, state, source: 'SOURCE_EXECUTOR', uuid, ...more }
}

/** A custom executor whose process does nothing; it is given little time to shut down. */
export function customExecutor(executorId: string, more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return {
    executor_id: { value: executorId },
    type: 'CUSTOM',
    command: { value: 'exec sleep 1000' },
    resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('disk', 16)],
    shutdown_grace_period: durationInfo(100),
    ...more,
  }
}

export function executorTask(offer: Offer, taskId: string, executor: ExecutorInfo): TaskInfo {
  const { command: _, ...task } = commandTask(offer, taskId, '')
  return { ...task, executor }
}

/** The ids of the tasks that LAUNCH and LAUNCH_GROUP events bring, those of one event together. */
export function launched(events: readonly ExecutorEvent[]): readonly (readonly string[])[] {
  return events.flatMap(({ launch, launch_group }) => {
    const tasks = launch_group?.task_group.tasks ?? (launch === undefined ? [] : [launch.task])
    return tasks.length === 0 ? [] : [tasks.map(({ task_id }) => task_id.value)]
  })
}

/** Launches tasks under one executor on the next offer; gives what to speak for it with. */
export async function launchUnder(
  framework: TestFramework,
  agentUrl: (agentId: string) => string,
  info: ExecutorInfo,
  taskIds: readonly string[],
  groups: readonly (readonly string[])[] = [],
  encoding: MediaType = framework.encoding,
): Promise<TestExecutor> {
  const offer = await framework.offerOf(1, 256)
  const single = taskIds.map((id) => executorTask(offer, id, info))
  const operations = [
    ...(single.length === 0 ? [] : [{ type: 'LAUNCH' as const, launch: { task_infos: single } }]),
    ...groups.map((ids) => ({
      type: 'LAUNCH_GROUP' as const,
      launch_group: {
        executor: info,
        task_group: { tasks: ids.map((id) => executorTask(offer, id, info)) },
      },
    })),
  ]
  await framework.call({
    type: 'ACCEPT',
    accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
  })
  return new TestExecutor({
    agentUrl: agentUrl(offer.agent_id.value),
    frameworkId: framework.id,
    executorId: info.executor_id.value,
    encoding,
  })
}

/** Where an executor runs, as its agent tells anybody who asks for the state; waits until it is there. */
export async function sandboxOf({ place }: TestExecutor, withinMs = 10_000): Promise<string> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const { text } = await send(`${place.agentUrl}/state`, { method: 'GET' })
    const { frameworks } = JSON.parse(text) as {
      frameworks: { id: string; executors: { id: string; directory: string }[] }[]
    }
    const directory = frameworks
      .find(({ id }) => id === place.frameworkId)
      ?.executors.find(({ id }) => id === place.executorId)?.directory
    if (directory !== undefined && existsSync(directory)) return directory
    if (performance.now() > deadline) throw new Error(`executor ${place.executorId} has no sandbox`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
