// A framework's request becomes a Call, and its decision an answer; the order of the checks is the contract.
//
// Walk: before it protocol/codec.ts, after it functions/scheduler/calls.ts.
import type { CallAnswer } from '../../master/calls/answer.ts'
import { MAX_BODY_BYTES } from '../../master/limits.ts'
import { callError } from '../../master/validation/call.ts'
import { decodeMessage } from '../../protocol/codec.ts'
import { type MediaType, negotiate, parseContentType } from '../../protocol/media-types.ts'
import type { SchedulerCall } from '../../protocol/messages.ts'
import type { Environment } from '../environment.ts'
import { empty, type Handler, type HttpAnswer, type HttpRequest, text } from '../http/types.ts'
import { noteCall } from './called.ts'
import { answerCall } from './calls.ts'
import { subscribe, WEBHOOK_SECRET } from './subscribe.ts'

/** Answers `POST /api/v1/scheduler`; who asks has been checked, and that it is a POST. */
export function schedulerHandler(env: Environment): Handler {
  return async (request) => {
    const read = readCall(request)
    if ('refused' in read) return read.refused
    const { call } = read
    const invalid = callError(call, { principal: request.principal })
    if (invalid !== undefined) return text(400, invalid)

    const accepted = acceptedType(call, request)
    if (accepted === undefined) {
      return text(406, "The header 'Accept' must allow application/json or application/x-protobuf")
    }
    const streamId = request.headers['mesos-stream-id']
    if (call.type === 'SUBSCRIBE') {
      if (streamId !== undefined) return text(400, "SUBSCRIBE must not have the header 'Mesos-Stream-Id'")
      const delivery = request.headers['meseta-delivery'] ?? 'stream'
      if (delivery !== 'stream' && delivery !== 'poll') {
        return text(400, "The header 'Meseta-Delivery' must be stream or poll")
      }
      const webhookSecret = request.headers[WEBHOOK_SECRET]
      const { principal } = request
      return await subscribe(env, call, { principal, mediaType: accepted, delivery, webhookSecret })
    }
    const { principal } = request
    const { answer, epoch } = await answerCall(env, call, { principal, streamId, acls: env.settings.acls })
    if (epoch !== undefined) noteCall(env, call, epoch)
    else noteRefusal(env, call, { principal, status: answer.status })
    return answered(answer)
  }
}

/** What a known principal was refused before its call was looked at: for whoever watches for attempts (A1). */
function noteRefusal(
  { log }: Environment,
  { type, framework_id }: SchedulerCall,
  { principal, status }: { readonly principal: string | undefined; readonly status: number },
): void {
  if (principal === undefined) return
  log.warn('call refused', { call: type, principal, frameworkId: framework_id?.value, status })
}

function readCall(request: HttpRequest): { readonly call: SchedulerCall } | { readonly refused: HttpAnswer } {
  const contentType = request.headers['content-type']
  if (contentType === undefined) return { refused: text(400, "The header 'Content-Type' is missing") }
  const mediaType = parseContentType(contentType)
  if (mediaType === undefined) {
    const refused = text(415, "'Content-Type' must be application/json or application/x-protobuf")
    return { refused }
  }
  const decoded = decodeMessage('mesos.v1.scheduler.Call', mediaType, request.body, {
    maxBytes: MAX_BODY_BYTES,
  })
  if (!decoded.ok) return { refused: text(400, `Failed to read a scheduler Call: ${decoded.error}`) }
  return { call: decoded.message }
}

/** Only these two look at `Accept`; the others have nothing to say in a body (C8). */
function acceptedType(call: SchedulerCall, request: HttpRequest): MediaType | undefined {
  const looksAtAccept = call.type === 'SUBSCRIBE' || call.type === 'RECONCILE_OPERATIONS'
  return looksAtAccept ? negotiate(request.headers.accept) : 'application/json'
}

function answered({ status, text: body }: CallAnswer): HttpAnswer {
  return body === undefined ? empty(status) : text(status, body)
}
