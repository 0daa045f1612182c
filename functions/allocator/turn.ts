// A turn of allocation: read the world, decide who is offered what, commit agent by agent, tell the frameworks.
//
// What a turn finds is judged before the lease is asked for, so an idle turn writes nothing. Agents are committed each
// by itself: one that changed meanwhile loses nobody else's offers, and is looked at once more before the turn ends.

import type { AgentView, ClosedAgents, Grantee } from '../../master/allocator/allocate.ts'
import { allocate, type Grant } from '../../master/allocator/allocate.ts'
import { commitOffers } from '../../master/allocator/commit-offers.ts'
import { voidOffers } from '../../master/allocator/void-offers.ts'
import type { Context } from '../../master/context.ts'
import type { Change } from '../../master/decision.ts'
import { ALLOCATION_LEASE_MS } from '../../master/limits.ts'
import type { Allocation, Framework } from '../../master/model.ts'
import { all, type CommitResult } from '../../store/store.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { inLane, ledgerLane } from '../lanes.ts'
import { tell } from '../tell.ts'
import { giveBack, isFree, renew, take, turnAtOnce } from './lease.ts'
import type { Pace } from './pace.ts'
import { type Scope, WHOLE } from './scope.ts'
import { type Copies, readWorld, type World, written } from './world.ts'

/** Who takes turns: one per process. */
export interface Turns {
  /** Names the process on the lease. */
  readonly holder: string
  readonly copies: Copies
  /** Of which the copies are. */
  timeline: number
  readonly closed: ClosedAgents
  readonly pace: Pace
}

/** Rounds one call runs on behalf of others before it lets them. */
const MAX_ROUNDS = 16
/** Agents committed at once. */
const AT_ONCE = 16

/**
 * Runs until there is nothing to do, or until it is another's turn. Throws when the table is away.
 * @param asked what the first round looks at; who wants another turn meanwhile does not say why, so that is a whole one
 */
export async function turn(env: Environment, turns: Turns, asked: Scope = WHOLE): Promise<void> {
  let scope = asked
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const begunAt = env.clock.now()
    // The lease is asked for on the version read here, so that no other turn lies between the reading and this one.
    const { world, context } = await see(env, turns, scope)
    const read = world.allocation
    const work = plan(world, { env, turns, context, recent: read?.recent ?? [], candidates: world.fresh })
    if (work.length === 0) {
      if (read?.holder !== turns.holder) return
      if (await giveBack(env, read, { served: [] })) return
      scope = WHOLE
      continue
    }
    const mine = { holder: turns.holder, now: context.now }
    const [only, ...others] = work
    if (only !== undefined && others.length === 0 && isFree(read, mine)) {
      if (await performOne(env, turns, { world, work: only, context, read, begunAt })) return
      continue
    }
    const taken = await take(env, read, mine)
    if (taken.kind === 'left') return
    if (taken.kind === 'contended') continue
    const served = await perform(env, turns, { world, work, context, lease: taken.lease, begunAt })
    if (await giveBack(env, taken.lease, { served, evenIfWanted: round === MAX_ROUNDS })) {
      if (round < MAX_ROUNDS) return
    }
    scope = WHOLE
  }
  await tell(env, [{ tell: 'allocator' }])
}

/** The world in this scope, and the time; after a restore all of it, for copies of before say nothing. */
async function see(
  env: Environment,
  turns: Turns,
  scope: Scope,
): Promise<{ readonly world: World; readonly context: Context }> {
  const context = await contextOf(env)
  const { timeline } = context.cluster
  if (timeline !== turns.timeline) turns.copies.isWhole = false
  turns.timeline = timeline
  const promising = (world: World) =>
    plan(world, { env, turns, context, recent: [] }).map(({ agent }) => agent.ledger.agentId)
  return { world: await readWorld(env, turns.copies, scope, promising), context }
}

interface Work {
  readonly agent: AgentView
  readonly grants: readonly Grant[]
}

/** The agents that get offers or lose void ones. */
function plan(
  { agents, frameworks }: World,
  {
    env,
    turns,
    context,
    recent,
    candidates,
  }: {
    readonly env: Environment
    readonly turns: Turns
    readonly context: Context
    readonly recent: readonly Grantee[]
    /** Who may get or lose offers; all if absent. */
    readonly candidates?: ReadonlySet<string> | undefined
  },
): readonly Work[] {
  const byId = new Map(frameworks.map((framework) => [framework.frameworkId, framework]))
  const { allows } = turns.pace
  const { region } = env.settings
  const { closed } = turns
  for (const agentId of closed.keys()) if (!turns.copies.agents.has(agentId)) closed.delete(agentId)
  const grants = allocate({ agents, frameworks, recent, candidates, allows, region, closed }, context)
  return agents
    .filter(({ ledger }) => candidates?.has(ledger.agentId) ?? true)
    .map((agent) => ({
      agent,
      grants: grants.filter(({ agentId }) => agentId === agent.ledger.agentId),
    }))
    .filter(
      ({ agent, grants }) => grants.length > 0 || voidOffers(agent.ledger, byId, context.now).length > 0,
    )
}

/**
 * Work on one agent, which is what there is to do when a task has ended: it needs no lease, because the turn is one
 * transaction. False: somebody was faster, with the lease or with the agent.
 */
async function performOne(
  env: Environment,
  turns: Turns,
  {
    world,
    work: { agent, grants },
    context,
    read,
    begunAt,
  }: {
    readonly world: World
    readonly work: Work
    readonly context: Context
    readonly read: Allocation | undefined
    readonly begunAt: number
  },
): Promise<boolean> {
  const frameworks = new Map(world.frameworks.map((framework) => [framework.frameworkId, framework]))
  const executorIds = await executorsOf(env, agent, grants)
  const decision = commitOffers({ agent, grants, frameworks, executorIds }, context)
  const changes = [...decision.changes, turnAtOnce(env, read, decision.answer > 0 ? grants : [])]
  const { kind } = await commit(env, agent, changes)
  if (kind === 'committed') {
    written(turns.copies, changes, env.clock.now())
    if (decision.answer > 0) note(turns, { agent, grants }, frameworks)
    await tell(env, decision.tell, decision.changes)
  }
  env.log.info('allocated', {
    offers: kind === 'committed' ? decision.answer : 0,
    conflicted: kind === 'committed' ? 0 : 1,
    ms: env.clock.now() - begunAt,
  })
  return kind === 'committed'
}

/** Commits the work, and once more what was in the way of somebody. Returns who was served. */
async function perform(
  env: Environment,
  turns: Turns,
  first: {
    readonly world: World
    readonly work: readonly Work[]
    readonly context: Context
    readonly lease: Allocation
    /** Own clock at the beginning of the turn, ms. */
    readonly begunAt: number
  },
): Promise<readonly Grantee[]> {
  const { done, conflicted } = await commitAll(env, turns, first)
  let offers = done
  if (conflicted.size > 0) {
    const { world, context } = await see(env, turns, { ...WHOLE, isWhole: false, agents: conflicted })
    const recent = [...(first.lease.recent ?? []), ...done]
    const work = plan(world, { env, turns, context, recent, candidates: conflicted })
    const again = await commitAll(env, turns, { world, work, context, lease: first.lease })
    offers = [...done, ...again.done]
  }
  env.log.info('allocated', {
    offers: offers.length,
    conflicted: conflicted.size,
    ms: env.clock.now() - first.begunAt,
  })
  return offers.map(({ frameworkId, role }) => ({ frameworkId, role }))
}

async function commitAll(
  env: Environment,
  turns: Turns,
  {
    world,
    work,
    context,
    lease,
  }: {
    readonly world: World
    readonly work: readonly Work[]
    readonly context: Context
    readonly lease: Allocation
  },
): Promise<{ readonly done: readonly Grant[]; readonly conflicted: ReadonlySet<string> }> {
  const frameworks = new Map(world.frameworks.map((framework) => [framework.frameworkId, framework]))
  const done: Grant[] = []
  const conflicted = new Set<string>()
  let held: Allocation | undefined = lease
  for (let start = 0; start < work.length; start += AT_ONCE) {
    const { now } = start === 0 ? context : await contextOf(env)
    if (now > held.expiresAt - ALLOCATION_LEASE_MS / 2) held = await renew(env, held, now)
    // Another turn is under way by now and has seen what this one left undone.
    if (held === undefined) break
    await Promise.all(
      work.slice(start, start + AT_ONCE).map(async ({ agent, grants }) => {
        const executorIds = await executorsOf(env, agent, grants)
        const decision = commitOffers({ agent, grants, frameworks, executorIds }, context)
        const result = await commit(env, agent, decision.changes)
        if (result.kind === 'conflicted') {
          conflicted.add(agent.ledger.agentId)
          return
        }
        written(turns.copies, decision.changes, env.clock.now())
        if (decision.answer > 0) {
          done.push(...grants)
          note(turns, { agent, grants }, frameworks)
        }
        await tell(env, decision.tell, decision.changes)
      }),
    )
  }
  return { done, conflicted }
}

/** Behind the calls of this process that are at the same ledger: they have read it, and would have to again. */
function commit(env: Environment, { ledger }: AgentView, changes: readonly Change[]): Promise<CommitResult> {
  return inLane(env, ledgerLane(ledger.agentId), () => env.store.commit(changes, env.ids.uuid()))
}

function note(turns: Turns, { agent, grants }: Work, frameworks: ReadonlyMap<string, Framework>): void {
  for (const { frameworkId, role, resources } of grants) {
    const framework = frameworks.get(frameworkId)
    if (framework !== undefined) turns.pace.made({ ledger: agent.ledger, framework, role, resources })
  }
}

/** Live executors of the frameworks that are granted and have something on the agent: only then it is worth a query. */
async function executorsOf(
  env: Environment,
  { ledger }: AgentView,
  grants: readonly Grant[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const ids = new Map<string, string[]>()
  if (!grants.some(({ frameworkId }) => Object.hasOwn(ledger.sums, frameworkId))) return ids
  for (const { item } of await all(env.store, 'agent', { agentId: ledger.agentId }, 'executor')) {
    if (!('executorId' in item) || !('info' in item) || item.wanted !== 'run') continue
    const known = ids.get(item.frameworkId) ?? []
    ids.set(item.frameworkId, [...known, item.executorId])
  }
  return ids
}
