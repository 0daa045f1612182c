// What agents call: REGISTER, SYNC, UPDATES, NOTICE and UNREGISTER on one path.
//
// Walk: before it agent/status-updates.ts, after it master/agents/status-update.ts.
import type { AgentCall } from '../../protocol/agent-messages.ts'
import type { Environment } from '../environment.ts'
import { exactJson } from '../exact-json.ts'
import type { Route } from '../http/routes.ts'
import { type HttpAnswer, type HttpRequest, text } from '../http/types.ts'
import { readCall } from './call-shape.ts'
import { identified } from './identity.ts'
import { unregister } from './lifecycle.ts'
import { takeNotice } from './notice.ts'
import { register } from './register.ts'
import { sync } from './sync.ts'
import { takeCallUpdates } from './updates.ts'

/** The agents' part of the front. Who may call it, the host's IAM says; on one machine it is loopback. */
export function agentRoutes(env: Environment): readonly Route[] {
  return [{ path: '/api/v1/agent', methods: { POST: (request) => answerCall(env, request) } }]
}

/** Answers one call; what is not one is a 400 with a sentence. */
export async function answerCall(env: Environment, request: HttpRequest): Promise<HttpAnswer> {
  const read = readCall(request.body)
  if ('error' in read) return text(400, read.error)
  const call = identified(env, read.call, request)
  if ('refused' in call) return text(403, call.refused)
  const body = exactJson(await dispatch(env, call))
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

async function dispatch(env: Environment, call: AgentCall): Promise<unknown> {
  switch (call.type) {
    case 'REGISTER':
      return await register(env, call)
    case 'SYNC':
      return await sync(env, call)
    case 'UPDATES':
      return await takeCallUpdates(env, call)
    case 'NOTICE':
      return await takeNotice(env, call)
    case 'UNREGISTER':
      return await unregister(env, call)
  }
}
