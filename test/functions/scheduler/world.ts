// The smallest world a scheduler's session can be tried in: memory store, queues in memory, a clock that is moved.
import type { Environment } from '../../../functions/environment.ts'
import type { Authenticate } from '../../../functions/http/authentication.ts'
import { type LocalServer, listen } from '../../../functions/http/local-server.ts'
import { routed } from '../../../functions/http/routes.ts'
import { empty } from '../../../functions/http/types.ts'
import { inProcessBells } from '../../../functions/ports/bells.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import { schedulerRoutes } from '../../../functions/scheduler/routes.ts'
import type { Change } from '../../../master/decision.ts'
import { localSettings, type Settings } from '../../../master/settings.ts'
import { decodeMessage, encodeMessage } from '../../../protocol/codec.ts'
import type { MediaType } from '../../../protocol/media-types.ts'
import type { SchedulerCall, SchedulerEvent } from '../../../protocol/messages.ts'
import { RecordDecoder } from '../../../protocol/recordio.ts'
import { memoryStore } from '../../../store/memory.ts'
import { type Store, StoreUnavailable } from '../../../store/store.ts'
import { type MovedClock, movedClock } from '../../moved-clock.ts'

export interface World {
  readonly env: Environment
  readonly clock: MovedClock
  readonly logged: { readonly event: string; readonly fields: unknown }[]
  readonly url: string
  readonly port: number
  /** From now on the table does not answer, or answers again. */
  setAway(isAway: boolean): void
  /** The commit of this number, counted from now on from 1, fails: before it is applied, or only its answer is lost. */
  failCommit(number: number, when: 'before' | 'after'): void
  /** The next commit of such changes waits, as a worker that is paused before it, until it is released. */
  holdCommit(isMeant: (changes: readonly Change[]) => boolean): {
    readonly reached: Promise<void>
    release(): void
  }
  /** Commits since `failCommit`. */
  commits(): number
  /** Pages of lists read so far. */
  queries(): number
  close(): Promise<void>
}

export async function startWorld(
  options: {
    readonly authenticate?: Authenticate
    readonly settings?: Partial<Settings>
    /** Instead of one in memory. */
    readonly store?: Store
  } = {},
): Promise<World> {
  const clock = movedClock()
  const logged: { event: string; fields: unknown }[] = []
  const record = (event: string, fields?: unknown) => void logged.push({ event, fields })
  const outage: Outage = { isAway: false, commits: 0, queries: 0, fault: undefined, held: undefined }
  const env: Environment = {
    store: withOutage(options.store ?? memoryStore({ clock }), outage),
    queues: memoryQueues(clock),
    clock,
    ids: randomIds,
    settings: localSettings('default', options.settings),
    log: { info: () => undefined, warn: record, error: record },
    bells: inProcessBells(clock),
    cluster: { id: 'm', timeline: 1 },
  }
  const routes = [
    ...schedulerRoutes(env, { authenticate: options.authenticate }),
    { path: '/health', methods: { GET: () => empty(200) } },
  ]
  const server: LocalServer = await listen({ handler: routed(env, routes), host: '127.0.0.1', port: 0, env })
  return {
    env,
    clock,
    logged,
    url: `http://127.0.0.1:${server.port}/api/v1/scheduler`,
    port: server.port,
    setAway(isAway) {
      outage.isAway = isAway
    },
    failCommit(number, when) {
      outage.commits = 0
      outage.fault = { number, when }
    },
    holdCommit(isMeant) {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      outage.held = { isMeant, reached: reached.resolve, released: released.promise }
      return { reached: reached.promise, release: released.resolve }
    },
    commits: () => outage.commits,
    queries: () => outage.queries,
    async close() {
      await server.close()
      clock.stop()
    },
  }
}

interface Outage {
  isAway: boolean
  commits: number
  queries: number
  fault: { readonly number: number; readonly when: 'before' | 'after' } | undefined
  held:
    | { isMeant(changes: readonly Change[]): boolean; reached(): void; readonly released: Promise<void> }
    | undefined
}

function withOutage(store: Store, outage: Outage): Store {
  const away = () => Promise.reject(new StoreUnavailable('the table is away'))
  const commit: Store['commit'] = async (changes, token) => {
    const { held } = outage
    if (held?.isMeant(changes)) {
      outage.held = undefined
      held.reached()
      await held.released
    }
    // A lease that is renewed or a call that is noted comes when it comes.
    const isOwn = changes.every(({ kind }) => kind === 'lease' || kind === 'called')
    if (isOwn) return await store.commit(changes, token)
    outage.commits += 1
    const fault = outage.fault?.number === outage.commits ? outage.fault : undefined
    if (fault?.when === 'before') return await away()
    const result = await store.commit(changes, token)
    return fault === undefined ? result : await away()
  }
  return new Proxy(store, {
    get(target, name, receiver) {
      if (outage.isAway) return away
      if (name === 'query') outage.queries += 1
      return name === 'commit' ? commit : Reflect.get(target, name, receiver)
    },
  })
}

const JSON_TYPE: MediaType = 'application/json'

/** Sends a call; protobuf when asked. */
export async function send(
  world: World,
  call: SchedulerCall,
  options: {
    readonly streamId?: string | undefined
    readonly type?: MediaType
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const type = options.type ?? JSON_TYPE
  const response = await fetch(world.url, {
    method: 'POST',
    headers: {
      'content-type': type,
      ...(options.streamId === undefined ? {} : { 'mesos-stream-id': options.streamId }),
      ...options.headers,
    },
    body: new Uint8Array(encodeMessage('mesos.v1.scheduler.Call', type, call)),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

export interface Subscription {
  readonly status: number
  readonly headers: Headers
  readonly streamId: string
  /** All events so far. */
  readonly events: readonly SchedulerEvent[]
  /** Waits, in real time, for the first event of the type (from the given position on). */
  next(type: SchedulerEvent['type'], from?: number): Promise<SchedulerEvent>
  frameworkId(): string
  /** The server's end of the stream. */
  readonly ended: Promise<void>
  /** Closes the socket, as a client that dies. */
  close(): void
}

/** Opens a stream; `info` is laid over a framework of user `root` named `test`. */
export async function openStream(
  world: World,
  subscribe: {
    readonly info?: Readonly<Record<string, unknown>>
    readonly suppressed_roles?: readonly string[]
    readonly headers?: Readonly<Record<string, string>>
    readonly accept?: string
    readonly type?: MediaType
  } = {},
): Promise<Subscription> {
  const type = subscribe.type ?? JSON_TYPE
  const info = { user: 'root', name: 'test', ...subscribe.info }
  const id = subscribe.info?.id as { value: string } | undefined
  const call: SchedulerCall = {
    type: 'SUBSCRIBE',
    ...(id === undefined ? {} : { framework_id: id }),
    subscribe: { framework_info: info, suppressed_roles: subscribe.suppressed_roles },
  }
  const abort = new AbortController()
  const response = await fetch(world.url, {
    method: 'POST',
    signal: abort.signal,
    headers: {
      'content-type': type,
      ...(subscribe.accept === undefined ? {} : { accept: subscribe.accept }),
      ...subscribe.headers,
    },
    body: new Uint8Array(encodeMessage('mesos.v1.scheduler.Call', type, call)),
  })
  const answerType: MediaType =
    response.headers.get('content-type') === 'application/x-protobuf' ? 'application/x-protobuf' : JSON_TYPE
  const events: SchedulerEvent[] = []
  const watchers = new Set<() => void>()
  const take = (event: SchedulerEvent) => {
    events.push(event)
    for (const watcher of [...watchers]) watcher()
  }
  const ended = response.status === 200 ? gather(response, answerType, take) : response.text().then(() => {})
  return {
    status: response.status,
    headers: response.headers,
    streamId: response.headers.get('mesos-stream-id') ?? '',
    events,
    ended,
    close: () => abort.abort(),
    frameworkId: () => events[0]?.subscribed?.framework_id.value ?? '',
    next(wanted, from = 0) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const seen = events.map((event) => event.type).join(' ')
          reject(new Error(`no ${wanted} within 5 s; seen: ${seen}`))
        }, 5_000)
        const look = () => {
          const found = events.slice(from).find((event) => event.type === wanted)
          if (found === undefined) return
          clearTimeout(timer)
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        look()
      })
    },
  }
}

async function gather(
  response: Response,
  type: MediaType,
  take: (event: SchedulerEvent) => void,
): Promise<void> {
  const decoder = new RecordDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      for (const record of decoder.push(chunk)) {
        const decoded = decodeMessage('mesos.v1.scheduler.Event', type, record)
        if (!decoded.ok) throw new Error(decoded.error)
        take(decoded.message)
      }
    }
  } catch (error) {
    if (!(error instanceof Error && /abort|terminated/i.test(`${error.name} ${error.message}`))) throw error
  }
}
