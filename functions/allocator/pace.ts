// Keeps a framework that gives back at once whatever it is offered from turning the allocator into a treadmill (A30).
//
// Mesos offers what was declined without a filter at its next allocation, a second later. Here freed resources are
// offered at once, so that short tasks never wait for a timer; the same offer, though, made again and again with
// nothing launched in between, waits for the tick. Remembered per process: who forgets it offers once too often.
import type { Offering } from '../../master/allocator/allocate.ts'
import { ALLOCATION_INTERVAL_MS } from '../../master/limits.ts'
import type { Resources } from '../../master/model.ts'

/** Times one offer is made anew within an allocation interval. */
const MAX_SAME_OFFERS = 3

export interface Pace {
  /** False: this very offer came back too often just now. */
  allows(wanted: Offering): boolean
  made(offer: Offering): void
}

export function pace(now: () => number): Pace {
  const made = new Map<string, { count: number; readonly since: number }>()

  return {
    allows(wanted) {
      // Nearly always nothing was offered within the last second, and no text has to be made.
      if (made.size === 0) return true
      forget()
      return (made.get(textOf(wanted))?.count ?? 0) < MAX_SAME_OFFERS
    },
    made(offer) {
      forget()
      const text = textOf(offer)
      const before = made.get(text)
      if (before === undefined) made.set(text, { count: 1, since: now() })
      else before.count++
    },
  }

  /** The oldest stand first. */
  function forget(): void {
    for (const [text, { since }] of made) {
      if (now() - since < ALLOCATION_INTERVAL_MS && now() >= since) return
      made.delete(text)
    }
  }
}

/** The same text only while nothing was launched there, and the framework neither came anew nor revived the role. */
function textOf({ ledger, framework, role, resources }: Offering): string {
  const { agentId, generation } = ledger
  const { frameworkId, epoch, filterEpochs } = framework
  return JSON.stringify([
    agentId,
    generation,
    frameworkId,
    epoch,
    role,
    filterEpochs[role] ?? 0,
    amounts(resources),
  ])
}

function amounts(resources: Resources): readonly unknown[] {
  return resources.map(({ name, scalar, ranges, set, reservations }) => [
    name,
    scalar?.value,
    ranges?.range?.map(({ begin, end }) => `${begin}-${end}`),
    set?.item,
    reservations?.at(-1)?.role,
  ])
}
