// The counts behind the price list are true: counted anew, and failing when a beat or a task comes to cost more.
import { describe, expect, test } from 'vitest'
import { isBusy as isBusyOfModel, pauseOf } from '../../../cli/cost/beats.ts'
import counts from '../../../cli/cost/counts.json' with { type: 'json' }
import { isBusy, waitMs } from '../../../functions/lambda/patient-heartbeats.ts'
import { MANY_AGENTS } from '../../../functions/lambda/plan.ts'
import { PROFILES } from '../../../master/settings.ts'
import { countBeatsItem, countOperations, countPlans, countTask, type Operations } from './count.ts'

/**
 * What the machine's speed decides, as a share: whether three updates go in one call or in three, and what follows
 * from that. All else is counted with a clock that stands still, and is the same everywhere.
 */
const SLACK: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'task, whole life': {
    storeCalls: 0.45,
    readUnits: 0.45,
    writeUnits: 0.1,
    schedulerCalls: 0.1,
    agentCalls: 1.5,
    nudges: 0.5,
    turns: 1,
  },
}
const FELL = 0.1
const RECORD = { incarnation: 1, number: 1, stamp: 1, applied: 0, digest: '' }

describe('counted anew', () => {
  test('R13 a beat, a tick, a turn, a stream cost no more than cli/cost/counts.json says', async () => {
    expect(differences(await countOperations())).toEqual([])
  })

  test('a task’s whole life costs no more than cli/cost/counts.json says', async () => {
    expect(differences(await countTask())).toEqual([])
  })

  test('the item of a shard of beats and the planner’s messages are as the file says', () => {
    expect(countBeatsItem()).toEqual(counts.beatsItem)
    expect(countPlans()).toEqual(counts.plans)
    expect(MANY_AGENTS).toBe(counts.manyAgents)
  })

  test('R13 handlers of beats pause as the model has it', () => {
    for (const profile of Object.values(PROFILES)) {
      const { beatMs, tickMs } = profile
      expect(pauseOf(beatMs)).toBe(waitMs({ beatMs }))
      for (let count = 0; count < 20; count++) {
        const agents = Object.fromEntries(Array.from({ length: count }, (_, index) => [`S${index}`, RECORD]))
        expect(isBusyOfModel({ agents: count, beatMs, tickMs })).toBe(isBusy({ agents }, profile))
      }
    }
  })
})

/** A sentence for each count that rose, and for each that fell by more than a tenth and was not written down. */
function differences(counted: Operations): readonly string[] {
  const known: Operations = counts.operations
  return Object.entries(counted).flatMap(([name, now]) =>
    Object.entries(now).flatMap(([what, value]) => {
      const before = Object.entries(known[name] ?? {}).find(([key]) => key === what)?.[1]
      const slack = SLACK[name]?.[what] ?? 0
      if (before === undefined) return [`${name} is not in the file: ${UPDATE}`]
      // A thousandth is rounding.
      if (value > before * (1 + slack) + 0.002) return [`${name}: ${what} rose from ${before} to ${value}`]
      if (value < before * (1 - slack - FELL))
        return [`${name}: ${what} fell from ${before} to ${value}: ${UPDATE}`]
      return []
    }),
  )
}

const UPDATE = 'run `node test/cli/cost/write-counts.ts`'
