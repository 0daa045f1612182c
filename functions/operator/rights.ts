// What each call of the operator API asks for before it is answered. A new call does not compile until it stands here.
import type { Action } from '../../master/authorization/acls.ts'
import type { MasterCall, MasterCallType } from '../../protocol/messages.ts'

/**
 * - `open`: whoever came in may ask; nothing in the answer belongs to anybody.
 * - `seen`: answered with what the asker sees (`master/authorization/sight.ts`).
 * - `decided`: the decision asks, once it has loaded whose it is.
 * - otherwise the action, on the object that the call names, if it names one.
 */
export type Right =
  | 'open'
  | 'seen'
  | 'decided'
  | { readonly action: Action; object?(call: MasterCall): string | undefined }

const METRICS: Right = { action: 'get_endpoints', object: () => '/metrics/snapshot' }
const LOGS: Right = { action: 'access_mesos_logs' }
/** Not built: 501 for everybody. */
const NOT_BUILT: Right = 'open'

export const RIGHTS: Readonly<Record<MasterCallType, Right>> = {
  UNKNOWN: 'open',
  GET_HEALTH: 'open',
  GET_FLAGS: { action: 'view_flags' },
  GET_VERSION: 'open',
  GET_METRICS: METRICS,
  GET_LOGGING_LEVEL: 'open',
  SET_LOGGING_LEVEL: { action: 'set_log_level' },
  LIST_FILES: LOGS,
  READ_FILE: LOGS,

  GET_STATE: 'seen',
  GET_AGENTS: 'seen',
  GET_FRAMEWORKS: 'seen',
  GET_EXECUTORS: 'seen',
  GET_TASKS: 'seen',
  GET_ROLES: 'seen',
  GET_MASTER: 'open',
  SUBSCRIBE: 'seen',

  TEARDOWN: 'decided',
  MARK_AGENT_GONE: {
    action: 'mark_agents_gone',
    object: ({ mark_agent_gone }) => mark_agent_gone?.agent_id.value,
  },
  DEACTIVATE_AGENT: {
    action: 'deactivate_agents',
    object: ({ deactivate_agent }) => deactivate_agent?.agent_id.value,
  },
  REACTIVATE_AGENT: {
    action: 'reactivate_agents',
    object: ({ reactivate_agent }) => reactivate_agent?.agent_id.value,
  },
  DRAIN_AGENT: { action: 'drain_agents', object: ({ drain_agent }) => drain_agent?.agent_id.value },

  // Nothing of these can have been set: empty for everybody.
  GET_OPERATIONS: 'open',
  GET_WEIGHTS: 'open',
  GET_QUOTA: 'open',
  GET_MAINTENANCE_STATUS: 'open',
  GET_MAINTENANCE_SCHEDULE: 'open',

  UPDATE_WEIGHTS: NOT_BUILT,
  RESERVE_RESOURCES: NOT_BUILT,
  UNRESERVE_RESOURCES: NOT_BUILT,
  CREATE_VOLUMES: NOT_BUILT,
  DESTROY_VOLUMES: NOT_BUILT,
  GROW_VOLUME: NOT_BUILT,
  SHRINK_VOLUME: NOT_BUILT,
  UPDATE_MAINTENANCE_SCHEDULE: NOT_BUILT,
  START_MAINTENANCE: NOT_BUILT,
  STOP_MAINTENANCE: NOT_BUILT,
  UPDATE_QUOTA: NOT_BUILT,
  SET_QUOTA: NOT_BUILT,
  REMOVE_QUOTA: NOT_BUILT,
}
