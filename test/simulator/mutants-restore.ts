// Planted bugs of a restore: its timeline, and whether what agents list counts.
import type { Ledger } from '../../master/model.ts'
import { firstOf, TIMELINE_STEP, timelineOf } from '../../protocol/numbering.ts'
import type { Mutant } from './mutants.ts'
import { inFunctions, withStore, writes } from './planting.ts'

export const RESTORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'restore-timeline-not-raised',
    what: 'a restored table goes on in its old timeline',
    mutation: inFunctions(['front', 'detector'], (env) =>
      withStore(env, {
        change: (change) => {
          if (change.do !== 'put') return change
          if (change.kind === 'cluster') return { ...change, item: { ...change.item, timeline: 0 } }
          if (change.kind !== 'tick') return change
          return { ...change, item: { ...change.item, number: change.item.number % TIMELINE_STEP } }
        },
      }),
    ),
    ground: { restores: true },
  },
  {
    name: 'restore-counts-do-not-win',
    what: 'what agents list in a new timeline does not count',
    mutation: writes('front', 'ledger', (ledger) => {
      const { openWork } = ledger
      if (openWork?.kind !== 'return' || openWork.restored !== true) return ledger
      const { restored: _, ...work } = openWork
      return { ...ledger, openWork: work }
    }),
    ground: { restores: true },
  },
  {
    name: 'restore-lists-not-asked',
    what: 'agents of a restored table go on as they were, and are not asked for their lists',
    mutation: inFunctions(['front', 'detector', 'heartbeats'], (env) =>
      withStore(env, {
        item: (kind, one) => {
          if (kind !== 'ledger') return one
          const ledger = one as Ledger
          // As if it had registered in this timeline.
          const timeline = timelineOf(ledger.generation)
          if (timelineOf(ledger.incarnation) >= timeline) return one
          return { ...ledger, incarnation: firstOf(timeline) + ledger.incarnation }
        },
        change: (change) => {
          if (change.kind !== 'ledger' || change.do !== 'put') return change
          const { item } = change
          const isRecounted = item.life === 'returning' && item.openWork === undefined
          return isRecounted ? { ...change, item: { ...item, life: 'active' } } : change
        },
      }),
    ),
    ground: { restores: true },
  },
]
