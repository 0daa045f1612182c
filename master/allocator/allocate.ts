// Who is offered what: one turn over the agents as they were read. Pure; commit-offers.ts makes changes of it.
//
// An agent is given whole to the first (role, framework) that passes every rule, in the order of the sorters, which
// follows each grant. What the rules keep back (reserved to another role, revocable) goes to the next that may have it.

import { isStrictSubroleOf } from '../../protocol/ids.ts'
import type { FrameworkInfo, Resource } from '../../protocol/messages.ts'
import { reservationRole } from '../../protocol/resource-format.ts'
import type { Quantities } from '../../protocol/resources.ts'
import { contains, oncePerFrozen, quantities, subtract, unallocate } from '../../protocol/resources.ts'
import { isCapable, rolesOf } from '../frameworks/roles.ts'
import { MIN_ALLOCATABLE } from '../limits.ts'
import type { AgentEntry, Framework, Ledger, Refusal, Resources } from '../model.ts'
import { meetsConstraints } from './offer-constraints.ts'
import { type Sorter, sorter } from './sorter.ts'
import { freeOf, whyVoid } from './void-offers.ts'

export interface AgentView {
  readonly ledger: Ledger
  readonly entry: AgentEntry
}

/** The world of one turn. All agents count for the shares; only candidates are granted. */
export interface Snapshot {
  /** In the order they are visited: shuffled by the caller, so that no agent is always first. */
  readonly agents: readonly AgentView[]
  readonly frameworks: readonly Framework[]
  /** Agents that may be granted in this turn; all if absent. */
  readonly candidates?: ReadonlySet<string> | undefined
  /** Per role path, 1 where none is given. */
  readonly weights?: Readonly<Record<string, number>> | undefined
  /** Who was served last, per role, the latest at the end: equal shares take turns, so nobody who declines is always first. */
  readonly recent?: readonly Grantee[] | undefined
  /** Asked last, before a grant: false keeps this offer from the framework for now. Absent: nothing is kept. */
  readonly allows?: ((wanted: Offering) => boolean) | undefined
  /** Agents that nobody could be offered when they were looked at last, brought up to date here. */
  readonly closed?: ClosedAgents | undefined
  /** Where the control plane runs; agents of other regions need REGION_AWARE. Absent: all agents are near. */
  readonly region?: string | undefined
}

/** By agent: nobody can be offered it as these versions are, until this time. Who forgets it looks once too often. */
export type ClosedAgents = Map<string, { readonly versions: string; readonly until: number }>

export interface Offering {
  readonly ledger: Ledger
  readonly framework: Framework
  readonly role: string
  readonly resources: Resources
}

export interface Grantee {
  readonly frameworkId: string
  readonly role: string
}

export interface Grant extends Grantee {
  readonly agentId: string
  readonly resources: Resources
}

/** Decides the offers of one turn. @param context cluster time, against which filters and offers expire */
export function allocate(snapshot: Snapshot, context: { readonly now: number }): readonly Grant[] {
  const frameworks = new Map(snapshot.frameworks.map((framework) => [framework.frameworkId, framework]))
  const open = openAgents(snapshot, frameworks, context.now)
  // In most turns everybody has refused everything that is free: whose turn it is need not be found out then.
  if (open.length === 0) return []
  const shares = sharesOf(snapshot, frameworks, context.now)
  const grants: Grant[] = []
  for (const { agent, free } of open) {
    let left = free
    for (const { framework, role } of shares.order()) {
      // The agent is given away: spare the rest of the line.
      if (left.length === 0) break
      const resources = offering({
        agent,
        framework,
        role,
        free: left,
        now: context.now,
        region: snapshot.region,
      })
      if (resources === undefined) continue
      if (snapshot.allows?.({ ledger: agent.ledger, framework, role, resources }) === false) continue
      grants.push({ agentId: agent.ledger.agentId, frameworkId: framework.frameworkId, role, resources })
      left = subtract(left, resources)
      shares.granted({ frameworkId: framework.frameworkId, role }, resources)
    }
  }
  return grants
}

/** Agents that anybody can be offered at all, in the order of the snapshot. */
function openAgents(
  { agents, candidates, region, frameworks, closed }: Snapshot,
  byId: ReadonlyMap<string, Framework>,
  now: number,
): readonly { readonly agent: AgentView; readonly free: Resources }[] {
  const wanting = frameworks.flatMap((framework) =>
    activeRoles(framework).map((role) => ({ framework, role })),
  )
  if (wanting.length === 0) return []
  const whole = frameworks.map(({ frameworkId, version }) => `${frameworkId} ${version}`).join()
  const open: { readonly agent: AgentView; readonly free: Resources }[] = []
  for (const agent of agents) {
    const { ledger, entry } = agent
    if (candidates?.has(ledger.agentId) === false || !isOfferable(ledger)) continue
    const versions = `${ledger.version} ${entry.version} ${whole}`
    const before = closed?.get(ledger.agentId)
    if (before !== undefined && before.versions === versions && now < before.until) continue
    const free = freeOf(ledger, byId, now)
    const wants = ({ framework, role }: (typeof wanting)[number]) =>
      offering({ agent, framework, role, free, now, region }) !== undefined
    if (free.length > 0 && wanting.some(wants)) open.push({ agent, free })
    else closed?.set(ledger.agentId, { versions, until: nextExpiry(ledger, now) })
  }
  return open
}

/** When time alone changes what of an agent can be offered: a refusal ends, or an offer. */
function nextExpiry({ refusals, offers }: Ledger, now: number): number {
  let next = Number.POSITIVE_INFINITY
  for (const { until } of refusals) if (until > now && until < next) next = until
  for (const { expiresAt } of Object.values(offers)) if (expiresAt > now && expiresAt < next) next = expiresAt
  return next
}

/** Only an agent whose list of tasks is known, and that nobody closed, is offered. */
function isOfferable(ledger: Ledger): boolean {
  return ledger.life === 'active' && !ledger.deactivated && ledger.drain === undefined
}

/** Who holds what on an agent. */
function* chargesOf(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  now: number,
): Generator<Grantee & { readonly resources: Resources }> {
  for (const offer of Object.values(ledger.offers)) {
    if (whyVoid(offer, frameworks, now) === undefined) yield offer
  }
  yield* heldOf(ledger)
}

/** Without offers, which time makes void. */
const heldOf = oncePerFrozen((ledger: Ledger): readonly (Grantee & { readonly resources: Resources })[] => [
  ...Object.values(ledger.holds),
  ...Object.entries(ledger.sums).flatMap(([frameworkId, roles]) =>
    Object.entries(roles).map(([role, resources]) => ({ frameworkId, role, resources })),
  ),
])

interface Shares {
  /** Candidates, the one to be served next first. */
  order(): Generator<{ readonly framework: Framework; readonly role: string }>
  granted(grantee: Grantee, resources: Resources): void
}

function sharesOf(
  { agents, frameworks, weights, recent }: Snapshot,
  byId: ReadonlyMap<string, Framework>,
  now: number,
): Shares {
  const present = agents.filter(({ ledger }) => ledger.life === 'active' || ledger.life === 'returning')
  const total = sumOf(present.map(({ ledger }) => scalarsOf(ledger.total)))
  const roles = sorter(total, weights)
  const ofRole = new Map<string, Sorter>()
  const frameworksOf = (role: string): Sorter => {
    const found = ofRole.get(role) ?? sorter(total)
    ofRole.set(role, found)
    return found
  }
  const charge = ({ frameworkId, role }: Grantee, amounts: Quantities): void => {
    roles.charge(role, amounts)
    frameworksOf(role).charge(frameworkId, amounts)
  }
  const served = ({ frameworkId, role }: Grantee): void => {
    roles.served(role)
    frameworksOf(role).served(frameworkId)
  }

  for (const framework of frameworks) {
    for (const role of activeRoles(framework)) {
      roles.activate(role)
      frameworksOf(role).activate(framework.frameworkId)
    }
  }
  for (const { ledger } of present) {
    for (const held of chargesOf(ledger, byId, now)) charge(held, scalarsOf(held.resources))
  }
  for (const grantee of recent ?? []) served(grantee)

  return {
    *order() {
      // Both lists are those at the agent's turn: a grant moves the order for the next agent.
      for (const role of roles.order()) {
        for (const frameworkId of frameworksOf(role).order()) {
          const framework = byId.get(frameworkId)
          if (framework !== undefined) yield { framework, role }
        }
      }
    },
    granted(grantee, resources) {
      charge(grantee, scalarsOf(resources))
      served(grantee)
    },
  }
}

/** The roles in which a framework wants offers now. */
export function activeRoles(framework: Framework): readonly string[] {
  if (framework.state !== 'connected') return []
  return rolesOf(framework.info).filter((role) => !framework.suppressedRoles.includes(role))
}

interface Question {
  readonly agent: AgentView
  readonly framework: Framework
  readonly role: string
  readonly free: Resources
  readonly now: number
  readonly region: string | undefined
}

/**
 * What of the free resources the framework is offered in the role; undefined if nothing. A limit of the role's quota
 * cuts the unreserved scalars between `suited` and the last look at the least amount.
 */
function offering({ agent, framework, role, free, now, region }: Question): Resources | undefined {
  const { info } = framework
  if (!mayMeet({ entry: agent.entry, role, info, region })) return undefined
  if (!isCapable(info, 'GPU_RESOURCES') && hasGpus(agent.ledger)) return undefined
  if (!meetsConstraints(framework.offerConstraints, role, agent.entry)) return undefined
  const isSuited = (resource: Resource) => isFor(resource, role) && isUnderstood(resource, info)
  // The very list if all of it suits: what is known of it need not be found again.
  const suited = free.every(isSuited) ? free : free.filter(isSuited)
  if (!isAllocatable(suited, framework, role)) return undefined
  const isRefused = agent.ledger.refusals.some(
    (refusal) =>
      applies(refusal, { framework, role, now }) && contains(unallocate(refusal.resources), suited),
  )
  return isRefused ? undefined : suited
}

/** Whether agent and framework understand each other at all. */
function mayMeet({
  entry,
  role,
  info,
  region,
}: {
  readonly entry: AgentEntry
  readonly role: string
  readonly info: FrameworkInfo
  readonly region: string | undefined
}): boolean {
  const agentCan = (capability: string) => entry.capabilities.some(({ type }) => type === capability)
  if (isCapable(info, 'MULTI_ROLE') && !agentCan('MULTI_ROLE')) return false
  if (role.includes('/') && !agentCan('HIERARCHICAL_ROLE')) return false
  const agentRegion = entry.info.domain?.fault_domain?.region.name
  const isFar = region !== undefined && agentRegion !== undefined && agentRegion !== region
  return isCapable(info, 'REGION_AWARE') || !isFar
}

/** A whole agent with gpus is kept for frameworks that use them, so that others do not fill it up. */
function hasGpus({ total }: Ledger): boolean {
  return total.some(({ name, scalar }) => name === 'gpus' && (scalar?.value ?? 0) > 0)
}

/** Reserved resources are for exactly their role and the roles below it. */
function isFor(resource: Resource, role: string): boolean {
  const reservedTo = reservationRole(resource)
  return reservedTo === '*' || reservedTo === role || isStrictSubroleOf(role, reservedTo)
}

/** Some kinds of resources are shown only to frameworks that say they know them (C73). */
function isUnderstood(resource: Resource, info: FrameworkInfo): boolean {
  // Used by network isolation inside the agent, never offered in Mesos either.
  if (resource.name === 'ephemeral_ports') return false
  if (resource.revocable !== undefined && !isCapable(info, 'REVOCABLE_RESOURCES')) return false
  if (resource.shared !== undefined && !isCapable(info, 'SHARED_RESOURCES')) return false
  return (resource.reservations ?? []).length < 2 || isCapable(info, 'RESERVATION_REFINEMENT')
}

/** Worth an offer: one of the least amounts is there. A framework may set its own per role; none at all means any. */
function isAllocatable(resources: Resources, { info }: Framework, role: string): boolean {
  const there = amountsOf(resources)
  if (Object.keys(there).length === 0) return false
  const own = info.offer_filters
  const minimum =
    own !== undefined && Object.hasOwn(own, role) ? own[role]?.min_allocatable_resources : undefined
  if (minimum === undefined) {
    return (there.cpus ?? 0) >= MIN_ALLOCATABLE.cpus || (there.mem ?? 0) >= MIN_ALLOCATABLE.mem
  }
  const least = minimum.quantities ?? []
  return (
    least.length === 0 ||
    least.some((each) =>
      Object.entries(each.quantities ?? {}).every(([name, { value }]) => (there[name] ?? 0) >= value * 1000),
    )
  )
}

const amountsOf = oncePerFrozen(quantities)

/** A refusal counts until it ends, or until the framework revived the role after it (F75, F76). */
function applies(
  refusal: Refusal,
  { framework, role, now }: { readonly framework: Framework; readonly role: string; readonly now: number },
): boolean {
  return (
    refusal.frameworkId === framework.frameworkId &&
    refusal.role === role &&
    refusal.until > now &&
    refusal.filterEpoch >= (framework.filterEpochs[role] ?? 0)
  )
}

/** Amounts of scalars only: ports and sets have no share. */
const scalarsOf = oncePerFrozen(
  (resources: Resources): Quantities => quantities(resources.filter(({ type }) => type === 'SCALAR')),
)

function sumOf(amounts: readonly Quantities[]): Quantities {
  const sum: Record<string, number> = {}
  for (const each of amounts) {
    for (const [name, amount] of Object.entries(each)) sum[name] = (sum[name] ?? 0) + amount
  }
  return sum
}
