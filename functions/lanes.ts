// Lanes: work on one agent's ledger done one after the other within this process.
//
// The ledger's version is what keeps writers apart, wherever they run; a lane only spares those of one process the
// conflicts they would make each other. On Lambda, where a process does one thing at a time, it does nothing. Nothing
// is wrong without it, there are only more retries.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Environment } from './environment.ts'

/** Whoever would be behind so many others is asked to come back: it would wait for seconds, and hold its memory. */
export const MAX_WAITING = 500

/** Thrown instead of waiting; 503 for a caller, a repeat from a queue. */
export class LaneFull extends Error {
  constructor(lane: string) {
    super(`${lane}: ${MAX_WAITING} others wait for the same item; try again`)
  }
}

interface Lane {
  last: Promise<unknown>
  waiting: number
}

const lanesOf = new WeakMap<Environment['store'], Map<string, Lane>>()
/** Work inside a lane may come back to the same one (finishing what others left open): it must not wait for itself. */
const inside = new AsyncLocalStorage<string>()

/** The lane of an agent's ledger. */
export function ledgerLane(agentId: string): string {
  return `ledger/${agentId}`
}

/** Runs the work when all earlier work of the lane is done. One lane at a time: nobody waits for two. */
export async function inLane<T>(
  env: Pick<Environment, 'store'>,
  name: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const held = inside.getStore()
  if (name === undefined || held !== undefined) return await work()
  const lanes = lanesOf.get(env.store) ?? new Map<string, Lane>()
  lanesOf.set(env.store, lanes)
  const lane = lanes.get(name) ?? { last: Promise.resolve(), waiting: 0 }
  if (lane.waiting >= MAX_WAITING) throw new LaneFull(name)
  lanes.set(name, lane)
  lane.waiting++
  const mine = lane.last.then(() => inside.run(name, work))
  lane.last = mine.then(
    () => {},
    () => {},
  )
  try {
    return await mine
  } finally {
    lane.waiting--
    if (lane.waiting === 0) lanes.delete(name)
  }
}
