// How the beats of one shard fall into batches: each batch is an invocation, a write and two requests of the queue.
//
// A handler holds its shard's group while it works, and a while longer if its batch was not full (R13), so the next
// batch is what came meanwhile. This follows some rounds of beats through that rule. Agents beat at moments by chance, for
// nothing keeps them apart: now and then there are more than fit into a batch, and a nearly empty one follows.

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
/** The same chances each time. */
const SEEDS = [1, 2, 3]

/** What was followed once: a bill asks for the same shards many times. */
const followedBefore = new Map<string, Batches>()

/** Mean of some chances. */
export function batchesOf(shard: Shard): Batches {
  const name = `${shard.agents} ${shard.beatMs} ${shard.tickMs}`
  const known = followedBefore.get(name) ?? meanOf(shard)
  followedBefore.set(name, known)
  return known
}

function meanOf(shard: Shard): Batches {
  const all = SEEDS.map((seed) => followed(shard, seed))
  const mean = (of: (batches: Batches) => number) =>
    all.reduce((sum, batches) => sum + of(batches), 0) / all.length
  return { perSecond: mean(({ perSecond }) => perSecond), busy: mean(({ busy }) => busy) }
}

function followed(shard: Shard, seed: number): Batches {
  const arrivals = arrivalsOf(shard, seed)
  const spanMs = ROUNDS * Math.max(shard.beatMs, shard.tickMs)
  const pauseMs = isBusy(shard) ? pauseOf(shard.beatMs) : 0
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
    const ms = size < FULL ? Math.max(WORK_MS, pauseMs) : WORK_MS
    free = start + ms
    batches++
    busyMs += ms
  }
  return { perSecond: (batches / spanMs) * 1_000, busy: Math.min(1, busyMs / spanMs) }
}

/** As functions/lambda/patient-heartbeats.ts has it, with what follows; a test compares. */
export function isBusy({ agents, beatMs, tickMs }: Shard): boolean {
  return (agents / beatMs + 1 / tickMs) * 1_000 >= WORTH_A_SECOND
}

const WORTH_A_SECOND = 0.6

export function pauseOf(beatMs: number): number {
  if (beatMs >= 15_000) return 2_500
  return beatMs >= 3_000 ? 700 : 0
}

function arrivalsOf({ agents, beatMs, tickMs }: Shard, seed: number): readonly number[] {
  const spanMs = ROUNDS * Math.max(beatMs, tickMs)
  const times: number[] = []
  let state = seed
  for (let agent = 0; agent < agents; agent++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    for (let at = (state / 2 ** 32) * beatMs; at < spanMs; at += beatMs) times.push(at)
  }
  for (let at = 0; at < spanMs; at += tickMs) times.push(at)
  return times.sort((a, b) => a - b)
}

/**
 * How many agents the shards have, with shares: where there are several, each takes them by chance, so some have a
 * fifth more than the mean.
 */
export function sizesOf(
  mean: number,
  shards: number,
): readonly { readonly agents: number; readonly share: number }[] {
  if (shards <= 1) return [{ agents: mean, share: 1 }]
  return NORMAL.map(([deviations, share]) => ({
    agents: Math.max(0, Math.round(mean + deviations * Math.sqrt(mean))),
    share,
  }))
}

/** The normal distribution in nine steps. */
const NORMAL = [
  [-2, 0.0278],
  [-1.5, 0.0656],
  [-1, 0.121],
  [-0.5, 0.1747],
  [0, 0.2218],
  [0.5, 0.1747],
  [1, 0.121],
  [1.5, 0.0656],
  [2, 0.0278],
] as const
