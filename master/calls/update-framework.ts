// UPDATE_FRAMEWORK: the one call with an answer of its own; all three parts are replaced at once, or nothing is (C108).
import type { FrameworkInfo, SchedulerCallUpdateFramework } from '../../protocol/messages.ts'
import { withoutOffers } from '../accounting.ts'
import { registrationRefusal } from '../authorization/frameworks.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import { deliveryError, deliveryOf } from '../frameworks/delivery.ts'
import { raised, remembered } from '../frameworks/filter-epochs.ts'
import { rolesOf } from '../frameworks/roles.ts'
import { withdrawnMail } from '../mail.ts'
import type { Framework, Ledger } from '../model.ts'
import { frameworkInfoError, suppressedRolesError } from '../validation/framework-info.ts'
import { offerConstraintsError } from '../validation/offer-constraints.ts'
import { sameMessage } from '../validation/same.ts'
import type { CallAnswer } from './answer.ts'
import { revivedRoles } from './subscribe.ts'

export interface UpdateFrameworkAnswer extends CallAnswer {
  /** Roles the framework has left: their offers are to be withdrawn, ledger by ledger, with `withdrawOffers`. */
  readonly droppedRoles: readonly string[]
}

/** 200 when applied or nothing differs, 400 with what is wrong, 403 for roles it may not use. What is omitted is emptied, not kept. */
export function updateFramework(
  { framework }: { readonly framework: Framework },
  call: SchedulerCallUpdateFramework,
  context: Context & { readonly principal?: string | undefined },
): Decision<UpdateFrameworkAnswer> {
  const { suppressed_roles = [], offer_constraints } = call
  const info = complete(call.framework_info, framework, context.principal)
  const text = reasonAgainst(framework, info, call)
  if (text !== undefined) return nothing({ status: 400, text, droppedRoles: [] })
  const refused = registrationRefusal(context.settings.acls, info)
  if (refused !== undefined) return nothing({ status: 403, text: refused, droppedRoles: [] })

  const item: Framework = {
    ...framework,
    info,
    suppressedRoles: [...new Set(suppressed_roles)],
    offerConstraints: offer_constraints,
    filterEpochs: raised(
      remembered(framework.filterEpochs, info),
      revivedRoles(framework, info, suppressed_roles),
      context.cluster.timeline,
    ),
  }
  if (sameMessage(item, framework)) return nothing({ status: 200, droppedRoles: [] })
  const kept = new Set(rolesOf(info))
  return {
    changes: [{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }],
    tell: [{ tell: 'allocator' }],
    answer: { status: 200, droppedRoles: rolesOf(framework.info).filter((role) => !kept.has(role)) },
  }
}

function reasonAgainst(
  framework: Framework,
  info: FrameworkInfo,
  { suppressed_roles = [], offer_constraints }: SchedulerCallUpdateFramework,
): string | undefined {
  return (
    prefixed('The FrameworkInfo is not valid', frameworkInfoError(info)) ??
    prefixed('The FrameworkInfo is not valid', deliveryError(info)) ??
    prefixed('The FrameworkInfo can not be updated', changeReason(framework, info)) ??
    prefixed('The UPDATE_FRAMEWORK call is not valid', suppressedRolesError(info, suppressed_roles)) ??
    prefixed('The UPDATE_FRAMEWORK call is not valid', offerConstraintsError(info, offer_constraints))
  )
}

/** Here these three are refused; SUBSCRIBE silently keeps the first two. */
function changeReason(
  { info: old, principal, delivery }: Framework,
  info: FrameworkInfo,
): string | undefined {
  const target = deliveryOf(info)
  if (target?.kind !== delivery?.kind || target?.url !== delivery?.url)
    return 'how events are delivered is chosen by SUBSCRIBE only'
  if (info.user !== old.user) return `'user' can not be changed from '${old.user}' to '${info.user}'`
  if ((info.checkpoint ?? false) !== (old.checkpoint ?? false)) return "'checkpoint' can not be changed"
  return info.principal === principal ? undefined : "A framework's principal can not be changed"
}

function complete(
  info: FrameworkInfo,
  { frameworkId }: Framework,
  principal: string | undefined,
): FrameworkInfo {
  const own = { ...info, id: { value: frameworkId } }
  return principal === undefined || info.principal !== undefined ? own : { ...own, principal }
}

/** Takes back one agent's offers in roles the framework has left, with a RESCIND each. Twice does no harm. */
export function withdrawOffers(
  { framework, ledger }: { readonly framework: Framework; readonly ledger: Ledger },
  droppedRoles: readonly string[],
  context: Context,
): Decision<'withdrawn' | 'none'> {
  const ids = Object.entries(ledger.offers)
    .filter(
      ([, { frameworkId, role }]) => frameworkId === framework.frameworkId && droppedRoles.includes(role),
    )
    .map(([id]) => id)
  if (ids.length === 0) return nothing('none')
  return {
    changes: [
      { do: 'put', kind: 'ledger', item: withoutOffers(ledger, ids), when: { name: 'unchanged' } },
      ...ids.map((id) => withdrawnMail(framework, id, context)),
    ],
    tell: [{ tell: 'framework', frameworkId: framework.frameworkId }, { tell: 'allocator' }],
    answer: 'withdrawn',
  }
}

function prefixed(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `${prefix}: ${reason}`
}
