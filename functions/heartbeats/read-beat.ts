// Reads a message of the beats queue; anything else than a beat, a canary or a call passed on is undefined.
import type { BeatMessage } from '../../master/detection/beats.ts'

/** Longer than any beat can be: nothing larger is even parsed. */
const MAX_BYTES = 4_096

export function readBeat(body: string): BeatMessage | undefined {
  if (body.length > MAX_BYTES) return undefined
  const value = parsed(body)
  if (value === undefined) return undefined
  const { kind, agentId, incarnation, number, applied, digest, shard } = value
  if (kind === 'canary') return isCount(shard) && isCount(number) ? { kind, shard, number } : undefined
  if (typeof agentId !== 'string' || agentId.length > 255 || !isCount(incarnation)) return undefined
  if (kind === 'call') return { kind, agentId, incarnation }
  if (kind !== 'beat' || !isCount(number) || !isCount(applied)) return undefined
  const isDigest = typeof digest === 'string' && /^[0-9a-f]{16}$/.test(digest)
  return isDigest ? { kind, agentId, incarnation, number, applied, digest } : undefined
}

function parsed(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    // A plain object of JSON; each field is checked above.
    return value as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
