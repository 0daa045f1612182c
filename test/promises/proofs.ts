// Which tests prove a number, and how it stands: from the outcomes of a run, the simulator's checks, the live scenarios.
import type { Outcome, TestOutcome } from '../vitest.ts'
import { LIVE } from './live.ts'
import { MAY_BE_OPEN } from './open.ts'
import { SIMULATED } from './simulator.ts'
import { labelsOf } from './titles.ts'

export type Standing = 'proven' | 'in part' | 'open' | 'failed'
/** Of a scenario: `undefined` when it was not run. */
export type LiveOutcomes = Readonly<Record<string, boolean | undefined>>

export interface Proof {
  readonly number: string
  readonly standing: Standing
  /** Tests with the number among their labels that passed, without those of the simulator and of chaos. */
  readonly tests: readonly TestOutcome[]
  /** Those that failed. */
  readonly failed: readonly TestOutcome[]
  /** Checks of the simulator, when its seeds passed. */
  readonly checks: readonly string[]
  readonly live: readonly { readonly scenario: string; readonly held: boolean | undefined }[]
}

/** The tests of these commands prove nothing but the commands. */
const isOurs = ({ file }: TestOutcome) => file.startsWith('test/promises/')
const isSimulator = ({ file }: TestOutcome) => file.startsWith('test/simulator/')

const isLive = ({ file }: TestOutcome) => file.startsWith('test/chaos/')

/** How a promise (or an invariant, a hazard, an attack) stands after a run. */
export function proofOf(number: string, outcome: Outcome, live: LiveOutcomes): Proof {
  const named = outcome.tests.filter((test) => !isOurs(test) && labelsOf(test.title).has(number))
  const failed = named.filter(({ status }) => status === 'failed')
  const tests = named.filter((test) => test.status === 'passed' && !isSimulator(test) && !isLive(test))
  const checks = checksOf(number, outcome, named)
  const shown = (LIVE[number] ?? []).map((scenario) => ({
    scenario,
    held: live[scenario] ?? heldAsTest(scenario, named),
  }))
  const isShown = tests.length > 0 || checks.length > 0 || shown.some(({ held }) => held === true)
  const isBroken = failed.length > 0 || shown.some(({ held }) => held === false)
  return {
    number,
    standing: isBroken ? 'failed' : standingOf(number, isShown),
    tests,
    failed,
    checks,
    live: shown,
  }
}

/** `npm test` has a short run of chaos among its tests. */
function heldAsTest(scenario: string, named: readonly TestOutcome[]): boolean | undefined {
  const own = named.filter(({ file }) => file.startsWith(`test/${scenario}/`))
  if (own.some(({ status }) => status === 'failed')) return false
  return own.some(({ status }) => status === 'passed') ? true : undefined
}

/** True when nothing stands in the way: proven, or open as far as it may be. */
export function isFine({ number, standing }: Proof): boolean {
  if (standing === 'proven' || standing === 'in part') return true
  return standing === 'open' && MAY_BE_OPEN[number]?.extent === 'whole'
}

function standingOf(number: string, isShown: boolean): Standing {
  if (!isShown) return 'open'
  return MAY_BE_OPEN[number] === undefined ? 'proven' : 'in part'
}

/** The simulator's word counts only when every one of its tests in the run passed. */
function checksOf(number: string, outcome: Outcome, named: readonly TestOutcome[]): readonly string[] {
  const simulated = outcome.tests.filter(isSimulator)
  const held = simulated.some(({ status }) => status === 'passed')
  if (!held || simulated.some(({ status }) => status === 'failed')) return []
  const own = named.some((test) => isSimulator(test) && test.status === 'passed') ? [number] : []
  return [...new Set([...(SIMULATED[number] ?? []), ...own])]
}
