// Is a webhook really from our cluster, and new? Copy this file into your own framework.
import { createHmac, timingSafeEqual } from 'node:crypto'

/** An older delivery is somebody's replay; clocks may differ by this much. */
const MAX_AGE_MS = 5 * 60_000

/** True if `body` was signed with the secret, within the last five minutes. Header names are in lower case. */
export function isSigned(
  secret: string,
  headers: Readonly<Record<string, string | undefined>>,
  body: string,
  nowMs: number,
): boolean {
  const timestamp = headers['meseta-timestamp'] ?? ''
  const given = Buffer.from(headers['meseta-signature'] ?? '')
  const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  const wanted = Buffer.from(`v1=${mac}`)
  const isFresh = Math.abs(nowMs - Number(timestamp) * 1_000) <= MAX_AGE_MS
  return secret.length >= 32 && isFresh && given.length === wanted.length && timingSafeEqual(given, wanted)
}
