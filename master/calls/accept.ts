// ACCEPT: offers end, tasks begin, the rest goes back; all of it in one write of one agent's ledger.
//
// Walk: before it functions/scheduler/calls.ts, after it functions/transact.ts. A call that does not fit one
// transaction goes by accept-hold.ts.
import assert from 'node:assert'
import { toggled } from '../../protocol/digest.ts'
import type { SchedulerCallAccept } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import { allocate, isEmpty } from '../../protocol/resources.ts'
import { charge, withoutOffers } from '../accounting.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing, type Tell } from '../decision.ts'
import { refuse, refuseMs } from '../filters.ts'
import { gateCheck } from '../frameworks/gates.ts'
import { MAX_ACCEPTS_KEPT } from '../limits.ts'
import { wordMail } from '../mail.ts'
import type { Executor, Framework, Ledger, Run, Task } from '../model.ts'
import { tellChanges } from '../nudges.ts'
import { type AcceptLoaded, acceptIdOf, checkOffers, isRepeat, offerIdsOf } from './accept-offers.ts'
import { operationMail, refuseAccept } from './accept-refuse.ts'
import { type Ground, type Outcome, runUnits } from './accept-run.ts'
import { isLarge, unitsOf } from './accept-units.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/**
 * Decides an ACCEPT that fits one transaction (`isLarge` says). Always 202: what is wrong is said of the tasks.
 * A repeat of a call that took effect changes nothing and says nothing (F63).
 */
export function accept(
  loaded: AcceptLoaded,
  call: SchedulerCallAccept,
  context: Context,
): Decision<CallAnswer> {
  assert(!isLarge(call), 'an ACCEPT this large goes by hold and pieces')
  const acceptId = acceptIdOf(call)
  if (isRepeat(loaded, acceptId)) return nothing(ACCEPTED)
  const offers = checkOffers(loaded, call, context.now)
  if (offers.kind === 'bad') return { ...refuseAccept(loaded, call, offers, context), answer: ACCEPTED }

  const { framework } = loaded
  const ground = groundOf(loaded, offers, acceptId, context)
  const outcome = runUnits(unitsOf(call), ground, context)
  const ended = withoutOffers(offers.ledger, offerIdsOf(call))
  const charged = withLaunched(ended, ground, outcome)
  const ledger = withLeftover(charged, ground, outcome, call, context)
  return {
    changes: [
      gateCheck(framework, ledger.agentId),
      { do: 'put', kind: 'ledger', item: withAccept(ledger, acceptId), when: { name: 'unchanged' } },
      ...changesOf(outcome, framework, context),
    ],
    tell: tellsOf(outcome, ledger, framework, refuseMs(call.filters) === 0),
    answer: ACCEPTED,
  }
}

/** What the operations of a call stand on. @param offers or hold: where the resources come from */
export function groundOf(
  { framework, agents, tasks, executors }: AcceptLoaded,
  {
    ledger,
    role,
    resources,
  }: { readonly ledger: Ledger; readonly role: string; readonly resources: Ledger['total'] },
  acceptId: string,
  { cluster }: Context,
): Ground {
  const known = tasks.filter((task) => task !== undefined)
  return {
    framework,
    agent: agents.find(({ agentId }) => agentId === ledger.agentId),
    ledger,
    role,
    available: allocate(resources, role),
    acceptId,
    generation: nextNumber(ledger.generation, cluster.timeline),
    tasks: new Map(known.map((task) => [task.taskId, task])),
    executors: executors.filter(({ agentId }) => agentId === ledger.agentId),
  }
}

/** The ledger with what was launched charged, counted in the digest, and wanted under one new generation. */
export function withLaunched(ledger: Ledger, ground: Ground, { charged, runs }: Outcome): Ledger {
  if (runs.length === 0) return ledger
  const payer = { frameworkId: ground.framework.frameworkId, role: ground.role }
  return {
    ...charge(ledger, payer, charged),
    generation: ground.generation,
    digest: runs.reduce(toggled, ledger.digest),
  }
}

/** What is left over goes back with the call's filters (C93). */
export function withLeftover(
  ledger: Ledger,
  { framework, role }: Ground,
  { available }: Outcome,
  { filters }: SchedulerCallAccept,
  { now }: Context,
): Ledger {
  return refuse(ledger, { framework, role, resources: available }, { ms: refuseMs(filters), now })
}

/** The ledger remembers its latest ACCEPTs, as evidence for repeats. */
export function withAccept(ledger: Ledger, acceptId: string): Ledger {
  return { ...ledger, accepts: [...ledger.accepts, acceptId].slice(-MAX_ACCEPTS_KEPT) }
}

/** What comes into being, and what must be said, in the transaction that charges it. */
export function changesOf(
  { runs, tasks, executors, words, errors }: Outcome,
  framework: Framework,
  context: Context,
): readonly Change[] {
  return [
    ...executors.map(
      (item: Executor): Change => ({ do: 'put', kind: 'executor', item, when: { name: 'absent' } }),
    ),
    ...runs.map((item: Run): Change => ({ do: 'put', kind: 'run', item, when: { name: 'absent' } })),
    ...tasks.map((item: Task): Change => ({ do: 'put', kind: 'task', item, when: { name: 'unchanged' } })),
    ...words.map((status) => wordMail(framework, status, context)),
    ...errors.map((status) => operationMail(framework, status, context)),
  ]
}

/** The agent hears what to run, the framework what failed; the allocator of what goes back unfiltered. */
export function tellsOf(
  { runs, words, errors, available }: Outcome,
  ledger: Ledger,
  framework: Framework,
  isUnfiltered: boolean,
): readonly Tell[] {
  const tells: Tell[] = runs.length > 0 ? tellChanges(ledger, { runs, frameworks: [framework.info] }) : []
  if (words.length + errors.length > 0) tells.push({ tell: 'framework', frameworkId: framework.frameworkId })
  if (isUnfiltered && !isEmpty(available)) tells.push({ tell: 'allocator' })
  return tells
}
