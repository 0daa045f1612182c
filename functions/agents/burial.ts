// Agents whose machines EC2 has ended: looked up together, buried when EC2 says `terminated`, put away when `stopped`.
//
// Whoever asks (the detector about suspects, instance-events about an event) asks about ledgers it has loaded before:
// what an agent did since then makes the word about a stopped machine void.
import {
  type InstanceSeen,
  type Proof,
  proofOf,
  sentenceOf,
  stillProves,
} from '../../master/detection/proof.ts'
import type { Ledger } from '../../master/model.ts'
import type { Environment } from '../environment.ts'
import { inParallel } from './in-parallel.ts'
import { lose } from './lifecycle.ts'
import { finishLosses } from './open-work.ts'

export interface Examined {
  /** By agent id; agents without an instance, and those EC2 was not asked about, are missing. */
  readonly proofs: ReadonlyMap<string, Proof>
  /** Agents that EC2 answered about: one that is missing here and has a proof was not found. */
  readonly found: ReadonlyMap<string, InstanceSeen>
  readonly failed?: string | undefined
}

const NOBODY: Examined = { proofs: new Map(), found: new Map() }

/** Asks EC2 about these agents' own instances. Without an answer within `budgetMs` there is no proof of anything. */
export async function examine(
  env: Environment,
  ledgers: readonly Ledger[],
  budgetMs: number,
): Promise<Examined> {
  const asked = ledgers.flatMap(({ agentId, instanceId }) =>
    instanceId === undefined ? [] : [{ agentId, instanceId }],
  )
  if (env.ec2 === undefined || asked.length === 0) return NOBODY
  const ending = new AbortController()
  const cancel = env.clock.after(budgetMs, () => ending.abort())
  const ids = asked.map(({ instanceId }) => instanceId)
  const { seen, calls, failed } = await env.ec2.lookUp(ids, ending.signal).finally(cancel)
  if (failed !== undefined) env.log.warn('machines not looked up', { agents: asked.length, calls, failed })
  const found = asked.flatMap(({ agentId, instanceId }) => {
    const one = seen.get(instanceId)
    return one === undefined ? [] : [[agentId, one] as const]
  })
  // Without a failure a missing id is one that EC2 does not know; with one, nobody knows which were asked about.
  const answered = failed === undefined ? asked : found.map(([agentId]) => ({ agentId }))
  const byAgent = new Map(found)
  return {
    found: byAgent,
    proofs: new Map(answered.map(({ agentId }) => [agentId, proofOf(byAgent.get(agentId))])),
    ...(failed === undefined ? {} : { failed }),
  }
}

/**
 * Acts on what was proven, agent by agent: dead is gone (F14), stopped is unreachable at once (R9). The agents that are
 * lost by it now, or were before. May be repeated, and die anywhere: the fact stands first, the detector finishes it.
 */
export async function bury(
  env: Environment,
  ledgers: readonly Ledger[],
  { proofs, found }: Examined,
): Promise<readonly string[]> {
  const proven = ledgers.filter(({ agentId }) => isEnd(proofs.get(agentId)))
  const done = await inParallel(proven, env.log, 'burial', async (ledger) => {
    const { agentId } = ledger
    const seen = found.get(agentId)
    if (seen !== undefined) await loseFor(env, ledger, proofOf(seen), seen)
    return agentId
  })
  const lost = done.filter((agentId) => agentId !== undefined)
  await finishLosses(env, lost)
  return lost
}

function isEnd(proof: Proof | undefined): boolean {
  return proof === 'dead' || proof === 'stopped'
}

async function loseFor(env: Environment, ledger: Ledger, proof: Proof, seen: InstanceSeen): Promise<void> {
  const { agentId, instanceId } = ledger
  if (instanceId === undefined || (proof !== 'dead' && proof !== 'stopped')) return
  // A loss under way is finished first: its words come before those of the end.
  if (ledger.openWork?.kind === 'loss') await finishLosses(env, [agentId])
  const why = proof === 'dead' ? 'gone' : 'unreachable'
  const says = sentenceOf(proof, instanceId, seen)
  const judge = (now: Ledger) => now.openWork?.kind !== 'loss' && stillProves(proof, now, ledger)
  const outcome = await lose(env, agentId, why, judge, { says })
  if (outcome === 'lost') env.log.warn(`agent ${why} by the word of EC2`, { agentId, instanceId, says })
}
