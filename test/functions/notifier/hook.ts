// A webhook for tests: a small HTTP server that remembers what it was sent, and a framework that answers to it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { FrameworkInfo, SchedulerCall, SchedulerEvent, TaskStatus } from '../../../protocol/messages.ts'
import { type Answer, send } from '../../framework.ts'

export interface Delivered {
  readonly framework_id: { readonly value: string }
  readonly stream_id: string
  readonly number: number
  readonly events: readonly { readonly id: string; readonly event: SchedulerEvent }[]
}

export interface Post {
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly delivered: Delivered
}

export interface Hook {
  readonly url: string
  /** Everything that came, answered well or not. */
  readonly posts: readonly Post[]
  /** Ids of events in the order in which they were first taken. */
  readonly taken: ReadonlyMap<string, SchedulerEvent>
  /** What the next posts are answered with: a status, or `never`; 200 when it runs out. */
  readonly answers: (number | 'never')[]
  /** Answers every post while it is set. */
  always: number | 'never' | undefined
  /** Hears each post before it is answered. */
  onPost: ((post: Post) => Promise<unknown>) | undefined
  close(): Promise<void>
}

export async function startHook(): Promise<Hook> {
  const posts: Post[] = []
  const taken = new Map<string, SchedulerEvent>()
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const hook: Hook = {
    url: `http://127.0.0.1:${port}/events`,
    posts,
    taken,
    answers: [],
    always: undefined,
    onPost: undefined,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return hook

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const post: Post = { headers: request.headers, body, delivered: JSON.parse(body) as Delivered }
    posts.push(post)
    const status = hook.answers.shift() ?? hook.always ?? 200
    if (status === 'never') return
    if (status === 200) {
      for (const { id, event } of post.delivered.events) if (!taken.has(id)) taken.set(id, event)
      // The cluster may stop while a function of its frameworks runs.
      await hook.onPost?.(post).catch(() => {})
    }
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end('thank you')
  }
}

/** A session without a stream. */
export interface Session {
  readonly id: string
  readonly streamId: string
  readonly answer: Answer
  readonly secret: string | undefined
  call(call: Omit<SchedulerCall, 'framework_id'>): Promise<Answer>
  acknowledge(status: TaskStatus): Promise<Answer>
}

export function labels(kind: string, url?: string): Pick<FrameworkInfo, 'labels'> {
  const delivery = { key: 'meseta.delivery', value: kind }
  return {
    labels: {
      labels: url === undefined ? [delivery] : [delivery, { key: 'meseta.delivery.url', value: url }],
    },
  }
}

/** Sends a SUBSCRIBE and reads its one record. */
export async function subscribeDelivered(
  master: string,
  info: Partial<FrameworkInfo>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const url = `${master}/api/v1/scheduler`
  const json = { 'content-type': 'application/json', accept: 'application/json' }
  const framework_info = { user: 'root', name: 'delivered', ...info }
  const call: SchedulerCall = {
    type: 'SUBSCRIBE',
    ...(info.id === undefined ? {} : { framework_id: info.id }),
    subscribe: { framework_info },
  }
  const answer = await send(url, { headers: { ...json, ...headers }, body: JSON.stringify(call) })
  const event = answer.status === 200 ? recordsOf(answer.text)[0] : undefined
  const id = event?.subscribed?.framework_id.value ?? ''
  const streamId = answer.headers['mesos-stream-id'] ?? ''
  const session: Session = {
    id,
    streamId,
    answer,
    secret: answer.headers['meseta-webhook-secret'],
    call: (given) =>
      send(url, {
        headers: { ...json, 'mesos-stream-id': streamId },
        body: JSON.stringify({ ...given, framework_id: { value: id } }),
      }),
    acknowledge: ({ agent_id = { value: '' }, task_id, uuid = '' }) =>
      session.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } }),
  }
  return session
}

/** Events of a body that has ended. */
export function recordsOf(text: string): SchedulerEvent[] {
  const events: SchedulerEvent[] = []
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    const end = rest.indexOf(10)
    const length = Number(rest.subarray(0, end))
    // What a test of ours reads is what our codec wrote.
    events.push(JSON.parse(rest.subarray(end + 1, end + 1 + length).toString()) as SchedulerEvent)
    rest = rest.subarray(end + 1 + length)
  }
  return events
}

/** Real milliseconds. */
export async function until(holds: () => boolean, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
