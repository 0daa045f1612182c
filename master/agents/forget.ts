// Agents lost long ago are forgotten, so that no list grows without a bound (F18).
import { toggled } from '../../protocol/digest.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import { REGISTRY_MAX_AGENT_AGE_MS } from '../limits.ts'
import type { AgentEntry, Executor, Hold, Ledger, Run } from '../model.ts'
import { putLedger } from './puts.ts'
import { Gathered } from './work.ts'

/** Tasks of a lost agent are kept as long as, by default, the agent is. */
export const LOST_AGENT_KEPT_MS = REGISTRY_MAX_AGENT_AGE_MS

/** How long, and how many of each list, lost agents are remembered. */
export interface Remembering {
  readonly registryMaxAgentAgeMs: number
  readonly registryMaxAgentCount: number
}

/** True if an agent has been lost for so long that nobody asks for it any more, or is one too many. */
export function isForgettable(
  ledger: Ledger,
  { now, settings, isSurplus = false }: Pick<Context, 'now'> & Forgetting,
): boolean {
  const { life, openWork, lostAt } = ledger
  if (life === 'active' || life === 'returning' || openWork !== undefined || lostAt === undefined)
    return false
  const isOld = now - lostAt > settings.registryMaxAgentAgeMs
  return (isOld || isSurplus) && Object.keys(ledger.holds).length === 0
}

export interface Forgetting {
  readonly settings: Remembering
  /** It was among the oldest of a list that is too long. */
  readonly isSurplus?: boolean
}

/** Forgotten in one pass at most: the lists become shorter from look to look. */
const SURPLUS_PER_PASS = 100

/** Of each list (unreachable, unregistered, gone), as Mesos keeps them apart: the oldest beyond its limit. */
export function surplusOf(entries: readonly AgentEntry[], { registryMaxAgentCount }: Remembering): string[] {
  return (['unreachable', 'removed', 'gone'] as const).flatMap((life) => {
    const list = entries.filter((entry) => entry.life === life)
    const tooMany = list.length - registryMaxAgentCount
    if (tooMany <= 0) return []
    const oldest = list.toSorted((a, b) => (a.lostAt ?? 0) - (b.lostAt ?? 0))
    return oldest.slice(0, Math.min(tooMany, SURPLUS_PER_PASS)).map(({ agentId }) => agentId)
  })
}

/** So long a gone agent may still read in its queue that it is to end. */
const GONE_QUEUE_KEPT_MS = 10 * 60_000

/** True if a gone agent's queue is still there and nobody reads it any more. */
export function isQueueLeft({ life, openWork, lostAt = 0, isQueueRemoved }: Ledger, now: number): boolean {
  return (
    life === 'gone' && openWork === undefined && isQueueRemoved !== true && now - lostAt > GONE_QUEUE_KEPT_MS
  )
}

/** Notes that the queue of a gone agent was deleted. */
export function queueRemoved(ledger: Ledger | undefined, { now }: Pick<Context, 'now'>): Decision<undefined> {
  if (ledger === undefined || !isQueueLeft(ledger, now)) return nothing(undefined)
  return { changes: [putLedger({ ...ledger, isQueueRemoved: true })], tell: [], answer: undefined }
}

/** One piece: what stands beside the ledger goes first, the ledger and its entry last. The answer: is there more. */
export function forgetAgent(
  loaded: {
    readonly ledger: Ledger
    readonly entry: AgentEntry | undefined
    readonly runs: readonly Run[]
    readonly executors: readonly Executor[]
    readonly holds: readonly Hold[]
  },
  forgetting: Pick<Context, 'now'> & Forgetting,
): Decision<boolean> {
  const { ledger, entry, runs, executors, holds } = loaded
  if (!isForgettable(ledger, forgetting) || holds.length > 0) return nothing(false)
  if (runs.length + executors.length > 0) return forgetItems(ledger, runs, executors)
  const changes: Change[] = [{ do: 'remove', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }]
  const { agentId, instanceId } = ledger
  if (instanceId !== undefined) {
    changes.push({
      do: 'remove',
      kind: 'instance',
      item: { instanceId, agentId },
      when: { name: 'anything' },
    })
  }
  if (entry !== undefined) {
    changes.push({ do: 'remove', kind: 'agent', item: entry, when: { name: 'unchanged' } })
  }
  return { changes, tell: [], answer: false }
}

function forgetItems(
  ledger: Ledger,
  runs: readonly Run[],
  executors: readonly Executor[],
): Decision<boolean> {
  const gathered = new Gathered(1)
  let digest = ledger.digest
  for (const run of runs) {
    if (!gathered.add([{ do: 'remove', kind: 'run', item: run, when: { name: 'unchanged' } }])) break
    digest = toggled(digest, run)
  }
  for (const executor of executors) {
    if (!gathered.add([{ do: 'remove', kind: 'executor', item: executor, when: { name: 'unchanged' } }]))
      break
  }
  const item: Ledger = { ...ledger, digest }
  const put: Change = { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }
  return { changes: [put, ...gathered.changes], tell: [], answer: true }
}
