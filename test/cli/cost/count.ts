// Counts each operation of cli/cost/counts.json anew: what it asks the table, the queues and the API for.
import { createHash } from 'node:crypto'
import { allocate, allocateBatch } from '../../../functions/allocator/handler.ts'
import { lookOf, nudgeAfter } from '../../../functions/allocator/scope.ts'
import { TICK_READ_MS } from '../../../functions/cluster-time.ts'
import { detect } from '../../../functions/detector/handler.ts'
import { partsOf } from '../../../functions/detector/sight.ts'
import { isAnythingRegistered, plan } from '../../../functions/lambda/plan.ts'
import { notify } from '../../../functions/notifier/handler.ts'
import type { Queues } from '../../../functions/ports/queues.ts'
import { DIGEST_KEPT } from '../../../master/detection/beats.ts'
import type { Ledger } from '../../../master/model.ts'
import { PROFILES } from '../../../master/settings.ts'
import { type Counted, counted } from '../../../store/counting.ts'
import { writeItem } from '../../../store/items.ts'
import { sizeOf } from '../../../store/rows.ts'
import { startCluster } from '../../cluster.ts'
import { commandTask, TestFramework } from '../../framework.ts'
import { countLife } from './life.ts'
import { type StillClock, stillClock } from './still-clock.ts'
import { type Asked, type World, world } from './world.ts'

export type Operations = Readonly<Record<string, Partial<Asked & Calls>>>

/** What a task's life asks for besides the table. */
interface Calls {
  readonly schedulerCalls: number
  readonly agentCalls: number
  readonly nudges: number
  readonly turns: number
}

const NOTHING: Asked = { storeCalls: 0, readUnits: 0, writeUnits: 0, sqs: 0, fifo: 0 }
const SHARD = 50

/** What one machine's clock asks for as well, and what the time-driven rows count already. */
const TIMED =
  /tick|beats|called|^commit put lease|many lease|many ledger|query mail|gate, lease|query agents|query frameworks|load allocation/

/** Everything but the life of a task: the functions one by one, with the settings of a deployed cluster. */
export async function countOperations(): Promise<Operations> {
  const clock = stillClock()
  const empty = await world(clock)
  await detect(empty.env)
  await settled(empty, clock)
  const one = await clusterOf(clock, SHARD, {})
  const three = await clusterOf(clock, 3 * SHARD, { beatShards: 3 })
  const five = await clusterOf(clock, 5 * SHARD, { beatShards: 5 })
  const { tick, tickEntry, tickLedger } = await ticks(one, three, five)
  const turn = await one.count(() => allocate(one.env))
  const turnAgent = per(minus(await three.count(() => allocate(three.env)), turn), 2 * SHARD)
  const nudged = await named(one)
  const round = await roundOfLooks(one)
  const roundAgent = per(minus(await roundOfLooks(three), round), 2 * SHARD)
  const batch = await meanBatch(one, clock, 1)
  const beat = per(minus(await meanBatch(one, clock, 10), batch), 9)
  const agent = await registered(clock)
  return {
    'planner, nothing registered': await empty.count(() => isAnythingRegistered(empty.env)),
    'tick, nothing registered': await meanTick(empty),
    planner: await one.count(() => isAnythingRegistered(one.env)),
    tick,
    'tick: a shard of beats': SHARD_OF_TICK,
    'tick: an agent of the index': tickEntry,
    'tick: a ledger in turn': tickLedger,
    'whole turn': minus(turn, times(turnAgent, SHARD)),
    'whole turn: an agent': turnAgent,
    'turn after a nudge': nudged,
    look: per(minus(round, times(roundAgent, SHARD)), LOOKS),
    'look: an agent, in a round': roundAgent,
    'batch of beats, shard of 50': minus(batch, beat),
    'batch of beats: a beat': beat,
    ...agent,
    ...(await stream(clock)),
    ...(await delivery(clock)),
    ...(await countLife(clock)),
  }
}

/**
 * What a tick costs by itself, per agent of the index, and per ledger that has its turn: of fifty a third, of more a
 * fifteenth. Three sizes, three unknowns.
 */
async function ticks(
  few: World,
  more: World,
  most: World,
): Promise<Readonly<Record<'tick' | 'tickEntry' | 'tickLedger', Asked>>> {
  const [parts, partsOfMore] = [partsOf(SHARD, ROUND), partsOf(3 * SHARD, ROUND)]
  const [ofFew, ofMore, ofMost] = [
    minus(await meanTick(few), SHARD_OF_TICK),
    minus(await meanTick(more), times(SHARD_OF_TICK, 3)),
    minus(await meanTick(most), times(SHARD_OF_TICK, 5)),
  ]
  const slope = per(minus(ofMost, ofMore), 2 * SHARD)
  const bare = minus(ofMore, times(slope, 3 * SHARD))
  const slopeOfFew = per(minus(ofFew, bare), SHARD)
  const tickLedger = per(minus(slopeOfFew, slope), 1 / parts - 1 / partsOfMore)
  const tickEntry = minus(slope, per(tickLedger, partsOfMore))
  return { tick: bare, tickEntry, tickLedger }
}

/** Ticks in which every ledger has had its turn, with the profile `default`. */
const ROUND = 15
/** Looks of a round. */
const LOOKS = 3

async function named(of: World): Promise<Asked> {
  const body = nudgeAfter([
    { do: 'put', kind: 'ledger', item: await aLedger(of), when: { name: 'unchanged' } },
  ])
  return await of.count(() => allocateBatch(of.env, [message(body)]))
}

async function aLedger({ env, agents }: World): Promise<Ledger> {
  const ledger = await env.store.get('ledger', { agentId: agents[0]?.agentId ?? '' })
  if (ledger === undefined) throw new Error('no agent is registered')
  return ledger
}

async function roundOfLooks(of: World): Promise<Asked> {
  let sum = NOTHING
  for (let look = 0; look < LOOKS; look++)
    sum = plus(sum, await of.count(() => allocateBatch(of.env, [message(lookOf(look, LOOKS))])))
  return sum
}

function message(body: string) {
  return { id: 'nudge', body, sentAt: 0, receiveCount: 1 }
}

/** A canary, and the shard's item. */
const SHARD_OF_TICK: Asked = { ...NOTHING, readUnits: 1, fifo: 1 }

/** Of a task of a second or less, on a whole cluster: offer, ACCEPT, three updates, three acknowledgements. */
export async function countTask(tasks = 20): Promise<Operations> {
  let counting: Counted | undefined
  let agentCalls = 0
  let schedulerCalls = 0
  let nudges = 0
  let turns = 0
  const cluster = await startCluster({
    store: 'memory',
    settings: { gatesPerFramework: 4 },
    onRequest: ({ path }) => {
      if (path === '/api/v1/agent') agentCalls++
      if (path === '/api/v1/scheduler') schedulerCalls++
    },
    wrapStore: (store) => {
      counting = counted(store)
      return counting.store
    },
  })
  // On one machine nudges to the allocator are no messages; here they are counted where they would become one.
  const queues = cluster.controlPlane.env.queues as { -readonly [K in keyof Queues]: Queues[K] }
  const { send, sendToAgent } = queues
  queues.send = (queue, ...rest) => {
    if (queue === 'allocate') turns++
    return send(queue, ...rest)
  }
  queues.sendToAgent = (...nudge) => {
    nudges++
    return sendToAgent(...nudge)
  }
  try {
    const framework = await TestFramework.subscribe(cluster.url, {
      info: { checkpoint: true },
      capabilities: ['PARTITION_AWARE'],
    })
    await run(framework, 'warm')
    counting?.reset()
    agentCalls = schedulerCalls = nudges = turns = 0
    for (let index = 0; index < tasks; index++) await run(framework, `task-${index}`)
    const asked = Object.entries(counting?.counts() ?? {})
      .filter(([name]) => !TIMED.test(name))
      .map(([, { calls, readUnits, writeUnits }]) => ({
        ...NOTHING,
        storeCalls: calls,
        readUnits,
        writeUnits,
      }))
      .reduce(plus, NOTHING)
    const each = (count: number) => rounded(count / tasks)
    const calls = { schedulerCalls: each(schedulerCalls), agentCalls: each(agentCalls) }
    const life = { ...per(asked, tasks), ...calls, nudges: each(nudges), turns: each(turns) }
    const offer = await framework.offer(30_000)
    counting?.reset()
    await framework.decline([offer], 3_600)
    const decline = Object.entries(counting?.counts() ?? {})
      .filter(([name]) => !TIMED.test(name))
      .map(([, { calls: storeCalls, readUnits, writeUnits }]) => ({
        ...NOTHING,
        storeCalls,
        readUnits,
        writeUnits,
      }))
      .reduce(plus, NOTHING)
    return { 'task, whole life': life, decline: { ...decline, schedulerCalls: 1 } }
  } finally {
    await cluster.stop()
  }
}

interface Planned {
  readonly ticks: number
  readonly turns: number
  readonly turnsOfMany: number
  /** So many looks are a round. */
  readonly looksPerRound: number
  readonly looksPerRoundOfMany: number
}

/** The item of a shard, each agent with a state of its own: what no two have in common does not pack. */
export function countBeatsItem(): { readonly bytes: number; readonly bytesPerAgent: number } {
  const [small, large] = [bytesOf(20), bytesOf(120)]
  const bytesPerAgent = rounded((large - small) / 100)
  return { bytes: Math.round(small - 20 * bytesPerAgent), bytesPerAgent }
}

function bytesOf(agents: number): number {
  const drawn = (name: string, below: number) => digest(name).readUIntBE(0, 6) % below
  const records = Array.from({ length: agents }, (_, index) => {
    const id = `${CLUSTER}-S${digest(`${index}`).toString('base64url').replace(/[-_]/g, '0').slice(0, 22)}`
    const digested = digest(id).toString('hex').slice(0, DIGEST_KEPT)
    const stamp = NOW + drawn(`stamp ${index}`, 15_000)
    const [number, applied] = [drawn(`number ${index}`, 100_000), drawn(`applied ${index}`, 200)]
    return [id, { incarnation: 1 + (index % 3), number, stamp, applied, digest: digested }] as const
  })
  const canary = { number: 123_456, stamp: NOW }
  const item = {
    version: 9,
    shard: 3,
    agents: Object.fromEntries(records),
    canary,
    hearingSince: NOW - 1_000,
  }
  return sizeOf(writeItem('beats', item, '0'.repeat(36)))
}

const NOW = Date.UTC(2026, 10, 1)
const CLUSTER = 'd0463d50-5e1f-4445-ad98-7a314aa420cc'
const digest = (text: string) => createHash('sha256').update(text).digest()

/** What the planner sends in a minute, by profile. */
export function countPlans(): Readonly<Record<string, Planned>> {
  const both = { agents: true, frameworks: true }
  return Object.fromEntries(
    Object.entries(PROFILES).map(([name, profile]) => {
      const { ticks, allocateMs, looksPerRound } = plan(profile, both)
      const many = plan(profile, { ...both, isMany: true })
      const turns = { turns: allocateMs.length, turnsOfMany: many.allocateMs.length }
      return [name, { ticks: ticks.length, ...turns, looksPerRound, looksPerRoundOfMany: many.looksPerRound }]
    }),
  )
}

async function run(framework: TestFramework, id: string): Promise<void> {
  const offer = await framework.offer(30_000)
  await framework.launch([offer], [commandTask(offer, id, 'true')], 0)
  await framework.update(id, 'TASK_FINISHED', 30_000)
}

/** Agents that have beaten for a while. */
async function clusterOf(clock: StillClock, agents: number, settings: object): Promise<World> {
  const made = await world(clock, settings)
  await detect(made.env)
  await made.register(agents)
  await settled(made, clock)
  await made.beat(agents)
  await allocate(made.env)
  return made
}

/** As after its first minute: whatever fills up at the start is full. */
async function settled({ env }: World, clock: StillClock): Promise<void> {
  await clock.advance(MINUTE + 1)
  await detect(env)
}

function meanTick(of: World): Promise<Asked> {
  return mean(ROUND, async () => {
    if (of.agents.length > 0) await of.beat(of.agents.length)
    return await of.count(() => detect(of.env))
  })
}

function meanBatch(of: World, clock: StillClock, beats: number): Promise<Asked> {
  return mean(3, async () => {
    // What the process remembers of the time is old by then.
    await clock.advance(TICK_READ_MS)
    // What is asked of agents that lag behind is no matter of beats: nobody has the tasks these speak of.
    return { ...(await of.count(() => of.beat(beats))), sqs: 0 }
  })
}

async function mean(count: number, work: () => Promise<Asked>): Promise<Asked> {
  let sum = NOTHING
  for (let index = 0; index < count; index++) sum = plus(sum, await work())
  return per(sum, count)
}

/** A process that has seen an agent before knows the URLs of the functions' queues. */
async function registered(clock: StillClock): Promise<Operations> {
  const made = await world(clock)
  await detect(made.env)
  await made.register(1)
  const REGISTER = await made.count(() => made.register(1))
  const { agentId, incarnation } = made.agents[1] ?? { agentId: '', incarnation: 0 }
  const sync = () => made.agentCall({ type: 'SYNC', agentId, incarnation, applied: 0 })
  await made.beat(2)
  const SYNC = await made.count(sync)
  return { REGISTER, SYNC }
}

/** An idle stream: its looks, and the renewals of its lease. */
async function stream(clock: StillClock): Promise<Operations> {
  const made = await world(clock, {})
  const ending = new AbortController()
  await detect(made.env)
  let reading: Promise<string> | undefined
  const SUBSCRIBE = await made.count(async () => {
    reading = made.subscribe(ending.signal)
    await clock.advance(200)
  })
  // The reader looks often for its first minute.
  await clock.advance(70_000)
  const busy = await made.count(() => clock.advance(MINUTE))
  ending.abort()
  await reading
  return { SUBSCRIBE, 'stream, an idle minute': busy }
}

/** A framework that is called: a look that finds nothing, and one offer told. */
async function delivery(clock: StillClock): Promise<Operations> {
  const made = await world(clock)
  await detect(made.env)
  await made.register(1)
  await made.beat(1)
  const labels = [
    { key: 'meseta.delivery', value: 'webhook' },
    { key: 'meseta.delivery.url', value: 'https://framework.example/events' },
  ]
  const frameworkId = await made.subscribe(new AbortController().signal, labels)
  const body = JSON.stringify({ frameworkId })
  const look = () =>
    made.count(() => notify(made.env, [{ id: 'nudge', body, sentAt: clock.now(), receiveCount: 1 }]))
  await look()
  const idle = await look()
  await allocate(made.env)
  const told = await look()
  return { 'delivery: a look': idle, 'delivery: an event': told }
}

const MINUTE = 60_000

function combined(a: Asked, b: Asked, of: (a: number, b: number) => number): Asked {
  return {
    storeCalls: rounded(of(a.storeCalls, b.storeCalls)),
    readUnits: rounded(of(a.readUnits, b.readUnits)),
    writeUnits: rounded(of(a.writeUnits, b.writeUnits)),
    sqs: rounded(of(a.sqs, b.sqs)),
    fifo: rounded(of(a.fifo, b.fifo)),
  }
}
const plus = (a: Asked, b: Asked) => combined(a, b, (x, y) => x + y)
const minus = (a: Asked, b: Asked) => combined(a, b, (x, y) => x - y)
const times = (a: Asked, count: number) => combined(a, a, (x) => x * count)
const per = (a: Asked, count: number) => combined(a, a, (x) => x / count)
const rounded = (value: number) => Math.round(value * 1_000) / 1_000
