// The monthly cost of a control plane: counted calls of each operation, times how often it happens, times the price.
//
// Counts are data (`counts.json`, held true by test/cli/cost), prices are data (`prices.json`, dated). What neither
// says is assumed, and stands at the top of this file.
import { batchesOf, sizesOf } from './beats.ts'
import counts from './counts.json' with { type: 'json' }
import prices from './prices.json' with { type: 'json' }

export type PriceKey = keyof typeof prices.prices
export type Delivery = 'stream' | 'poll' | 'notify'

export interface Scenario {
  readonly agents: number
  /** Between two beats of an agent. */
  readonly beatSeconds: number
  /** Short tasks, each alone in its ACCEPT. */
  readonly tasksPerSecond: number
  readonly frameworks: number
  /** How frameworks hear: an open stream, the connector's polls, or webhooks and queues. */
  readonly delivery: Delivery
  /** A key of `instances.perHour` of the price file, for the three masters set beside. */
  readonly masterType: string
  readonly masterDiskGb: number
}

/**
 * Why something is asked for: the stack standing there; beats, canaries and polls of command queues; ticks and questions
 * after the list; the allocator's looks and frameworks' streams; tasks.
 */
export const CAUSES = ['standing', 'beats', 'watching', 'frameworks', 'tasks'] as const
export type Cause = (typeof CAUSES)[number]

/** Quantities a month. */
export type Usage = Partial<Record<PriceKey, number>>

export interface Estimate {
  readonly scenario: Scenario
  readonly usage: Readonly<Record<Cause, Usage>>
  /** By the settings that suit so many agents. */
  readonly settings: {
    readonly profile: string
    readonly beatShards: number
    readonly agentIndexShards: number
  }
}

interface Operation {
  readonly storeCalls?: number
  readonly readUnits?: number
  readonly writeUnits?: number
  readonly sqs?: number
  readonly fifo?: number
}

export const HOURS = 730
export const SECONDS = HOURS * 3_600
const MINUTES = HOURS * 60

/** Of the stack (cdk/functions.ts), MB. A test compares. */
export const MEMORY_MB = {
  scheduler: 1_024,
  operator: 1_024,
  agents: 1_024,
  heartbeats: 128,
  allocator: 1_024,
  detector: 1_024,
  planner: 256,
  notifier: 512,
} as const
type FunctionName = keyof typeof MEMORY_MB

/** Of the stack (cdk/): what is paid for while nothing happens. A test compares. */
export const STANDING = { alarmedMetrics: 30, secrets: 1, standardQueuesRead: 4, fifoQueuesRead: 1 } as const

/** Assumed, not measured on AWS: an invocation's own time, a call of the table, a request of a queue, ms. */
const BASE_MS = 5
const STORE_CALL_MS = 5
const SQS_REQUEST_MS = 8
/** Lambda reads each queue with five long polls of 20 s, also while it is empty. */
const IDLE_POLLS_A_MINUTE = 15
/** START, END and REPORT of an invocation, with what CloudWatch adds to each line; an access log's line. */
const LOG_BYTES = 400
const ACCESS_LOG_BYTES = 350
/** Logs are kept a month, compressed. */
const COMPRESSED = 0.15
/** An agent's long poll of its queue; a framework's poll; a stream's length before it is opened again. */
const COMMAND_POLL_SECONDS = 20
const FRAMEWORK_POLL_SECONDS = 20
const STREAM_SECONDS = 14 * 60
/** An agent that is told nothing asks for its list this often: its watch of 75 s finds it quiet for over 150 s. */
const SYNC_SECONDS = 225
/** The notifier looks for each framework without a stream. */
const NOTIFIER_LOOK_SECONDS = 3
/** Looks of a reader after it said something, until its pauses are at their longest. */
const LOOKS_PER_EVENT = 6
const MOST_LOOKS_PER_SECOND = 10
const EVENTS_PER_TASK = 4
/** As functions/detector/sight.ts has it; a test compares. */
const SLICED_ABOVE = 200
const READ_AT_ONCE = 20
const ROUND_MS = 15_000
/** A table's item and its index entries, for storage: an agent's, and a finished task's for its hour. */
const AGENT_BYTES = 3_000
const TASK_BYTES = 2_000

const operations: Readonly<Record<string, Operation>> = counts.operations
const plans: Readonly<Record<string, (typeof counts.plans)['default']>> = counts.plans

/** Throws a sentence when the instance type is not in the price file. */
export function estimate(scenario: Scenario): Estimate {
  const { agents, beatSeconds, frameworks } = scenario
  if (!Object.hasOwn(prices.instances.perHour, scenario.masterType)) {
    const known = Object.keys(prices.instances.perHour).join(', ')
    throw new RangeError(`there is no price of ${scenario.masterType}; there are ${known}`)
  }
  const profile: Context['profile'] = beatSeconds >= 15 ? 'mesos' : beatSeconds >= 3 ? 'default' : 'fast'
  const tickMs = { mesos: 10_000, default: 1_000, fast: 500 }[profile]
  const rounds = Math.max(1, Math.round(ROUND_MS / tickMs))
  const isSliced = agents > SLICED_ABOVE
  const settings = {
    profile,
    beatShards: Math.max(1, Math.ceil(agents / agentsPerShard(beatSeconds))),
    agentIndexShards: isSliced ? rounds : 1,
  }
  const context: Context = { ...scenario, ...settings, tickMs, rounds, isSliced }
  const isUp = agents > 0 || frameworks > 0
  return {
    scenario,
    settings,
    usage: {
      standing: standing(context, isUp),
      beats: agents > 0 ? ofBeats(context) : {},
      watching: isUp ? ofWatching(context) : {},
      frameworks: ofFrameworks(context),
      tasks: ofTasks(context),
    },
  }
}

interface Context extends Scenario {
  readonly profile: 'mesos' | 'default' | 'fast'
  readonly tickMs: number
  readonly beatShards: number
  readonly agentIndexShards: number
  /** Ticks in which every ledger is read once, where agents are many. */
  readonly rounds: number
  readonly isSliced: boolean
}

/**
 * Where batches are nearly full and the shard's item is small, so that a beat costs least: tried from 10 to 120. Fewer
 * agents leave batches half empty, more make the item larger.
 */
export function agentsPerShard(beatSeconds: number): number {
  if (beatSeconds >= 15) return 120
  return beatSeconds >= 3 ? 60 : 10
}

/** Where nothing is registered: a schedule, a planner and a tick each minute, polls of empty queues, alarms. */
function standing({ tickMs, beatSeconds, beatShards }: Context, isUp: boolean): Usage {
  const use = tally()
  use.add('cloudwatch.alarm', STANDING.alarmedMetrics)
  use.add('secrets.secret', STANDING.secrets)
  use.add('scheduler.invocation', MINUTES)
  use.add('sqs.request', IDLE_POLLS_A_MINUTE * MINUTES * STANDING.standardQueuesRead)
  use.add('sqs.fifoRequest', IDLE_POLLS_A_MINUTE * MINUTES * STANDING.fifoQueuesRead)
  if (isUp) return use.usage
  use.invoke('planner', MINUTES, operation('planner, nothing registered'))
  use.add('sqs.request', 2 * MINUTES)
  use.invoke('detector', MINUTES, operation('tick, nothing registered'))
  use.received('sqs.request', MINUTES)
  const { perSecond, busy } = batchesOf({
    agents: 0,
    beatMs: beatSeconds * 1_000,
    tickMs: Math.max(tickMs, 60_000),
  })
  beatBatches(use, { perSecond, busy, agents: 0, shards: beatShards })
  return use.usage
}

/** Beats, the canaries among them, and the long polls of command queues: what an agent costs that does nothing. */
function ofBeats({ agents, beatSeconds, tickMs, beatShards, profile }: Context): Usage {
  const use = tally()
  for (const { agents: ofShard, share } of sizesOf(agents / beatShards, beatShards)) {
    const batches = batchesOf({ agents: ofShard, beatMs: beatSeconds * 1_000, tickMs })
    beatBatches(use, { ...batches, agents: ofShard, shards: beatShards * share })
  }
  const beats = (agents * SECONDS) / beatSeconds
  use.add('sqs.fifoRequest', beats)
  use.ask(operation('batch of beats: a beat'), beats)
  use.ask({ fifo: operation('tick: a shard of beats').fifo ?? 0 }, ticksOf(profile) * MINUTES * beatShards)
  use.add('sqs.request', (agents * SECONDS) / COMMAND_POLL_SECONDS)
  return use.usage
}

/** Planner and ticks, and what agents ask that hear nothing. */
function ofWatching({ agents, beatShards, agentIndexShards, rounds, isSliced, profile }: Context): Usage {
  const use = tally()
  const planned = plans[profile] ?? { ticks: 0, turns: 0 }
  const messages = Math.ceil(planned.ticks / 10) + Math.ceil(planned.turns / 10)
  use.invoke('planner', MINUTES, plus(operation('planner'), { readUnits: agentIndexShards - 1 }))
  use.add('sqs.request', (messages + 2) * MINUTES)
  const perAgent = plus(
    times(operation('tick: an agent of the index'), agents / (isSliced ? rounds : 1)),
    times(operation('tick: a ledger in turn'), agents / (isSliced ? rounds : partsOf(agents, rounds))),
  )
  // The canaries are sent side by side, and counted with the beats.
  const tick = { ...plus(operation('tick'), perAgent), fifo: 0 }
  const ms = BASE_MS + STORE_CALL_MS * (tick.storeCalls ?? 0) + SQS_REQUEST_MS * Math.ceil(beatShards / 20)
  const perShard = { readUnits: operation('tick: a shard of beats').readUnits ?? 0 }
  use.invoke('detector', ticksOf(profile) * MINUTES, plus(tick, times(perShard, beatShards)), { ms })
  use.received('sqs.request', planned.ticks * MINUTES)
  use.call('agents', (agents * SECONDS) / SYNC_SECONDS, operation('SYNC'))
  use.stored(agents * AGENT_BYTES)
  return use.usage
}

/** In so many ticks the detector reads all ledgers; as functions/detector/sight.ts has it. */
export function partsOf(agents: number, rounds: number): number {
  for (let parts = 1; parts < rounds; parts++) {
    if (rounds % parts === 0 && agents <= parts * READ_AT_ONCE) return parts
  }
  return rounds
}

/** Ticks a minute; a message of the profile `fast` says two. */
function ticksOf(profile: Context['profile']): number {
  return (plans[profile]?.ticks ?? 0) * (profile === 'fast' ? 2 : 1)
}

/** Each batch: received, written once, deleted. */
function beatBatches(
  use: Tally,
  { perSecond, busy, agents, shards }: { perSecond: number; busy: number; agents: number; shards: number },
): void {
  const batches = perSecond * SECONDS * shards
  const bytes = counts.beatsItem.bytes + counts.beatsItem.bytesPerAgent * agents
  const asked = operation('batch of beats, shard of 50')
  // Counted with an item of one read unit.
  const more = Math.max(0, Math.ceil(bytes / 4_096) - 1)
  const readUnits = (asked.readUnits ?? 0) + more
  const batch = { ...asked, readUnits, writeUnits: Math.ceil(bytes / 1_024) }
  use.invoke('heartbeats', batches, batch, { ms: (busy / perSecond) * 1_000 })
  use.received('sqs.fifoRequest', batches)
}

/** The allocator's own looks, and how frameworks hear of what there is. */
function ofFrameworks(context: Context): Usage {
  const { agents, frameworks, delivery, profile } = context
  const use = tally()
  if (frameworks === 0) return use.usage
  if (agents > 0) {
    const planned = plans[profile]
    const turns = (isMany(agents) ? planned?.turnsOfMany : planned?.turns) ?? 0
    use.invoke('allocator', turns * MINUTES, lookOf(context))
    use.received('sqs.request', turns * MINUTES)
  }
  const minute = operation('stream, an idle minute')
  if (delivery === 'notify') {
    const looks = (frameworks * SECONDS) / NOTIFIER_LOOK_SECONDS
    use.invoke('notifier', looks, operation('delivery: a look'))
    use.add('sqs.request', looks)
    use.received('sqs.request', looks)
    return use.usage
  }
  const [fn, seconds] =
    delivery === 'stream'
      ? (['scheduler', STREAM_SECONDS] as const)
      : (['operator', FRAMEWORK_POLL_SECONDS] as const)
  const opened = (frameworks * SECONDS) / seconds
  use.call(fn, opened, delivery === 'stream' ? operation('SUBSCRIBE') : {}, { ms: seconds * 1_000 })
  use.ask(minute, frameworks * MINUTES)
  // A stream that talks looks more often.
  const events = (context.tasksPerSecond * EVENTS_PER_TASK) / frameworks
  const looks = events === 0 ? 0 : Math.min(MOST_LOOKS_PER_SECOND, 1 + LOOKS_PER_EVENT * events)
  const idleLooks = 20
  use.ask({ readUnits: (minute.readUnits ?? 0) / idleLooks }, frameworks * SECONDS * looks)
  return use.usage
}

/** Above so many the planner has the allocator look less often; see functions/lambda/plan.ts. */
export function isMany(agents: number): boolean {
  return agents > counts.manyAgents
}

/** Mean of a round: each look reads a part of the ledgers, and one of them the index. */
function lookOf({ agents, agentIndexShards, profile }: Context): Operation {
  const planned = plans[profile]
  const looks = (isMany(agents) ? planned?.looksPerRoundOfMany : planned?.looksPerRound) ?? 1
  const round = plus(times(operation('look: an agent, in a round'), agents), {
    readUnits: agentIndexShards - 1,
    storeCalls: agents / 100,
  })
  return plus(operation('look'), times(round, 1 / looks))
}

function ofTasks(context: Context): Usage {
  const { tasksPerSecond, agents } = context
  const use = tally()
  if (tasksPerSecond === 0) return use.usage
  const tasks = tasksPerSecond * SECONDS
  const life = counts.operations['task, whole life']
  const calls = life.schedulerCalls + life.agentCalls
  const share = { storeCalls: life.storeCalls / calls }
  use.ask(life, tasks)
  use.call('scheduler', tasks * life.schedulerCalls, share)
  use.call('agents', tasks * life.agentCalls, share)
  // A nudge is sent, found by a poll that was open anyhow, and deleted.
  use.add('sqs.request', 2 * tasks * life.nudges)
  if (context.delivery === 'notify') {
    use.invoke('notifier', tasks * EVENTS_PER_TASK, operation('delivery: an event'))
    use.add('sqs.request', tasks * EVENTS_PER_TASK)
    use.received('sqs.request', tasks * EVENTS_PER_TASK)
  }
  const nudges = tasksPerSecond * life.turns
  const turn = operation('turn after a nudge')
  const turnSeconds = (BASE_MS + STORE_CALL_MS * (turn.storeCalls ?? 0)) / 1_000
  // Two turns at a time are the most; those who ask meanwhile share the one that follows.
  const turns = agents === 0 ? 0 : Math.min(nudges, 2 / turnSeconds) * SECONDS
  use.invoke('allocator', turns, turn)
  use.add('sqs.request', nudges * SECONDS)
  use.received('sqs.request', turns)
  use.stored(tasksPerSecond * 3_600 * TASK_BYTES)
  return use.usage
}

function operation(name: string): Operation {
  const found = operations[name]
  if (found === undefined) throw new Error(`cli/cost/counts.json has no operation ${name}`)
  return found
}

function plus(a: Operation, b: Operation): Operation {
  const sum = (key: keyof Operation) => (a[key] ?? 0) + (b[key] ?? 0)
  return {
    storeCalls: sum('storeCalls'),
    readUnits: sum('readUnits'),
    writeUnits: sum('writeUnits'),
    sqs: sum('sqs'),
    fifo: sum('fifo'),
  }
}

function times(a: Operation, count: number): Operation {
  const of = (key: keyof Operation) => (a[key] ?? 0) * count
  return {
    storeCalls: of('storeCalls'),
    readUnits: of('readUnits'),
    writeUnits: of('writeUnits'),
    sqs: of('sqs'),
    fifo: of('fifo'),
  }
}

interface Tally {
  readonly usage: Usage
  add(key: PriceKey, quantity: number): void
  ask(asked: Operation, often: number): void
  /** Invocations with what each asks for; how long one takes follows from that unless it is said. */
  invoke(fn: FunctionName, often: number, asked: Operation, options?: { readonly ms: number }): void
  /** The same behind the API. */
  call(fn: FunctionName, often: number, asked: Operation, options?: { readonly ms: number }): void
  /** Batches Lambda takes from a queue: a receive and a delete. */
  received(key: 'sqs.request' | 'sqs.fifoRequest', batches: number): void
  stored(bytes: number): void
}

function tally(): Tally {
  const usage: Usage = {}
  const logged = (bytes: number) => {
    use.add('logs.ingested', bytes / 1e9)
    use.add('logs.stored', (bytes / 1e9) * COMPRESSED)
  }
  const use: Tally = {
    usage,
    add(key, quantity) {
      usage[key] = (usage[key] ?? 0) + quantity
    },
    ask({ readUnits = 0, writeUnits = 0, sqs = 0, fifo = 0 }, often) {
      use.add('dynamodb.read', readUnits * often)
      use.add('dynamodb.write', writeUnits * often)
      use.add('sqs.request', sqs * often)
      use.add('sqs.fifoRequest', fifo * often)
    },
    invoke(fn, often, asked, options) {
      const { storeCalls = 0, sqs = 0, fifo = 0 } = asked
      const ms = options?.ms ?? BASE_MS + STORE_CALL_MS * storeCalls + SQS_REQUEST_MS * (sqs + fifo)
      use.ask(asked, often)
      use.add('lambda.request', often)
      use.add('lambda.gbSecond', ((often * ms) / 1_000) * (MEMORY_MB[fn] / 1_024))
      logged(often * LOG_BYTES)
    },
    call(fn, often, asked, options) {
      use.invoke(fn, often, asked, options)
      use.add('apigateway.request', often)
      logged(often * ACCESS_LOG_BYTES)
    },
    received: (key, batches) => use.add(key, 2 * batches),
    stored(bytes) {
      use.add('dynamodb.storage', bytes / 1e9)
      use.add('dynamodb.pitr', bytes / 1e9)
    },
  }
  return use
}
