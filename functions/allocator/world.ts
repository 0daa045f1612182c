// Reads what one turn of allocation looks at, in as few round trips as there can be.
//
//   whole   frameworks, the index, all ledgers with the lease       who came, or revived: anything may be open now
//   named   frameworks, the ledgers named with the lease            a task ended there, an offer came back
//   look    as named, for one part of the agents, and then those    time alone ends refusals, and nudges get lost
//           of whom copies say that somebody could be offered them
//
// What was read stays in the process as copies. They count for the shares and say whom a look should read; an agent is
// offered only what was read of it in this very turn, so an old copy costs somebody a place in the order, and nothing
// else. None is older than a minute. A limit on what a role may hold could not be judged by copies: it needs whole turns.
import type { AgentView } from '../../master/allocator/allocate.ts'
import type { Change } from '../../master/decision.ts'
import type { AgentEntry, Allocation, Framework, Ledger } from '../../master/model.ts'
import { placeOf } from '../../protocol/hash.ts'
import { all } from '../../store/store.ts'
import { present } from '../agents/load.ts'
import type { Environment } from '../environment.ts'
import { loadTogether } from '../load-together.ts'
import type { Part, Scope } from './scope.ts'

export interface World {
  /** The lease, as it was when this was read. */
  readonly allocation: Allocation | undefined
  /** In random order. */
  readonly agents: readonly AgentView[]
  readonly frameworks: readonly Framework[]
  /** Agents that were read in this turn, the others are copies; absent: all. */
  readonly fresh?: ReadonlySet<string> | undefined
}

/** What the turns of one process have read, by agent. */
export interface Copies {
  readonly agents: Map<string, Copy>
  /** False until a whole turn was read, and again after a restore: numbers were turned back, and nothing holds. */
  isWhole: boolean
}

interface Copy {
  readonly view: AgentView
  /** Of this process's clock. */
  readonly readAt: number
}

/** A copy that no look of this process came by for so long is read by its next turn. */
const COPY_MS = 60_000

export function noCopies(): Copies {
  return { agents: new Map(), isWhole: false }
}

/**
 * @param copies brought up to date here
 * @param promising who of these might be offered or lose an offer: asked when a look has read the rest
 */
export async function readWorld(
  env: Environment,
  copies: Copies,
  scope: Scope,
  promising: (world: World) => Iterable<string>,
): Promise<World> {
  return scope.isWhole || !copies.isWhole
    ? await readWhole(env, copies)
    : await readSome(env, copies, scope, promising)
}

async function readWhole(env: Environment, copies: Copies): Promise<World> {
  const { agents: known } = copies
  const readAt = env.clock.now()
  // A list of ids read earlier is no truth: ledgers of agents that left the index are thrown away.
  const [entries, frameworks, { ledger: ledgers, allocation }] = await Promise.all([
    indexOf(env),
    all(env.store, 'frameworks', {}),
    loadTogether(env.store, { allocation: [{}], ledger: [...known.keys()].map((agentId) => ({ agentId })) }),
  ])
  const unknown = entries.filter(({ agentId }) => !known.has(agentId))
  const more = await ledgersOf(
    env,
    unknown.map(({ agentId }) => agentId),
  )
  const byId = new Map(present([...ledgers, ...more]).map((ledger) => [ledger.agentId, ledger]))
  known.clear()
  for (const entry of entries) {
    const ledger = byId.get(entry.agentId)
    if (ledger !== undefined) known.set(entry.agentId, { view: { ledger, entry }, readAt })
  }
  copies.isWhole = true
  return worldOf(env, copies, { frameworks, allocation: allocation[0] })
}

async function readSome(
  env: Environment,
  copies: Copies,
  { agents: named, parts }: Scope,
  promising: (world: World) => Iterable<string>,
): Promise<World> {
  const isLook = parts.length > 0
  const first = [...new Set([...named, ...membersOf(copies, parts), ...agedIn(copies, env.clock.now())])]
  const [entries, frameworks, { ledger: ledgers, allocation }] = await Promise.all([
    parts.some(({ place }) => place === 0) ? indexOf(env) : undefined,
    all(env.store, 'frameworks', {}),
    loadTogether(env.store, { allocation: [{}], ledger: first.map((agentId) => ({ agentId })) }),
  ])
  await keep(env, copies, first, ledgers)
  const fresh = new Set(first)
  const read = { frameworks, allocation: allocation[0] }
  const strangers = entries === undefined ? [] : compare(copies, entries, fresh)
  const hopeful = isLook ? promising(worldOf(env, copies, read)) : []
  const second = [...new Set([...strangers, ...hopeful])].filter((agentId) => !fresh.has(agentId))
  await keep(env, copies, second, await ledgersOf(env, second))
  return worldOf(env, copies, read, new Set([...first, ...second]))
}

/** Takes these ledgers over, with the entries of those that registered since. */
async function keep(
  env: Environment,
  { agents }: Copies,
  agentIds: readonly string[],
  ledgers: readonly (Ledger | undefined)[],
): Promise<void> {
  const readAt = env.clock.now()
  const registered: Ledger[] = []
  for (const [index, agentId] of agentIds.entries()) {
    const ledger = ledgers[index]
    const before = agents.get(agentId)?.view
    if (ledger === undefined || !isPresent(ledger)) agents.delete(agentId)
    // An entry changes with the registration, in one write with the ledger.
    else if (before?.ledger.incarnation === ledger.incarnation)
      agents.set(agentId, { view: { ledger, entry: before.entry }, readAt })
    else registered.push(ledger)
  }
  if (registered.length === 0) return
  const entries = await env.store.getMany(
    'agent',
    registered.map(({ agentId, indexShard: shard }) => ({ agentId, shard })),
  )
  for (const [index, ledger] of registered.entries()) {
    const entry = entries[index]
    if (entry === undefined) agents.delete(ledger.agentId)
    else agents.set(ledger.agentId, { view: { ledger, entry }, readAt })
  }
}

/** Forgets copies that the index does not have any more; yields those it has and the copies do not. */
function compare(
  { agents }: Copies,
  entries: readonly AgentEntry[],
  fresh: ReadonlySet<string>,
): readonly string[] {
  const listed = new Set(entries.map(({ agentId }) => agentId))
  for (const agentId of agents.keys()) if (!listed.has(agentId) && !fresh.has(agentId)) agents.delete(agentId)
  return [...listed].filter((agentId) => !agents.has(agentId))
}

/** Of what a turn has just written, so that its next ones count it. */
export function written({ agents }: Copies, changes: readonly Change[], readAt: number): void {
  for (const change of changes) {
    if (change.kind !== 'ledger' || change.do !== 'put') continue
    const before = agents.get(change.item.agentId)
    const ledger: Ledger = { ...change.item, version: change.item.version + 1 }
    if (before !== undefined) agents.set(ledger.agentId, { view: { ...before.view, ledger }, readAt })
  }
}

function membersOf({ agents }: Copies, parts: readonly Part[]): readonly string[] {
  if (parts.length === 0) return []
  return [...agents.keys()].filter((agentId) =>
    parts.some(({ place, places }) => placeOf(agentId, places) === place),
  )
}

function agedIn({ agents }: Copies, now: number): readonly string[] {
  return [...agents].flatMap(([agentId, { readAt }]) =>
    // A clock that was set back makes nothing young.
    now - readAt > COPY_MS || readAt > now ? [agentId] : [],
  )
}

function worldOf(
  env: Environment,
  { agents }: Copies,
  {
    frameworks,
    allocation,
  }: {
    readonly frameworks: readonly { readonly item: Framework }[]
    readonly allocation: Allocation | undefined
  },
  fresh?: ReadonlySet<string>,
): World {
  const views = [...agents.values()].map(({ view }) => view)
  return {
    allocation,
    agents: shuffled(views, Math.floor((env.random ?? Math.random)() * 2 ** 32)),
    frameworks: frameworks.map(({ item }) => item),
    fresh,
  }
}

async function ledgersOf(
  { store }: Environment,
  agentIds: readonly string[],
): Promise<readonly (Ledger | undefined)[]> {
  if (agentIds.length === 0) return []
  return await store.getMany(
    'ledger',
    agentIds.map((agentId) => ({ agentId })),
  )
}

/** Entries of agents that are not over: what is removed or gone holds nothing and comes back, if at all, with a fresh entry. */
async function indexOf(env: Environment): Promise<readonly AgentEntry[]> {
  const shards = Array.from({ length: env.settings.agentIndexShards }, (_, shard) => shard)
  const found = await Promise.all(shards.map((shard) => all(env.store, 'agents', { shard })))
  return found
    .flat()
    .map(({ item }) => item)
    .filter(isPresent)
}

function isPresent({ life }: Pick<AgentEntry, 'life'>): boolean {
  return life !== 'removed' && life !== 'gone'
}

/** Fisher and Yates, over numbers of a small generator that starts at the seed. */
function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const result = [...list]
  let state = seed
  for (let last = result.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (last + 1))
    const [a, b] = [result[last], result[other]]
    if (a === undefined || b === undefined) continue
    result[last] = b
    result[other] = a
  }
  return result
}
