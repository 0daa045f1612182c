// An agent registers, for the first time or again: which incarnation it is now, or why it must go.
//
//   life            same boot                    another boot
//   (none)          -                            new; with tasks: taken back page by page (F17)
//   active          the same answer (F25)        new incarnation; launches it does not list are settled (F35)
//   returning       the next page                from the first page, new incarnation
//   unreachable     back, new incarnation        back, new incarnation (F8)
//   removed         back, new incarnation        back, new incarnation
//   gone            shutdown (F13)               shutdown
//
// A return raises the incarnation even for the same boot: nudges and beats sent before the loss are then nobody's.
import type { RegisterCall } from '../../protocol/agent-messages.ts'
import { EMPTY_DIGEST } from '../../protocol/digest.ts'
import { placeOf } from '../../protocol/hash.ts'
import { firstOf, nextNumber, timelineOf } from '../../protocol/numbering.ts'
import { canonical, contains, isEmpty, unallocate } from '../../protocol/resources.ts'
import { used } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing, type Tell } from '../decision.ts'
import { silenceMs } from '../detection/verdict.ts'
import type { AgentEntry, Beats, Framework, Ledger, OpenWork, Resources } from '../model.ts'
import { withdraw } from './offers.ts'

export interface RegisterLoaded {
  readonly agentId: string
  readonly ledger: Ledger | undefined
  readonly entry: AgentEntry | undefined
  /** Of the agent's beat shard. */
  readonly beats: Beats | undefined
  /** Frameworks the agent's offers are with. */
  readonly frameworks: ReadonlyMap<string, Framework>
  readonly commandQueueUrl: string
}

export type Registration =
  | { readonly outcome: 'registered' }
  /** The list is to be taken: this page if it is the next one, and then what it leaves out is settled. */
  | { readonly outcome: 'take-page' }
  /** This page was taken before. */
  | { readonly outcome: 'taken' }
  /** The agent's loss is still being worked off; finish it and ask again (F24). */
  | { readonly outcome: 'finish-loss' }
  | { readonly outcome: 'not-yet' }
  | { readonly outcome: 'shutdown'; readonly why: string }

/** Decides a REGISTER call. The call's shape has been checked before. */
export function register(
  loaded: RegisterLoaded,
  call: RegisterCall,
  context: Context,
): Decision<Registration> {
  const { ledger, entry } = loaded
  if (ledger === undefined)
    return call.page === 0 ? first(loaded, call, context) : nothing({ outcome: 'not-yet' })
  if (ledger.life === 'gone') {
    return shutdown(`Agent ${ledger.agentId} was marked gone; it can only come back under a new id`)
  }
  const moved = machineMove(ledger, call) ?? (entry === undefined ? undefined : moveOf(entry, call))
  if (moved !== undefined) return shutdown(moved)
  if (ledger.openWork?.kind === 'loss') return nothing({ outcome: 'finish-loss' })
  const isSameBoot = ledger.bootNonce === call.bootNonce
  if (isSameBoot && !isToReturn(ledger, context)) return heard(loaded, ledger, again(ledger, call), context)
  if (call.page > 0) return nothing({ outcome: 'not-yet' })
  return back(loaded, ledger, call, context)
}

/** Lost, or of a timeline that a restore has ended (restore-turns-numbers-back): its list is taken over anew. */
function isToReturn(ledger: Ledger, { cluster }: Context): boolean {
  if (ledger.life === 'unreachable' || ledger.life === 'removed') return true
  return timelineOf(ledger.incarnation) < cluster.timeline
}

/**
 * F16: a disk that was moved to another instance, or an image made of a running one, is another agent. What is proven of
 * the one machine would else be believed of the other. An agent that never named an instance may begin to.
 */
function machineMove({ agentId, instanceId }: Ledger, call: RegisterCall): string | undefined {
  const now = call.instanceId
  if (instanceId === undefined || now === undefined || instanceId === now) return undefined
  return `Agent ${agentId} belongs to EC2 instance ${instanceId} and cannot go on from ${now}; start it with a fresh work directory`
}

/** F16: the same work directory on another machine is another agent. */
function moveOf(entry: AgentEntry, call: RegisterCall): string | undefined {
  const isMoved = entry.address.ip !== call.address.ip || entry.info.hostname !== call.agentInfo.hostname
  if (!isMoved) return undefined
  const before = `${entry.info.hostname} (${entry.address.ip})`
  const now = `${call.agentInfo.hostname} (${call.address.ip})`
  return `Agent ${entry.agentId} is registered from ${before} and cannot go on as ${now}; start it with a fresh work directory`
}

function again(ledger: Ledger, call: RegisterCall): Decision<Registration> {
  const work = ledger.openWork
  if (work?.kind !== 'return')
    return nothing({ outcome: call.page < call.pages - 1 ? 'taken' : 'registered' })
  if (call.page > work.pagesTaken) return nothing({ outcome: 'not-yet' })
  const isLast = call.page === call.pages - 1
  return nothing({ outcome: call.page === work.pagesTaken || isLast ? 'take-page' : 'taken' })
}

/**
 * An agent that tries and tries again does not hear its answers, and beats under an incarnation that is over. That it
 * calls shows that it is there (F1); written now and then only.
 */
function heard(
  loaded: RegisterLoaded,
  ledger: Ledger,
  decision: Decision<Registration>,
  context: Context,
): Decision<Registration> {
  if (silenceMs(loaded.beats, ledger) < context.settings.profile.timeoutMs / 4) return decision
  return {
    ...decision,
    changes: [put({ ...ledger, heardAt: heardAt(loaded, context) }), ...decision.changes],
  }
}

function first(loaded: RegisterLoaded, call: RegisterCall, context: Context): Decision<Registration> {
  const { agentId } = loaded
  const { settings, cluster } = context
  const brings = listsAnything(call)
  const ledger: Ledger = {
    version: 0,
    agentId,
    life: brings ? 'returning' : 'active',
    incarnation: nextNumber(0, cluster.timeline),
    bootNonce: call.bootNonce,
    lossNumber: 0,
    generation: firstOf(cluster.timeline),
    total: totalOf(call),
    offers: {},
    holds: {},
    sums: brings ? sumsOf(call) : {},
    digest: EMPTY_DIGEST,
    heardAt: heardAt(loaded, context),
    refusals: [],
    accepts: [],
    deactivated: false,
    beatShard: beatShardOf(agentId, settings),
    indexShard: indexShardOf(agentId, settings),
    ...(call.instanceId === undefined ? {} : { instanceId: call.instanceId }),
    ...(brings ? { openWork: returnWork({ lossNumber: 0, restored: true }, call) } : {}),
  }
  return {
    changes: [put(ledger), putEntry(loaded, ledger, call, context), ...putInstance(ledger, undefined)],
    tell: brings ? [] : [{ tell: 'allocator' }],
    answer: { outcome: brings ? 'take-page' : 'registered' },
  }
}

function back(
  loaded: RegisterLoaded,
  before: Ledger,
  call: RegisterCall,
  context: Context,
): Decision<Registration> {
  const restored = timelineOf(before.incarnation) < context.cluster.timeline
  const wasActive = before.life === 'active'
  const nothingToTake =
    wasActive && before.digest === EMPTY_DIGEST && !listsAnything(call) && isEmptySums(before)
  // One that a restore has not seen, because a torn table has it in no index, returns as all the others do.
  const isActive = wasActive && (!restored || nothingToTake) && !listsMore(before, call)
  const total = totalOf(call)
  // Offers of an agent that merely restarted go on, unless it has less than before.
  const kept = isActive && !restored && contains(total, used(before))
  const {
    ledger: emptied,
    mail,
    tell,
  } = kept ? { ledger: before, mail: [], tell: [] } : withdraw(before, loaded.frameworks, context)
  const { openWork: _, ...bare } = emptied
  const ledger: Ledger = {
    ...bare,
    life: isActive ? 'active' : 'returning',
    incarnation: nextNumber(before.incarnation, context.cluster.timeline),
    bootNonce: call.bootNonce,
    total,
    sums: isActive ? before.sums : sumsOf(call),
    heardAt: heardAt(loaded, context),
    ...(call.instanceId === undefined ? {} : { instanceId: call.instanceId }),
    ...(nothingToTake ? {} : { openWork: returnWork({ lossNumber: before.lossNumber, restored }, call) }),
  }
  const allocate: Tell[] = nothingToTake ? [{ tell: 'allocator' }] : []
  return {
    changes: [
      put(ledger),
      putEntry(loaded, ledger, call, context),
      ...putInstance(ledger, before.instanceId),
      ...mail,
    ],
    tell: [...tell, ...allocate],
    answer: { outcome: nothingToTake ? 'registered' : 'take-page' },
  }
}

/** Silence counts from now at the earliest; while beats queue up unread, the newest canary is older than that. */
function heardAt({ beats }: RegisterLoaded, context: Context): number {
  return Math.max(beats?.canary.stamp ?? 0, context.now)
}

function returnWork(
  { lossNumber, restored }: { readonly lossNumber: number; readonly restored: boolean },
  { pages }: RegisterCall,
): OpenWork {
  return { kind: 'return', lossNumber, pagesTaken: 0, pages, ...(restored ? { restored } : {}) }
}

function listsAnything(call: RegisterCall): boolean {
  return call.pages > 1 || call.tasks.length > 0 || call.executors.length > 0
}

/** A call of the process before, that somebody held up, may: what it lists could be offered to others by now (S1). */
function listsMore(before: Ledger, call: RegisterCall): boolean {
  const charged = (sums: Ledger['sums']) => used({ ...before, offers: {}, holds: {}, sums })
  return !contains(charged(before.sums), charged(sumsOf(call)))
}

function isEmptySums(ledger: Ledger): boolean {
  return Object.keys(ledger.sums).length === 0
}

function totalOf(call: RegisterCall): Resources {
  return unallocate(canonical(call.agentInfo.resources ?? []))
}

/** All that the agent's list is charged, before the list is looked at: nothing of it can be given away meanwhile. */
function sumsOf(call: RegisterCall): Ledger['sums'] {
  // Ids and roles are other people's words: as keys they are only ever own properties.
  const frameworks = Object.entries(call.sums).map(([frameworkId, roles]) => {
    const charged = Object.entries(roles)
      .map(([role, resources]) => [role, unallocate(resources)] as const)
      .filter(([, resources]) => !isEmpty(resources))
    return [frameworkId, Object.fromEntries(charged)] as const
  })
  return Object.fromEntries(frameworks.filter(([, roles]) => Object.keys(roles).length > 0))
}

function putEntry(loaded: RegisterLoaded, ledger: Ledger, call: RegisterCall, context: Context): Change {
  const { entry, agentId } = loaded
  // A newer release may have written more than is known here (R35).
  const { lostAt: _, ...known } = entry ?? ({} as Partial<AgentEntry>)
  const item: AgentEntry = {
    ...known,
    version: entry?.version ?? 0,
    agentId,
    shard: ledger.indexShard,
    info: { ...call.agentInfo, id: { value: agentId }, resources: ledger.total },
    address: call.address,
    agentVersion: call.version,
    capabilities: call.capabilities,
    ...(call.instanceId === undefined ? {} : { instanceId: call.instanceId }),
    registeredAt: entry?.registeredAt ?? context.now,
    ...(entry === undefined ? {} : { reregisteredAt: context.now }),
    commandQueueUrl: loaded.commandQueueUrl,
    life: ledger.life,
  }
  return { do: 'put', kind: 'agent', item, when: { name: 'unchanged' } }
}

/** Written once: it says only that this agent is to be looked for when EC2 speaks of the instance. */
function putInstance({ agentId, instanceId }: Ledger, before: string | undefined): Change[] {
  if (instanceId === undefined || instanceId === before) return []
  return [
    { do: 'put', kind: 'instance', item: { version: 0, instanceId, agentId }, when: { name: 'anything' } },
  ]
}

function put(ledger: Ledger): Change {
  return { do: 'put', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }
}

function shutdown(why: string): Decision<Registration> {
  return nothing({ outcome: 'shutdown', why })
}

/** Where a new agent's beats go; stored with it, so that the setting can change for newer ones. */
export function beatShardOf(agentId: string, settings: { readonly beatShards: number }): number {
  return placeOf(agentId, settings.beatShards)
}

/** In which shard of the index a new agent stands. */
export function indexShardOf(agentId: string, settings: { readonly agentIndexShards: number }): number {
  return placeOf(agentId, settings.agentIndexShards)
}
