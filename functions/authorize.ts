// Whether who asks at a door may: one question to the lists in force, one answer for all that are refused.
//
// The lists themselves are in master/authorization/; where a decision has to load something first, it asks them itself.
import { type Action, allowed } from '../master/authorization/acls.ts'
import type { Environment } from './environment.ts'
import { type Handler, type HttpAnswer, text } from './http/types.ts'

/** Who asks, as far as it was authenticated. */
export interface Asker {
  readonly principal?: string | undefined
}

export const FORBIDDEN = 'Not authorized to do this'

/** Asks for one action on one object; a refusal is logged. */
export function may(env: Environment, asker: Asker, action: Action, object: string | undefined): boolean {
  const isAllowed = allowed(env.settings.acls, action, asker.principal, object)
  if (!isAllowed) noteRefusal(env, asker, action, object)
  return isAllowed
}

/** For whoever watches for attempts. */
export function noteRefusal(
  { log }: Pick<Environment, 'log'>,
  { principal }: Asker,
  action: Action,
  object: string | undefined,
): void {
  log.warn('not authorized', { principal, action, object })
}

/** One answer, whatever was asked for (A25). */
export function forbidden(): HttpAnswer {
  return text(403, FORBIDDEN)
}

/** A handler that is asked only by those who may. */
export function asked(
  env: Environment,
  action: Action,
  object: string | undefined,
  handler: Handler,
): Handler {
  return (request) => (may(env, request, action, object) ? handler(request) : forbidden())
}
