// The door of rate limits: behind authentication, before a handler does anything.
//
// What is refused here has cost neither a decision nor a write. Nothing is lost by it: a framework that cannot
// acknowledge hears the update again, and clients of every API send again what was answered with 429.
import { type Flow, flowOf } from '../../master/authorization/rate-limits.ts'
import { decodeMessage } from '../../protocol/codec.ts'
import { parseContentType } from '../../protocol/media-types.ts'
import type { Environment } from '../environment.ts'
import type { TakeToken } from './buckets.ts'
import type { Route } from './routes.ts'
import { type Handler, type HttpAnswer, type HttpRequest, text } from './types.ts'

/** Who looks whether a cluster lives, and where, needs no name for it. */
const FREE: ReadonlySet<string> = new Set(['/health', '/version', '/redirect', '/metrics/snapshot'])

/** The routes behind the limits of `settings.rateLimits`; the very same routes when there are none. */
export function limited(env: Environment, routes: readonly Route[], takeToken: TakeToken): readonly Route[] {
  const { rateLimits } = env.settings
  if (rateLimits === undefined) return routes
  const note = refusalNotes(env)
  return routes.map((route) => {
    if (FREE.has(route.path)) return route
    const methods = Object.entries(route.methods).map(([method, handler]) => [method, behind(route, handler)])
    return { ...route, methods: Object.fromEntries(methods) as Route['methods'] }
  })

  function behind({ path }: Route, handler: Handler): Handler {
    return async (request) => {
      const flow = rateLimits === undefined ? undefined : flowOf(rateLimits, request.principal)
      if (flow === undefined) return await handler(request)
      let waitMs = await takeToken(flow, { isAnswer: false })
      // Looked at only now: within the limit nobody pays for it.
      if (waitMs > 0 && isAnswer(path, request)) waitMs = await takeToken(flow, { isAnswer: true })
      if (waitMs === 0) return await handler(request)
      note(flow)
      return refused(flow, waitMs)
    }
  }
}

function refused({ principal, qps }: Flow, waitMs: number): HttpAnswer {
  const whom = principal === '' ? 'all callers together who have no limit of their own' : `'${principal}'`
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000))
  return text(
    429,
    `This cluster takes ${qps} calls a second of ${whom}; send this one again in ${seconds} s`,
    {
      'retry-after': String(seconds),
    },
  )
}

/** An ACKNOWLEDGE has an id or three; larger ones are none. */
const MAX_ACKNOWLEDGE_BYTES = 4 * 1024
/** EVENTS confirms by id what a framework got. */
const MAX_EVENTS_BYTES = 64 * 1024

/**
 * What only answers what we said ourselves, and whose refusal would have us say it again: an acknowledgement, the
 * connector's poll with its confirmations. Such a call may overdraw its bucket once.
 */
function isAnswer(path: string, { headers, body }: HttpRequest): boolean {
  if (path === '/api/v1/scheduler' && body.length <= MAX_ACKNOWLEDGE_BYTES) {
    const mediaType = parseContentType(headers['content-type'] ?? '')
    if (mediaType === undefined) return false
    const decoded = decodeMessage('mesos.v1.scheduler.Call', mediaType, body)
    return decoded.ok && /^ACKNOWLEDGE/.test(decoded.message.type ?? '')
  }
  return path === '/api/v1/meseta' && body.length <= MAX_EVENTS_BYTES && typeOf(body) === 'EVENTS'
}

function typeOf(body: Uint8Array): unknown {
  try {
    // Null and numbers have no type either.
    return (JSON.parse(Buffer.from(body).toString()) as { readonly type?: unknown } | null)?.type
  } catch {
    return undefined
  }
}

const NOTE_MS = 10_000

/** A storm of refusals is a line each ten seconds, not one each. */
function refusalNotes({ log, clock }: Pick<Environment, 'log' | 'clock'>): (flow: Flow) => void {
  const noted = new Map<string, { at: number; refused: number }>()
  return ({ principal, qps }) => {
    const last = noted.get(principal) ?? { at: Number.NEGATIVE_INFINITY, refused: 0 }
    noted.set(principal, last)
    last.refused++
    if (clock.now() - last.at < NOTE_MS) return
    log.warn('calls over the limit', { principal, qps, refused: last.refused })
    last.at = clock.now()
    last.refused = 0
  }
}
