// `POST /api/v1` of the agent: the operator calls it answers, and a clear word for those it does not.
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import { isRecordio, negotiate, parseContentType } from '../../protocol/media-types.ts'
import type { AgentCall, AgentResponse } from '../../protocol/messages.ts'
import { MESOS_VERSION } from '../../protocol/version.ts'
import type { ApiContext } from './context.ts'
import { type Handler, type HttpAnswer, text } from './http.ts'
import { metricsOf } from './metrics.ts'
import { containersView, drainView, executorsView, frameworksView, tasksView } from './views.ts'

export function operatorApi(context: ApiContext): Handler {
  return async (request) => {
    if (context.acting.state.phase === 'recovering')
      return text(503, 'The agent is still recovering; try again')
    if (request.method !== 'POST') {
      return text(405, `This path takes POST, but the request was a ${request.method}`, { allow: 'POST' })
    }
    const contentType = request.headers['content-type']
    if (contentType === undefined) return text(400, 'A Content-Type header is expected')
    const problem = streamingProblem(contentType, request.headers['message-content-type'])
    if (problem !== undefined) return problem
    const mediaType = parseContentType(contentType)
    if (mediaType === undefined) {
      return text(415, `Content-Type is application/json or application/x-protobuf, not ${contentType}`)
    }
    const decoded = decodeMessage('mesos.v1.agent.Call', mediaType, request.body)
    if (!decoded.ok) return text(400, `The call cannot be read: ${decoded.error}`)
    const call = decoded.message
    if (call.type === undefined) return refused("Expecting 'type' to be present")
    const accepted = negotiate(request.headers.accept)
    if (accepted === undefined) {
      return text(406, `Accept allows neither application/json nor application/x-protobuf for ${call.type}`)
    }
    const answer = await answerTo(call, context)
    if ('status' in answer) return answer
    return {
      status: 200,
      headers: { 'content-type': accepted },
      body: encodeMessage('mesos.v1.agent.Response', accepted, answer, {
        emptyLists: EMPTY_LISTS.has(call.type),
      }),
    }
  }
}

/** Mesos writes empty lists in these answers and leaves them out of others. */
const EMPTY_LISTS: ReadonlySet<string> = new Set([
  'GET_TASKS',
  'GET_STATE',
  'GET_EXECUTORS',
  'GET_FRAMEWORKS',
])

async function answerTo(call: AgentCall, context: ApiContext): Promise<AgentResponse | HttpAnswer> {
  const { state } = context.acting
  const { type } = call
  switch (type) {
    case 'GET_HEALTH':
      return { type, get_health: { healthy: true } }
    case 'GET_FLAGS':
      return {
        type,
        get_flags: { flags: Object.entries(context.flags).map(([name, value]) => ({ name, value })) },
      }
    case 'GET_VERSION':
      return { type, get_version: { version_info: { version: MESOS_VERSION } } }
    case 'GET_METRICS': {
      if (call.get_metrics === undefined) return refused("Expecting 'get_metrics' to be present")
      const metrics = metricsOf(
        state,
        context.agentInfo(),
        context.clock,
        context.startTime,
        context.flags.work_dir,
      )
      return {
        type,
        get_metrics: { metrics: Object.entries(metrics).map(([name, value]) => ({ name, value })) },
      }
    }
    case 'GET_LOGGING_LEVEL':
      return { type, get_logging_level: { level: 0 } }
    case 'GET_STATE':
      return {
        type,
        get_state: {
          get_tasks: tasksView(state),
          get_executors: executorsView(state),
          get_frameworks: frameworksView(state),
        },
      }
    case 'GET_AGENT':
      return { type, get_agent: { agent_info: context.agentInfo(), ...drainView(state) } }
    case 'GET_FRAMEWORKS':
      return { type, get_frameworks: frameworksView(state) }
    case 'GET_EXECUTORS':
      return { type, get_executors: executorsView(state) }
    case 'GET_TASKS':
      return { type, get_tasks: tasksView(state) }
    case 'GET_OPERATIONS':
      return { type, get_operations: {} }
    case 'GET_RESOURCE_PROVIDERS':
      return { type, get_resource_providers: {} }
    case 'GET_CONTAINERS': {
      const nested = call.get_containers?.show_nested ?? false
      const containers = await containersView(state, context.containers, context.ip, nested)
      return { type, ...(containers.length === 0 ? {} : { get_containers: { containers } }) }
    }
    case 'LIST_FILES': {
      if (call.list_files === undefined) return refused("Expecting 'list_files' to be present")
      const listed = await context.files.list(call.list_files.path)
      return 'status' in listed ? listed : { type, list_files: { file_infos: listed.files } }
    }
    case 'READ_FILE': {
      if (call.read_file === undefined) return refused("Expecting 'read_file' to be present")
      const { path, offset, length } = call.read_file
      const read = await context.files.read(
        path,
        Number(offset),
        length === undefined ? undefined : Number(length),
      )
      return 'status' in read
        ? read
        : { type, read_file: { size: read.size, data: read.data.toString('base64') } }
    }
    default:
      return text(501, `This agent does not answer ${type} yet; see docs/status.md for what it answers`)
  }
}

function refused(problem: string): HttpAnswer {
  return text(400, `Failed to validate agent::Call: ${problem}`)
}

/** Streams of calls belong to ATTACH_CONTAINER_INPUT alone. */
function streamingProblem(
  contentType: string,
  messageContentType: string | undefined,
): HttpAnswer | undefined {
  if (isRecordio(contentType)) {
    return messageContentType === undefined
      ? text(400, 'A stream of calls says in Message-Content-Type what its records are')
      : text(501, 'This agent takes no streams of calls yet')
  }
  if (messageContentType === undefined) return undefined
  return text(415, 'Message-Content-Type is for streams of calls only; leave it out')
}
