// Reads what the kernel tells about processes: who is there, whose child, since when, at what cost.
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** Names one process for ever within one boot: a pid alone is given again. */
export interface Identity {
  readonly pid: number
  /** Clock ticks after boot: field 22 of /proc/PID/stat. */
  readonly startTime: number
}

/** The part of /proc/PID/stat that is used here. */
export interface ProcessStat extends Identity {
  /** `Z` is a process that has ended and only waits to be reaped. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** Clock ticks, with those of children that have ended and were reaped. */
  readonly userTicks: number
  readonly systemTicks: number
  readonly threads: number
  readonly rssPages: number
}

/** Processes are read in portions of this many, so that thousands do not hold up the agent. */
const PORTION = 256

export function parseStat(text: string): ProcessStat | undefined {
  // The command in brackets may hold blanks, brackets and line ends itself: read on after the last one.
  const end = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  const fields = text.slice(end + 2).split(' ')
  if (end < 0 || !Number.isInteger(pid) || fields.length < 22) return undefined
  const number = (field: number) => Number(fields[field - 3])
  return {
    pid,
    state: fields[0] ?? '?',
    parent: number(4),
    group: number(5),
    session: number(6),
    userTicks: number(14) + number(16),
    systemTicks: number(15) + number(17),
    threads: number(20),
    startTime: number(22),
    rssPages: number(24),
  }
}

/**
 * undefined when there is no such process; throws when that cannot be told (no file descriptor is free).
 * The kernel makes this text up on the spot: reading it at once waits for no disk.
 */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** True while that very process runs. A zombie does not; some first processes reap late. Throws as `readStat`. */
export function isAlive(identity: Identity): boolean {
  const stat = readStat(identity.pid)
  return stat !== undefined && isSame(stat, identity) && !hasEnded(stat)
}

/** As `isAlive`; true also when it cannot be told, so that nothing is concluded from a lack of file descriptors. */
export function mayBeAlive(identity: Identity): boolean {
  try {
    return isAlive(identity)
  } catch {
    return true
  }
}

export function hasEnded({ state }: ProcessStat): boolean {
  return state === 'Z' || state === 'X'
}

export function isSame(one: Identity, other: Identity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime
}

/** All processes at about one moment. */
export interface Snapshot {
  readonly processes: readonly ProcessStat[]
  readonly byPid: ReadonlyMap<number, ProcessStat>
  readonly children: ReadonlyMap<number, readonly ProcessStat[]>
  /** The value of an environment variable of a process; undefined without it, or when it may not be read. */
  variableOf(pid: number, name: string): Promise<string | undefined>
}

let taking: Promise<Snapshot> | undefined
let following: Promise<Snapshot> | undefined

/** Taken after this call: whoever asks while one is being taken shares the next one. */
export function takeSnapshot(): Promise<Snapshot> {
  if (taking === undefined) {
    taking = take().finally(() => {
      taking = undefined
    })
    return taking
  }
  following ??= taking
    .catch(() => {})
    .then(() => {
      following = undefined
      return takeSnapshot()
    })
  return following
}

async function take(): Promise<Snapshot> {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  const processes: ProcessStat[] = []
  for (const [index, pid] of pids.entries()) {
    if (index > 0 && index % PORTION === 0) await new Promise((resolve) => setImmediate(resolve))
    const stat = readStat(pid)
    if (stat !== undefined) processes.push(stat)
  }
  return snapshotOf(processes, environmentOf)
}

/** `environment` is asked once for each process, however many want to know. */
export function snapshotOf(
  processes: readonly ProcessStat[],
  environment: (pid: number) => Promise<readonly string[]>,
): Snapshot {
  const known = new Map<number, Promise<readonly string[]>>()
  return {
    processes,
    byPid: new Map(processes.map((stat) => [stat.pid, stat])),
    children: Map.groupBy(processes, (stat) => stat.parent),
    async variableOf(pid, name) {
      const entries = known.get(pid) ?? environment(pid)
      known.set(pid, entries)
      return (await entries).find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
    },
  }
}

/** Not read at once like the rest: a process stuck in the kernel can hold up a reader of its memory. */
async function environmentOf(pid: number): Promise<readonly string[]> {
  try {
    return (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (isGone(error) || code === 'EACCES' || code === 'EPERM') return []
    throw error
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ESRCH'
}

/** `PID STARTTIME`, as records and shims write it. */
export function parseIdentity(text: string): Identity | undefined {
  const match = /^(\d+) (\d+)$/.exec(text)
  return match === null ? undefined : { pid: Number(match[1]), startTime: Number(match[2]) }
}

/** Changes at every start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Units of /proc: clock ticks in a second, bytes in a page, as the kernel gave them to this process. */
export function machineUnits(): { readonly ticksPerSecond: number; readonly pageBytes: number } {
  const vector = readFileSync('/proc/self/auxv')
  const entries = new Map<bigint, bigint>()
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    entries.set(vector.readBigUInt64LE(at), vector.readBigUInt64LE(at + 8))
  }
  // AT_CLKTCK is 17, AT_PAGESZ is 6.
  return { ticksPerSecond: Number(entries.get(17n) ?? 100n), pageBytes: Number(entries.get(6n) ?? 4096n) }
}
