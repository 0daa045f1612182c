// How soon a dead agent is told, and whether a living one ever is: the real `heartbeats` and detector in virtual time.
//
// Agents are played: they beat at their own phase and answer the word to call. One message in twenty gets lost, of
// beats, canaries, nudges and calls alike. What handlers compute takes no virtual time; a pass's own time is a row.
import { register } from '../functions/agents/register.ts'
import { sync } from '../functions/agents/sync.ts'
import { detect } from '../functions/detector/handler.ts'
import type { Environment, Ids } from '../functions/environment.ts'
import { heartbeats } from '../functions/heartbeats/handler.ts'
import { inProcessBells } from '../functions/ports/bells.ts'
import type { QueueMessage } from '../functions/ports/queues.ts'
import { indexShardOf } from '../master/agents/register.ts'
import type { Change } from '../master/decision.ts'
import { AGENTS_PER_BEAT_SHARD } from '../master/limits.ts'
import { localSettings } from '../master/settings.ts'
import { EMPTY_DIGEST } from '../protocol/digest.ts'
import { memoryStore } from '../store/memory.ts'
import { type Row, spreadOf } from './figures.ts'

const LOSS = 0.05
/** Messages wait so long at most before they are read: the queue, and the handler's wait for a full batch. */
const STEP_MS = 500
const WARM_UP_MS = 6_000
/** Deaths fall into this, each at a moment of its own. */
const DYING_MS = 4_000
const WATCHED_MS = 16_000
const START = 1_760_000_000_000

interface Played {
  readonly id: string
  readonly shard: number
  readonly incarnation: number
  readonly phaseMs: number
  number: number
  diesAt: number
}

export interface Told {
  /** From death to the loss every framework reads, ms. */
  readonly toldMs: readonly number[]
  readonly missed: number
  readonly wrongly: number
  /** Of one detector pass, by the clock on the wall. */
  readonly passMs: readonly number[]
}

/** A row for each number of agents: the 99th percentile, and who was given up wrongly. */
export async function measureDetection(
  say: (text: string) => void,
  sizes: readonly number[] = [2, 1_000, 10_000, 50_000],
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const agents of sizes) {
    say(`detection of ${agents} agents in virtual time`)
    const told = agents === 2 ? await pairs(100) : await simulate({ agents, dying: 200, seed: agents })
    const spread = spreadOf(told.toldMs)
    const p99 = percentile(told.toldMs, 0.99)
    const count = agents.toLocaleString('en-US')
    rows.push({
      name: `detection simulated, ${count} agents, 5% of messages lost, \`default\`: told, p99 ${Math.round(p99)}`,
      unit: 'ms',
      spread,
      wanted: 'p99 ≤ 12000',
      ratio: `${told.wrongly} false removals, ${told.missed} missed`,
      peers: 'Mesos 75–90 s; Nomad by its formula 10–30 s, 160 s mean at 10,000',
    })
    if (agents >= 10_000)
      rows.push({ name: `the detector's pass at ${count} agents`, unit: 'ms', spread: spreadOf(told.passMs) })
  }
  return rows
}

/** Clusters of two, of which one agent dies. */
async function pairs(trials: number): Promise<Told> {
  const all = { toldMs: [] as number[], passMs: [] as number[], missed: 0, wrongly: 0 }
  for (let seed = 1; seed <= trials; seed++) {
    const one = await simulate({ agents: 2, dying: 1, seed })
    all.toldMs.push(...one.toldMs)
    all.passMs.push(...one.passMs)
    all.missed += one.missed
    all.wrongly += one.wrongly
  }
  return all
}

/** One cluster: agents beat, some die, and every loss is noted. */
export async function simulate(options: {
  readonly agents: number
  readonly dying: number
  readonly seed: number
}): Promise<Told> {
  const chance = chanceOf(options.seed)
  const world = await worldOf(options.agents, chance)
  const { env, agents } = world
  const doomed = new Map<string, number>()
  for (let index = 0; index < options.dying; index++) {
    const agent = agents[Math.floor(((index + chance()) * agents.length) / options.dying)]
    if (agent === undefined) continue
    agent.diesAt = START + WARM_UP_MS + chance() * DYING_MS
    doomed.set(agent.id, agent.diesAt)
  }
  const toldMs: number[] = []
  const passMs: number[] = []
  let wrongly = 0
  const until = START + WARM_UP_MS + DYING_MS + WATCHED_MS
  for (let now = START; now < until; now += STEP_MS) {
    await world.move(now)
    if ((now - START) % env.settings.profile.tickMs !== 0) continue
    const started = performance.now()
    await detect(env, { at: now })
    passMs.push(performance.now() - started)
    const page = await env.store.query('losses', {})
    for (const { item } of page.found.slice(world.seen)) {
      const diedAt = doomed.get(item.agentId)
      if (diedAt === undefined || diedAt > now) wrongly++
      else toldMs.push(now - diedAt)
      doomed.delete(item.agentId)
    }
    world.seen = page.found.length
  }
  return { toldMs, passMs, wrongly, missed: doomed.size }
}

interface BenchWorld {
  readonly env: Environment
  readonly agents: readonly Played[]
  /** Losses read so far. */
  seen: number
  /** Sends what agents send until then, and has it read. */
  move(now: number): Promise<void>
}

async function worldOf(count: number, chance: () => number): Promise<BenchWorld> {
  let now = START
  const clock = {
    now: () => now,
    after(_ms: number, action: () => void) {
      const handle = setImmediate(action)
      return () => clearImmediate(handle)
    },
  }
  const shards = Math.ceil(count / AGENTS_PER_BEAT_SHARD)
  let waiting: QueueMessage[][] = Array.from({ length: shards }, () => [])
  let asked: string[] = []
  let sent = 0
  const put = (group: string, body: string, sentAt: number) => {
    if (chance() < LOSS) return
    waiting[Number(group)]?.push({ id: String(++sent), body, sentAt, group, receiveCount: 1 })
  }
  const env: Environment = {
    store: memoryStore({ clock }),
    clock,
    ids: idsBy(chance),
    settings: localSettings('default', {
      beatShards: shards,
      // A multiple of the ticks of a round, as docs/detection.md advises for large clusters.
      agentIndexShards: count < 10_000 ? 1 : 15 * Math.ceil(count / 30_000),
    }),
    log: { info() {}, warn() {}, error() {} },
    bells: inProcessBells(clock),
    cluster: { id: '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab', timeline: 0 },
    queues: {
      send: async (queue, body, { group = '0' } = {}) => {
        if (queue === 'heartbeats') put(group, body, now)
      },
      sendToAgent: async (agentId, body) => {
        if (body.includes('"call"') && chance() >= LOSS) asked.push(agentId)
      },
      ensureAgentQueue: async () => ({ url: 'memory:agent' }),
      removeAgentQueue: async () => {},
      beatsQueueUrl: () => 'memory:heartbeats',
      endpoint: () => undefined,
    },
  }
  const agents = await populate(env, count, chance)
  const byId = new Map(agents.map((agent) => [agent.id, agent]))
  const { beatMs } = env.settings.profile

  return {
    env,
    agents,
    seen: 0,
    async move(to) {
      // In order of time, as one group of the queue keeps it.
      const beats: { readonly at: number; readonly agent: Played }[] = []
      for (const agent of agents) {
        const next = START + agent.phaseMs + agent.number * beatMs
        if (next >= to) continue
        agent.number++
        if (next < agent.diesAt) beats.push({ at: next, agent })
      }
      beats.sort((a, b) => a.at - b.at)
      for (const { at, agent } of beats) put(String(agent.shard), beatOf(agent), at)
      now = to
      await answer(to)
      const batches = waiting
      waiting = Array.from({ length: shards }, () => [])
      for (const messages of batches) {
        for (let start = 0; start < messages.length; start += 10) {
          await heartbeats(env, messages.slice(start, start + 10))
        }
      }
    },
  }

  /** Who was told to call calls, if it lives and the call gets through: what is passed on is a beat like any other. */
  async function answer(at: number): Promise<void> {
    const calling = asked
    asked = []
    for (const agentId of new Set(calling)) {
      const agent = byId.get(agentId)
      if (agent === undefined || agent.diesAt <= at || chance() < LOSS) continue
      await sync(env, { type: 'SYNC', agentId, incarnation: agent.incarnation, applied: 0 })
    }
  }
}

/** One agent registers; the others are its copies, written as many at a time as fit. */
async function populate(env: Environment, count: number, chance: () => number): Promise<readonly Played[]> {
  const answer = await register(env, {
    type: 'REGISTER',
    bootNonce: 'boot',
    agentInfo: {
      hostname: 'node',
      resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 4 } }],
    },
    address: { ip: '10.0.0.1', port: 5051 },
    version: '0.1.0',
    capabilities: [],
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  })
  if (answer.kind !== 'registered') throw new Error(`the first agent was answered ${answer.kind}`)
  const ledger = await env.store.get('ledger', { agentId: answer.agentId })
  const shard = indexShardOf(answer.agentId, env.settings)
  const entry = await env.store.get('agent', { agentId: answer.agentId, shard })
  if (ledger === undefined || entry === undefined) throw new Error('the first agent was not written')
  const agents: Played[] = []
  let changes: Change[] = []
  for (let index = 0; index < count; index++) {
    const agentId = index === 0 ? answer.agentId : `${env.cluster.id}-S${env.ids.random()}`
    // Shards as full as they are meant to be: chance would make some twice as large.
    const beatShard = index === 0 ? ledger.beatShard : index % env.settings.beatShards
    agents.push({
      id: agentId,
      shard: beatShard,
      incarnation: ledger.incarnation,
      phaseMs: chance() * env.settings.profile.beatMs,
      number: 0,
      diesAt: Number.POSITIVE_INFINITY,
    })
    if (index === 0) continue
    const indexShard = indexShardOf(agentId, env.settings)
    const info = { ...entry.info, id: { value: agentId } }
    changes.push(
      {
        do: 'put',
        kind: 'ledger',
        item: { ...ledger, version: 0, agentId, beatShard, indexShard },
        when: { name: 'absent' },
      },
      {
        do: 'put',
        kind: 'agent',
        item: { ...entry, version: 0, agentId, shard: indexShard, info },
        when: { name: 'absent' },
      },
    )
    if (changes.length < 100 && index < count - 1) continue
    await env.store.commit(changes, env.ids.uuid())
    changes = []
  }
  return agents
}

function beatOf({ id, incarnation, number }: Played): string {
  const beat = { kind: 'beat', agentId: id, incarnation, number, applied: 0, digest: EMPTY_DIGEST }
  return JSON.stringify(beat)
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Ids by the seed, for shards and orders follow from them. */
function idsBy(chance: () => number): Ids {
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(chance() * 16).toString(16)).join('')
  return {
    random: () => hex(22),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  }
}

/** mulberry32: the same seed, the same losses. */
function chanceOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
