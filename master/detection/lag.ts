// Who lags behind, by what its beats say: each finding is a nudge, and the next beat says it again.
import type { Beat } from '../../protocol/agent-messages.ts'
import { timelineOf } from '../../protocol/numbering.ts'
import type { Tell } from '../decision.ts'
import type { BeatRecord, Beats, Ledger } from '../model.ts'
import { DIGEST_KEPT, type Heard } from './beats.ts'

/**
 * Nudges after a batch of beats: `register` for agents that are lost to us, `shutdown` for those marked gone, `sync`
 * for those whose generation or digest is not the ledger's in two equal beats: in one it may be on its way.
 */
export function laggards(
  before: Beats,
  heard: readonly Heard[],
  ledgers: ReadonlyMap<string, Ledger>,
  timeline: number,
): readonly Tell[] {
  const beats = heard.map(({ content }) => content).filter((content) => content.kind === 'beat')
  const byAgent = Map.groupBy(beats, ({ agentId }) => agentId)
  return [...byAgent].flatMap(([agentId, own]) => {
    const nudge = nudgeFor(ledgers.get(agentId), before.agents[agentId], own, timeline)
    return nudge === undefined ? [] : [{ tell: 'agent', agentId, nudge } as const]
  })
}

function nudgeFor(
  ledger: Ledger | undefined,
  before: BeatRecord | undefined,
  beats: readonly Beat[],
  timeline: number,
): Extract<Tell, { tell: 'agent' }>['nudge'] | undefined {
  const last = beats.at(-1)
  if (last === undefined) return undefined
  if (ledger === undefined) return { kind: 'register' }
  if (ledger.life === 'gone') return { kind: 'shutdown', why: 'The agent was marked gone' }
  if (ledger.life !== 'active' && ledger.life !== 'returning') return { kind: 'register' }
  // A table that was restored may know less than the agent does.
  if (last.incarnation > ledger.incarnation) return { kind: 'register' }
  if (timelineOf(ledger.incarnation) < timeline) return { kind: 'register' }
  const earlier = beats.at(-2) ?? before
  const isSteady =
    earlier?.incarnation === last.incarnation &&
    earlier.number < last.number &&
    earlier.applied === last.applied &&
    earlier.digest.slice(0, DIGEST_KEPT) === last.digest.slice(0, DIGEST_KEPT)
  if (!isSteady || ledger.openWork !== undefined || last.incarnation !== ledger.incarnation) return undefined
  const lags = last.applied < ledger.generation
  const differs = last.applied === ledger.generation && last.digest !== ledger.digest
  return lags || differs ? { kind: 'sync' } : undefined
}
