// The record of a container on disk: written by its shim, read by this agent and by the ones after it.
//
//   <containers>/<container id>/     mode 0700
//     shim     `PID STARTTIME reaper|plain BOOT`   the shim itself, before anything else
//     pid      `PID STARTTIME`                     the first process, before its command is executed
//     alive    a FIFO the shim holds open          end of file: the shim is gone, or has written `exit`
//     exit     `exit N` or `signal N`              renamed into place; never written: the shim died
//     launch   a shell script                      for the shim in sh only; holds the task's environment, mode 0600
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ContainerExit } from './containerizer.ts'
import { type Identity, parseIdentity } from './process-table.ts'

export interface ShimRecord extends Identity {
  /** Orphans of the container fall back to it, and it stays until none is left. */
  readonly reaper: boolean
  readonly bootId: string
}

export const recordFile = {
  alive: (directory: string) => join(directory, 'alive'),
  launch: (directory: string) => join(directory, 'launch'),
} as const

/** Throws when there is one already: ids are not used twice. */
export function createRecord(directory: string): void {
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 })
  mkdirSync(directory, { mode: 0o700 })
}

export function readShim(directory: string): ShimRecord | undefined {
  const [pid, startTime, kind, bootId] = wordsOf(join(directory, 'shim'))
  if (bootId === undefined) return undefined
  return { pid: Number(pid), startTime: Number(startTime), reaper: kind === 'reaper', bootId }
}

export function readMain(directory: string): Identity | undefined {
  const text = textOf(join(directory, 'pid'))
  // Without its line end it is not yet whole.
  return text.endsWith('\n') ? parseIdentity(text.trim()) : undefined
}

/** undefined while the container runs, and for ever when the shim died: then nothing is guessed. */
export function readExit(directory: string): ContainerExit | undefined {
  const match = /^(exit|signal) (\d+)\n$/.exec(textOf(join(directory, 'exit')))
  if (match === null) return undefined
  const value = Number(match[2])
  return match[1] === 'exit' ? { kind: 'exited', code: value } : { kind: 'signaled', signal: value }
}

function wordsOf(path: string): string[] {
  const text = textOf(path)
  return text.endsWith('\n') ? text.trim().split(' ') : []
}

/** Empty when there is no such file. A few bytes, written moments ago: read at once, so that nothing happens in between. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
