// Filter epochs: raising one makes every older refusal of that framework and role void, wherever it stands (C67).
import type { FrameworkInfo } from '../../protocol/messages.ts'
import { nextNumber } from '../../protocol/numbering.ts'
import type { Framework } from '../model.ts'
import { rolesOf } from './roles.ts'

/** With more, those of roles that the framework has left are forgotten: by then what it refused in them has run out. */
const MAX_EPOCHS = 1_000

/** The filter epochs of a framework that says this of itself now: who changes roles again and again fills no item (A10). */
export function remembered(
  filterEpochs: Framework['filterEpochs'],
  info: FrameworkInfo,
): Framework['filterEpochs'] {
  const entries = Object.entries(filterEpochs)
  if (entries.length <= MAX_EPOCHS) return filterEpochs
  const own = new Set(rolesOf(info))
  return Object.fromEntries(entries.filter(([role]) => own.has(role)))
}

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
