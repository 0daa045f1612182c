// SUBSCRIBE: the framework item, then every gate, then the lease, then 200 and the stream.
//
// A framework that is told by webhook or queue gets SUBSCRIBED and the end of the body; its session goes on, and the
// notifier reads for it.
//
// Whatever fails after the checks of the request is an ERROR event on a 200, as in Mesos; only a table
// that is away is a 503, and the client tries again.
import { subscribe as decide, type Subscribed } from '../../master/calls/subscribe.ts'
import { deliveryError, deliveryOf } from '../../master/frameworks/delivery.ts'
import type { Framework, Lease } from '../../master/model.ts'
import { idError } from '../../protocol/ids.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { FrameworkInfo, SchedulerCall, SchedulerCallSubscribe } from '../../protocol/messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { type HttpAnswer, text } from '../http/types.ts'
import { outletsOf } from '../notifier/outlets.ts'
import { nudgeNotifier } from '../tell.ts'
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
  /** What the framework wants its webhooks signed with, as the header `Meseta-Webhook-Secret` says. */
  readonly webhookSecret?: string | undefined
}

interface Subscribing extends Pick<Subscriber, 'principal' | 'webhookSecret'> {
  readonly streamId: string
  readonly holder: string
  readonly isPolled: boolean
}

/** A header of SUBSCRIBE, and of its answer when we chose the secret. */
export const WEBHOOK_SECRET = 'meseta-webhook-secret'
/** Shorter ones could be guessed. */
const MIN_SECRET_LENGTH = 32
const MAX_SECRET_LENGTH = 256

/** Begins a session, or says in the stream why not. */
export async function subscribe(
  env: Environment,
  { subscribe: call }: SchedulerCall,
  { principal, mediaType, delivery = 'stream', webhookSecret }: Subscriber,
): Promise<HttpAnswer> {
  if (call === undefined)
    return text(400, "Failed to validate scheduler::Call: Expecting 'subscribe' to be present")
  const invalid = secretError(webhookSecret)
  if (invalid !== undefined) return text(400, invalid)
  const streamId = env.ids.uuid()
  const head = { status: 200, headers: { 'content-type': mediaType, 'mesos-stream-id': streamId } }
  const holder = delivery === 'poll' ? pollHolder(streamId) : env.ids.random()
  const begun = await begin(env, call, {
    principal,
    webhookSecret,
    streamId,
    holder,
    isPolled: delivery === 'poll',
  })
  if (delivery === 'poll' && 'framework' in begun) {
    const record = recordOf(subscribed(env, begun.framework.frameworkId), mediaType)
    return { ...head, headers: { ...head.headers, 'meseta-delivery': delivery }, body: record }
  }
  if ('framework' in begun && begun.framework.delivery !== undefined)
    return await deliveredSession(env, begun.framework, { head, mediaType, webhookSecret })
  const body =
    'message' in begun ? refusedStream(begun.message, mediaType) : sessionStream(env, { ...begun, mediaType })
  return { ...head, body }
}

/** One record and the end of the body; from now on the notifier is the session's reader (R19). */
async function deliveredSession(
  env: Environment,
  { frameworkId, delivery }: Framework,
  {
    head,
    mediaType,
    webhookSecret,
  }: {
    readonly head: Omit<HttpAnswer, 'body'>
    readonly mediaType: MediaType
    readonly webhookSecret: string | undefined
  },
): Promise<HttpAnswer> {
  await nudgeNotifier(env, frameworkId).catch((error: unknown) =>
    env.log.warn('nudge lost', { frameworkId, error: String(error) }),
  )
  const secret = delivery?.secret
  // Who brought it knows it; who did not may have lost the answer that said it first.
  const said = secret === undefined || secret === webhookSecret ? {} : { [WEBHOOK_SECRET]: secret }
  const body = recordOf(subscribed(env, frameworkId), mediaType)
  return { ...head, headers: { ...head.headers, ...said }, body }
}

function secretError(secret: string | undefined): string | undefined {
  if (secret === undefined) return undefined
  const isGood = secret.length >= MIN_SECRET_LENGTH && secret.length <= MAX_SECRET_LENGTH
  // What is no ASCII is read in one way by those who send a header, and in another by those who compute with it.
  return isGood && /^[!-~]*$/.test(secret)
    ? undefined
    : `The header 'Meseta-Webhook-Secret' must have ${MIN_SECRET_LENGTH} to ${MAX_SECRET_LENGTH} printable characters without spaces`
}

async function begin(
  env: Environment,
  call: SchedulerCallSubscribe,
  who: Subscribing,
): Promise<{ readonly framework: Framework; readonly lease: Lease } | { readonly message: string }> {
  const refused = await deliveryRefusal(env, call.framework_info, who)
  if (refused !== undefined) return { message: refused }
  const decided = await written(env, call, who)
  if (decided.kind === 'error') return decided
  const { framework } = decided
  await raiseAll(env, framework)
  const lease = await takeLease(env, framework, who.holder)
  return lease === undefined ? { message: 'Framework failed over' } : { framework, lease }
}

/** Why nothing may be delivered where the labels say; what is wrong with the labels themselves, the decision says. */
async function deliveryRefusal(
  env: Environment,
  info: FrameworkInfo,
  { isPolled }: Subscribing,
): Promise<string | undefined> {
  const target = deliveryError(info) === undefined ? deliveryOf(info) : undefined
  if (target === undefined) return undefined
  if (isPolled) return `Events are polled for, or delivered by ${target.kind}, not both`
  const refusal = await outletsOf(env).refusal(target)
  return refusal === undefined ? undefined : `Nothing can be delivered to 'meseta.delivery.url': ${refusal}`
}

async function written(
  env: Environment,
  call: SchedulerCallSubscribe,
  who: Subscribing,
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
