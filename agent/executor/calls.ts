// `POST /api/v1/executor`: status codes in the order of Mesos's checks, then the call goes to the agent's decisions.
import { decodeMessage } from '../../protocol/codec.ts'
import { type MediaType, negotiate, parseContentType } from '../../protocol/media-types.ts'
import type { ExecutorCall, ExecutorCallUpdate, TaskStatus } from '../../protocol/messages.ts'
import type { Acting } from '../acting.ts'
import { type Handler, type HttpAnswer, type HttpRequest, text } from '../api/http.ts'
import { writeJson } from '../exact-json.ts'
import { keyOf } from '../state.ts'
import type { ExecutorStreams } from './streams.ts'

/** One update of a task must fit the custody of the control plane, or it would stand before all others for ever (A10). */
export const MAX_STATUS_BYTES = 64 * 1024
/** As much as queues take the other way. */
export const MAX_MESSAGE_BYTES = 200 * 1024

export function executorApi(acting: Acting, streams: ExecutorStreams): Handler {
  return async (request) => {
    if (acting.state.phase === 'recovering') return text(503, 'The agent is still recovering; try again')
    if (request.method !== 'POST') {
      return text(405, `This path takes POST, but the request was a ${request.method}`, { allow: 'POST' })
    }
    const read = readCall(request)
    if ('refused' in read) return read.refused
    return await answer(acting, streams, request, read.call)
  }
}

type ReadCall = { readonly call: ExecutorCall } | { readonly refused: HttpAnswer }

function readCall(request: HttpRequest): ReadCall {
  const contentType = request.headers['content-type']
  if (contentType === undefined) return { refused: text(400, 'A Content-Type header is expected') }
  const mediaType = parseContentType(contentType)
  if (mediaType === undefined) {
    const known = 'application/json or application/x-protobuf'
    return { refused: text(415, `Content-Type is ${known}, not ${contentType}`) }
  }
  const decoded = decodeMessage('mesos.v1.executor.Call', mediaType, request.body)
  if (!decoded.ok) return { refused: text(400, `The call cannot be read: ${decoded.error}`) }
  if (updatesOf(decoded.message).some(({ status }) => writeJson(status).length > MAX_STATUS_BYTES))
    return { refused: tooLarge('A status update', MAX_STATUS_BYTES) }
  if ((decoded.message.message?.data.length ?? 0) > MAX_MESSAGE_BYTES)
    return { refused: tooLarge('A message', MAX_MESSAGE_BYTES) }
  const problem = callError(decoded.message)
  if (problem !== undefined) {
    return { refused: text(400, `Failed to validate Executor::Call: ${problem}`) }
  }
  return { call: decoded.message }
}

async function answer(
  acting: Acting,
  streams: ExecutorStreams,
  request: HttpRequest,
  call: ExecutorCall,
): Promise<HttpAnswer> {
  const { state } = acting
  const mediaType = negotiate(request.headers.accept)
  if (call.type === 'SUBSCRIBE' && mediaType === undefined) {
    return text(406, 'Accept allows neither application/json nor application/x-protobuf')
  }
  if (call.type === 'HEARTBEAT') return { status: 202 }
  const { framework_id: framework, executor_id: executor } = call
  if (!state.frameworks.has(framework.value)) return text(400, 'Framework cannot be found')
  const key = keyOf(framework.value, executor.value)
  const record = state.executors.get(key)
  // The built-in executors live in this process and call nobody.
  if (record?.kind !== 'custom') return text(400, 'Executor cannot be found')
  if (call.type === 'SUBSCRIBE' && mediaType !== undefined)
    return subscribe(acting, streams, key, mediaType, call)
  if (record.stage === 'starting' || record.stage === 'registering')
    return text(403, 'Executor is not subscribed')
  switch (call.type) {
    case 'UPDATE':
      if (call.update === undefined) break
      await acting.submit({ input: 'executor-update', executor: key, status: call.update.status })
      return { status: 202 }
    case 'MESSAGE':
      if (call.message === undefined) break
      await acting.submit({ input: 'executor-message', executor: key, data: call.message.data })
      return { status: 202 }
  }
  return text(501, `The agent does not know the call ${call.type}`)
}

/** Also those of an executor that comes back. */
function updatesOf({ update, subscribe }: ExecutorCall): readonly ExecutorCallUpdate[] {
  return [...(update === undefined ? [] : [update]), ...(subscribe?.unacknowledged_updates ?? [])]
}

function tooLarge(what: string, bytes: number): HttpAnswer {
  return text(413, `${what} may have at most ${bytes} bytes; put large data into the sandbox`)
}

function subscribe(
  acting: Acting,
  streams: ExecutorStreams,
  key: string,
  mediaType: MediaType,
  call: ExecutorCall,
): HttpAnswer {
  return {
    status: 200,
    headers: { 'content-type': mediaType },
    stream: (sink) => {
      const isCurrent = streams.open(key, sink, mediaType)
      void acting.submit({
        input: 'executor-subscribed',
        executor: key,
        unacknowledgedTasks: call.subscribe?.unacknowledged_tasks ?? [],
        unacknowledgedUpdates: call.subscribe?.unacknowledged_updates ?? [],
      })
      return () => {
        if (!isCurrent()) return
        streams.close(key)
        void acting.submit({ input: 'executor-disconnected', executor: key })
      }
    },
  }
}

/** What is wrong with a call before anything is looked up (C122). */
function callError(call: ExecutorCall): string | undefined {
  switch (call.type) {
    case undefined:
      return "Expecting 'type' to be present"
    case 'SUBSCRIBE':
      return call.subscribe === undefined ? "Expecting 'subscribe' to be present" : undefined
    case 'UPDATE':
      return call.update === undefined
        ? "Expecting 'update' to be present"
        : statusError(call, call.update.status)
    case 'MESSAGE':
      return call.message === undefined ? "Expecting 'message' to be present" : undefined
    default:
      return undefined
  }
}

function statusError(call: ExecutorCall, status: TaskStatus): string | undefined {
  if (status.uuid === undefined) return "Expecting 'uuid' to be present"
  if (Buffer.from(status.uuid, 'base64').length !== 16) return "'uuid' has 16 bytes"
  if (status.executor_id !== undefined && status.executor_id.value !== call.executor_id.value) {
    return "'executor_id' of the status is another executor's"
  }
  if (status.source !== 'SOURCE_EXECUTOR') {
    return `'source' of the status is SOURCE_EXECUTOR, not ${status.source ?? 'SOURCE_MASTER'}`
  }
  if (status.state === 'TASK_STAGING') return 'TASK_STAGING is not for executors to say'
  return checkStatusError(status)
}

function checkStatusError({ check_status: check }: TaskStatus): string | undefined {
  if (check === undefined) return undefined
  const bodies = { COMMAND: check.command, HTTP: check.http, TCP: check.tcp } as const
  const { type } = check
  if (type === undefined || type === 'UNKNOWN') return "'check_status' has no type"
  return bodies[type] === undefined
    ? `'check_status' of type ${type} has no '${type.toLowerCase()}'`
    : undefined
}
