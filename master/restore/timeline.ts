// The doors of a table that was restored: closed with a new timeline, opened when everything is made right.
//
// Agents and frameworks know numbers that this table has forgotten. A timeline higher than any before comes first in
// every number made from now on. How many restores came after the moment the table went back to, nobody can read in
// it; so the timeline also follows the clock, and a person can name one that it must be at least.
import { nextNumber } from '../../protocol/numbering.ts'
import type { Context } from '../context.ts'
import { type Decision, nothing } from '../decision.ts'
import type { Cluster, Restoring, Tick } from '../model.ts'

/** 17 years of them fit exact integers. */
const TIMELINE_EACH_MS = 10 * 60_000

export interface Doors {
  readonly cluster: Cluster
  readonly tick: Tick | undefined
}

/**
 * Closes the doors; those of a restore under way stay as they are.
 * @param asked the least timeline: a table that has it already was made right, or is about to be, and is left alone
 */
export function closeDoors(
  { cluster, tick }: Doors,
  asked: number | undefined,
  { now }: Pick<Context, 'now'>,
): Decision<Cluster> {
  const isDone = asked !== undefined && cluster.timeline >= asked
  if (cluster.restoring !== undefined || isDone) return nothing(cluster)
  const at = Math.max(now, tick?.at ?? 0)
  const byClock = Math.floor((at - cluster.createdAt) / TIMELINE_EACH_MS)
  const timeline = Math.max(cluster.timeline + 1, byClock, asked ?? 0)
  const item: Cluster = {
    ...cluster,
    timeline,
    restoring: { begunAt: at, asOf: tick?.at ?? at, phase: 'numbers' },
  }
  const closed: Tick = {
    ...calm(tick),
    version: tick?.version ?? 0,
    number: nextNumber(tick?.number ?? 0, timeline),
    at,
    unbrokenSince: at,
    removalTokens: 0,
    closed: true,
  }
  return {
    changes: [
      { do: 'put', kind: 'cluster', item, when: { name: 'unchanged' } },
      { do: 'put', kind: 'tick', item: closed, when: { name: 'unchanged' } },
    ],
    tell: [],
    answer: item,
  }
}

/** Notes how far a restore is; who comes too late finds out that others went on. */
export function moveOn(cluster: Cluster, from: Restoring, to: Restoring): Decision<boolean> {
  if (!isAt(cluster, from)) return nothing(false)
  const item: Cluster = { ...cluster, restoring: to }
  return {
    changes: [{ do: 'put', kind: 'cluster', item, when: { name: 'unchanged' } }],
    tell: [],
    answer: true,
  }
}

/** Opens the doors: hearing starts now, and so does every time that something has. */
export function openDoors({ cluster, tick }: Doors, { now }: Pick<Context, 'now'>): Decision<boolean> {
  if (cluster.restoring?.phase !== 'open') return nothing(false)
  const { restoring: _, ...item } = cluster
  const { closed: __, ...before } = calm(tick)
  const at = Math.max(now, tick?.at ?? 0)
  const opened: Tick = {
    ...before,
    version: tick?.version ?? 0,
    number: nextNumber(tick?.number ?? 0, cluster.timeline),
    at,
    unbrokenSince: at,
    removalTokens: 0,
  }
  return {
    changes: [
      { do: 'put', kind: 'cluster', item, when: { name: 'unchanged' } },
      { do: 'put', kind: 'tick', item: opened, when: { name: 'unchanged' } },
    ],
    tell: [{ tell: 'allocator' }],
    answer: true,
  }
}

/** Whatever was held back, was so in another time. */
function calm(tick: Tick | undefined): Partial<Tick> {
  const { guardSince: _, ...rest } = tick ?? ({} as Partial<Tick>)
  return rest
}

function isAt({ restoring }: Cluster, { phase, shard, after }: Restoring): boolean {
  return restoring?.phase === phase && restoring.shard === shard && restoring.after === after
}
