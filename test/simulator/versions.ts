// Releases side by side: some hosts run the next one, which writes fields that the others have never heard of (R35, F69).
import type { Environment } from '../../functions/environment.ts'
import type { Change } from '../../master/decision.ts'
import { withStore } from './planting.ts'

/** What the next release adds to everything it writes. */
const ADDED = { addedLater: { words: ['later'], count: 1 } }

/** A host of the next release: the same decisions, and items with more in them. */
export function nextRelease(env: Environment): Environment {
  return withStore(env, {
    change: (change) =>
      change.do === 'put'
        ? // The same item of the same kind, and more.
          ({ ...change, item: { ...change.item, ...ADDED } } as Change)
        : change,
  })
}
