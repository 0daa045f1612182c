// The control plane as the agent reaches it: signed calls that are answered, its own queue of nudges, and beats.
//
// Walk: before it functions/tell.ts, after it agent/agent.ts. Nothing here retries: whoever calls decides when.
import { randomUUID } from 'node:crypto'
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { AgentAnswer, AgentCall, Beat, Nudge, RegisterAnswer } from '../protocol/agent-messages.ts'
import { readJson, writeJson } from './exact-json.ts'

/** Where nudges come from and beats go to, as the registration said. */
export type Queues = Pick<
  Extract<RegisterAnswer, { kind: 'registered' }>,
  'beats' | 'commands' | 'queueEndpoint'
>

export interface ReceivedNudge {
  /** Undefined when the message is no nudge: it is logged and removed. */
  readonly nudge: Nudge | undefined
  readonly receipt: string
}

/** What the agent needs of the control plane; tests put their own in its place. */
export interface ControlPlane {
  /** Rejects when there is no answer; whether the call took effect is unknown then. */
  call<C extends AgentCall>(call: C): Promise<AgentAnswer<C>>
  /** Waits up to 20 s for nudges; empty when none came, or when aborted. */
  receive(queues: Queues, signal: AbortSignal): Promise<readonly ReceivedNudge[]>
  /** Removes nudges that were acted on; those that stay are delivered again, which does no harm. */
  remove(queues: Queues, receipts: readonly string[]): Promise<void>
  /** Sends a beat once: never twice, because order and stamps are what counts. */
  beat(queues: Queues, beat: Beat): Promise<void>
  close(): void
}

const CALL_TIMEOUT_MS = 30_000
const LONG_POLL_SECONDS = 20
/** Beats that were not taken by then are worth nothing any more. */
const BEAT_TIMEOUT_MS = 5_000

/** @param url of the control plane, such as `http://127.0.0.1:5050` */
export function httpControlPlane(url: string): ControlPlane {
  const endpoint = new URL('api/v1/agent', url.endsWith('/') ? url : `${url}/`)
  const clients = new Map<string, SQSClient>()
  return {
    call: (call) => post(endpoint, call),
    receive: (queues, signal) => receive(clientFor(queues), queues, signal),
    async remove(queues, receipts) {
      const Entries = receipts.map((receipt, index) => ({ Id: String(index), ReceiptHandle: receipt }))
      await clientFor(queues).send(
        new DeleteMessageBatchCommand({ QueueUrl: queues.commands.queueUrl, Entries }),
      )
    },
    async beat(queues, beat) {
      const command = new SendMessageCommand({
        QueueUrl: queues.beats.queueUrl,
        MessageBody: JSON.stringify(beat),
        MessageGroupId: queues.beats.group,
        MessageDeduplicationId: randomUUID(),
      })
      await clientFor(queues).send(command, { abortSignal: AbortSignal.timeout(BEAT_TIMEOUT_MS) })
    },
    close() {
      for (const client of clients.values()) client.destroy()
    },
  }

  function clientFor({ queueEndpoint }: Queues): SQSClient {
    const known = clients.get(queueEndpoint ?? '')
    if (known !== undefined) return known
    const client = newClient(queueEndpoint)
    clients.set(queueEndpoint ?? '', client)
    return client
  }
}

/** One attempt each: repeats are decided where it is known what a repeat means. */
function newClient(endpoint: string | undefined): SQSClient {
  if (endpoint === undefined) return new SQSClient({ maxAttempts: 1 })
  return new SQSClient({
    maxAttempts: 1,
    endpoint,
    useQueueUrlAsEndpoint: false,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
}

async function post<C extends AgentCall>(endpoint: URL, call: C): Promise<AgentAnswer<C>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: writeJson(call),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  })
  const text = await response.text()
  if (!response.ok)
    throw new Error(`${call.type} was answered with ${response.status}: ${text.slice(0, 200)}`)
  // The control plane answers in the types of protocol/agent-messages.ts.
  return readJson(text) as AgentAnswer<C>
}

async function receive(
  client: SQSClient,
  queues: Queues,
  signal: AbortSignal,
): Promise<readonly ReceivedNudge[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queues.commands.queueUrl,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: LONG_POLL_SECONDS,
  })
  try {
    const { Messages = [] } = await client.send(command, { abortSignal: signal })
    return Messages.map((message) => ({
      nudge: nudgeOf(message.Body ?? ''),
      receipt: message.ReceiptHandle ?? '',
    }))
  } catch (error) {
    if (signal.aborted) return []
    throw error
  }
}

function nudgeOf(body: string): Nudge | undefined {
  try {
    const nudge = readJson(body)
    if (typeof nudge !== 'object' || nudge === null || !('kind' in nudge)) return undefined
    // Its queue takes messages of the control plane only.
    return nudge as Nudge
  } catch {
    return undefined
  }
}
