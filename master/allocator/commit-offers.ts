// From the grants on one agent to the changes of one transaction: the ledger, the letters, the sessions they are for.
//
// Void offers leave the ledger in the same write that gives away what they held. The ledger's version is the
// condition, so two turns at once, or a turn and an ACCEPT, never give a resource twice; a framework that moved on
// meanwhile finds its gate raised, and nothing of the agent is written.

import type { Offer } from '../../protocol/messages.ts'
import { allocate } from '../../protocol/resources.ts'
import { withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { MAX_LETTERS_PER_COMMIT } from '../limits.ts'
import { offerMail, withdrawnMail } from '../mail.ts'
import type { Framework, LedgerOffer } from '../model.ts'
import { newOfferId } from '../offers.ts'
import type { AgentView, Grant } from './allocate.ts'
import { voidOffers } from './void-offers.ts'

export interface AgentWork {
  readonly agent: AgentView
  /** Of this agent; each by a framework in `frameworks`. */
  readonly grants: readonly Grant[]
  readonly frameworks: ReadonlyMap<string, Framework>
  /** Ids of live executors per framework; only those of frameworks with something on the agent matter. */
  readonly executorIds?: ReadonlyMap<string, readonly string[]> | undefined
}

/** Sweeps void offers and makes the granted ones. The answer is how many offers were made. */
export function commitOffers(work: AgentWork, context: Context): Decision<number> {
  const { ledger } = work.agent
  const found = voidOffers(ledger, work.frameworks, context.now)
  if (found.length === 0 && work.grants.length === 0) return nothing(0)

  // A session that is over has no reader; the others are told, and with too many to tell the rest waits.
  const untold = found.filter(({ why }) => why === 'session over')
  const told = found.filter(({ why }) => why !== 'session over').slice(0, MAX_LETTERS_PER_COMMIT)
  const dropped = [...untold, ...told]
  const isWhole =
    dropped.length === found.length && told.length + work.grants.length <= MAX_LETTERS_PER_COMMIT
  const letters = new Map<string, Framework>()
  const mail: Change[] = []
  for (const { offerId, offer } of told) {
    const framework = work.frameworks.get(offer.frameworkId)
    if (framework === undefined) continue
    mail.push(withdrawnMail(framework, offerId, context))
    letters.set(framework.frameworkId, framework)
  }

  const made: Record<string, LedgerOffer> = {}
  const sessions: Change[] = []
  for (const grant of isWhole ? work.grants : []) {
    const framework = work.frameworks.get(grant.frameworkId)
    if (framework === undefined) continue
    const offer = offerOf(work, grant, newOfferId(grant.agentId, context))
    made[offer.id.value] = {
      frameworkId: grant.frameworkId,
      role: grant.role,
      epoch: framework.epoch,
      resources: grant.resources,
      expiresAt: context.now + context.settings.offerTimeoutMs,
    }
    mail.push(offerMail(framework, offer, context))
    letters.set(framework.frameworkId, framework)
  }
  const granted = new Set(Object.values(made).map(({ frameworkId }) => frameworkId))
  for (const frameworkId of granted) {
    const framework = letters.get(frameworkId)
    if (framework !== undefined) sessions.push(gateCheck(framework, ledger.agentId))
  }

  const swept = withoutOffers(
    ledger,
    dropped.map(({ offerId }) => offerId),
  )
  const item = { ...swept, offers: { ...swept.offers, ...made } }
  return {
    changes: [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }, ...sessions, ...mail],
    tell: [...letters.keys()].map((frameworkId) => ({ tell: 'framework', frameworkId })),
    answer: Object.keys(made).length,
  }
}

/** The offer as its framework shall read it, in modern form; the reader writes it in the framework's own (C61, C62). */
function offerOf({ agent: { entry }, executorIds }: AgentWork, grant: Grant, offerId: string): Offer {
  const { info, address } = entry
  const executors = executorIds?.get(grant.frameworkId) ?? []
  return {
    id: { value: offerId },
    framework_id: { value: grant.frameworkId },
    agent_id: { value: grant.agentId },
    hostname: info.hostname,
    url: { scheme: 'http', address: { hostname: info.hostname, ...address }, path: '/slave(1)' },
    resources: allocate(grant.resources, grant.role),
    allocation_info: { role: grant.role },
    ...(info.attributes === undefined ? {} : { attributes: info.attributes }),
    ...(executors.length === 0 ? {} : { executor_ids: executors.map((value) => ({ value })) }),
    ...(info.domain === undefined ? {} : { domain: info.domain }),
  }
}
