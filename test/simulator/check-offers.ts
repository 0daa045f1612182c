// Offers: of agents that are there, for a time; and what agents have in all never changes under one incarnation.
import type { Change } from '../../master/decision.ts'
import type { Gate, Ledger } from '../../master/model.ts'
import { contains } from '../../protocol/resources.ts'
import { seconds, type View } from './view.ts'

/** After its timeout an offer may stand so long, in time without outages. */
const TAKEN_BACK_MS = 150_000

export class OfferCheck {
  readonly #view: View

  /** By framework, then number. */
  readonly #gates = new Map<string, Map<number, Gate>>()

  constructor(view: View) {
    this.#view = view
  }

  onGate(gate: Gate): void {
    const of = this.#gates.get(gate.frameworkId) ?? new Map<number, Gate>()
    this.#gates.set(gate.frameworkId, of.set(gate.index, gate))
  }

  /** As they stand in a restored table. */
  restoredGate(was: Gate | undefined, is: Gate | undefined): void {
    if (was !== undefined) this.#gates.get(was.frameworkId)?.delete(was.index)
    if (is !== undefined) this.onGate(is)
  }

  /** All gates say that the framework is removed; until then a call may still pass. */
  isShut(frameworkId: string): boolean {
    const gates = [...(this.#gates.get(frameworkId)?.values() ?? [])]
    return gates.length > 0 && gates.every(({ removed }) => removed)
  }

  /** S19, S17: once all gates are closed to a session, none of its offers is accepted (accept-after-takeover). */
  onAccept(changes: readonly Change[]): void {
    const frameworkIds = changes.flatMap(({ kind, do: how, item, when }) => {
      const isBegun = (kind === 'run' || kind === 'hold') && how === 'put' && when.name === 'absent'
      return isBegun && 'frameworkId' in item ? [item.frameworkId] : []
    })
    const [frameworkId] = frameworkIds
    const gates = [...(this.#gates.get(frameworkId ?? '')?.values() ?? [])]
    if (frameworkId === undefined || gates.length === 0) return
    for (const { kind, do: how, item } of changes) {
      if (kind !== 'ledger' || how !== 'put') continue
      for (const [offerId, offer] of Object.entries(this.#view.ledgers.get(item.agentId)?.offers ?? {})) {
        if (offer.frameworkId !== frameworkId || item.offers[offerId] !== undefined) continue
        if (gates.every(({ epoch, removed }) => removed || epoch > offer.epoch))
          this.#view.violated('S19', `offer ${offerId} of an older session is accepted`, offerId, frameworkId)
      }
    }
  }

  /** F7, F81: nothing is offered of agents that are lost, returning, deactivated or drained. S10: totals stay. */
  onLedger(ledger: Ledger, before: Ledger | undefined): void {
    const { violated } = this.#view
    const { agentId } = ledger
    // As it was before: who makes an offer may not make the agent offerable in the same write.
    const { life, deactivated, drain } = before ?? ledger
    const isNew = Object.keys(ledger.offers).some((id) => before?.offers[id] === undefined)
    if (isNew && life !== 'active') violated('F7', `${agentId} is offered while it is ${life}`, agentId)
    if (isNew && deactivated) violated('F81', `${agentId} is offered while it is deactivated`, agentId)
    if (isNew && drain !== undefined)
      violated('F81', `${agentId} is offered while it is ${drain.state}`, agentId)
    if (before === undefined || before.incarnation !== ledger.incarnation) return
    if (!contains(before.total, ledger.total) || !contains(ledger.total, before.total))
      violated('S10', `the resources of ${agentId} change under one incarnation`, agentId)
  }

  /** F74: what nobody answers is taken back. */
  often(): void {
    const { ledgers, weather, time, violated } = this.#view
    for (const { agentId, life, offers } of ledgers.values()) {
      if (life !== 'active') continue
      for (const [offerId, { expiresAt, frameworkId }] of Object.entries(offers)) {
        if (expiresAt > time.now() || weather.longestClear(expiresAt) < TAKEN_BACK_MS) continue
        const late = seconds(time.now() - expiresAt)
        violated('F74', `offer ${offerId} stands ${late} after its timeout`, offerId, agentId, frameworkId)
      }
    }
  }
}
