// `meseta run`: a one-shot framework that runs a command somewhere, streams its output and ends with its exit code.
import { randomUUID } from 'node:crypto'
import { constants, userInfo } from 'node:os'
import { styleText } from 'node:util'
import type { Offer, SchedulerEvent, TaskInfo, TaskStatus } from '../protocol/messages.ts'
import { isTerminal, readState } from './cluster.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { type Follower, follow } from './follow.ts'
import { type Session, subscribe } from './framework.ts'
import { isBehindGateway, throughConnector } from './gateway.ts'
import { asJson, harmless } from './printing.ts'

export interface RunOptions {
  readonly cpus: number
  readonly mem: number
  readonly disk: number
  readonly role: string
  readonly name: string
  readonly instances: number
  readonly env: Readonly<Record<string, string>>
  readonly timeoutSeconds?: number | undefined
  readonly json: boolean
}

interface Instance {
  readonly taskId: string
  agentId?: string
  hostname?: string
  url?: string
  state: string
  message?: string
  reason?: string
  exitCode?: number
  follower?: Follower
}

/** Runs the command and gives the exit code for this process. One argument is a shell command, several are argv. */
export async function run(master: string, argv: readonly string[], options: RunOptions): Promise<number> {
  if (!isBehindGateway(master)) return await runAt(master, argv, options)
  const beside = await throughConnector(master, say)
  try {
    return await runAt(beside.url, argv, options)
  } finally {
    await beside.stop()
  }
}

async function runAt(master: string, argv: readonly string[], options: RunOptions): Promise<number> {
  const interruption = watchSignals()
  const session = await subscribe(master, {
    framework_info: {
      user: userInfo().username,
      name: options.name,
      roles: [options.role],
      checkpoint: true,
      failover_timeout: 60,
      capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }],
    },
  })
  const one = new OneShot(master, session, argv, options)
  interruption.then((signal) => one.stop('interrupted', 128 + constants.signals[signal]))
  try {
    return await one.untilDone()
  } finally {
    await session.call({ type: 'TEARDOWN' }).catch(() => {})
    session.close()
  }
}

/** How long a task that was asked to end is waited for: its agent may be dead. */
const GIVE_UP_MS = 15_000
const SECOND_SIGNAL_AFTER_MS = 1_000

/**
 * Resolves at the first signal. The same Ctrl-C may come twice, from the terminal and from npx; another one a second
 * later means at once.
 */
function watchSignals(): Promise<NodeJS.Signals> {
  let first: number | undefined
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const) {
      process.on(signal, () => {
        if (first !== undefined && performance.now() - first > SECOND_SIGNAL_AFTER_MS)
          process.exit(128 + constants.signals[signal])
        first ??= performance.now()
        resolve(signal)
      })
    }
  })
}

/** The life of one run: wanted instances, their states, and what is still to be placed. */
class OneShot {
  readonly #master: string
  readonly #session: Session
  readonly #argv: readonly string[]
  readonly #options: RunOptions
  readonly #instances: readonly Instance[]
  readonly #givenUp = Promise.withResolvers<undefined>()
  #stopCode: number | undefined
  #patience: NodeJS.Timeout | undefined

  constructor(master: string, session: Session, argv: readonly string[], options: RunOptions) {
    this.#master = master
    this.#session = session
    this.#argv = argv
    this.#options = options
    const run = randomUUID().slice(0, 8)
    this.#instances = Array.from({ length: options.instances }, (_, index) => ({
      taskId: `${options.name}-${run}-${index}`,
      state: 'waiting for an offer',
    }))
  }

  async untilDone(): Promise<number> {
    const timers = this.#startTimers()
    try {
      // Not `for await`: leaving it early would end the stream, and TEARDOWN needs a session that stands.
      const events = this.#session.events[Symbol.asyncIterator]()
      while (!this.#isOver()) {
        const next = await Promise.race([events.next(), this.#givenUp.promise])
        if (next === undefined) break
        const { done, value } = next
        if (done) throw await this.#whyEnded()
        await this.#handle(value)
      }
    } finally {
      for (const timer of [...timers, this.#patience]) clearTimeout(timer)
      // Also when the control plane has gone: agents go on answering.
      await Promise.all(this.#instances.map((instance) => instance.follower?.finish()))
    }
    return this.#report()
  }

  /** Kills what runs and gives up on what does not; the run then ends with `code`. */
  stop(why: string, code: number): void {
    if (this.#stopCode !== undefined) return
    this.#stopCode = code
    say(`${why}, stopping`)
    for (const instance of this.#instances) {
      if (instance.exitCode !== undefined) continue
      if (instance.agentId === undefined) instance.exitCode = code
      else this.#session.call({ type: 'KILL', kill: { task_id: { value: instance.taskId } } }).catch(() => {})
    }
    if (this.#isOver()) this.#givenUp.resolve(undefined)
    this.#patience = setTimeout(() => {
      say(
        `still not ended after ${GIVE_UP_MS / 1_000} s; its framework is removed, which kills it when it can be`,
      )
      this.#givenUp.resolve(undefined)
    }, GIVE_UP_MS)
  }

  /** A stream ends without a word, as in Mesos: what is known afterwards tells why. */
  async #whyEnded(): Promise<CommandError> {
    const state = await readState(this.#master).catch(() => undefined)
    if (state === undefined) {
      return new CommandError(
        'the control plane ended the stream and went away; its tasks may go on: when it is back, look at `npx meseta tasks` and run it again',
        EXIT.unreachable,
      )
    }
    if (state.completed_frameworks.some(({ id }) => id === this.#session.frameworkId)) {
      return new CommandError(
        'somebody removed the framework of this run, and its tasks are killed; run it again',
        EXIT.refused,
      )
    }
    return new CommandError(
      'the stream was ended: by the control plane, or by a gateway that hands out whole answers only; with the latter start `npx meseta connect --url URL` and run it against that, with --master http://127.0.0.1:5050',
      EXIT.unreachable,
    )
  }

  #isOver(): boolean {
    return this.#instances.every((instance) => instance.exitCode !== undefined)
  }

  async #handle(event: SchedulerEvent): Promise<void> {
    if (event.type === 'OFFERS') for (const offer of event.offers?.offers ?? []) await this.#useOffer(offer)
    if (event.type === 'UPDATE' && event.update !== undefined) await this.#update(event.update.status)
    if (event.type === 'ERROR')
      throw new CommandError(`the control plane ended the run: ${event.error?.message}`, EXIT.refused)
  }

  async #useOffer(offer: Offer): Promise<void> {
    const { cpus, mem, disk } = this.#options
    const free = { cpus: scalar(offer, 'cpus'), mem: scalar(offer, 'mem'), disk: scalar(offer, 'disk') }
    const placed: Instance[] = []
    for (const instance of this.#instances) {
      if (instance.agentId !== undefined || this.#stopCode !== undefined) continue
      if (free.cpus < cpus || free.mem < mem || free.disk < disk) break
      free.cpus = round(free.cpus - cpus)
      free.mem = round(free.mem - mem)
      free.disk = round(free.disk - disk)
      instance.agentId = offer.agent_id.value
      instance.hostname = offer.hostname
      instance.url = `http://${offer.url?.address.ip ?? offer.hostname}:${offer.url?.address.port ?? 5051}`
      instance.state = 'TASK_STAGING'
      placed.push(instance)
    }
    const offer_ids = [offer.id]
    const allPlaced = this.#instances.every((instance) => instance.agentId !== undefined)
    const filters = { refuse_seconds: allPlaced ? 3_600 : 1 }
    if (placed.length === 0) return this.#session.call({ type: 'DECLINE', decline: { offer_ids, filters } })
    const task_infos = placed.map((instance) => this.#taskInfo(instance, offer))
    await this.#session.call({
      type: 'ACCEPT',
      accept: { offer_ids, operations: [{ type: 'LAUNCH', launch: { task_infos } }], filters },
    })
    if (allPlaced) await this.#session.call({ type: 'SUPPRESS' })
  }

  #taskInfo(instance: Instance, offer: Offer): TaskInfo {
    const { cpus, mem, disk, env, name } = this.#options
    const [first = '', ...rest] = this.#argv
    const variables = Object.entries(env).map(([key, value]) => ({ name: key, value }))
    const amounts = { cpus, mem, ...(disk > 0 ? { disk } : {}) }
    return {
      name,
      task_id: { value: instance.taskId },
      agent_id: offer.agent_id,
      resources: Object.entries(amounts).map(([resource, value]) => ({
        name: resource,
        type: 'SCALAR',
        scalar: { value },
      })),
      command: {
        ...(rest.length === 0
          ? { shell: true, value: first }
          : { shell: false, value: first, arguments: [first, ...rest] }),
        ...(variables.length > 0 ? { environment: { variables } } : {}),
      },
    }
  }

  async #update(status: TaskStatus): Promise<void> {
    const instance = this.#instances.find(({ taskId }) => taskId === status.task_id.value)
    if (instance !== undefined) {
      instance.state = status.state
      if (status.message !== undefined) instance.message = status.message
      if (status.reason !== undefined) instance.reason = status.reason
      if (
        instance.follower === undefined &&
        !this.#options.json &&
        instance.url !== undefined &&
        status.container_status !== undefined
      ) {
        instance.follower = follow(
          instance.url,
          `/frameworks/${this.#session.frameworkId}/executors/${instance.taskId}/runs/latest`,
        )
      }
      if (isTerminal(status.state)) instance.exitCode = exitCodeOf(status)
    }
    if (status.uuid !== undefined && status.agent_id !== undefined) {
      await this.#session.call({
        type: 'ACKNOWLEDGE',
        acknowledge: { agent_id: status.agent_id, task_id: status.task_id, uuid: status.uuid },
      })
    }
  }

  #startTimers(): NodeJS.Timeout[] {
    const patience = setTimeout(() => {
      if (this.#instances.some((instance) => instance.agentId === undefined)) {
        say(
          `no offer with cpus ${this.#options.cpus}, mem ${this.#options.mem} yet, waiting; \`meseta agents\` shows what is free`,
        )
      }
    }, 5_000)
    const { timeoutSeconds } = this.#options
    if (timeoutSeconds === undefined) return [patience]
    return [
      patience,
      setTimeout(() => this.stop(`${timeoutSeconds} s are over`, EXIT.timeout), timeoutSeconds * 1_000),
    ]
  }

  #report(): number {
    if (this.#options.json) {
      const tasks = this.#instances.map(
        ({ taskId, agentId, hostname, state, exitCode, message, reason }) => ({
          task_id: taskId,
          agent_id: agentId ?? null,
          hostname: hostname ?? null,
          state,
          exit_code: exitCode ?? null,
          message,
          reason,
        }),
      )
      console.log(asJson({ framework_id: this.#session.frameworkId, tasks }))
    } else {
      for (const { taskId, state, message, reason } of this.#instances) {
        if (state !== 'TASK_FINISHED' && !/^Command exited with status/.test(message ?? '')) {
          say(
            `${taskId}: ${state}${reason === undefined ? '' : ` (${reason})`}${message === undefined ? '' : `, ${message}`}`,
          )
        }
      }
    }
    if (this.#stopCode !== undefined) return this.#stopCode
    return Math.max(...this.#instances.map((instance) => instance.exitCode ?? EXIT.failed))
  }
}

function say(text: string): void {
  process.stderr.write(`${styleText('dim', `meseta: ${harmless(text)}`, { stream: process.stderr })}\n`)
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  Hangup: 1,
  Interrupt: 2,
  Quit: 3,
  'Illegal instruction': 4,
  'Trace/breakpoint trap': 5,
  Aborted: 6,
  'Bus error': 7,
  'Floating point exception': 8,
  Killed: 9,
  'User defined signal 1': 10,
  'Segmentation fault': 11,
  'User defined signal 2': 12,
  'Broken pipe': 13,
  'Alarm clock': 14,
  Terminated: 15,
  'CPU time limit exceeded': 24,
  'File size limit exceeded': 25,
  'Bad system call': 31,
}

/** The wire has no field for an exit status; the built-in executors say it in words, as Mesos's do. */
function exitCodeOf(status: TaskStatus): number {
  if (status.state === 'TASK_FINISHED') return EXIT.ok
  const exited = /^Command exited with status (\d+)/.exec(status.message ?? '')
  if (exited?.[1] !== undefined) return Number(exited[1]) || EXIT.failed
  const signaled = /^Command terminated with signal (.+)$/.exec(status.message ?? '')
  return signaled?.[1] === undefined ? EXIT.failed : 128 + (SIGNAL_NUMBERS[signaled[1]] ?? 0)
}

function scalar(offer: Offer, name: string): number {
  return round(
    (offer.resources ?? [])
      .filter((resource) => resource.name === name)
      .reduce((sum, resource) => sum + (resource.scalar?.value ?? 0), 0),
  )
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
