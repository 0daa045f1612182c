// A framework for tests: speaks the scheduler API in JSON or protobuf and remembers everything it was told.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { decodeMessage, encodeMessage } from '../protocol/codec.ts'
import type { MediaType } from '../protocol/media-types.ts'
import type {
  FrameworkInfo,
  Offer,
  SchedulerCall,
  SchedulerEvent,
  TaskInfo,
  TaskStatus,
} from '../protocol/messages.ts'
import { RecordDecoder } from '../protocol/recordio.ts'

export const JSON_TYPE = 'application/json' as const
export const PROTOBUF_TYPE = 'application/x-protobuf' as const
/** Both encodings, for tests that hold in either. */
export const ENCODINGS: readonly MediaType[] = [JSON_TYPE, PROTOBUF_TYPE]

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

/** Sends raw bytes; for tests of the wire itself. */
export function send(
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | Uint8Array
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: options.method ?? 'POST', headers: options.headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers as Answer['headers'],
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(options.body)
  })
}

export interface SubscribeOptions {
  readonly encoding?: MediaType
  /** Of the event stream, when it shall differ from the calls' encoding. */
  readonly accept?: string
  readonly info?: Partial<FrameworkInfo>
  readonly suppressedRoles?: readonly string[]
  readonly capabilities?: readonly NonNullable<NonNullable<FrameworkInfo['capabilities']>[number]['type']>[]
  /** Default true: acknowledge every update with a uuid as soon as it comes. */
  readonly acknowledge?: boolean
  readonly path?: string
  /** With SUBSCRIBE and with every call: who it is. */
  readonly headers?: Readonly<Record<string, string>>
}

/** One session of a framework. */
export class TestFramework {
  readonly events: SchedulerEvent[] = []
  /** Each HTTP chunk of the stream as it came. */
  readonly chunks: Buffer[] = []
  readonly encoding: MediaType
  /** Hears each event when it has come. */
  onEvent: ((event: SchedulerEvent) => void) | undefined
  ended = false
  id = ''
  status = 0
  headers: IncomingMessage['headers'] = {}
  readonly #url: string
  readonly #acknowledges: boolean
  readonly #headers: Readonly<Record<string, string>>
  #request: ClientRequest | undefined
  #waiting: (() => void)[] = []
  #taken = new Set<SchedulerEvent>()

  private constructor(url: string, encoding: MediaType, options: SubscribeOptions) {
    this.#url = url
    this.encoding = encoding
    this.#acknowledges = options.acknowledge ?? true
    this.#headers = options.headers ?? {}
  }

  /** Opens the stream and waits for its head. `first()` then waits for SUBSCRIBED. */
  static async open(master: string, options: SubscribeOptions = {}): Promise<TestFramework> {
    const encoding = options.encoding ?? JSON_TYPE
    const framework = new TestFramework(`${master}${options.path ?? '/api/v1/scheduler'}`, encoding, options)
    const info = {
      user: 'root',
      name: 'test',
      ...options.info,
      ...(options.capabilities === undefined
        ? {}
        : { capabilities: options.capabilities.map((type) => ({ type })) }),
    }
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      ...(info.id === undefined ? {} : { framework_id: info.id }),
      subscribe: {
        framework_info: info,
        ...(options.suppressedRoles === undefined ? {} : { suppressed_roles: options.suppressedRoles }),
      },
    }
    await framework.#openStream(call, options.accept ?? encoding)
    return framework
  }

  /** Opens the stream and waits until SUBSCRIBED. */
  static async subscribe(master: string, options: SubscribeOptions = {}): Promise<TestFramework> {
    const framework = await TestFramework.open(master, options)
    const event = await framework.next(
      (candidate) => candidate.type === 'SUBSCRIBED' || candidate.type === 'ERROR',
    )
    if (event.type === 'ERROR') throw new Error(`refused: ${event.error?.message}`)
    framework.id = event.subscribed?.framework_id.value ?? ''
    return framework
  }

  get streamId(): string {
    return String(this.headers['mesos-stream-id'] ?? '')
  }

  /** Sends a call of this session and gives the raw answer. */
  async call(
    call: Omit<SchedulerCall, 'framework_id'>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const whole: SchedulerCall = { ...call, framework_id: { value: this.id } }
    return send(this.#url, {
      headers: {
        'content-type': this.encoding,
        'mesos-stream-id': this.streamId,
        ...this.#headers,
        ...headers,
      },
      body: encodeMessage('mesos.v1.scheduler.Call', this.encoding, whole),
    })
  }

  /** The next event for which the predicate holds and that no earlier `next` gave; waits for it (real milliseconds). */
  async next(holds: (event: SchedulerEvent) => boolean, withinMs = 10_000): Promise<SchedulerEvent> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const found = this.events.find((event) => !this.#taken.has(event) && holds(event))
      if (found !== undefined) {
        this.#taken.add(found)
        return found
      }
      const left = deadline - performance.now()
      if (left <= 0 || this.ended) {
        const seen = this.events.map(describe).join(', ')
        throw new Error(
          `${this.ended ? 'the stream ended' : `nothing within ${withinMs} ms`}; seen: ${seen || 'nothing'}`,
        )
      }
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        new Promise<void>((resolve) => setTimeout(resolve, left)),
      ])
    }
  }

  /** The next offer. */
  async offer(withinMs?: number): Promise<Offer> {
    const event = await this.next((candidate) => candidate.type === 'OFFERS', withinMs)
    const [offer] = event.offers?.offers ?? []
    if (offer === undefined) throw new Error('an OFFERS event without an offer')
    return offer
  }

  /** Waits until an agent offers at least these resources; other offers are declined for a moment. */
  async offerOf(cpus: number, mem: number, withinMs = 10_000): Promise<Offer> {
    for (;;) {
      const event = await this.next((candidate) => candidate.type === 'OFFERS', withinMs)
      const offers = event.offers?.offers ?? []
      const good = offers.find((offer) => amountOf(offer, 'cpus') >= cpus && amountOf(offer, 'mem') >= mem)
      const rest = offers.filter((offer) => offer !== good)
      if (rest.length > 0) await this.decline(rest, good === undefined ? 0.5 : 3_600)
      if (good !== undefined) return good
    }
  }

  decline(offers: readonly Offer[], refuseSeconds?: number): Promise<Answer> {
    const filters = refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } }
    return this.call({ type: 'DECLINE', decline: { offer_ids: offers.map((offer) => offer.id), ...filters } })
  }

  /** Accepts offers with a LAUNCH of the tasks. */
  launch(offers: readonly Offer[], tasks: readonly TaskInfo[], refuseSeconds?: number): Promise<Answer> {
    return this.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: offers.map((offer) => offer.id),
        operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
        ...(refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } }),
      },
    })
  }

  /** The next update of a task, of a state if one is given. */
  async update(taskId: string, state?: TaskStatus['state'], withinMs?: number): Promise<TaskStatus> {
    const event = await this.next(
      ({ update }) =>
        update?.status.task_id.value === taskId && (state === undefined || update.status.state === state),
      withinMs,
    )
    // The predicate saw an update.
    return (event.update as NonNullable<typeof event.update>).status
  }

  acknowledge(status: TaskStatus): Promise<Answer> {
    return this.call({
      type: 'ACKNOWLEDGE',
      acknowledge: {
        agent_id: status.agent_id ?? { value: '' },
        task_id: status.task_id,
        uuid: status.uuid ?? '',
      },
    })
  }

  /** Waits until the stream has ended. */
  async untilEnd(withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!this.ended) {
      if (performance.now() > deadline) throw new Error(`the stream did not end within ${withinMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Closes the socket of the stream, as a client does that dies. */
  close(): void {
    this.#request?.destroy()
    this.ended = true
  }

  #openStream(call: SchedulerCall, accept: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const opened = request(
        this.#url,
        {
          method: 'POST',
          headers: { 'content-type': this.encoding, accept, ...this.#headers },
          agent: false,
        },
        (response) => {
          this.status = response.statusCode ?? 0
          this.headers = response.headers
          this.#read(response)
          resolve()
        },
      )
      opened.on('error', (error) => (this.status === 0 ? reject(error) : this.#end()))
      opened.end(encodeMessage('mesos.v1.scheduler.Call', this.encoding, call))
      this.#request = opened
    })
  }

  #read(response: IncomingMessage): void {
    const decoder = new RecordDecoder()
    const type = response.headers['content-type'] === PROTOBUF_TYPE ? PROTOBUF_TYPE : JSON_TYPE
    response.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk)
      // A refusal is a sentence, and has no records.
      if (this.status !== 200) return
      for (const record of decoder.push(chunk)) this.#take(type, record)
    })
    response.on('end', () => this.#end())
    response.on('error', () => this.#end())
  }

  #take(type: MediaType, record: Uint8Array): void {
    const decoded = decodeMessage('mesos.v1.scheduler.Event', type, record)
    if (!decoded.ok) throw new Error(`an event that cannot be read: ${decoded.error}`)
    this.events.push(decoded.message)
    this.onEvent?.(decoded.message)
    const status = decoded.message.update?.status
    if (this.#acknowledges && status?.uuid !== undefined) this.acknowledge(status).catch(() => {})
    this.#wake()
  }

  #end(): void {
    this.ended = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}

/** A command task for an offer. */
export function commandTask(
  offer: Offer,
  taskId: string,
  command: string,
  amounts: { readonly cpus?: number; readonly mem?: number } = {},
): TaskInfo {
  const { cpus = 0.1, mem = 32 } = amounts
  return {
    name: taskId,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: [scalar('cpus', cpus), scalar('mem', mem)],
    command: { value: command },
  }
}

export function scalar(name: string, value: number) {
  return { name, type: 'SCALAR', scalar: { value } } as const
}

export function amountOf(offer: Offer, name: string): number {
  return (offer.resources ?? [])
    .filter((resource) => resource.name === name)
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)
}

function describe(event: SchedulerEvent): string {
  const { update, offers } = event
  if (update !== undefined)
    return `UPDATE ${update.status.task_id.value} ${update.status.state} ${update.status.reason ?? ''}`
  return offers === undefined ? String(event.type) : `OFFERS x${offers.offers?.length}`
}
