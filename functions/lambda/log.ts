// A function's log: one JSON line per thing that happened, through the console that Lambda listens to.
//
// The logger of the other hosts (pino) is a third of an empty process's start and gives nothing that Lambda does not.
import type { Clock } from '../../protocol/clock.ts'
import type { Log } from '../environment.ts'

/** @param write one line without its end; `console.log` where Lambda's own runtime adds time and request */
export function lambdaLog(clock: Pick<Clock, 'now'>, write: (line: string) => void): Log {
  const counts = new Map<string, number>()
  const at =
    (level: 'info' | 'warn' | 'error'): Log['info'] =>
    (event, fields) => {
      counts.set(event, (counts.get(event) ?? 0) + 1)
      const time = new Date(clock.now()).toISOString()
      write(JSON.stringify({ level, time, ...fields, event }, plainly))
    }
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    counts: () => Object.fromEntries(counts),
  }
}

/** Numbers of 64 bits as text, errors as what they say: a log line never fails. */
function plainly(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Error ? (value.stack ?? value.message) : value
}
