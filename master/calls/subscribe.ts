// SUBSCRIBE: a framework begins, comes back, or takes over from itself; a newer subscription always wins (C33–C49).
//
// Decides one write of the framework item. Then every gate is raised, and only then SUBSCRIBED is said.
import type { FrameworkInfo, SchedulerCallSubscribe } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import { registrationRefusal } from '../authorization/frameworks.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { deliveryError, deliveryOf } from '../frameworks/delivery.ts'
import { raised, remembered } from '../frameworks/filter-epochs.ts'
import { rolesOf } from '../frameworks/roles.ts'
import type { Framework } from '../model.ts'
import { frameworkInfoError, suppressedRolesError } from '../validation/framework-info.ts'
import { offerConstraintsError } from '../validation/offer-constraints.ts'

export interface SubscribeLoaded {
  /** The framework of the id in the call, also a removed one; undefined if there is none or no id. */
  readonly framework?: Framework | undefined
}

export interface SubscribeContext extends Context {
  /** Authenticated name. */
  readonly principal?: string | undefined
  /** Of the new stream. */
  readonly streamId: string
  /** What the framework wants its webhooks signed with; absent: what it had, or a fresh one. */
  readonly webhookSecret?: string | undefined
}

export type Subscribed =
  /** `took over` when a session was live, and its stream must end with "Framework failed over". */
  | { readonly kind: 'subscribed'; readonly framework: Framework; readonly tookOver: boolean }
  /** To be said as the only event of the stream. */
  | { readonly kind: 'error'; readonly message: string }

/**
 * Decides a subscription. An unknown id is adopted (C48), a removed one refused (C49). Offers of the session before are
 * void without a word (C45); filters stay in a takeover, a disconnect has raised them already (C58).
 */
export function subscribe(
  { framework: existing }: SubscribeLoaded,
  call: SchedulerCallSubscribe,
  context: SubscribeContext,
): Decision<Subscribed> {
  const info = withPrincipal(call.framework_info, context.principal)
  const message = reasonAgainst(existing, info, call, context)
  if (message !== undefined) return nothing({ kind: 'error', message })

  const framework = subscribed(existing, info, call, context)
  return {
    changes: [{ do: 'put', kind: 'framework', item: framework, when: { name: 'unchanged' } }],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }, { tell: 'allocator' }],
    answer: { kind: 'subscribed', framework, tookOver: existing?.state === 'connected' },
  }
}

function reasonAgainst(
  existing: Framework | undefined,
  info: FrameworkInfo,
  { suppressed_roles = [], offer_constraints }: SchedulerCallSubscribe,
  { settings }: Context,
): string | undefined {
  return (
    frameworkInfoError(info) ??
    deliveryError(info) ??
    (existing?.state === 'removed' ? 'Framework has been removed' : undefined) ??
    suppressedRolesError(info, suppressed_roles) ??
    offerConstraintsError(info, offer_constraints) ??
    registrationRefusal(settings.acls, info) ??
    (existing !== undefined && existing.principal !== info.principal
      ? "A framework's principal can not be changed"
      : undefined)
  )
}

function withPrincipal(info: FrameworkInfo, principal: string | undefined): FrameworkInfo {
  return principal === undefined || info.principal !== undefined ? info : { ...info, principal }
}

function subscribed(
  existing: Framework | undefined,
  given: FrameworkInfo,
  { suppressed_roles = [], offer_constraints }: SchedulerCallSubscribe,
  context: SubscribeContext,
): Framework {
  const { now, newId, cluster, settings, streamId } = context
  const asked = given.id?.value ?? ''
  const frameworkId = existing?.frameworkId ?? (asked === '' ? `${cluster.id}-${newId()}` : asked)
  const info = keepingFirst({ ...given, id: { value: frameworkId } }, existing?.info)
  // What ended with the session before is over; a newer release may have written more than is known here (R35).
  const {
    disconnectedAt: _,
    removeAt: __,
    removedAt: ___,
    delivery: ____,
    ...known
  } = existing ?? ({} as Partial<Framework>)
  return {
    ...known,
    version: existing?.version ?? 0,
    frameworkId,
    info,
    principal: info.principal,
    epoch: nextNumber(existing?.epoch ?? 0, cluster.timeline),
    streamId,
    state: 'connected',
    suppressedRoles: [...new Set(suppressed_roles)],
    filterEpochs: raised(
      remembered(existing?.filterEpochs ?? {}, info),
      revivedRoles(existing, info, suppressed_roles),
      cluster.timeline,
    ),
    offerConstraints: offer_constraints,
    gates: existing?.gates ?? settings.gatesPerFramework,
    shards: existing?.shards ?? settings.shardsPerFramework,
    registeredAt: existing?.registeredAt ?? now,
    reregisteredAt: existing === undefined ? undefined : now,
    openWork: 'gates',
    ...withDelivery(existing, info, context),
  }
}

/** The secret stays from session to session, so that a function deployed with it goes on to understand us. */
function withDelivery(
  existing: Framework | undefined,
  info: FrameworkInfo,
  { newId, webhookSecret }: SubscribeContext,
): Pick<Framework, 'delivery'> {
  const target = deliveryOf(info)
  if (target === undefined) return {}
  if (target.kind === 'sqs') return { delivery: target }
  const secret = webhookSecret ?? existing?.delivery?.secret ?? `${newId()}${newId()}`
  return { delivery: { ...target, secret } }
}

/** Whatever is said later, `user` and `checkpoint` stay as they were said first (C47). */
function keepingFirst(info: FrameworkInfo, first: FrameworkInfo | undefined): FrameworkInfo {
  if (first === undefined) return info
  const { checkpoint: _, ...rest } = info
  return {
    ...rest,
    user: first.user,
    ...(first.checkpoint === undefined ? {} : { checkpoint: first.checkpoint }),
  }
}

/** Roles that become un-suppressed, or that the framework had not: what it refused in them before is forgotten. */
export function revivedRoles(
  existing: Framework | undefined,
  info: FrameworkInfo,
  suppressed: readonly string[],
): readonly string[] {
  if (existing === undefined) return []
  const before = new Set(rolesOf(existing.info))
  const joined = rolesOf(info).filter((role) => !before.has(role))
  const still = new Set(suppressed)
  return [...joined, ...existing.suppressedRoles.filter((role) => !still.has(role))]
}
