// Agents lost long ago are forgotten, so that no list grows without a bound (F18).
import { toggled } from '../../protocol/digest.ts'
import type { Context } from '../context.ts'
import { type Change, type Decision, nothing } from '../decision.ts'
import type { AgentEntry, Executor, Hold, Ledger, Run } from '../model.ts'
import { Gathered } from './work.ts'

/** Mesos: registry_max_agent_age. Tasks of a lost agent are kept as long. */
export const LOST_AGENT_KEPT_MS = 14 * 24 * 3_600_000

/** True if an agent has been lost for so long that nobody asks for it any more. */
export function isForgettable(ledger: Ledger, now: number): boolean {
  const { life, openWork, lostAt } = ledger
  if (life === 'active' || life === 'returning' || openWork !== undefined || lostAt === undefined)
    return false
  return now - lostAt > LOST_AGENT_KEPT_MS && Object.keys(ledger.holds).length === 0
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
  { now }: Context,
): Decision<boolean> {
  const { ledger, entry, runs, executors, holds } = loaded
  if (!isForgettable(ledger, now) || holds.length > 0) return nothing(false)
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
