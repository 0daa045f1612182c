// SUBSCRIBE: the framework item, then every gate, then the lease, then 200 and the stream.
//
// Whatever fails after the checks of the request is an ERROR event on a 200, as in Mesos; only a table
// that is away is a 503, and the client tries again.
import { subscribe as decide, type Subscribed } from '../../master/calls/subscribe.ts'
import type { Framework, Lease } from '../../master/model.ts'
import { idError } from '../../protocol/ids.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { SchedulerCall, SchedulerCallSubscribe } from '../../protocol/messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { type HttpAnswer, text } from '../http/types.ts'
import { transact } from '../transact.ts'
import { recordOf, subscribed } from './events.ts'
import { raiseAll } from './gates.ts'
import { pollHolder, takeLease } from './lease.ts'
import { refusedStream, sessionStream } from './sessions.ts'

export interface Subscriber {
  readonly principal?: string | undefined
  /** Of the stream. */
  readonly mediaType: MediaType
  /** `poll`: the answer ends behind SUBSCRIBED, and whoever polls EVENTS is the session's reader (R18). */
  readonly delivery?: 'stream' | 'poll' | undefined
}

/** Begins a session, or says in the stream why not. */
export async function subscribe(
  env: Environment,
  { subscribe: call }: SchedulerCall,
  { principal, mediaType, delivery = 'stream' }: Subscriber,
): Promise<HttpAnswer> {
  if (call === undefined)
    return text(400, "Failed to validate scheduler::Call: Expecting 'subscribe' to be present")
  const streamId = env.ids.uuid()
  const head = { status: 200, headers: { 'content-type': mediaType, 'mesos-stream-id': streamId } }
  const holder = delivery === 'poll' ? pollHolder(streamId) : env.ids.random()
  const begun = await begin(env, call, { principal, streamId, holder })
  if (delivery === 'poll' && 'framework' in begun) {
    const record = recordOf(subscribed(env, begun.framework.frameworkId), mediaType)
    return { ...head, headers: { ...head.headers, 'meseta-delivery': delivery }, body: record }
  }
  const body =
    'message' in begun ? refusedStream(begun.message, mediaType) : sessionStream(env, { ...begun, mediaType })
  return { ...head, body }
}

async function begin(
  env: Environment,
  call: SchedulerCallSubscribe,
  who: { readonly principal?: string | undefined; readonly streamId: string; readonly holder: string },
): Promise<{ readonly framework: Framework; readonly lease: Lease } | { readonly message: string }> {
  const decided = await written(env, call, who)
  if (decided.kind === 'error') return decided
  const { framework } = decided
  await raiseAll(env, framework)
  const lease = await takeLease(env, framework, who.holder)
  return lease === undefined ? { message: 'Framework failed over' } : { framework, lease }
}

async function written(
  env: Environment,
  call: SchedulerCallSubscribe,
  who: { readonly principal?: string | undefined; readonly streamId: string },
): Promise<Subscribed> {
  const context = { ...(await contextOf(env)), ...who }
  const id = call.framework_info.id?.value ?? ''
  return await transact(env, {
    name: 'subscribe',
    load: async () => ({ framework: await existing(env, id) }),
    decide: (loaded) => decide(loaded, call, context),
  })
}

/** An id that is none is refused by the decision and never becomes a key. */
async function existing(env: Environment, frameworkId: string): Promise<Framework | undefined> {
  return idError(frameworkId) === undefined ? await env.store.get('framework', { frameworkId }) : undefined
}
