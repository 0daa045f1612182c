// The control plane as the agent reaches it: signed calls that are answered, its own queue of nudges, and beats.
//
// Walk: before it functions/tell.ts, after it agent/agent.ts. Nothing here retries: whoever calls decides when.
import { randomUUID } from 'node:crypto'
import type { AgentAnswer, AgentCall, Beat, Nudge, RegisterAnswer } from '../protocol/agent-messages.ts'
import { systemClock } from '../protocol/clock.ts'
import { skewWarning, VERSION_HEADER } from '../protocol/skew.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { readJson, writeJson } from './exact-json.ts'
import { type QueueCalls, queueCalls } from './queue-calls.ts'
import { type Sign, signing } from './signing.ts'

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

/** Sends headers as they are. */
const UNSIGNED: Sign = async ({ headers }) => headers

/**
 * Calls of an `https` address are signed: it is a control plane on AWS. Emulators and one machine speak `http`.
 * @param url of the control plane, such as `http://127.0.0.1:5050`
 * @param warn hears once, in a sentence, that the control plane is of a release too far away
 */
export function httpControlPlane(
  url: string,
  warn: (sentence: string) => void = () => {},
  sign: Sign = url.startsWith('https:') ? signing(systemClock, process.env.AWS_REGION) : UNSIGNED,
): ControlPlane {
  const endpoint = new URL('api/v1/agent', url.endsWith('/') ? url : `${url}/`)
  const known = new Map<string, QueueCalls>()
  let hasWarned = false
  return {
    call: (call) => post(endpoint, call, { hear, sign }),
    receive: (queues, signal) => receive(callsTo(queues), queues, signal),
    async remove(queues, receipts) {
      const Entries = receipts.map((receipt, index) => ({ Id: String(index), ReceiptHandle: receipt }))
      await callsTo(queues).remove({ QueueUrl: queues.commands.queueUrl, Entries })
    },
    async beat(queues, beat) {
      const message = {
        QueueUrl: queues.beats.queueUrl,
        MessageBody: JSON.stringify(beat),
        MessageGroupId: queues.beats.group,
        MessageDeduplicationId: randomUUID(),
      }
      await callsTo(queues).send(message, AbortSignal.timeout(BEAT_TIMEOUT_MS))
    },
    close() {
      for (const calls of known.values()) calls.close()
    },
  }

  function hear(version: string | null): void {
    const warning = skewWarning('The control plane', version)
    if (warning === undefined || hasWarned) return
    hasWarned = true
    warn(warning)
  }

  function callsTo({ queueEndpoint }: Queues): QueueCalls {
    const calls = known.get(queueEndpoint ?? '') ?? queueCalls(queueEndpoint)
    known.set(queueEndpoint ?? '', calls)
    return calls
  }
}

async function post<C extends AgentCall>(
  endpoint: URL,
  call: C,
  { hear, sign }: { readonly hear: (version: string | null) => void; readonly sign: Sign },
): Promise<AgentAnswer<C>> {
  const body = writeJson(call)
  const plain = { 'content-type': 'application/json', [VERSION_HEADER]: MESETA_VERSION }
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: await sign({ url: endpoint, headers: plain, body }),
    body,
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  })
  hear(response.headers.get(VERSION_HEADER))
  const text = await response.text()
  if (!response.ok)
    throw new Error(`${call.type} was answered with ${response.status}: ${text.slice(0, 200)}`)
  // The control plane answers in the types of protocol/agent-messages.ts.
  return readJson(text) as AgentAnswer<C>
}

async function receive(
  calls: QueueCalls,
  queues: Queues,
  signal: AbortSignal,
): Promise<readonly ReceivedNudge[]> {
  const asked = {
    QueueUrl: queues.commands.queueUrl,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: LONG_POLL_SECONDS,
  }
  try {
    const { Messages = [] } = await calls.receive(asked, signal)
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
