// Silent agents: who is suspect is asked to call, who is silent beyond the timeout is unreachable, within the guard.
import {
  type Candidate,
  isFromBefore,
  removals,
  silenceMs,
  verdictOf,
} from '../../master/detection/verdict.ts'
import type { AgentEntry, Beats, Ledger, Tick } from '../../master/model.ts'
import { inParallel } from '../agents/in-parallel.ts'
import { lose } from '../agents/lifecycle.ts'
import { finishLosses } from '../agents/open-work.ts'
import type { Environment } from '../environment.ts'
import { tell } from '../tell.ts'
import { lookAtMachines } from './second-look.ts'
import { isWithUs, type Sight } from './sight.ts'
import { putTick } from './tick.ts'

/** Gives up those who are known to be silent; the ids of those it gave up. */
export async function expireSilent(
  env: Environment,
  tick: Tick,
  sight: Sight,
  elapsedMs: number,
): Promise<readonly string[]> {
  const { profile, maxExpiredShare, removalsPerMinute, agentRemovalRateLimit: rateLimit } = env.settings
  const judged = sight.ledgers.filter(isWithUs)
  const verdicts = judged.map((ledger) => {
    const verdict = verdictOf(sight.beatsOf(ledger), ledger, profile.timeoutMs)
    const patienceMs = sight.patienceMs(ledger)
    const isEarly =
      isFromBefore(sight.beatsOf(ledger), tick, profile.timeoutMs) ||
      (patienceMs > 0 && silenceMs(sight.beatsOf(ledger), ledger) <= profile.timeoutMs + patienceMs)
    return { ledger, verdict: verdict === 'silent' && isEarly ? 'suspect' : verdict }
  })
  const suspects = verdicts.filter(({ verdict }) => verdict === 'suspect').map(({ ledger }) => ledger)
  const overdue = verdicts
    .filter(({ verdict }) => verdict === 'silent')
    .map(({ ledger }) => ({ ledger, silence: silenceMs(sight.beatsOf(ledger), ledger) }))
    .sort((a, b) => b.silence - a.silence)
    .map(({ ledger }) => ledger)
  await askSuspects(env, suspects)
  // Whom EC2 proves dead is no part of what the guard doubts (R8).
  const proven = await lookAtMachines(env, tick, sight, [...overdue, ...suspects])
  const silent = overdue.filter(({ agentId }) => !proven.has(agentId))
  const all = silent.length === 0 ? [] : await sight.entries()
  const reachable = all.filter((entry) => isWithUs(entry) && !proven.has(entry.agentId))
  const zones = new Map(reachable.map((entry) => [entry.agentId, zoneOf(entry)]))
  const guarded = removals(
    silent.map(({ agentId }) => candidate(agentId, zones)),
    reachable.map(({ agentId }) => candidate(agentId, zones)),
    tick,
    { now: tick.at, elapsedMs, timeoutMs: profile.timeoutMs, maxExpiredShare, removalsPerMinute, rateLimit },
  )
  if (guarded.alarm) {
    const { guardSince } = guarded.next
    env.log.error('alarm: mass expiry held back', { silent: silent.length, of: reachable.length, guardSince })
  }
  const { guardSince: _, ...rest } = tick
  const { next } = guarded
  const isChanged =
    next.guardSince !== tick.guardSince ||
    next.removalTokens !== tick.removalTokens ||
    next.rateTokens !== tick.rateTokens
  // Tokens are taken before anybody is given up: a worker that dies here has spent them.
  if (isChanged && !(await putTick(env, { ...rest, ...guarded.next }))) return [...proven]
  return [...proven, ...(await giveUp(env, guarded.remove))]
}

/** Marks them, each on the judged beats: one that is heard meanwhile stays (F23). Then their work is finished. */
async function giveUp(env: Environment, agentIds: readonly string[]): Promise<readonly string[]> {
  const { timeoutMs } = env.settings.profile
  const isSilent = (ledger: Ledger, beats: Beats | undefined) =>
    verdictOf(beats, ledger, timeoutMs) === 'silent'
  const lost: string[] = []
  for (let start = 0; start < agentIds.length; start += MARKED_AT_ONCE) {
    const slice = agentIds.slice(start, start + MARKED_AT_ONCE)
    const marked = await inParallel(slice, env.log, 'mark unreachable', (agentId) =>
      lose(env, agentId, 'unreachable', isSilent, { beatsMustStay: true }),
    )
    const some = slice.filter((_, index) => marked[index] === 'lost')
    await finishLosses(env, some)
    lost.push(...some)
  }
  return lost
}

/** Marked, told, then the next: nobody waits for the last of a zone. */
const MARKED_AT_ONCE = 80

/** Half-way to the deadline: whoever answers by any call is heard, even if its beats get lost. */
async function askSuspects(env: Environment, suspects: readonly Ledger[]): Promise<void> {
  await tell(
    env,
    suspects.map(({ agentId }) => ({ tell: 'agent', agentId, nudge: { kind: 'call' } })),
  )
}

function candidate(agentId: string, zones: ReadonlyMap<string, string | undefined>): Candidate {
  return { agentId, zone: zones.get(agentId) }
}

function zoneOf({ info }: AgentEntry): string | undefined {
  return info.domain?.fault_domain?.zone.name
}
