// A table that can be taken back to any moment, also to one within a transaction.
import { ensureCluster } from '../../../functions/cluster.ts'
import type { Framework } from '../../../master/model.ts'
import type { Clock } from '../../../protocol/clock.ts'
import { ANYTHING } from '../../../store/conditions.ts'
import { memoryRows } from '../../../store/memory.ts'
import { storeOver } from '../../../store/over-rows.ts'
import type { Rows, Step } from '../../../store/rows.ts'
import type { Store } from '../../../store/store.ts'
import { type World, world } from '../agents/world.ts'

export interface RestorableTable {
  readonly store: Store
  /** Everything that was committed, transaction by transaction. */
  readonly history: readonly (readonly Step[])[]
  /** The table as it was after so many transactions, and with those steps of the next one that `isThere` picks. */
  goBack(commits: number, isThere?: (index: number) => boolean): Promise<void>
}

export function restorableTable(clock: Clock): RestorableTable {
  let rows: Rows = memoryRows()
  let history: (readonly Step[])[] = []
  const store = storeOver(
    {
      read: (keys) => rows.read(keys),
      list: (listing) => rows.list(listing),
      async commit(steps, token) {
        const failed = await rows.commit(steps, token)
        if (failed.length === 0) history.push(steps)
        return failed
      },
    },
    clock,
  )
  return {
    store,
    get history() {
      return history
    },
    async goBack(commits, isThere = () => false) {
      const torn = (history[commits] ?? []).filter((_, index) => isThere(index))
      rows = memoryRows()
      history = [...history.slice(0, commits), torn]
      for (const steps of history) await rows.commit(steps.map(surely), 'restored')
    },
  }
}

/** A control plane over such a table, with a framework. */
export async function restorableWorld(): Promise<{
  readonly w: World
  readonly table: RestorableTable
  readonly framework: Framework
}> {
  let table: RestorableTable | undefined
  const w = await world({
    store: (_, clock) => {
      table = restorableTable(clock)
      return table.store
    },
  })
  if (table === undefined) throw new Error('no table')
  await ensureCluster(w.store, w.env.ids, w.clock)
  return { w, table, framework: await w.framework() }
}

function surely(step: Step): Step {
  return { ...step, rule: ANYTHING, args: {} }
}
