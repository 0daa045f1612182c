// The offers of an ACCEPT: all usable, all of one role on one agent, or the whole call is invalid (C78, C79, A2).
import { nameOf } from '../../protocol/hash.ts'
import type { SchedulerCallAccept, TaskInfo, TaskStatusReason } from '../../protocol/messages.ts'
import { add } from '../../protocol/resources.ts'
import type { AgentEntry, Executor, Framework, Ledger, Resources, Task } from '../model.ts'
import { agentOf, stands } from '../offers.ts'

export interface AcceptLoaded {
  readonly framework: Framework
  /** Of the agents that `agentsOf(call)` names, as far as they exist. */
  readonly ledgers: readonly Ledger[]
  /** Index entries of the same agents: their capabilities. */
  readonly agents: readonly AgentEntry[]
  /** Existing tasks by the ids of `taskIdsOf(call)`, in any order. */
  readonly tasks: readonly (Task | undefined)[]
  /** All executors of this framework on the agent. */
  readonly executors: readonly Executor[]
}

/** The agents a call's offers name, each once: what to load. */
export function agentsOf(call: SchedulerCallAccept): readonly string[] {
  const named = offerIdsOf(call).map(agentOf)
  return [...new Set(named.filter((agentId) => agentId !== undefined))]
}

/** All tasks of a call, in order. */
export function tasksOf({ operations = [] }: SchedulerCallAccept): readonly TaskInfo[] {
  return operations.flatMap(({ type, launch, launch_group }) => {
    if (type === 'LAUNCH') return launch?.task_infos ?? []
    return type === 'LAUNCH_GROUP' ? (launch_group?.task_group.tasks ?? []) : []
  })
}

/**
 * What an ACCEPT is known by: the same offers and tasks make the same one, so that a repeat is seen as what it is,
 * whichever worker gets it (C156, accept-repeated-after-timeout).
 */
export function acceptIdOf(call: SchedulerCallAccept): string {
  const tasks = tasksOf(call).map(({ task_id }) => task_id.value)
  return nameOf(['accept', ...[...offerIdsOf(call)].sort(), 'of', ...tasks])
}

export function offerIdsOf({ offer_ids = [] }: SchedulerCallAccept): readonly string[] {
  return offer_ids.map(({ value }) => value)
}

/** True if this very call took effect before: a task names it, or the ledger remembers it. */
export function isRepeat({ ledgers, tasks }: AcceptLoaded, acceptId: string): boolean {
  return (
    tasks.some((task) => task?.acceptId === acceptId) ||
    ledgers.some(({ accepts }) => accepts.includes(acceptId))
  )
}

export type CheckedOffers =
  | { readonly kind: 'good'; readonly ledger: Ledger; readonly role: string; readonly resources: Resources }
  | { readonly kind: 'bad'; readonly reason: TaskStatusReason; readonly message: string }

/** Checks the offers in Mesos's order. @param now cluster time: an expired offer is no offer (F74) */
export function checkOffers(loaded: AcceptLoaded, call: SchedulerCallAccept, now: number): CheckedOffers {
  const ids = offerIdsOf(call)
  const invalid = (message: string): CheckedOffers => ({
    kind: 'bad',
    reason: 'REASON_INVALID_OFFERS',
    message,
  })
  if (ids.length === 0) return invalid('No offers specified')
  const duplicate = ids.find((id, index) => ids.indexOf(id) < index)
  if (duplicate !== undefined) return invalid(`Duplicate offer ${duplicate} in offer list`)
  const found = []
  for (const id of ids) {
    const ledger = loaded.ledgers.find(({ agentId }) => agentId === agentOf(id))
    const offer = ledger?.offers[id]
    // One sentence for what never was, is over, or is another's: nobody learns of foreign offers (A2, A25).
    if (ledger === undefined || offer === undefined || !stands(offer, loaded.framework, now)) {
      return invalid(`Offer ${id} is no longer valid`)
    }
    found.push({ ledger, offer })
  }
  const [first] = found
  if (first === undefined) return invalid('No offers specified')
  const { role } = first.offer
  if (found.some(({ offer }) => offer.role !== role)) return invalid('The offers are for different roles')
  if (found.some(({ ledger }) => ledger !== first.ledger))
    return invalid('The offers are of different agents')
  return (
    agentReason(first.ledger) ?? {
      kind: 'good',
      ledger: first.ledger,
      role,
      resources: add(...found.map(({ offer }) => offer.resources)),
    }
  )
}

/** Offers of a drained agent are withdrawn with its drain, as many as fit one write; the others are void. */
function agentReason({ life, drain }: Ledger): CheckedOffers | undefined {
  if (drain !== undefined)
    return { kind: 'bad', reason: 'REASON_AGENT_DRAINING', message: 'The agent is drained' }
  if (life === 'active') return undefined
  return life === 'returning'
    ? { kind: 'bad', reason: 'REASON_AGENT_DISCONNECTED', message: 'The agent is disconnected' }
    : { kind: 'bad', reason: 'REASON_AGENT_REMOVED', message: 'The agent has been removed' }
}
