// Call-level validation of the scheduler API: what makes a call 400 before anything is looked up.
//
// Everything semantic (bad offers, unknown tasks) is no error of the call: 202, then an event or silence.
import type { SchedulerCall, SchedulerCallType } from '../../protocol/messages.ts'

const prefix = 'Failed to validate scheduler::Call: '

/**
 * The text of the 400 a call deserves; undefined if it is well-formed. Fields that the protocol requires have been
 * checked by the codec.
 * @param principal authenticated name, absent without authentication
 */
export function callError(
  call: SchedulerCall,
  { principal }: { readonly principal?: string | undefined } = {},
): string | undefined {
  const reason = reasonAgainst(call, principal)
  return reason === undefined ? undefined : `${prefix}${reason}`
}

/** The body of each call, where it must be there. */
const bodyOf: Readonly<Partial<Record<SchedulerCallType, keyof SchedulerCall>>> = {
  ACCEPT: 'accept',
  DECLINE: 'decline',
  ACCEPT_INVERSE_OFFERS: 'accept_inverse_offers',
  DECLINE_INVERSE_OFFERS: 'decline_inverse_offers',
  KILL: 'kill',
  SHUTDOWN: 'shutdown',
  ACKNOWLEDGE: 'acknowledge',
  ACKNOWLEDGE_OPERATION_STATUS: 'acknowledge_operation_status',
  RECONCILE: 'reconcile',
  RECONCILE_OPERATIONS: 'reconcile_operations',
  MESSAGE: 'message',
  REQUEST: 'request',
  UPDATE_FRAMEWORK: 'update_framework',
}

function reasonAgainst(call: SchedulerCall, principal: string | undefined): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present"
  if (call.type === 'SUBSCRIBE') return subscribeReason(call, principal)
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present"
  const body = bodyOf[call.type]
  if (body !== undefined && call[body] === undefined) return `Expecting '${body}' to be present`
  switch (call.type) {
    case 'ACKNOWLEDGE':
      return uuidReason(call.acknowledge?.uuid)
    case 'ACKNOWLEDGE_OPERATION_STATUS':
      if (call.acknowledge_operation_status?.agent_id === undefined)
        return "Expecting 'agent_id' to be present"
      return uuidReason(call.acknowledge_operation_status.uuid)
    case 'UPDATE_FRAMEWORK':
      return call.update_framework?.framework_info.id?.value === call.framework_id.value
        ? undefined
        : "'framework_id' differs from 'update_framework.framework_info.id'"
    default:
      return undefined
  }
}

function subscribeReason(
  { subscribe, framework_id }: SchedulerCall,
  principal: string | undefined,
): string | undefined {
  if (subscribe === undefined) return "Expecting 'subscribe' to be present"
  const { framework_info } = subscribe
  // An id that is set and empty says as little as none.
  if ((framework_id?.value ?? '') !== (framework_info.id?.value ?? '')) {
    return "'framework_id' differs from 'subscribe.framework_info.id'"
  }
  if (
    principal !== undefined &&
    framework_info.principal !== undefined &&
    framework_info.principal !== principal
  ) {
    return `Authenticated principal '${principal}' differs from 'framework_info.principal'`
  }
  return undefined
}

/** Sixteen bytes are 22 digits of base64 and two of padding. */
function uuidReason(uuid: string | undefined): string | undefined {
  return uuid !== undefined && /^[A-Za-z0-9+/]{22}==$/.test(uuid)
    ? undefined
    : "Expecting 'uuid' to be 16 bytes"
}
