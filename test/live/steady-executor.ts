// An executor as a framework would bring it, run as a process of its own: each task is a child that runs the shell
// command in the task's data. It comes back to an agent that was restarted, with what was not acknowledged.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { ExecutorCall, ExecutorEvent, TaskInfo, TaskState } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'

const RETRY_MS = 250
/** As MESOS_RECOVERY_TIMEOUT has it: without an agent for so long, it ends. */
const RECOVERY_MS = 15 * 60_000

type Update = NonNullable<ExecutorCall['update']>

const url = `http://${process.env.MESOS_AGENT_ENDPOINT}/api/v1/executor`
const ids = {
  framework_id: { value: process.env.MESOS_FRAMEWORK_ID ?? '' },
  executor_id: { value: process.env.MESOS_EXECUTOR_ID ?? '' },
}
const children = new Map<string, ChildProcess>()
const unacknowledgedTasks = new Map<string, TaskInfo>()
const unacknowledged = new Map<string, Update>()
let lastHeard = Date.now()

for (;;) {
  await session().catch(() => {})
  if (Date.now() - lastHeard > RECOVERY_MS) leave(1)
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
}

async function session(): Promise<void> {
  const response = await post({
    type: 'SUBSCRIBE',
    subscribe: {
      unacknowledged_tasks: [...unacknowledgedTasks.values()],
      unacknowledged_updates: [...unacknowledged.values()],
    },
  })
  if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`)
  const decoder = new RecordDecoder()
  for await (const chunk of response.body) {
    lastHeard = Date.now()
    for (const record of decoder.push(chunk)) take(JSON.parse(record.toString('utf8')) as ExecutorEvent)
  }
}

function take({ type, launch, kill, acknowledged }: ExecutorEvent): void {
  if (launch !== undefined) start(launch.task)
  if (kill !== undefined) children.get(kill.task_id.value)?.kill('SIGKILL')
  if (acknowledged !== undefined) {
    unacknowledged.delete(acknowledged.uuid)
    unacknowledgedTasks.delete(acknowledged.task_id.value)
  }
  if (type === 'SHUTDOWN') leave(0)
}

function start(task: TaskInfo): void {
  const id = task.task_id.value
  // Said again by an agent that was restarted.
  if (children.has(id)) return
  unacknowledgedTasks.set(id, task)
  const child = spawn('/bin/sh', ['-c', Buffer.from(task.data ?? '', 'base64').toString('utf8')], {
    stdio: 'ignore',
  })
  children.set(id, child)
  child.once('spawn', () => update(id, 'TASK_RUNNING'))
  child.once('exit', (code, signal) => {
    update(
      id,
      signal === null && code === 0 ? 'TASK_FINISHED' : signal === null ? 'TASK_FAILED' : 'TASK_KILLED',
    )
    // One task each: nothing is left to do once its end is known.
    setTimeout(() => leave(0), 2_000)
  })
}

function update(taskId: string, state: TaskState): void {
  const uuid = randomBytes(16).toString('base64')
  const one: Update = {
    status: {
      task_id: { value: taskId },
      state,
      source: 'SOURCE_EXECUTOR',
      uuid,
      timestamp: Date.now() / 1_000,
    },
  }
  unacknowledged.set(uuid, one)
  // An agent that is away gets it with the next SUBSCRIBE.
  post({ type: 'UPDATE', update: one }).catch(() => {})
}

function leave(status: number): never {
  for (const child of children.values()) child.kill('SIGKILL')
  process.exit(status)
}

function post(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ ...ids, ...call }),
  })
}
