// One JSON line per thing that happened, written by pino.
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
  return {
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    error: (event, fields) => logger.error(fields ?? {}, event),
  }
}
