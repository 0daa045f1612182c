// A message of the queue `ticks` becomes one or more ticks of the detector.
//
// A tick is a time by the queue's clock: the stamp of the message and the delay that was asked for. All ticks of a
// minute are sent together, so the stamp alone would let time stand still for a minute.
import { sleep } from '../../protocol/clock.ts'
import { detect, type Seen } from '../detector/handler.ts'
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'

/** What the planner writes: SQS delays by whole seconds, ticks may be denser. */
export interface TickMessage {
  /** The delay the message was sent with, ms. */
  readonly delayMs: number
  /** Ticks from then on, ms. */
  readonly offsetsMs: readonly number[]
}

/** Longer than any plan: what says more is no message of the planner. */
const MAX_DELAY_MS = 900_000
const MAX_OFFSETS = 10
const ONCE: TickMessage = { delayMs: 0, offsetsMs: [0] }

/**
 * Does the latest tick of the batch; the others are contained in it. Nothing comes again: by then there are newer
 * ticks, and a table that is away is in the log each time.
 */
export async function detectTicks(
  env: Environment,
  batch: readonly QueueMessage[],
  onSeen?: (seen: Seen) => void,
): Promise<readonly string[]> {
  const ticks = batch.map(({ body, sentAt }) => ({ sentAt, ...readTick(body) }))
  const latest = ticks.toSorted((a, b) => dueAt(b) - dueAt(a))[0]
  if (latest === undefined) return []
  const begun = env.clock.now()
  for (const offsetMs of latest.offsetsMs) {
    await sleep(env.clock, begun + offsetMs - env.clock.now())
    try {
      await detect(env, { at: dueAt(latest) + offsetMs, onSeen })
    } catch (error) {
      env.log.error('detector failed', { error: error instanceof Error ? error.stack : String(error) })
    }
  }
  return []
}

function dueAt({ sentAt, delayMs }: { readonly sentAt: number; readonly delayMs: number }): number {
  return sentAt + delayMs
}

/** Anything else is a tick at once: whoever sent it wants one. */
export function readTick(body: string): TickMessage {
  const { delayMs, offsetsMs } = parsed(body)
  const isDelay = (value: unknown): value is number =>
    typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS
  const isList = Array.isArray(offsetsMs) && offsetsMs.length > 0 && offsetsMs.length <= MAX_OFFSETS
  if (!isDelay(delayMs) || !isList || !offsetsMs.every(isDelay)) return ONCE
  return { delayMs, offsetsMs }
}

function parsed(body: string): { readonly delayMs?: unknown; readonly offsetsMs?: unknown } {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
