// Tells which processes belong to a container that has no control group around it.
//
// Three marks, because each alone can be shaken off:
//   descent      children and their children; a double fork leaves it when its parent dies, unless the shim
//                is a reaper, to which orphans fall back
//   session      and process group of the first process; `setsid` leaves it
//   environment  MESETA_CONTAINER=<id>, inherited by default; `env -i` leaves it
import {
  hasEnded,
  type Identity,
  isSame,
  type ProcessStat,
  type Snapshot,
  takeSnapshot,
} from './process-table.ts'

/** Every process of a container has this in its environment, unless it took it out itself. */
export const MARKER = 'MESETA_CONTAINER'

export interface TreeRoots {
  readonly containerId: string
  /** The process that started the first one and waits for it: not part of the container. */
  readonly shim: (Identity & { readonly reaper: boolean }) | undefined
  readonly main: Identity | undefined
}

/** The container's processes that run now, without its shim. Rejects when that cannot be told. */
export async function processesOf(roots: TreeRoots): Promise<readonly ProcessStat[]> {
  return membersOf(await takeSnapshot(), roots)
}

/** Those that are recognised or marked, and their descendants. */
export async function membersOf(
  snapshot: Snapshot,
  { containerId, shim, main }: TreeRoots,
): Promise<readonly ProcessStat[]> {
  const found = new Map<number, ProcessStat>()
  const isShim = (stat: ProcessStat) => shim !== undefined && isSame(stat, shim)
  const visit = (stat: ProcessStat): void => {
    if (found.has(stat.pid) || isNeverOurs(stat)) return
    if (!isShim(stat)) found.set(stat.pid, stat)
    for (const child of snapshot.children.get(stat.pid) ?? []) visit(child)
  }
  for (const stat of snapshot.processes) {
    if (isShim(stat) || (main !== undefined && isKin(snapshot, stat, main))) visit(stat)
  }
  // With a living reaper above them, descent has found all.
  if (!(shim?.reaper === true && snapshot.processes.some((stat) => isShim(stat) && !hasEnded(stat)))) {
    // Only of those not older than the container is the environment worth reading.
    const since = shim?.startTime ?? main?.startTime ?? 0
    const suspects = snapshot.processes.filter(
      (stat) => stat.startTime >= since && !found.has(stat.pid) && !isShim(stat) && !hasEnded(stat),
    )
    const isMarked = await Promise.all(
      suspects.map(async ({ pid }) => (await snapshot.variableOf(pid, MARKER)) === containerId),
    )
    for (const stat of suspects.filter((_, index) => isMarked[index])) visit(stat)
  }
  return [...found.values()].filter((stat) => !hasEnded(stat))
}

/** The first process itself, or one of its session or group: not of a later process that got the same pid. */
function isKin({ byPid }: Snapshot, stat: ProcessStat, main: Identity): boolean {
  if (isSame(stat, main)) return true
  const holder = byPid.get(main.pid)
  if (holder !== undefined && !isSame(holder, main)) return false
  return (stat.session === main.pid || stat.group === main.pid) && stat.startTime >= main.startTime
}

/** The machine's first process and this agent: whatever the marks say, hands off. */
function isNeverOurs({ pid }: ProcessStat): boolean {
  return pid <= 1 || pid === process.pid
}
