// How the beats of one shard fall into batches: each batch is an invocation, a write and two requests of the queue.
//
// A handler holds its shard's group while it works, and a while longer if its batch was not full (R13), so the next
// batch is what came meanwhile. This follows some rounds of beats through that rule, agents beating evenly apart.

export interface Shard {
  readonly agents: number
  readonly beatMs: number
  readonly tickMs: number
}

export interface Batches {
  readonly perSecond: number
  /** Share of the time in which an invocation is under way, and billed. */
  readonly busy: number
}

/** SQS: messages of one batch of a FIFO queue. */
const FULL = 10
/** A batch's own work with the smallest memory, ms: three calls of the table one after the other. Assumed, not measured on AWS. */
const WORK_MS = 60
const ROUNDS = 40

export function batchesOf(shard: Shard): Batches {
  const arrivals = arrivalsOf(shard)
  const spanMs = ROUNDS * Math.max(shard.beatMs, shard.tickMs)
  const pauseMs = pauseOf(shard.beatMs)
  let free = 0
  let next = 0
  let batches = 0
  let busyMs = 0
  while (next < arrivals.length) {
    const start = Math.max(free, arrivals[next] ?? 0)
    let size = 0
    while (size < FULL && (arrivals[next] ?? Number.POSITIVE_INFINITY) <= start) {
      next++
      size++
    }
    const ms = WORK_MS + (size < FULL ? pauseMs : 0)
    free = start + ms
    batches++
    busyMs += ms
  }
  return { perSecond: (batches / spanMs) * 1_000, busy: Math.min(1, busyMs / spanMs) }
}

/** As functions/lambda/patient-heartbeats.ts has it. */
export function pauseOf(beatMs: number): number {
  if (beatMs >= 15_000) return 1_500
  return beatMs >= 3_000 ? 700 : 0
}

/** Phases by the golden ratio: evenly apart and in no step with anything. */
function arrivalsOf({ agents, beatMs, tickMs }: Shard): readonly number[] {
  const spanMs = ROUNDS * Math.max(beatMs, tickMs)
  const times: number[] = []
  for (let agent = 0; agent < agents; agent++) {
    for (let at = ((agent * 0.618_034) % 1) * beatMs; at < spanMs; at += beatMs) times.push(at)
  }
  for (let at = 0; at < spanMs; at += tickMs) times.push(at)
  return times.sort((a, b) => a - b)
}
