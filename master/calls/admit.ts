// Who may call: the gates between a well-formed call and its decision, in the order the contract gives them (C54, C55).
import type { Framework } from '../model.ts'
import type { CallAnswer } from './answer.ts'

/** Who calls, as far as the request says. */
export interface Caller {
  /** Authenticated name; absent without authentication. */
  readonly principal?: string | undefined
  /** `Mesos-Stream-Id`. */
  readonly streamId?: string | undefined
}

/**
 * Admits a call that is not SUBSCRIBE, or says why not. The order is the contract: a stale stream id on a
 * disconnected framework is 403 (C55), an unknown framework without stream id 400 of the first kind (C54).
 */
export function admit(
  framework: Framework | undefined,
  { principal, streamId }: Caller,
): CallAnswer | 'admitted' {
  if (framework === undefined || framework.state === 'removed') {
    return { status: 400, text: 'Framework cannot be found' }
  }
  if (principal !== undefined && principal !== framework.principal) {
    return { status: 400, text: `Principal '${principal}' is not the principal of this framework` }
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
  return 'admitted'
}
