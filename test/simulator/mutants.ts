// Planted bugs: each must be found by a seed of at most twenty, or the checkers are blind to it.

import type { AgentMutation } from './machine.ts'
import { AGENT_MUTANTS } from './mutants-agent.ts'
import { CONTROL_MUTANTS } from './mutants-control.ts'
import { DETECTION_MUTANTS } from './mutants-detection.ts'
import { RESTORE_MUTANTS } from './mutants-restore.ts'
import type { Mutation } from './plane.ts'
import { type SimulationOptions, simulate } from './simulation.ts'

/** Where a bug is hunted: the cluster and the weather in which it can show itself. */
export type Ground = Partial<Omit<SimulationOptions, 'seed' | 'mutation' | 'agentMutation'>>

export interface Mutant {
  readonly name: string
  readonly what: string
  readonly mutation?: Mutation | undefined
  readonly agentMutation?: AgentMutation | undefined
  readonly ground?: Ground | undefined
}

export const MAX_SEEDS = 20
const GROUND = { hours: 0.2, agents: 5, profile: 'mesos', strikeMs: 30_000 } as const

export const MUTANTS: readonly Mutant[] = [
  ...CONTROL_MUTANTS,
  ...DETECTION_MUTANTS,
  ...AGENT_MUTANTS,
  ...RESTORE_MUTANTS,
]

export interface Hunted {
  readonly name: string
  /** The seed that found it; undefined: none did. */
  readonly seed?: number | undefined
  readonly text: string
}

/** Runs one mutant until a seed finds it. A seed that fails without the planted bug proves nothing and is passed over. */
export async function huntMutant(mutant: Mutant, from = 1): Promise<Hunted> {
  const { name, mutation, agentMutation } = mutant
  const ground: Omit<SimulationOptions, 'seed'> = { ...GROUND, ...mutant.ground }
  for (let seed = from; seed < from + MAX_SEEDS; seed++) {
    const { violation } = await simulate({ ...ground, seed, mutation, agentMutation })
    if (violation === undefined) continue
    const clean = await simulate({ ...ground, seed })
    if (clean.violation === undefined) return { name, seed, text: violation.text }
    console.log(`${name}: seed ${seed} is not used, it fails without the bug: ${clean.violation.text}`)
  }
  return { name, text: `missed by ${MAX_SEEDS} seeds` }
}

/** Runs every mutant; the exit status is 0 when none was missed. */
export async function findMutants(options: { readonly only?: string | undefined }): Promise<number> {
  const chosen = MUTANTS.filter(({ name }) => options.only === undefined || name.includes(options.only))
  let missed = 0
  for (const mutant of chosen) {
    const hunted = await huntMutant(mutant)
    if (hunted.seed === undefined) missed += 1
    console.log(said(mutant, hunted))
  }
  console.log(`${chosen.length - missed} found, ${missed} missed`)
  return missed === 0 ? 0 : 1
}

/** One line about a hunt. */
export function said({ name, what }: Mutant, { seed, text }: Hunted): string {
  return `${name} (${what}): ${seed === undefined ? '' : `seed ${seed}, `}${text.slice(0, 160)}`
}
