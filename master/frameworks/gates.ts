// Gates: k copies of a framework's epoch, so that a call's transaction checks one that few others check with it.
//
// Subscribe, disconnect and removal write the framework item first, then raise each gate by itself, only forwards.
// A call that was admitted before finds its gate raised and is judged anew (C152, accept-after-takeover).
import { placeOf } from '../../protocol/hash.ts'
import type { Change } from '../decision.ts'
import type { Framework, Gate } from '../model.ts'

/**
 * The check every changing call's transaction contains: the session it was admitted to is still the present one.
 * @param about the agent concerned, or any text that spreads calls over the gates
 */
export function gateCheck(framework: Framework, about: string): Change {
  return {
    do: 'check',
    kind: 'gate',
    item: { frameworkId: framework.frameworkId, index: gateIndex(framework, about) },
    when: { name: 'epoch', epoch: framework.epoch },
  }
}

/** The checks of a transaction that concerns several agents: each gate once. */
export function gateChecks(framework: Framework, abouts: readonly string[]): Change[] {
  const byIndex = new Map(abouts.map((about) => [gateIndex(framework, about), about]))
  return [...byIndex.values()].map((about) => gateCheck(framework, about))
}

export function gateIndex(framework: Framework, about: string): number {
  return placeOf(about, framework.gates)
}

/**
 * Brings every gate to the framework's epoch, each in a commit of its own: one transaction over all of them would
 * starve among the calls that check them. A gate that is there already is left out.
 * @param gates the stored gates by index, undefined where there is none yet
 */
export function raiseGates(framework: Framework, gates: readonly (Gate | undefined)[]): Change[][] {
  const removed = framework.state === 'removed'
  const commits: Change[][] = []
  for (let index = 0; index < framework.gates; index++) {
    const gate = gates[index]
    if (gate !== undefined && gate.epoch >= framework.epoch) continue
    const item: Gate = {
      ...gate,
      version: gate?.version ?? 0,
      frameworkId: framework.frameworkId,
      index,
      epoch: framework.epoch,
      removed,
    }
    commits.push([{ do: 'put', kind: 'gate', item, when: { name: 'raises', epoch: framework.epoch } }])
  }
  return commits
}
