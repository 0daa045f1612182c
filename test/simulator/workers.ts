// Simulations on all cores: processes that take one job after the other; results come in the order of the jobs.
import { fork } from 'node:child_process'
import { availableParallelism, constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type CrashPointJob, type CrashPointOutcome, crashAt } from './crash-points.ts'
import { type SimulationOptions, type SimulationOutcome, simulate } from './simulation.ts'

/** Says to this file that it was forked. */
const WORKER = 'simulate'

/** What a process can be asked for: plain data, for it crosses between processes. */
export type Job =
  | { readonly job: 'seed'; readonly options: PlainOptions }
  | { readonly job: 'crash point'; readonly at: CrashPointJob }

/** Planted bugs are functions, which do not cross. */
export type PlainOptions = Omit<SimulationOptions, 'mutation' | 'agentMutation'>

interface Results {
  readonly seed: SimulationOutcome
  readonly 'crash point': CrashPointOutcome
}

/**
 * All cores are busy with simulations: threads that help to collect garbage or to compile would only take turns with
 * them. A simulation makes a gigabyte of short-lived objects; with more room for them, fewer live long enough to be
 * moved.
 */
const FLAGS = ['--single-threaded-gc', '--min-semi-space-size=32', '--max-semi-space-size=32']

export interface Done<K extends keyof Results> {
  readonly result: Results[K]
  /** Processor time of the process, s. */
  readonly cpuSeconds: number
}

/**
 * Does all jobs, as many at once as there are cores, and yields what became of each in their order. 'When idle'
 * others go first: tests with real processes and real time beside it do not feel it.
 * @throws when a process dies: a simulation itself never throws
 */
export async function* onAllCores<K extends keyof Results>(
  jobs: readonly (Job & { readonly job: K })[],
  onDone: (done: number) => void = () => {},
  priority: 'normal' | 'when idle' = 'normal',
): AsyncGenerator<Done<K>> {
  const slots = jobs.map(() => Promise.withResolvers<Done<K>>())
  // Looked at in order, later; one that dies early must not end everything by itself.
  for (const { promise } of slots) promise.catch(() => {})
  let next = 0
  let done = 0
  const workers = Array.from({ length: Math.min(availableParallelism(), jobs.length) }, () => {
    const worker = fork(fileURLToPath(import.meta.url), [WORKER], {
      execArgv: FLAGS,
      serialization: 'advanced',
    })
    if (priority === 'when idle' && worker.pid !== undefined)
      setPriority(worker.pid, constants.priority.PRIORITY_LOW)
    let own = -1
    const take = () => {
      own = next++
      const job = jobs[own]
      if (job !== undefined) worker.send(job)
    }
    worker.on('message', (answer: Done<K>) => {
      slots[own]?.resolve(answer)
      onDone(++done)
      take()
    })
    worker.on('error', (error) => slots[own]?.reject(error))
    worker.on('exit', (code, signal) =>
      slots[own]?.reject(new Error(`a simulation's process ended: ${signal ?? code}`)),
    )
    take()
    return worker
  })
  try {
    for (const { promise } of slots) yield await promise
  } finally {
    for (const worker of workers) worker.kill()
  }
}

if (process.argv[2] === WORKER && process.send !== undefined) {
  process.on('message', async (job: Job) => {
    const before = process.cpuUsage()
    const result = job.job === 'seed' ? await simulate(job.options) : await crashAt(job.at)
    const { user, system } = process.cpuUsage(before)
    process.send?.({ result, cpuSeconds: (user + system) / 1e6 })
  })
  // Whoever asked is gone.
  process.on('disconnect', () => process.exit())
}
