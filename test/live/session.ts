// One session of a scheduler that lives through anything: opened with a time limit, called with a time limit.
import type { SchedulerCall, SchedulerEvent } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'

/** A call that has no answer by then is called off; what it did is found out by reconciling. */
const CALL_MS = 10_000
const OPEN_MS = 15_000
/** Three heartbeats of the stream and a little. */
const SILENT_MS = 50_000

export interface Session {
  readonly frameworkId: string
  /** Resolves when the control plane took the call; rejects with its words otherwise. */
  call(call: Omit<SchedulerCall, 'framework_id'>): Promise<void>
  close(): void
}

export interface SessionOptions {
  /** Of the control plane. */
  readonly master: string
  readonly subscribe: NonNullable<SchedulerCall['subscribe']>
  readonly onEvent: (event: SchedulerEvent) => void
  /** Said once, however the stream ended. */
  readonly onEnd: (why: string) => void
}

/** Subscribes and waits for SUBSCRIBED, which goes to `onEvent` too. Rejects with a sentence. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const url = `${options.master}/api/v1/scheduler`
  const ending = new AbortController()
  const late = setTimeout(() => ending.abort(new Error('no SUBSCRIBED came in time')), OPEN_MS)
  const id = options.subscribe.framework_info.id
  try {
    const response = await post(
      url,
      {
        type: 'SUBSCRIBE',
        ...(id === undefined ? {} : { framework_id: id }),
        subscribe: options.subscribe,
      },
      {},
      ending.signal,
    )
    const events = eventsOf(response)
    const first = await events.next()
    if (first.done === true) throw new Error('the stream ended before it said anything')
    const frameworkId = first.value.subscribed?.framework_id.value
    if (frameworkId === undefined)
      throw new Error(first.value.error?.message ?? `the first event was ${first.value.type}`)
    const streamId = response.headers.get('mesos-stream-id') ?? ''
    void pump(events, first.value, ending, options)
    return {
      frameworkId,
      async call(call) {
        const answer = await post(
          url,
          { ...call, framework_id: { value: frameworkId } },
          { 'Mesos-Stream-Id': streamId },
          // Not ended with the stream: TEARDOWN ends it before it is answered.
          AbortSignal.timeout(CALL_MS),
        )
        await answer.arrayBuffer()
      },
      close: () => ending.abort(new Error('closed by the scheduler')),
    }
  } catch (error) {
    ending.abort()
    throw error
  } finally {
    clearTimeout(late)
  }
}

async function pump(
  events: AsyncGenerator<SchedulerEvent>,
  first: SchedulerEvent,
  ending: AbortController,
  { onEvent, onEnd }: SessionOptions,
): Promise<void> {
  const watch = () => setTimeout(() => ending.abort(new Error('no heartbeat came')), SILENT_MS)
  let silence = watch()
  let why = 'the control plane ended the stream'
  onEvent(first)
  try {
    for await (const event of events) {
      clearTimeout(silence)
      silence = watch()
      onEvent(event)
    }
  } catch (error) {
    why = sentence(error)
  }
  clearTimeout(silence)
  ending.abort()
  onEnd(why)
}

async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
    signal,
  })
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`)
  return response
}

async function* eventsOf(response: Response): AsyncGenerator<SchedulerEvent> {
  const decoder = new RecordDecoder()
  if (response.body === null) return
  for await (const chunk of response.body) {
    for (const record of decoder.push(chunk)) {
      // The wire's own encoder made this text: its shape is the message's.
      yield JSON.parse(Buffer.from(record).toString('utf8')) as SchedulerEvent
    }
  }
}

/** What went wrong, without the stack. */
export function sentence(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } }
  return `${message ?? String(error)}${cause === undefined ? '' : ` (${cause.code ?? cause.message})`}`
}
