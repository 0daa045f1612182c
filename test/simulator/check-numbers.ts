// Numbers that only grow, whoever wakes up late: epochs, fences, ticks, canaries, and what was heard of agents (S8, F22).
import type { Change } from '../../master/decision.ts'
import type { Rewound } from './backups.ts'
import type { View } from './view.ts'

export class NumberCheck {
  readonly #view: View
  readonly #highest = new Map<string, number>()
  /** What stands in a restored table, below the highest: it may be written as it is, until it changes. */
  readonly #standing = new Map<string, number>()

  constructor(view: View) {
    this.#view = view
  }

  /** Numbers grow on; times of the table, and places in its lists, are as they are there. */
  restored(items: readonly Rewound[]): void {
    for (const what of this.#highest.keys()) if (OF_THE_TABLE.test(what)) this.#highest.delete(what)
    for (const { kind, is } of items) {
      if (is === undefined) continue
      // Of the kind that its place says.
      for (const [what, number] of numbersOf({ do: 'put', kind, item: is } as Change))
        this.#standing.set(what, number)
    }
  }

  on(change: Change): void {
    for (const [what, number, ...about] of numbersOf(change)) this.#grows(what, number, ...about)
  }

  #grows(what: string, number: number, ...about: readonly string[]): void {
    const highest = this.#highest.get(what)
    if (highest === undefined || number >= highest) this.#highest.set(what, number)
    else if (this.#standing.get(what) !== number)
      this.#view.violated('S8', `${what} falls from ${highest} to ${number}`, ...about)
  }
}

type Numbered = readonly [what: string, number: number, ...about: string[]]

/** Cluster time, the end of LOSSES and places in it, canaries and stamps of beats. */
const OF_THE_TABLE = /^(cluster time|the number of losses|the place of|the canary of|what was heard of)/

function numbersOf(change: Change): readonly Numbered[] {
  if (change.do !== 'put') return []
  switch (change.kind) {
    case 'gate': {
      const { frameworkId, index, epoch } = change.item
      return [[`the epoch of gate ${index} of ${frameworkId}`, epoch, frameworkId]]
    }
    case 'lease': {
      const { frameworkId, epoch, lossesTold } = change.item
      return [
        [`the epoch of the lease of ${frameworkId}`, epoch, frameworkId],
        [`the place of ${frameworkId} in LOSSES`, lossesTold, frameworkId],
      ]
    }
    case 'tick':
      return [
        ['the number of ticks', change.item.number],
        ['cluster time', change.item.at],
      ]
    case 'allocation':
      return [['the fence of the allocator', change.item.fence]]
    case 'lossHead':
      return [['the number of losses', change.item.last]]
    case 'beats': {
      const { shard, canary, agents } = change.item
      const heard = Object.entries(agents).map(([agentId, { incarnation, stamp }]): Numbered => {
        return [`what was heard of ${agentId} in its incarnation ${incarnation}`, stamp, agentId]
      })
      return [[`the canary of shard ${shard}`, canary.number], ...heard]
    }
    default:
      return []
  }
}
