// The ticks of a minute: planned by the profile, sent with delays. When nothing is registered, one tick is all.
//
//   schedule  |--------- one minute ---------|---
//   ticks     t  t  t  t  t  t  t  t  t  t  t| t      a little more than the minute, for schedules come late,
//   allocate  a     a     a     a     a     a|        and a tick too many does no harm
import type { Profile } from '../../master/settings.ts'
import { lookOf } from '../allocator/scope.ts'
import type { Environment } from '../environment.ts'
import { queueName } from '../ports/queues-sqs.ts'
import type { LambdaFunction } from './environment.ts'
import type { TickMessage } from './ticks.ts'

export interface Plan {
  readonly ticks: readonly TickMessage[]
  /** Delays of looks of the allocator, ms: refusals end without anybody saying so. */
  readonly allocateMs: readonly number[]
  /** So many looks together see all agents, each a part of them. */
  readonly looksPerRound: number
}

export interface Registered {
  readonly agents: boolean
  readonly frameworks: boolean
  /** More than `MANY_AGENTS`: a look at them all is dear. */
  readonly isMany?: boolean | undefined
}

/**
 * A look of the allocator that finds nothing reads a part of the ledgers. Above so many agents it looks every five
 * seconds, or with each tick if that is less often: what becomes free or is revived is nudged for at once, only refusals
 * and lost nudges wait.
 */
export const MANY_AGENTS = 50

/** What is planned ahead: a minute, and by how much the next schedule may be late. */
const AHEAD_MS = 65_000
/** The allocator looks at least this often; Mesos's interval is the least. */
const ALLOCATE_MS = { least: 1_000, most: 5_000 }
/** Within this a round of looks has read every ledger: what got lost on the way is found by then. */
const LOOK_ROUND_MS = { few: 5_000, many: 15_000 }
/** SQS: messages of one call. */
const AT_ONCE = 10

/** Ticks by the profile while anything is registered; else one, so that what is left over is tidied up (R6). */
export function plan(
  { tickMs }: Pick<Profile, 'tickMs'>,
  { agents, frameworks, isMany = false }: Registered,
): Plan {
  if (!agents && !frameworks)
    return { ticks: [{ delayMs: 0, offsetsMs: [0] }], allocateMs: [], looksPerRound: 1 }
  const everyMs = isMany
    ? Math.max(ALLOCATE_MS.most, tickMs)
    : Math.min(ALLOCATE_MS.most, Math.max(ALLOCATE_MS.least, tickMs))
  return {
    ticks: ticksOf(tickMs),
    allocateMs: agents && frameworks ? times(everyMs) : [],
    looksPerRound: Math.max(1, Math.round(LOOK_ROUND_MS[isMany ? 'many' : 'few'] / everyMs)),
  }
}

/** One message a second at most; what is denser is said in it. */
function ticksOf(tickMs: number): TickMessage[] {
  if (tickMs >= 1_000) return times(tickMs).map((delayMs) => ({ delayMs, offsetsMs: [0] }))
  const offsetsMs = Array.from({ length: Math.ceil(1_000 / tickMs) }, (_, index) => index * tickMs)
  return times(1_000).map((delayMs) => ({ delayMs, offsetsMs }))
}

/** Whole seconds, as SQS delays. */
function times(everyMs: number): number[] {
  const count = Math.ceil(AHEAD_MS / everyMs)
  return Array.from({ length: count }, (_, index) => Math.round((index * everyMs) / 1_000) * 1_000)
}

/** Anything that a tick could find something to do for: agents of any life, frameworks that are not removed. */
export async function isAnythingRegistered(
  env: Pick<Environment, 'store' | 'settings'>,
): Promise<Registered> {
  const { store, settings } = env
  const shards = Array.from({ length: settings.agentIndexShards }, (_, shard) => shard)
  // Their number is of no interest beyond that it is large; ids are spread over the shards, not quite evenly.
  const limit = Math.ceil(((MANY_AGENTS + 1) * Math.min(2, shards.length)) / shards.length)
  const [tick, frameworks, ...agents] = await Promise.all([
    store.get('tick', {}),
    isAnyFramework(store),
    ...shards.map(async (shard) => (await store.query('agents', { shard }, { limit })).found.length),
  ])
  const count = agents.reduce((sum, found) => sum + found, 0)
  // A restore goes on by ticks.
  const isRestoring = tick?.closed === true
  return {
    agents: isRestoring || count > 0,
    frameworks: isRestoring || frameworks,
    ...(count > MANY_AGENTS ? { isMany: true } : {}),
  }
}

/** Page by page, because most of what is remembered may be removed. */
async function isAnyFramework(store: Environment['store']): Promise<boolean> {
  let after: string | undefined
  do {
    const page = await store.query('frameworks', {}, { after })
    if (page.found.some(({ item }) => item.state !== 'removed')) return true
    after = page.next
  } while (after !== undefined)
  return false
}

/** Sends it in batches of ten. Throws when a queue is away: the schedule tries again. */
export async function sendPlan(
  fn: Pick<LambdaFunction, 'sqs' | 'prefix' | 'log'>,
  { ticks, allocateMs, looksPerRound }: Plan,
): Promise<void> {
  await Promise.all([
    sendDelayed(
      fn,
      'ticks',
      ticks.map((tick) => ({ delayMs: tick.delayMs, body: JSON.stringify(tick) })),
    ),
    sendDelayed(
      fn,
      'allocate',
      allocateMs.map((delayMs, number) => ({ delayMs, body: lookOf(number, looksPerRound) })),
    ),
  ])
}

interface Delayed {
  readonly delayMs: number
  readonly body: string
}

async function sendDelayed(
  { sqs, prefix, log }: Pick<LambdaFunction, 'sqs' | 'prefix' | 'log'>,
  queue: 'ticks' | 'allocate',
  messages: readonly Delayed[],
): Promise<void> {
  if (messages.length === 0) return
  const { QueueUrl } = await sqs.call('GetQueueUrl', { QueueName: queueName(prefix, queue) })
  for (let start = 0; start < messages.length; start += AT_ONCE) {
    const Entries = messages.slice(start, start + AT_ONCE).map(({ delayMs, body }, index) => ({
      Id: String(index),
      MessageBody: body,
      DelaySeconds: delayMs / 1_000,
    }))
    const { Failed = [] } = await sqs.call('SendMessageBatch', { QueueUrl, Entries })
    if (Failed.length > 0)
      log.warn('ticks not sent', { queue, failed: Failed.length, why: Failed[0]?.Message })
  }
}
