// A small scheduler over the public wire: subscribes, and hands each event to whoever runs it.
import type { SchedulerCall, SchedulerEvent } from '../protocol/messages.ts'
import { RecordDecoder } from '../protocol/recordio.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { callJson, openStream } from './http.ts'

export interface Session {
  readonly frameworkId: string
  /** Sends a call of this session; throws when it is refused. */
  call(call: Omit<SchedulerCall, 'framework_id'>): Promise<void>
  /** Events after SUBSCRIBED, until the stream ends. */
  readonly events: AsyncIterable<SchedulerEvent>
  close(): void
}

/** Subscribes and waits for SUBSCRIBED. An ERROR event becomes an error for people. */
export async function subscribe(
  master: string,
  subscribeBody: NonNullable<SchedulerCall['subscribe']>,
): Promise<Session> {
  const url = `${master}/api/v1/scheduler`
  const ending = new AbortController()
  const id = subscribeBody.framework_info.id
  const response = await openStream(
    url,
    { type: 'SUBSCRIBE', ...(id === undefined ? {} : { framework_id: id }), subscribe: subscribeBody },
    ending.signal,
  )
  const streamId = response.headers.get('mesos-stream-id') ?? ''
  const events = eventsOf(response)
  const first = await events.next()
  if (first.done)
    throw new CommandError(
      'the control plane ended the stream before it said anything; try again',
      EXIT.refused,
    )
  if (first.value.type === 'ERROR') {
    throw new CommandError(
      `the control plane refused the framework: ${first.value.error?.message}`,
      EXIT.refused,
    )
  }
  const frameworkId = first.value.subscribed?.framework_id.value
  if (frameworkId === undefined)
    throw new CommandError(`expected SUBSCRIBED, got ${first.value.type}`, EXIT.refused)
  return {
    frameworkId,
    events,
    call: (call) =>
      callJson<void>(url, { ...call, framework_id: { value: frameworkId } }, { 'Mesos-Stream-Id': streamId }),
    close: () => ending.abort(),
  }
}

async function* eventsOf(response: Response): AsyncGenerator<SchedulerEvent> {
  const decoder = new RecordDecoder()
  if (response.body === null) return
  try {
    for await (const chunk of response.body) {
      for (const record of decoder.push(chunk)) {
        // The wire's own encoder made this text: its shape is the message's.
        yield JSON.parse(Buffer.from(record).toString('utf8')) as SchedulerEvent
      }
    }
  } catch {
    // The connection broke, or was closed by us: either way the stream has ended.
  }
}
