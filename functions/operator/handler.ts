// An operator's request becomes a Call, and what it comes to an answer; the order of the checks is the contract.
import { MAX_BODY_BYTES } from '../../master/limits.ts'
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import { type MediaType, negotiate, parseContentType } from '../../protocol/media-types.ts'
import type { MasterCall } from '../../protocol/messages.ts'
import { encodeRecord } from '../../protocol/recordio.ts'
import { forbidden, may } from '../authorize.ts'
import { empty, type Handler, type HttpAnswer, type HttpRequest, text } from '../http/types.ts'
import { type Calling, operatorCalls } from './calls.ts'
import type { Outcome } from './outcome.ts'
import { RIGHTS } from './rights.ts'

/** Answers `POST /api/v1`; who asks has been checked, and that it is a POST. */
export function operatorHandler(calling: Calling): Handler {
  return async (request) => {
    const read = readCall(request)
    if ('refused' in read) return read.refused
    const { call } = read
    if (call.type === undefined) return invalid("Expecting 'type' to be present")
    const row = operatorCalls[call.type]
    if (row.body !== undefined && call[row.body] === undefined) {
      return invalid(`Expecting '${row.body}' to be present`)
    }
    const mediaType = negotiate(request.headers.accept)
    if (mediaType === undefined) {
      return text(406, "The header 'Accept' must allow application/json or application/x-protobuf")
    }
    const { principal } = request
    calling.verbosity.note(calling.env, call.type, principal)
    const right = RIGHTS[call.type]
    if (typeof right === 'object' && !may(calling.env, { principal }, right.action, right.object?.(call))) {
      return forbidden()
    }
    return answered(await row.answer(calling, call, { principal }), mediaType)
  }
}

function invalid(reason: string): HttpAnswer {
  return text(400, `Failed to validate master::Call: ${reason}`)
}

function readCall(request: HttpRequest): { readonly call: MasterCall } | { readonly refused: HttpAnswer } {
  const contentType = request.headers['content-type']
  if (contentType === undefined) return { refused: text(400, "The header 'Content-Type' is missing") }
  const mediaType = parseContentType(contentType)
  if (mediaType === undefined) {
    return { refused: text(415, "'Content-Type' must be application/json or application/x-protobuf") }
  }
  const decoded = decodeMessage('mesos.v1.master.Call', mediaType, request.body, { maxBytes: MAX_BODY_BYTES })
  if (!decoded.ok) return { refused: text(400, `Failed to read an operator Call: ${decoded.error}`) }
  return { call: decoded.message }
}

function answered(outcome: Outcome, mediaType: MediaType): HttpAnswer {
  switch (outcome.kind) {
    case 'done':
      return empty(outcome.status)
    case 'refused':
      return text(outcome.status, outcome.text)
    case 'response':
      return {
        status: 200,
        headers: { 'content-type': mediaType },
        body: encodeMessage('mesos.v1.master.Response', mediaType, outcome.response, { emptyLists: true }),
      }
    case 'stream':
      return {
        status: 200,
        headers: { 'content-type': mediaType },
        body: {
          open: (write, closed) =>
            outcome.run(
              (event) =>
                write(
                  encodeRecord(
                    encodeMessage('mesos.v1.master.Event', mediaType, event, { emptyLists: true }),
                  ),
                ),
              closed,
            ),
        },
      }
  }
}
