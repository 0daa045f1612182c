// Which faults come when: drawn from the seed before anything starts, so that a seed names a sequence.
import { chanceOf } from './chance.ts'

/** How often each kind comes, relative to the others. */
const WEIGHTS = {
  'agent killed': 6,
  'agent stopped': 5,
  'agent restarted as another release': 5,
  'machine fails': 5,
  'machine cut off': 5,
  'disk full': 3,
  'executor killed': 4,
  'executor stopped': 3,
  'shim killed': 4,
  'shim stopped': 3,
  'task killed': 4,
  'table killed': 3,
  'table stopped': 3,
  'control plane killed': 4,
  'control plane stopped': 3,
  'control plane restarted as another release': 2,
  'queues cut': 4,
  'scheduler killed': 3,
  'scheduler stopped': 2,
} as const

export type FaultName = keyof typeof WEIGHTS

export interface PlannedFault {
  /** After the beginning. */
  readonly atMs: number
  readonly name: FaultName
  /** Chooses among what there is at that moment, from 0 to just below 1. */
  readonly target: number
  /** Until it is repaired. */
  readonly forMs: number
}

const FIRST_MS = 500
const GAP_MS = [600, 4_500] as const
/** Most are short; some are longer than any timeout of the profile. */
const SHORT_MS = [200, 4_000] as const
const LONG_MS = [4_000, 16_000] as const
const LONG_SHARE = 0.3

/** The last fault begins before the end. */
export function planOf(seed: number, lengthMs: number): readonly PlannedFault[] {
  const chance = chanceOf(seed)
  const names = Object.entries(WEIGHTS).flatMap(([name, weight]) =>
    // The keys of the table are the names.
    Array.from({ length: weight }, () => name as FaultName),
  )
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_MS; atMs < lengthMs; atMs += chance.between(...GAP_MS)) {
    faults.push({
      atMs,
      name: chance.pick(names),
      target: chance.number(),
      forMs: chance.number() < LONG_SHARE ? chance.between(...LONG_MS) : chance.between(...SHORT_MS),
    })
  }
  return faults
}
