// What is wrong with a task's check and health check, and which type a health check without one has.
import type { CheckInfo, CommandInfo, HealthCheck } from '../../protocol/messages.ts'
import { commandEnvironmentError } from './command.ts'

/** Older clients leave out the type: it is the one of the two bodies that is set, if exactly one is. */
export function withType(check: HealthCheck): HealthCheck {
  if (check.type !== undefined) return check
  const hasCommand = check.command !== undefined
  const hasHttp = check.http !== undefined
  if (hasCommand === hasHttp) return check
  return { ...check, type: hasCommand ? 'COMMAND' : 'HTTP' }
}

/** What is wrong with a check; undefined if nothing is. */
export function checkError(check: CheckInfo): string | undefined {
  const reason = typeReason(check, check.command?.command) ?? timesReason(check)
  if (reason !== undefined) return `Task uses invalid check: ${reason}`
  const path = check.http?.path
  return path === undefined || path.startsWith('/')
    ? undefined
    : `Task uses invalid check: ${pathReason(path)}`
}

/** What is wrong with a health check; undefined if nothing is. */
export function healthCheckError(check: HealthCheck): string | undefined {
  const reason = typeReason(check, check.command) ?? httpReason(check) ?? timesReason(check)
  return reason === undefined ? undefined : `Task uses invalid health check: ${reason}`
}

interface Typed {
  readonly type?: CheckInfo['type']
  readonly command?: unknown
  readonly http?: unknown
  readonly tcp?: unknown
}

function typeReason(check: Typed, command: CommandInfo | undefined): string | undefined {
  switch (check.type) {
    case 'COMMAND':
      if (command === undefined) return "Expecting 'command' to be set for COMMAND check"
      if (command.value === undefined) return "Expecting 'command.value' to be set for COMMAND check"
      return commandEnvironmentError(command)
    case 'HTTP':
      return check.http === undefined ? "Expecting 'http' to be set for HTTP check" : undefined
    case 'TCP':
      return check.tcp === undefined ? "Expecting 'tcp' to be set for TCP check" : undefined
    default:
      return "Expecting 'type' to be COMMAND, HTTP or TCP"
  }
}

function httpReason({ type, http }: HealthCheck): string | undefined {
  if (type !== 'HTTP' || http === undefined) return undefined
  const { scheme, path } = http
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    return `The scheme '${scheme}' is neither http nor https`
  }
  return path === undefined || path.startsWith('/') ? undefined : pathReason(path)
}

function pathReason(path: string): string {
  return `The path '${path}' of the HTTP check must start with '/'`
}

const times = ['delay_seconds', 'interval_seconds', 'timeout_seconds', 'grace_period_seconds'] as const

function timesReason(check: Partial<Record<(typeof times)[number], number | undefined>>): string | undefined {
  const wrong = times.find((name) => !((check[name] ?? 0) >= 0))
  return wrong === undefined ? undefined : `Expecting '${wrong}' to be non-negative`
}
