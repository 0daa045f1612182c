// Custom executors on a machine: they speak the real executor API, outlive the agent, come back to it, and crash.
import type { HttpAnswer, HttpRequest, RecordSink } from '../../agent/api/http.ts'
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import type { ExecutorCall, ExecutorEvent, TaskInfo, TaskState, TaskStatus } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'
import { readEnd } from './workloads.ts'

const TYPE = 'application/json' as const

export interface ExecutorOptions {
  readonly frameworkId: string
  readonly executorId: string
  readonly time: VirtualTime
  readonly chance: Chance
  /** Nothing ends by itself after this (ms since 1970). */
  readonly lastEnd: number
  /** The agent's executor API; undefined while its process is down. */
  readonly api: () => ((request: HttpRequest) => Promise<HttpAnswer>) | undefined
  readonly started: (taskId: string) => void
  readonly exit: (code: number) => void
}

/** One executor process. */
export class SimExecutor {
  readonly #options: ExecutorOptions
  /** Tasks that were launched and have not ended, by id. */
  readonly #tasks = new Map<string, TaskInfo>()
  readonly #unacknowledgedTasks = new Map<string, TaskInfo>()
  readonly #unacknowledged = new Map<string, TaskStatus>()
  #isOpen = false
  #isOver = false

  constructor(options: ExecutorOptions) {
    this.#options = options
    options.time.after(options.chance.between(50, 1_500), () => void this.#connect())
  }

  /** `framework/task` of what it runs. */
  running(): string[] {
    return [...this.#tasks.keys()].map((taskId) => `${this.#options.frameworkId}/${taskId}`)
  }

  /** Its process is gone. */
  die(): void {
    this.#isOver = true
    this.#tasks.clear()
  }

  async #connect(): Promise<void> {
    if (this.#isOver || this.#isOpen) return
    const { time, chance } = this.#options
    const answer = await this.#call({
      type: 'SUBSCRIBE',
      subscribe: {
        unacknowledged_tasks: [...this.#unacknowledgedTasks.values()],
        unacknowledged_updates: [...this.#unacknowledged.values()].map((status) => ({ status })),
      },
    })
    if (this.#isOver) return
    if (answer?.stream === undefined) {
      time.after(chance.between(200, 1_500), () => void this.#connect())
      return
    }
    this.#isOpen = true
    const decoder = new RecordDecoder()
    const sink: RecordSink = {
      write: (record) => {
        for (const one of decoder.push(record)) {
          const decoded = decodeMessage('mesos.v1.executor.Event', TYPE, one)
          if (!decoded.ok) throw new Error(decoded.error)
          time.after(chance.between(1, 20), () => this.#hear(decoded.message))
        }
      },
      end: () => this.lost(),
    }
    answer.stream(sink)
  }

  /** The stream is closed, or the agent behind it has died. */
  lost(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { time, chance } = this.#options
    time.after(chance.between(200, 1_000), () => void this.#connect())
  }

  #hear(event: ExecutorEvent): void {
    if (this.#isOver) return
    switch (event.type) {
      case 'LAUNCH':
        if (event.launch !== undefined) this.#launch(event.launch.task)
        return
      case 'LAUNCH_GROUP':
        for (const task of event.launch_group?.task_group.tasks ?? []) this.#launch(task)
        return
      case 'KILL': {
        const taskId = event.kill?.task_id.value ?? ''
        const wait = this.#options.chance.between(1, 2_000)
        this.#options.time.after(wait, () => this.#end(taskId, 'TASK_KILLED'))
        return
      }
      case 'ACKNOWLEDGED':
        this.#unacknowledged.delete(event.acknowledged?.uuid ?? '')
        this.#unacknowledgedTasks.delete(event.acknowledged?.task_id.value ?? '')
        this.#endIfIdle()
        return
      case 'SHUTDOWN':
        this.#exit(0)
        return
      default:
        return
    }
  }

  #launch(task: TaskInfo): void {
    const taskId = task.task_id.value
    const { time, chance, lastEnd, started } = this.#options
    started(taskId)
    this.#tasks.set(taskId, task)
    this.#unacknowledgedTasks.set(taskId, task)
    this.#say(taskId, 'TASK_RUNNING')
    const end = readEnd(Buffer.from(task.data ?? '', 'base64').toString())
    if (time.now() + end.afterMs >= lastEnd) return
    time.after(end.afterMs, () => {
      // Now and then the whole executor crashes instead.
      if (this.#tasks.has(taskId) && chance.happens(0.15)) this.#exit(1)
      else this.#end(taskId, end.code === 0 ? 'TASK_FINISHED' : 'TASK_FAILED')
    })
  }

  #end(taskId: string, state: TaskState): void {
    if (this.#isOver || !this.#tasks.delete(taskId)) return
    this.#say(taskId, state)
  }

  #endIfIdle(): void {
    if (this.#tasks.size > 0 || this.#unacknowledged.size > 0) return
    const { time, chance } = this.#options
    time.after(chance.between(500, 5_000), () => {
      if (this.#tasks.size === 0 && this.#unacknowledged.size === 0) this.#exit(0)
    })
  }

  #exit(code: number): void {
    if (this.#isOver) return
    this.die()
    this.#options.exit(code)
  }

  #say(taskId: string, state: TaskState): void {
    const { chance, time, executorId } = this.#options
    const status: TaskStatus = {
      task_id: { value: taskId },
      executor_id: { value: executorId },
      source: 'SOURCE_EXECUTOR',
      state,
      uuid: chance.bytes(16),
      timestamp: time.now() / 1000,
    }
    this.#unacknowledged.set(status.uuid ?? '', status)
    if (this.#isOpen) void this.#call({ type: 'UPDATE', update: { status } })
  }

  async #call(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): Promise<HttpAnswer | undefined> {
    const { api, frameworkId, executorId } = this.#options
    const answer = api()
    if (answer === undefined) return undefined
    const whole: ExecutorCall = {
      ...call,
      framework_id: { value: frameworkId },
      executor_id: { value: executorId },
    }
    return await answer({
      method: 'POST',
      path: '/api/v1/executor',
      query: new URLSearchParams(),
      headers: { 'content-type': TYPE, accept: TYPE },
      body: encodeMessage('mesos.v1.executor.Call', TYPE, whole),
    })
  }
}
