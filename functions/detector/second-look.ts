// The detector's look at EC2: suspects, so that a dead machine is known before its timeout; the lost, once a minute, so
// that no lost event matters (F14, R9).
//
//   calls of DescribeInstances per tick    one per 200 suspects, at most 5; none while nobody is suspect
//   and per minute                         one per 200 agents that are unreachable
//
// EC2 gives an account 100 such calls at once and 20 more a second: a tick a second stays well below. What does not fit
// into a tick is asked in the next one; after a failure EC2 is left alone for a while.
import type { Ledger, Tick } from '../../master/model.ts'
import { bury, examine } from '../agents/burial.ts'
import type { Environment } from '../environment.ts'
import { INSTANCES_PER_CALL } from '../ports/ec2.ts'
import type { Sight } from './sight.ts'

const MAX_CALLS = 5
/** Agents that are lost already are looked up this often. */
const LOST_ROUND_MS = 60_000
/** Refused or throttled: half a timeout of patience, so that beats alone decide meanwhile. */
const PAUSE_MS = 10_000
/** Of a tick, what EC2 may take; a detector that waits breaks its own chain of canaries. */
const BUDGET_SHARE = 0.5
const MAX_BUDGET_MS = 2_000

/** Until when EC2 is left alone, by port: advice, per process. */
const pausedUntil = new WeakMap<object, number>()

/** Looks these and the lost up, and buries whom EC2 proves dead or stopped; the ids of those. */
export async function lookAtMachines(
  env: Environment,
  tick: Tick,
  sight: Pick<Sight, 'ledgers' | 'isTurnOf'>,
  suspects: readonly Ledger[],
): Promise<ReadonlySet<string>> {
  const { ec2, settings } = env
  if (ec2 === undefined || tick.at < (pausedUntil.get(ec2) ?? 0)) return new Set()
  const asked = chosen(suspects, lostInTurn(sight), tick)
  if (asked.length === 0) return new Set()
  const budgetMs = Math.min(settings.profile.tickMs * BUDGET_SHARE, MAX_BUDGET_MS)
  const examined = await examine(env, asked, budgetMs)
  if (examined.failed !== undefined) pausedUntil.set(ec2, tick.at + PAUSE_MS)
  return new Set(await bury(env, asked, examined))
}

/** Suspects first; when they are too many for one tick, each tick begins elsewhere. */
function chosen(suspects: readonly Ledger[], lost: readonly Ledger[], tick: Tick): readonly Ledger[] {
  const most = MAX_CALLS * INSTANCES_PER_CALL
  const known = suspects.filter(({ instanceId }) => instanceId !== undefined)
  const from = known.length <= most ? 0 : (tick.number * most) % known.length
  return [...known.slice(from), ...known.slice(0, from), ...lost].slice(0, most)
}

function lostInTurn({ ledgers, isTurnOf }: Pick<Sight, 'ledgers' | 'isTurnOf'>): readonly Ledger[] {
  return ledgers.filter(
    ({ agentId, life, instanceId }) =>
      life === 'unreachable' && instanceId !== undefined && isTurnOf(agentId, LOST_ROUND_MS),
  )
}
