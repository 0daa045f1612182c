// DRAIN_AGENT: an agent is taken out of service by ending its tasks; what it means is all in its ledger.
//
//   fact      draining, deactivated, offers withdrawn, a new generation                            one write
//   kills     nobody visits the tasks: while the fact stands, all wanted state of the agent reads `stop`
//   DRAINED   no wanted state, no hold, and every end acknowledged; with mark_gone in custody is enough, and gone
//
// The fact is one item, so it outlives whoever wrote it, and an agent that is away drains when it is back.
import type { AgentDrain, WantedTask } from '../../protocol/agent-messages.ts'
import { EMPTY_DIGEST } from '../../protocol/digest.ts'
import { durationInfo } from '../../protocol/durations.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing, type Tell } from '../decision.ts'
import type { AgentEntry, Drain, Framework, Ledger } from '../model.ts'
import { withdraw } from './offers.ts'
import { putLedger } from './puts.ts'

export interface DrainOrder {
  /** No task has more than this to end, ms; absent: each has its own grace. */
  readonly maxGraceMs?: number | undefined
  /** Drained, the agent becomes gone for good. */
  readonly markGone: boolean
}

export interface DrainLoaded {
  readonly ledger: Ledger | undefined
  readonly entry: AgentEntry | undefined
  /** Frameworks the agent's offers are with. */
  readonly frameworks: ReadonlyMap<string, Framework>
}

/** `draining` also when it is repeated, or over already; the ledger says how far it is. */
export type DrainAnswer = 'draining' | 'unknown agent' | 'being marked gone' | 'not capable'

/**
 * Decides a drain, of an agent that is out of reach, too. An equal repeat changes nothing; another one takes the place
 * of the first, may shorten what is left of the grace, and drains a drained agent once more. It cannot be called off.
 */
export function drainAgent(
  { ledger, entry, frameworks }: DrainLoaded,
  order: DrainOrder,
  context: Context,
): Decision<DrainAnswer> {
  if (ledger === undefined || ledger.life === 'removed') return nothing('unknown agent')
  if (ledger.life === 'gone') {
    return nothing(ledger.openWork === undefined ? 'unknown agent' : 'being marked gone')
  }
  if (!isCapable(entry)) return nothing('not capable')
  if (isSame(ledger.drain, order)) return nothing('draining')
  const { ledger: emptied, mail, tell } = withdraw(ledger, frameworks, context)
  const drain: Drain = {
    state: 'DRAINING',
    ...(order.maxGraceMs === undefined ? {} : { maxGraceMs: order.maxGraceMs }),
    markGone: order.markGone,
    since: context.now,
    asked: (ledger.drain?.asked ?? 0) + 1,
  }
  const generation = nextNumber(ledger.generation, context.cluster.timeline)
  const item: Ledger = { ...emptied, deactivated: true, drain, generation }
  return { changes: [putLedger(item), ...mail], tell: [...tell, ...tellAgent(item)], answer: 'draining' }
}

function isCapable(entry: AgentEntry | undefined): boolean {
  return entry?.capabilities.some(({ type }) => type === 'AGENT_DRAINING') ?? false
}

function isSame(drain: Drain | undefined, order: DrainOrder): boolean {
  return drain !== undefined && drain.maxGraceMs === order.maxGraceMs && drain.markGone === order.markGone
}

/** The list says it all, also to an agent of the release before, which knows `stop` and nothing of drains. */
export function tellAgent({ agentId, life }: Ledger): Tell[] {
  return life === 'active' ? [{ tell: 'agent', agentId, nudge: { kind: 'sync' } }] : []
}

/** What the agent is told of a task of its own while it is drained. What is to `end` ends for another reason. */
export function underDrain(wanted: WantedTask, drain: Drain | undefined): WantedTask {
  if (drain === undefined || wanted.wanted === 'end') return wanted
  const { killPolicy, task } = wanted
  const own = killPolicy?.grace_period ?? task.kill_policy?.grace_period
  const ownMs = own === undefined ? DEFAULT_GRACE_MS : Number(own.nanoseconds) / 1e6
  const isCapped = drain.maxGraceMs !== undefined && drain.maxGraceMs < ownMs
  return {
    ...wanted,
    wanted: 'stop',
    kills: wanted.kills + drain.asked,
    ...(isCapped ? { killPolicy: { grace_period: durationInfo(drain.maxGraceMs) } } : {}),
  }
}

/** Mesos: the grace of a task whose kill policy names none. */
const DEFAULT_GRACE_MS = 3_000

/** What the agent is told of the drain itself. */
export function drainFor({ drain }: Ledger): AgentDrain | undefined {
  if (drain === undefined) return undefined
  const { maxGraceMs, markGone, since } = drain
  return { ...(maxGraceMs === undefined ? {} : { maxGraceMs }), markGone, since }
}

/**
 * True when nothing runs any more on an agent that is draining and in touch: every end is in custody, and nothing can
 * begin. From here on its unacknowledged tasks only become fewer, as long as the ledger stays what it is.
 */
export function isEmptied(ledger: Ledger): boolean {
  return (
    ledger.drain?.state === 'DRAINING' &&
    ledger.life === 'active' &&
    ledger.openWork === undefined &&
    ledger.digest === EMPTY_DIGEST &&
    Object.keys(ledger.offers).length === 0 &&
    Object.keys(ledger.holds).length === 0
  )
}

/** One piece: offers that did not fit the write of the fact. The answer: whether there were any. */
export function drainOffers(
  ledger: Ledger,
  frameworks: ReadonlyMap<string, Framework>,
  context: Context,
): Decision<boolean> {
  if (ledger.drain?.state !== 'DRAINING' || Object.keys(ledger.offers).length === 0) return nothing(false)
  const { ledger: item, mail, tell } = withdraw(ledger, frameworks, context)
  return { changes: [putLedger(item), ...mail], tell, answer: true }
}

/**
 * The end of a drain that does not end in `gone`. The ledger that was found emptied before its frameworks' mail was
 * looked through is given by its version: had the agent been away and back meanwhile, there might be more.
 */
export function drained(ledger: Ledger | undefined, seenVersion: number): Decision<boolean> {
  if (ledger?.drain === undefined || ledger.version !== seenVersion || !isEmptied(ledger)) {
    return nothing(false)
  }
  const item: Ledger = { ...ledger, drain: { ...ledger.drain, state: 'DRAINED' } }
  return { changes: [putLedger(item)], tell: [], answer: true }
}
