// Filter epochs: raising one makes every older refusal of that framework and role void, wherever it stands (C67).
import { nextNumber } from '../../protocol/numbering.ts'
import type { Framework } from '../model.ts'

/** The filter epochs with these roles' raised. Nobody visits ten thousand agents for one REVIVE. */
export function raised(
  filterEpochs: Framework['filterEpochs'],
  roles: Iterable<string>,
  timeline: number,
): Framework['filterEpochs'] {
  const raisedOnes = [...new Set(roles)].map(
    (role) => [role, nextNumber(filterEpochs[role] ?? 0, timeline)] as const,
  )
  return { ...filterEpochs, ...Object.fromEntries(raisedOnes) }
}
