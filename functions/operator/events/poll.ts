// `EVENTS`: a framework's events by long poll, for whoever stands between a framework and a gateway (R18).
//
// The poller is the reader: it says in each poll what its framework got, and nothing else leaves the mailbox. A poll
// remembers nothing, so any number of copies of it may run, on any host, and any answer may get lost.
import { registrationRefusal } from '../../../master/authorization/frameworks.ts'
import { READER_PAUSES } from '../../../master/settings.ts'
import { sleep } from '../../../protocol/clock.ts'
import { decodeJsonValue } from '../../../protocol/codec.ts'
import { idError } from '../../../protocol/ids.ts'
import type { Environment } from '../../environment.ts'
import { type HttpAnswer, text } from '../../http/types.ts'
import { areDoorsClosed, closedAnswer } from '../../restore/doors.ts'
import { disconnect } from '../../scheduler/disconnect.ts'
import { hangBell } from '../../scheduler/mailbox.ts'
import { type Batch, lookForPoll, type PollEnd, type Polled, type PollLook } from './look.ts'

/** A gateway gives up an answer after 29 s. */
export const MAX_WAIT_MS = 20_000
/** Behind the end of a poll the lease is kept so long: the next one, and some that fail, come within it. */
export const LEASE_BEHIND_POLL_MS = 15_000
/** Ids in one poll: 4 MB hold more, an unacknowledged update each. */
const MAX_IDS = 40_000
/** An id is a tag, and for a page the place of the next one, which names a task. */
const MAX_ID_LENGTH = 2_000
/** After a look at most so long is rested, as the reader does. */
const MOST_REST_MS = 1_000

interface Asked {
  readonly frameworkId: string
  readonly streamId: string
  readonly waitMs: number
  readonly confirm: readonly string[]
  readonly received: readonly string[]
  /** How long the poller has had nothing to do: rare looks are enough then. */
  readonly idleMs: number
  /** The framework has closed its stream. */
  readonly close: boolean
}

interface Answer {
  readonly batches?: readonly Batch[]
  readonly settled?: readonly string[]
  readonly ended?: PollEnd
}

/** Answers one poll: as soon as there is something to say, at the end of the session, or after the wait. */
export async function pollEvents(
  env: Environment,
  body: Readonly<Record<string, unknown>>,
  { principal }: { readonly principal?: string | undefined },
): Promise<HttpAnswer> {
  const asked = readPoll(body)
  if (typeof asked === 'string') return text(400, asked)
  // The rest of this path is open for whoever restores; a framework's events wait until the table is made right.
  if (await areDoorsClosed(env)) return closedAnswer()
  const { frameworkId } = asked
  const framework = await env.store.get('framework', { frameworkId })
  // Another's is answered as one that is not there (A25), and a cluster that was started anew adopts the framework when
  // it subscribes (C48), where a wrong principal is told so.
  const isForeign = principal !== undefined && principal !== framework?.principal
  if (framework === undefined || isForeign) return answered({ end: 'DISCONNECTED' })
  const refused = registrationRefusal(env.settings.acls, framework.info)
  if (refused !== undefined) return text(403, refused)
  const polled: Polled = {
    frameworkId,
    streamId: asked.streamId,
    held: { confirmed: new Set(asked.confirm), received: new Set(asked.received) },
    leaseMs: asked.waitMs + LEASE_BEHIND_POLL_MS,
    isSaying: !asked.close,
  }
  if (asked.close) return await closed(env, polled)
  return answered(await lookUntilDue(env, polled, asked))
}

async function closed(env: Environment, polled: Polled): Promise<HttpAnswer> {
  const look = await lookForPoll(env, polled)
  if (look.end !== undefined) return answered(look)
  await disconnect(env, { frameworkId: polled.frameworkId, epoch: look.epoch, why: 'closed' })
  return answered({ end: 'DISCONNECTED' })
}

async function lookUntilDue(env: Environment, polled: Polled, asked: Asked): Promise<PollLook> {
  const pauses = env.settings.readerPauses ?? READER_PAUSES
  const isIdle = asked.idleMs > pauses.busyForMs
  const overAt = env.clock.now() + asked.waitMs
  const settled = new Set<string>()
  for (let pauseMs = isIdle ? pauses.idleMs : pauses.firstMs; ; ) {
    // Hung up before the look: a ring during it must not be missed.
    const bell = hangBell(env, polled.frameworkId)
    const beganAt = env.clock.now()
    const look = await lookForPoll(env, polled).catch((error: unknown) => {
      bell.takeDown()
      throw error
    })
    const now = env.clock.now()
    const leftMs = overAt - now
    if (look.end !== undefined) {
      bell.takeDown()
      return look
    }
    // What one look settled, the next does not find any more.
    for (const id of look.settled) settled.add(id)
    if (look.batches.length > 0 || (leftMs <= 0 && !look.isMore)) {
      bell.takeDown()
      return { ...look, settled: [...settled] }
    }
    // At most half of the time is spent looking, however long the mailbox is and however often the bell rings.
    const restMs = Math.min(now - beganAt, MOST_REST_MS)
    const dueMs = Math.max(look.dueInMs, pauses.firstMs)
    const waitMs = look.isMore ? 0 : Math.min(Math.max(pauseMs, restMs), dueMs, leftMs)
    await bell.wait(waitMs)
    if (bell.hasRung()) await sleep(env.clock, Math.min(restMs, leftMs))
    if (!isIdle) pauseMs = Math.min(pauseMs * 1.5, pauses.longestMs)
  }
}

function answered(look: PollLook): HttpAnswer {
  if (look.end === 'streamed') {
    return text(
      409,
      "The events of this session go to its own stream; SUBSCRIBE with the header 'Meseta-Delivery: poll' begins one that is polled",
    )
  }
  const answer: Answer =
    look.end === undefined ? { batches: look.batches, settled: look.settled } : { ended: look.end }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: written(answer) }
}

/** The events are texts already, in Mesos's own mapping, which `JSON.stringify` does not know. */
function written({ batches = [], settled = [], ended }: Answer): string {
  const texts = batches.map(
    ({ ids, events }) => `{"ids":${JSON.stringify(ids)},"events":[${events.join(',')}]}`,
  )
  const end = ended === undefined ? '' : `,"ended":${JSON.stringify(ended)}`
  return `{"type":"EVENTS","events":{"batches":[${texts.join(',')}],"settled":${JSON.stringify(settled)}${end}}}`
}

/** Or a sentence on what is wrong with it. */
function readPoll(body: Readonly<Record<string, unknown>>): Asked | string {
  const { framework_id, stream_id, wait_ms = MAX_WAIT_MS, idle_ms = 0, close = false } = body
  const framework = decodeJsonValue('mesos.v1.FrameworkID', framework_id ?? {})
  if (!framework.ok || idError(framework.message.value) !== undefined) {
    return 'The field \'framework_id\' must be an id, such as {"value": "…"}'
  }
  if (typeof stream_id !== 'string' || stream_id === '') {
    return "The field 'stream_id' must be the Mesos-Stream-Id that SUBSCRIBE was answered with"
  }
  if (!isAmount(wait_ms) || wait_ms > MAX_WAIT_MS)
    return `The field 'wait_ms' must be from 0 to ${MAX_WAIT_MS}`
  if (!isAmount(idle_ms)) return "The field 'idle_ms' must be a number that is not negative"
  if (typeof close !== 'boolean') return "The field 'close' must be true or false"
  const confirm = idsIn(body.confirm)
  const received = idsIn(body.received)
  if (confirm === undefined || received === undefined || confirm.length + received.length > MAX_IDS) {
    return `The fields 'confirm' and 'received' must be lists of ids as they came, together at most ${MAX_IDS}`
  }
  const frameworkId = framework.message.value
  return {
    frameworkId,
    streamId: stream_id,
    waitMs: wait_ms,
    confirm,
    received,
    idleMs: idle_ms,
    close,
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function idsIn(value: unknown = []): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH) ? value : undefined
}
