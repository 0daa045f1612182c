// Lanes: work on one agent's ledger done one after the other within this process.
//
// The ledger's version is what keeps writers apart, wherever they run; a lane only spares those of one process the
// conflicts they would make each other. On Lambda, where a process does one thing at a time, it does nothing. Nothing
// is wrong without it, there are only more retries.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Environment } from './environment.ts'

const lanesOf = new WeakMap<Environment['store'], Map<string, Promise<unknown>>>()
/** Work inside a lane may come back to the same one (finishing what others left open): it must not wait for itself. */
const inside = new AsyncLocalStorage<string>()

/** The lane of an agent's ledger. */
export function ledgerLane(agentId: string): string {
  return `ledger/${agentId}`
}

/** Runs the work when all earlier work of the lane is done. One lane at a time: nobody waits for two. */
export async function inLane<T>(
  env: Pick<Environment, 'store'>,
  lane: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const held = inside.getStore()
  if (lane === undefined || held !== undefined) return await work()
  const lanes = lanesOf.get(env.store) ?? new Map<string, Promise<unknown>>()
  lanesOf.set(env.store, lanes)
  const before = lanes.get(lane) ?? Promise.resolve()
  const mine = before.then(() => inside.run(lane, work))
  const settled = mine.then(
    () => {},
    () => {},
  )
  lanes.set(lane, settled)
  try {
    return await mine
  } finally {
    if (lanes.get(lane) === settled) lanes.delete(lane)
  }
}
