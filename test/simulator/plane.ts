// The control plane in virtual time: hosts that run the real handlers, die, pause and are replaced.
import { answerCall as answerAgent } from '../../functions/agents/handler.ts'
import { allocateBatch } from '../../functions/allocator/handler.ts'
import { ensureCluster } from '../../functions/cluster.ts'
import { detect } from '../../functions/detector/handler.ts'
import type { Environment, Log } from '../../functions/environment.ts'
import { routed } from '../../functions/http/routes.ts'
import { type Handler, type HttpAnswer, type HttpRequest, isStream } from '../../functions/http/types.ts'
import { instanceEvents } from '../../functions/instance-events/handler.ts'
import { patientHeartbeats } from '../../functions/lambda/patient-heartbeats.ts'
import type { Calling } from '../../functions/operator/calls.ts'
import { changeFeed } from '../../functions/operator/feed.ts'
import { files } from '../../functions/operator/files.ts'
import { operatorHandler } from '../../functions/operator/handler.ts'
import { mesetaHandler } from '../../functions/operator/meseta.ts'
import { verbosity } from '../../functions/operator/verbosity.ts'
import { inProcessBells } from '../../functions/ports/bells.ts'
import { type BatchHandler, consume, OUTAGE_MS } from '../../functions/ports/consume.ts'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import { schedulerRoutes } from '../../functions/scheduler/routes.ts'
import type { Settings } from '../../master/settings.ts'
import { sleep } from '../../protocol/clock.ts'
import type { Store } from '../../store/store.ts'
import type { Cloud } from './cloud.ts'
import { type PortFaults, queuesFor, storeFor } from './ports.ts'
import { SimProcess } from './process.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'

export type FunctionName = 'front' | 'heartbeats' | 'allocator' | 'detector' | 'instance-events'

/** Changes what one function is given of the world: planted bugs. */
export type Mutation = (env: Environment, name: FunctionName) => Environment

/** Around each piece of work: a request, a reader's stream, a turn, a tick, a batch. */
export type Around = <T>(what: string, work: () => Promise<T>) => Promise<T>

export interface PlaneOptions extends PortFaults {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly store: Store
  readonly queues: MessageSource
  readonly settings: Settings
  readonly fronts: number
  /** Whoever says that the table was restored says what time it is, too. */
  readonly areClocksRight?: boolean | undefined
  /** Absent where machines are no EC2 instances. */
  readonly cloud?: Cloud | undefined
  readonly mutation?: Mutation | undefined
  readonly around?: Around | undefined
  /** Every line of every log. */
  readonly onLog: (text: string) => void
  /** An error that only a bug makes. */
  readonly onError: (text: string) => void
}

interface Host {
  readonly process: SimProcess
  readonly env: Environment
  readonly handle: Handler
}

/** Longer than the second of a deployed cluster: whatever happens nudges, and most of the idle turns are spared. */
const ALLOCATION_MS = 8_000

/** Where an operator says that the table was restored. */
export const RESTORED_AT = '/api/v1/meseta'
/** Nothing is parked here: whoever reads the queues tries for ever. */
const NO_LETTERS = { list: async () => [], show: async () => undefined, redrive: async () => false }

/** Errors of the weather are no bugs. */
const EXPECTED = /simulated|message parked|did not answer|try again|Unavailable|TooContended/

export class Plane {
  readonly #options: PlaneOptions
  #fronts: Host[] = []
  #others = new Map<FunctionName, Host>()
  #made = 0
  readonly #alive = new Set<SimProcess>()
  /** `nobody`: there is none; `restorer`: one front, for whoever restores the table. */
  #serving: 'all' | 'nobody' | 'restorer' = 'all'
  #cluster: Environment['cluster'] = { id: '', timeline: 0 }

  private constructor(options: PlaneOptions) {
    this.#options = options
  }

  static async start(options: PlaneOptions): Promise<Plane> {
    const plane = new Plane(options)
    const ids = plane.#ids(options.chance)
    plane.#cluster = await ensureCluster(options.store, ids, options.time)
    plane.deploy()
    return plane
  }

  /** All hosts die, and none comes after them. */
  stop(): void {
    this.#serving = 'nobody'
    this.#fronts = []
    this.#others.clear()
    for (const process of [...this.#alive]) process.die()
  }

  /** After `stop`: one front that nobody but whoever restores the table can call. */
  admitRestorer(): void {
    this.#serving = 'restorer'
  }

  /** All the others begin: beside the restorer, which goes on, or in its place. */
  complete(doesRestorerDie: boolean): void {
    this.#serving = 'all'
    if (doesRestorerDie) this.#begunAnew()
    else {
      while (this.#fronts.length < this.#options.fronts) this.#fronts.push(this.#host('front'))
      this.#beginAll()
    }
  }

  /** All hosts die at once and new ones take over: a deployment, or the loss of all processes. */
  deploy(): void {
    // What there is to deploy to is being restored.
    if (this.#serving === 'all') this.#begunAnew()
  }

  #begunAnew(): void {
    for (const host of [...this.#fronts, ...this.#others.values()]) host.process.die()
    this.#fronts = Array.from({ length: this.#options.fronts }, () => this.#host('front'))
    this.#beginAll()
  }

  #beginAll(): void {
    for (const name of ['heartbeats', 'allocator', 'detector'] as const) this.#begin(name)
    if (this.#options.cloud !== undefined) this.#begin('instance-events')
  }

  /** Any one host dies. */
  killOne(chance: Chance): string {
    const host = chance.of([...this.#fronts, ...this.#others.values()])
    host?.process.die()
    return host?.process.name ?? 'nobody'
  }

  /** A second host of one function beside the first, which ends after `ms`: nothing promises that there is only one. */
  double(chance: Chance, ms: number): string {
    const name = chance.of(['heartbeats', 'allocator', 'detector'] as const) ?? 'detector'
    const before = this.#others.get(name)
    if (before === undefined) return 'nobody'
    this.#begin(name)
    this.#options.time.after(ms, () => before.process.die())
    return before.process.name
  }

  pauseOne(chance: Chance, ms: number): string {
    const host = chance.of([...this.#fronts, ...this.#others.values()])
    host?.process.pause(ms)
    return host?.process.name ?? 'nobody'
  }

  /** A front that answers this request, and its process: the connection breaks when that dies. Or nobody listens. */
  front(
    chance: Chance,
    path: string,
  ): { readonly process: SimProcess; answer(request: HttpRequest): Promise<HttpAnswer> } | undefined {
    if (this.#serving === 'nobody' || (this.#serving === 'restorer' && path !== RESTORED_AT)) return undefined
    const index = chance.whole(0, this.#fronts.length - 1)
    let host = this.#fronts[index]
    if (host === undefined || host.process.isDead) {
      host = this.#host('front')
      this.#fronts[index] = host
    }
    const { handle, process } = host
    return { process, answer: (request) => this.#answered(handle, request) }
  }

  async #answered(handle: Handler, request: HttpRequest): Promise<HttpAnswer> {
    const { around } = this.#options
    if (around === undefined) return await handle(request)
    const answer = await around(nameOf(request), async () => await handle(request))
    const { body } = answer
    if (!isStream(body)) return answer
    return { ...answer, body: { ...body, open: (...args) => around('reader', () => body.open(...args)) } }
  }

  async #around<T>(what: string, work: () => Promise<T>): Promise<T> {
    return await (this.#options.around === undefined ? work() : this.#options.around(what, work))
  }

  #host(name: FunctionName): Host {
    const { time, chance, settings, areClocksRight = false } = this.#options
    // Ticks are stamped by one clock; hosts that answer calls may be minutes off (F71).
    const skewMs = name === 'front' && !areClocksRight ? 300_000 : 1_000
    const process = new SimProcess(`${name} ${++this.#made}`, time, chance, chance.between(-skewMs, skewMs))
    this.#alive.add(process)
    process.onDeath(() => this.#alive.delete(process))
    const plain: Environment = {
      store: storeFor(process, this.#options.store, this.#options),
      queues: queuesFor(process, this.#options.queues, this.#options),
      clock: process,
      ids: this.#ids(chance),
      random: chance.next,
      settings,
      log: this.#log(process),
      bells: inProcessBells(process),
      cluster: this.#cluster,
      ec2: this.#options.cloud?.seenBy(process),
    }
    const env = this.#options.mutation?.(plain, name) ?? plain
    const routes = [
      ...schedulerRoutes(env),
      { path: '/api/v1/agent', methods: { POST: (request: HttpRequest) => answerAgent(env, request) } },
      { path: '/api/v1', methods: { POST: operatorHandler(callingOf(env)) } },
      { path: RESTORED_AT, methods: { POST: mesetaHandler({ env, deadLetters: NO_LETTERS }) } },
    ]
    return { process, env, handle: routed(env, routes) }
  }

  /** One function with its loop; a host that dies is followed by another a moment later. */
  #begin(name: Exclude<FunctionName, 'front'>): void {
    const host = this.#host(name)
    this.#others.set(name, host)
    host.process.onDeath(() => {
      const wait = this.#options.chance.between(200, 8_000)
      this.#options.time.after(wait, () => {
        if (this.#others.get(name) === host) this.#begin(name)
      })
    })
    const { env, process } = host
    const failed = (error: unknown) => env.log.error(`${name} failed`, { error: String(error) })
    const never = new AbortController().signal
    if (name === 'heartbeats') {
      // The queues of `env` are this process's own source.
      const source = env.queues as MessageSource
      const options = { log: env.log, maxReceives: Number.POSITIVE_INFINITY }
      const beat: BatchHandler = (batch) => this.#around(name, () => patientHeartbeats(env, batch))
      void consume(source, 'heartbeats', beat, never, options).catch(failed)
    } else if (name === 'instance-events') {
      const source = env.queues as MessageSource
      const events: BatchHandler = (batch) => this.#around(name, () => instanceEvents(env, batch))
      const options = { log: env.log, patienceMs: OUTAGE_MS }
      void consume(source, 'instance-events', events, never, options).catch(failed)
    } else if (name === 'detector') {
      void forEver(process, env.settings.profile.tickMs, () =>
        this.#around(name, () => detect(env).catch(failed)),
      )
    } else void this.#allocating(host, failed)
  }

  async #allocating({ env, process }: Host, failed: (error: unknown) => void): Promise<void> {
    const source = env.queues as MessageSource
    const look = () => allocateBatch(env, []).catch(failed)
    void forEver(process, ALLOCATION_MS, () => this.#around('allocator', look))
    const batch: BatchHandler = (nudges) => this.#around('allocator', () => allocateBatch(env, nudges))
    await consume(source, 'allocate', batch, new AbortController().signal, { log: env.log }).catch(failed)
  }

  #ids(chance: Chance): Environment['ids'] {
    return { random: () => chance.text(22), uuid: () => chance.uuid() }
  }

  #log(process: SimProcess): Log {
    const quiet = (event: string, fields?: Readonly<Record<string, unknown>>) => {
      this.#options.onLog(`${process.name}: ${event} ${JSON.stringify(fields ?? {})}`)
    }
    return {
      info: quiet,
      warn: quiet,
      error: (event, fields) => {
        const text = `${process.name}: ${event} ${JSON.stringify(fields ?? {})}`
        this.#options.onLog(text)
        if (event.startsWith('alarm')) this.#options.story.tell(`alarm: ${text}`)
        else if (!EXPECTED.test(text)) this.#options.onError(text)
      },
    }
  }
}

/** `scheduler ACCEPT`. */
function nameOf({ path, body }: HttpRequest): string {
  // What is no JSON has no name.
  const type = /"type":\s*"(\w+)"/.exec(Buffer.from(body).toString())?.[1] ?? '?'
  return `${path.slice(path.lastIndexOf('/') + 1)} ${type}`
}

function callingOf(env: Environment): Calling {
  const bornAt = async () => env.clock.now()
  return { env, feed: changeFeed(env), files: files(new Map()), verbosity: verbosity(), bornAt }
}

async function forEver(process: SimProcess, ms: number, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const started = process.now()
    await work()
    await sleep(process, Math.max(1, ms - (process.now() - started)))
  }
}
