// How a process ended, in Mesos's words and as a number.
import type { ContainerEnd } from '../turn.ts'

/** As Mesos words it: `Command exited with status 3`, `Command terminated with signal Killed`. */
export function howItEnded(end: ContainerEnd): string {
  if (end.kind === 'exit') return `Command exited with status ${end.value}`
  if (end.kind === 'signal') return `Command terminated with signal ${signalText(end.value)}`
  return 'Command terminated'
}

/** The raw wait status, as FAILURE shows it: the exit code in the high byte, or the signal; -1 unknown. */
export function waitStatus(end: ContainerEnd): number {
  if (end.kind === 'unknown') return -1
  return end.kind === 'exit' ? end.value << 8 : end.value
}

function signalText(signal: number): string {
  return SIGNALS[signal] ?? `Unknown signal ${signal}`
}

/** What the C library calls the signals of Linux. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'Hangup',
  2: 'Interrupt',
  3: 'Quit',
  4: 'Illegal instruction',
  5: 'Trace/breakpoint trap',
  6: 'Aborted',
  7: 'Bus error',
  8: 'Floating point exception',
  9: 'Killed',
  10: 'User defined signal 1',
  11: 'Segmentation fault',
  12: 'User defined signal 2',
  13: 'Broken pipe',
  14: 'Alarm clock',
  15: 'Terminated',
  24: 'CPU time limit exceeded',
  25: 'File size limit exceeded',
  31: 'Bad system call',
}
