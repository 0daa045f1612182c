// The table goes back in time: all of the control plane dies, hosts begin anew, an operator says RESTORED (F73).

import type { Store } from '../../store/store.ts'
import type { BackedUpRows } from './backups.ts'
import type { Checker } from './checker.ts'
import type { SimFramework } from './framework.ts'
import type { Histories } from './linearizability-histories.ts'
import type { Operator } from './operator.ts'
import type { Plane } from './plane.ts'
import type { Story } from './story.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'
import type { Weather } from './weather.ts'

export interface RestoreParts {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly story: Story
  readonly weather: Weather
  readonly table: BackedUpRows
  /** Over that table, without any faults. */
  readonly store: Store
  readonly plane: Plane
  readonly checker: Checker
  readonly histories: Histories
  readonly operator: Operator
  readonly frameworks: readonly SimFramework[]
  /** When the cluster was made, and when all becomes quiet; ms since 1970. */
  readonly start: number
  readonly quietFrom: number
}

/** The cluster's own item is there in every backup. */
const YOUNGEST_MS = 10_000
const LOOK_MS = 100
/** A restore is begun so long before the quiet at least. */
export const BEFORE_QUIET_MS = 60_000

export class Restores {
  readonly #parts: RestoreParts
  #isUsed = false
  readonly #markedGone = new Set<string>()

  constructor(parts: RestoreParts) {
    this.#parts = parts
  }

  /** An operator says so of an agent, and would say it again. */
  marksGone(agentId: string): void {
    this.#markedGone.add(agentId)
  }

  /** Once in a run. */
  strike(): void {
    const { time, quietFrom } = this.#parts
    if (this.#isUsed || time.now() > quietFrom - BEFORE_QUIET_MS) return
    this.#isUsed = true
    const isBack = this.#parts.weather.away()
    this.#parts.plane.stop()
    void this.#run().then(isBack)
  }

  async #run(): Promise<void> {
    const { time, chance, plane, checker, operator } = this.#parts
    this.#parts.story.tell('FAULT the table is lost, nobody answers')
    await this.#wait(chance.between(1_000, 20_000))
    await this.#goBack()
    plane.admitRestorer()
    void operator.restored()
    // Whoever is not sure says it again: while it is under way, or when all is done.
    if (chance.happens(0.4)) time.after(chance.between(100, 60_000), () => void operator.restored())
    while (checker.restore.isUntouched) await this.#wait(LOOK_MS)
    // Whoever restores may die over it, and the ticks go on.
    plane.complete(chance.happens(0.5))
    while (checker.restore.isUnderway) await this.#wait(LOOK_MS)
    time.after(chance.between(1_000, 30_000), () => this.#sayAgain())
  }

  async #goBack(): Promise<void> {
    const { time, chance, story, table, checker, histories, frameworks, start, store } = this.#parts
    const asOf = Math.max(start + YOUNGEST_MS, time.now() - chance.between(20_000, 240_000))
    const done = await table.goBack(asOf, chance.happens(0.6), chance)
    const torn =
      done.torn === undefined ? '' : `, ${done.torn.kept} of ${done.torn.of} rows of the next one kept`
    const seconds = Math.round((time.now() - done.asOf) / 1000)
    story.tell(`FAULT the table goes back by ${seconds} s and ${done.commits} commits${torn}`)
    checker.restored(done)
    const refs = [...checker.ledgers.keys()].map((agentId) => ({ agentId }))
    const ledgers = await store.getMany('ledger', refs)
    histories.restored(new Map(ledgers.flatMap((one) => (one ? [[one.agentId, one.version]] : []))))
    for (const framework of frameworks) framework.killsAgain = true
  }

  /** What was decided after the moment of the backup has to be said again (docs/status.md). */
  #sayAgain(): void {
    const { time, checker, operator, quietFrom } = this.#parts
    for (const value of checker.tornDownAlive())
      void operator.call({ type: 'TEARDOWN', teardown: { framework_id: { value } } }, value)
    for (const { agentId: value, life, drain, deactivated } of checker.ledgers.values()) {
      const agent_id = { value }
      if (life !== 'gone' && this.#markedGone.has(value)) {
        if (time.now() < quietFrom)
          void operator.call({ type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id } }, value)
      } else if (drain !== undefined || deactivated)
        void operator.call({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } }, value)
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.time.after(ms, resolve))
  }
}
