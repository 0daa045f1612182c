// A framework's stream from SUBSCRIBED to its end: heartbeats, the reader, and what the end means for the framework.
import { STREAM_HEARTBEAT_MS } from '../../master/limits.ts'
import type { Framework, Lease } from '../../master/model.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { SchedulerEvent } from '../../protocol/messages.ts'
import type { Environment } from '../environment.ts'
import { CLOSED_BY_PEER, type HttpStream } from '../http/types.ts'
import { disconnect } from './disconnect.ts'
import { errorEvent, HEARTBEAT, recordOf, subscribed } from './events.ts'
import { read, type SessionEnd } from './reader.ts'

type Write = Parameters<HttpStream['open']>[0]

/** The stream of a refused subscription: one ERROR, then the end (C40). */
export function refusedStream(message: string, mediaType: MediaType): HttpStream {
  return {
    async open(write) {
      await write(recordOf(errorEvent(message), mediaType))
    },
  }
}

/** The stream of a good one. The host ends it when this returns. */
export function sessionStream(
  env: Environment,
  begun: { readonly framework: Framework; readonly lease: Lease; readonly mediaType: MediaType },
): HttpStream {
  return { open: (write, closed) => runSession(env, begun, write, closed) }
}

async function runSession(
  env: Environment,
  { framework, lease, mediaType }: Parameters<typeof sessionStream>[1],
  write: Write,
  closed: AbortSignal,
): Promise<void> {
  const { frameworkId, epoch, shards } = framework
  const say = (event: SchedulerEvent) => write(recordOf(event, mediaType))
  const heart = beating(env, say)
  let end: SessionEnd = 'closed'
  try {
    // The first heartbeat comes at once: some clients give up a stream that is silent for ten seconds (C34).
    if ((await say(subscribed(env, frameworkId))) && (await say(HEARTBEAT))) {
      heart.start()
      end = await read(env, { frameworkId, epoch, shards, lease, say, closed })
    }
  } catch (error) {
    env.log.error('reader failed', {
      frameworkId,
      error: error instanceof Error ? error.stack : String(error),
    })
  }
  heart.stop()
  // What a replaced stream still says comes from nobody's mailbox; the stream ends right behind it (C43).
  if (end === 'taken over') await say(errorEvent('Framework failed over'))
  if (end === 'unauthorized') await say(errorEvent('Not authorized any more to use its roles'))
  if (end === 'closed' || end === 'unauthorized') await ended(env, { frameworkId, epoch }, closed)
}

/** Our session was the framework's one until now: it is disconnected. If that fails, its lease runs out. */
async function ended(
  env: Environment,
  session: { readonly frameworkId: string; readonly epoch: number },
  closed: AbortSignal,
): Promise<void> {
  const why = closed.reason === CLOSED_BY_PEER ? 'closed' : 'ended-by-us'
  try {
    await disconnect(env, { ...session, why })
  } catch (error) {
    env.log.warn('disconnect left to the lease', { ...session, why, error: String(error) })
  }
}

/** HEARTBEAT every 15 s, whatever else is said and also while the table is away: whoever holds the socket beats. */
function beating(env: Environment, say: (event: SchedulerEvent) => Promise<boolean>) {
  let cancel: (() => void) | undefined
  let due = 0
  const beat = () => {
    // A failed write is noticed by whoever waits for the socket's end.
    say(HEARTBEAT).catch((error: unknown) => env.log.warn('heartbeat failed', { error: String(error) }))
    schedule()
  }
  // From due time to due time, so that lateness of a timer does not add up.
  const schedule = () => {
    due = Math.max(due + STREAM_HEARTBEAT_MS, env.clock.now())
    cancel = env.clock.after(due - env.clock.now(), beat)
  }
  return {
    start() {
      due = env.clock.now()
      schedule()
    },
    stop: () => cancel?.(),
  }
}
