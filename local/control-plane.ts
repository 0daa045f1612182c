// The control plane of one machine: every function in this process, the HTTP front, and the ticks.
//
// On AWS each of these is a Lambda function with its own event source; here the event sources are loops. Nothing is
// shared between the functions but the table and the queues.

import { agentRoutes } from '../functions/agents/handler.ts'
import { allocate } from '../functions/allocator/handler.ts'
import { scopeOf } from '../functions/allocator/scope.ts'
import { ensureCluster } from '../functions/cluster.ts'
import { detect } from '../functions/detector/handler.ts'
import type { Environment, Log } from '../functions/environment.ts'
import { heartbeats } from '../functions/heartbeats/handler.ts'
import { ownBuckets } from '../functions/http/buckets.ts'
import { listen } from '../functions/http/local-server.ts'
import { limited } from '../functions/http/rate-limits.ts'
import { type Route, routed } from '../functions/http/routes.ts'
import { type Handler, type HttpAnswer, type HttpRequest, text } from '../functions/http/types.ts'
import { instanceEvents } from '../functions/instance-events/handler.ts'
import { notify } from '../functions/notifier/handler.ts'
import { operatorRoutes } from '../functions/operator/routes.ts'
import { inProcessBells } from '../functions/ports/bells.ts'
import { consume, OUTAGE_MS } from '../functions/ports/consume.ts'
import { deadLettersOf } from '../functions/ports/dead-letters.ts'
import { randomIds } from '../functions/ports/ids.ts'
import type { MessageSource } from '../functions/ports/message-source.ts'
import { restore } from '../functions/restore/restore.ts'
import { schedulerRoutes } from '../functions/scheduler/routes.ts'
import type { Settings } from '../master/settings.ts'
import { isForeign } from '../protocol/browsers.ts'
import { type Clock, sleep } from '../protocol/clock.ts'
import type { Store } from '../store/store.ts'
import { allocationNudges } from './allocation-nudges.ts'
import type { Guards } from './doors.ts'

/** Webhooks that do not answer hold up one of them each, for five seconds at a time. */
const NOTIFIERS = 4

export interface ControlPlaneOptions {
  readonly store: Store
  readonly queues: MessageSource
  readonly clock: Clock
  readonly settings: Settings
  readonly log: Log
  /** Where agents are EC2 instances, or those of an emulator: what happens to machines is looked up there. */
  readonly ec2?: Environment['ec2']
  /** The table was taken back to an earlier time: it is made right before anybody is let in. */
  readonly restored?: boolean | undefined
  /** Where the log is written, if to a file: operators may read it. */
  readonly logFile?: string | undefined
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Who is asked for a secret where; nobody when absent. */
  readonly guards?: Guards | undefined
  /** Asked before the routes; undefined passes the request on. */
  readonly intercept?: ((request: HttpRequest) => Promise<HttpAnswer | undefined>) | undefined
}

export interface ControlPlane {
  readonly url: string
  readonly env: Environment
  /** The state document as it is, for the screen of this very process: it needs no name and sees all. */
  readState(): Promise<unknown>
  /** Ends streams at a record, answers what is under way, stops every loop. */
  stop(): Promise<void>
}

/** Starts everything and resolves when HTTP answers. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { store, clock, log } = options
  const nudges = allocationNudges(options.queues)
  const { queues } = nudges
  const ending = new AbortController()
  const env: Environment = {
    store,
    queues,
    clock,
    ids: randomIds,
    // Nobody else's network is behind this machine's own addresses.
    settings: { deliverToLoopback: true, ...options.settings },
    log,
    bells: inProcessBells(clock),
    cluster: await ensureCluster(store, randomIds, clock),
    ...(options.ec2 === undefined ? {} : { ec2: options.ec2 }),
  }
  // The port is known only when it is listened on, and what is answered names it.
  let answer: Handler = () => text(503, 'The control plane is starting; try again')
  const server = await listen({
    handler: (request) => answer(request),
    host: options.host,
    port: options.port,
    env,
  })
  const { hostname, ip } = options.settings.publicAddress
  const placed: Environment = {
    ...env,
    settings: { ...env.settings, publicAddress: { hostname, ip, port: server.port } },
  }
  if (options.restored === true) await restore(placed, { budgetMs: Number.POSITIVE_INFINITY })
  answer = front(placed, options)
  const loops = [
    consume(queues, 'heartbeats', (batch) => heartbeats(placed, batch), ending.signal, {
      log,
      maxReceives: Number.POSITIVE_INFINITY,
    }),
    ...Array.from({ length: NOTIFIERS }, () =>
      consume(queues, 'notify', (batch) => notify(placed, batch), ending.signal, { log }),
    ),
    ...(options.ec2 === undefined
      ? []
      : [
          consume(queues, 'instance-events', (batch) => instanceEvents(placed, batch), ending.signal, {
            log,
            patienceMs: OUTAGE_MS,
          }),
        ]),
    repeat(placed, 'detector', options.settings.profile.tickMs, () => detect(placed), ending.signal),
    nudges.run((said) => allocate(placed, scopeOf(said)), clock, log, ending.signal),
  ]
  return {
    url: `http://${options.host}:${server.port}`,
    env: placed,
    readState: stateReader(placed, options),
    async stop() {
      await server.close()
      ending.abort()
      await Promise.all(loops)
    },
  }
}

/** Does the work each `ms` until the signal aborts; a pass that fails is logged and the next one comes in time. */
async function repeat(
  env: Environment,
  name: string,
  ms: number,
  work: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const started = env.clock.now()
    await work().catch((error: unknown) => env.log.error(`${name} failed`, { error: String(error) }))
    await sleep(env.clock, Math.max(1, ms - (env.clock.now() - started)), signal)
  }
}

function stateReader(env: Environment, { queues }: ControlPlaneOptions): () => Promise<unknown> {
  const open: Environment = { ...env, settings: { ...env.settings, acls: undefined } }
  const inside = routed(open, operatorRoutes(open, { deadLetters: deadLettersOf(queues) }))
  const request = { method: 'GET', path: '/state', query: new URLSearchParams(), headers: {} }
  return async () => {
    const { body } = await inside({ ...request, body: new Uint8Array(), params: {} })
    return JSON.parse(typeof body === 'string' ? body : '')
  }
}

/** Nobody may be asked who he is here: without this any page that a browser on this machine shows could run tasks. */
const notFromThere = text(403, 'Pages of other sites may not use this cluster; open it by its own address')

function front(env: Environment, options: ControlPlaneOptions) {
  const { guards = {} } = options
  const routes: readonly Route[] = [
    ...schedulerRoutes(env, { authenticate: guards.scheduler }),
    ...operatorRoutes(env, {
      deadLetters: deadLettersOf(options.queues),
      logFile: options.logFile,
      readonly: guards.readonly,
      readwrite: guards.readwrite,
    }),
  ]
  const route = routed(env, [...agentRoutes(env), ...limited(env, routes, ownBuckets(env))])
  return async (request: HttpRequest) =>
    isForeign(request.headers) ? notFromThere : ((await options.intercept?.(request)) ?? route(request))
}
