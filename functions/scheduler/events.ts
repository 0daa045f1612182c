// Events of a scheduler stream: made here, and written as one record each.
import { STREAM_HEARTBEAT_MS } from '../../master/limits.ts'
import { encodeMessage } from '../../protocol/codec.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { SchedulerEvent } from '../../protocol/messages.ts'
import { encodeRecord } from '../../protocol/recordio.ts'
import type { Environment } from '../environment.ts'
import { masterInfo } from './master-info.ts'

export const HEARTBEAT: SchedulerEvent = { type: 'HEARTBEAT' }

/** First event of a good subscription (C33, C36). */
export function subscribed(env: Environment, frameworkId: string): SchedulerEvent {
  return {
    type: 'SUBSCRIBED',
    subscribed: {
      framework_id: { value: frameworkId },
      heartbeat_interval_seconds: STREAM_HEARTBEAT_MS / 1000,
      master_info: masterInfo(env, 'scheduler'),
    },
  }
}

/** The stream ends right after it. */
export function errorEvent(message: string): SchedulerEvent {
  return { type: 'ERROR', error: { message } }
}

/** Length, newline and body in one buffer, to be written as one chunk (C11, C12). */
export function recordOf(event: SchedulerEvent, mediaType: MediaType): Uint8Array {
  return encodeRecord(encodeMessage('mesos.v1.scheduler.Event', mediaType, event))
}
