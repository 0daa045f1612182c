// Every call of the operator API: the body it must have and what answers it. A new call must have a row here.

import {
  getAgents,
  getExecutors,
  getFrameworks,
  getRoles,
  getState,
  getTasks,
} from '../../master/operator/answers.ts'
import type { MasterCall, MasterCallType } from '../../protocol/messages.ts'
import { deactivateAgent, reactivateAgent } from '../agents/lifecycle.ts'
import type { Asker } from '../authorize.ts'
import type { Environment } from '../environment.ts'
import { masterInfo } from '../scheduler/master-info.ts'
import { changeAgent, drain, markGone, teardown } from './actions.ts'
import type { ChangeFeed } from './feed.ts'
import type { Files } from './files.ts'
import { flags } from './flags.ts'
import { metrics } from './metrics.ts'
import { DONE, type Outcome, refuse, respond } from './outcome.ts'
import type { Verbosity } from './verbosity.ts'
import { versionInfo } from './version.ts'
import { EVERYTHING, loadSight } from './view.ts'

/** What answering a call may use. */
export interface Calling {
  readonly env: Environment
  readonly feed: ChangeFeed
  readonly files: Files
  readonly verbosity: Verbosity
  /** Cluster time at which the cluster was made, ms; read once. */
  readonly bornAt: () => Promise<number>
}

interface Row {
  /** The part of the call that must be there. */
  readonly body?: keyof MasterCall
  /** What it asks for first, `rights.ts` says. */
  answer(calling: Calling, call: MasterCall, asker: Asker): Promise<Outcome> | Outcome
}

export const operatorCalls: Readonly<Record<MasterCallType, Row>> = {
  UNKNOWN: { answer: () => refuse(501, 'There is no call of type UNKNOWN') },

  GET_HEALTH: { answer: () => respond({ type: 'GET_HEALTH', get_health: { healthy: true } }) },
  GET_FLAGS: {
    answer: ({ env }) => respond({ type: 'GET_FLAGS', get_flags: { flags: flags(env.settings) } }),
  },
  GET_VERSION: {
    answer: () => respond({ type: 'GET_VERSION', get_version: { version_info: versionInfo } }),
  },
  GET_METRICS: {
    body: 'get_metrics',
    async answer(calling) {
      const found = Object.entries(await metrics(calling)).map(([name, value]) => ({ name, value }))
      return respond({ type: 'GET_METRICS', get_metrics: { metrics: found } })
    },
  },
  GET_LOGGING_LEVEL: {
    answer: ({ env, verbosity }) =>
      respond({ type: 'GET_LOGGING_LEVEL', get_logging_level: { level: verbosity.level(env) } }),
  },
  SET_LOGGING_LEVEL: {
    body: 'set_logging_level',
    answer({ env, verbosity }, { set_logging_level }) {
      if (set_logging_level === undefined) return DONE
      const wrong = verbosity.set(env, set_logging_level)
      return wrong === undefined ? DONE : refuse(400, wrong)
    },
  },
  LIST_FILES: {
    body: 'list_files',
    async answer({ files }, { list_files }) {
      const found = await files.list(list_files?.path ?? '')
      if ('refused' in found) return refuse(found.refused, found.text)
      return respond({ type: 'LIST_FILES', list_files: { file_infos: found.infos } })
    },
  },
  READ_FILE: {
    body: 'read_file',
    async answer({ files }, { read_file }) {
      const { path = '', offset = 0, length } = read_file ?? {}
      const found = await files.read(path, Number(offset), length === undefined ? undefined : Number(length))
      if ('refused' in found) return refuse(found.refused, found.text)
      const { size, data } = found
      return respond({ type: 'READ_FILE', read_file: { size, data: data.toString('base64') } })
    },
  },

  GET_STATE: {
    async answer({ env }, _, asker) {
      return respond({ type: 'GET_STATE', get_state: getState(await loadSight(env, EVERYTHING, asker)) })
    },
  },
  GET_AGENTS: {
    async answer({ env }, _, asker) {
      return respond({ type: 'GET_AGENTS', get_agents: getAgents(await loadSight(env, {}, asker)) })
    },
  },
  GET_FRAMEWORKS: {
    async answer({ env }, _, asker) {
      return respond({
        type: 'GET_FRAMEWORKS',
        get_frameworks: getFrameworks(await loadSight(env, {}, asker)),
      })
    },
  },
  GET_EXECUTORS: {
    async answer({ env }, _, asker) {
      const view = await loadSight(env, { executors: true }, asker)
      return respond({ type: 'GET_EXECUTORS', get_executors: getExecutors(view) })
    },
  },
  GET_TASKS: {
    async answer({ env }, _, asker) {
      return respond({ type: 'GET_TASKS', get_tasks: getTasks(await loadSight(env, { tasks: true }, asker)) })
    },
  },
  GET_ROLES: {
    async answer({ env }, _, asker) {
      return respond({ type: 'GET_ROLES', get_roles: getRoles(await loadSight(env, {}, asker)) })
    },
  },
  GET_MASTER: {
    async answer({ env, bornAt }) {
      const seconds = (await bornAt()) / 1000
      const master_info = masterInfo(env, 'operator')
      return respond({
        type: 'GET_MASTER',
        get_master: { master_info, start_time: seconds, elected_time: seconds },
      })
    },
  },
  SUBSCRIBE: {
    answer: ({ feed }, _, asker) => ({
      kind: 'stream',
      run: (say, closed) => feed.serve(say, closed, asker),
    }),
  },

  TEARDOWN: {
    body: 'teardown',
    answer: ({ env }, call, asker) => teardown(env, call.teardown?.framework_id.value ?? '', asker),
  },
  MARK_AGENT_GONE: {
    body: 'mark_agent_gone',
    answer: ({ env }, { mark_agent_gone }) => markGone(env, mark_agent_gone?.agent_id.value ?? ''),
  },
  DEACTIVATE_AGENT: {
    body: 'deactivate_agent',
    answer: ({ env }, { deactivate_agent }) =>
      changeAgent(env, deactivate_agent?.agent_id.value ?? '', deactivateAgent),
  },
  REACTIVATE_AGENT: {
    body: 'reactivate_agent',
    answer: ({ env }, { reactivate_agent }) =>
      changeAgent(env, reactivate_agent?.agent_id.value ?? '', reactivateAgent),
  },
  DRAIN_AGENT: {
    body: 'drain_agent',
    answer: ({ env }, { drain_agent }) => drain(env, drain_agent),
  },

  // Nothing of these can have been set, so what is read is empty, and true.
  GET_OPERATIONS: { answer: () => respond({ type: 'GET_OPERATIONS', get_operations: {} }) },
  GET_WEIGHTS: { answer: () => respond({ type: 'GET_WEIGHTS' }) },
  GET_QUOTA: { answer: () => respond({ type: 'GET_QUOTA', get_quota: { status: {} } }) },
  GET_MAINTENANCE_STATUS: {
    answer: () => respond({ type: 'GET_MAINTENANCE_STATUS', get_maintenance_status: { status: {} } }),
  },
  GET_MAINTENANCE_SCHEDULE: {
    answer: () => respond({ type: 'GET_MAINTENANCE_SCHEDULE', get_maintenance_schedule: { schedule: {} } }),
  },

  UPDATE_WEIGHTS: notBuilt('update_weights', 'Weights cannot be changed; every role weighs 1'),
  RESERVE_RESOURCES: notBuilt('reserve_resources', 'Resources can be reserved by the flags of agents only'),
  UNRESERVE_RESOURCES: notBuilt(
    'unreserve_resources',
    'Reservations are those of the flags of agents, and stay',
  ),
  CREATE_VOLUMES: notBuilt('create_volumes', 'There are no persistent volumes'),
  DESTROY_VOLUMES: notBuilt('destroy_volumes', 'There are no persistent volumes'),
  GROW_VOLUME: notBuilt('grow_volume', 'There are no persistent volumes'),
  SHRINK_VOLUME: notBuilt('shrink_volume', 'There are no persistent volumes'),
  UPDATE_MAINTENANCE_SCHEDULE: notBuilt(
    'update_maintenance_schedule',
    'There is no maintenance schedule; DEACTIVATE_AGENT keeps an agent from being offered',
  ),
  START_MAINTENANCE: notBuilt(
    'start_maintenance',
    'There is no maintenance schedule; MARK_AGENT_GONE ends an agent',
  ),
  STOP_MAINTENANCE: notBuilt('stop_maintenance', 'There is no maintenance schedule'),
  UPDATE_QUOTA: notBuilt('update_quota', 'There are no quotas'),
  SET_QUOTA: notBuilt('set_quota', 'There are no quotas'),
  REMOVE_QUOTA: notBuilt('remove_quota', 'There are no quotas'),
}

function notBuilt(body: keyof MasterCall, sentence: string): Row {
  return { body, answer: () => refuse(501, `${sentence}: this call is not implemented`) }
}
