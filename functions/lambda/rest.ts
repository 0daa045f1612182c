// The function behind a REST API: event to request, the routes of one function, answer to result or stream.
import type { APIGatewayProxyResult } from 'aws-lambda'
import { StoreUnavailable } from '../../store/store.ts'
import type { Environment } from '../environment.ts'
import { type Route, routed } from '../http/routes.ts'
import { type Handler, type HttpAnswer, text } from '../http/types.ts'
import { buffered, type Remaining, type ResponseStream, streamed } from './answers.ts'
import type { LambdaFunction } from './environment.ts'
import { type RestEvent, requestOf } from './requests.ts'

/** API Gateway ends a stream after 15 minutes. */
const STREAM_MS = 14 * 60_000

export interface RestOptions {
  readonly routes: (env: Environment) => readonly Route[]
  /** Whether any of its answers goes on; else it is buffered whatever the API does. */
  readonly streams: boolean
  /** Shorter in tests. */
  readonly streamMs?: number | undefined
}

type Buffered = (event: RestEvent, context: Remaining) => Promise<APIGatewayProxyResult>
type Streamed = (event: RestEvent, stream: ResponseStream, context: Remaining) => Promise<void>

/** The global of Lambda's own runtime; emulators do not have it. */
export interface Runtime {
  streamifyResponse(handler: Streamed): unknown
  readonly HttpResponseStream: {
    from(
      stream: ResponseStream,
      head: { readonly statusCode: number; readonly headers: Record<string, string> },
    ): ResponseStream
  }
}

/**
 * What the entry file exports: a streaming handler where the API takes streams (MESETA_RESPONSES) and the runtime has
 * them, else a plain one.
 */
export function restFunction(fn: LambdaFunction, options: RestOptions): unknown {
  const runtime = (globalThis as { readonly awslambda?: Runtime }).awslambda
  const answer = answering(fn, options.routes)
  const { clock } = fn
  if (runtime === undefined || !options.streams || fn.responses === 'buffered') {
    const handler: Buffered = async (event, context) => {
      const result = await buffered(await answer(event), clock, context)
      await fn.finished()
      return result
    }
    return handler
  }
  return runtime.streamifyResponse(async (event, stream, context) => {
    const begin = (head: Parameters<Runtime['HttpResponseStream']['from']>[1]) =>
      runtime.HttpResponseStream.from(stream, head)
    const { streamMs = STREAM_MS } = options
    await streamed(await answer(event), begin, { clock, remaining: context, streamMs })
    await fn.finished()
  })
}

/** Never throws: a table that is away at the very first call is a 503 like at any other. */
function answering(
  fn: LambdaFunction,
  routes: RestOptions['routes'],
): (event: RestEvent) => Promise<HttpAnswer> {
  let front: Promise<Handler> | undefined
  return async (event) => {
    const read = await requestOf(event)
    if ('refused' in read) return read.refused
    try {
      front ??= fn.environment().then((env) => routed(env, routes(env)))
      return await (await front)(read.request)
    } catch (error) {
      front = undefined
      fn.log.error('not started', { error: error instanceof Error ? error.stack : String(error) })
      const what =
        error instanceof StoreUnavailable ? 'The table does not answer' : 'The control plane cannot start'
      return text(503, `${what}; try again`, { 'retry-after': '1' })
    }
  }
}
