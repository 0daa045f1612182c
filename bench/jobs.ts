// Jobs through the public API: a scheduler that runs one-task jobs, and what it takes from submit to acknowledged end.
import type { Offer, TaskStatus } from '../protocol/messages.ts'
import { amountOf, commandTask, TestFramework } from '../test/framework.ts'

const CPUS = 0.1
const MEM = 32

interface Job {
  readonly id: string
  readonly command: string
  readonly submittedAt: number
  runningAt?: number
  readonly done: (job: Job) => void
}

/** One framework that launches what was submitted as soon as an offer has room for it. */
export class JobRunner {
  readonly framework: TestFramework
  readonly #queue: Job[] = []
  readonly #open = new Map<string, Job>()
  #held: Offer[] = []

  private constructor(framework: TestFramework) {
    this.framework = framework
  }

  static async start(master: string): Promise<JobRunner> {
    const framework = await TestFramework.subscribe(master, {
      info: { name: 'bench', checkpoint: true, failover_timeout: 60 },
      capabilities: ['PARTITION_AWARE'],
      acknowledge: false,
    })
    const runner = new JobRunner(framework)
    void runner.#listen()
    return runner
  }

  /** Submits a job; resolves when its terminal update was acknowledged. Times are of `performance.now()`. */
  run(id: string, command: string): Promise<{ readonly totalMs: number; readonly runningMs: number }> {
    const submittedAt = performance.now()
    return new Promise((resolve) => {
      this.#queue.push({
        id,
        command,
        submittedAt,
        done: (job) =>
          resolve({
            totalMs: performance.now() - submittedAt,
            runningMs: (job.runningAt ?? Number.NaN) - submittedAt,
          }),
      })
      void this.#place()
    })
  }

  async stop(): Promise<void> {
    await this.framework.call({ type: 'TEARDOWN' })
    await this.framework.untilEnd()
  }

  async #listen(): Promise<void> {
    for (;;) {
      const event = await this.framework
        .next(({ type }) => type === 'OFFERS' || type === 'UPDATE' || type === 'RESCIND', 3_600_000)
        .catch(() => undefined)
      if (event === undefined) return
      if (event.offers !== undefined) this.#held.push(...(event.offers.offers ?? []))
      const rescinded = event.rescind?.offer_id.value
      if (rescinded !== undefined) this.#held = this.#held.filter((offer) => offer.id.value !== rescinded)
      if (event.update !== undefined) void this.#update(event.update.status)
      if (event.update === undefined) void this.#place()
    }
  }

  /** Fills held offers with queued jobs; what is left of an offer comes back at once. */
  async #place(): Promise<void> {
    while (this.#queue.length > 0) {
      const offer = this.#held.shift()
      if (offer === undefined) return
      const room = Math.floor(Math.min(amountOf(offer, 'cpus') / CPUS, amountOf(offer, 'mem') / MEM) + 1e-6)
      const jobs = this.#queue.splice(0, Math.min(room, 40))
      for (const job of jobs) this.#open.set(job.id, job)
      const tasks = jobs.map((job) => commandTask(offer, job.id, job.command, { cpus: CPUS, mem: MEM }))
      const answer = await this.framework.launch([offer], tasks, 0)
      if (answer.status !== 202) throw new Error(`ACCEPT was answered ${answer.status}: ${answer.text}`)
    }
  }

  async #update(status: TaskStatus): Promise<void> {
    const job = this.#open.get(status.task_id.value)
    if (status.uuid !== undefined) await this.framework.acknowledge(status)
    if (job === undefined) return
    if (status.state === 'TASK_RUNNING') job.runningAt ??= performance.now()
    if (/^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE)/.test(status.state)) {
      this.#open.delete(job.id)
      if (status.state !== 'TASK_FINISHED')
        throw new Error(`${job.id} ended ${status.state}: ${status.message}`)
      job.done(job)
    }
  }
}
