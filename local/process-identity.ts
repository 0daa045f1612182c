// Tells a process from another one that got its pid later: pid, start time and boot together.
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly startTime: string
  readonly bootId: string
}

/** Who the process with this pid is now; throws when there is none. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: statOf(pid).startTime, bootId: bootId() }
}

/** True while that very process runs (a zombie does not). */
export function alive(identity: ProcessIdentity): boolean {
  try {
    const { startTime, state } = statOf(identity.pid)
    return startTime === identity.startTime && state !== 'Z' && bootId() === identity.bootId
  } catch {
    return false
  }
}

function statOf(pid: number): { readonly state: string; readonly startTime: string } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The command in brackets may hold blanks and brackets itself: read on after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '?', startTime: fields[19] ?? '0' }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
