// A body is packed when that saves write units, and only then: short ones stay text that a person can read.
import { Buffer } from 'node:buffer'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** DynamoDB bills writes by the kilobyte, a transaction twice. */
const UNIT_BYTES = 1024
/** Of anything that was packed here: bodies are checked against the limits of the table before they are written. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024

export type Body = string | Uint8Array

/** Text, or the same deflated if the item then costs fewer units; `besideBytes` is the size of the item without it. */
export function pack(text: string, besideBytes: number): Body {
  const whole = besideBytes + Buffer.byteLength(text)
  if (whole <= UNIT_BYTES) return text
  // The fastest level: repeated field names and ids are found by it just as well.
  const packed = deflateRawSync(text, { level: 1 })
  return units(besideBytes + packed.length) < units(whole) ? packed : text
}

export function unpack(body: Body): string {
  if (typeof body === 'string') return body
  return inflateRawSync(body, { maxOutputLength: MAX_TEXT_BYTES }).toString('utf8')
}

function units(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES)
}
