// Who may call: the gates between a well-formed call and its decision, in the order the contract gives them (C54, C55).
import type { Acls } from '../authorization/acls.ts'
import { registrationRefusal } from '../authorization/frameworks.ts'
import type { Framework } from '../model.ts'
import type { CallAnswer } from './answer.ts'

/** Who calls, as far as the request says. */
export interface Caller {
  /** Authenticated name; absent without authentication. */
  readonly principal?: string | undefined
  /** `Mesos-Stream-Id`. */
  readonly streamId?: string | undefined
  /** The lists in force: a right to be registered that was taken away ends a session's calls (A26). */
  readonly acls?: Acls | undefined
}

/**
 * Admits a call that is not SUBSCRIBE, or says why not. The order is the contract: a stale stream id on a
 * disconnected framework is 403 (C55), an unknown framework without stream id 400 of the first kind (C54).
 */
export function admit(
  framework: Framework | undefined,
  { principal, streamId, acls }: Caller,
): CallAnswer | 'admitted' {
  const isForeign = principal !== undefined && principal !== framework?.principal
  // Of what is another's not even that it is there (A25).
  if (framework === undefined || framework.state === 'removed' || isForeign) {
    return { status: 400, text: 'Framework cannot be found' }
  }
  if (framework.state !== 'connected') return { status: 403, text: 'Framework is not subscribed' }
  if (streamId === undefined) {
    return { status: 400, text: "Calls other than SUBSCRIBE need the header 'Mesos-Stream-Id'" }
  }
  if (streamId !== framework.streamId) {
    return {
      status: 400,
      text: `Stream ID '${streamId}' is not the current one of framework ${framework.frameworkId}`,
    }
  }
  const refused = registrationRefusal(acls, framework.info)
  return refused === undefined ? 'admitted' : { status: 403, text: refused }
}
