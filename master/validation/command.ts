// What is wrong with a command's environment.
import type { CommandInfo, EnvironmentVariable } from '../../protocol/messages.ts'

/** What is wrong with the environment of a command; undefined if nothing is. */
export function commandEnvironmentError({ environment }: CommandInfo): string | undefined {
  for (const variable of environment?.variables ?? []) {
    const reason = variableReason(variable)
    if (reason !== undefined) return `Environment variable '${variable.name}' ${reason}`
  }
  return undefined
}

function variableReason({ type = 'VALUE', value, secret }: EnvironmentVariable): string | undefined {
  if (type === 'VALUE') {
    if (value === undefined) return "of type 'VALUE' must have a value set"
    return secret === undefined ? undefined : "of type 'VALUE' must not have a secret set"
  }
  if (type !== 'SECRET') return 'has an unknown type'
  if (secret === undefined) return "of type 'SECRET' must have a secret set"
  if (value !== undefined) return "of type 'SECRET' must not have a value set"
  if (secret.type === 'VALUE') {
    if (secret.value === undefined) return 'has a secret without its value'
    return holdsNul(secret.value.data) ? 'has a secret that contains a NUL byte' : undefined
  }
  return secret.type === 'REFERENCE' && secret.reference !== undefined
    ? undefined
    : 'has a secret without its reference'
}

/** Bytes are base64 text here; environment variables end at the first NUL. */
function holdsNul(base64: string): boolean {
  return Buffer.from(base64, 'base64').includes(0)
}
