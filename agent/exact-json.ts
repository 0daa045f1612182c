// JSON in which 64-bit integers keep all their digits, for the disk and for calls to the control plane.
import { parseJson } from '../protocol/json-reading.ts'

/** Writes bigints as plain numbers with all digits. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value, exactNumber)
}

/** Reads what `writeJson` wrote; integers beyond 2^53 become bigints again. Throws what is not JSON. */
export function readJson(text: string | Uint8Array): unknown {
  return parseJson(typeof text === 'string' ? Buffer.from(text) : text)
}

function exactNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(String(value)) : value
}

/** `JSON.rawJSON`, which the compiler's library does not know yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
