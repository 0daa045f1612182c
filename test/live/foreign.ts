// The scheduler written for Mesos as a process of its own: its timers outlive its teardown, and are to end with it.
//
// A line for each thing that it checked, `ok` or `FAILED`; ends with the number of those that failed.
import type { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Check } from './run.ts'
import { until } from './until.ts'

/** The part of the package's scheduler that is used here. */
interface ForeignScheduler extends EventEmitter {
  subscribe(): void
  kill(taskId: string, agentId: string): void
  reconcile(taskId: string, agentId: string): void
  teardown(): void
}

interface ForeignUpdate {
  readonly status: {
    readonly task_id: { readonly value: string }
    readonly agent_id?: { readonly value: string }
    readonly state: string
    readonly reason?: string
    readonly uuid?: string
  }
}

const TASKS = 20

/** Runs it to its teardown against whatever is a master at the address. */
async function runToTeardown(master: string, check: Check): Promise<void> {
  const logs = mkdtempSync(join(tmpdir(), 'meseta-foreign-'))
  try {
    const { Scheduler, Mesos } = createRequire(import.meta.url)('mesos-framework')
    const mesos = Mesos.getMesos()
    const resources = { cpus: 0.1, mem: 32, ports: 1, disk: 0 }
    const command = (value: string) => new mesos.CommandInfo(null, null, true, value, null, null)
    const scheduler: ForeignScheduler = new Scheduler({
      masterUrl: '127.0.0.1',
      port: Number(new URL(master).port),
      frameworkName: 'foreign',
      masterConnectionTimeout: 60,
      restartStates: [],
      logging: { path: logs, fileName: 'foreign.log', level: 'error' },
      tasks: {
        short: { priority: 1, instances: TASKS, commandInfo: command('echo hello'), resources },
        long: { priority: 2, instances: 1, commandInfo: command('sleep 1000'), resources },
      },
    })
    await drive(scheduler, check)
  } finally {
    rmSync(logs, { recursive: true, force: true })
  }
}

async function drive(scheduler: ForeignScheduler, check: Check): Promise<void> {
  const states = new Map<string, string>()
  const updates: ForeignUpdate['status'][] = []
  const errors: string[] = []
  scheduler.on('update', ({ status }: ForeignUpdate) => {
    updates.push(status)
    states.set(status.task_id.value, status.state)
  })
  scheduler.on('error', (error: { readonly message?: string }) => errors.push(String(error.message ?? error)))
  scheduler.on('ready', () => scheduler.subscribe())

  const count = (state: string) => [...states.values()].filter((one) => one === state).length
  await until(
    '20 tasks finished and one running',
    () => count('TASK_FINISHED') === TASKS && count('TASK_RUNNING') === 1,
  )
  check(true, `${TASKS} tasks TASK_FINISHED`)

  const running = updates.find((status) => states.get(status.task_id.value) === 'TASK_RUNNING')
  if (running?.agent_id === undefined) throw new Error('the running task was reported without its agent')
  scheduler.reconcile(running.task_id.value, running.agent_id.value)
  await until('the answer to reconcile', () =>
    updates.some((status) => status.reason === 'REASON_RECONCILIATION'),
  )
  const answer = updates.find((status) => status.reason === 'REASON_RECONCILIATION')
  check(
    answer?.state === 'TASK_RUNNING' && answer.uuid === undefined,
    'reconcile answers TASK_RUNNING without a uuid',
  )

  scheduler.kill(running.task_id.value, running.agent_id.value)
  await until('TASK_KILLED', () => states.get(running.task_id.value) === 'TASK_KILLED')
  check(count('TASK_KILLED') === 1, 'one task TASK_KILLED')

  // Calls that cross the teardown are refused, as they should be: what the client met until then is what counts.
  const met = errors.filter((error) => !/connection was closed/.test(error))
  check(met.length === 0, `the client met no error${met.length === 0 ? '' : `: ${met[0]}`}`)
  const torn = new Promise<void>((resolve) => scheduler.once('sent_teardown', resolve))
  scheduler.teardown()
  await torn
  check(true, 'teardown was taken')
}

let failed = 0
const say: Check = (holds, sentence) => {
  console.log(`${holds ? 'ok' : 'FAILED'} ${sentence}`)
  if (!holds) failed++
}
const [master = ''] = process.argv.slice(2)
await runToTeardown(master, say).catch((error: Error) => say(false, error.message))
process.exit(failed)
