// Kills all of a container until a look finds nothing left: new processes may appear while old ones are killed.
import { sleep, systemClock } from '../../protocol/clock.ts'
import { type Identity, isAlive, isSame, readStat } from './process-table.ts'
import { processesOf, type TreeRoots } from './process-tree.ts'

const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
/** A shim whose container is empty ends by itself; one that does not in this time is stopped or stuck. */
const SHIM_PATIENCE_MS = 1_000
/** Without a reaper a process can slip past one look: between being forked and being listed, or in the midst of exec. */
const LOOKS_THAT_FIND_NOTHING = 2

/**
 * Resolves with true when nothing is left, the shim included; with false when the patience (ms) is over first.
 * `rootsNow` is asked at each look, because shim and first process may become known meanwhile.
 * Time is the machine's own: it is the kernel that is waited for.
 */
export async function emptyContainer(
  rootsNow: () => TreeRoots,
  { patienceMs }: { readonly patienceMs: number },
): Promise<boolean> {
  const since = systemClock.now()
  let pauseMs = FIRST_PAUSE_MS
  let quietSince: number | undefined
  let quietLooks = 0
  while (quietLooks < LOOKS_THAT_FIND_NOTHING) {
    // A look that fails (no file descriptor is free) tells nothing.
    const { left, shim } = await look(rootsNow).catch(() => ({ left: undefined, shim: undefined }))
    const now = systemClock.now()
    for (const each of left ?? []) sendSignal(each, 'SIGKILL')
    quietLooks = left?.length === 0 && shim === undefined ? quietLooks + 1 : 0
    quietSince = left?.length === 0 ? (quietSince ?? now) : undefined
    if (shim !== undefined && now - (quietSince ?? now) >= SHIM_PATIENCE_MS) sendSignal(shim, 'SIGKILL')
    if (now - since >= patienceMs) return false
    await sleep(systemClock, pauseMs)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
  return true
}

interface Look {
  readonly left: readonly Identity[]
  /** undefined when it is gone. */
  readonly shim: Identity | undefined
}

/** Rejects when that cannot be told. */
async function look(rootsNow: () => TreeRoots): Promise<Look> {
  const roots = rootsNow()
  const shim = roots.shim !== undefined && isAlive(roots.shim) ? roots.shim : undefined
  return { left: await processesOf(roots), shim }
}

/** To that very process only. One that is gone, or that the agent may not signal, is no error. */
export function sendSignal(target: Identity, signal: NodeJS.Signals): void {
  try {
    // Looked up again right before: its pid may belong to a stranger by now.
    const stat = readStat(target.pid)
    if (stat !== undefined && isSame(stat, target)) process.kill(target.pid, signal)
  } catch {
    // It ended just now.
  }
}

/** To the process group that this first process leads; to itself alone while it leads none. */
export function sendGroupSignal(leader: Identity, signal: NodeJS.Signals): void {
  try {
    const stat = readStat(leader.pid)
    if (stat === undefined || !isSame(stat, leader)) return
    process.kill(stat.group === leader.pid ? -leader.pid : leader.pid, signal)
  } catch {
    // It ended just now.
  }
}
