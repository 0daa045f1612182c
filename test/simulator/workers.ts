// Simulations on all cores: threads that take one job after the other; results come in the order of the jobs.
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type CrashPointJob, type CrashPointOutcome, crashAt } from './crash-points.ts'
import { type SimulationOptions, type SimulationOutcome, simulate } from './simulation.ts'

/** What a thread can be asked for: plain data, for it crosses between threads. */
export type Job =
  | { readonly job: 'seed'; readonly options: PlainOptions }
  | { readonly job: 'crash point'; readonly at: CrashPointJob }

/** Planted bugs are functions, which do not cross. */
export type PlainOptions = Omit<SimulationOptions, 'mutation' | 'agentMutation'>

interface Results {
  readonly seed: SimulationOutcome
  readonly 'crash point': CrashPointOutcome
}

/** A simulation makes a gigabyte of short-lived objects; with more room for them, fewer live long enough to be moved. */
const YOUNG_MB = 128

export interface Done<K extends keyof Results> {
  readonly result: Results[K]
  /** Processor time of the thread, s. */
  readonly cpuSeconds: number
}

/**
 * Does all jobs, as many at once as there are cores, and yields what became of each in their order.
 * @throws when a thread dies: a simulation itself never throws
 */
export async function* inThreads<K extends keyof Results>(
  jobs: readonly (Job & { readonly job: K })[],
  onDone: (done: number) => void = () => {},
  threads: number = availableParallelism(),
): AsyncGenerator<Done<K>> {
  const slots = jobs.map(() => Promise.withResolvers<Done<K>>())
  // Looked at in order, later; a thread that dies early must not end the process by itself.
  for (const { promise } of slots) promise.catch(() => {})
  // All cores are busy with simulations: threads that help to collect garbage would only take turns with them.
  setFlagsFromString('--single-threaded-gc')
  let next = 0
  let done = 0
  const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
    const worker = new Worker(new URL(import.meta.url), {
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    let own = -1
    const take = () => {
      own = next++
      const job = jobs[own]
      if (job !== undefined) worker.postMessage(job)
    }
    worker.on('message', (answer: Done<K>) => {
      slots[own]?.resolve(answer)
      onDone(++done)
      take()
    })
    worker.on('error', (error) => slots[own]?.reject(error))
    take()
    return worker
  })
  try {
    for (const { promise } of slots) yield await promise
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  port.on('message', async (job: Job) => {
    const before = process.threadCpuUsage()
    const result = job.job === 'seed' ? await simulate(job.options) : await crashAt(job.at)
    const { user, system } = process.threadCpuUsage(before)
    port.postMessage({ result, cpuSeconds: (user + system) / 1e6 })
  })
}
