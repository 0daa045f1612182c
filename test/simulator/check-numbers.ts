// Numbers that only grow, whoever wakes up late: epochs, fences, ticks, canaries, and what was heard of agents (S8, F22).
import type { Change } from '../../master/decision.ts'
import type { View } from './view.ts'

export class NumberCheck {
  readonly #view: View
  readonly #highest = new Map<string, number>()

  constructor(view: View) {
    this.#view = view
  }

  on(change: Change): void {
    if (change.do !== 'put') return
    switch (change.kind) {
      case 'gate': {
        const { frameworkId, index, epoch } = change.item
        this.#grows(`the epoch of gate ${index} of ${frameworkId}`, epoch, frameworkId)
        return
      }
      case 'lease': {
        const { frameworkId, epoch, lossesTold } = change.item
        this.#grows(`the epoch of the lease of ${frameworkId}`, epoch, frameworkId)
        this.#grows(`the place of ${frameworkId} in LOSSES`, lossesTold, frameworkId)
        return
      }
      case 'tick':
        this.#grows('the number of ticks', change.item.number)
        this.#grows('cluster time', change.item.at)
        return
      case 'allocation':
        this.#grows('the fence of the allocator', change.item.fence)
        return
      case 'lossHead':
        this.#grows('the number of losses', change.item.last)
        return
      case 'beats': {
        const { shard, canary, agents } = change.item
        this.#grows(`the canary of shard ${shard}`, canary.number)
        for (const [agentId, { incarnation, stamp }] of Object.entries(agents))
          this.#grows(`what was heard of ${agentId} in its incarnation ${incarnation}`, stamp, agentId)
        return
      }
      default:
        return
    }
  }

  #grows(what: string, number: number, ...about: readonly string[]): void {
    const highest = this.#highest.get(what)
    if (highest !== undefined && number < highest)
      this.#view.violated('S8', `${what} falls from ${highest} to ${number}`, ...about)
    else this.#highest.set(what, number)
  }
}
