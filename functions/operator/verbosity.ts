// The logging level of this process: at 1 and above, every call of the operator API is logged.
import { durationMs } from '../../protocol/durations.ts'
import type { MasterCallSetLoggingLevel } from '../../protocol/messages.ts'
import type { Environment } from '../environment.ts'

/** Mesos knows levels of a byte; more than 3 have never meant anything. */
const MAX_LEVEL = 255

export interface Verbosity {
  level(env: Environment): number
  /** Sets the level for a while, after which it is 0 again. Returns what is wrong with the wish, if anything is. */
  set(env: Environment, wish: MasterCallSetLoggingLevel): string | undefined
  /** Logs a call if the level asks for it. */
  note(env: Environment, call: string, principal: string | undefined): void
}

/** Held per process: on Lambda each one has its own. */
export function verbosity(): Verbosity {
  let raised = { level: 0, until: 0 }
  const level = (env: Environment): number => (env.clock.now() < raised.until ? raised.level : 0)
  return {
    level,
    set(env, wish) {
      if (!Number.isInteger(wish.level) || wish.level < 0 || wish.level > MAX_LEVEL) {
        return `A logging level is a whole number from 0 to ${MAX_LEVEL}`
      }
      if (durationMs(wish.duration) < 0) return 'A duration must not be negative'
      raised = { level: wish.level, until: env.clock.now() + durationMs(wish.duration) }
      env.log.info('logging level set', { level: wish.level, ms: durationMs(wish.duration) })
      return undefined
    },
    note(env, call, principal) {
      if (level(env) >= 1) env.log.info('operator call', { call, principal })
    },
  }
}
