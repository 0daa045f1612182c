// A body is packed when that saves write units, and only then: short ones stay text that a person can read.
//
// An emulator bills nothing, and packing costs more time than the longer request: there only long bodies are packed.
import { Buffer } from 'node:buffer'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** DynamoDB bills writes by the kilobyte, a transaction twice. */
export const UNIT_BYTES = 1024
/** Where nothing is billed: far below what an item may have, so that the same items fit everywhere. */
export const UNBILLED_UNIT_BYTES = 64 * 1024
/** Of anything that was packed here: bodies are checked against the limits of the table before they are written. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024

export type Body = string | Uint8Array

/** Text, or the same deflated if the item then costs fewer units; `besideBytes` is the size of the item without it. */
export function pack(text: string, besideBytes: number, unitBytes: number): Body {
  const whole = besideBytes + Buffer.byteLength(text)
  if (whole <= unitBytes) return text
  // The fastest level: repeated field names and ids are found by it just as well.
  const packed = deflateRawSync(text, { level: 1 })
  return Math.ceil((besideBytes + packed.length) / unitBytes) < Math.ceil(whole / unitBytes) ? packed : text
}

export function unpack(body: Body): string {
  if (typeof body === 'string') return body
  return inflateRawSync(body, { maxOutputLength: MAX_TEXT_BYTES }).toString('utf8')
}
