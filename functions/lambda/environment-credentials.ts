// The credentials of a function's role, which Lambda puts into its environment.

import type { Credentials } from '../ports/signature.ts'

/** Undefined where there are none: an emulator that asks for none. They outlive the environment they stand in. */
export function credentialsOf(
  variables: Readonly<Record<string, string | undefined>>,
): Credentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = variables
  const { AWS_SESSION_TOKEN: sessionToken } = variables
  if (!accessKeyId || !secretAccessKey) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}
