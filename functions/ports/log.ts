// One JSON line per thing that happened, written by pino, and counted by its event.
import { pino, stdTimeFunctions } from 'pino'
import type { Log } from '../environment.ts'

/** Writes lines to `destination` (standard error when absent), each with its time, level, event and fields. */
export function jsonLog(
  options: {
    readonly destination?: { write(line: string): void }
    readonly level?: 'info' | 'warn' | 'error' | 'silent'
  } = {},
): Log {
  const logger = pino(
    {
      base: null,
      level: options.level ?? 'info',
      messageKey: 'event',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? process.stderr,
  )
  // Events are the fixed texts of log calls, so there are few of them.
  const counts = new Map<string, number>()
  const at =
    (level: 'info' | 'warn' | 'error'): Log['info'] =>
    (event, fields) => {
      counts.set(event, (counts.get(event) ?? 0) + 1)
      logger[level](fields ?? {}, event)
    }
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    counts: () => Object.fromEntries(counts),
  }
}
