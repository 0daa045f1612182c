// A table that goes back in time: what the checks believe from then on, and what grows on all the same (F73).
//
//   items of all kinds                               those of the restored table
//   epochs, fences, ticks, incarnations, generations grow on: what changes is above all that was ever there (S8)
//   cluster time, stamps of beats, places in LOSSES  begin again: times and places of the table, which nobody keeps
//   refusals, losses that are to be told             forgotten with the sessions, all of which are over
//   kills that were taken after the moment           forgotten (docs/status.md)
//   sums, digests and lists                          not looked at until the doors are open
//   hearing                                          starts anew: the restore is an outage of ours
//   offers that were used or said, tasks that ever started, updates, sessions, agents that may be gone: remembered
import type { Framework, Ledger, Tick } from '../../master/model.ts'
import type { Rewound } from './backups.ts'
import type { View } from './view.ts'

interface Numbers {
  readonly was: number
  /** In the restored table; whoever writes it again changes nothing. */
  readonly is: number | undefined
}

export class RestoreCheck {
  readonly #view: View
  readonly #numbers = new Map<string, Numbers>()
  #phase: 'never' | 'restored' | 'closed' | 'open' = 'never'
  /** When the doors were opened last, ms since 1970. */
  openedAt = 0

  constructor(view: View) {
    this.#view = view
  }

  /** The table is not made right yet. */
  get isUnderway(): boolean {
    return this.#phase === 'restored' || this.#phase === 'closed'
  }

  /** Whoever restores it has not begun. */
  get isUntouched(): boolean {
    return this.#phase === 'restored'
  }

  restored(items: readonly Rewound[]): void {
    this.#phase = 'restored'
    for (const { kind, was, is } of items) {
      // Of the kind that the place says, both of them.
      if (kind === 'ledger') this.#keepLedger(was as Ledger | undefined, is as Ledger | undefined)
      if (kind === 'framework') this.#keepFramework(was as Framework | undefined, is as Framework | undefined)
    }
  }

  onTick({ closed }: Tick): void {
    if (closed === true) this.#phase = 'closed'
    else if (this.#phase === 'closed') {
      this.#phase = 'open'
      this.openedAt = this.#view.time.now()
    } else if (this.#phase === 'restored')
      this.#view.violated('S8', 'time goes on in a table that was restored and is not made right')
  }

  onLedger({ agentId, incarnation, generation }: Ledger): void {
    if (this.#phase === 'never') return
    this.#grows(`the incarnation of ${agentId}`, incarnation, agentId)
    this.#grows(`the generation of ${agentId}`, generation, agentId)
  }

  onFramework({ frameworkId, epoch }: Framework): void {
    if (this.#phase === 'never') return
    this.#grows(`the epoch of ${frameworkId}`, epoch, frameworkId)
  }

  #keepLedger(was: Ledger | undefined, is: Ledger | undefined): void {
    if (was === undefined) return
    const { agentId, incarnation, generation } = was
    this.#numbers.set(`the incarnation of ${agentId}`, { was: incarnation, is: is?.incarnation })
    this.#numbers.set(`the generation of ${agentId}`, { was: generation, is: is?.generation })
  }

  #keepFramework(was: Framework | undefined, is: Framework | undefined): void {
    if (was === undefined) return
    this.#numbers.set(`the epoch of ${was.frameworkId}`, { was: was.epoch, is: is?.epoch })
  }

  #grows(what: string, number: number, about: string): void {
    const known = this.#numbers.get(what)
    if (known === undefined || number === known.is || number > known.was) return
    this.#view.violated('S8', `${what} is ${number} after a restore, and was ${known.was} before it`, about)
  }
}
