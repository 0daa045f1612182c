// An executor as a client of the agent's HTTP API: the process runs elsewhere, the test speaks for it.
import { request as httpRequest } from 'node:http'
import type { ExecutorCall, ExecutorEvent, TaskStatus } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { until } from './agent-process.ts'

export interface Subscription {
  readonly status: number
  readonly contentType: string | undefined
  readonly events: ExecutorEvent[]
  readonly types: () => string[]
  closed: boolean
  close(): void
}

export type CallBody = Partial<ExecutorCall> & { readonly type: string }

export async function post(
  port: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/executor`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

export function callOf(executorId: string, call: CallBody): unknown {
  return { framework_id: { value: 'f' }, executor_id: { value: executorId }, ...call }
}

export function updateOf(
  executorId: string,
  taskId: string,
  state: string,
  more: Partial<TaskStatus> = {},
): unknown {
  const status = { task_id: { value: taskId }, state, source: 'SOURCE_EXECUTOR', uuid: uuid(), ...more }
  return { ...(callOf(executorId, { type: 'UPDATE' }) as object), update: { status } }
}

export function uuid(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64')
}

/** Subscribes and gathers events until closed. */
export async function subscribe(
  port: number,
  executorId: string,
  more: NonNullable<ExecutorCall['subscribe']> = {},
): Promise<Subscription> {
  const decoder = new RecordDecoder()
  return await new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        path: '/slave(1)/api/v1/executor',
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
      },
      (response) => {
        const subscription: Subscription = {
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'],
          events: [],
          types: () => subscription.events.map((event) => event.type ?? ''),
          closed: false,
          close: () => request.destroy(),
        }
        response.on('data', (chunk: Buffer) => {
          for (const record of decoder.push(chunk)) subscription.events.push(JSON.parse(record.toString()))
        })
        response.on('close', () => {
          subscription.closed = true
        })
        response.on('error', () => {})
        resolve(subscription)
      },
    )
    request.on('error', reject)
    request.end(JSON.stringify(callOf(executorId, { type: 'SUBSCRIBE', subscribe: more })))
  })
}

export async function eventOf(subscription: Subscription, type: string): Promise<ExecutorEvent> {
  await until(() => subscription.types().includes(type))
  const event = subscription.events.find((one) => one.type === type)
  if (event === undefined) throw new Error(`there is no ${type}`)
  return event
}
