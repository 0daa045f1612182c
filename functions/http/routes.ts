// From a path to its handler: every master path with and without `/master`, with and without a slash at its end.
import { TrieRouter } from 'hono/router/trie-router'
import { skewWarning, VERSION_HEADER } from '../../protocol/skew.ts'
import { MESETA_VERSION } from '../../protocol/version.ts'
import { StoreUnavailable } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { LaneFull } from '../lanes.ts'
import { areDoorsClosed, closedAnswer } from '../restore/doors.ts'
import { TooContended } from '../transact.ts'
import type { Authenticate } from './authentication.ts'
import { rechecked } from './recheck.ts'
import { type Handler, type HttpAnswer, type HttpRequest, text } from './types.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Route {
  /** Below `/` and below `/master`; parts that begin with a colon are params, `/*` at the end takes the rest. */
  readonly path: string
  readonly methods: Partial<Readonly<Record<Method, Handler>>>
  /** Asked before anything else is looked at; absent: open to everybody. */
  readonly authenticate?: Authenticate | undefined
}

/** A front without a table (of tests) has no doors that could be closed. */
type Front = Pick<Environment, 'log' | 'ids'> & Partial<Pick<Environment, 'store' | 'clock' | 'settings'>>

/** What operators do about a restore goes through closed doors. */
const ALWAYS_OPEN = '/api/v1/meseta'

/**
 * One handler for all routes. Never throws: what fails inside is a 500 with an id that the log line carries too, or
 * a 503 when trying again is likely to help. GET routes answer HEAD as well.
 */
export function routed(env: Front, routes: readonly Route[]): Handler {
  const router = new TrieRouter<Route>()
  for (const route of routes) router.add('ALL', route.path, route)
  const listen = skewListener(env)

  return async (request) => {
    listen(request)
    const { headers, ...answer } = await answerTo(request)
    return { ...answer, headers: { ...headers, [VERSION_HEADER]: MESETA_VERSION } }
  }

  async function answerTo(request: HttpRequest): Promise<HttpAnswer> {
    try {
      const [matched] = router.match('ALL', reduced(request.path))[0]
      if (matched === undefined) return text(404, `There is nothing at ${request.path}`)
      const [route, params] = matched
      if (await isClosed(env, route, request)) return closedAnswer()
      // Routes without params have an empty object here; only routers with a stash use numbers.
      return await answered(env, route, { ...request, params: params as Record<string, string> })
    } catch (error) {
      return failed(env, request, error)
    }
  }
}

/** Releases that were warned of, at most: whoever asks may say anything. */
const MAX_WARNED = 20

/** Warns once of each release that is too far from ours. */
function skewListener({ log }: Pick<Front, 'log'>): (request: HttpRequest) => void {
  const warned = new Set<string>()
  return ({ headers, path }) => {
    const warning = skewWarning('Who calls', headers[VERSION_HEADER])
    if (warning === undefined || warned.has(warning) || warned.size >= MAX_WARNED) return
    warned.add(warning)
    log.warn('a caller is of another release', { path, warning })
  }
}

/** Reading does no harm; calls wait until a restored table is made right. */
async function isClosed(env: Front, route: Route, { method }: HttpRequest): Promise<boolean> {
  const { store, clock, settings } = env
  if (method === 'GET' || method === 'HEAD' || route.path === ALWAYS_OPEN) return false
  if (store === undefined || clock === undefined || settings === undefined) return false
  return await areDoorsClosed({ store, clock, settings })
}

/** `/master/state/` is `/state`; `/` stays what it is. */
export function reduced(path: string): string {
  const bare = path === '/master' || path.startsWith('/master/') ? path.slice('/master'.length) : path
  return bare.replace(/\/+$/, '') || '/'
}

async function answered(env: Front, route: Route, request: HttpRequest): Promise<HttpAnswer> {
  const { authenticate } = route
  const who = await authenticate?.(request)
  if (who !== undefined && 'refused' in who) return who.refused
  const known = who === undefined ? request : { ...request, principal: who.principal }
  const handler = handlerOf(route, request.method)
  if (handler === undefined) return notAllowed(route, request.method)
  const answer = await handler(known)
  return authenticate === undefined ? answer : rechecked(env, answer, async () => await authenticate(request))
}

function handlerOf(route: Route, method: string): Handler | undefined {
  if (method === 'HEAD') return route.methods.GET
  return Object.entries(route.methods).find(([name]) => name === method)?.[1]
}

function notAllowed(route: Route, method: string): HttpAnswer {
  const allowed = Object.keys(route.methods)
  if (allowed.includes('GET')) allowed.push('HEAD')
  return text(405, `This path takes ${allowed.join(', ')}, but the request was a ${method}`, {
    allow: allowed.join(', '),
  })
}

function failed(env: Front, request: HttpRequest, error: unknown): HttpAnswer {
  const id = env.ids.random()
  const place = { id, method: request.method, path: request.path }
  if (error instanceof TooContended || error instanceof LaneFull || error instanceof StoreUnavailable) {
    env.log.warn('asked to come back', { ...place, error: error.message })
    return text(503, `The control plane cannot do this now; try again (${id})`, { 'retry-after': '1' })
  }
  env.log.error('request failed', { ...place, error: error instanceof Error ? error.stack : String(error) })
  return text(500, `The request failed inside the control plane; its log has more under ${id}`)
}
